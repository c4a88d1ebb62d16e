/* SPDX-License-Identifier: ISC */
/* commands - the one list of commands and options, and the help that is made of it. */
#include <limits.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "ctl/certfile.h"
#include "ctl/cmd.h"

#define ANY SIZE_MAX

const struct option_info global_options[] = {
	{ 's', "socket", "SOCKET", "of the daemon; default: " SOCKET_DEFAULT },
	{ 'c', "config", "FILE", "of the daemon; default: " CONFIG_DEFAULT },
	{ 0, "json", NULL, "print JSON: one value, of commands that stream one a line" },
	{ 'q', "quiet", NULL, "say nothing where all went well" },
	{ 'v', "verbose", NULL, "say more" },
	{ 0, "timeout", "DURATION", "how long the daemon may say nothing; 0: for ever" },
	{ 'V', "version", NULL, "print the version" },
	{ 'h', "help", NULL, "print this, or the help of the command" },
	{ 0 },
};

/* In the order of the help. */
const struct command commands[] = {
	{ "status", "[NAME...]", 0, ANY, status_options,
	    "Certificates: state, expiry, next renewal", cmd_status },
	{ "show", "NAME", 1, 1, NULL, "All that is known of a certificate", cmd_show },
	{ "issue", "NAME | -d DOMAIN...", 0, ANY, issue_options,
	    "Obtain a certificate now, or set up a new one", cmd_issue },
	{ "renew", "[NAME...]", 0, ANY, renew_options, "Ask the CA, and renew what is due",
	    cmd_renew },
	{ "rollback", "NAME [VERSION]", 1, 2, NULL, "Put an earlier version back into use",
	    cmd_rollback },
	{ "hold", "NAME", 1, 1, hold_options, "No orders for a certificate for a while",
	    cmd_hold },
	{ "resume", "NAME", 1, 1, NULL, "Orders for it again", cmd_resume },
	{ "why", "NAME", 1, 1, NULL, "What happens next to a certificate, and why",
	    cmd_why },
	{ "watch", "[NAME...]", 0, ANY, NULL, "A line an event, until interrupted",
	    cmd_watch },
	{ "plan", "", 0, 0, NULL, "What a reload would do to certificates", cmd_plan },
	{ "reload", "", 0, 0, NULL, "Let the daemon read its configuration again",
	    cmd_reload },
	{ "config show", "[NAME]", 0, 1, NULL, "The configuration in force",
	    cmd_config_show },
	{ "config check", "[FILE]", 0, 1, NULL,
	    "Is a configuration valid? (without the daemon)", cmd_config_check },
	{ "log-level", "LEVEL", 1, 1, NULL, "error, warn, info, debug or trace",
	    cmd_log_level },
	{ "ping", "", 0, 0, NULL, "Is the daemon alive?", cmd_ping },
	{ "version", "", 0, 0, NULL, "Versions of acmectl and of the daemon", cmd_version },
	{ "help", "[COMMAND]", 0, 2, NULL, "Commands, or the options of one", cmd_help },
	{ 0 },
};

/* ---- help ---- */

static void
print_options(FILE *out, const struct option_info *options)
{
	for (; options != NULL && options->name != NULL; options++) {
		const char letter[] = { '-', options->letter, ',', ' ', '\0' };
		CLEAN(string)
		char *written =
		    xasprintf("%s--%s%s%s", options->letter != 0 ? letter : "    ",
			options->name, options->value != NULL ? " " : "",
			options->value != NULL ? options->value : "");

		if (options->help != NULL)
			fprintf(out, "  %-28s  %s\n", written, options->help);
	}
}

void
help_overview(FILE *out)
{
	fputs("Usage: acmectl [OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]\n\nCommands:\n", out);
	for (const struct command *c = commands; c->name != NULL; c++) {
		CLEAN(string) char *written = xasprintf("%s %s", c->name, c->arguments);

		fprintf(out, "  %-28s  %s\n", written, c->help);
	}
	fputs("\nOptions of all commands:\n", out);
	print_options(out, global_options);
	fputs("\n\"acmectl help COMMAND\" lists the options of a command; see also "
	      "acmectl(1).\n",
	    out);
}

void
help_command(FILE *out, const struct command *command)
{
	fprintf(out, "Usage: acmectl %s%s%s%s\n\n%s.\n", command->name,
	    command->options != NULL ? " [OPTIONS]" : "",
	    *command->arguments != '\0' ? " " : "", command->arguments, command->help);
	if (command->options != NULL) {
		fputs("\nOptions:\n", out);
		print_options(out, command->options);
	}
}

/* All commands whose first word it is. */
static bool
help_group(FILE *out, const char *word)
{
	CLEAN(string) char *start = xasprintf("%s ", word);
	bool found = false;

	for (const struct command *c = commands; c->name != NULL; c++) {
		if (!str_starts(c->name, start))
			continue;
		if (found)
			fputc('\n', out);
		help_command(out, c);
		found = true;
	}
	return found;
}

static int
help_json(struct ctl *ctl)
{
	CLEAN(json) struct json_object *doc = must(json_object_new_object());
	struct json_object *list = must(json_object_new_array());

	json_object_object_add(doc, "commands", list);
	for (const struct command *c = commands; c->name != NULL; c++) {
		struct json_object *row = must(json_object_new_object());

		json_add_string(row, "name", c->name);
		json_add_string(row, "arguments", c->arguments);
		json_add_string(row, "help", c->help);
		json_object_array_add(list, row);
	}
	ctl_print_json(ctl, doc);
	return STATUS_DONE;
}

int
cmd_help(struct ctl *ctl)
{
	CLEAN(string) char *name = NULL;
	const struct command *command;

	if (ctl->json)
		return help_json(ctl);
	if (ctl->args.n_words == 0) {
		help_overview(ctl->screen.out);
		return STATUS_DONE;
	}
	name = strv_join(ctl->args.words, " ");
	command = command_find(commands, name);
	if (command != NULL)
		help_command(ctl->screen.out, command);
	else if (!help_group(ctl->screen.out, name))
		return ctl_fail(ctl, STATUS_USAGE,
		    "there is no command \"%s\"; \"acmectl help\" lists those there are",
		    name);
	return STATUS_DONE;
}
