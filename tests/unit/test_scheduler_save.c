/* SPDX-License-Identifier: ISC */
/* What the scheduler remembers over a crash, and when it has. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

#include "daemon/renew/state.h"
#include "tests/unit/unit.h"

#define URL "https://ca.example/o/1"

static void
test_the_order_is_on_disk_before_the_job_goes_on(void **state)
{
	(void)state;
	rig_load("a");
	rig_settle();
	rig_record("a", URL);
	rig_expect("order a from main\n");
	assert_true(scheduler_is_saving(rig.scheduler));
	rig_settle();
	rig_expect("save a\n"
		   "recorded a\n");
	assert_false(scheduler_is_saving(rig.scheduler));
	assert_string_equal(rig_saved("a"),
	    "{\"order\":{\"url\":\"" URL "\",\"account\":\"main\",\"config\":\"1\"}}");
}

static void
test_an_order_in_flight_is_gone_on_with_after_a_crash(void **state)
{
	(void)state;
	rig.quiet = true;
	rig_load("a");
	rig_settle();
	rig_record("a", URL);
	rig_settle();
	text_clear(&rig.transcript);
	rig_restart("a");
	rig_settle();
	rig_expect("order a from main, going on with " URL "\n");
	rig_fail("a", ERR_NETWORK, 0); /* the order is still there */
	text_clear(&rig.transcript);
	rig_until_order();
	rig_expect("order a from main, going on with " URL "\n");
	rig_fail("a", ERR_REFUSED, 0); /* now it is lost */
	text_clear(&rig.transcript);
	rig_until_order();
	rig_expect("order a from main\n");
}

static void
test_a_crash_after_publishing_is_noticed(void **state)
{
	struct cert_look look;

	(void)state;
	rig.quiet = true;
	rig_load("a");
	rig_settle();
	for (int i = 1; i <= 2; i++) {
		rig_record("a", URL);
		rig_settle();
		rig_issue("a", 90 * DAY);
		/* The CA is being asked: what was learned is not on disk yet. */
		assert_true(scheduler_is_saving(rig.scheduler));
		assert_non_null(strstr(rig_saved("a"), URL));
		rig_restart("a");
		rig_look("a", &look);
		assert_int_equal(look.version, i);
		assert_null(look.state->order_url);
		assert_string_equal(look.state->serial, i == 1 ? "01" : "02");
		assert_string_equal(look.state->issued_by, "https://ca.example/dir");
		text_clear(&rig.transcript);
		rig_ask("a", ASK_NOW);
		rig_settle();
		rig_expect(i == 1 ? "order a from main, replaces a#1\n"
				  : "order a from main, replaces a#2\n");
	}
}

static void
test_an_order_for_something_else_is_not_gone_on_with(void **state)
{
	static const char *const others[] = { "a@other", "a/2", "a+www/3" };

	for (size_t i = 0; i < COUNT(others); i++) {
		rig_tear_down(state);
		rig_set_up(state);
		rig_load("a");
		rig_settle();
		rig_record("a", URL);
		rig_settle();
		text_clear(&rig.transcript);
		rig_restart(others[i]);
		rig_settle();
		rig_expect(i == 0 ? "order a from other\n" : "order a from main\n");
	}
}

static void
test_a_disk_that_cannot_be_written_is_told_to_the_job(void **state)
{
	(void)state;
	rig_load("a");
	rig_settle();
	rig.disk_is_full = true;
	rig_record("a", URL);
	rig_settle();
	rig_expect("order a from main\n"
		   "recorded a: no space left on device\n");
	rig_fail("a", ERR_SYSTEM, 0);
	rig.disk_is_full = false;
	rig.quiet = true;
	assert_int_equal(rig_until_order(), 60);
}

static void
test_what_a_full_disk_did_not_take_is_written_later(void **state)
{
	(void)state;
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig.disk_is_full = true;
	rig_hold("a", 0); /* nothing else is planned for it then */
	rig_pass(HOUR);
	assert_in_range(rig.n_saves, 2, 20);
	rig.disk_is_full = false;
	rig_pass(HOUR);
	rig_restart("a");
	assert_int_equal(rig_act_at("a"), DECIDE_NEVER);
	rig.n_saves = 0;
	rig_pass(DAY);
	assert_in_range(rig.n_saves, 0, 5);
}

static void
test_one_save_at_a_time_and_the_last_word_counts(void **state)
{
	(void)state;
	rig_load("a");
	rig_settle();
	rig.hold_tasks = true;
	for (int i = 0; i < 5; i++) {
		rig_fail("a", ERR_NETWORK, 0);
		rig_until_order();
	}
	rig_record("a", URL);
	rig.hold_tasks = false;
	text_clear(&rig.transcript);
	rig_settle();
	rig_expect("save a\n"
		   "save a\n"
		   "recorded a\n");
	assert_int_equal(rig.n_saves, 2);
	assert_non_null(strstr(rig_saved("a"), URL));
	assert_non_null(strstr(rig_saved("a"), "\"count\":5"));
}

