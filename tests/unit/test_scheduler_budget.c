/* SPDX-License-Identifier: ISC */
/* What the CAs allow: the scheduler holds before a CA has to refuse. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

#include "daemon/renew/state.h"
#include "tests/unit/unit.h"

#define LEDGER "ledger.json"

/* ---- orders of an account ---- */

static void
test_orders_of_an_account_are_spread_by_its_budget(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.orders = 3; /* in three hours */
	rig_load("a b c f@other");
	rig_settle();
	rig_load("a b c d e f@other");
	rig_settle();
	assert_int_equal(rig.n_orders, 4);
	assert_true(rig_has_job("a") && rig_has_job("b") && rig_has_job("c"));
	assert_true(rig_has_job("f")); /* of another account */
	assert_string_equal(rig_reason("d", "budget"),
	    "3 orders of account main within 3 h are used up, the next is "
	    "2026-03-01T01:00:00Z");
	rig_pass(HOUR - 1);
	assert_int_equal(rig.n_orders, 4);
	rig_pass(1);
	assert_int_equal(rig.n_orders, 5);
	assert_int_equal(rig_until_order(), HOUR);
	assert_int_equal(rig.n_orders, 6);
}

/* The CA's bucket, as it counts. */
struct bucket {
	unsigned limit;
	time_t per;
	double used;
	time_t at;
};

static struct bucket bucket;

static void
count_orders(unsigned n)
{
	bucket.used -= (double)(rig.now - bucket.at) * bucket.limit / (double)bucket.per;
	bucket.at = rig.now;
	if (bucket.used < 0)
		bucket.used = 0;
	bucket.used += n;
	assert_true(bucket.used <= bucket.limit + 0.01);
}

static void
test_a_thousand_that_are_due_at_once_are_never_refused(void **state)
{
	unsigned before = 0;

	(void)state;
	bucket = (struct bucket){ 300, 3 * HOUR, 0, rig.now };
	rig.quiet = rig.answers = true;
	rig.orders = 300;
	rig.lifetime = 90 * DAY;
	rig_load(rig_many(1000));
	for (int i = 0; i < 10 * 360; i++) {
		rig_settle();
		count_orders(rig.n_orders - before);
		before = rig.n_orders;
		rig.now += 10;
	}
	assert_int_equal(rig.n_orders, 1000);
	assert_true(rig.most_orders <= rig.per_account);
	assert_int_equal(rig.n_events[EVENT_ISSUED], 1000);
}

/* One with a free hand, among those that wait for the budget. */
static void
test_who_wants_it_now_is_not_held_by_a_budget(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.orders = 1;
	rig_load("a b");
	rig_settle();
	rig_forget();
	assert_int_equal(rig_ask("b", ASK_IF_DUE), 0);
	rig_settle();
	rig_expect("b: kept: to be issued 2026-03-01T03:00:00Z (in 3 h): 1 orders of "
		   "account main within 3 h are used up, the next is "
		   "2026-03-01T03:00:00Z\n");
	assert_int_equal(rig_ask("b", ASK_NOW), 0);
	rig_settle();
	rig_expect("order b from main\n");
}

static void
test_an_order_that_is_gone_on_with_is_none_more(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.orders = 2;
	rig_load("a b");
	rig_settle();
	rig_record("a", "https://ca.example/o/1");
	rig_record("b", "https://ca.example/o/2");
	rig_pass(60);
	rig_restart("a b");
	rig_forget();
	rig_settle();
	rig_fail("a", ERR_NETWORK, 0);
	assert_in_range(rig_until_order(), 60, 120);
	assert_int_equal(rig_count(", going on with"), 3);
	assert_int_equal(rig.n_orders, 5);
}

/* ---- the same names ---- */

