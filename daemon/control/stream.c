/* SPDX-License-Identifier: ISC */
/* The methods that take their time: they subscribe to events and end with the job. */
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/control/handlers_internal.h"
#include "daemon/control/view.h"
#include "daemon/io/clock.h"

/* A call that follows some certificates until each has come to an end. */
struct follow {
	struct call *call;
	const struct handlers *handlers;
	struct subscription *subscription;
	char **names;   /* to be followed; NULL: all */
	char **pending; /* not at an end yet */
	struct json_object *renewed;
	struct json_object *kept;
	struct json_object *failed;
};

static void
follow_free(void *arg)
{
	struct follow *f = arg;

	subscription_free(f->subscription);
	strv_free(f->names);
	strv_free(f->pending);
	json_object_put(f->renewed);
	json_object_put(f->kept);
	json_object_put(f->failed);
	free(f);
}

static struct follow *
follow_new(struct call *call, const struct handlers *h, char **names)
{
	struct follow *f = xcalloc(1, sizeof(*f));

	f->call = call;
	f->handlers = h;
	f->names = names;
	f->renewed = json_object_new_array();
	f->kept = json_object_new_array();
	f->failed = json_object_new_array();
	call_keep(call, f, follow_free);
	return f;
}

static bool
follows(const struct follow *f, const struct scheduler_event *event)
{
	return f->names == NULL ||
	       (event->name != NULL &&
		   strv_contains((const char *const *)f->names, event->name));
}

static void
stop_waiting_for(struct follow *f, const char *name)
{
	char **rest = f->pending;

	for (char **one = f->pending; *one != NULL; one++) {
		if (str_eq(*one, name))
			free(*one);
		else
			*rest++ = *one;
	}
	*rest = NULL;
}

/* A certificate that goes into use at once is followed until it is. */
static bool
is_end(const struct follow *f, const struct scheduler_event *event)
{
	struct cert_look look;

	switch (event->type) {
	case EVENT_KEPT:
	case EVENT_FAILED:
		return true;
	case EVENT_DEPLOYED:
	case EVENT_VERIFIED:
	case EVENT_DEPLOY_FAILED: /* or of the version before, whose end nobody waits for */
		return !scheduler_look(f->handlers->scheduler, event->name, &look) ||
		       !look.busy;
	case EVENT_ISSUED:
	case EVENT_RENEWED:
	case EVENT_ROLLED_BACK:
		return !scheduler_look(f->handlers->scheduler, event->name, &look) ||
		       look.decision.deploy_at == 0 ||
		       look.decision.deploy_at > clock_now();
	default:
		return false;
	}
}

/* ---- Watch ---- */

static void
on_watched(const struct scheduler_event *event, void *arg)
{
	struct follow *f = arg;

	if (follows(f, event))
		call_continue(f->call, wrap("event", view_event(event)));
}

void
handle_watch(struct call *call, const struct handlers *h)
{
	char **names;
	struct follow *f;

	if (!call_wants_more(call)) {
		call_error(call, "org.varlink.service.ExpectedMore", NULL);
		return;
	}
	if (optional_names(call, h, &names) == -1)
		return;
	f = follow_new(call, h, names);
	f->subscription = scheduler_subscribe(h->scheduler, on_watched, f);
}

/* ---- Issue ---- */

static void
on_issuing(const struct scheduler_event *event, void *arg)
{
	struct follow *f = arg;
	struct cert_look look;

	if (!follows(f, event))
		return;
	if (!is_end(f, event)) {
		if (call_wants_more(f->call))
			call_continue(f->call, wrap("event", view_event(event)));
		return;
	}
	if (event->err != NULL) {
		call_fail(f->call, event->err); /* frees f */
		return;
	}
	scheduler_look(f->handlers->scheduler, event->name, &look);
	call_reply(f->call, wrap("certificate", view_certificate(&look)));
}

static void
fail_busy(struct call *call, const char *name)
{
	struct json_object *doc = json_object_new_object();

	json_add_string(doc, "name", name);
	call_error(call, METHOD_INTERFACE ".Busy", doc);
}

/* What is under way already, for who has not seen it begin. */
static void
tell_step(struct call *call, const struct cert_look *look)
{
	const struct scheduler_event event = { .type = EVENT_STEP,
		.at = clock_now(),
		.name = look->config->name,
		.step = look->step };

	if (look->step != NULL && call_wants_more(call))
		call_continue(call, wrap("event", view_event(&event)));
}

