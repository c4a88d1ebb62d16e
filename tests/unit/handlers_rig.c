/* SPDX-License-Identifier: ISC */
#include "tests/unit/handlers_rig.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/config.h"
#include "daemon/control/handlers.h"
#include "daemon/control/server.h"
#include "daemon/control/view.h"
#include "daemon/io/clock.h"
#include "daemon/io/lag.h"
#include "daemon/renew/scheduler.h"
#include "daemon/renew/state.h"

/* ---- in place of the server, the scheduler and the configuration ---- */

struct subscription {
	scheduler_event_fn *fn;
	void *arg;
};

struct rig rig;

static char *names[][2] = { { (char *)"a" }, { (char *)"b" }, { (char *)"c" } };
static const struct cert_config certs[] = { { .name = (char *)"a", .names = names[0] },
	{ .name = (char *)"b", .names = names[1] },
	{ .name = (char *)"c", .names = names[2] } };
static const struct cert_state no_state;
static struct config rig_next;

static void
say(const char *what, const char *name, struct json_object *doc)
{
	CLEAN(string) char *text = doc ? json_print(doc) : NULL;

	text_add(&rig.transcript, "%s%s%s%s%s\n", what, name ? " " : "", name ? name : "",
	    text ? " " : "", text ? text : "");
	json_object_put(doc);
}

enum method
call_method(const struct call *call)
{
	return call->method;
}

struct json_object *
call_parameters(const struct call *call)
{
	assert_false(call->ended);
	return call->parameters;
}

bool
call_wants_more(const struct call *call)
{
	assert_false(call->ended);
	return call->more;
}

void
call_keep(struct call *call, void *state, void (*state_free)(void *))
{
	call->state = state;
	call->state_free = state_free;
}

static void
end(struct call *call)
{
	assert_false(call->ended);
	call->ended = true;
	json_object_put(call->parameters);
	if (call->state_free != NULL)
		call->state_free(call->state);
}

void
call_continue(struct call *call, struct json_object *parameters)
{
	assert_false(call->ended);
	say("continue", NULL, parameters);
}

void
call_reply(struct call *call, struct json_object *parameters)
{
	say("reply", NULL, parameters);
	end(call);
}

void
call_error(struct call *call, const char *name, struct json_object *parameters)
{
	say("error", name, parameters);
	end(call);
}

void
call_fail(struct call *call, const struct err *err)
{
	say("fail", err->text, NULL);
	end(call);
}

time_t
clock_now(void)
{
	return RIG_NOW;
}

void
scheduler_look_at(const struct scheduler *s, size_t i, struct cert_look *ret)
{
	(void)s;
	*ret = (struct cert_look){ .config = &certs[i],
		.state = &no_state,
		.condition = "valid",
		.step = i == 1 ? "validate" : NULL };
}

bool
scheduler_look(const struct scheduler *s, const char *name, struct cert_look *ret)
{
	for (size_t i = 0; i < COUNT(certs); i++) {
		if (!str_eq(certs[i].name, name))
			continue;
		scheduler_look_at(s, i, ret);
		return true;
	}
	return false;
}

size_t
scheduler_count(const struct scheduler *s)
{
	(void)s;
	return COUNT(certs);
}

struct config *
scheduler_config(const struct scheduler *s)
{
	(void)s;
	return NULL;
}

const char *
scheduler_state_dir(const struct scheduler *s)
{
	(void)s;
	return "/var/lib/acmed";
}

/* Of "b" an order is under way. */
int
scheduler_ask(struct scheduler *s, const char *name, enum scheduler_ask ask,
    struct err *err)
{
	(void)s;
	if (str_eq(name, "b"))
		return err_set(err, ERR_BUSY, "b: an order is under way");
	say(ask == ASK_NOW ? "now" : "if due", name, NULL);
	return 0;
}

int
scheduler_hold(struct scheduler *s, const char *name, time_t until, struct err *err)
{
	(void)s;
	if (until != 0 && until <= RIG_NOW)
		return err_set(err, ERR_CONFIG, "%s: that instant has passed", name);
	say(until == 0 ? "hold for good" : "hold", name, NULL);
	return 0;
}

int
scheduler_resume(struct scheduler *s, const char *name, struct err *err)
{
	(void)s;
	(void)err;
	say("resume", name, NULL);
	return 0;
}

int
scheduler_rollback(struct scheduler *s, const char *name, unsigned version, struct err *err)
{
	(void)s;
	if (str_eq(name, "b"))
		return err_set(err, ERR_BUSY, "b: an order is under way");
	say(version == 0 ? "roll back" : "roll back to a version", name, NULL);
	return 0;
}

struct subscription *
scheduler_subscribe(struct scheduler *s, scheduler_event_fn *fn, void *arg)
{
	(void)s;
	for (size_t i = 0; i < RIG_CALLS; i++) {
		if (rig.subscriptions[i] != NULL)
			continue;
		rig.subscriptions[i] = xcalloc(1, sizeof(struct subscription));
		*rig.subscriptions[i] = (struct subscription){ fn, arg };
		return rig.subscriptions[i];
	}
	fail();
	return NULL;
}

