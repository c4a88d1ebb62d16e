/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <stdbool.h>
#include <stdio.h>

#include "daemon/acme/retry.h"

#define MINUTE ((time_t)60)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static const time_t wishes[] = { 0, 1, 5, 59, 60, 61, 299, 300, 301, HOUR, DAY - 1, DAY,
	DAY + 1, 365 * DAY, (time_t)1 << 32, 3650 * DAY };

static struct err
make_err(int kind, time_t retry_after)
{
	return (struct err){ .kind = (enum err_kind)kind, .retry_after = retry_after };
}

/* ---- within an order ---- */

static void
test_only_what_may_pass_is_tried_again_within_an_order(void **state)
{
	(void)state;
	for (int kind = 0; kind < ERR_KIND_COUNT; kind++) {
		struct err err = make_err(kind, 5);
		bool passing = kind == ERR_NETWORK || kind == ERR_BUSY;

		assert_int_equal(retry_step_ms(&err, 1), passing ? 5000 : -1);
	}
}

static void
test_a_step_is_tried_three_times(void **state)
{
	struct err err = make_err(ERR_NETWORK, 0);

	(void)state;
	assert_int_equal(retry_step_ms(&err, 0), 1000);
	assert_int_equal(retry_step_ms(&err, 1), 1000);
	assert_int_equal(retry_step_ms(&err, 2), 5000);
	assert_int_equal(retry_step_ms(&err, 3), -1);
	assert_int_equal(retry_step_ms(&err, 4), -1);
	assert_int_equal(retry_step_ms(&err, UINT32_MAX), -1);
}

static void
test_an_order_waits_a_minute_for_a_busy_ca_and_no_longer(void **state)
{
	static const struct {
		int kind;
		time_t wish;
		int64_t expected;
	} cases[] = {
		{ ERR_BUSY, 0, -1 },
		{ ERR_BUSY, 1, 1000 },
		{ ERR_BUSY, 60, 60000 },
		{ ERR_BUSY, 61, -1 },
		{ ERR_BUSY, 2160, -1 },
		{ ERR_NETWORK, 1, 1000 },
		{ ERR_NETWORK, 60, 60000 },
		{ ERR_NETWORK, 61, -1 },
		{ ERR_NETWORK, (time_t)1 << 32, -1 },
		{ ERR_NETWORK, 3650 * DAY, -1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = make_err(cases[i].kind, cases[i].wish);

		assert_int_equal(retry_step_ms(&err, 1), cases[i].expected);
	}
}

/* ---- looking at what the CA works on ---- */

static void
test_the_first_look_comes_soon_but_not_at_once(void **state)
{
	(void)state;
	assert_in_range(retry_poll_ms(0, 0), 5, 20);
}

static void
test_looks_get_rarer_and_never_stop(void **state)
{
	int64_t before = 0;
	int64_t all = 0;

	(void)state;
	for (unsigned polls = 0; polls < RETRY_POLLS_MAX; polls++) {
		int64_t pause = retry_poll_ms(polls, 0);

		assert_true(pause >= before);
		before = pause;
		all += pause;
	}
	/* Not all of them before a CA that is slow has had its time, nor in vain after an
	 * order's ten minutes. */
	assert_in_range(all, 5 * MINUTE * 1000, 10 * MINUTE * 1000);
	assert_int_equal(retry_poll_ms(UINT32_MAX, 0), 10000);
}

static void
test_the_cas_wish_for_the_next_look_counts_within_bounds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wishes); i++) {
		time_t expected = wishes[i] > 300 ? 300 : wishes[i];

		if (wishes[i] == 0)
			continue;
		assert_int_equal(retry_poll_ms(0, wishes[i]), expected * 1000);
		assert_int_equal(retry_poll_ms(59, wishes[i]), expected * 1000);
	}
	assert_int_equal(retry_poll_ms(0, -1), retry_poll_ms(0, 0));
}

/* ---- between orders ---- */

