/* SPDX-License-Identifier: ISC */
/* The worker, the renewal information and the jobs of the scheduler's world. */
#include <string.h>
#include <sys/queue.h>

#include "common/crypto/key.h"
#include "common/mem.h"
#include "daemon/config/config.h"
#include "daemon/io/worker.h"
#include "daemon/renew/job.h"
#include "tests/unit/scheduler_rig_internal.h"
#include "tests/unit/unit.h"

struct worker_task {
	TAILQ_ENTRY(worker_task) entry;
	worker_fn *work, *done, *drop;
	void *arg;
};

struct ari_fetch {
	TAILQ_ENTRY(ari_fetch) entry;
	const struct account *account;
	char *cert_id;
	ari_done_fn *done;
	void *arg;
};

struct job {
	TAILQ_ENTRY(job) entry;
	struct job_watcher watcher;
	struct account *account;
	struct config *config;
	const struct cert_config *cert;
	bool rehearse;
	bool has_key;
	bool ended; /* and is freed in a moment */
};

static TAILQ_HEAD(, worker_task) tasks;
static TAILQ_HEAD(, ari_fetch) fetches;
static TAILQ_HEAD(, job) jobs;
static unsigned n_jobs;

void
rig_begin_jobs(void)
{
	TAILQ_INIT(&tasks);
	TAILQ_INIT(&fetches);
	TAILQ_INIT(&jobs);
}

void
rig_check_jobs(void)
{
	assert_true(TAILQ_EMPTY(&tasks));
	assert_true(TAILQ_EMPTY(&fetches));
	assert_true(TAILQ_EMPTY(&jobs));
}

/* ---- worker ---- */

struct worker_task *
worker_start(struct worker *w, worker_fn *work, worker_fn *done, worker_fn *drop, void *arg)
{
	struct worker_task *t = xcalloc(1, sizeof(*t));

	(void)w;
	t->work = work;
	t->done = done;
	t->drop = drop;
	t->arg = arg;
	TAILQ_INSERT_TAIL(&tasks, t, entry);
	return t;
}

void
worker_task_free(struct worker_task *t)
{
	if (t == NULL)
		return;
	TAILQ_REMOVE(&tasks, t, entry);
	t->drop(t->arg);
	free(t);
}

bool
rig_run_task(void)
{
	struct worker_task *t = TAILQ_FIRST(&tasks);
	struct worker_task copy;

	if (t == NULL || rig.hold_tasks)
		return false;
	copy = *t;
	TAILQ_REMOVE(&tasks, t, entry);
	copy.work(copy.arg);
	free(t);
	copy.done(copy.arg);
	return true;
}

void
rig_work_only(void)
{
	struct worker_task *t = TAILQ_FIRST(&tasks);

	assert_non_null(t);
	t->work(t->arg);
}

/* ---- renewal information ---- */

time_t
ari_pick(const struct ari_window *w, uint32_t random)
{
	return w->start + (time_t)((uint64_t)(w->end - w->start - 1) * random / UINT32_MAX);
}

struct ari_fetch *
ari_fetch_start(struct directory *directory, const char *cert_id, ari_done_fn *done,
    void *arg)
{
	struct ari_fetch *f = xcalloc(1, sizeof(*f));

	assert_non_null(directory);
	rig.n_asks++;
	f->account = (const struct account *)directory;
	if (!rig.quiet)
		rig_say("ask %s about %s", f->account->name, cert_id);
	f->cert_id = xstrdup(cert_id);
	f->done = done;
	f->arg = arg;
	TAILQ_INSERT_TAIL(&fetches, f, entry);
	return f;
}

void
ari_fetch_free(struct ari_fetch *f)
{
	if (f == NULL)
		return;
	TAILQ_REMOVE(&fetches, f, entry);
	free(f->cert_id);
	free(f);
}

