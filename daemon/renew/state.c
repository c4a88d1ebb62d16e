/* SPDX-License-Identifier: ISC */
#include "daemon/renew/state.h"

#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"

void
state_set(char **field, const char *value)
{
	char *copy = xstrdup(value);

	free(*field);
	*field = copy;
}

void
state_ari_clear(struct state_ari *ari)
{
	free(ari->cert_id);
	free(ari->error);
	free(ari->explanation);
	*ari = (struct state_ari){ 0 };
}

void
state_deploy_clear(struct state_deploy *deploy)
{
	free(deploy->config);
	free(deploy->event);
	free(deploy->error);
	*deploy = (struct state_deploy){ 0 };
}

void
state_clear(struct cert_state *s)
{
	state_ari_clear(&s->ari);
	state_deploy_clear(&s->deploy);
	free(s->hold.why);
	free(s->failed_with);
	free(s->page);
	free(s->order_url);
	free(s->order_account);
	free(s->order_config);
	free(s->replaces_refused);
	free(s->problem);
	free(s->error);
	free(s->issued_by);
	free(s->serial);
	*s = (struct cert_state){ 0 };
}

static const char *const stage_names[DEPLOY_STAGE_COUNT] = {
	[DEPLOY_STAGE_NONE] = "none",
	[DEPLOY_STAGE_DEPLOYED] = "deployed",
	[DEPLOY_STAGE_VERIFIED] = "verified",
};

const char *
deploy_stage_name(enum deploy_stage stage)
{
	return stage_names[stage];
}

/* ---- reading ---- */

static time_t
read_time(struct json_object *doc, const char *key)
{
	const char *text = json_get_string(doc, key);
	struct err ignored = { 0 };
	time_t at = 0;

	if (text == NULL || timefmt_parse(text, &at, &ignored) == -1)
		return 0;
	return at;
}

static char *
read_string(struct json_object *doc, const char *key)
{
	return xstrdup(json_get_string(doc, key));
}

static unsigned
read_count(struct json_object *doc, const char *key)
{
	int64_t n = json_get_int(doc, key, 0);

	return n < 0 || n > INT32_MAX ? 0 : (unsigned)n;
}

static void
read_ari(struct state_ari *ari, struct json_object *doc)
{
	ari->cert_id = read_string(doc, "cert_id");
	if (ari->cert_id == NULL)
		return;
	ari->start = read_time(doc, "start");
	ari->end = read_time(doc, "end");
	ari->drawn = read_time(doc, "drawn");
	if (ari->end <= ari->start || ari->drawn < ari->start || ari->drawn > ari->end)
		ari->start = ari->end = ari->drawn = 0;
	ari->polled_at = read_time(doc, "polled_at");
	ari->next_poll = read_time(doc, "next_poll");
	ari->errors = read_count(doc, "errors");
	ari->error = read_string(doc, "error");
	ari->explanation = read_string(doc, "explanation_url");
	ari->unsupported = json_get_bool(doc, "unsupported", false);
	ari->moved_at = read_time(doc, "moved_at");
}

static void
read_deploy(struct state_deploy *deploy, struct json_object *doc)
{
	const char *stage = json_get_string(doc, "stage");

	deploy->version = read_count(doc, "version");
	for (int i = 0; i < DEPLOY_STAGE_COUNT; i++)
		if (str_eq(stage_names[i], stage))
			deploy->stage = (enum deploy_stage)i;
	deploy->config = read_string(doc, "config");
	deploy->event = read_string(doc, "event");
	deploy->urgent = json_get_bool(doc, "urgent", false);
	deploy->old_ends = read_time(doc, "old_ends");
	deploy->done_at = read_time(doc, "done_at");
	deploy->failures = read_count(doc, "failures");
	deploy->failed_at = read_time(doc, "failed_at");
	deploy->retry_at = read_time(doc, "retry_at");
	deploy->error = read_string(doc, "error");
}

static void
read_hold(struct state_hold *hold, struct json_object *doc)
{
	hold->on = doc != NULL;
	hold->until = read_time(doc, "until");
	hold->why = read_string(doc, "why");
}

static enum err_kind
read_kind(struct json_object *doc)
{
	const char *name = json_get_string(doc, "kind");

	for (int kind = 0; kind < ERR_KIND_COUNT; kind++)
		if (str_eq(err_kind_name((enum err_kind)kind), name))
			return (enum err_kind)kind;
	return ERR_NONE;
}

