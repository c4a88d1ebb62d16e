/* SPDX-License-Identifier: ISC */
#include "daemon/io/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <time.h>

#include "common/log.h"
#include "common/mem.h"

/* RSA key generation, the deepest of what runs here, touches less than 20 KiB. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_SIZE ((size_t)1024 * 1024)
#else
#define STACK_SIZE ((size_t)256 * 1024)
#endif

/* Long enough for the next step of a renewal to find the thread still there. */
#define IDLE_S 5

enum task_at {
	TASK_WAITS,
	TASK_RUNS,
	TASK_ENDED, /* and its `done` is still to be called */
};

struct worker_task {
	struct worker *worker;
	worker_fn *work;
	worker_fn *done;
	worker_fn *drop;
	void *arg;
	bool freed;      /* of the loop alone */
	enum task_at at; /* under the lock, as the next */
	TAILQ_ENTRY(worker_task) link;
};

TAILQ_HEAD(task_list, worker_task);

/* Where a thread waits. */
struct place {
	struct worker *worker;
	pthread_cond_t wake; /* a task waits, or the end has come */
	bool taken;          /* by a thread; under the lock, as the next */
	bool idle;           /* on the list */
	LIST_ENTRY(place) link;
};

struct worker {
	int fd; /* an eventfd: a task has ended */
	struct event *event;
	unsigned most_threads;
	size_t outstanding; /* tasks; of the loop alone, as the next */
	bool *gone; /* of the on_ended() that runs: whether we were freed meanwhile */

	pthread_mutex_t lock; /* for all that follows */
	pthread_cond_t left;  /* a thread has */
	struct task_list waiting;
	struct task_list ended;
	struct place *places; /* as many as there may be threads */
	/* The last to become idle is the first to work again: its memory is still at hand
	 * to the processor, and the others can go. */
	LIST_HEAD(, place) idle;
	unsigned n_threads;
	bool stopping;
	bool has_leaver;
	pthread_t leaver; /* the last thread that left: joined by the next to leave */
};

/* ---- on the threads ---- */

/* Of a thread that has nothing to do. False where it should end. */
static bool
wait_for_task(struct worker *w, struct place *p)
{
	struct timespec until;
	int result = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_S;
	while (TAILQ_EMPTY(&w->waiting) && !w->stopping && result == 0) {
		if (!p->idle)
			LIST_INSERT_HEAD(&w->idle, p, link);
		p->idle = true;
		result = pthread_cond_timedwait(&p->wake, &w->lock, &until);
	}
	if (p->idle)
		LIST_REMOVE(p, link);
	p->idle = false;
	return !TAILQ_EMPTY(&w->waiting) && !w->stopping;
}

/* With the lock held, which is given up meanwhile. */
static void
run_first(struct worker *w)
{
	struct worker_task *t = TAILQ_FIRST(&w->waiting);
	const uint64_t one = 1;
	ssize_t written;

	TAILQ_REMOVE(&w->waiting, t, link);
	t->at = TASK_RUNS;
	pthread_mutex_unlock(&w->lock);
	t->work(t->arg);
	pthread_mutex_lock(&w->lock);
	t->at = TASK_ENDED;
	TAILQ_INSERT_TAIL(&w->ended, t, link);
	/* Without the lock, which the loop wants as soon as it is awake. It fails only
	 * where the counter is full, and then the loop is awake anyway. */
	pthread_mutex_unlock(&w->lock);
	written = write(w->fd, &one, sizeof(one));
	(void)written;
	pthread_mutex_lock(&w->lock);
}

static void *
thread_main(void *arg)
{
	struct place *p = arg;
	struct worker *w = p->worker;
	bool has_previous;
	pthread_t previous;

	pthread_mutex_lock(&w->lock);
	while (wait_for_task(w, p))
		run_first(w);
	p->taken = false;
	has_previous = w->has_leaver;
	previous = w->leaver;
	w->has_leaver = true;
	w->leaver = pthread_self();
	w->n_threads--;
	pthread_cond_signal(&w->left);
	pthread_mutex_unlock(&w->lock);

	if (has_previous)
		pthread_join(previous, NULL);
	return NULL;
}

/* ---- on the loop ---- */

static struct place *
free_place(struct worker *w)
{
	struct place *p = w->places;

	while (p->taken)
		p++;
	return p;
}

/* With the lock held. False where the system gives no thread. */
static bool
add_thread(struct worker *w)
{
	struct place *p = free_place(w);
	sigset_t all, before;
	pthread_attr_t attributes;
	pthread_t thread;
	int result;

	/* Signals are the loop's: a thread inherits the mask. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	result = pthread_create(&thread, &attributes, thread_main, p);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (result != 0) {
		log_warn("cannot start a thread: %s", strerror(result));
		return false;
	}
	p->taken = true;
	w->n_threads++;
	return true;
}

static void
task_forget(struct worker_task *t)
{
	struct worker *w = t->worker;

	free(t);
	if (--w->outstanding == 0)
		event_del(w->event);
}

static void
task_drop(struct worker_task *t)
{
	worker_fn *drop = t->drop;
	void *arg = t->arg;

	task_forget(t);
	if (drop != NULL)
		drop(arg);
}

static void
task_end(struct worker_task *t)
{
	worker_fn *done = t->done;
	void *arg = t->arg;

	if (t->freed) {
		task_drop(t);
		return;
	}
	task_forget(t);
	done(arg);
}

static struct worker_task *
take_ended(struct worker *w)
{
	struct worker_task *t;

	pthread_mutex_lock(&w->lock);
	t = TAILQ_FIRST(&w->ended);
	if (t != NULL)
		TAILQ_REMOVE(&w->ended, t, link);
	pthread_mutex_unlock(&w->lock);
	return t;
}

static size_t
count_ended(struct worker *w)
{
	struct worker_task *t;
	size_t n = 0;

	pthread_mutex_lock(&w->lock);
	/* Without any thread the work is done here: late is better than never. */
	if (w->n_threads == 0 && !TAILQ_EMPTY(&w->waiting) && !add_thread(w))
		run_first(w);
	TAILQ_FOREACH (t, &w->ended, link)
		n++;
	pthread_mutex_unlock(&w->lock);
	return n;
}

