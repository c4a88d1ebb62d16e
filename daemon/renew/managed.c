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
#include "daemon/renew/deploy.h"
#include "daemon/renew/found.h"
#include "daemon/renew/scheduler_internal.h"
#include "daemon/store/store.h"

/* After a start, with many certificates: over as much time as most CAs want between two
 * questions about the same one, so that later ones are spread as well. */
#define FIRST_POLLS    ((time_t)6 * 3600)
#define POLLS_A_SECOND 1

/* Where a CA has moved windows forward, so many are renewed a second, as far as that ends
 * within some minutes. */
#define INCIDENT_A_SECOND 4
#define INCIDENT_SPREAD   ((time_t)5 * 60)

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

	return strv_contains((const char *const *)m->config->options->accounts,
		   s->order_account) &&
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

/* What was never asked about, and what should have been while acmed did not run, is asked
 * about in the first hours, so many a second. Then it goes on as it was spread here. */
static time_t
poll_from(const struct managed *m, uint32_t spread)
{
	const struct scheduler *s = m->scheduler;
	const struct state_ari *ari = &m->state.ari;
	time_t over = (time_t)s->count / POLLS_A_SECOND;

	if (m->version > m->first_version || s->started_at > clock_now())
		return 0; /* issued since; or the clock was set back */
	if (str_eq(ari->cert_id, m->info->ari_id) && ari->next_poll >= s->started_at)
		return 0;
	if (over > FIRST_POLLS)
		over = FIRST_POLLS;
	return s->started_at + (time_t)((uint64_t)over * spread / UINT32_MAX);
}

static time_t
incident_spread(const struct managed *m)
{
	time_t wanted = (time_t)m->scheduler->count / INCIDENT_A_SECOND;

	return wanted < INCIDENT_SPREAD ? wanted : INCIDENT_SPREAD;
}

