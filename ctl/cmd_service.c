/* SPDX-License-Identifier: ISC */
/* cmd_service - the daemon itself: plan, reload, watch, ping, version, log-level. */
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "ctl/cmd.h"
#include "ctl/table.h"

#define TEXT_MOST 4096

/* ---- reload ---- */

/* "added: a, b"; false where there are none. */
static bool
print_names(struct ctl *ctl, struct json_object *reply, const char *member)
{
	struct err err = { 0 };
	CLEAN(strv) char **names = json_need_strings(reply, member, &err);
	CLEAN(string) char *joined = NULL;
	CLEAN(string) char *clean = NULL;

	if (names == NULL || names[0] == NULL)
		return false;
	joined = strv_join((const char *const *)names, ", ");
	/* With thousands of certificates this is long, and still one line a kind. */
	clean = str_printable(joined, strlen(joined));
	fprintf(ctl->screen.out, "%s: %s\n", member, clean);
	return true;
}

int
cmd_reload(struct ctl *ctl)
{
	CLEAN(json) struct json_object *reply = NULL;
	int status = ctl_call(ctl, METHOD_reload, NULL, &reply);
	bool any;

	if (status != STATUS_DONE)
		return status;
	ctl_print_problems(json_get_array(reply, "warnings"));
	if (ctl->json)
		ctl_print_json(ctl, reply);
	if (ctl->json || ctl->quiet)
		return STATUS_DONE;
	any = print_names(ctl, reply, "added");
	any = print_names(ctl, reply, "changed") || any;
	any = print_names(ctl, reply, "removed") || any;
	if (!any)
		fputs("reloaded, no certificate has changed\n", ctl->screen.out);
	return STATUS_DONE;
}

/* ---- plan ---- */

static const char *
or_dash(const char *s)
{
	return s != NULL ? s : "-";
}

/* What takes something away is to be seen. */
static enum color
plan_color(const char *action)
{
	return str_eq(action, "archive") ? COLOR_WARN : COLOR_NONE;
}

static void
print_plan(const struct screen *screen, struct json_object *plan)
{
	static const char *const headings[] = { "CERTIFICATE", "ACTION", "WHY", NULL };
	CLEAN(table) struct table *table = table_new(headings);

	for (size_t i = 0; i < json_object_array_length(plan); i++) {
		struct json_object *one = json_object_array_get_idx(plan, i);
		const char *action = json_get_string(one, "action");
		const char *const cells[] = { or_dash(json_get_string(one, "name")),
			or_dash(action), or_dash(json_get_string(one, "reason")) };

		table_add(table, cells, 1, plan_color(action));
	}
	table_print(table, screen);
}

int
cmd_plan(struct ctl *ctl)
{
	CLEAN(json) struct json_object *reply = NULL;
	int status = ctl_call(ctl, METHOD_plan, NULL, &reply);
	struct json_object *plan;

	if (status != STATUS_DONE)
		return status;
	ctl_print_problems(json_get_array(reply, "warnings"));
	plan = json_get_array(reply, "plan");
	if (ctl->json)
		ctl_print_json(ctl, reply);
	else if (plan != NULL && json_object_array_length(plan) > 0)
		print_plan(&ctl->screen, plan);
	else if (!ctl->quiet)
		fputs("nothing would change for any certificate\n", ctl->screen.out);
	return STATUS_DONE;
}

/* ---- watch ---- */

static enum color
event_color(const char *kind)
{
	static const char *const good[] = { "issued", "renewed", "deployed", "verified",
		"recovered", NULL };
	static const char *const bad[] = { "failed", "deploy-failed", "expiring", NULL };
	static const char *const warn[] = { "rolled-back", "incident", "held", NULL };

	if (strv_contains(good, kind))
		return COLOR_GOOD;
	if (strv_contains(bad, kind))
		return COLOR_BAD;
	return strv_contains(warn, kind) ? COLOR_WARN : COLOR_NONE;
}

static char *
event_time(const struct ctl *ctl, const char *text)
{
	char local[TIMEFMT_SIZE];
	struct err err = { 0 };
	time_t at;

	if (!ctl->screen.terminal || text == NULL || timefmt_parse(text, &at, &err) == -1)
		return render_time(&ctl->screen, text, TIME_FULL);
	/* "2026-05-01 14:00:00": all of it is now, a hint would say nothing. */
	return xasprintf("%.19s", timefmt_local(at, local));
}

/* Without the name and the event, which stand in front of it already. */
static char *
watched_text(struct json_object *event, const char *kind)
{
	CLEAN(string) char *text = event_text(event);
	const char *rest = text_without_name(json_get_string(event, "name"), text);

	if (str_starts(rest, kind) && str_starts(rest + strlen(kind), ", "))
		rest += strlen(kind) + strlen(", ");
	return xstrdup(rest);
}