static void
on_ended(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	struct worker_task *t;
	bool gone = false;
	uint64_t count;
	size_t n;

	(void)what;
	if (read(fd, &count, sizeof(count)) == -1 && errno != EAGAIN)
		return;
	w->gone = &gone;
	/* What ends meanwhile has a turn of its own, so that other events have theirs. */
	for (n = count_ended(w); n > 0 && !gone; n--) {
		t = take_ended(w);
		if (t == NULL) /* freed by the callback of another */
			break;
		task_end(t);
	}
	if (!gone)
		w->gone = NULL;
}

struct worker_task *
worker_start(struct worker *w, worker_fn *work, worker_fn *done, worker_fn *drop, void *arg)
{
	struct worker_task *t = xcalloc(1, sizeof(*t));
	struct place *idle;
	bool helpless = false;

	t->worker = w;
	t->work = work;
	t->done = done;
	t->drop = drop;
	t->arg = arg;
	if (w->outstanding++ == 0)
		event_add(w->event, NULL);
	pthread_mutex_lock(&w->lock);
	TAILQ_INSERT_TAIL(&w->waiting, t, link);
	idle = LIST_FIRST(&w->idle);
	if (idle != NULL) {
		LIST_REMOVE(idle, link); /* one thread for one task */
		idle->idle = false;
	} else if (w->n_threads < w->most_threads) {
		helpless = !add_thread(w) && w->n_threads == 0;
	}
	pthread_mutex_unlock(&w->lock);
	if (idle != NULL)
		pthread_cond_signal(&idle->wake); /* who wakes up wants the lock */
	if (helpless)
		event_active(w->event, EV_READ, 0);
	return t;
}

void
worker_task_free(struct worker_task *t)
{
	struct worker *w;

	if (t == NULL)
		return;
	w = t->worker;
	pthread_mutex_lock(&w->lock);
	t->freed = true;
	if (t->at == TASK_WAITS)
		TAILQ_REMOVE(&w->waiting, t, link);
	if (t->at == TASK_ENDED)
		TAILQ_REMOVE(&w->ended, t, link);
	if (t->at == TASK_RUNS)
		t = NULL; /* on_ended() will drop it */
	pthread_mutex_unlock(&w->lock);
	if (t != NULL)
		task_drop(t);
}

static void
make_places(struct worker *w)
{
	pthread_condattr_t monotonic;

	w->places = xcalloc(w->most_threads, sizeof(*w->places));
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	for (unsigned i = 0; i < w->most_threads; i++) {
		w->places[i].worker = w;
		pthread_cond_init(&w->places[i].wake, &monotonic);
	}
	pthread_condattr_destroy(&monotonic);
}

struct worker *
worker_new(struct event_base *loop, unsigned most_threads)
{
	struct worker *w = xcalloc(1, sizeof(*w));

	w->most_threads = most_threads > 0 ? most_threads : 1;
	TAILQ_INIT(&w->waiting);
	TAILQ_INIT(&w->ended);
	LIST_INIT(&w->idle);
	make_places(w);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->left, NULL);
	w->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->fd == -1) {
		log_error("cannot make an eventfd: %s", strerror(errno));
		abort();
	}
	w->event = must(event_new(loop, w->fd, EV_READ | EV_PERSIST, on_ended, w));
	return w;
}

static void
drop_all(struct task_list *list)
{
	struct worker_task *t;

	while ((t = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, t, link);
		task_drop(t);
	}
}

void
worker_free(struct worker *w)
{
	if (w == NULL)
		return;
	if (w->gone != NULL)
		*w->gone = true;
	pthread_mutex_lock(&w->lock);
	w->stopping = true;
	for (unsigned i = 0; i < w->most_threads; i++)
		pthread_cond_signal(&w->places[i].wake);
	while (w->n_threads > 0)
		pthread_cond_wait(&w->left, &w->lock);
	pthread_mutex_unlock(&w->lock);
	if (w->has_leaver) /* it has joined the one before it, and so on */
		pthread_join(w->leaver, NULL);

	drop_all(&w->waiting);
	drop_all(&w->ended);
	event_free(w->event);
	close(w->fd);
	for (unsigned i = 0; i < w->most_threads; i++)
		pthread_cond_destroy(&w->places[i].wake);
	pthread_cond_destroy(&w->left);
	pthread_mutex_destroy(&w->lock);
	free(w->places);
	free(w);
}