static void
test_the_same_names_are_not_issued_more_often_than_the_ca_does(void **state)
{
	(void)state;
	rig.duplicates = 3; /* in a week */
	rig_begin_issued("a");
	rig.quiet = rig.answers = true;
	for (int i = 0; i < 2; i++) {
		rig_pass(2 * HOUR);
		rig_ask("a", ASK_NOW);
		rig_settle();
		rig_issue("a", 90 * DAY);
	}
	rig_forget();
	rig.ari_off = true;
	rig_load("a/2"); /* as before */
	rig_settle();
	rig_save("a", NULL);
	assert_int_equal(rig.n_orders, 2);
	/* Other names are no duplicate; those of before are. */
	rig_load("a+www/3");
	rig_settle();
	rig_issue("a", 90 * DAY);
	assert_null(rig_reason("a", "budget"));
	rig_load("a/4");
	rig_settle();
	assert_false(rig_has_job("a"));
	assert_string_equal(rig_reason("a", "budget"),
	    "3 certificates of just these names from https://ca.example/dir within 7 d are "
	    "used up, the next is 2026-03-03T08:00:00Z");
	assert_in_range(rig_until_order(), 2 * DAY, 2 * DAY + 8 * HOUR);
}

/* ---- validations that fail ---- */

static void
test_a_name_that_fails_is_held_alone(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.failed_validations = 2; /* in an hour */
	rig_load("a+www b");
	rig_settle();
	rig_fail_name("a", "www");
	rig_fail_name("b", "b");
	assert_int_equal(rig_until_order(), 60);
	rig_fail_name("a", "www");
	rig_fail_name("b", "other");
	assert_string_equal(rig_reason("a", "budget"),
	    "2 failed validations of www within 1 h are used up, the next is "
	    "2026-03-01T00:30:00Z");
	assert_int_equal(rig_act_at("a"), RIG_START + HOUR / 2);
	assert_int_equal(rig_act_at("b"), RIG_START + 60 + 600);
	rig_load("a+www/2 b"); /* a change of the configuration mends no budget */
	rig_settle();
	assert_false(rig_has_job("a"));
	assert_int_equal(rig_act_at("a"), RIG_START + HOUR / 2);
}

static void
test_what_failed_otherwise_counts_for_no_name(void **state)
{
	(void)state;
	rig.failed_validations = 1;
	rig_load("a");
	rig_settle();
	rig_fail("a", ERR_REFUSED, 0);
	assert_null(rig_reason("a", "budget"));
	assert_int_equal(rig_until_order(), 60);
}

/* ---- over restarts ---- */

static void
test_what_was_used_is_known_after_a_crash(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.orders = 2;
	rig_load("a b c");
	rig_settle();
	assert_int_equal(rig.n_orders, 2);
	rig_pass(5);
	for (int i = 0; i < 20; i++) {
		rig_restart("a b c");
		rig_settle();
		rig_pass(5);
	}
	assert_int_equal(rig.n_orders, 2);
	assert_non_null(strstr(rig_reason("c", "budget"), "2026-03-01T01:30:00Z"));
}

static void
test_what_was_used_just_now_is_known_after_the_end(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.orders = 2;
	rig_load("a b c");
	rig_settle();
	rig_stop_in_order("a b c");
	rig_settle();
	assert_int_equal(rig.n_orders, 2);
}

/* One that comes each second must not put the write off for ever. */
static void
test_what_is_used_without_pause_is_written(void **state)
{
	char certs[64];

	(void)state;
	rig.quiet = rig.answers = true;
	rig.orders = 100;
	rig.lifetime = 90 * DAY;
	for (int i = 1; i <= 60; i++) {
		snprintf(certs, sizeof(certs), "a/%d", i);
		rig_load(certs);
		rig_ask("a", ASK_NOW);
		rig_pass(1);
	}
	assert_int_equal(rig.n_orders, 60);
	assert_non_null(rig_saved(LEDGER));
	assert_non_null(strstr(rig_saved(LEDGER), "\"orders\",\"who\":\"main\""));
	rig.n_orders = 0;
	rig_restart(rig_many(50));
	rig_settle();
	assert_in_range(rig.n_orders, 40, 41); /* what is left */
}

