/* SPDX-License-Identifier: ISC */
/* cmd_renew - obtaining certificates while somebody looks on: issue, renew. */
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "ctl/cmd.h"

#define TEXT_MOST 512

const struct option_info renew_options[] = {
	{ 'a', "all", NULL, "every certificate; the same as naming none" },
	{ 'f', "force", NULL, "also what is not due; needs names, or --all" },
	{ 0 },
};

/* "NAME: TEXT"; what the daemon says may or may not begin with the name itself. */
static char *
line_about(const char *name, const char *text)
{
	CLEAN(string) char *line = NULL;

	if (name == NULL || (str_starts(text, name) && text[strlen(name)] == ':'))
		return str_printable(text, TEXT_MOST);
	line = xasprintf("%s: %s", name, text);
	return str_printable(line, TEXT_MOST);
}

static char *
event_line(struct json_object *event)
{
	CLEAN(string) char *text = event_text(event);

	return line_about(json_get_string(event, "name"), text);
}

/* Results come again with the reply, in full. */
static void
on_event(struct ctl *ctl, struct json_object *event, void *arg)
{
	const char *kind = json_get_string(event, "event");
	CLEAN(string) char *line = event_line(event);

	(void)arg;
	if (str_eq(kind, "step")) {
		progress_step(&ctl->progress, line);
	} else if (ctl->verbose && str_eq(kind, "log")) {
		progress_hide(&ctl->progress);
		fprintf(ctl->screen.out, "%s\n", line);
		fflush(ctl->screen.out);
	}
}

/* ---- issue ---- */

static void
print_issued(struct ctl *ctl, const char *name, struct json_object *certificate)
{
	const char *not_after = json_get_string(certificate, "not_after");
	CLEAN(string) char *until = NULL;
	CLEAN(string) char *clean = str_printable(name, TEXT_MOST);

	if (ctl->json || ctl->quiet)
		return;
	fprintf(ctl->screen.out, "%s%s: issued%s", color_start(&ctl->screen, COLOR_GOOD),
	    clean, color_end(&ctl->screen, COLOR_GOOD));
	if (not_after != NULL) {
		until = render_time(&ctl->screen, not_after, TIME_FULL);
		fprintf(ctl->screen.out, ", valid until %s", until);
	}
	fputc('\n', ctl->screen.out);
}

int
issue_now(struct ctl *ctl, const char *name, bool join)
{
	static const struct stream_handler handler = { .on_event = on_event };
	CLEAN(json) struct json_object *parameters = must(json_object_new_object());
	CLEAN(json) struct json_object *reply = NULL;
	int status;

	ctl->subject = name;
	json_add_string(parameters, "name", name);
	if (join)
		json_add_bool(parameters, "join", true);
	progress_start(&ctl->progress, &ctl->screen, ctl->quiet || ctl->json);
	status = ctl_stream(ctl, METHOD_issue, TAKE(parameters), &handler, &reply);
	if (status == STATUS_DONE)
		print_issued(ctl, name, json_get_object(reply, "certificate"));
	progress_end(&ctl->progress);
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
	char *clean = text != NULL ? line_about(name != NULL ? name : "?", text)
				   : str_printable(name != NULL ? name : "?", TEXT_MOST);

	fprintf(ctl->screen.out, "%s%s%s %s\n", color_start(&ctl->screen, color), verb,
	    color_end(&ctl->screen, color), clean);
}

/* Elements are names, or objects with a name and the reason in the member `why`. */
static void
print_results(struct ctl *ctl, struct json_object *list, const char *verb, enum color color,
    const char *why)
{
	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		struct json_object *element = json_object_array_get_idx(list, i);

		if (json_object_is_type(element, json_type_string))
			print_result(ctl, color, verb, json_object_get_string(element),
			    NULL);
		else
			print_result(ctl, color, verb, json_get_string(element, "name"),
			    json_get_string(element, why));
	}
}

static void
print_renewed(struct ctl *ctl, struct json_object *reply)
{
	size_t n_results = count_of(reply, "renewed") + count_of(reply, "kept") +
			   count_of(reply, "failed");

	if (!ctl->quiet) {
		print_results(ctl, json_get_array(reply, "renewed"), "renewed", COLOR_GOOD,
		    "reason");
		print_results(ctl, json_get_array(reply, "kept"), "kept", COLOR_NONE,
		    "reason");
	}
	print_results(ctl, json_get_array(reply, "failed"), "failed", COLOR_BAD, "error");
	if (n_results == 0 && !ctl->quiet)
		fputs("No certificate is configured.\n", ctl->screen.out);
}

int
cmd_renew(struct ctl *ctl)
{
	static const struct stream_handler handler = { .on_event = on_event };
	bool all = args_has(&ctl->args, "all"), force = args_has(&ctl->args, "force");
	CLEAN(json) struct json_object *parameters = ctl_names(ctl);
	CLEAN(json) struct json_object *reply = NULL;
	size_t n_failed;
	int status;

	if (all && ctl->args.n_words > 0)
		return ctl_fail(ctl, STATUS_USAGE,
		    "renew: either names or --all, not both");
	if (force && !all && ctl->args.n_words == 0)
		return ctl_fail(ctl, STATUS_USAGE,
		    "renew --force: name the certificates, or say --all");
	if (force)
		json_add_bool(parameters, "force", true);
	progress_start(&ctl->progress, &ctl->screen, ctl->quiet || ctl->json);
	status = ctl_stream(ctl, METHOD_renew, TAKE(parameters), &handler, &reply);
	progress_end(&ctl->progress);
	if (status != STATUS_DONE)
		return status;
	if (!ctl->json)
		print_renewed(ctl, reply);
	n_failed = count_of(reply, "failed");
	if (n_failed > 0) {
		fflush(ctl->screen.out);
		fprintf(stderr,
		    "acmectl: %zu renewal%s failed; \"acmectl why NAME\" says what comes "
		    "next\n",
		    n_failed, n_failed == 1 ? "" : "s");
		return STATUS_FAILED;
	}
	return STATUS_DONE;
}