static void
test_what_was_saved_for_one_job_is_not_told_to_the_next(void **state)
{
	(void)state;
	rig_load("a");
	rig_settle();
	rig.hold_tasks = true;
	rig_record("a", URL);
	rig_load("a/2");
	rig_settle();
	rig_record("a", "https://ca.example/o/2");
	text_clear(&rig.transcript);
	rig.hold_tasks = false;
	rig_settle();
	rig_expect("save a\n"
		   "save a\n"
		   "recorded a\n");
	assert_non_null(strstr(rig_saved("a"), "https://ca.example/o/2"));
}

static void
test_what_was_removed_is_not_saved_any_more(void **state)
{
	(void)state;
	rig_load("a");
	rig_settle();
	rig.hold_tasks = true;
	rig_fail("a", ERR_NETWORK, 0);
	rig_load("");
	assert_false(scheduler_is_saving(rig.scheduler));
	rig.hold_tasks = false;
	rig_settle();
	assert_int_equal(rig.n_saves, 0);
}

static void
test_what_is_replaced_is_told_to_the_ca_that_issued_it_only(void **state)
{
	(void)state;
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	text_clear(&rig.transcript);
	rig_load("a@other/2");
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_expect("order a from other\n");
	rig_issue("a", 90 * DAY);
	text_clear(&rig.transcript);
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_expect("order a from other, replaces a#2\n");
}

static void
test_a_ca_that_refuses_to_be_told_is_not_told_again(void **state)
{
	(void)state;
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_refuse_replaces("a");
	rig_restart("a");
	text_clear(&rig.transcript);
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_expect("order a from main\n");
	rig_issue("a", 90 * DAY);
	text_clear(&rig.transcript);
	rig_ask("a", ASK_NOW); /* of the next certificate it is */
	rig_settle();
	rig_expect("order a from main, replaces a#2\n");
}

static void
test_a_damaged_state_costs_a_poll_and_nothing_else(void **state)
{
	static const char *const damaged[] = { "[]", "{}", "{\"ari\":7,\"failure\":[]}",
		"{\"failure\":{\"count\":9,\"retry_at\":\"9999-12-31T00:00:00Z\"}}",
		"{\"ari\":{\"cert_id\":\"a#1\",\"start\":\"2026-03-01T00:00:00Z\"}}" };

	for (size_t i = 0; i < COUNT(damaged); i++) {
		rig_tear_down(state);
		rig_set_up(state);
		rig.quiet = rig.answers = true;
		rig_load("a");
		rig_settle();
		rig_issue("a", 90 * DAY);
		rig_save("a", damaged[i]);
		rig_restart("a");
		rig.n_asks = rig.n_orders = 0;
		rig_settle();
		assert_int_equal(rig.n_orders, 0);
		assert_in_range(rig_until_order(), 59 * DAY, 61 * DAY);
	}
}

static void
test_a_hundred_restarts_order_nothing_more(void **state)
{
	(void)state;
	rig.quiet = true;
	rig_load("a");
	rig_settle();
	for (int i = 0; i < 4; i++) {
		rig_fail("a", ERR_REFUSED, 0);
		if (i < 3)
			rig_until_order();
	}
	rig.n_orders = 0;
	for (int i = 0; i < 100; i++) {
		rig_pass(60);
		if (i % 2)
			rig_restart("a");
		else
			rig_load("a");
		rig_settle();
	}
	assert_int_equal(rig.n_orders, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_the_order_is_on_disk_before_the_job_goes_on),
		TEST(test_an_order_in_flight_is_gone_on_with_after_a_crash),
		TEST(test_a_crash_after_publishing_is_noticed),
		TEST(test_an_order_for_something_else_is_not_gone_on_with),
		TEST(test_a_disk_that_cannot_be_written_is_told_to_the_job),
		TEST(test_what_a_full_disk_did_not_take_is_written_later),
		TEST(test_one_save_at_a_time_and_the_last_word_counts),
		TEST(test_what_was_saved_for_one_job_is_not_told_to_the_next),
		TEST(test_what_was_removed_is_not_saved_any_more),
		TEST(test_what_is_replaced_is_told_to_the_ca_that_issued_it_only),
		TEST(test_a_ca_that_refuses_to_be_told_is_not_told_again),
		TEST(test_a_damaged_state_costs_a_poll_and_nothing_else),
		TEST(test_a_hundred_restarts_order_nothing_more),
	};

	return cmocka_run_group_tests_name("scheduler_save", tests, NULL, NULL);
}
