/* SPDX-License-Identifier: ISC */
/* cmd_renew - obtaining certificates while somebody looks on: issue, renew. */
#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "ctl/cmd.h"
#include "ctl/follow.h"

#define TEXT_MOST 512

const struct option_info renew_options[] = {
	{ 'a', "all", NULL, "every certificate; the same as naming none" },
	{ 'f', "force", NULL, "also what is not due; needs names, or --all" },
	{ 0 },
};

/* ---- issue ---- */

/* The name is printable. */
static void
print_issued(const struct ctl *ctl, const char *name, struct json_object *certificate)
{
	const char *not_after = json_get_string(certificate, "not_after");
	const char *deploy = json_get_string(certificate, "deploy");
	CLEAN(string) char *until = NULL;

	fprintf(ctl->screen.out, "%s%s: issued%s", color_start(&ctl->screen, COLOR_GOOD),
	    name, color_end(&ctl->screen, COLOR_GOOD));
	if (not_after != NULL) {
		until = render_time(&ctl->screen, not_after, TIME_FULL);
		fprintf(ctl->screen.out, ", valid until %s", until);
	}
	fprintf(ctl->screen.out, "%s\n", follow_use(deploy));
	if (str_eq(deploy, "pending"))
		fprintf(ctl->screen.out, "%s: \"acmectl why %s\" says when it will be\n",
		    name, name);
}

int
issue_now(struct ctl *ctl, const char *name, bool join)
{
	CLEAN(json) struct json_object *parameters = must(json_object_new_object());
	CLEAN(json) struct json_object *reply = NULL;
	CLEAN(json) struct json_object *certificate = NULL;
	CLEAN(string) char *clean = str_printable(name, TEXT_MOST);
	struct follow follow = { 0 };
	int status;

	ctl->subject = name;
	json_add_string(parameters, "name", name);
	if (join)
		json_add_bool(parameters, "join", true);
	status = follow_call(ctl, METHOD_issue, TAKE(parameters), &follow, &reply);
	if (status == STATUS_DONE && !ctl->json && !ctl->quiet)
		print_issued(ctl, clean, json_get_object(reply, "certificate"));
	if (status == STATUS_FAILED && follow.changed != NULL)
		certificate = follow_look(ctl, name);
	if (certificate != NULL)
		follow_print_rescue(ctl, clean, certificate);
	follow_clear(&follow);
	return status;
}

/* ---- renew ---- */

static size_t
count_of(struct json_object *reply, const char *member)
{
	struct json_object *list = json_get_array(reply, member);

	return list != NULL ? json_object_array_length(list) : 0;
}

static void
print_result(struct ctl *ctl, enum color color, const char *verb, const char *name,
    const char *text)
{
	CLEAN(string)
	char *clean = text != NULL ? follow_line(ctl, name != NULL ? name : "?", text)
				   : str_printable(name != NULL ? name : "?", TEXT_MOST);

	fprintf(ctl->screen.out, "%s%s%s %s\n", color_start(&ctl->screen, color), verb,
	    color_end(&ctl->screen, color), clean);
}

static void
print_renewed(struct ctl *ctl, struct json_object *list)
{
	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++)
		print_result(ctl, COLOR_GOOD, "renewed",
		    json_object_get_string(json_object_array_get_idx(list, i)), NULL);
}

static void
print_kept(struct ctl *ctl, struct json_object *list)
{
	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);

		print_result(ctl, COLOR_NONE, "kept", json_get_string(one, "name"),
		    json_get_string(one, "reason"));
	}
}

/* Returns how many of them were renewed, and only not put into use. */
static size_t
print_failed(struct ctl *ctl, struct json_object *list, const struct follow *follow)
{
	size_t n = 0;

	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		struct json_object *one = json_object_array_get_idx(list, i);
		const char *name = json_get_string(one, "name");
		const char *error = json_get_string(one, "error");
		bool changed = strv_contains((const char *const *)follow->changed, name);
		CLEAN(string) char *text = NULL;

		text = xasprintf("%s%s", changed ? "renewed, but not in use: " : "",
		    text_without_name(name, error != NULL ? error : "?"));
		if (!ctl->json)
			print_result(ctl, COLOR_BAD, "failed", name, text);
		n += changed;
	}
	return n;
}

static size_t
print_results(struct ctl *ctl, struct json_object *reply, const struct follow *follow)
{
	bool silent = ctl->json || ctl->quiet;

	if (!silent) {
		print_renewed(ctl, json_get_array(reply, "renewed"));
		print_kept(ctl, json_get_array(reply, "kept"));
	}
	if (!silent && count_of(reply, "renewed") + count_of(reply, "kept") +
			       count_of(reply, "failed") ==
			   0)
		fputs("No certificate is configured.\n", ctl->screen.out);
	return print_failed(ctl, json_get_array(reply, "failed"), follow);
}

/* Of the failures, `n_unused` are those of certificates that were renewed. */
static void
say_failures(struct ctl *ctl, size_t n_failed, size_t n_unused)
{
	char failed[STR_COUNT_SIZE], unused[STR_COUNT_SIZE];
	bool some = n_failed > n_unused;

	fflush(ctl->screen.out);
	str_count(n_failed - n_unused, "renewal", failed);
	str_count(n_unused, "certificate", unused);
	fprintf(stderr, "acmectl: ");
	if (some)
		fprintf(stderr, "%s failed%s", failed, n_unused > 0 ? ", " : "");
	if (n_unused > 0)
		fprintf(stderr, "%s %s renewed, but not in use", unused,
		    n_unused == 1 ? "is" : "are");
	fputs("; \"acmectl why NAME\" says what comes next\n", stderr);
}

int
cmd_renew(struct ctl *ctl)
{
	bool all = args_has(&ctl->args, "all"), force = args_has(&ctl->args, "force");
	CLEAN(json) struct json_object *parameters = ctl_names(ctl);
	CLEAN(json) struct json_object *reply = NULL;
	struct follow follow = { 0 };
	size_t n_failed = 0, n_unused = 0;
	int status;

	if (all && ctl->args.n_words > 0)
		return ctl_fail(ctl, STATUS_USAGE,
		    "renew: either names or --all, not both");
	if (force && !all && ctl->args.n_words == 0)
		return ctl_fail(ctl, STATUS_USAGE,
		    "renew --force: name the certificates, or say --all");
	if (force)
		json_add_bool(parameters, "force", true);
	status = follow_call(ctl, METHOD_renew, TAKE(parameters), &follow, &reply);
	if (status == STATUS_DONE) {
		n_failed = count_of(reply, "failed");
		n_unused = print_results(ctl, reply, &follow);
	}
	follow_clear(&follow);
	if (n_failed == 0)
		return status;
	say_failures(ctl, n_failed, n_unused);
	return STATUS_FAILED;
}
