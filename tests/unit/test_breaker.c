/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <limits.h>

#include "daemon/renew/breaker.h"

#define NOW  ((time_t)1772323200) /* 2026-03-01T00:00:00Z */
#define HOUR ((time_t)3600)
#define DAY  (24 * HOUR)

#define MIDDLE (UINT32_MAX / 2 + 1)

static const struct err network = { .kind = ERR_NETWORK };

static struct err
make_busy(time_t retry_after)
{
	return (struct err){ .kind = ERR_BUSY, .retry_after = retry_after };
}

/* Asks at the first instant that allows it, and fails. Returns the pause from then on. */
static time_t
fail_probe(struct breaker *b, const struct err *err, uint32_t chance)
{
	time_t at = b->probe_at;

	assert_int_equal(breaker_ask(b, at - 1), BREAKER_HOLD);
	assert_int_equal(breaker_ask(b, at), BREAKER_PROBE);
	breaker_begin_probe(b);
	assert_false(breaker_failed(b, err, at, chance));
	return b->probe_at - at;
}

static void
test_a_new_one_is_closed(void **state)
{
	struct breaker b = { 0 };

	(void)state;
	assert_int_equal(breaker_ask(&b, NOW), BREAKER_GO);
	assert_int_equal(breaker_ask(&b, 0), BREAKER_GO);
	assert_false(breaker_worked(&b));
	assert_false(breaker_is_failing(&b));
}

static void
test_the_first_failure_opens_it_and_any_success_closes_it(void **state)
{
	struct breaker b = { 0 };

	(void)state;
	assert_true(breaker_failed(&b, &network, NOW, MIDDLE));
	assert_int_equal(b.probe_at, NOW + 30);
	assert_int_equal(breaker_ask(&b, NOW), BREAKER_HOLD);
	assert_int_equal(breaker_ask(&b, NOW + 29), BREAKER_HOLD);
	assert_true(breaker_worked(&b));
	assert_false(breaker_worked(&b));
	assert_int_equal(breaker_ask(&b, NOW), BREAKER_GO);
	assert_true(breaker_failed(&b, &network, NOW, MIDDLE)); /* it begins anew */
	assert_int_equal(b.probe_at, NOW + 30);
}

static void
test_one_attempt_at_a_time_goes_through(void **state)
{
	struct breaker b = { 0 };

	(void)state;
	breaker_failed(&b, &network, NOW, MIDDLE);
	assert_int_equal(breaker_ask(&b, NOW + 30), BREAKER_PROBE);
	assert_int_equal(breaker_ask(&b, NOW + 30),
	    BREAKER_PROBE); /* asking changes nothing */
	breaker_begin_probe(&b);
	assert_int_equal(breaker_ask(&b, NOW + 30), BREAKER_HOLD);
	assert_int_equal(breaker_ask(&b, NOW + DAY), BREAKER_HOLD);
	assert_true(breaker_worked(&b));
	assert_int_equal(breaker_ask(&b, NOW + 30), BREAKER_GO);
}

static void
test_an_attempt_that_says_nothing_makes_way_for_the_next(void **state)
{
	struct breaker b = { 0 };

	(void)state;
	breaker_failed(&b, &network, NOW, MIDDLE);
	breaker_begin_probe(&b);
	breaker_gave_up(&b);
	assert_int_equal(breaker_ask(&b, NOW + 29), BREAKER_HOLD);
	assert_int_equal(breaker_ask(&b, NOW + 30), BREAKER_PROBE);
	assert_int_equal(b.failures, 1);
}

static void
test_pauses_double_up_to_an_hour(void **state)
{
	static const time_t pauses[] = { 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600 };
	struct breaker b = { 0 };

	(void)state;
	breaker_failed(&b, &network, NOW, MIDDLE);
	for (size_t i = 0; i < COUNT(pauses); i++) {
		assert_true(breaker_is_failing(&b) == (i >= 2));
		assert_int_equal(fail_probe(&b, &network, MIDDLE), pauses[i]);
	}
	breaker_worked(&b);
	assert_false(breaker_is_failing(&b));
}