/* TIME NAME EVENT TEXT */
static void
on_watched(struct ctl *ctl, struct json_object *event, void *arg)
{
	const struct screen *screen = &ctl->screen;
	const char *kind = or_dash(json_get_string(event, "event"));
	CLEAN(string) char *text = watched_text(event, kind);
	CLEAN(string) char *when = event_time(ctl, json_get_string(event, "time"));
	CLEAN(string)
	char *name = str_printable(or_dash(json_get_string(event, "name")), TEXT_MOST);
	CLEAN(string) char *clean_kind = str_printable(kind, TEXT_MOST);
	CLEAN(string) char *clean = render_words(screen, text, TEXT_MOST);

	(void)arg;
	if (ctl->json)
		return;
	fprintf(screen->out, "%s %s %s%s%s %s\n", when, name,
	    color_start(screen, event_color(kind)), clean_kind,
	    color_end(screen, event_color(kind)), clean);
	fflush(screen->out);
}

int
cmd_watch(struct ctl *ctl)
{
	static const struct stream_handler handler = { .on_event = on_watched };
	CLEAN(json) struct json_object *reply = NULL;
	int status = ctl_stream(ctl, METHOD_watch, ctl_names(ctl), &handler, &reply);

	if (status != STATUS_DONE)
		return status;
	/* The last message of a stream may hold an event, too. */
	if (json_get_object(reply, "event") != NULL)
		on_watched(ctl, json_get_object(reply, "event"), NULL);
	return STATUS_DONE;
}

/* ---- ping, version, log-level ---- */

static char *
printable_member(struct json_object *reply, const char *key)
{
	const char *value = json_get_string(reply, key);

	return str_printable(value != NULL ? value : "?", TEXT_MOST);
}

static void
print_ping(const struct ctl *ctl, struct json_object *reply)
{
	CLEAN(string) char *version = printable_member(reply, "version");
	long long n = json_get_int(reply, "certificates", 0);
	long long longest_ms = json_get_int(reply, "loop_longest_ms", -1);
	char uptime[TIMEFMT_SIZE];

	timefmt_duration((time_t)json_get_int(reply, "uptime_seconds", 0), uptime);
	fprintf(ctl->screen.out, "acmed %s is alive: pid %lld, up %s, %lld certificate%s",
	    version, (long long)json_get_int(reply, "pid", 0), uptime, n,
	    n == 1 ? "" : "s");
	if (longest_ms >= 0)
		fprintf(ctl->screen.out, ", never busy for more than %lld ms",
		    longest_ms + 1); /* it was rounded down */
	fputc('\n', ctl->screen.out);
}

int
cmd_ping(struct ctl *ctl)
{
	CLEAN(json) struct json_object *reply = NULL;
	int status = ctl_call(ctl, METHOD_ping, NULL, &reply);

	if (status != STATUS_DONE)
		return status;
	if (ctl->json)
		ctl_print_json(ctl, reply);
	else if (!ctl->quiet)
		print_ping(ctl, reply);
	return STATUS_DONE;
}

int
cmd_version(struct ctl *ctl)
{
	CLEAN(json) struct json_object *reply = NULL;
	CLEAN(json) struct json_object *doc = NULL;
	CLEAN(string) char *version = NULL;
	int status;

	if (!ctl->json)
		fputs("acmectl " PACKAGE_VERSION "\n", ctl->screen.out);
	status = ctl_call(ctl, METHOD_ping, NULL, &reply);
	if (status != STATUS_DONE)
		return status;
	version = printable_member(reply, "version");
	if (!ctl->json) {
		fprintf(ctl->screen.out, "acmed %s\n", version);
		return STATUS_DONE;
	}
	doc = must(json_object_new_object());
	json_add_string(doc, "acmectl", PACKAGE_VERSION);
	json_add_string(doc, "acmed", version);
	ctl_print_json(ctl, doc);
	return STATUS_DONE;
}

int
cmd_log_level(struct ctl *ctl)
{
	const char *level = ctl->args.words[0];
	CLEAN(json) struct json_object *parameters = NULL;
	CLEAN(json) struct json_object *reply = NULL;
	CLEAN(string) char *now = NULL;
	int status;

	if (log_level_find(level) == LOG_LEVEL_COUNT)
		return ctl_fail(ctl, STATUS_USAGE,
		    "log-level: \"%s\" is none of error, warn, info, debug, trace", level);
	parameters = must(json_object_new_object());
	json_add_string(parameters, "level", level);
	status = ctl_call(ctl, METHOD_set_log_level, TAKE(parameters), &reply);
	if (status != STATUS_DONE)
		return status;
	if (ctl->json)
		ctl_print_json(ctl, reply);
	if (ctl->json || ctl->quiet)
		return STATUS_DONE;
	now = printable_member(reply, "level");
	fprintf(ctl->screen.out, "log level: %s\n", now);
	return STATUS_DONE;
}
