/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "daemon/io/worker.h"

/* A task that writes down what becomes of it. */
struct job {
	const char *name;
	long work_ms;
	pthread_t thread;
	bool all_blocked;
	struct worker_task *frees; /* when it is done */
	struct job *starts;        /* the same */
	struct worker_task *task;
};

static struct {
	struct event_base *loop;
	struct worker *worker;
	char transcript[256];
	atomic_int running;
	atomic_int most_running;
} t;

static void
note(const char *what, const struct job *j)
{
	size_t length = strlen(t.transcript);

	snprintf(t.transcript + length, sizeof(t.transcript) - length, "%s %s\n", what,
	    j->name);
}

static void
rest_ms(long ms)
{
	const struct timespec length = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&length, NULL);
}

static void
work(void *arg)
{
	struct job *j = arg;
	int now = atomic_fetch_add(&t.running, 1) + 1, most = atomic_load(&t.most_running);
	sigset_t mask;

	while (now > most && !atomic_compare_exchange_weak(&t.most_running, &most, now))
		;
	j->thread = pthread_self();
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	j->all_blocked =
	    sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGCHLD) == 1;
	rest_ms(j->work_ms);
	atomic_fetch_sub(&t.running, 1);
}

static void done(void *arg);

static void
drop(void *arg)
{
	note("drop", arg);
}

static struct worker_task *
start(struct job *j)
{
	j->task = worker_start(t.worker, work, done, drop, j);
	return j->task;
}

static void
done(void *arg)
{
	struct job *j = arg;

	note("done", j);
	j->task = NULL;
	worker_task_free(j->frees);
	if (j->starts != NULL)
		start(j->starts);
}

static void
set_up_threads(unsigned most)
{
	memset(&t, 0, sizeof(t));
	t.loop = event_base_new();
	t.worker = worker_new(t.loop, most);
}

static int
set_up(void **state)
{
	(void)state;
	set_up_threads(1);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	worker_free(t.worker);
	event_base_free(t.loop);
	return 0;
}

static void
test_nothing_to_do_keeps_no_loop(void **state)
{
	(void)state;
	assert_int_equal(event_base_dispatch(t.loop), 1); /* 1: no events */
	worker_free(NULL);
	worker_task_free(NULL);
}

static void
test_tasks_are_done_in_order_and_later(void **state)
{
	struct job a = { .name = "a" }, b = { .name = "b" }, c = { .name = "c" };

	(void)state;
	start(&a);
	start(&b);
	start(&c);
	rest_ms(20);
	assert_string_equal(t.transcript, "");
	assert_int_equal(event_base_dispatch(t.loop), 1);
	assert_string_equal(t.transcript, "done a\ndone b\ndone c\n");
	assert_false(pthread_equal(a.thread, pthread_self()));
	assert_true(a.all_blocked);
}

static void
test_a_callback_starts_the_next(void **state)
{
	struct job c = { .name = "c" }, b = { .name = "b", .starts = &c },
		   a = { .name = "a", .starts = &b };

	(void)state;
	start(&a);
	event_base_dispatch(t.loop);
	assert_string_equal(t.transcript, "done a\ndone b\ndone c\n");
	assert_true(pthread_equal(a.thread, c.thread)); /* the thread has waited for it */
}

static void
test_a_freed_task_is_dropped_not_done(void **state)
{
	struct job runs = { .name = "runs", .work_ms = 50 };
	struct job waits = { .name = "waits" };
	struct job stays = { .name = "stays" };

	(void)state;
	start(&runs);
	start(&waits);
	start(&stays);
	rest_ms(20);
	worker_task_free(waits.task);
	assert_string_equal(t.transcript, "drop waits\n");
	worker_task_free(runs.task);
	assert_string_equal(t.transcript, "drop waits\n");
	event_base_dispatch(t.loop);
	assert_string_equal(t.transcript, "drop waits\ndrop runs\ndone stays\n");
}

static void
test_a_callback_frees_another_task(void **state)
{
	struct job b = { .name = "b" }, a = { .name = "a" };

	(void)state;
	start(&a);
	a.frees = start(&b);
	rest_ms(50); /* both have ended, neither is done */
	event_base_dispatch(t.loop);
	assert_string_equal(t.transcript, "done a\ndrop b\n");
}

static void
test_the_end_waits_for_what_runs(void **state)
{
	struct job ended = { .name = "ended" };
	struct job runs = { .name = "runs", .work_ms = 100 };
	struct job waits = { .name = "waits" };

	(void)state;
	start(&ended);
	rest_ms(20);
	start(&runs);
	start(&waits);
	rest_ms(20);
	worker_free(t.worker);
	t.worker = NULL;
	assert_int_equal(atomic_load(&t.running), 0);
	assert_string_equal(t.transcript, "drop waits\ndrop ended\ndrop runs\n");
}

static void
free_worker(void *arg)
{
	note("done", arg);
	worker_free(t.worker);
	t.worker = NULL;
}

static void
test_a_callback_may_free_the_worker(void **state)
{
	struct job a = { .name = "a" }, b = { .name = "b" };

	(void)state;
	worker_start(t.worker, work, free_worker, drop, &a);
	start(&b);
	rest_ms(50);
	event_base_dispatch(t.loop);
	assert_string_equal(t.transcript, "done a\ndrop b\n");
}

static void
test_no_more_threads_than_allowed(void **state)
{
	struct job jobs[12] = { 0 };

	(void)state;
	tear_down(NULL);
	set_up_threads(3);
	for (size_t i = 0; i < COUNT(jobs); i++) {
		jobs[i].name = "x";
		jobs[i].work_ms = 10;
		start(&jobs[i]);
	}
	event_base_dispatch(t.loop);
	assert_int_equal(strlen(t.transcript), COUNT(jobs) * strlen("done x\n"));
	assert_int_equal(atomic_load(&t.most_running), 3);
}

static void
say_nothing(enum log_level level, const struct log_fields *fields, const char *line)
{
	(void)level;
	(void)fields;
	(void)line;
}

/* Takes the place of the C library's while `refuse_threads` is set. */
static bool refuse_threads;

int
pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
    void *arg)
{
	int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

	if (refuse_threads)
		return EAGAIN;
	real = (__typeof__(real))dlsym(RTLD_NEXT, "pthread_create");
	return real(thread, attributes, run, arg);
}

static void
test_without_threads_the_loop_does_the_work(void **state)
{
	struct job a = { .name = "a" }, b = { .name = "b" };

	(void)state;
	log_set_sink(say_nothing);
	refuse_threads = true;
	start(&a);
	start(&b);
	assert_string_equal(t.transcript, "");
	event_base_dispatch(t.loop);
	refuse_threads = false;
	log_set_sink(NULL);
	assert_string_equal(t.transcript, "done a\ndone b\n");
	assert_true(pthread_equal(b.thread, pthread_self()));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_nothing_to_do_keeps_no_loop),
		TEST(test_tasks_are_done_in_order_and_later),
		TEST(test_a_callback_starts_the_next),
		TEST(test_a_freed_task_is_dropped_not_done),
		TEST(test_a_callback_frees_another_task),
		TEST(test_the_end_waits_for_what_runs),
		TEST(test_a_callback_may_free_the_worker),
		TEST(test_no_more_threads_than_allowed),
		TEST(test_without_threads_the_loop_does_the_work),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
