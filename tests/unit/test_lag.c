/* SPDX-License-Identifier: ISC */
/* Loops that are really held up; how long a round was is bounded from below only, since
 * the machine may have other things to do. */
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "daemon/io/clock.h"
#include "daemon/io/lag.h"

#define MS ((int64_t)1000) /* in microseconds */

static struct {
	struct event_base *loop;
	struct lag lag;
	struct event *next; /* that a callback makes active, or NULL */
	unsigned n_warnings;
	char *warning;
} t;

static void
remember(enum log_level level, const struct log_fields *fields, const char *line)
{
	(void)fields;
	assert_int_equal(level, LOG_LEVEL_WARN);
	free(t.warning);
	t.warning = xstrdup(line);
	t.n_warnings++;
}

static int
set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.loop = event_base_new();
	log_set_sink(remember);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	log_set_sink(NULL);
	free(t.warning);
	event_base_free(t.loop);
	return 0;
}

static uint64_t
count_rounds(void)
{
	return t.lag.rounds[0] + lag_rounds_over(&t.lag, 1);
}

/* The length of a round is the argument, in milliseconds. */
static void
spin(evutil_socket_t fd, short what, void *ms)
{
	int64_t until = clock_monotonic_ms() + (intptr_t)ms + 1;

	(void)fd;
	(void)what;
	while (clock_monotonic_ms() < until)
		;
	if (t.next != NULL)
		event_active(t.next, EV_TIMEOUT, 0);
	t.next = NULL;
}

static void
block(evutil_socket_t fd, short what, void *ms)
{
	(void)fd;
	(void)what;
	usleep((useconds_t)((intptr_t)ms * 1000));
}

static void
break_off(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_base_loopbreak(t.loop);
}

static void
in_ms(long after, event_callback_fn fn, intptr_t ms)
{
	const struct timeval in = { .tv_sec = after / 1000,
		.tv_usec = after % 1000 * 1000 };

	event_base_once(t.loop, -1, EV_TIMEOUT, fn, (void *)ms, &in);
}

static void
test_a_callback_that_computes_holds_the_loop_up(void **state)
{
	(void)state;
	in_ms(0, spin, 30);
	assert_int_equal(lag_loop(t.loop, &t.lag), 1);
	assert_true(t.lag.longest_us >= 30 * MS);
	assert_int_equal(count_rounds(), 1);
	assert_int_equal(lag_rounds_over(&t.lag, 20), 1);
}

static void
test_a_callback_that_sleeps_does_too(void **state)
{
	(void)state;
	in_ms(0, block, 30);
	lag_loop(t.loop, &t.lag);
	assert_true(t.lag.longest_us >= 30 * MS);
	assert_int_equal(lag_rounds_over(&t.lag, 20), 1);
}

static void
test_waiting_does_not_hold_it_up(void **state)
{
	(void)state;
	in_ms(1000, block, 0);
	lag_loop(t.loop, &t.lag);
	assert_true(count_rounds() >= 1); /* epoll may wake up a millisecond too early */
	assert_true(t.lag.longest_us < 500 * MS);
}

/* libevent looks before it goes on with what is less urgent, and does not come out. */
static void
test_every_look_for_events_ends_a_round(void **state)
{
	struct event *second;

	(void)state;
	event_base_priority_init(t.loop, 3);
	second = evtimer_new(t.loop, spin, (void *)(intptr_t)10);
	event_priority_set(second, 2);
	t.next = second;
	in_ms(0, spin, 30);
	lag_loop(t.loop, &t.lag);
	assert_int_equal(count_rounds(), 2);
	assert_int_equal(lag_rounds_over(&t.lag, 5), 2);
	assert_true(t.lag.longest_us >= 30 * MS);
	event_free(second);
}

