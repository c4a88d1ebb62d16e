/* SPDX-License-Identifier: ISC */
/* cmd_manage - rollback, hold and resume. */
#include <limits.h>
#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "ctl/cmd.h"
#include "ctl/follow.h"
#include "ctl/until.h"

#define TEXT_MOST 512

const struct option_info hold_options[] = {
	{ 0, "until", "TIME",
	    "12h, 3d, 2027-01-31, \"2027-01-31 14:00\"; default: no end" },
	{ 0 },
};

static struct json_object *
parameters_of(const struct ctl *ctl)
{
	struct json_object *parameters = must(json_object_new_object());

	json_add_string(parameters, "name", ctl->args.words[0]);
	return parameters;
}

/* ---- rollback ---- */

/* As `show` has it, or as the directory below archive/ is called: 0007. */
static bool
read_version(const char *text, int64_t *ret)
{
	char *rest;

	if (*text < '0' || *text > '9')
		return false;
	*ret = strtoll(text, &rest, 10);
	return *rest == '\0' && *ret > 0 && *ret <= INT_MAX;
}

/* It is held, or it would be renewed at once by what was taken away. */
static void
print_hold(const struct ctl *ctl, const char *name, struct json_object *certificate)
{
	struct json_object *hold = json_get_object(certificate, "hold");
	const char *until = json_get_string(hold, "until");
	CLEAN(string) char *when = NULL;

	if (hold == NULL)
		return;
	when = until != NULL ? render_time(&ctl->screen, until, TIME_FULL) : NULL;
	fprintf(ctl->screen.out,
	    "%s: no orders%s%s; \"acmectl resume %s\" lets it be renewed\n", name,
	    when != NULL ? " until " : "", when != NULL ? when : "", name);
}

static void
print_rolled_back(struct ctl *ctl, const char *name, bool in_use)
{
	CLEAN(json) struct json_object *certificate = follow_look(ctl, name);
	struct json_object *deploy = json_get_object(certificate, "deploy");
	CLEAN(string) char *clean = str_printable(name, TEXT_MOST);

	if (certificate == NULL)
		return;
	if (in_use)
		fprintf(ctl->screen.out, "%s%s: version %lld is in force again%s%s\n",
		    color_start(&ctl->screen, COLOR_GOOD), clean,
		    (long long)json_get_int(certificate, "version", 0),
		    color_end(&ctl->screen, COLOR_GOOD),
		    follow_use(json_get_string(deploy, "state")));
	else
		follow_print_rescue(ctl, clean, certificate);
	print_hold(ctl, clean, certificate);
}

int
cmd_rollback(struct ctl *ctl)
{
	const char *name = ctl->args.words[0], *version = ctl->args.words[1];
	CLEAN(json) struct json_object *parameters = parameters_of(ctl);
	CLEAN(json) struct json_object *reply = NULL;
	struct follow follow = { 0 };
	int64_t number = 0;
	int status;

	if (version != NULL && !read_version(version, &number))
		return ctl_fail(ctl, STATUS_USAGE,
		    "rollback: \"%s\" is no number of a version; \"acmectl show %s\" has "
		    "the one in force",
		    version, name);
	if (version != NULL)
		json_add_int(parameters, "version", number);
	ctl->subject = name;
	status = follow_call(ctl, METHOD_rollback, TAKE(parameters), &follow, &reply);
	if (status == STATUS_DONE || (status == STATUS_FAILED && follow.changed != NULL))
		print_rolled_back(ctl, name, status == STATUS_DONE);
	follow_clear(&follow);
	return status;
}

/* ---- hold, resume ---- */

/* What a hold may lead to. */
static void
warn_of_expiry(struct ctl *ctl, const char *name, struct json_object *certificate,
    time_t until)
{
	const char *not_after = json_get_string(certificate, "not_after");
	CLEAN(string) char *when = NULL;
	struct err err = { 0 };
	time_t ends;

	if (not_after == NULL || timefmt_parse(not_after, &ends, &err) == -1 ||
	    (until != 0 && until < ends))
		return;
	when = render_time(&ctl->screen, not_after, TIME_FULL);
	fprintf(ctl->screen.out, "%s: it expires %s%s\n", name, when,
	    until != 0 ? ", before that" : " unless it is renewed before");
}

static void
print_held(struct ctl *ctl, struct json_object *certificate, time_t until)
{
	CLEAN(string) char *name = str_printable(ctl->args.words[0], TEXT_MOST);
	CLEAN(string) char *when = NULL;
	char instant[TIMEFMT_SIZE];

	if (until != 0)
		when =
		    render_time(&ctl->screen, timefmt_rfc3339(until, instant), TIME_FULL);
	fprintf(ctl->screen.out, "%s: on hold%s%s; \"acmectl resume %s\" ends it\n", name,
	    when != NULL ? " until " : "", when != NULL ? when : "", name);
	if (json_get_string(certificate, "step") != NULL)
		fprintf(ctl->screen.out, "%s: what is under way goes on\n", name);
	warn_of_expiry(ctl, name, certificate, until);
}

int
cmd_hold(struct ctl *ctl)
{
	const char *until = args_value(&ctl->args, "until");
	CLEAN(json) struct json_object *parameters = parameters_of(ctl);
	CLEAN(json) struct json_object *reply = NULL;
	struct err err = { 0 };
	time_t at = 0;
	int status;

	if (until != NULL && until_parse(until, ctl->screen.now, &at, &err) == -1)
		return ctl_fail(ctl, STATUS_USAGE, "--until: %s", err.text);
	json_add_time(parameters, "until", at);
	ctl->subject = ctl->args.words[0];
	status = ctl_call(ctl, METHOD_hold, TAKE(parameters), &reply);
	if (status != STATUS_DONE)
		return status;
	if (ctl->json)
		ctl_print_json(ctl, reply);
	else if (!ctl->quiet)
		print_held(ctl, json_get_object(reply, "certificate"), at);
	return STATUS_DONE;
}

int
cmd_resume(struct ctl *ctl)
{
	CLEAN(string) char *name = str_printable(ctl->args.words[0], TEXT_MOST);
	CLEAN(json) struct json_object *reply = NULL;
	CLEAN(string) char *when = NULL;
	const char *next;
	int status;

	ctl->subject = ctl->args.words[0];
	status = ctl_call(ctl, METHOD_resume, parameters_of(ctl), &reply);
	if (status != STATUS_DONE)
		return status;
	if (ctl->json)
		ctl_print_json(ctl, reply);
	if (ctl->json || ctl->quiet)
		return STATUS_DONE;
	next = json_get_string(json_get_object(reply, "certificate"), "next_renewal");
	when = next != NULL ? render_time(&ctl->screen, next, TIME_FULL) : NULL;
	fprintf(ctl->screen.out, "%s: not on hold%s%s\n", name,
	    when != NULL ? ", next renewal " : "", when != NULL ? when : "");
	return STATUS_DONE;
}
