/* SPDX-License-Identifier: ISC */
/* cmd_cert - looking at certificates: status, show, why. */
#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "ctl/cmd.h"
#include "ctl/health.h"
#include "ctl/table.h"
#include "ctl/why.h"

#define STATE_COLUMN 1
#define TEXT_MOST    4096 /* bytes of one text in a line */

const struct option_info status_options[] = {
	{ 0, "check", NULL,
	    "one line for a monitoring system; fails if any needs attention" },
	{ 0 },
};

/* ---- status ---- */

static int
check_all(struct ctl *ctl, struct json_object *certificates)
{
	size_t n = json_object_array_length(certificates), n_bad = 0;
	struct text bad = { 0 };

	for (size_t i = 0; i < n; i++) {
		struct json_object *certificate =
		    json_object_array_get_idx(certificates, i);
		const char *name = json_get_string(certificate, "name");
		CLEAN(string) char *complaint = health_complaint(&ctl->screen, certificate);
		CLEAN(string) char *line = NULL;
		CLEAN(string) char *clean = NULL;

		if (complaint == NULL)
			continue;
		line = xasprintf("%s %s", name != NULL ? name : "?", complaint);
		clean = str_printable(line, TEXT_MOST);
		text_add(&bad, "%s%s", n_bad++ > 0 ? "; " : "", clean);
	}
	if (!ctl->json && n_bad > 0)
		fprintf(ctl->screen.out, "CRITICAL: %zu of %zu: %s\n", n_bad, n, bad.s);
	else if (!ctl->json && !ctl->quiet)
		fprintf(ctl->screen.out, "OK: %zu certificate%s\n", n, n == 1 ? "" : "s");
	text_clear(&bad);
	return n_bad > 0 ? STATUS_FAILED : STATUS_DONE;
}

static const char *
or_dash(const char *s)
{
	return s != NULL ? s : "-";
}

static struct table *
build_table(const struct ctl *ctl, struct json_object *certificates, enum time_style style)
{
	static const char *const headings[] = { "NAME", "STATE", "EXPIRES", "NEXT RENEWAL",
		"LAST RESULT", NULL };
	struct table *table = table_new(headings);

	for (size_t i = 0; i < json_object_array_length(certificates); i++) {
		struct json_object *certificate =
		    json_object_array_get_idx(certificates, i);
		CLEAN(string)
		char *expires = render_time(&ctl->screen,
		    json_get_string(certificate, "not_after"), style);
		CLEAN(string)
		char *next = render_time(&ctl->screen,
		    json_get_string(certificate, "next_renewal"), style);
		CLEAN(string) char *last = health_result(certificate);
		const char *const cells[] = {
			or_dash(json_get_string(certificate, "name")),
			or_dash(json_get_string(certificate, "state")),
			expires,
			next,
			last,
		};

		table_add(table, cells, STATE_COLUMN,
		    health_color(&ctl->screen, certificate));
	}
	return table;
}

/* Instants give way first: a name that was cut is no name. */
static void
print_table(const struct ctl *ctl, struct json_object *certificates)
{
	static const unsigned room_for_last = 16;

	for (enum time_style style = TIME_FULL; style < TIME_STYLE_COUNT; style++) {
		CLEAN(table) struct table *table = build_table(ctl, certificates, style);

		if (ctl->screen.terminal && style + 1 < TIME_STYLE_COUNT &&
		    table_width_but_last(table) + room_for_last > ctl->screen.width)
			continue;
		table_print(table, &ctl->screen);
		return;
	}
}

int
cmd_status(struct ctl *ctl)
{
	CLEAN(json) struct json_object *reply = NULL;
	struct json_object *certificates;
	int status = ctl_call(ctl, METHOD_status, ctl_names(ctl), &reply);

	if (status != STATUS_DONE)
		return status;
	certificates = json_get_array(reply, "certificates");
	if (certificates == NULL)
		return ctl_fail(ctl, STATUS_FAILED,
		    "the daemon's answer has no certificates; it is of another version");
	if (ctl->json)
		ctl_print_json(ctl, reply);
	if (args_has(&ctl->args, "check"))
		return check_all(ctl, certificates);
	if (ctl->json)
		return STATUS_DONE;
	if (json_object_array_length(certificates) == 0)
		fputs(
		    "No certificate is configured. \"acmectl issue -d DOMAIN\" adds one.\n",
		    ctl->screen.out);
	else
		print_table(ctl, certificates);
	return STATUS_DONE;
}

/* ---- show, why ---- */

/* The object that the reply to a call about one certificate consists of; NULL: *status. */
static struct json_object *
ask_about(struct ctl *ctl, enum method method, const char *member, int *status)
{
	CLEAN(json) struct json_object *parameters = must(json_object_new_object());
	CLEAN(json) struct json_object *reply = NULL;
	struct json_object *object;

	json_add_string(parameters, "name", ctl->args.words[0]);
	*status = ctl_call(ctl, method, TAKE(parameters), &reply);
	if (*status != STATUS_DONE)
		return NULL;
	object = json_get_object(reply, member);
	if (object == NULL) {
		*status = ctl_fail(ctl, STATUS_FAILED,
		    "the daemon's answer has no %s; it is of another version", member);
		return NULL;
	}
	if (ctl->json) {
		ctl_print_json(ctl, reply);
		return NULL;
	}
	return json_object_get(object);
}

int
cmd_show(struct ctl *ctl)
{
	int status;
	CLEAN(json)
	struct json_object *certificate =
	    ask_about(ctl, METHOD_show, "certificate", &status);

	if (certificate != NULL)
		render_object(&ctl->screen, certificate);
	return status;
}

int
cmd_why(struct ctl *ctl)
{
	int status;
	CLEAN(json)
	struct json_object *decision = ask_about(ctl, METHOD_why, "decision", &status);

	if (decision != NULL)
		why_print(&ctl->screen, decision);
	return status;
}
