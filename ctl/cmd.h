/* SPDX-License-Identifier: ISC */
/*
 * cmd - what every command of acmectl has: its line, its screen, the daemon, and one way
 * to say that something failed. A command is a function that returns an exit status; it
 * has said by then what went wrong.
 */
#ifndef ACMED_CMD_H
#define ACMED_CMD_H

#include <stdbool.h>
#include <stdio.h>

#include "common/endpoint.h"
#include "common/err.h"
#include "common/method.h"
#include "ctl/args.h"
#include "ctl/progress.h"
#include "ctl/render.h"

struct client;
struct json_object;

enum exit_status {
	STATUS_DONE = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
	STATUS_UNREACHABLE = 3,
	STATUS_NOT_PERMITTED = 4,
	STATUS_NOT_FOUND = 5,
};

struct ctl {
	struct args args;
	struct screen screen;
	struct progress progress;
	const char *socket;
	const char *config;
	bool json, quiet, verbose;
	int silence_s;       /* -1: not given */
	const char *subject; /* the certificate that it is about; NULL: many, or none */
	const char *reached; /* what is in force by now, and may fail to be put into use */
	struct client *client; /* connected by the first call */
};

#define SOCKET_DEFAULT ENDPOINT_DEFAULT
#define CONFIG_DEFAULT SYSCONFDIR "/acmed/acmed.yaml"

extern const struct command commands[];
extern const struct option_info global_options[];

/* ---- report.c: failures ---- */

/* One sentence on stderr, and with --json an object on stdout. Returns `status`. */
int ctl_fail(struct ctl *ctl, int status, const char *fmt, ...) PRINTF(3, 4);

/* The same for the error that the daemon sent; returns the status that it deserves. */
int ctl_refused(struct ctl *ctl, struct json_object *message);

/* "FILE:LINE:COLUMN: TEXT" on stderr for each of a list of problems. */
void ctl_print_problems(struct json_object *problems);

/* With --json: one value, one line. */
void ctl_print_json(struct ctl *ctl, struct json_object *value);

/* ---- call.c: asking the daemon ---- */

struct stream_handler {
	/* With --json, too. */
	void (*on_event)(struct ctl *ctl, struct json_object *event, void *arg);
	void *arg;
};

/* One call, one answer. STATUS_DONE with *ret, which the caller owns; or else it has been
 * reported. Takes over `parameters`, which may be NULL. */
int ctl_call(struct ctl *ctl, enum method method, struct json_object *parameters,
    struct json_object **ret);

/* Events until the result. With --json all of it is printed here, a line each. */
int ctl_stream(struct ctl *ctl, enum method method, struct json_object *parameters,
    const struct stream_handler *handler, struct json_object **ret);

/* What an event says: of a step its name, too. The caller owns it; not yet printable. */
char *event_text(struct json_object *event);

/* Parameters with the words of the line as `names`, without where there are none. */
struct json_object *ctl_names(const struct ctl *ctl);

/* ---- cmd_*.c ---- */

int cmd_status(struct ctl *ctl);
int cmd_show(struct ctl *ctl);
int cmd_why(struct ctl *ctl);
int cmd_issue(struct ctl *ctl);
int cmd_renew(struct ctl *ctl);
int cmd_rollback(struct ctl *ctl);
int cmd_hold(struct ctl *ctl);
int cmd_resume(struct ctl *ctl);
int cmd_watch(struct ctl *ctl);
int cmd_plan(struct ctl *ctl);
int cmd_reload(struct ctl *ctl);
int cmd_ping(struct ctl *ctl);
int cmd_version(struct ctl *ctl);
int cmd_log_level(struct ctl *ctl);
int cmd_config_show(struct ctl *ctl);
int cmd_config_check(struct ctl *ctl);
int cmd_help(struct ctl *ctl);

/* Obtains a certificate that the daemon knows, and shows how it goes; with `join`, also
 * where its order is under way already. */
int issue_now(struct ctl *ctl, const char *name, bool join);

extern const struct option_info status_options[], renew_options[], hold_options[];

/* For -h, and for a command line that was not understood. */
void help_overview(FILE *out);
void help_command(FILE *out, const struct command *command);

#endif