void
subscription_free(struct subscription *sub)
{
	for (size_t i = 0; i < RIG_CALLS; i++)
		if (rig.subscriptions[i] == sub)
			rig.subscriptions[i] = NULL;
	free(sub);
}

const char *
event_type_name(enum event_type type)
{
	static const char *const type_names[EVENT_TYPE_COUNT] = {
		[EVENT_STEP] = "step",
		[EVENT_ISSUED] = "issued",
		[EVENT_RENEWED] = "renewed",
		[EVENT_KEPT] = "kept",
		[EVENT_FAILED] = "failed",
		[EVENT_DEPLOYED] = "deployed",
		[EVENT_ROLLED_BACK] = "rolled-back",
		[EVENT_ARI] = "ari",
	};

	return type_names[type];
}

void
rig_happens(enum event_type type, const char *name)
{
	const struct err err = { .kind = ERR_REFUSED, .text = "no" };
	const struct scheduler_event event = { .type = type,
		.at = RIG_NOW,
		.name = name,
		.text = "text",
		.err = type == EVENT_FAILED ? &err : NULL };

	for (size_t i = 0; i < RIG_CALLS; i++)
		if (rig.subscriptions[i] != NULL)
			rig.subscriptions[i]->fn(&event, rig.subscriptions[i]->arg);
}

const struct cert_config *
config_cert(const struct config *c, const char *name)
{
	(void)c;
	return str_eq(name, "a") ? &certs[0] : NULL;
}

struct json_object *
config_to_json(const struct config *c, const struct cert_config *cert)
{
	(void)c;
	return json_object_new_string(cert ? cert->name : "all");
}

void
config_compare(const struct config *old, const struct config *next, struct config_diff *ret)
{
	(void)old;
	assert_ptr_equal(next, &rig_next);
	strv_add(&ret->added, "c");
	strv_add(&ret->added, "d");
	strv_add(&ret->changed, "a");
	strv_add(&ret->removed, "b");
}

void
config_free(struct config *c)
{
	assert_true(c == NULL || c == &rig_next);
}

void
config_diff_clear(struct config_diff *diff)
{
	strv_free(diff->added);
	strv_free(diff->changed);
	strv_free(diff->removed);
}

void
problems_clear(struct problems *p)
{
	free(p->list);
}

static struct config *
load(struct problems *problems, void *arg)
{
	assert_ptr_equal(arg, &rig);
	if (!rig.reload_fails)
		return &rig_next;
	problems->count = 1;
	problems->list = xcalloc(1, sizeof(*problems->list));
	*problems->list =
	    (struct problem){ (char *)"a.yaml", 3, 4, false, (char *)"wrong" };
	return NULL;
}

static bool
has_files(const char *name, void *arg)
{
	(void)arg;
	return str_eq(name, "d");
}

static int
reload(struct problems *problems, struct config_diff *diff, void *arg)
{
	static const struct problem both[] = {
		{ (char *)"a.yaml", 1, 2, true, (char *)"beware" },
		{ (char *)"a.yaml", 3, 4, false, (char *)"wrong" },
	};

	assert_ptr_equal(arg, &rig);
	problems->count = rig.reload_fails ? 2 : 1;
	problems->list = xmemdup(both, problems->count * sizeof(both[0]));
	if (rig.reload_fails)
		return -1;
	strv_add(&diff->added, "c");
	return 0;
}

/* ---- calling ---- */

static const struct lag lag = { .rounds = { 100, 10, 5, 4, 3, 1 }, .longest_us = 41999 };

static const struct handlers handlers = { .started_at = RIG_NOW - 100,
	.lag = &lag,
	.reload = reload,
	.load = load,
	.has_files = has_files,
	.reload_arg = &rig };

void
rig_begin(enum method method, const char *parameters, bool more)
{
	struct call *call = &rig.calls[rig.n_calls++];
	struct err err = { 0 };

	assert_true(rig.n_calls <= RIG_CALLS);
	*call = (struct call){ .method = method, .more = more };
	call->parameters = json_parse(parameters, strlen(parameters), &err);
	assert_non_null(call->parameters);
	handlers_run(call, (void *)&handlers);
}

void
rig_expect(const char *transcript)
{
	CLEAN(string) char *text = text_take(&rig.transcript);

	assert_string_equal(text, transcript);
}

void
rig_check(enum method method, const char *parameters, const char *transcript)
{
	rig_begin(method, parameters, false);
	rig_expect(transcript);
	assert_true(rig.calls[--rig.n_calls].ended);
}

int
rig_set_up(void **state)
{
	(void)state;
	rig = (struct rig){ 0 };
	return 0;
}

/* Whoever is still waiting is gone. */
int
rig_tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < rig.n_calls; i++)
		if (!rig.calls[i].ended)
			end(&rig.calls[i]);
	for (size_t i = 0; i < RIG_CALLS; i++)
		assert_null(rig.subscriptions[i]);
	text_clear(&rig.transcript);
	return 0;
}
