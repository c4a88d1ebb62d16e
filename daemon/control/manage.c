/* SPDX-License-Identifier: ISC */
/* Holding certificates, and looking at what a reload would do. */
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/config/config.h"
#include "daemon/control/handlers_internal.h"
#include "daemon/control/view.h"
#include "daemon/crypto/cert.h"

/* ---- Hold, Resume ---- */

static void
reply_with(struct call *call, const struct handlers *h, const char *name,
    const struct err *failed)
{
	struct cert_look look;

	if (failed != NULL) {
		call_fail(call, failed);
		return;
	}
	scheduler_look(h->scheduler, name, &look);
	call_reply(call, wrap("certificate", view_certificate(&look)));
}

void
handle_hold(struct call *call, const struct handlers *h)
{
	const char *text = json_get_string(call_parameters(call), "until");
	struct cert_look look;
	struct err err = { 0 };
	time_t until = 0;
	int held;

	if (!need_certificate(call, h, &look))
		return;
	if (!json_fits(call_parameters(call), "until", json_type_string) ||
	    (text != NULL && timefmt_parse(text, &until, &err) == -1)) {
		fail_argument(call, "until", "an instant is wanted: 2027-01-31T12:00:00Z");
		return;
	}
	held = scheduler_hold(h->scheduler, look.config->name, until, &err);
	reply_with(call, h, look.config->name, held == -1 ? &err : NULL);
}

void
handle_resume(struct call *call, const struct handlers *h)
{
	struct cert_look look;
	struct err err = { 0 };
	int resumed;

	if (!need_certificate(call, h, &look))
		return;
	resumed = scheduler_resume(h->scheduler, look.config->name, &err);
	reply_with(call, h, look.config->name, resumed == -1 ? &err : NULL);
}

/* ---- Plan ---- */

static void
plan_one(struct json_object *list, const char *name, const char *action, const char *reason)
{
	struct json_object *one = json_object_new_object();

	json_add_string(one, "name", name);
	json_add_string(one, "action", action);
	json_add_string(one, "reason", reason);
	json_object_array_add(list, one);
}

static void
plan_added(struct json_object *list, const struct handlers *h, const char *name)
{
	if (h->has_files(name, h->reload_arg))
		plan_one(list, name, "adopt", "it is new here, and has files of before");
	else
		plan_one(list, name, "issue", "it is new");
}

static void
plan_changed(struct json_object *list, const struct handlers *h,
    const struct cert_config *next)
{
	const struct cert_options *options = next->options;
	struct cert_look look;

	if (!scheduler_look(h->scheduler, next->name, &look))
		return;
	if (look.info == NULL)
		plan_one(list, next->name, "issue", "there is no certificate yet");
	else if (!strv_same_set((const char *const *)look.info->names,
		     (const char *const *)next->names))
		plan_one(list, next->name, "issue", "other names");
	else if (!str_eq(look.info->key_type, key_type_name(options->key_type)) &&
		 !options->reuse_key)
		plan_one(list, next->name, "issue", "another type of key");
	else if (options->n_outputs > 0)
		plan_one(list, next->name, "deploy",
		    "outputs that do not fit are written, and then deployed");
	else
		plan_one(list, next->name, "settings", "nothing is issued for it");
}

static void
plan_all(struct json_object *list, const struct handlers *h, const struct config *next)
{
	struct config_diff diff = { 0 };

	config_compare(scheduler_config(h->scheduler), next, &diff);
	for (char **name = diff.added; name != NULL && *name != NULL; name++)
		plan_added(list, h, *name);
	for (char **name = diff.changed; name != NULL && *name != NULL; name++)
		plan_changed(list, h, config_cert(next, *name));
	for (char **name = diff.removed; name != NULL && *name != NULL; name++)
		plan_one(list, *name, "archive",
		    "it is no longer managed; its files stay where they are");
	config_diff_clear(&diff);
}

void
handle_plan(struct call *call, const struct handlers *h)
{
	struct problems problems = { 0 };
	CLEAN(config) struct config *next = h->load(&problems, h->reload_arg);
	struct json_object *doc, *list;

	if (next == NULL) {
		call_error(call, METHOD_INTERFACE ".InvalidConfig",
		    wrap("problems", view_problems(&problems, false)));
	} else {
		list = json_object_new_array();
		plan_all(list, h, next);
		doc = wrap("plan", list);
		json_object_object_add(doc, "warnings", view_problems(&problems, true));
		call_reply(call, doc);
	}
	problems_clear(&problems);
}