void
handle_issue(struct call *call, const struct handlers *h)
{
	struct json_object *parameters = call_parameters(call);
	struct cert_look look;
	struct err err = { 0 };
	char **names = NULL;
	struct follow *f;
	int asked;

	if (!json_fits(parameters, "join", json_type_boolean)) {
		fail_argument(call, "join", "true or false is wanted");
		return;
	}
	if (!need_certificate(call, h, &look))
		return;
	asked = scheduler_ask(h->scheduler, look.config->name, ASK_NOW, &err);
	if (asked == -1 && err.kind != ERR_BUSY) {
		call_fail(call, &err);
		return;
	}
	if (asked == -1 && !json_get_bool(parameters, "join", false)) {
		fail_busy(call, look.config->name);
		return;
	}
	strv_add(&names, look.config->name);
	f = follow_new(call, h, names);
	f->subscription = scheduler_subscribe(h->scheduler, on_issuing, f);
	tell_step(call, &look);
}

/* ---- Rollback ---- */

void
handle_rollback(struct call *call, const struct handlers *h)
{
	struct json_object *parameters = call_parameters(call);
	int64_t version = json_get_int(parameters, "version", 0);
	struct cert_look look;
	struct err err = { 0 };
	char **names = NULL;
	struct follow *f;

	if (!json_fits(parameters, "version", json_type_int) || version < 0 ||
	    version > INT32_MAX) {
		fail_argument(call, "version", "the number of a version is wanted");
		return;
	}
	if (!need_certificate(call, h, &look))
		return;
	if (scheduler_rollback(h->scheduler, look.config->name, (unsigned)version, &err) ==
	    -1) {
		call_fail(call, &err);
		return;
	}
	strv_add(&names, look.config->name);
	f = follow_new(call, h, names);
	f->subscription = scheduler_subscribe(h->scheduler, on_issuing, f);
}

/* ---- Renew ---- */

static void
add_result(struct json_object *list, const char *name, const char *key, const char *text)
{
	struct json_object *one = json_object_new_object();

	json_add_string(one, "name", name);
	json_add_string(one, key, text);
	json_object_array_add(list, one);
}

static void
renew_ended(struct follow *f)
{
	struct json_object *doc = json_object_new_object();

	json_object_object_add(doc, "renewed", TAKE(f->renewed));
	json_object_object_add(doc, "kept", TAKE(f->kept));
	json_object_object_add(doc, "failed", TAKE(f->failed));
	call_reply(f->call, doc); /* frees f */
}

static void
on_renewing(const struct scheduler_event *event, void *arg)
{
	struct follow *f = arg;

	if (event->name == NULL ||
	    !strv_contains((const char *const *)f->pending, event->name))
		return;
	if (call_wants_more(f->call))
		call_continue(f->call, wrap("event", view_event(event)));
	if (!is_end(f, event))
		return;
	if (event->type == EVENT_KEPT)
		add_result(f->kept, event->name, "reason", event->text);
	else if (event->err != NULL)
		add_result(f->failed, event->name, "error", event->text);
	else
		json_object_array_add(f->renewed, json_object_new_string(event->name));
	stop_waiting_for(f, event->name);
	if (strv_length((const char *const *)f->pending) == 0)
		renew_ended(f);
}

/* Those named, or all there are. */
static char **
names_to_renew(const struct handlers *h, char **names)
{
	size_t n = scheduler_count(h->scheduler);
	struct cert_look look;

	if (names != NULL)
		return names;
	names = xcalloc(n + 1, sizeof(*names));
	for (size_t i = 0; i < n; i++) {
		scheduler_look_at(h->scheduler, i, &look);
		names[i] = xstrdup(look.config->name);
	}
	return names;
}

void
handle_renew(struct call *call, const struct handlers *h)
{
	bool force = json_get_bool(call_parameters(call), "force", false);
	char **names;
	struct follow *f;
	size_t n = 0;

	if (!json_fits(call_parameters(call), "force", json_type_boolean)) {
		fail_argument(call, "force", "true or false is wanted");
		return;
	}
	if (optional_names(call, h, &names) == -1)
		return;
	f = follow_new(call, h, names_to_renew(h, names));
	f->pending =
	    xcalloc(strv_length((const char *const *)f->names) + 1, sizeof(char *));
	for (char **name = f->names; *name != NULL; name++) {
		struct err err = { 0 };

		if (scheduler_ask(h->scheduler, *name, force ? ASK_NOW : ASK_IF_DUE,
			&err) == -1)
			add_result(f->failed, *name, "error", err.text);
		else
			f->pending[n++] = xstrdup(*name);
	}
	if (n == 0)
		renew_ended(f);
	else
		f->subscription = scheduler_subscribe(h->scheduler, on_renewing, f);
}
