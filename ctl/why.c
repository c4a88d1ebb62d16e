/* SPDX-License-Identifier: ISC */
#include "ctl/why.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"

#define TEXT_MOST 4096 /* bytes of one text: a reason may have a whole error in it */

/* ---- reasons ---- */

/* Reasons that are told in words of our own, further down. */
static bool
is_told_below(const char *code)
{
	static const char *const below[] = { "poll", "hold", "deploying", "deployed",
		"deploy-failed", "deploy-window", "not-deployed", NULL };

	return code != NULL && strv_contains(below, code);
}

/* The reason with that code; NULL: there is none. */
static struct json_object *
find_reason(struct json_object *decision, const char *code)
{
	struct json_object *list = json_get_array(decision, "reasons");

	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		struct json_object *reason = json_object_array_get_idx(list, i);

		if (str_eq(json_get_string(reason, "code"), code))
			return reason;
	}
	return NULL;
}

static bool
has_reason(struct json_object *decision, const char *code)
{
	return find_reason(decision, code) != NULL;
}

/* Those that the first line does not have in it. */
static void
print_reasons(const struct screen *screen, struct json_object *decision, const char *first)
{
	struct json_object *list = json_get_array(decision, "reasons");
	bool any = false;

	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		struct json_object *reason = json_object_array_get_idx(list, i);
		const char *code = json_get_string(reason, "code");
		const char *text = json_get_string(reason, "text");
		CLEAN(string) char *clean = NULL;

		if (text == NULL)
			text = code != NULL ? code : "-";
		if (is_told_below(code) || strstr(first, text) != NULL)
			continue;
		clean = render_words(screen, text, TEXT_MOST);
		fprintf(screen->out, "%s  - %s\n", any ? "" : "Because:\n", clean);
		any = true;
	}
}

/* ---- in use ---- */

static void
print_failure(const struct screen *screen, struct json_object *deploy, const char *name)
{
	long long failures = json_get_int(deploy, "failures", 1);
	const char *error = json_get_string(deploy, "error");
	CLEAN(string)
	char *last = render_time(screen, json_get_string(deploy, "failed_at"), TIME_FULL);
	CLEAN(string)
	char *clean = render_words(screen,
	    error != NULL ? text_without_name(name, error) : "no reason is known",
	    TEXT_MOST);

	fprintf(screen->out, " failed %lld time%s, last %s:\n  %s\n", failures,
	    failures == 1 ? "" : "s", last, clean);
}

static void
print_in_use(const struct screen *screen, struct json_object *deploy, bool verified)
{
	const char *done_at = json_get_string(deploy, "done_at");
	CLEAN(string) char *since = NULL;

	fputs(" is in use", screen->out);
	if (done_at != NULL) {
		since = render_time(screen, done_at, TIME_FULL);
		fprintf(screen->out, " since %s", since);
	}
	fputs(verified ? ", and seen to be served.\n" : ".\n", screen->out);
}

static void
print_pending(const struct screen *screen, struct json_object *decision)
{
	const char *window =
	    json_get_string(find_reason(decision, "deploy-window"), "text");
	CLEAN(string) char *clean = NULL;

	fputs(" is not in use yet", screen->out);
	if (window != NULL) {
		clean = render_words(screen, window, TEXT_MOST);
		fprintf(screen->out, ": %s", clean);
	}
	fputs(".\n", screen->out);
}

/* "Version 3 is in use since ..." */
static void
print_use(const struct screen *screen, struct json_object *decision)
{
	struct json_object *deploy = json_get_object(decision, "deploy");
	const char *state = json_get_string(deploy, "state");
	const char *name = json_get_string(decision, "name");
	bool failed = json_get_int(deploy, "failures", 0) > 0;
	bool verified = str_eq(state, "verified");
	bool in_use = verified || str_eq(state, "deployed");

	if (str_eq(json_get_string(decision, "state"), "rolling-back"))
		fputs("An earlier version is being put back.\n", screen->out);
	if (deploy == NULL)
		return;
	fprintf(screen->out, "Version %lld", (long long)json_get_int(deploy, "version", 0));
	if (in_use)
		print_in_use(screen, deploy, verified);
	else if (!failed)
		print_pending(screen, decision);
	if (failed) {
		fputs(in_use ? "Doing what the settings of now want"
			     : " is not in use: putting it into use",
		    screen->out);
		print_failure(screen, deploy, name);
	}
	if (has_reason(decision, "deploying"))
		fputs("It is being put into use just now.\n", screen->out);
}

/* ---- on hold ---- */

