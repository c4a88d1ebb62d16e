/* SPDX-License-Identifier: ISC */
/* The bus is this file: it writes down what is asked of it, and ends it when told to. */
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/clock.h"
#include "daemon/renew/units.h"

#define CALLS_MOST 8
#define FIRST_MS   30

/* Far more than any of it takes, for a machine that is busy. */
#define PATIENCE_MS 30000

struct bus_call {
	bus_done_fn *done;
	void *arg;
	bool freed;
	char what[64];
};

static struct {
	struct event_base *loop;
	struct units *units;
	struct bus_call calls[CALLS_MOST];
	size_t n_calls;
	struct text transcript;
	struct unit_wait *frees; /* by the next that is told */
	bool frees_all;
	struct unit_wait *again; /* asked for by "again" */
} t;

const char *
bus_verb_name(enum bus_verb verb)
{
	return verb == BUS_RELOAD ? "reload" : verb == BUS_RESTART ? "restart" : "start";
}

struct bus_call *
bus_unit(struct bus *b, enum bus_verb verb, const char *unit, bus_done_fn *done, void *arg)
{
	struct bus_call *c = &t.calls[t.n_calls++];

	assert_null(b);
	assert_true(t.n_calls < CALLS_MOST);
	c->done = done;
	c->arg = arg;
	snprintf(c->what, sizeof(c->what), "%s %s", bus_verb_name(verb), unit);
	text_add(&t.transcript, "%s\n", c->what);
	return c;
}

void
bus_call_free(struct bus_call *c)
{
	if (c != NULL)
		c->freed = true;
}

static void
end_call(size_t i, const char *error)
{
	struct err err = { 0 };

	assert_true(i < t.n_calls);
	if (error != NULL)
		err_set(&err, ERR_SYSTEM, "%s", error);
	t.calls[i].done(error != NULL ? &err : NULL, t.calls[i].arg);
}

static struct unit_wait *reload(const char *name);

static void
told(const struct err *err, void *arg)
{
	const char *name = arg;

	text_add(&t.transcript, "%s: %s\n", name, err != NULL ? err->text : "done");
	unit_wait_free(TAKE(t.frees));
	if (t.frees_all)
		units_free(TAKE(t.units));
	if (str_eq(name, "again"))
		t.again = reload("second");
}

static struct unit_wait *
ask(enum bus_verb verb, const char *unit, const char *name)
{
	return units_ask(t.units, verb, unit, told, (void *)(uintptr_t)name);
}

static struct unit_wait *
reload(const char *name)
{
	return ask(BUS_RELOAD, "nginx.service", name);
}

/* Until there have been so many calls. */
static void
run_until(size_t n_calls)
{
	int64_t end = clock_monotonic_ms() + PATIENCE_MS;

	while (t.n_calls < n_calls) {
		assert_true(clock_monotonic_ms() < end);
		assert_int_equal(event_base_loop(t.loop, EVLOOP_ONCE), 0);
	}
}

/* Until no timer is left. */
static void
run_out(void)
{
	assert_int_equal(event_base_loop(t.loop, 0), 1);
}

static void
expect(const char *transcript)
{
	assert_string_equal(t.transcript.s != NULL ? t.transcript.s : "", transcript);
	text_clear(&t.transcript);
}

static int
set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.loop = event_base_new();
	t.units = units_new(t.loop, NULL);
	units_set_quiet(t.units, FIRST_MS, 20 * FIRST_MS);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	units_free(t.units);
	event_base_free(t.loop);
	text_clear(&t.transcript);
	return 0;
}

static void
rest_ms(long ms)
{
	const struct timespec length = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&length, NULL);
}

static void
count(const struct err *err, void *arg)
{
	unsigned *n = arg;

	assert_null(err);
	(*n)++;
}

static void
test_a_burst_is_one_call(void **state)
{
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		units_ask(t.units, BUS_RELOAD, "nginx.service", count, &n);
	expect("");
	run_until(1);
	assert_int_equal(n, 0);
	end_call(0, NULL);
	assert_int_equal(n, 100);
	run_out();
	expect("reload nginx.service\n");
}

