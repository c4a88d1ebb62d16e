/* SPDX-License-Identifier: ISC */
/* What is done for one certificate: saving its state, asking its CA, running its job. */
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/acme/account.h"
#include "daemon/acme/ari.h"
#include "daemon/acme/directory.h"
#include "daemon/acme/retry.h"
#include "daemon/crypto/cert.h"
#include "daemon/io/clock.h"
#include "daemon/io/random.h"
#include "daemon/io/worker.h"
#include "daemon/renew/scheduler_internal.h"
#include "daemon/store/store.h"

/* Asking again where the CA did not say when, and after it failed for good. */
#define POLL_DEFAULT ((time_t)6 * 3600)

/* With less than a tenth of its life left, a failure pauses for this long at most. */
#define LATE_PAUSE_MAX ((time_t)6 * 3600)

void
managed_tell(struct managed *m, enum event_type type, const char *step, const char *text,
    const struct err *err)
{
	const struct scheduler_event event = { .type = type,
		.at = clock_now(),
		.name = m->config->name,
		.step = step,
		.text = text,
		.err = err };

	scheduler_tell(m->scheduler, &event);
}

/* ---- saving: one write of a certificate's state at a time ---- */

struct save {
	struct managed *managed; /* for done() only */
	struct store *store;
	char *name;
	char *text;
	bool for_job;
	struct err err;
};

static void
save_free(void *arg)
{
	struct save *s = arg;

	free(s->name);
	free(s->text);
	free(s);
}

static void
save_work(void *arg)
{
	struct save *s = arg;

	store_save_state(s->store, s->name, s->text, &s->err);
}

static void
on_saved(void *arg)
{
	struct save *s = arg;
	struct managed *m = s->managed;
	const struct err *err = s->err.kind ? &s->err : NULL;

	m->saving = NULL;
	if (err != NULL)
		log_error("%s: %s", m->config->name, err->text);
	/* Not where the job was replaced meanwhile, and the one of now has a URL to save.
	 */
	if (s->for_job && !m->record_waits && m->job != NULL)
		job_recorded(m->job, err);
	if (m->save_again) {
		m->save_again = false;
		managed_save(m);
	}
	save_free(s);
}

void
managed_save(struct managed *m)
{
	CLEAN(json) struct json_object *doc = NULL;
	struct save *s;

	if (m->saving != NULL) {
		m->save_again = true;
		return;
	}
	m->unsaved = false;
	doc = state_to_json(&m->state);
	s = xcalloc(1, sizeof(*s));
	s->managed = m;
	s->store = m->scheduler->deps.job.store;
	s->name = xstrdup(m->config->name);
	s->text = json_print(doc);
	s->for_job = m->record_waits;
	m->record_waits = false;
	m->saving =
	    worker_start(m->scheduler->deps.job.worker, save_work, on_saved, save_free, s);
}

/* ---- renewal information ---- */

static time_t
clamp_poll(const struct managed *m, time_t pause)
{
	const struct config *config = m->scheduler->config;

	if (pause < config->ari_poll_min)
		return config->ari_poll_min;
	return pause > config->ari_poll_max ? config->ari_poll_max : pause;
}

static void
tell_window(struct managed *m)
{
	const struct state_ari *ari = &m->state.ari;
	char start[TIMEFMT_SIZE], end[TIMEFMT_SIZE], drawn[TIMEFMT_SIZE];
	CLEAN(string)
	char *text = xasprintf("the CA suggests renewal from %s to %s, drawn: %s%s%s",
	    timefmt_rfc3339(ari->start, start), timefmt_rfc3339(ari->end, end),
	    timefmt_rfc3339(ari->drawn, drawn), ari->explanation ? ", see " : "",
	    ari->explanation ? ari->explanation : "");

	log_info("%s: %s", m->config->name, text);
	managed_tell(m, EVENT_ARI, NULL, text, NULL);
}

/* RFC 9773, section 4.2: an instant of the window, drawn once for each window. */
static void
take_window(struct managed *m, const struct ari_answer *answer)
{
	struct state_ari *ari = &m->state.ari;
	CLEAN(string) char *page = NULL;

	ari->unsupported = false;
	if (ari->drawn != 0 && ari->start == answer->window.start &&
	    ari->end == answer->window.end)
		return;
	ari->start = answer->window.start;
	ari->end = answer->window.end;
	ari->drawn = ari_pick(&answer->window, random_u32());
	if (answer->explanation != NULL)
		page = str_printable(answer->explanation, 500);
	state_set(&ari->explanation, page);
	tell_window(m);
}

static void
poll_failed(struct managed *m, const struct err *err)
{
	struct state_ari *ari = &m->state.ari;
	time_t pause = POLL_DEFAULT;

	if (!str_eq(ari->error, err->text))
		log_warn("%s: %s", m->config->name, err->text);
	state_set(&ari->error, err->text);
	ari->errors++;
	if ((err->kind == ERR_NETWORK || err->kind == ERR_BUSY) &&
	    retry_attempt(err, ari->errors) < pause)
		pause = retry_attempt(err, ari->errors);
	ari->next_poll = clock_now() + clamp_poll(m, random_jitter(pause, 20));
}

