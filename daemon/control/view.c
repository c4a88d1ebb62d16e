/* SPDX-License-Identifier: ISC */
#include "daemon/control/view.h"

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/config.h"
#include "daemon/crypto/cert.h"
#include "daemon/renew/scheduler.h"
#include "daemon/renew/state.h"

/* How the last attempt ended. */
static const char *
last_result(const struct cert_look *look)
{
	if (look->state->failures > 0)
		return "failed";
	return look->state->issued_at > 0 ? "issued" : NULL;
}

/* How far what is in force has come into use; NULL where nothing is to be done for it. */
static const char *
deploy_result(const struct cert_look *look)
{
	const struct state_deploy *deploy = &look->state->deploy;
	const struct cert_options *options = look->config->options;

	if (look->info == NULL ||
	    options->n_outputs + options->n_deploy + options->n_verify == 0)
		return NULL;
	if (deploy->version != look->version || deploy->stage == DEPLOY_STAGE_NONE)
		return deploy->failures > 0 ? "failed" : "pending";
	return deploy_stage_name(deploy->stage);
}

/* With the page that the CA wants a person to visit. */
static char *
last_error(const struct cert_look *look)
{
	const struct cert_state *state = look->state;

	if (state->failures == 0)
		return state->deploy.failures > 0 ? xstrdup(state->deploy.error) : NULL;
	return state->page != NULL
		   ? xasprintf("%s; see %s", state->error ? state->error : "", state->page)
		   : xstrdup(state->error);
}

struct json_object *
view_certificate(const struct cert_look *look)
{
	struct json_object *doc = json_object_new_object();
	CLEAN(string) char *error = last_error(look);

	json_add_string(doc, "name", look->config->name);
	json_add_strings(doc, "names", (const char *const *)look->config->names);
	json_add_string(doc, "state", look->condition);
	if (look->info != NULL) {
		json_add_time(doc, "not_before", look->info->not_before);
		json_add_time(doc, "not_after", look->info->not_after);
	}
	if (!look->running && !look->waiting && look->decision.act_at < DECIDE_NEVER)
		json_add_time(doc, "next_renewal", look->decision.act_at);
	json_add_string(doc, "last_result", last_result(look));
	json_add_string(doc, "last_error", error);
	json_add_string(doc, "deploy", deploy_result(look));
	json_add_string(doc, "step", look->step);
	return doc;
}

/* ---- details ---- */

static void
add_leaf(struct json_object *doc, const struct cert_info *info)
{
	json_add_strings(doc, "names_in_certificate", (const char *const *)info->names);
	json_add_string(doc, "serial", info->serial);
	json_add_string(doc, "issuer", info->issuer);
	json_add_string(doc, "root", info->root);
	json_add_int(doc, "chain_length", (int64_t)info->chain_length);
	json_add_string(doc, "key_type", info->key_type);
	json_add_string(doc, "fingerprint_sha256", info->fingerprint);
	json_add_time(doc, "not_before", info->not_before);
	json_add_time(doc, "not_after", info->not_after);
	json_add_string(doc, "ari_id", info->ari_id);
}

static struct json_object *
view_ari(const struct state_ari *ari)
{
	struct json_object *doc = json_object_new_object();

	json_add_time(doc, "window_start", ari->start);
	json_add_time(doc, "window_end", ari->end);
	json_add_time(doc, "drawn", ari->drawn);
	json_add_string(doc, "explanation_url", ari->explanation);
	json_add_time(doc, "polled_at", ari->polled_at);
	json_add_time(doc, "next_poll", ari->next_poll);
	json_add_string(doc, "error", ari->error);
	if (ari->unsupported)
		json_add_bool(doc, "unsupported", true);
	return doc;
}

static void
add_files(struct json_object *doc, const struct cert_look *look, const char *state_dir)
{
	static const char *const files[] = { "privkey", "cert", "chain", "fullchain" };
	struct json_object *list = json_object_new_object();

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		CLEAN(string)
		char *path =
		    xasprintf("%s/live/%s/%s.pem", state_dir, look->config->name, files[i]);

		json_add_string(list, files[i], path);
	}
	json_object_object_add(doc, "files", list);
}

static void
add_failure(struct json_object *doc, const struct cert_state *state)
{
	struct json_object *failure = json_object_new_object();

	json_add_int(failure, "count", state->failures);
	json_add_time(failure, "at", state->failed_at);
	json_add_string(failure, "problem", state->problem);
	json_add_string(failure, "error", state->error);
	json_add_string(failure, "account", state->failed_with);
	json_add_string(failure, "page", state->page);
	json_add_time(failure, "retry_at", state->retry_at);
	json_object_object_add(doc, "failure", failure);
}

static struct json_object *
view_deploy(const struct cert_look *look)
{
	const struct state_deploy *deploy = &look->state->deploy;
	struct json_object *doc = json_object_new_object();

	json_add_string(doc, "state", deploy_result(look));
	json_add_int(doc, "version", look->version);
	json_add_time(doc, "done_at", deploy->done_at);
	json_add_time(doc, "next_at", look->decision.deploy_at);
	if (deploy->failures > 0) {
		json_add_int(doc, "failures", deploy->failures);
		json_add_time(doc, "failed_at", deploy->failed_at);
		json_add_time(doc, "retry_at", deploy->retry_at);
		json_add_string(doc, "error", deploy->error);
	}
	return doc;
}