void
state_read(struct cert_state *s, struct json_object *doc)
{
	struct json_object *order = json_get_object(doc, "order");
	struct json_object *failure = json_get_object(doc, "failure");

	state_clear(s);
	s->order_url = read_string(order, "url");
	s->order_account = read_string(order, "account");
	s->order_config = read_string(order, "config");
	read_ari(&s->ari, json_get_object(doc, "ari"));
	s->replaces_refused = read_string(doc, "replaces_refused");
	s->failures = read_count(failure, "count");
	s->failed_at = read_time(failure, "at");
	s->retry_at = read_time(failure, "retry_at");
	s->retry_firm = json_get_bool(failure, "retry_firm", false);
	s->failed_with = read_string(failure, "account");
	s->rehearse = json_get_bool(failure, "rehearse", false);
	s->page = read_string(failure, "page");
	s->kind = read_kind(failure);
	s->problem = read_string(failure, "problem");
	s->error = read_string(failure, "error");
	s->issued_at = read_time(doc, "issued_at");
	s->issued_by = read_string(doc, "issued_by");
	s->serial = read_string(doc, "serial");
	s->rapid = read_count(doc, "rapid");
	read_deploy(&s->deploy, json_get_object(doc, "deploy"));
	read_hold(&s->hold, json_get_object(doc, "hold"));
	s->told = read_count(doc, "told");
}

/* ---- writing ---- */

static struct json_object *
ari_to_json(const struct state_ari *ari)
{
	struct json_object *doc = json_object_new_object();

	json_add_string(doc, "cert_id", ari->cert_id);
	json_add_time(doc, "start", ari->start);
	json_add_time(doc, "end", ari->end);
	json_add_time(doc, "drawn", ari->drawn);
	json_add_time(doc, "polled_at", ari->polled_at);
	json_add_time(doc, "next_poll", ari->next_poll);
	if (ari->errors > 0)
		json_add_int(doc, "errors", ari->errors);
	json_add_string(doc, "error", ari->error);
	json_add_string(doc, "explanation_url", ari->explanation);
	if (ari->unsupported)
		json_add_bool(doc, "unsupported", true);
	json_add_time(doc, "moved_at", ari->moved_at);
	return doc;
}

static struct json_object *
deploy_to_json(const struct state_deploy *deploy)
{
	struct json_object *doc = json_object_new_object();

	json_add_int(doc, "version", deploy->version);
	json_add_string(doc, "stage", deploy_stage_name(deploy->stage));
	json_add_string(doc, "config", deploy->config);
	json_add_string(doc, "event", deploy->event);
	if (deploy->urgent)
		json_add_bool(doc, "urgent", true);
	json_add_time(doc, "old_ends", deploy->old_ends);
	json_add_time(doc, "done_at", deploy->done_at);
	if (deploy->failures > 0) {
		json_add_int(doc, "failures", deploy->failures);
		json_add_time(doc, "failed_at", deploy->failed_at);
		json_add_time(doc, "retry_at", deploy->retry_at);
		json_add_string(doc, "error", deploy->error);
	}
	return doc;
}

static struct json_object *
hold_to_json(const struct state_hold *hold)
{
	struct json_object *doc = json_object_new_object();

	json_add_time(doc, "until", hold->until);
	json_add_string(doc, "why", hold->why);
	return doc;
}

static struct json_object *
failure_to_json(const struct cert_state *s)
{
	struct json_object *doc = json_object_new_object();

	json_add_int(doc, "count", s->failures);
	json_add_time(doc, "at", s->failed_at);
	json_add_time(doc, "retry_at", s->retry_at);
	if (s->retry_firm)
		json_add_bool(doc, "retry_firm", true);
	json_add_string(doc, "account", s->failed_with);
	if (s->rehearse)
		json_add_bool(doc, "rehearse", true);
	json_add_string(doc, "page", s->page);
	json_add_string(doc, "kind", err_kind_name(s->kind));
	json_add_string(doc, "problem", s->problem);
	json_add_string(doc, "error", s->error);
	return doc;
}

struct json_object *
state_to_json(const struct cert_state *s)
{
	struct json_object *doc = json_object_new_object();

	if (s->order_url != NULL) {
		struct json_object *order = json_object_new_object();

		json_add_string(order, "url", s->order_url);
		json_add_string(order, "account", s->order_account);
		json_add_string(order, "config", s->order_config);
		json_object_object_add(doc, "order", order);
	}
	if (s->ari.cert_id != NULL)
		json_object_object_add(doc, "ari", ari_to_json(&s->ari));
	json_add_string(doc, "replaces_refused", s->replaces_refused);
	if (s->failures > 0)
		json_object_object_add(doc, "failure", failure_to_json(s));
	json_add_time(doc, "issued_at", s->issued_at);
	json_add_string(doc, "issued_by", s->issued_by);
	json_add_string(doc, "serial", s->serial);
	if (s->rapid > 0)
		json_add_int(doc, "rapid", s->rapid);
	if (s->deploy.version > 0)
		json_object_object_add(doc, "deploy", deploy_to_json(&s->deploy));
	if (s->hold.on)
		json_object_object_add(doc, "hold", hold_to_json(&s->hold));
	if (s->told != 0)
		json_add_int(doc, "told", s->told);
	return doc;
}