void
managed_decide(const struct managed *m, struct decision *ret)
{
	struct managed_holds holds;
	struct decide_input in = { .now = clock_now(),
		.options = m->config->options,
		.state = &m->state,
		.have_cert = m->info != NULL,
		.damage = m->damage,
		.changed = what_changed(m),
		.running = m->job != NULL,
		.unfinished = managed_order(m) != NULL,
		.holds = holds.list,
		.version = m->version,
		.config_hash = m->config->hash,
		.deploying = m->deploy != NULL || m->rollback != NULL };

	managed_holds(m, &holds);
	in.n_holds = holds.count;
	if (m->info != NULL) {
		in.ari_id = m->info->ari_id;
		in.ari_askable = managed_issuer(m) != NULL;
		in.not_before = m->info->not_before;
		in.not_after = m->info->not_after;
		in.spread = spread_of(m->info);
		in.incident_spread = incident_spread(m);
		in.poll_from = poll_from(m, in.spread);
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

/* The CA's word comes before ours, unless a person was plain. */
static bool
wants_poll(const struct managed *m, const struct decision *d, time_t now)
{
	if (m->wish == WISH_NOW || d->poll_at == 0)
		return false;
	return d->poll_at <= now || (m->wish == WISH_IF_DUE && !m->asked);
}

static bool
wants_order(const struct managed *m, const struct decision *d, time_t now)
{
	return m->wish == WISH_NOW || d->act_at <= now ||
	       (m->wish == WISH_IF_DUE && d->hand_at <= now);
}

bool
managed_wants_order(const struct managed *m)
{
	struct decision d;

	managed_decide(m, &d);
	return wants_order(m, &d, clock_now());
}

/* When it goes into use by itself; 0: it does not, or something has to end before. */
static time_t
next_use(const struct managed *m, const struct decision *d)
{
	return m->deploy == NULL && m->rollback == NULL && m->job == NULL ? d->deploy_at
									  : 0;
}

/* The earliest instant at which something changes by itself. */
static time_t
next_instant(const struct managed *m, const struct decision *d, time_t now)
{
	time_t wake = d->act_at, use = next_use(m, d);

	if (d->poll_at != 0 && d->poll_at < wake)
		wake = d->poll_at;
	if (use != 0 && use < wake)
		wake = use;
	if (d->expiring_at > now && d->expiring_at < wake)
		wake = d->expiring_at;
	if (m->save_at > now && m->save_at < wake)
		wake = m->save_at;
	return wake;
}

static void
think_of_use(struct managed *m, const struct decision *d, time_t now)
{
	time_t use = next_use(m, d);

	if (use != 0 && use <= now)
		managed_start_deploy(m, d->deploy_check);
	if (managed_alert(m) || (m->save_at != 0 && m->save_at <= now))
		managed_save(m);
}

void
managed_think(struct managed *m)
{
	struct decision d;
	time_t now = clock_now();

	managed_decide(m, &d);
	think_of_use(m, &d, now);
	scheduler_wake_at(m->scheduler, m, next_use(m, &d));
	if (m->job != NULL || m->waiting || m->ari != NULL || m->poll_waiting ||
	    m->rollback != NULL)
		return; /* whatever it is, its end brings us here again */
	if (wants_poll(m, &d, now)) {
		d.poll_at = managed_start_poll(m);
		if (d.poll_at == 0)
			return;
	}
	if (wants_order(m, &d, now)) {
		scheduler_enqueue(m->scheduler, m);
		return;
	}
	scheduler_wake_at(m->scheduler, m, next_instant(m, &d, now));
	if (m->wish == WISH_IF_DUE)
		tell_kept(m, &d); /* who is told may ask again */
}

/* ---- looking ---- */

static bool
is_held(const struct managed *m, time_t now)
{
	const struct state_hold *hold = &m->state.hold;

	return hold->on && (hold->until == 0 || hold->until > now);
}

static const char *
condition_of_cert(const struct managed *m, time_t now)
{
	const struct state_deploy *deploy = &m->state.deploy;
	bool current = deploy->version == m->version;

	if (m->info->not_after <= now)
		return "expired";
	if (m->state.failures > 0)
		return "failed";
	if (m->deploy != NULL)
		return "deploying";
	if (current && deploy->failures > 0)
		return "not-deployed";
	if (is_held(m, now))
		return "held";
	if (now >= decide_floor(m->info->not_before, m->info->not_after))
		return "expiring";
	return current && deploy->stage == DEPLOY_STAGE_VERIFIED ? "verified" : "valid";
}

static const char *
condition_of(const struct managed *m, time_t now)
{
	if (m->job != NULL)
		return m->info == NULL ? "issuing" : "renewing";
	if (m->rollback != NULL)
		return "rolling-back";
	if (m->waiting)
		return "waiting";
	if (m->info == NULL)
		return m->state.failures > 0 ? "failed"
		       : is_held(m, now)     ? "held"
					     : "missing";
	return condition_of_cert(m, now);
}

static const char *
step_of(const struct managed *m)
{
	if (m->job != NULL)
		return job_step(m->job);
	if (m->rollback != NULL)
		return "rollback";
	if (m->deploy != NULL)
		return deploy_step(m->deploy);
	return m->waiting ? "waiting" : NULL;
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
		.busy = m->job != NULL || m->waiting || m->wish != WISH_NONE ||
			m->rollback != NULL,
		.step = step_of(m),
		.started_at = m->job ? job_started_at(m->job) : 0,
		.condition = condition_of(m, clock_now()) };
	ret->account = managed_account(m);
	ret->n_budgets = managed_budgets(m, ret->budgets);
	managed_decide(m, &ret->decision);
}

/* ---- life ---- */

void
managed_set_live(struct managed *m, struct cert_info *info, unsigned version)
{
	cert_info_free(m->info);
	m->info = info;
	m->version = version;
	m->unread = false;
	state_set(&m->damage, NULL);
	clock_hint_not_before(info->not_before);
}

void
managed_set_damaged(struct managed *m, char *damage, unsigned version)
{
	cert_info_free(TAKE(m->info));
	free(m->damage);
	m->damage = damage;
	m->version = version;
	m->unread = false;
}

struct managed *
managed_read(const struct store *store, const struct cert_config *config)
{
	struct managed *m = xcalloc(1, sizeof(*m));
	struct found found = { 0 };

	found_read(&found, store, config->name);
	m->config = config;
	m->state = found.state;
	m->info = found.info;
	m->damage = found.damage;
	m->version = m->first_version = found.version;
	m->unread = found.unread;
	return m;
}

void
managed_join(struct managed *m, struct scheduler *s)
{
	m->scheduler = s;
	if (m->info != NULL)
		clock_hint_not_before(m->info->not_before);
	if (m->damage != NULL)
		log_warn("%s: %s", m->config->name, m->damage);
	managed_catch_up(m);
	managed_catch_up_rollback(m);
}

void
managed_stop_probing(struct managed *m)
{
	if (m->probes != NULL)
		breaker_gave_up(&m->probes->breaker);
	m->probes = NULL;
}

static void
drop_job(struct managed *m)
{
	if (m->job == NULL)
		return;
	job_free(TAKE(m->job));
	m->record_waits = false;
	managed_stop_probing(m);
	scheduler_job_ended(m->scheduler, m);
}

void
managed_cancel(struct managed *m, const char *why)
{
	struct err err = { 0 };

	scheduler_leave(m->scheduler, m);
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
	m->config = config;
	/* What failed, failed under other settings: a mended one is tried at once, and is
	 * well when it has succeeded. */
	m->state.failures = m->state.failures > 0;
	m->state.retry_at = 0;
	m->state.rapid = 0;
	m->state.deploy.failures =
	    m->state.deploy.failures > 0 && decide_is_deployable(config->options);
	m->state.deploy.retry_at = 0;
	deploy_free(TAKE(m->deploy));
	if (m->job != NULL)
		managed_cancel(m, "the configuration has changed");
	scheduler_leave(m->scheduler, m); /* it may be another account's turn */
}

void
managed_stop(struct managed *m)
{
	struct scheduler *s = m->scheduler;

	heap_set(&s->heap, &m->wake, 0);
	scheduler_leave(s, m);
	drop_job(m);
	managed_stop_poll(m);
	deploy_free(TAKE(m->deploy));
	rollback_free(TAKE(m->rollback));
	worker_task_free(TAKE(m->saving));
}

void
managed_dispose(struct managed *m)
{
	if (m == NULL)
		return;
	state_clear(&m->state);
	cert_info_free(m->info);
	free(m->damage);
	free(m);
}