static void
test_chance_spreads_pauses_by_a_fifth(void **state)
{
	struct breaker early = { 0 }, late = { 0 };

	(void)state;
	breaker_failed(&early, &network, NOW, 0);
	breaker_failed(&late, &network, NOW, UINT32_MAX);
	assert_int_equal(early.probe_at, NOW + 24);
	assert_int_equal(late.probe_at, NOW + 36);
	early.failures = late.failures = 100;
	assert_int_equal(fail_probe(&early, &network, 0), HOUR - HOUR / 5);
	assert_int_equal(fail_probe(&late, &network, UINT32_MAX), HOUR + HOUR / 5);
}

static void
test_the_cas_wish_counts_where_it_is_longer(void **state)
{
	static const struct {
		time_t wish;
		time_t pause;
	} cases[] = {
		{ -1, 30 },
		{ 0, 30 },
		{ 1, 30 },
		{ 31, 31 },
		{ 2 * HOUR, 2 * HOUR },
		{ DAY, DAY },
		{ DAY + 1, DAY },
		{ (time_t)1 << 32, DAY },
		{ INT64_MAX, DAY },
		{ INT64_MIN, 30 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = make_busy(cases[i].wish);
		struct breaker b = { 0 };

		assert_true(breaker_failed(&b, &err, NOW, MIDDLE));
		assert_int_equal(b.probe_at - NOW, cases[i].pause);
		assert_int_equal(breaker_ask(&b, NOW), BREAKER_HOLD);
	}
}

/* Fifty orders that break off together are one outage. */
static void
test_what_ran_before_it_opened_counts_once(void **state)
{
	struct err patient = make_busy(600);
	struct breaker b = { 0 };

	(void)state;
	assert_true(breaker_failed(&b, &network, NOW, MIDDLE));
	for (int i = 0; i < 50; i++)
		assert_false(breaker_failed(&b, &network, NOW + 10, MIDDLE));
	assert_int_equal(b.failures, 1);
	assert_int_equal(b.probe_at, NOW + 30);
	assert_false(breaker_failed(&b, &patient, NOW + 10, MIDDLE));
	assert_int_equal(b.failures, 1);
	assert_int_equal(b.probe_at, NOW + 610);
	/* After the pause it says something, also where nobody said it was the attempt. */
	assert_false(breaker_failed(&b, &network, NOW + 610, MIDDLE));
	assert_int_equal(b.failures, 2);
	assert_int_equal(b.probe_at, NOW + 610 + 60);
}

static void
test_a_clock_that_is_set_back_does_not_hold_for_years(void **state)
{
	struct breaker b = { 0 };

	(void)state;
	breaker_failed(&b, &network, NOW, MIDDLE);
	assert_int_equal(breaker_ask(&b, NOW - HOUR), BREAKER_HOLD);
	assert_int_equal(breaker_ask(&b, NOW - 3650 * DAY), BREAKER_PROBE);
	breaker_begin_probe(&b);
	assert_false(breaker_failed(&b, &network, NOW - 3650 * DAY, MIDDLE));
	assert_int_equal(b.probe_at, NOW - 3650 * DAY + 60);
	assert_int_equal(b.failures, 2);
}

static const time_t clocks[] = { INT32_MIN, -1, 0, 1, NOW, INT32_MAX - 1, INT32_MAX,
	(time_t)INT32_MAX + 1, UINT32_MAX, (time_t)UINT32_MAX + 1, 253402300799 };
static const time_t wishes[] = { INT64_MIN, -1, 0, 1, 29, 30, 299, 3599, HOUR, DAY - 1, DAY,
	DAY + 1, (time_t)1 << 32, INT64_MAX };
static const uint32_t chances[] = { 0, 1, MIDDLE, UINT32_MAX - 1, UINT32_MAX };

static void
assert_bounded(unsigned failures, time_t now, time_t wish, uint32_t chance)
{
	struct breaker b = { .failures = failures, .probe_at = now, .probing = true };
	struct err err = make_busy(wish);
	time_t pause;

	assert_true(breaker_failed(&b, &err, now, chance) == (failures == 0));
	pause = b.probe_at - now;
	assert_in_range(pause, 24, DAY);
	assert_true(wish > DAY || pause >= wish);
	if (wish <= 0) /* nothing but ours: a fifth around an hour at most */
		assert_in_range(pause, 24, HOUR + HOUR / 5);
	assert_true(b.failures > failures || failures == UINT_MAX);
	assert_int_equal(breaker_ask(&b, now), BREAKER_HOLD);
	assert_int_equal(breaker_ask(&b, now + pause), BREAKER_PROBE);
}

static void
assert_all_bounded(unsigned failures)
{
	for (size_t i = 0; i < COUNT(clocks); i++)
		for (size_t j = 0; j < COUNT(wishes); j++)
			for (size_t k = 0; k < COUNT(chances); k++)
				assert_bounded(failures, clocks[i], wishes[j], chances[k]);
}

/* A pause that wraps around to nothing would be felt by the CA. */
static void
test_no_count_of_failures_leads_out_of_bounds(void **state)
{
	(void)state;
	for (unsigned failures = 0; failures < 200; failures++)
		assert_all_bounded(failures);
	for (unsigned bit = 8; bit < 32; bit++)
		for (unsigned near = 0; near < 5; near++)
			assert_all_bounded((1U << bit) - 2 + near);
	assert_all_bounded(UINT_MAX - 1);
	assert_all_bounded(UINT_MAX);
}

static void
test_pauses_only_grow(void **state)
{
	time_t before = 0;

	(void)state;
	for (unsigned failures = 0; failures < 5000; failures++) {
		struct breaker b = { .failures = failures, .probing = true };

		breaker_failed(&b, &network, NOW, MIDDLE);
		assert_true(b.probe_at - NOW >= before);
		before = b.probe_at - NOW;
	}
}

/* An outage of thirty days: an attempt each hour or so, and the first that works ends it.
 */
static void
test_a_long_outage_is_probed_until_it_ends(void **state)
{
	struct breaker b = { 0 };
	time_t now = NOW;
	unsigned probes = 0;

	(void)state;
	breaker_failed(&b, &network, now, 0);
	while (now < NOW + 30 * DAY) {
		now = b.probe_at;
		fail_probe(&b, &network, (uint32_t)(probes++ * 2654435761U));
	}
	assert_in_range(probes, 30 * 24 / 5 * 4, 30 * 24 / 4 * 5 + 10);
	now = b.probe_at;
	assert_int_equal(breaker_ask(&b, now), BREAKER_PROBE);
	breaker_begin_probe(&b);
	assert_true(breaker_worked(&b));
	assert_int_equal(breaker_ask(&b, now), BREAKER_GO);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_one_is_closed),
		cmocka_unit_test(test_the_first_failure_opens_it_and_any_success_closes_it),
		cmocka_unit_test(test_one_attempt_at_a_time_goes_through),
		cmocka_unit_test(test_an_attempt_that_says_nothing_makes_way_for_the_next),
		cmocka_unit_test(test_pauses_double_up_to_an_hour),
		cmocka_unit_test(test_chance_spreads_pauses_by_a_fifth),
		cmocka_unit_test(test_the_cas_wish_counts_where_it_is_longer),
		cmocka_unit_test(test_what_ran_before_it_opened_counts_once),
		cmocka_unit_test(test_a_clock_that_is_set_back_does_not_hold_for_years),
		cmocka_unit_test(test_no_count_of_failures_leads_out_of_bounds),
		cmocka_unit_test(test_pauses_only_grow),
		cmocka_unit_test(test_a_long_outage_is_probed_until_it_ends),
	};

	return cmocka_run_group_tests_name("breaker", tests, NULL, NULL);
}
