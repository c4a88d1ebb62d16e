/* SPDX-License-Identifier: ISC */
/* Running the job of a certificate, and what its end says of it. */
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/acme/account.h"
#include "daemon/acme/retry.h"
#include "daemon/crypto/cert.h"
#include "daemon/io/clock.h"
#include "daemon/io/random.h"
#include "daemon/renew/deploy.h"
#include "daemon/renew/scheduler_internal.h"
#include "daemon/store/store.h"

/* With less than a tenth of its life left, a failure pauses for this long at most. */
#define LATE_PAUSE_MAX ((time_t)6 * 3600)

/* Before another account is tried. */
#define OTHER_ACCOUNT 60

static void
on_step(const char *step, const char *detail, void *arg)
{
	struct managed *m = arg;

	managed_tell(m, EVENT_STEP, step, detail, NULL);
	if (m->slow_key)
		scheduler_drain(m->scheduler); /* its key may be what others waited for */
}

static void
on_record(const char *order_url, void *arg)
{
	struct managed *m = arg;

	state_set(&m->state.order_url, order_url);
	state_set(&m->state.order_account, account_name(job_account(m->job)));
	state_set(&m->state.order_config, m->config->hash);
	/* For managed_catch_up(): another one in force later is this order's. */
	state_set(&m->state.serial, m->info != NULL ? m->info->serial : NULL);
	m->record_waits = true;
	managed_save(m);
}

static void
forget_order(struct managed *m)
{
	state_set(&m->state.order_url, NULL);
	state_set(&m->state.order_account, NULL);
	state_set(&m->state.order_config, NULL);
}

/* How many times in a row it was replaced soon after it was issued. */
static void
count_rapid(struct managed *m, time_t now)
{
	time_t age = now - m->state.issued_at;
	time_t soon = decide_rapid(m->info->not_before, m->info->not_after);

	m->state.rapid = m->state.issued_at != 0 && age < soon ? m->state.rapid + 1 : 0;
	m->state.issued_at = now;
}

/* What the state says after an issuance, but the renewal information. */
static void
note_issued(struct managed *m, const char *directory, time_t at)
{
	forget_order(m);
	state_ari_clear(&m->state.ari);
	state_set(&m->state.replaces_refused, NULL);
	m->state.failures = 0;
	m->state.retry_at = 0;
	m->state.rehearse = false;
	state_set(&m->state.page, NULL);
	count_rapid(m, at);
	state_set(&m->state.issued_by, directory);
	state_set(&m->state.serial, m->info->serial);
}

/* When the one that is still in use expires; 0: it is not there any more. */
static time_t
end_of(const struct managed *m, unsigned version)
{
	struct err ignored = { 0 };
	CLEAN(chain)
	struct chain *chain = store_version(m->scheduler->deps.job.store, m->config->name,
	    version, NULL, &ignored);
	struct cert_info *info = chain != NULL ? chain_info(chain) : NULL;
	time_t end = info != NULL ? info->not_after : 0;

	cert_info_free(info);
	return end;
}

void
managed_catch_up(struct managed *m)
{
	struct cert_state *s = &m->state;
	bool renewed = s->deploy.version > 0, urgent = s->ari.moved_at != 0;
	struct account *account;

	if (m->info == NULL || s->order_url == NULL || str_eq(s->serial, m->info->serial))
		return;
	account = accounts_find(m->scheduler->deps.accounts, s->order_account);
	note_issued(m, account != NULL ? account_directory_url(account) : s->issued_by,
	    m->info->not_before);
	managed_new_deploy(m, renewed ? "renewed" : "issued",
	    renewed ? end_of(m, s->deploy.version) : 0, urgent);
}

/* What the CA counts of it. */
static void
count_issued(struct managed *m, const struct account *account)
{
	CLEAN(string) char *set = ledger_set_key((const char *const *)m->config->names);

	scheduler_take(m->scheduler, LEDGER_DUPLICATES, account_directory_url(account),
	    account_name(account), set);
}