static void
test_pauses_between_attempts(void **state)
{
	static const struct {
		int kind;
		unsigned failures;
		time_t wish;
		time_t expected;
	} cases[] = {
		{ ERR_NETWORK, 1, 0, MINUTE },
		{ ERR_NETWORK, 2, 0, 2 * MINUTE },
		{ ERR_NETWORK, 6, 0, 32 * MINUTE },
		{ ERR_NETWORK, 7, 0, HOUR },
		{ ERR_NETWORK, 1000000, 0, HOUR },
		{ ERR_NETWORK, 1, 10, MINUTE },
		{ ERR_NETWORK, 1, 5 * MINUTE, 5 * MINUTE },
		{ ERR_NETWORK, 7, 5 * MINUTE, HOUR },
		{ ERR_NETWORK, 1, 10 * DAY, DAY },
		{ ERR_SYSTEM, 1, 0, MINUTE },
		{ ERR_CANCELLED, 1, 0, MINUTE },
		{ ERR_REFUSED, 1, 0, MINUTE },
		{ ERR_REFUSED, 2, 0, 10 * MINUTE },
		{ ERR_REFUSED, 3, 0, 100 * MINUTE },
		{ ERR_REFUSED, 4, 0, DAY },
		{ ERR_REFUSED, 2, HOUR, HOUR },
		{ ERR_CONFIG, 4, 0, DAY },
		{ ERR_PROTOCOL, 4, 0, DAY },
		{ ERR_HOOK, 4, 0, DAY },
		{ ERR_BUSY, 1, 0, HOUR },
		{ ERR_BUSY, 3, 0, HOUR },
		{ ERR_BUSY, 4, 0, DAY },
		{ ERR_BUSY, 1, 5, MINUTE },
		{ ERR_BUSY, 1, 2160, 2160 },
		{ ERR_BUSY, 9, 2160, 2160 },
		{ ERR_BUSY, 1, 10 * DAY, DAY },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = make_err(cases[i].kind, cases[i].wish);

		assert_int_equal(retry_attempt(&err, cases[i].failures), cases[i].expected);
	}
}

static void
test_where_a_person_is_wanted_it_waits_a_day(void **state)
{
	struct err err = make_err(ERR_BUSY, 0);

	(void)state;
	snprintf(err.instance, sizeof(err.instance), "https://ca.example/paused");
	assert_int_equal(retry_attempt(&err, 1), DAY);
	err.retry_after = 2160;
	assert_int_equal(retry_attempt(&err, 1), 2160);
}

/* Between a minute and a day, whatever the count: another daemon's pause wrapped around to
 * nothing after a month of failures. */
static void
assert_bounded(int kind, unsigned failures)
{
	for (size_t i = 0; i < COUNT(wishes); i++) {
		struct err err = make_err(kind, wishes[i]);
		time_t pause = retry_attempt(&err, failures);
		int64_t step = retry_step_ms(&err, failures);

		assert_in_range(pause, MINUTE, DAY);
		if (wishes[i] <= DAY)
			assert_true(pause >= wishes[i]);
		assert_true(step == -1 || (step >= 1000 && step <= MINUTE * 1000));
	}
}

static void
test_no_count_of_failures_leads_out_of_bounds(void **state)
{
	(void)state;
	for (int kind = 0; kind < ERR_KIND_COUNT; kind++) {
		for (unsigned failures = 0; failures < 5000; failures++)
			assert_bounded(kind, failures);
		for (unsigned bit = 12; bit < 32; bit++)
			for (unsigned near = 0; near < 5; near++)
				assert_bounded(kind, (1U << bit) - 2 + near);
		assert_bounded(kind, UINT32_MAX);
	}
}

static void
test_pauses_only_grow(void **state)
{
	(void)state;
	for (int kind = 0; kind < ERR_KIND_COUNT; kind++) {
		struct err err = make_err(kind, 0);
		time_t before = 0;

		for (unsigned failures = 1; failures < 1000; failures++) {
			assert_true(retry_attempt(&err, failures) >= before);
			before = retry_attempt(&err, failures);
		}
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_what_may_pass_is_tried_again_within_an_order),
		cmocka_unit_test(test_a_step_is_tried_three_times),
		cmocka_unit_test(test_an_order_waits_a_minute_for_a_busy_ca_and_no_longer),
		cmocka_unit_test(test_the_first_look_comes_soon_but_not_at_once),
		cmocka_unit_test(test_looks_get_rarer_and_never_stop),
		cmocka_unit_test(test_the_cas_wish_for_the_next_look_counts_within_bounds),
		cmocka_unit_test(test_pauses_between_attempts),
		cmocka_unit_test(test_where_a_person_is_wanted_it_waits_a_day),
		cmocka_unit_test(test_no_count_of_failures_leads_out_of_bounds),
		cmocka_unit_test(test_pauses_only_grow),
	};

	return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
