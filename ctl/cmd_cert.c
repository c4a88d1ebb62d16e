/* SPDX-License-Identifier: ISC */
/* cmd_cert - looking at certificates: status, show, why. */
#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "ctl/cmd.h"
#include "ctl/table.h"

#define STATE_COLUMN 1
#define TEXT_MOST    512 /* bytes of one text in a line */

/* How late a renewal may begin before a monitoring system is told: the daemon's timers
 * and its question to the CA take seconds. */
#define LATE_S 60

const struct option_info status_options[] = {
	{ 0, "check", NULL,
	    "one line for a monitoring system; fails if any needs attention" },
	{ 0 },
};

/* ---- status --check ---- */

/* Whether the instant is there, and has been for `grace` seconds. */
static bool
is_past(const struct ctl *ctl, const char *instant, time_t grace)
{
	struct err err = { 0 };
	time_t at;

	return instant != NULL && timefmt_parse(instant, &at, &err) == 0 &&
	       at + grace < ctl->screen.now;
}

static enum color
color_of(const struct ctl *ctl, struct json_object *certificate)
{
	const char *state = json_get_string(certificate, "state");

	if (str_eq(state, "failed") || str_eq(state, "expired") ||
	    is_past(ctl, json_get_string(certificate, "not_after"), 0))
		return COLOR_BAD;
	return str_eq(state, "valid") ? COLOR_GOOD : COLOR_WARN;
}

/* What is wrong with a certificate, in a few words; NULL: nothing is. */
static char *
complaint_of(const struct ctl *ctl, struct json_object *certificate)
{
	const char *state = json_get_string(certificate, "state");
	const char *not_after = json_get_string(certificate, "not_after");
	const char *next = json_get_string(certificate, "next_renewal");
	const char *step = json_get_string(certificate, "step");
	const char *last_error = json_get_string(certificate, "last_error");
	const char *what = NULL;
	CLEAN(string) char *when = NULL;

	if (is_past(ctl, not_after, 0) || str_eq(state, "expired"))
		what = "expired";
	else if (str_eq(state, "failed"))
		what = "failed";
	if (what != NULL && last_error != NULL)
		return xasprintf("%s: %s", what, last_error);
	if (what != NULL && not_after == NULL)
		return xstrdup(what);
	if (what != NULL) {
		when = render_time(&ctl->screen, not_after, TIME_FULL);
		return xasprintf("%s, not after %s", what, when);
	}
	if (step != NULL || !is_past(ctl, next, LATE_S))
		return NULL;
	when = render_time(&ctl->screen, next, TIME_FULL);
	return xasprintf("renewal overdue since %s", when);
}

static int
check_all(struct ctl *ctl, struct json_object *certificates)
{
	size_t n = json_object_array_length(certificates), n_bad = 0;
	struct text bad = { 0 };

	for (size_t i = 0; i < n; i++) {
		struct json_object *certificate =
		    json_object_array_get_idx(certificates, i);
		const char *name = json_get_string(certificate, "name");
		CLEAN(string) char *complaint = complaint_of(ctl, certificate);
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

/* ---- status ---- */

static char *
last_result_of(struct json_object *certificate)
{
	const char *step = json_get_string(certificate, "step");
	const char *result = json_get_string(certificate, "last_result");
	const char *error = json_get_string(certificate, "last_error");

	if (step != NULL)
		return xasprintf("now: %s", step);
	if (result != NULL && error != NULL)
		return xasprintf("%s: %s", result, error);
	if (result == NULL)
		result = error;
	return xstrdup(result != NULL ? result : "-");
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
		CLEAN(string) char *last = last_result_of(certificate);
		const char *const cells[] = {
			or_dash(json_get_string(certificate, "name")),
			or_dash(json_get_string(certificate, "state")),
			expires,
			next,
			last,
		};

		table_add(table, cells, STATE_COLUMN, color_of(ctl, certificate));
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

/* What the daemon's next step is, where it has no sentence for it. */
static char *
next_of(const struct ctl *ctl, struct json_object *decision)
{
	const char *next = json_get_string(decision, "next");
	const char *action = json_get_string(decision, "action");
	const char *act_at = json_get_string(decision, "act_at");
	CLEAN(string) char *when = NULL;

	if (next != NULL)
		return str_printable(next, TEXT_MOST);
	if (act_at == NULL)
		return str_printable(or_dash(action), TEXT_MOST);
	when = render_time(&ctl->screen, act_at, TIME_FULL);
	return xasprintf("%s, at %s", str_eq(action, "wait") ? "wait" : "act", when);
}

static void
print_instant(const struct ctl *ctl, struct json_object *decision, const char *key,
    const char *label)
{
	const char *instant = json_get_string(decision, key);
	CLEAN(string) char *when = NULL;

	if (instant == NULL)
		return;
	when = render_time(&ctl->screen, instant, TIME_FULL);
	fprintf(ctl->screen.out, "%s: %s\n", label, when);
}

static void
print_reasons(const struct ctl *ctl, struct json_object *reasons)
{
	if (reasons == NULL || json_object_array_length(reasons) == 0)
		return;
	fputs("Because:\n", ctl->screen.out);
	for (size_t i = 0; i < json_object_array_length(reasons); i++) {
		struct json_object *reason = json_object_array_get_idx(reasons, i);
		const char *text = json_get_string(reason, "text");
		CLEAN(string) char *clean = NULL;

		if (text == NULL)
			text = or_dash(json_get_string(reason, "code"));
		clean = str_printable(text, TEXT_MOST);
		fprintf(ctl->screen.out, "  - %s\n", clean);
	}
}

int
cmd_why(struct ctl *ctl)
{
	int status;
	CLEAN(json)
	struct json_object *decision = ask_about(ctl, METHOD_why, "decision", &status);
	CLEAN(string) char *name = NULL;
	CLEAN(string) char *next = NULL;

	if (decision == NULL)
		return status;
	name = str_printable(or_dash(json_get_string(decision, "name")), TEXT_MOST);
	next = next_of(ctl, decision);
	fprintf(ctl->screen.out, "%s%s%s: %s\n", color_start(&ctl->screen, COLOR_HEAD),
	    name, color_end(&ctl->screen, COLOR_HEAD), next);
	if (!str_eq(json_get_string(decision, "due_at"),
		json_get_string(decision, "act_at")))
		print_instant(ctl, decision, "due_at", "Due at");
	print_instant(ctl, decision, "act_at", "Acts at");
	print_instant(ctl, decision, "poll_at", "Asks the CA again at");
	print_reasons(ctl, json_get_array(decision, "reasons"));
	return status;
}
