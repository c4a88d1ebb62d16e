/* SPDX-License-Identifier: ISC */
/* One certificate: what is known of it, and what is decided about it. */
#include "common/crypto/key.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/acme/account.h"
#include "daemon/acme/ari.h"
#include "daemon/crypto/cert.h"
#include "daemon/io/clock.h"
#include "daemon/io/worker.h"
#include "daemon/renew/scheduler_internal.h"
#include "daemon/store/store.h"

/* ---- deciding ---- */

/* What the configuration wants otherwise than the certificate in force, or NULL. */
static const char *
what_changed(const struct managed *m)
{
	enum key_type wanted = m->config->options->key_type;

	if (m->info == NULL)
		return NULL;
	if (!strv_same_set((const char *const *)m->info->names,
		(const char *const *)m->config->names))
		return "other names";
	if (!str_eq(m->info->key_type, key_type_name(wanted)) &&
	    !m->config->options->reuse_key)
		return "another type of key";
	return NULL;
}

struct account *
managed_issuer(const struct managed *m)
{
	struct accounts *accounts = m->scheduler->deps.accounts;
	const struct config *config = m->scheduler->config;
	const char *directory = m->state.issued_by;

	for (char **name = m->config->options->accounts; *name != NULL; name++) {
		struct account *a = accounts_find(accounts, *name);

		if (a != NULL && str_eq(account_directory_url(a), directory))
			return a;
	}
	for (size_t i = 0; config != NULL && i < config->n_accounts; i++)
		if (str_eq(config->accounts[i]->directory, directory))
			return accounts_find(accounts, config->accounts[i]->name);
	return NULL;
}

const char *
managed_order(const struct managed *m)
{
	const struct cert_state *s = &m->state;

	return str_eq(s->order_account, m->config->options->accounts[0]) &&
		       str_eq(s->order_config, m->config->hash)
		   ? s->order_url
		   : NULL;
}

/* A number that differs from certificate to certificate: the start of its fingerprint. */
static uint32_t
spread_of(const struct cert_info *info)
{
	char start[9] = "";

	snprintf(start, sizeof(start), "%.8s", info->fingerprint ? info->fingerprint : "0");
	return (uint32_t)strtoul(start, NULL, 16);
}

static void
make_decision(const struct managed *m, struct decision *ret)
{
	struct decide_input in = { .now = clock_now(),
		.options = m->config->options,
		.state = &m->state,
		.have_cert = m->info != NULL,
		.damage = m->damage,
		.changed = what_changed(m),
		.running = m->job != NULL,
		.unfinished = managed_order(m) != NULL };

	if (m->info != NULL) {
		in.ari_id = m->info->ari_id;
		in.ari_askable = managed_issuer(m) != NULL;
		in.not_before = m->info->not_before;
		in.not_after = m->info->not_after;
		in.spread = spread_of(m->info);
	}
	decide(&in, ret);
}

/* A person who asked whether it is due, and it is not. */
static void
tell_kept(struct managed *m, const struct decision *d)
{
	CLEAN(string) char *sentence = decide_sentence(d, clock_now());

	m->wish = WISH_NONE;
	managed_tell(m, EVENT_KEPT, NULL, sentence, NULL);
}

void
managed_think(struct managed *m)
{
	struct decision d;
	time_t now = clock_now();
	time_t wake;
	bool poll;

	if (m->job != NULL || m->waiting || m->ari != NULL)
		return; /* whatever it is, its end brings us here again */
	make_decision(m, &d);
	/* The CA's word comes before ours, unless a person was plain. */
	poll = m->wish != WISH_NOW && d.poll_at != 0 &&
	       (d.poll_at <= now || (m->wish == WISH_IF_DUE && !m->asked));
	if (poll) {
		managed_start_poll(m);
		return;
	}
	if (m->wish == WISH_NOW || d.act_at <= now ||
	    (m->wish == WISH_IF_DUE && d.due_at <= now)) {
		scheduler_wake_at(m->scheduler, m, 0);
		scheduler_enqueue(m->scheduler, m);
		return;
	}
	wake = d.poll_at != 0 && d.poll_at < d.act_at ? d.poll_at : d.act_at;
	scheduler_wake_at(m->scheduler, m, wake);
	if (m->wish == WISH_IF_DUE)
		tell_kept(m, &d); /* who is told may ask again */
}

