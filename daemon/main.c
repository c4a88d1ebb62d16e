/* SPDX-License-Identifier: ISC */
#include <ares.h>
#include <curl/curl.h>
#include <event2/event.h>
#include <getopt.h>
#include <idn2.h>
#include <json-c/json.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <yaml.h>

#include "daemon/daemon.h"

#define EXIT_USAGE 2

static const char usage[] =
    "usage: acmed [-c FILE] [-f] [-n] [-v|-vv] [-q] [-V] [-h]\n"
    "\n"
    "  -c, --config FILE  the main configuration (" SYSCONFDIR "/acmed/acmed.yaml)\n"
    "  -f, --foreground   accepted and of no effect: acmed never forks by itself\n"
    "  -n, --check        load everything, print what is wrong, exit 0 or 1\n"
    "  -v, -vv            debug messages, trace messages\n"
    "  -q, --quiet        warnings and errors only\n"
    "  -V, --version      version, libraries and features\n"
    "  -h, --help         this text\n";

static const struct option long_options[] = {
	{ "config", required_argument, NULL, 'c' },
	{ "foreground", no_argument, NULL, 'f' },
	{ "check", no_argument, NULL, 'n' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void
print_version(void)
{
	printf("acmed %s\n", PACKAGE_VERSION);
	printf("libraries: %s, libevent %s, %s, json-c %s, libyaml %s, c-ares %s, libidn2 "
	       "%s\n",
	    OpenSSL_version(OPENSSL_VERSION), event_get_version(), curl_version(),
	    json_c_version(), yaml_get_version_string(), ares_version(NULL),
	    idn2_check_version(NULL));
	printf("challenges: http-01\n");
	printf("configuration: %s/acmed/acmed.yaml, state: %s/lib/acmed, socket: "
	       "%s/acmed/acmed.sock\n",
	    SYSCONFDIR, LOCALSTATEDIR, RUNSTATEDIR);
}

/* Keys are in this memory: no core files, no looking in by others of the same user. And
 * one heap for all threads: what a worker needed for a moment is given back. */
static void
guard_memory(void)
{
#ifndef __SANITIZE_ADDRESS__
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	mallopt(M_ARENA_MAX, 1);
#endif
}

static int
usage_error(void)
{
	fputs(usage, stderr);
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	struct daemon_options options = { .config = SYSCONFDIR "/acmed/acmed.yaml",
		.log_level = LOG_LEVEL_COUNT };
	bool check = false;
	int option;

	while ((option = getopt_long(argc, argv, "c:fnvqVh", long_options, NULL)) != -1) {
		switch (option) {
		case 'c':
			options.config = optarg;
			break;
		case 'f':
			break;
		case 'n':
			check = true;
			break;
		case 'v':
			options.log_level = options.log_level == LOG_LEVEL_DEBUG
						? LOG_LEVEL_TRACE
						: LOG_LEVEL_DEBUG;
			break;
		case 'q':
			options.log_level = LOG_LEVEL_WARN;
			break;
		case 'V':
			print_version();
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			return usage_error();
		}
	}
	if (optind < argc) {
		fprintf(stderr, "acmed: what is \"%s\"?\n", argv[optind]);
		return usage_error();
	}
	guard_memory();
	if (check)
		return daemon_check(options.config);
	return daemon_run(&options);
}