static void
print_hold(const struct screen *screen, struct json_object *decision)
{
	struct json_object *hold = json_get_object(decision, "hold");
	const char *until = json_get_string(hold, "until");
	const char *why = json_get_string(hold, "why");
	const char *name = json_get_string(decision, "name");
	CLEAN(string) char *when = NULL;
	CLEAN(string) char *clean = NULL;
	CLEAN(string) char *clean_name = str_printable(name ? name : "NAME", TEXT_MOST);

	/* A hold that has ended stays on record. */
	if (hold == NULL || !has_reason(decision, "hold"))
		return;
	fputs("On hold", screen->out);
	if (until != NULL) {
		when = render_time(screen, until, TIME_FULL);
		fprintf(screen->out, " until %s", when);
	}
	fprintf(screen->out, "; \"acmectl resume %s\" ends it%s\n", clean_name,
	    why != NULL ? ":" : ".");
	if (why != NULL) {
		clean = render_words(screen, why, TEXT_MOST);
		fprintf(screen->out, "  %s\n", clean);
	}
}

/* ---- what happens next ---- */

struct step {
	time_t at;
	char *when;
	char *what;
};

static int
by_time(const void *a, const void *b)
{
	const struct step *one = a, *other = b;

	return (one->at > other->at) - (one->at < other->at);
}

/* Where the decision has an instant for it. Takes `what` over. */
static void
add_step(const struct screen *screen, struct json_object *decision, const char *key,
    char *what, struct step *steps, size_t *n)
{
	const char *text = json_get_string(decision, key);
	struct err err = { 0 };
	time_t at;

	if (text == NULL || timefmt_parse(text, &at, &err) == -1) {
		free(what);
		return;
	}
	steps[(*n)++] = (struct step){ .at = at,
		.when = at <= screen->now ? xstrdup("now")
					  : render_time(screen, text, TIME_FULL),
		.what = what };
}

static void
print_steps(const struct screen *screen, struct step *steps, size_t n)
{
	unsigned widest = 0;

	qsort(steps, n, sizeof(*steps), by_time);
	for (size_t i = 0; i < n; i++)
		if (text_width(steps[i].when) > widest)
			widest = text_width(steps[i].when);
	for (size_t i = 0; i < n; i++) {
		fprintf(screen->out, "%s  %-*s  %s\n", i == 0 ? "Next:\n" : "", (int)widest,
		    steps[i].when, steps[i].what);
		free(steps[i].when);
		free(steps[i].what);
	}
}

static char *
what_order(const struct screen *screen, struct json_object *decision)
{
	const char *verb = has_reason(decision, "none") ? "issued" : "renewed";
	const char *due_at = json_get_string(decision, "due_at");
	CLEAN(string) char *when = NULL;

	if (due_at == NULL || str_eq(due_at, json_get_string(decision, "act_at")))
		return xasprintf("it is %s", verb);
	when = render_time(screen, due_at, TIME_FULL);
	return xasprintf("it is %s, due %s", verb, when);
}

static void
print_next(const struct screen *screen, struct json_object *decision)
{
	struct json_object *deploy = json_get_object(decision, "deploy");
	bool again = json_get_int(deploy, "failures", 0) > 0;
	struct step steps[3];
	size_t n = 0;

	if (!has_reason(decision, "deploying"))
		add_step(screen, decision, "deploy_at",
		    xasprintf("it is put into use%s", again ? ", another try" : ""), steps,
		    &n);
	add_step(screen, decision, "poll_at", xstrdup("the CA is asked when to renew it"),
	    steps, &n);
	if (!str_eq(json_get_string(decision, "action"), "busy"))
		add_step(screen, decision, "act_at", what_order(screen, decision), steps,
		    &n);
	print_steps(screen, steps, n);
}

/* ---- all of it ---- */

void
why_print(const struct screen *screen, struct json_object *decision)
{
	const char *name = json_get_string(decision, "name");
	const char *next = json_get_string(decision, "next");
	const char *first = next != NULL ? next : "no decision is known";
	CLEAN(string) char *clean_name = str_printable(name ? name : "-", TEXT_MOST);
	CLEAN(string) char *clean = render_words(screen, first, TEXT_MOST);

	fprintf(screen->out, "%s%s%s: %s\n", color_start(screen, COLOR_HEAD), clean_name,
	    color_end(screen, COLOR_HEAD), clean);
	print_reasons(screen, decision, first);
	print_use(screen, decision);
	print_hold(screen, decision);
	print_next(screen, decision);
}