static void
job_succeeded(struct managed *m, const struct job_outcome *outcome,
    const struct account *account, bool urgent)
{
	bool first = m->info == NULL;
	time_t old_ends = first ? 0 : m->info->not_after;
	const struct log_fields fields = { .cert = m->config->name };
	char until[TIMEFMT_SIZE];
	CLEAN(string) char *text = NULL;

	deploy_free(TAKE(m->deploy)); /* what was put into use is the old one by now */
	managed_set_live(m, outcome->info, outcome->version);
	note_issued(m, account_directory_url(account), clock_now());
	count_issued(m, account);
	managed_new_deploy(m, first ? "issued" : "renewed", old_ends, urgent);
	text = xasprintf("%s, valid until %s", first ? "issued" : "renewed",
	    timefmt_rfc3339(m->info->not_after, until));
	log_write(LOG_LEVEL_INFO, &fields, "%s: %s", m->config->name, text);
	managed_tell(m, first ? EVENT_ISSUED : EVENT_RENEWED, NULL, text, NULL);
}

static time_t
pause_after(const struct managed *m, const struct err *err, time_t now)
{
	time_t wanted = retry_attempt(err, m->state.failures + 1);
	time_t pause = random_jitter(wanted, 20);
	time_t most = err->retry_after > LATE_PAUSE_MAX ? err->retry_after : LATE_PAUSE_MAX;

	if (err->retry_after > 0 && pause < wanted)
		pause = wanted; /* the CA said when: never earlier */
	if (m->info != NULL && pause > most && now < m->info->not_after &&
	    now >= decide_floor(m->info->not_before, m->info->not_after))
		pause = most;
	return pause;
}

/* Where the next account of the list has its turn, the pause of this one is not its. */
static void
turn_to_another(struct managed *m, const char *failed_with, time_t now)
{
	const char *next = managed_account(m);

	if (str_eq(next, failed_with))
		return;
	log_warn("%s: %s has failed often enough, the next order goes to %s",
	    m->config->name, failed_with, next);
	m->state.retry_at = now + random_jitter(OTHER_ACCOUNT, 20);
	m->state.retry_firm = false;
}

static void
note_failure(struct managed *m, const struct err *err, const char *account, time_t now)
{
	struct cert_state *s = &m->state;

	s->retry_at = now + pause_after(m, err, now);
	s->retry_firm = err->retry_after > 0;
	s->failures++;
	s->failed_at = now;
	s->kind = err->kind;
	state_set(&s->failed_with, account);
	state_set(&s->page, *err->instance ? err->instance : NULL);
	state_set(&s->problem, *err->problem ? err->problem : NULL);
	state_set(&s->error, err->text);
	if (*err->about != '\0' && !m->rehearsing) {
		scheduler_take(m->scheduler, LEDGER_FAILED, account, account, err->about);
		s->rehearse = true;
	}
	turn_to_another(m, account, now);
}

static void
job_failed(struct managed *m, const struct job_outcome *outcome, const char *account)
{
	const struct err *err = outcome->err;
	const struct log_fields fields = { .cert = m->config->name,
		.problem = err->problem };
	time_t now = clock_now();
	struct cert_look look;
	char when[TIMEFMT_SIZE];

	if (outcome->order_lost)
		forget_order(m);
	if (outcome->replaces_refused && m->info != NULL)
		state_set(&m->state.replaces_refused, m->info->ari_id);
	note_failure(m, err, account, now);
	managed_look(m, &look); /* one that was renewed before its time can wait for it */
	log_write(err->kind == ERR_CONFIG ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, &fields,
	    "%s: failed, tried again in %s: %s%s%s", m->config->name,
	    timefmt_duration(look.decision.act_at - now, when), err->text,
	    *err->instance ? "; see " : "", err->instance);
	managed_tell(m, EVENT_FAILED, NULL, err->text, err);
}

/* What goes wrong by a wrong clock is no failure of the certificate: it is held until the
 * clock is right, which `why` tells. */
static void
failed_by_clock(struct managed *m, const struct job_outcome *outcome)
{
	if (outcome->order_lost)
		forget_order(m);
	m->rehearsing = false;
	log_warn("%s: %s", m->config->name, outcome->err->text);
	managed_tell(m, EVENT_FAILED, NULL, outcome->err->text, outcome->err);
}

/* A test directory that is down, or wants another kind of account, keeps nobody from a
 * certificate. */