static void
test_a_failure_is_told_to_all(void **state)
{
	(void)state;
	reload("a");
	reload("b");
	run_until(1);
	end_call(0, "nginx.service: it fails");
	expect("reload nginx.service\n"
	       "a: nginx.service: it fails\n"
	       "b: nginx.service: it fails\n");
}

/* Timers of one instant fire in any order. */
static size_t
call_of(const char *what)
{
	size_t i = 0;

	while (i < t.n_calls && !str_eq(t.calls[i].what, what))
		i++;
	return i;
}

static void
test_units_are_handled_side_by_side(void **state)
{
	(void)state;
	reload("a");
	ask(BUS_RELOAD, "postfix.service", "b");
	ask(BUS_RESTART, "exim4.service", "c");
	run_until(3);
	text_clear(&t.transcript);
	end_call(call_of("restart exim4.service"), NULL);
	end_call(call_of("reload nginx.service"), NULL);
	end_call(call_of("reload postfix.service"), "no");
	expect("c: done\na: done\nb: no\n");
}

static void
test_each_ask_begins_the_quiet_anew(void **state)
{
	int64_t since;

	(void)state;
	units_set_quiet(t.units, 100, 100000);
	reload("a");
	rest_ms(60);
	since = clock_monotonic_ms();
	reload("b");
	run_until(1);
	assert_true(clock_monotonic_ms() - since >= 80);
	end_call(0, NULL);
}

static void
test_the_quiet_has_an_end(void **state)
{
	(void)state;
	units_set_quiet(t.units, 10L * PATIENCE_MS, 50);
	reload("a");
	rest_ms(60);
	reload("b");
	run_until(1);
	end_call(0, NULL);
	expect("reload nginx.service\na: done\nb: done\n");
}

static void
test_who_asks_while_it_runs_gets_the_next(void **state)
{
	(void)state;
	reload("a");
	run_until(1);
	reload("b");
	reload("c");
	run_out(); /* its quiet is over, and the first call is not */
	reload("d");
	expect("reload nginx.service\n");
	end_call(0, NULL);
	assert_int_equal(t.n_calls, 2);
	expect("reload nginx.service\na: done\n");
	end_call(1, NULL);
	expect("b: done\nc: done\nd: done\n");
	run_out();
	assert_int_equal(t.n_calls, 2);
}

static void
test_the_next_has_its_quiet_after_a_short_call(void **state)
{
	(void)state;
	reload("a");
	run_until(1);
	reload("b");
	end_call(0, NULL);
	expect("reload nginx.service\na: done\n");
	run_until(2);
	end_call(1, NULL);
	expect("reload nginx.service\nb: done\n");
}

static void
test_a_restart_covers_a_reload(void **state)
{
	(void)state;
	reload("a");
	ask(BUS_RESTART, "nginx.service", "b");
	reload("c");
	run_until(1);
	end_call(0, NULL);
	run_out();
	expect("restart nginx.service\na: done\nb: done\nc: done\n");
}

static void
test_who_wanted_the_restart_has_gone(void **state)
{
	struct unit_wait *w;

	(void)state;
	w = ask(BUS_RESTART, "nginx.service", "a");
	reload("b");
	unit_wait_free(w);
	run_until(1);
	end_call(0, NULL);
	expect("reload nginx.service\nb: done\n");
}

static void
test_a_start_is_another_call(void **state)
{
	(void)state;
	ask(BUS_START, "nginx.service", "a");
	ask(BUS_START, "nginx.service", "b");
	run_until(1);
	ask(BUS_START, "nginx.service", "c");
	run_out();
	reload("d");
	ask(BUS_RESTART, "nginx.service", "e");
	run_out();
	expect("start nginx.service\n");
	end_call(0, NULL);
	expect("start nginx.service\na: done\nb: done\n");
	end_call(1, NULL);
	end_call(2, NULL);
	expect("restart nginx.service\nc: done\nd: done\ne: done\n");
}