static void
end_fetch(struct ari_fetch *f, const struct ari_answer *answer, const struct err *err)
{
	ari_done_fn *done = f->done;
	void *arg = f->arg;

	ari_fetch_free(f);
	done(answer, err, arg);
}

bool
rig_end_fetch(void)
{
	const struct ari_answer answer = { .window = rig.window,
		.retry_after = rig.retry_after,
		.explanation = rig.explanation };
	struct ari_fetch *f;
	struct err err = { 0 };

	err_set(&err, ERR_NETWORK, "renewalInfo: not reached");
	TAILQ_FOREACH (f, &fetches, entry) {
		if (!rig_is_down(f->account))
			continue;
		end_fetch(f, NULL, &err);
		return true;
	}
	f = TAILQ_FIRST(&fetches);
	if (!rig.answers || f == NULL)
		return false;
	end_fetch(f, rig.window.start ? &answer : NULL, NULL);
	return true;
}

static struct ari_fetch *
fetch_of(const char *name)
{
	struct ari_fetch *f;

	TAILQ_FOREACH (f, &fetches, entry) {
		if (str_starts(f->cert_id, name) && f->cert_id[strlen(name)] == '#')
			return f;
	}
	return NULL;
}

bool
rig_is_asking(const char *name)
{
	return fetch_of(name) != NULL;
}

void
rig_answer(const char *name, const struct ari_window *window, time_t retry_after)
{
	struct ari_answer answer = { .retry_after = retry_after,
		.explanation = rig.explanation };

	assert_true(rig_is_asking(name));
	if (window != NULL)
		answer.window = *window;
	end_fetch(fetch_of(name), window ? &answer : NULL, NULL);
	rig_settle();
}

void
rig_answer_error(const char *name, enum err_kind kind)
{
	struct err err = { 0 };

	assert_true(rig_is_asking(name));
	err_set(&err, kind, "renewalInfo: the CA is not well");
	end_fetch(fetch_of(name), NULL, &err);
	rig_settle();
}

/* ---- jobs ---- */

/* What the scheduler promises of all that runs together. */
static void
check_beside(const struct job *j)
{
	const struct job *other;

	TAILQ_FOREACH (other, &jobs, entry) {
		assert_string_not_equal(other->cert->name, j->cert->name);
		if (other->account == j->account)
			assert_false(strv_same_set((const char *const *)other->cert->names,
			    (const char *const *)j->cert->names));
	}
}

struct job *
job_start(const struct job_deps *deps, const struct job_request *request,
    const struct job_watcher *watcher)
{
	struct job *j = xcalloc(1, sizeof(*j));

	(void)deps;
	assert_non_null(request->account);
	/* The certificate is of the configuration that keeps it alive. */
	assert_ptr_equal(config_cert(request->config, request->cert->name), request->cert);
	rig.n_orders++;
	rig_say("%s %s from %s%s%s%s%s", request->rehearse ? "rehearse" : "order",
	    request->cert->name, request->account->name,
	    request->order_url ? ", going on with " : "",
	    request->order_url ? request->order_url : "",
	    request->replaces ? ", replaces " : "",
	    request->replaces ? request->replaces : "");
	j->watcher = *watcher;
	j->account = request->account;
	j->config = config_ref(request->config);
	j->cert = request->cert;
	j->rehearse = request->rehearse;
	j->has_key = j->rehearse || !key_type_is_slow(request->cert->options->key_type);
	check_beside(j);
	TAILQ_INSERT_TAIL(&jobs, j, entry);
	if (++n_jobs > rig.most_orders)
		rig.most_orders = n_jobs;
	return j;
}

static void
leave(struct job *j)
{
	if (j->ended)
		return;
	TAILQ_REMOVE(&jobs, j, entry);
	n_jobs--;
	j->ended = true;
}

void
job_free(struct job *j)
{
	if (j == NULL)
		return;
	leave(j);
	config_free(j->config);
	free(j);
}