static struct json_object *
view_hold(const struct state_hold *hold)
{
	struct json_object *doc = json_object_new_object();

	json_add_time(doc, "until", hold->until);
	json_add_string(doc, "why", hold->why);
	return doc;
}

/* What both `show` and `why` tell. */
static void
add_common(struct json_object *doc, const struct cert_look *look)
{
	if (look->state->ari.cert_id != NULL)
		json_object_object_add(doc, "ari", view_ari(&look->state->ari));
	if (deploy_result(look) != NULL)
		json_object_object_add(doc, "deploy", view_deploy(look));
	if (look->state->hold.on)
		json_object_object_add(doc, "hold", view_hold(&look->state->hold));
}

struct json_object *
view_details(const struct cert_look *look, const char *state_dir)
{
	const struct cert_state *state = look->state;
	struct json_object *doc = view_certificate(look);

	json_add_strings(doc, "accounts",
	    (const char *const *)look->config->options->accounts);
	json_add_string(doc, "configured_in", look->config->file);
	json_add_string(doc, "profile", look->config->options->profile);
	json_add_string(doc, "damage", look->damage);
	if (look->info != NULL) {
		add_leaf(doc, look->info);
		json_add_int(doc, "version", look->version);
		add_files(doc, look, state_dir);
	}
	json_add_time(doc, "issued_at", state->issued_at);
	json_add_string(doc, "issued_by", state->issued_by);
	add_common(doc, look);
	json_add_string(doc, "order", state->order_url);
	json_add_time(doc, "order_started_at", look->started_at);
	if (state->failures > 0)
		add_failure(doc, state);
	return doc;
}

/* ---- the decision ---- */

static struct json_object *
view_budgets(const struct cert_look *look)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < look->n_budgets; i++) {
		const struct cert_budget *b = &look->budgets[i];
		struct json_object *one = json_object_new_object();

		json_add_string(one, "what", b->what);
		json_add_int(one, "limit", b->limit);
		json_add_int(one, "left", b->left);
		json_add_int(one, "seconds", b->per);
		json_object_array_add(list, one);
	}
	return list;
}

struct json_object *
view_decision(const struct cert_look *look, time_t now)
{
	const struct decision *d = &look->decision;
	struct json_object *doc = json_object_new_object();
	struct json_object *reasons = json_object_new_array();
	CLEAN(string) char *sentence = decide_sentence(d, now);

	json_add_string(doc, "name", look->config->name);
	json_add_string(doc, "state", look->condition);
	json_add_string(doc, "action",
	    look->running     ? "busy"
	    : d->act_at > now ? "wait"
			      : decide_action_name(d->action));
	json_add_string(doc, "next", sentence);
	json_add_time(doc, "due_at", d->due_at);
	if (d->act_at < DECIDE_NEVER)
		json_add_time(doc, "act_at", d->act_at);
	json_add_time(doc, "poll_at", d->poll_at);
	json_add_time(doc, "deploy_at", d->deploy_at);
	for (size_t i = 0; i < d->n_reasons; i++) {
		struct json_object *one = json_object_new_object();

		json_add_string(one, "code", d->reasons[i].code);
		json_add_string(one, "text", d->reasons[i].text);
		json_object_array_add(reasons, one);
	}
	json_object_object_add(doc, "reasons", reasons);
	json_add_string(doc, "account", look->account);
	if (look->n_budgets > 0)
		json_object_object_add(doc, "budgets", view_budgets(look));
	add_common(doc, look);
	return doc;
}

/* ---- the rest ---- */

struct json_object *
view_event(const struct scheduler_event *event)
{
	struct json_object *doc = json_object_new_object();

	json_add_time(doc, "time", event->at);
	json_add_string(doc, "event", event_type_name(event->type));
	json_add_string(doc, "name", event->name);
	json_add_string(doc, "step", event->step);
	json_add_string(doc, "text", event->text ? event->text : "");
	return doc;
}

struct json_object *
view_problems(const struct problems *problems, bool warnings)
{
	struct json_object *list = json_object_new_array();

	for (size_t i = 0; i < problems->count; i++) {
		const struct problem *p = &problems->list[i];
		struct json_object *one;

		if (p->warning != warnings)
			continue;
		one = json_object_new_object();
		json_add_string(one, "file", p->file);
		json_add_int(one, "line", p->line);
		json_add_int(one, "column", p->column);
		json_add_bool(one, "warning", p->warning);
		json_add_string(one, "text", p->text);
		json_object_array_add(list, one);
	}
	return list;
}

struct json_object *
view_diff(const struct config_diff *diff)
{
	struct json_object *doc = json_object_new_object();

	json_add_strings(doc, "added", (const char *const *)diff->added);
	json_add_strings(doc, "changed", (const char *const *)diff->changed);
	json_add_strings(doc, "removed", (const char *const *)diff->removed);
	return doc;
}
