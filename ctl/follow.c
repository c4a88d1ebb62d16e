/* SPDX-License-Identifier: ISC */
#include "ctl/follow.h"

#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

#define TEXT_MOST 4096

void
follow_clear(struct follow *f)
{
	strv_free(f->changed);
	free(f->news);
	*f = (struct follow){ 0 };
}

/* ---- events ---- */

char *
follow_line(const struct ctl *ctl, const char *name, const char *text)
{
	CLEAN(string) char *line = NULL;

	if (name == NULL || text_is_first_word(text, name))
		return render_words(&ctl->screen, text, TEXT_MOST);
	line = xasprintf("%s: %s", name, text_without_name(name, text));
	return render_words(&ctl->screen, line, TEXT_MOST);
}

static bool
is_new_version(const char *kind)
{
	return str_eq(kind, "issued") || str_eq(kind, "renewed") ||
	       str_eq(kind, "rolled-back");
}

/* From now on a failure is one of putting it into use. */
static void
note_version(struct ctl *ctl, struct follow *f, struct json_object *event)
{
	const char *name = json_get_string(event, "name");
	const char *text = json_get_string(event, "text");

	strv_add(&f->changed, name != NULL ? name : "?");
	free(f->news);
	f->news = xstrdup(text != NULL ? text : "");
	ctl->reached =
	    str_eq(json_get_string(event, "event"), "rolled-back") ? f->news : "issued";
}

/* Results come again with the reply, in full. */
static void
on_event(struct ctl *ctl, struct json_object *event, void *arg)
{
	const char *kind = json_get_string(event, "event");
	CLEAN(string) char *text = event_text(event);
	CLEAN(string) char *line = follow_line(ctl, json_get_string(event, "name"), text);

	if (str_eq(kind, "step")) {
		progress_step(&ctl->progress, line);
	} else if (ctl->verbose && !ctl->json) {
		progress_hide(&ctl->progress);
		fprintf(ctl->screen.out, "%s\n", line);
		fflush(ctl->screen.out);
	}
	if (is_new_version(kind))
		note_version(ctl, arg, event);
}

int
follow_call(struct ctl *ctl, enum method method, struct json_object *parameters,
    struct follow *follow, struct json_object **ret)
{
	const struct stream_handler handler = { .on_event = on_event, .arg = follow };
	int status;

	progress_start(&ctl->progress, &ctl->screen, ctl->quiet || ctl->json);
	status = ctl_stream(ctl, method, parameters, &handler, ret);
	progress_end(&ctl->progress);
	ctl->reached = NULL;
	return status;
}

/* ---- what has come of it ---- */

const char *
follow_use(const char *deploy)
{
	if (str_eq(deploy, "deployed"))
		return ", deployed";
	if (str_eq(deploy, "verified"))
		return ", deployed, and seen to be served";
	if (str_eq(deploy, "pending"))
		return ", not in use yet";
	return str_eq(deploy, "failed") ? ", not in use" : "";
}

struct json_object *
follow_look(struct ctl *ctl, const char *name)
{
	CLEAN(json) struct json_object *parameters = must(json_object_new_object());
	CLEAN(json) struct json_object *reply = NULL;

	if (ctl->json || ctl->quiet)
		return NULL;
	json_add_string(parameters, "name", name);
	if (ctl_call(ctl, METHOD_show, TAKE(parameters), &reply) != STATUS_DONE)
		return NULL;
	return json_object_get(json_get_object(reply, "certificate"));
}

void
follow_print_rescue(const struct ctl *ctl, const char *name,
    struct json_object *certificate)
{
	struct json_object *deploy = json_get_object(certificate, "deploy");
	const char *next_at = json_get_string(deploy, "next_at");
	CLEAN(string) char *when = NULL;

	if (str_eq(json_get_string(certificate, "state"), "rolling-back")) {
		fprintf(ctl->screen.out, "%s: the version before is put back\n", name);
	} else if (next_at != NULL) {
		when = render_time(&ctl->screen, next_at, TIME_FULL);
		fprintf(ctl->screen.out, "%s: it is tried again %s\n", name, when);
	}
}
