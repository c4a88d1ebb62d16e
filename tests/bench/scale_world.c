/* SPDX-License-Identifier: ISC */
/* Time that is computed, and what else has to be there: see scale.h. */
#include <stdlib.h>
#include <sys/queue.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/acme/account.h"
#include "daemon/acme/directory.h"
#include "daemon/io/clock.h"
#include "daemon/io/random.h"
#include "daemon/io/worker.h"
#include "daemon/renew/heap.h"
#include "tests/bench/scale.h"

#define TEN_MS 10.0

struct happening {
	struct heap_node when; /* first: the heap's node is the happening */
	world_fn *fn;
	void *arg;
};

struct clock_timer {
	struct happening *set;
	clock_timer_fn *fn;
	void *arg;
};

struct worker_task {
	TAILQ_ENTRY(worker_task) entry;
	worker_fn *work, *done, *drop;
	void *arg;
};

struct world world = { .now = WORLD_START };

static struct heap happenings;
static TAILQ_HEAD(, worker_task) tasks = TAILQ_HEAD_INITIALIZER(tasks);

/* ---- what comes to pass ---- */

struct happening *
world_happens(time_t at, world_fn *fn, void *arg)
{
	struct happening *h = xcalloc(1, sizeof(*h));

	h->fn = fn;
	h->arg = arg;
	heap_set(&happenings, &h->when, at);
	return h;
}

void
world_cancel(struct happening *h)
{
	if (h == NULL)
		return;
	heap_set(&happenings, &h->when, 0);
	free(h);
}

/* Of the processor: others may want it, too. */
static double
cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* As the loop calls it. To look at the clock costs as much as an answer to take, and those
 * are millions: only timers and ends of tasks are measured. */
static void
call(world_fn *fn, void *arg)
{
	double begun = cpu_ms(), took;

	fn(arg);
	took = cpu_ms() - begun;
	if (took > world.longest_ms)
		world.longest_ms = took;
	world.over_10ms += took > TEN_MS;
}

static bool
run_task(void)
{
	struct worker_task *t = TAILQ_FIRST(&tasks);
	worker_fn *done;
	void *arg;

	if (t == NULL)
		return false;
	TAILQ_REMOVE(&tasks, t, entry);
	t->work(t->arg); /* on a thread of its own, elsewhere */
	done = t->done;
	arg = t->arg;
	free(t);
	call(done, arg);
	return true;
}

static bool
run_happening(time_t until)
{
	struct happening *h = (struct happening *)heap_first(&happenings);
	world_fn *fn;
	void *arg;

	if (h == NULL || h->when.at > until)
		return false;
	if (h->when.at > world.now)
		world.now = h->when.at;
	fn = h->fn;
	arg = h->arg;
	world_cancel(h);
	fn(arg);
	return true;
}

void
world_run(time_t until)
{
	while (run_task() || run_happening(until))
		;
	world.now = until;
}

void
world_count_from_here(void)
{
	world.counted_from = world.minute = world.now;
	world.polls = world.polls_in_minute = world.polls_most = 0;
	world.longest_ms = 0;
	world.over_10ms = 0;
}

/* ---- clock ---- */

time_t
clock_now(void)
{
	return world.now;
}

int64_t
clock_monotonic_ms(void)
{
	return (int64_t)world.now * 1000;
}

int64_t
clock_boottime_ms(void)
{
	return (int64_t)world.now * 1000;
}

struct clock_timer *
clock_timer_new(struct event_base *loop, clock_timer_fn *fn, void *arg)
{
	struct clock_timer *t = xcalloc(1, sizeof(*t));

	(void)loop;
	t->fn = fn;
	t->arg = arg;
	return t;
}

static void
fire(void *arg)
{
	struct clock_timer *t = arg;

	t->fn(false, t->arg);
}

static void
on_timer(void *arg)
{
	struct clock_timer *t = arg;

	t->set = NULL;
	call(fire, t);
}

void
clock_timer_set(struct clock_timer *t, time_t at)
{
	world_cancel(t->set);
	t->set = at != 0 ? world_happens(at, on_timer, t) : NULL;
}

void
clock_timer_free(struct clock_timer *t)
{
	if (t == NULL)
		return;
	world_cancel(t->set);
	free(t);
}

/* ---- worker ---- */

struct worker_task *
worker_start(struct worker *w, worker_fn *work, worker_fn *done, worker_fn *drop, void *arg)
{
	struct worker_task *t = xcalloc(1, sizeof(*t));

	(void)w;
	*t = (struct worker_task){ .work = work, .done = done, .drop = drop, .arg = arg };
	TAILQ_INSERT_TAIL(&tasks, t, entry);
	return t;
}

void
worker_task_free(struct worker_task *t)
{
	if (t == NULL)
		return;
	TAILQ_REMOVE(&tasks, t, entry);
	if (t->drop != NULL)
		t->drop(t->arg);
	free(t);
}

/* ---- chance: George Marsaglia's xorshift with 64 bits ---- */

uint32_t
random_u32(void)
{
	static uint64_t x = UINT64_C(0x2545F4914F6CDD1D);

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 32);
}

int64_t
random_jitter(int64_t value, int percent)
{
	int64_t most = value * percent / 100;

	return most > 0 ? value - most + (int64_t)(random_u32() % (uint64_t)(2 * most + 1))
			: value;
}

/* ---- the disk ---- */

/* Nothing is to outlive a power cut here, and waiting for a disk is not what is measured.
 */
int
fsync(int fd)
{
	(void)fd;
	__atomic_add_fetch(&world.syncs, 1, __ATOMIC_RELAXED);
	return 0;
}

/* ---- accounts: one at one CA ---- */

struct account {
	const char *name;
};

static struct account main_account = { "main" };

struct account *
accounts_find(struct accounts *all, const char *name)
{
	(void)all;
	return str_eq(name, main_account.name) ? &main_account : NULL;
}

const char *
account_name(const struct account *a)
{
	return a->name;
}

const char *
account_directory_url(const struct account *a)
{
	(void)a;
	return DIRECTORY_URL;
}

struct directory *
account_directory(const struct account *a)
{
	(void)a;
	return NULL;
}

struct account *
accounts_find_staging(struct accounts *all, const char *name)
{
	(void)all;
	(void)name;
	return NULL;
}

/* It is asked what time it is where there is doubt, and here is none. */
void
directory_forget(struct directory *d)
{
	(void)d;
}

struct directory_wait *
directory_load(struct directory *d, directory_done_fn *done, void *arg)
{
	(void)d;
	(void)done;
	(void)arg;
	return NULL;
}

void
directory_wait_free(struct directory_wait *w)
{
	(void)w;
}