void
job_recorded(struct job *j, const struct err *err)
{
	if (!rig.quiet || err != NULL)
		rig_say("recorded %s%s%s", j->cert->name, err ? ": " : "",
		    err ? err->text : "");
}

const char *
job_step(const struct job *j)
{
	return j->has_key ? "validate" : "key";
}

time_t
job_started_at(const struct job *j)
{
	(void)j;
	return RIG_START;
}

const struct account *
job_account(const struct job *j)
{
	return j->account;
}

static struct job *
job_of(const char *name)
{
	struct job *j;

	TAILQ_FOREACH (j, &jobs, entry) {
		if (str_eq(j->cert->name, name))
			return j;
	}
	return NULL;
}

bool
rig_has_job(const char *name)
{
	return job_of(name) != NULL;
}

void
rig_make_key(const char *name)
{
	struct job *j = job_of(name);

	assert_non_null(j);
	j->has_key = true;
	j->watcher.step("account", "", j->watcher.arg);
}

void
rig_record(const char *name, const char *url)
{
	struct job *j = job_of(name);

	assert_non_null(j);
	j->watcher.record(url, j->watcher.arg);
}

/* ---- their ends ---- */

static void
end_job(struct job *j, const struct job_outcome *outcome)
{
	assert_non_null(j);
	leave(j);
	j->watcher.done(outcome, j->watcher.arg);
}

static void
end_well(struct job *j, time_t lifetime)
{
	struct rig_disk *d = rig_disk(j->cert->name);
	struct job_outcome outcome = { 0 };

	if (d->newest < d->version)
		d->newest = d->version;
	if (j->rehearse) {
		end_job(j, &outcome);
		return;
	}
	outcome.version = d->version = ++d->newest;
	d->of[d->version % RIG_VERSIONS] =
	    (struct rig_version){ .not_before = rig.now - HOUR,
		    .not_after = rig.now - HOUR + lifetime,
		    .has_www = j->cert->names[1] != NULL && !rig.no_www };
	outcome.info = rig_info(d->name, d->version);
	end_job(j, &outcome);
}

static void
end_badly(struct job *j, const struct err *err, bool replaces_refused)
{
	const struct job_outcome outcome = { .err = err,
		.order_lost = err->kind != ERR_NETWORK,
		.replaces_refused = replaces_refused };

	end_job(j, &outcome);
}

bool
rig_end_job(void)
{
	struct job *j;
	struct err err = { 0 };

	err_set(&err, ERR_NETWORK, "order: not reached");
	TAILQ_FOREACH (j, &jobs, entry) {
		if (!rig_is_down(j->account))
			continue;
		end_badly(j, &err, false);
		return true;
	}
	j = TAILQ_FIRST(&jobs);
	if (rig.lifetime == 0 || j == NULL)
		return false;
	end_well(j, rig.lifetime);
	return true;
}

void
rig_issue(const char *name, time_t lifetime)
{
	struct job *j = job_of(name);

	assert_non_null(j);
	end_well(j, lifetime);
	rig_settle();
}

void
rig_fail_with(const char *name, const struct err *err)
{
	end_badly(job_of(name), err, false);
	rig_settle();
}

void
rig_fail(const char *name, enum err_kind kind, time_t retry_after)
{
	struct err err = { 0 };

	err_set(&err, kind, "order: no");
	err.retry_after = retry_after;
	rig_fail_with(name, &err);
}

void
rig_fail_name(const char *name, const char *about)
{
	struct err err = { 0 };

	err_set(&err, ERR_REFUSED, "%s: not reached", about);
	snprintf(err.about, sizeof(err.about), "%s", about);
	rig_fail_with(name, &err);
}

void
rig_refuse_replaces(const char *name)
{
	struct err err = { 0 };

	err_set(&err, ERR_REFUSED, "order: already replaced");
	end_badly(job_of(name), &err, true);
	rig_settle();
}
