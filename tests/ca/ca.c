/* SPDX-License-Identifier: ISC */
#include "tests/ca/ca.h"

#include <event2/event.h>
#include <event2/http.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/crypto/base64url.h"
#include "common/json.h"
#include "common/mem.h"
#include "tests/ca/faults.h"
#include "tests/ca/jws_check.h"
#include "tests/ca/manage.h"
#include "tests/ca/resources.h"
#include "tests/ca/server.h"

enum option_id {
	OPTION_DIR,
	OPTION_PORT,
	OPTION_MANAGE_PORT,
	OPTION_HTTP_PORT,
	OPTION_NO_VALIDATE,
	OPTION_VALIDITY,
	OPTION_LATENCY,
	OPTION_POLL_AFTER,
	OPTION_PROCESSING,
	OPTION_ARI_WINDOW,
	OPTION_ARI_RETRY_AFTER,
	OPTION_EAB,
	OPTION_HELP,
};

static const struct option long_options[] = {
	{ "dir", required_argument, NULL, OPTION_DIR },
	{ "port", required_argument, NULL, OPTION_PORT },
	{ "manage-port", required_argument, NULL, OPTION_MANAGE_PORT },
	{ "http-port", required_argument, NULL, OPTION_HTTP_PORT },
	{ "no-validate", no_argument, NULL, OPTION_NO_VALIDATE },
	{ "validity", required_argument, NULL, OPTION_VALIDITY },
	{ "latency-ms", required_argument, NULL, OPTION_LATENCY },
	{ "poll-after", required_argument, NULL, OPTION_POLL_AFTER },
	{ "processing", required_argument, NULL, OPTION_PROCESSING },
	{ "ari-window", required_argument, NULL, OPTION_ARI_WINDOW },
	{ "ari-retry-after", required_argument, NULL, OPTION_ARI_RETRY_AFTER },
	{ "eab", required_argument, NULL, OPTION_EAB },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

static const char usage[] =
    "usage: scripted_ca --dir DIR [OPTION...]\n"
    "  --dir DIR                  where root.pem, root2.pem, intermediate.pem, tls.pem go\n"
    "  --port N, --manage-port N  instead of free ones\n"
    "  --http-port N              fetch http-01 from 127.0.0.1:N (80)\n"
    "  --no-validate              every challenge is valid at once\n"
    "  --validity SECONDS         of certificates (7776000)\n"
    "  --latency-ms N             before every reply\n"
    "  --poll-after SECONDS       Retry-After of what is under way (none)\n"
    "  --processing N             polls that an order stays processing (0)\n"
    "  --ari-window START,END     seconds after issuance (about two thirds of the life)\n"
    "  --ari-retry-after SECONDS  of renewal information (21600)\n"
    "  --eab KID:BASE64URL        want an external account binding\n"
    "Prints \"ready directory=URL management=URL\"; see tests/ca/manage.h and faults.h.\n";

static long
number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end != '\0') {
		fprintf(stderr, "scripted_ca: \"%s\" is not a number\n", text);
		exit(2);
	}
	return n;
}

static void
set_window(struct ca_options *o, char *text)
{
	char *comma = strchr(text, ',');

	if (comma == NULL) {
		fputs(usage, stderr);
		exit(2);
	}
	*comma = '\0';
	o->ari_start = number(text);
	o->ari_end = number(comma + 1);
}

static void
set_eab(struct ca_options *o, char *text)
{
	struct err err = { 0 };
	char *colon = strchr(text, ':');

	if (colon != NULL) {
		*colon = '\0';
		o->eab_kid = text;
		o->eab_key = base64_decode_any(colon + 1, &o->eab_key_length, &err);
	}
	if (o->eab_key == NULL) {
		fprintf(stderr, "scripted_ca: --eab: %s\n", err.text);
		exit(2);
	}
}

/* The options that are a number. */
static void
set_number(struct ca_options *o, int id, const char *text)
{
	long n = number(text);

	switch (id) {
	case OPTION_PORT:
		o->port = (int)n;
		break;
	case OPTION_MANAGE_PORT:
		o->manage_port = (int)n;
		break;
	case OPTION_HTTP_PORT:
		o->http_port = (int)n;
		break;
	case OPTION_VALIDITY:
		o->validity = n;
		break;
	case OPTION_LATENCY:
		o->latency_ms = n;
		break;
	case OPTION_POLL_AFTER:
		o->poll_after = n;
		break;
	case OPTION_PROCESSING:
		o->processing = n;
		break;
	default:
		o->ari_retry_after = n;
		break;
	}
}

static void
read_options(struct ca_options *o, int argc, char **argv)
{
	int id;

	while ((id = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (id == OPTION_DIR) {
			o->dir = optarg;
		} else if (id == OPTION_NO_VALIDATE) {
			o->no_validate = true;
		} else if (id == OPTION_ARI_WINDOW) {
			set_window(o, optarg);
		} else if (id == OPTION_EAB) {
			set_eab(o, optarg);
		} else if (id == OPTION_HELP) {
			fputs(usage, stdout);
			exit(0);
		} else if (id == '?') {
			exit(2);
		} else {
			set_number(o, id, optarg);
		}
	}
	if (o->dir == NULL || optind != argc) {
		fputs(usage, stderr);
		exit(2);
	}
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	(void)number;
	(void)what;
	event_base_loopbreak(arg);
}

static void
raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int
start(struct ca *ca, struct err *err)
{
	ca->loop = must(event_base_new());
	ca->faults = faults_new();
	ca->nonces = nonces_new();
	ca->thumbprints = json_object_new_object();
	ca->ari_ids = json_object_new_object();
	ca->issuer = issuer_new(ca->options.dir, err);
	if (ca->issuer == NULL)
		return -1;
	ca->server = server_new(ca, &ca->options.port, err);
	if (ca->server == NULL)
		return -1;
	ca->base = xasprintf("https://127.0.0.1:%d", ca->options.port);
	ca->manage = manage_new(ca, &ca->options.manage_port, err);
	return ca->manage == NULL ? -1 : 0;
}

static void
run(struct ca *ca)
{
	static const int numbers[] = { SIGTERM, SIGINT };
	struct event *signals[2];

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < 2; i++) {
		signals[i] = must(evsignal_new(ca->loop, numbers[i], on_signal, ca->loop));
		event_add(signals[i], NULL);
	}
	printf("ready directory=%s/directory management=http://127.0.0.1:%d\n", ca->base,
	    ca->options.manage_port);
	fflush(stdout);
	event_base_dispatch(ca->loop);
	for (size_t i = 0; i < 2; i++)
		event_free(signals[i]);
}

static void
stop(struct ca *ca)
{
	if (ca->manage != NULL)
		evhttp_free(ca->manage);
	server_free(ca->server);
	validate_stop(ca);
	resources_free(ca);
	issuer_free(ca->issuer);
	nonces_free(ca->nonces);
	faults_free(ca->faults);
	event_base_free(ca->loop);
	free(ca->options.eab_key);
	free(ca->base);
}

int
main(int argc, char **argv)
{
	struct ca ca = { .options = { .http_port = 80,
			     .validity = 90L * 86400,
			     .poll_after = -1,
			     .ari_retry_after = 21600 } };
	struct err err = { 0 };
	int status = 0;

	read_options(&ca.options, argc, argv);
	raise_descriptor_limit();
	if (start(&ca, &err) == -1) {
		fprintf(stderr, "scripted_ca: %s\n", err.text);
		status = 1;
	} else {
		run(&ca);
	}
	stop(&ca);
	return status;
}