static bool
speaks_of_the_names(const struct err *err)
{
	return err != NULL && *err->about != '\0';
}

/* The CA's test directory takes what failed at the real one: now that one is tried. */
static void
rehearsed(struct managed *m, const struct err *err)
{
	m->rehearsing = false;
	m->state.rehearse = false;
	managed_stop_probing(m);
	log_info("%s: the rehearsal at the CA's test directory %s%s", m->config->name,
	    err ? "proved nothing: " : "went well", err ? err->text : "");
	managed_save(m);
	scheduler_drain(m->scheduler);
	managed_think(m);
}

static void
rehearsal_failed(struct managed *m, const struct job_outcome *outcome, const char *account)
{
	struct err err = *outcome->err;
	const struct job_outcome failed = { .err = &err };

	err_prefix(&err, "rehearsal at the CA's test directory");
	job_failed(m, &failed, account);
	m->rehearsing = false;
}

static void
on_job(const struct job_outcome *outcome, void *arg)
{
	struct managed *m = arg;
	CLEAN(job) struct job *job = TAKE(m->job); /* who is told sees it ended */
	const struct account *account = job_account(job);
	CLEAN(string) char *lane = xstrdup(m->lane->account);
	bool urgent = m->state.ari.moved_at != 0 || m->wish == WISH_NOW;

	scheduler_job_ended(m->scheduler, m);
	if (m->rehearsing && !speaks_of_the_names(outcome->err)) {
		rehearsed(m, outcome->err);
		return;
	}
	m->wish = WISH_NONE;
	scheduler_ca_said(m->scheduler, account_directory_url(account), outcome->err);
	managed_stop_probing(m);
	if (outcome->err == NULL)
		job_succeeded(m, outcome, account, urgent);
	else if (clock_doubt() != NULL)
		failed_by_clock(m, outcome);
	else if (m->rehearsing)
		rehearsal_failed(m, outcome, lane);
	else
		job_failed(m, outcome, account_name(account));
	managed_alert(m);
	if (outcome->err != NULL)
		managed_save(m);
	scheduler_drain(m->scheduler);
	managed_think(m);
	/* Renewal information comes in a moment, and is saved as well: one write does. What
	 * a crash loses until then is found out by managed_catch_up(). */
	m->unsaved = outcome->err == NULL && m->ari != NULL;
	if (outcome->err == NULL && !m->unsaved)
		managed_save(m);
}

/* RFC 9773, section 5: only to the CA that issued it, and never again once refused. */
static const char *
replaced_id(const struct managed *m, const struct account *account)
{
	if (m->info == NULL || m->info->ari_id == NULL ||
	    !str_eq(m->state.issued_by, account_directory_url(account)) ||
	    str_eq(m->state.replaces_refused, m->info->ari_id))
		return NULL;
	return m->info->ari_id;
}

static const char *
order_at(const struct managed *m, const char *account)
{
	return str_eq(m->state.order_account, account) ? managed_order(m) : NULL;
}

void
managed_start_job(struct managed *m)
{
	struct scheduler *s = m->scheduler;
	const char *name = m->lane->account;
	struct account *account = accounts_find(s->deps.accounts, name);
	struct account *staging = m->state.rehearse && m->wish != WISH_NOW
				      ? accounts_find_staging(s->deps.accounts, name)
				      : NULL;
	const struct job_request request = { .config = s->config,
		.cert = m->config,
		.account = staging ? staging : account,
		.order_url = staging ? NULL : order_at(m, name),
		.replaces = staging ? NULL : replaced_id(m, account),
		.rehearse = staging != NULL };
	const struct job_watcher watcher = { .step = on_step,
		.record = on_record,
		.done = on_job,
		.arg = m };

	m->rehearsing = request.rehearse;
	if (request.order_url == NULL && staging == NULL)
		scheduler_take(s, LEDGER_ORDERS, name, name, "");
	log_info("%s: %s %s%s", m->config->name,
	    staging ? "rehearsing at" : "ordering from",
	    account_directory_url(request.account),
	    request.order_url ? ", going on with the order of before" : "");
	m->job = job_start(&s->deps.job, &request, &watcher);
}