static void
on_ari(const struct ari_answer *answer, const struct err *err, void *arg)
{
	struct managed *m = arg;
	struct state_ari *ari = &m->state.ari;
	time_t now = clock_now();

	m->ari = NULL;
	m->asked = true;
	if (!str_eq(ari->cert_id, m->info->ari_id)) {
		state_ari_clear(ari);
		ari->cert_id = xstrdup(m->info->ari_id);
	}
	ari->polled_at = now;
	if (err != NULL) {
		poll_failed(m, err);
	} else {
		state_set(&ari->error, NULL);
		ari->errors = 0;
		ari->unsupported = answer == NULL;
		ari->next_poll =
		    now + clamp_poll(m, answer && answer->retry_after ? answer->retry_after
								      : POLL_DEFAULT);
		if (answer != NULL)
			take_window(m, answer);
	}
	managed_save(m);
	managed_think(m);
}

void
managed_start_poll(struct managed *m)
{
	struct account *issuer = managed_issuer(m);

	scheduler_wake_at(m->scheduler, m, 0);
	m->ari = ari_fetch_start(account_directory(issuer), m->info->ari_id, on_ari, m);
}

/* ---- jobs ---- */

static void
on_step(const char *step, const char *detail, void *arg)
{
	managed_tell(arg, EVENT_STEP, step, detail, NULL);
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
	count_rapid(m, at);
	state_set(&m->state.issued_by, directory);
	state_set(&m->state.serial, m->info->serial);
}

void
managed_catch_up(struct managed *m)
{
	struct cert_state *s = &m->state;
	struct account *account;

	if (m->info == NULL || s->order_url == NULL || str_eq(s->serial, m->info->serial))
		return;
	account = accounts_find(m->scheduler->deps.accounts, s->order_account);
	note_issued(m, account != NULL ? account_directory_url(account) : s->issued_by,
	    m->info->not_before);
}

static void
job_succeeded(struct managed *m, const struct job_outcome *outcome, const char *directory)
{
	bool first = m->info == NULL;
	const struct log_fields fields = { .cert = m->config->name };
	char until[TIMEFMT_SIZE];
	CLEAN(string) char *text = NULL;

	cert_info_free(m->info);
	m->info = outcome->info;
	m->version = outcome->version;
	state_set(&m->damage, NULL);
	note_issued(m, directory, clock_now());
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
	if (m->info != NULL && pause > most &&
	    now >= decide_floor(m->info->not_before, m->info->not_after))
		pause = most;
	return pause;
}

static void
job_failed(struct managed *m, const struct job_outcome *outcome)
{
	const struct err *err = outcome->err;
	const struct log_fields fields = { .cert = m->config->name,
		.problem = err->problem };
	struct cert_state *s = &m->state;
	time_t now = clock_now();
	struct cert_look look;
	char when[TIMEFMT_SIZE];

	if (outcome->order_lost)
		forget_order(m);
	if (outcome->replaces_refused && m->info != NULL)
		state_set(&s->replaces_refused, m->info->ari_id);
	s->retry_at = now + pause_after(m, err, now);
	s->failures++;
	s->failed_at = now;
	s->kind = err->kind;
	state_set(&s->problem, *err->problem ? err->problem : NULL);
	state_set(&s->error, err->text);
	managed_look(m, &look); /* one that was renewed before its time can wait for it */
	log_write(err->kind == ERR_CONFIG ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, &fields,
	    "%s: failed, tried again in %s: %s%s%s", m->config->name,
	    timefmt_duration(look.decision.act_at - now, when), err->text,
	    *err->instance ? "; see " : "", err->instance);
	managed_tell(m, EVENT_FAILED, NULL, err->text, err);
}

static void
on_job(const struct job_outcome *outcome, void *arg)
{
	struct managed *m = arg;
	CLEAN(job) struct job *job = TAKE(m->job); /* who is told sees it ended */

	scheduler_job_ended(m->scheduler, m);
	m->wish = WISH_NONE;
	if (outcome->err == NULL)
		job_succeeded(m, outcome, account_directory_url(job_account(job)));
	else
		job_failed(m, outcome);
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

void
managed_start_job(struct managed *m)
{
	struct scheduler *s = m->scheduler;
	const char *name = m->config->options->accounts[0];
	struct account *account = accounts_find(s->deps.accounts, name);
	const struct job_request request = { .config = s->config,
		.cert = m->config,
		.account = account,
		.order_url = managed_order(m),
		.replaces = replaced_id(m, account) };
	const struct job_watcher watcher = { .step = on_step,
		.record = on_record,
		.done = on_job,
		.arg = m };

	log_info("%s: ordering from %s%s", m->config->name, account_directory_url(account),
	    request.order_url ? ", going on with the order of before" : "");
	m->job = job_start(&s->deps.job, &request, &watcher);
}
