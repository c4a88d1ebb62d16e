/* SPDX-License-Identifier: ISC */
/*
 * What a start believed without reading it: pairs whose files looked as they did before.
 * They are read after all, bit by bit, on a worker: a disk may have lost what it says it
 * has.
 */
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/cert.h"
#include "daemon/io/clock.h"
#include "daemon/io/worker.h"
#include "daemon/renew/found.h"
#include "daemon/renew/scheduler_internal.h"

/* Seconds: the start itself comes first; then all are read within half an hour. */
#define AFTER_START 10
#define ALL_WITHIN  1800

/* Those that an order was under way for are come back to. */
#define AGAIN_AFTER 600

#define AT_ONCE 64

/* Certificates looked at in one go for whether they have to be read. */
#define LOOK_AT 4096

struct check {
	struct scheduler *scheduler;
	struct clock_timer *timer;
	struct worker_task *task;
	size_t next;  /* of the list: those before it are done */
	bool skipped; /* but for some */
};

struct batch {
	struct check *check; /* for done() only */
	struct store *store;
	size_t count;
	struct {
		char *name;
		struct found found;
	} list[AT_ONCE];
};

static void
batch_free(void *arg)
{
	struct batch *b = arg;

	for (size_t i = 0; i < b->count; i++) {
		found_clear(&b->list[i].found);
		free(b->list[i].name);
	}
	free(b);
}

static void
read_batch(void *arg)
{
	struct batch *b = arg;

	for (size_t i = 0; i < b->count; i++)
		found_read_pair(&b->list[i].found, b->store, b->list[i].name);
}

/* ---- what came of it ---- */

static void
is_another(struct managed *m, struct found *f)
{
	managed_stop_poll(m); /* the answer would be about what is not in force */
	if (f->info != NULL) {
		log_warn("%s: the pair in force has been replaced by another",
		    m->config->name);
		managed_set_live(m, TAKE(f->info), f->version);
	} else {
		log_warn("%s: %s", m->config->name,
		    f->damage ? f->damage : "the pair in force is not there any more");
		managed_set_damaged(m, TAKE(f->damage), f->version);
	}
	managed_save(m);
	scheduler_wake_at(m->scheduler, m, 1);
}

static void
settle(struct check *c, const char *name, struct found *f)
{
	struct managed *m = scheduler_find(c->scheduler, name);

	if (m == NULL || !m->unread)
		return;
	if (m->job != NULL || m->rollback != NULL) {
		c->skipped = true; /* it may be about to change */
		return;
	}
	if (f->info != NULL && f->version == m->version &&
	    str_eq(f->info->fingerprint, m->info->fingerprint)) {
		m->unread = false;
		m->info->stamp = f->info->stamp;
		return;
	}
	is_another(m, f);
}

static void
on_batch(void *arg)
{
	struct batch *b = arg;
	struct check *c = b->check;

	c->task = NULL;
	for (size_t i = 0; i < b->count; i++)
		settle(c, b->list[i].name, &b->list[i].found);
	batch_free(b);
	clock_timer_set(c->timer, clock_now() + 1);
}

/* ---- which are read ---- */

static size_t
batch_size(const struct scheduler *s)
{
	size_t wanted = s->count / ALL_WITHIN + 1;

	return wanted < AT_ONCE ? wanted : AT_ONCE;
}

static struct batch *
next_batch(struct check *c)
{
	struct scheduler *s = c->scheduler;
	struct batch *b = xcalloc(1, sizeof(*b));
	size_t most = batch_size(s), until = c->next + LOOK_AT;

	b->check = c;
	b->store = s->deps.job.store;
	for (; c->next < s->count && c->next < until && b->count < most; c->next++)
		if (s->list[c->next]->unread)
			b->list[b->count++].name = xstrdup(s->list[c->next]->config->name);
	return b;
}

static void
on_time(bool stepped, void *arg)
{
	struct check *c = arg;
	struct scheduler *s = c->scheduler;
	struct batch *b;

	(void)stepped; /* sooner or later */
	if (c->task != NULL)
		return;
	b = next_batch(c);
	if (b->count > 0) {
		c->task =
		    worker_start(s->deps.job.worker, read_batch, on_batch, batch_free, b);
		return;
	}
	batch_free(b);
	if (c->next < s->count) {
		clock_timer_set(c->timer, clock_now() + 1);
	} else if (c->skipped) {
		c->next = 0;
		c->skipped = false;
		clock_timer_set(c->timer, clock_now() + AGAIN_AFTER);
	}
}

/* ---- life ---- */

void
scheduler_check_pairs(struct scheduler *s)
{
	s->check->next = 0;
	if (s->check->task == NULL)
		clock_timer_set(s->check->timer, clock_now() + AFTER_START);
}

void
scheduler_load_check(struct scheduler *s)
{
	s->check = xcalloc(1, sizeof(*s->check));
	s->check->scheduler = s;
	s->check->timer = clock_timer_new(s->deps.job.loop, on_time, s->check);
}

void
scheduler_free_check(struct scheduler *s)
{
	worker_task_free(s->check->task);
	clock_timer_free(s->check->timer);
	free(s->check);
}
