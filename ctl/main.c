/* SPDX-License-Identifier: ISC */
/* acmectl - asks acmed, and shows what it says. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/timefmt.h"
#include "ctl/client.h"
#include "ctl/cmd.h"

/* What we open must not become standard output by taking a free place. */
static void
fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static bool
asks_for_json(int argc, char *const *argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--json") == 0)
			return true;
	return false;
}

static int
read_globals(struct ctl *ctl)
{
	const char *socket = args_value(&ctl->args, "socket");
	const char *config = args_value(&ctl->args, "config");
	const char *timeout = args_value(&ctl->args, "timeout");
	struct err err = { 0 };
	time_t seconds;

	ctl->json = args_has(&ctl->args, "json");
	ctl->quiet = args_has(&ctl->args, "quiet");
	ctl->verbose = args_has(&ctl->args, "verbose");
	if (socket != NULL)
		ctl->socket = socket;
	if (config != NULL)
		ctl->config = config;
	if (timeout == NULL)
		return STATUS_DONE;
	if (timefmt_parse_duration(timeout, &seconds, &err) == -1)
		return ctl_fail(ctl, STATUS_USAGE, "--timeout: %s", err.text);
	ctl->silence_s = seconds < INT_MAX ? (int)seconds : INT_MAX;
	return STATUS_DONE;
}

static int
print_version(struct ctl *ctl)
{
	CLEAN(json) struct json_object *doc = must(json_object_new_object());

	json_add_string(doc, "acmectl", PACKAGE_VERSION);
	if (ctl->json)
		ctl_print_json(ctl, doc);
	else
		fputs("acmectl " PACKAGE_VERSION "\n", ctl->screen.out);
	return STATUS_DONE;
}

static int
run(struct ctl *ctl)
{
	const struct command *command = ctl->args.command;
	struct err err = { 0 };
	int status = read_globals(ctl);

	if (status != STATUS_DONE)
		return status;
	if (args_has(&ctl->args, "version"))
		return print_version(ctl);
	if (args_has(&ctl->args, "help") && (command == NULL || ctl->json))
		return cmd_help(ctl);
	if (args_has(&ctl->args, "help")) {
		help_command(ctl->screen.out, command);
		return STATUS_DONE;
	}
	if (command == NULL && !ctl->json) {
		help_overview(stderr);
		return STATUS_USAGE;
	}
	if (command == NULL)
		return ctl_fail(ctl, STATUS_USAGE, "no command was given");
	if (args_check_count(&ctl->args, &err) == -1)
		return ctl_fail(ctl, STATUS_USAGE, "%s", err.text);
	return command->run(ctl);
}

/* A reader that went away is no news to anybody; a full disk is. */
static int
finish_output(struct ctl *ctl, int status)
{
	errno = 0;
	if (fflush(ctl->screen.out) == 0 && !ferror(ctl->screen.out))
		return status;
	if (errno != 0 && errno != EPIPE)
		fprintf(stderr, "acmectl: standard output: %s\n", strerror(errno));
	return status == STATUS_DONE ? STATUS_FAILED : status;
}

int
main(int argc, char **argv)
{
	struct ctl ctl = { .socket = SOCKET_DEFAULT,
		.config = CONFIG_DEFAULT,
		.silence_s = -1 };
	struct err err = { 0 };
	int status;

	fill_standard_descriptors();
	signal(SIGPIPE, SIG_IGN);
	setlocale(LC_CTYPE, "");
	screen_open(&ctl.screen, stdout);

	if (args_parse(argc, argv, commands, global_options, &ctl.args, &err) == -1) {
		ctl.json = asks_for_json(argc, argv);
		status = ctl_fail(&ctl, STATUS_USAGE, "%s", err.text);
	} else {
		status = run(&ctl);
	}
	status = finish_output(&ctl, status);
	client_free(ctl.client);
	args_clear(&ctl.args);
	return status;
}
