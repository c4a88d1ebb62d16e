/* SPDX-License-Identifier: ISC */
#include "daemon/control/handlers.h"

#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/config.h"
#include "daemon/control/handlers_internal.h"
#include "daemon/control/view.h"
#include "daemon/io/clock.h"
#include "daemon/io/lag.h"

/* ---- what handlers share ---- */

struct json_object *
wrap(const char *key, struct json_object *value)
{
	struct json_object *doc = json_object_new_object();

	json_object_object_add(doc, key, value);
	return doc;
}

void
fail_no_certificate(struct call *call, const char *name)
{
	struct json_object *doc = json_object_new_object();

	json_add_string(doc, "name", name);
	call_error(call, METHOD_INTERFACE ".NoSuchCertificate", doc);
}

void
fail_argument(struct call *call, const char *name, const char *detail)
{
	struct json_object *doc = json_object_new_object();

	json_add_string(doc, "name", name);
	json_add_string(doc, "detail", detail);
	call_error(call, METHOD_INTERFACE ".InvalidArgument", doc);
}

bool
need_certificate(struct call *call, const struct handlers *h, struct cert_look *look)
{
	const char *name = json_get_string(call_parameters(call), "name");

	if (name == NULL) {
		fail_argument(call, "name", "the name of a certificate is wanted");
		return false;
	}
	if (!scheduler_look(h->scheduler, name, look)) {
		fail_no_certificate(call, name);
		return false;
	}
	return true;
}

int
optional_names(struct call *call, const struct handlers *h, char ***ret)
{
	struct json_object *parameters = call_parameters(call);
	struct json_object *value;
	struct cert_look look;
	struct err err = { 0 };
	char **names;

	*ret = NULL;
	if (!json_object_object_get_ex(parameters, "names", &value) || value == NULL)
		return 0;
	names = json_need_strings(parameters, "names", &err);
	if (names == NULL) {
		fail_argument(call, "names", "a list of names of certificates is wanted");
		return -1;
	}
	for (char **name = names; *name != NULL; name++) {
		if (scheduler_look(h->scheduler, *name, &look))
			continue;
		fail_no_certificate(call, *name);
		strv_free(names);
		return -1;
	}
	*ret = names;
	return 0;
}

/* ---- looking ---- */

static void
handle_status(struct call *call, const struct handlers *h)
{
	struct json_object *list = json_object_new_array();
	CLEAN(strv) char **names = NULL;
	struct cert_look look;

	if (optional_names(call, h, &names) == -1) {
		json_object_put(list);
		return;
	}
	for (char **name = names; name != NULL && *name != NULL; name++)
		if (scheduler_look(h->scheduler, *name, &look))
			json_object_array_add(list, view_certificate(&look));
	for (size_t i = 0; names == NULL && i < scheduler_count(h->scheduler); i++) {
		scheduler_look_at(h->scheduler, i, &look);
		json_object_array_add(list, view_certificate(&look));
	}
	call_reply(call, wrap("certificates", list));
}

static void
handle_show(struct call *call, const struct handlers *h)
{
	struct cert_look look;

	if (need_certificate(call, h, &look))
		call_reply(call,
		    wrap("certificate",
			view_details(&look, scheduler_state_dir(h->scheduler))));
}

static void
handle_why(struct call *call, const struct handlers *h)
{
	struct cert_look look;

	if (need_certificate(call, h, &look))
		call_reply(call, wrap("decision", view_decision(&look, clock_now())));
}

static void
handle_config_show(struct call *call, const struct handlers *h)
{
	const struct config *config = scheduler_config(h->scheduler);
	const char *name = json_get_string(call_parameters(call), "name");
	const struct cert_config *cert = name ? config_cert(config, name) : NULL;

	if (name == NULL && !json_fits(call_parameters(call), "name", json_type_null))
		fail_argument(call, "name", "the name of a certificate is wanted");
	else if (name != NULL && cert == NULL)
		fail_no_certificate(call, name);
	else
		call_reply(call, wrap("config", config_to_json(config, cert)));
}

static void
handle_ping(struct call *call, const struct handlers *h)
{
	struct json_object *doc = json_object_new_object();

	json_add_string(doc, "version", PACKAGE_VERSION);
	json_add_int(doc, "pid", getpid());
	json_add_int(doc, "uptime_seconds", clock_now() - h->started_at);
	json_add_int(doc, "certificates", (int64_t)scheduler_count(h->scheduler));
	json_add_int(doc, "loop_longest_ms", h->lag->longest_us / 1000);
	json_add_int(doc, "loop_rounds_over_10ms", (int64_t)lag_rounds_over(h->lag, 10));
	call_reply(call, doc);
}

/* ---- changing ---- */

static void
handle_reload(struct call *call, const struct handlers *h)
{
	struct problems problems = { 0 };
	struct config_diff diff = { 0 };
	struct json_object *doc;

	if (h->reload(&problems, &diff, h->reload_arg) == -1) {
		call_error(call, METHOD_INTERFACE ".InvalidConfig",
		    wrap("problems", view_problems(&problems, false)));
	} else {
		doc = view_diff(&diff);
		json_object_object_add(doc, "warnings", view_problems(&problems, true));
		call_reply(call, doc);
	}
	config_diff_clear(&diff);
	problems_clear(&problems);
}

static void
handle_set_log_level(struct call *call, const struct handlers *h)
{
	const char *name = json_get_string(call_parameters(call), "level");
	enum log_level level = log_level_find(name ? name : "");
	struct json_object *doc;

	(void)h;
	if (level == LOG_LEVEL_COUNT) {
		fail_argument(call, "level", "one of error, warn, info, debug, trace");
		return;
	}
	log_set_level(level);
	log_info("log level is now %s", log_level_name(level));
	doc = json_object_new_object();
	json_add_string(doc, "level", log_level_name(level));
	call_reply(call, doc);
}

/* A method in the list without a handler does not compile. */
static handler_fn *const table[METHOD_COUNT] = {
#define X(id, name, flags, help) [METHOD_##id] = handle_##id,
	METHODS(X)
#undef X
};

void
handlers_run(struct call *call, void *arg)
{
	table[call_method(call)](call, arg);
}