static void
test_a_freed_wait_is_not_told(void **state)
{
	struct unit_wait *early, *late;

	(void)state;
	unit_wait_free(NULL);
	early = reload("early");
	late = reload("late");
	reload("stays");
	unit_wait_free(early);
	run_until(1);
	unit_wait_free(late);
	end_call(0, NULL);
	expect("reload nginx.service\nstays: done\n");
}

static void
test_nothing_is_begun_for_nobody(void **state)
{
	struct unit_wait *a, *b;

	(void)state;
	a = reload("a");
	b = reload("b");
	unit_wait_free(a);
	unit_wait_free(b);
	run_out();
	expect("");
}

static void
test_nobody_waits_for_the_next_that_is_due(void **state)
{
	struct unit_wait *w;

	(void)state;
	reload("a");
	run_until(1);
	w = reload("b");
	run_out();
	unit_wait_free(w);
	end_call(0, NULL);
	expect("reload nginx.service\na: done\n");
}

static void
test_what_has_begun_goes_on_for_nobody(void **state)
{
	struct unit_wait *w = reload("a");

	(void)state;
	run_until(1);
	unit_wait_free(w);
	assert_false(t.calls[0].freed);
	reload("b");
	run_out();
	expect("reload nginx.service\n");
	end_call(0, NULL);
	end_call(1, NULL);
	expect("reload nginx.service\nb: done\n");
}

static void
test_a_callback_frees_another_wait(void **state)
{
	(void)state;
	reload("a");
	t.frees = reload("b");
	reload("c");
	run_until(1);
	end_call(0, NULL);
	expect("reload nginx.service\na: done\nc: done\n");
}

static void
test_a_callback_asks_again(void **state)
{
	(void)state;
	reload("again");
	reload("b");
	run_until(1);
	end_call(0, NULL);
	assert_non_null(t.again);
	run_until(2);
	end_call(1, NULL);
	expect("reload nginx.service\nagain: done\nb: done\nreload nginx.service\n"
	       "second: done\n");
}

static void
test_a_callback_frees_all_of_it(void **state)
{
	struct unit_wait *left, *next;

	(void)state;
	reload("a");
	left = reload("b");
	run_until(1);
	next = reload("c");
	run_out();
	t.frees_all = true;
	end_call(0, NULL);
	expect("reload nginx.service\nreload nginx.service\na: done\n");
	assert_true(t.calls[1].freed);
	unit_wait_free(left);
	unit_wait_free(next);
}

static void
test_waits_outlive_the_units(void **state)
{
	struct unit_wait *runs = reload("runs"), *waits;

	(void)state;
	run_until(1);
	waits = reload("waits");
	units_free(TAKE(t.units));
	assert_true(t.calls[0].freed);
	run_out();
	unit_wait_free(runs);
	unit_wait_free(waits);
	units_free(NULL);
	expect("reload nginx.service\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_burst_is_one_call),
		TEST(test_a_failure_is_told_to_all),
		TEST(test_units_are_handled_side_by_side),
		TEST(test_each_ask_begins_the_quiet_anew),
		TEST(test_the_quiet_has_an_end),
		TEST(test_who_asks_while_it_runs_gets_the_next),
		TEST(test_the_next_has_its_quiet_after_a_short_call),
		TEST(test_a_restart_covers_a_reload),
		TEST(test_who_wanted_the_restart_has_gone),
		TEST(test_a_start_is_another_call),
		TEST(test_a_freed_wait_is_not_told),
		TEST(test_nothing_is_begun_for_nobody),
		TEST(test_nobody_waits_for_the_next_that_is_due),
		TEST(test_what_has_begun_goes_on_for_nobody),
		TEST(test_a_callback_frees_another_wait),
		TEST(test_a_callback_asks_again),
		TEST(test_a_callback_frees_all_of_it),
		TEST(test_waits_outlive_the_units),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