static void
test_what_is_being_written_is_written_again(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.orders = 2;
	rig_load("a");
	rig_settle();
	rig.hold_tasks = true;
	rig_pass(2); /* the write has begun */
	rig_load("a b");
	rig_pass(10);
	rig.hold_tasks = false;
	rig_pass(10);
	rig_restart("a b c");
	rig_settle();
	assert_int_equal(rig.n_orders, 2);
}

static void
test_a_damaged_ledger_is_an_empty_one(void **state)
{
	static const char *const damaged[] = { "[]", "{}", "{\"entries\":7}",
		"{\"entries\":[7,[],{},{\"kind\":\"orders\"},{\"kind\":\"orders\",\"who\":"
		"\"main\",\"what\":\"\",\"until\":\"9999-12-31T23:59:59Z\"}]}" };

	for (size_t i = 0; i < COUNT(damaged); i++) {
		rig_tear_down(state);
		rig_set_up(state);
		rig.quiet = true;
		rig.orders = 2;
		rig_save(LEDGER, damaged[i]);
		rig_restart("a");
		rig_settle();
		assert_int_equal(rig.n_orders, 1);
	}
}

static void
test_a_full_ledger_at_the_start_holds_and_nothing_else(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.orders = 3;
	rig_save(LEDGER,
	    "{\"entries\":[{\"kind\":\"orders\",\"who\":\"main\",\"what\":\"\","
	    "\"until\":\"2026-03-01T03:00:00Z\"}]}");
	rig_restart("a b@other");
	rig_settle();
	assert_false(rig_has_job("a"));
	assert_true(rig_has_job("b"));
	assert_int_equal(rig_act_at("a"), RIG_START + HOUR);
	assert_int_equal(rig_until_order(), HOUR);
}

/* ---- the clock ---- */

static void
test_after_a_step_back_a_budget_does_not_hold_for_a_year(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.orders = 2;
	rig_load("a b c");
	rig_settle();
	rig_pass(10);
	rig_step_clock(-365 * DAY);
	assert_in_range(rig_until_order(), 0, 3 * HOUR);
	rig_pass(60); /* and is written down */
	rig_restart("a b c d");
	rig_settle();
	assert_in_range(rig_act_at("d"), rig.now + 1, rig.now + 3 * HOUR);
}

static void
test_budgets_of_the_configuration_of_now_count(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.orders = 1;
	rig_load("a");
	rig_settle();
	rig_load("a b c");
	rig_settle();
	assert_int_equal(rig.n_orders, 1);
	assert_int_equal(rig_act_at("b"), RIG_START + 3 * HOUR);
	rig.orders = 3;
	rig_load("a b c");
	rig_settle();
	assert_int_equal(rig_act_at("b"), RIG_START + HOUR);
	rig.orders = 0; /* without limit */
	rig_load("a b c");
	rig_settle();
	assert_int_equal(rig.n_orders, 3);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_orders_of_an_account_are_spread_by_its_budget),
		TEST(test_a_thousand_that_are_due_at_once_are_never_refused),
		TEST(test_who_wants_it_now_is_not_held_by_a_budget),
		TEST(test_an_order_that_is_gone_on_with_is_none_more),
		TEST(test_the_same_names_are_not_issued_more_often_than_the_ca_does),
		TEST(test_a_name_that_fails_is_held_alone),
		TEST(test_what_failed_otherwise_counts_for_no_name),
		TEST(test_what_was_used_is_known_after_a_crash),
		TEST(test_what_was_used_just_now_is_known_after_the_end),
		TEST(test_what_is_used_without_pause_is_written),
		TEST(test_what_is_being_written_is_written_again),
		TEST(test_a_damaged_ledger_is_an_empty_one),
		TEST(test_a_full_ledger_at_the_start_holds_and_nothing_else),
		TEST(test_after_a_step_back_a_budget_does_not_hold_for_a_year),
		TEST(test_budgets_of_the_configuration_of_now_count),
	};

	return cmocka_run_group_tests_name("scheduler_budget", tests, NULL, NULL);
}
