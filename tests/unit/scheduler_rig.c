/* SPDX-License-Identifier: ISC */
#include "tests/unit/scheduler_rig.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/log.h"
#include "common/mem.h"
#include "daemon/config/config.h"
#include "daemon/crypto/cert.h"
#include "daemon/io/worker.h"
#include "tests/unit/unit.h"

struct job {
	TAILQ_ENTRY(job) entry;
	struct job_watcher watcher;
	struct account *account;
	struct config *config;
	const struct cert_config *cert;
};

struct ari_fetch {
	TAILQ_ENTRY(ari_fetch) entry;
	char *cert_id;
	ari_done_fn *done;
	void *arg;
};

struct worker_task {
	TAILQ_ENTRY(worker_task) entry;
	worker_fn *work, *done, *drop;
	void *arg;
};

struct rig rig;

static TAILQ_HEAD(, job) jobs;
static TAILQ_HEAD(, ari_fetch) fetches;
static TAILQ_HEAD(, worker_task) tasks;

void
rig_say(const char *fmt, ...)
{
	va_list args;
	char line[512];

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	text_add(&rig.transcript, "%s\n", line);
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

static bool
run_task(void)
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

	rig.n_asks++;
	if (!rig.quiet)
		rig_say("ask %s about %s", ((struct account *)directory)->name, cert_id);
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

static struct ari_fetch *
fetch_of(const char *name)
{
	struct ari_fetch *f;

	TAILQ_FOREACH (f, &fetches, entry) {
		if (str_starts(f->cert_id, name) && f->cert_id[strlen(name)] == '#')
			return f;
	}
	fail_msg("nobody asks about %s", name);
	return NULL;
}

void
rig_answer(const char *name, const struct ari_window *window, time_t retry_after)
{
	struct ari_answer answer = { .retry_after = retry_after };

	if (window != NULL)
		answer.window = *window;
	end_fetch(fetch_of(name), window ? &answer : NULL, NULL);
	rig_settle();
}

void
rig_answer_error(const char *name, enum err_kind kind)
{
	struct err err = { 0 };

	err_set(&err, kind, "renewalInfo: the CA is not well");
	end_fetch(fetch_of(name), NULL, &err);
	rig_settle();
}

/* ---- jobs ---- */

struct job *
job_start(const struct job_deps *deps, const struct job_request *request,
    const struct job_watcher *watcher)
{
	struct job *j = xcalloc(1, sizeof(*j));

	(void)deps;
	/* The certificate is of the configuration that keeps it alive. */
	assert_ptr_equal(config_cert(request->config, request->cert->name), request->cert);
	rig.n_orders++;
	rig_say("order %s from %s%s%s%s%s", request->cert->name, request->account->name,
	    request->order_url ? ", going on with " : "",
	    request->order_url ? request->order_url : "",
	    request->replaces ? ", replaces " : "",
	    request->replaces ? request->replaces : "");
	j->watcher = *watcher;
	j->account = request->account;
	j->config = config_ref(request->config);
	j->cert = request->cert;
	TAILQ_INSERT_TAIL(&jobs, j, entry);
	return j;
}

void
job_free(struct job *j)
{
	if (j == NULL)
		return;
	TAILQ_REMOVE(&jobs, j, entry);
	config_free(j->config);
	free(j);
}

void
job_recorded(struct job *j, const struct err *err)
{
	rig_say("recorded %s%s%s", j->cert->name, err ? ": " : "", err ? err->text : "");
}

const char *
job_step(const struct job *j)
{
	(void)j;
	return "validate";
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
rig_record(const char *name, const char *url)
{
	struct job *j = job_of(name);

	j->watcher.record(url, j->watcher.arg);
}

static void
end_well(struct job *j, time_t lifetime)
{
	struct rig_disk *d = rig_disk(j->cert->name);
	struct job_outcome outcome = { .version = ++d->version };

	d->has_www = j->cert->names[1] != NULL && !rig.no_www;
	d->not_before = rig.now - HOUR;
	d->not_after = rig.now - HOUR + lifetime;
	outcome.info = chain_info((struct chain *)d);
	j->watcher.done(&outcome, j->watcher.arg);
}

void
rig_issue(const char *name, time_t lifetime)
{
	end_well(job_of(name), lifetime);
	rig_settle();
}

static void
end_badly(const char *name, const struct job_outcome *outcome)
{
	struct job *j = job_of(name);

	j->watcher.done(outcome, j->watcher.arg);
	rig_settle();
}

void
rig_fail(const char *name, enum err_kind kind, time_t retry_after)
{
	struct err err = { 0 };

	err_set(&err, kind, "order: no");
	err.retry_after = retry_after;
	end_badly(name,
	    &(struct job_outcome){ .err = &err, .order_lost = kind != ERR_NETWORK });
}

void
rig_refuse_replaces(const char *name)
{
	struct err err = { 0 };

	err_set(&err, ERR_REFUSED, "order: already replaced");
	end_badly(name, &(struct job_outcome){ .err = &err,
			    .order_lost = true,
			    .replaces_refused = true });
}

/* ---- going on ---- */

static bool
one_deed(void)
{
	clock_timer_fn *fire = rig_timer.fn;
	struct ari_answer answer = { .window = rig.window, .retry_after = rig.retry_after };

	if (run_task())
		return true;
	if (rig.lifetime > 0 && !TAILQ_EMPTY(&jobs)) {
		end_well(TAILQ_FIRST(&jobs), rig.lifetime);
		return true;
	}
	if (rig.answers && !TAILQ_EMPTY(&fetches)) {
		end_fetch(TAILQ_FIRST(&fetches), rig.window.start ? &answer : NULL, NULL);
		return true;
	}
	if (rig_timer.at == 0 || rig_timer.at > rig.now)
		return false;
	rig_timer.at = 0;
	fire(false, rig_timer.arg);
	return true;
}

void
rig_settle(void)
{
	for (int i = 0; one_deed(); i++)
		assert_true(i < 1000);
}

/* To what comes next, but not beyond. */
static void
jump(time_t until)
{
	rig.now = rig_timer.at != 0 && rig_timer.at < until ? rig_timer.at : until;
	rig_settle();
}

void
rig_pass(time_t seconds)
{
	time_t until = rig.now + seconds;

	rig_settle();
	while (rig.now < until)
		jump(until);
}

time_t
rig_until_order(void)
{
	time_t from = rig.now;
	unsigned before = rig.n_orders;

	for (rig_settle(); rig.n_orders == before; jump(from + 400 * DAY))
		assert_true(rig.now < from + 400 * DAY);
	return rig.now - from;
}

void
rig_step_clock(time_t by)
{
	rig.now += by;
	rig_timer.fn(true, rig_timer.arg);
	rig_settle();
}

int
rig_ask(const char *name, enum scheduler_ask ask)
{
	struct err err = { 0 };

	if (scheduler_ask(rig.scheduler, name, ask, &err) == 0)
		return 0;
	rig_say("%s (%s)", err.text, err_kind_name(err.kind));
	return -1;
}

void
rig_look(const char *name, struct cert_look *ret)
{
	assert_true(scheduler_look(rig.scheduler, name, ret));
}

void
rig_expect(const char *transcript)
{
	CLEAN(string) char *text = text_take(&rig.transcript);

	assert_string_equal(text, transcript);
}

/* ---- the beginning and the end ---- */

static void
on_event(const struct scheduler_event *event, void *arg)
{
	(void)arg;
	assert_int_equal(event->at, rig.now);
	assert_int_equal(event->err != NULL, event->type == EVENT_FAILED);
	if (!rig.quiet || event->type != EVENT_ARI)
		rig_say("%s: %s: %s", event->name, event_type_name(event->type),
		    event->text);
	if (rig.on_event != NULL)
		rig.on_event(event, arg);
}

void
rig_load(const char *certs)
{
	struct config *config = rig_config(certs);

	scheduler_set_config(rig.scheduler, config);
	config_free(config);
}

static void
start(void)
{
	rig.scheduler = scheduler_new(&(struct scheduler_deps){ 0 });
	scheduler_subscribe(rig.scheduler, on_event, NULL);
}

static void
stop(void)
{
	scheduler_free(TAKE(rig.scheduler));
	assert_true(TAILQ_EMPTY(&jobs));
	assert_true(TAILQ_EMPTY(&fetches));
	assert_true(TAILQ_EMPTY(&tasks));
	assert_int_equal(rig.n_configs, 0);
}

void
rig_restart(const char *certs)
{
	stop();
	start();
	rig_load(certs);
}

static void
no_log(enum log_level level, const struct log_fields *fields, const char *line)
{
	(void)level;
	(void)fields;
	(void)line;
}

int
rig_set_up(void **state)
{
	(void)state;
	log_set_sink(no_log);
	TAILQ_INIT(&jobs);
	TAILQ_INIT(&fetches);
	TAILQ_INIT(&tasks);
	rig = (struct rig){ .now = RIG_START, .concurrent = 32, .per_account = 8 };
	start();
	return 0;
}

int
rig_tear_down(void **state)
{
	(void)state;
	stop();
	text_clear(&rig.transcript);
	for (struct rig_disk *d = rig_disks; d->name[0] != '\0'; d++) {
		free(d->state);
		*d = (struct rig_disk){ 0 };
	}
	log_set_sink(NULL);
	return 0;
}