static void
test_what_ends_a_loop_ends_this_one(void **state)
{
	const struct timeval soon = { .tv_usec = 10000 };
	struct event *never = evtimer_new(t.loop, block, NULL);
	const struct timeval hour = { .tv_sec = 3600 };

	(void)state;
	assert_int_equal(lag_loop(t.loop, &t.lag), 1); /* nothing to wait for */
	assert_int_equal(count_rounds(), 0);
	event_add(never, &hour);
	in_ms(0, block, 1);
	in_ms(20, break_off, 0);
	assert_int_equal(lag_loop(t.loop, &t.lag), 0);
	assert_true(event_base_got_break(t.loop));
	event_base_loopexit(t.loop, &soon);
	assert_int_equal(lag_loop(t.loop, &t.lag), 0);
	assert_true(event_base_got_exit(t.loop));
	event_free(never);
}

static void
test_other_loops_are_not_counted(void **state)
{
	(void)state;
	in_ms(0, spin, 2);
	lag_loop(t.loop, &t.lag);
	in_ms(0, spin, 30);
	event_base_dispatch(t.loop);
	assert_int_equal(count_rounds(), 1);
}

static void
test_rounds_are_sorted_by_length(void **state)
{
	static const struct {
		int64_t us;
		unsigned bucket;
	} rounds[] = { { 0, 0 }, { MS, 0 }, { MS + 1, 1 }, { 2 * MS, 1 }, { 10 * MS, 3 },
		{ 10 * MS + 1, 4 }, { 50 * MS, 5 }, { 50 * MS + 1, 6 }, { 1000 * MS, 8 },
		{ 1000 * MS + 1, 9 } };

	(void)state;
	for (size_t i = 0; i < COUNT(rounds); i++) {
		uint64_t before = t.lag.rounds[rounds[i].bucket];

		lag_note(&t.lag, 7, 7 + rounds[i].us);
		assert_int_equal(t.lag.rounds[rounds[i].bucket], before + 1);
	}
	assert_int_equal(count_rounds(), COUNT(rounds));
	assert_int_equal(lag_rounds_over(&t.lag, 10), 5);
	assert_int_equal(lag_rounds_over(&t.lag, 1000), 1);
	assert_int_equal(t.lag.longest_us, 1000 * MS + 1);
	lag_note(&t.lag, 0, MS);
	assert_int_equal(t.lag.longest_us, 1000 * MS + 1);
}

static void
test_a_long_round_is_warned_of(void **state)
{
	(void)state;
	in_ms(0, spin, 60);
	in_ms(200, spin, 60);
	lag_loop(t.loop, &t.lag);
	assert_int_equal(t.n_warnings, 1);
	assert_memory_equal(t.warning, "the loop was held up for ", 25);
	assert_true(strtol(t.warning + 25, NULL, 10) >= 60);
	assert_string_equal(t.warning + strlen(t.warning) - 3, " ms");
}

static void
test_a_minute_is_between_two_warnings(void **state)
{
	const int64_t minute = 60000 * MS;

	(void)state;
	lag_note(&t.lag, 0, 50 * MS);
	assert_int_equal(t.lag.warn_us, 0);
	lag_note(&t.lag, 0, 70 * MS);
	assert_int_equal(t.lag.warn_us, 70 * MS);
	t.lag.warn_us = 0;
	lag_note(&t.lag, minute - 100 * MS, minute + 69 * MS);
	assert_int_equal(t.lag.warn_us, 0);
	assert_int_equal(t.lag.longest_us, 169 * MS);
	lag_note(&t.lag, minute, minute + 70 * MS);
	assert_int_equal(t.lag.warn_us, 70 * MS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_callback_that_computes_holds_the_loop_up),
		TEST(test_a_callback_that_sleeps_does_too),
		TEST(test_waiting_does_not_hold_it_up),
		TEST(test_every_look_for_events_ends_a_round),
		TEST(test_what_ends_a_loop_ends_this_one),
		TEST(test_other_loops_are_not_counted),
		TEST(test_rounds_are_sorted_by_length),
		TEST(test_a_long_round_is_warned_of),
		TEST(test_a_minute_is_between_two_warnings),
	};

	return cmocka_run_group_tests_name("lag", tests, NULL, NULL);
}