int
managed_ask(struct managed *m, enum scheduler_ask ask, struct err *err)
{
	if (m->job != NULL || m->waiting || m->wish != WISH_NONE)
		return err_set(err, ERR_BUSY, "%s: an order is under way", m->config->name);
	m->wish = ask == ASK_NOW ? WISH_NOW : WISH_IF_DUE;
	m->asked = false;
	ari_fetch_free(TAKE(m->ari));
	/* Begun by the loop: whoever asks may want to subscribe first. */
	scheduler_wake_at(m->scheduler, m, 1);
	return 0;
}

/* ---- looking ---- */

static const char *
condition_of(const struct managed *m, time_t now)
{
	if (m->job != NULL)
		return m->info == NULL ? "issuing" : "renewing";
	if (m->waiting)
		return "waiting";
	if (m->info == NULL)
		return m->state.failures > 0 ? "failed" : "missing";
	if (m->info->not_after <= now)
		return "expired";
	if (m->state.failures > 0)
		return "failed";
	return "valid";
}

void
managed_look(const struct managed *m, struct cert_look *ret)
{
	*ret = (struct cert_look){ .config = m->config,
		.state = &m->state,
		.info = m->info,
		.damage = m->damage,
		.version = m->version,
		.running = m->job != NULL,
		.waiting = m->waiting,
		.step = m->job       ? job_step(m->job)
			: m->waiting ? "waiting"
				     : NULL,
		.started_at = m->job ? job_started_at(m->job) : 0,
		.condition = condition_of(m, clock_now()) };
	make_decision(m, &ret->decision);
}

/* ---- life ---- */

/* The pair in force, as it lies on disk: nothing else says that a certificate is there. */
static void
read_live(struct managed *m)
{
	struct store *store = m->scheduler->deps.job.store;
	struct err err = { 0 };
	CLEAN(chain) struct chain *chain = store_live(store, m->config->name, NULL, &err);

	m->version = store_live_version(store, m->config->name);
	if (chain != NULL)
		m->info = chain_info(chain);
	else if (m->version > 0)
		m->damage = xstrdup(err.text);
	if (m->damage != NULL)
		log_warn("%s: %s", m->config->name, m->damage);
}

struct managed *
managed_new(struct scheduler *s, const struct cert_config *config)
{
	struct managed *m = xcalloc(1, sizeof(*m));
	CLEAN(json) struct json_object *doc = store_state(s->deps.job.store, config->name);

	m->scheduler = s;
	m->config = config;
	state_read(&m->state, doc);
	read_live(m);
	managed_catch_up(m);
	return m;
}

static void
drop_job(struct managed *m)
{
	if (m->job == NULL)
		return;
	job_free(TAKE(m->job));
	m->record_waits = false;
	scheduler_job_ended(m->scheduler, m);
}

void
managed_cancel(struct managed *m, const char *why)
{
	struct err err = { 0 };

	if (m->job == NULL && m->wish == WISH_NONE)
		return;
	drop_job(m);
	m->wish = WISH_NONE;
	err_set(&err, ERR_CANCELLED, "%s", why);
	managed_tell(m, EVENT_FAILED, NULL, err.text, &err);
}

void
managed_set_config(struct managed *m, const struct cert_config *config)
{
	bool changed = !str_eq(m->config->hash, config->hash);

	m->config = config;
	if (!changed)
		return;
	/* What failed, failed under other settings: a mended one is tried at once. */
	m->state.failures = 0;
	m->state.retry_at = 0;
	m->state.rapid = 0;
	if (m->job != NULL)
		managed_cancel(m, "the configuration has changed");
}

void
managed_free(struct managed *m)
{
	struct scheduler *s = m->scheduler;

	heap_set(&s->heap, &m->wake, 0);
	if (m->waiting)
		TAILQ_REMOVE(&s->queue, m, entry);
	drop_job(m);
	ari_fetch_free(m->ari);
	worker_task_free(m->saving);
	state_clear(&m->state);
	cert_info_free(m->info);
	free(m->damage);
	free(m);
}
