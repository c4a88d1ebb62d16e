/* SPDX-License-Identifier: ISC */
/* What keeps the scheduler from ordering: a person, the clock. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

#include "daemon/crypto/cert.h"
#include "daemon/renew/state.h"
#include "tests/unit/unit.h"

/* ---- a person ---- */

static void
test_what_is_on_hold_is_not_ordered(void **state)
{
	struct cert_look look;

	(void)state;
	rig.quiet = true;
	rig_load("a");
	assert_int_equal(rig_hold("a", 0), 0);
	rig_pass(400 * DAY);
	rig_expect("a: held: on hold\n");
	assert_string_equal(rig_reason("a", "hold"), "on hold until \"acmectl resume\"");
	rig_look("a", &look);
	assert_string_equal(look.condition, "held");
	assert_int_equal(look.decision.act_at, DECIDE_NEVER);
	assert_int_equal(scheduler_next(rig.scheduler), 0);

	assert_int_equal(rig_resume("a"), 0);
	rig_expect("a: resumed: no longer on hold\n"); /* the rest from the loop */
	rig_settle();
	rig_expect("order a from main\n");
	assert_null(rig_reason("a", "hold"));
}

static void
test_a_hold_ends_by_itself(void **state)
{
	(void)state;
	rig_load("a");
	rig_hold("a", RIG_START + 5 * DAY);
	rig_settle();
	assert_string_equal(rig_reason("a", "hold"), "on hold until 2026-03-06T00:00:00Z");
	assert_int_equal(rig_until_order(), 5 * DAY);
	rig_fail("a", ERR_REFUSED, 0);
	assert_int_equal(rig_until_order(), 60);
}

static void
test_a_hold_outlives_a_restart(void **state)
{
	(void)state;
	rig_load("a b");
	rig_hold("a", 0);
	rig_hold("b", RIG_START + DAY);
	rig_settle();
	rig_restart("a b");
	rig_forget();
	rig_pass(2 * DAY);
	rig_expect("order b from main\n");
	rig_resume("a");
	rig_settle();
	rig_restart("a");
	rig_forget();
	rig_settle();
	rig_expect("order a from main\n");
}

static void
test_a_hold_is_for_one_who_asks_too(void **state)
{
	(void)state;
	rig_begin_issued("a");
	rig_pass(RIG_START + 70 * DAY - rig.now);
	rig.quiet = true;
	if (rig_has_job("a"))
		rig_fail("a", ERR_REFUSED, 0);
	rig_hold("a", RIG_START + 75 * DAY);
	rig_forget();
	assert_int_equal(rig_ask("a", ASK_NOW), -1);
	rig_expect("a is on hold: run \"acmectl resume a\" first (refused)\n");
	assert_int_equal(rig_ask("a", ASK_IF_DUE), 0);
	rig_settle();
	if (rig_is_asking("a"))
		rig_answer("a", NULL, 0);
	rig_expect("a: kept: to be renewed 2026-05-15T00:00:00Z (in 5 d): on hold until "
		   "2026-05-15T00:00:00Z\n");
	rig_resume("a");
	rig_forget();
	assert_int_equal(rig_ask("a", ASK_NOW), 0);
	rig_settle();
	rig_expect("order a from main, replaces a#1\n");
}

static void
test_what_cannot_be_held_is_refused(void **state)
{
	(void)state;
	rig_load("a");
	assert_int_equal(rig_hold("x", 0), -1);
	assert_int_equal(rig_resume("x"), -1);
	assert_int_equal(rig_hold("a", rig.now), -1);
	assert_int_equal(rig_hold("a", 1), -1);
	assert_int_equal(rig_roll_back("x", 0), -1);
	rig_expect("there is no certificate \"x\" (config)\n"
		   "there is no certificate \"x\" (config)\n"
		   "a: that instant has passed (config)\n"
		   "a: that instant has passed (config)\n"
		   "there is no certificate \"x\" (config)\n");
}

/* It was due when it came to wait; it is not any more when its turn comes. */
static void
test_one_that_waits_for_its_turn_can_be_held(void **state)
{
	struct cert_look look;

	(void)state;
	rig.concurrent = 1;
	rig.quiet = true;
	rig_load("a b c");
	rig_settle();
	rig_expect("order a from main\n");
	rig_hold("b", 0);
	rig_settle();
	rig_look("b", &look);
	assert_false(look.waiting);
	rig_forget();
	rig_issue("a", 90 * DAY);
	rig_answer("a", NULL, 0);
	assert_false(rig_has_job("b"));
	assert_true(rig_has_job("c"));
	rig_issue("c", 90 * DAY);
	rig_pass(DAY);
	assert_false(rig_has_job("b"));
}

static void
test_who_waits_for_what_is_held_then_is_told(void **state)
{
	(void)state;
	rig.concurrent = 1;
	rig.quiet = true;
	rig_load("a b");
	rig_settle();
	rig_load("a b c");
	rig_ask("c", ASK_NOW); /* not begun yet */
	rig_hold("c", 0);
	rig_settle();
	assert_int_equal(rig.n_events[EVENT_FAILED], 1);
	rig_resume("c");
	rig_settle(); /* it waits for its turn */
	rig_hold("c", 0);
	rig_settle();
	rig_issue("a", 90 * DAY);
	assert_true(rig_has_job("b"));
	rig_issue("b", 90 * DAY);
	assert_false(rig_has_job("c"));
	assert_int_equal(rig_ask("c", ASK_IF_DUE), 0); /* nobody waits any more */
}

static void
test_who_asks_while_the_ca_is_asked_may_hold(void **state)
{
	(void)state;
	rig_begin_issued("a");
	rig_ask("a", ASK_IF_DUE);
	rig_settle();
	rig_forget();
	rig_hold("a", 0);
	rig_settle();
	rig_answer("a", &(struct ari_window){ RIG_START - 9, RIG_START - 5 }, 0);
	assert_false(rig_has_job("a"));
	assert_int_equal(rig.n_events[EVENT_KEPT] + rig.n_events[EVENT_FAILED],
	    1); /* one end */
	assert_int_equal(rig_ask("a", ASK_IF_DUE), 0);
}

static void
test_what_is_under_way_is_not_stopped(void **state)
{
	(void)state;
	rig_load("a");
	rig_settle();
	rig_hold("a", 0);
	rig_settle();
	assert_true(rig_has_job("a"));
	rig_fail("a", ERR_REFUSED, 0);
	rig_pass(30 * DAY);
	assert_false(rig_has_job("a"));
	assert_int_equal(rig.n_orders, 1);
}

static void
test_a_change_of_the_configuration_does_not_end_a_hold(void **state)
{
	(void)state;
	rig_load("a");
	rig_hold("a", 0);
	rig_load("a+www/2");
	rig_pass(DAY);
	assert_int_equal(rig.n_orders, 0);
	rig_resume("a");
	rig_settle();
	assert_true(rig_has_job("a"));
}

/* ---- the clock ---- */

static void
test_nothing_is_ordered_while_the_clock_is_in_doubt(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.doubt = "the clock says 1970";
	rig_load("a b@other");
	rig_pass(DAY);
	assert_int_equal(rig.n_orders, 0);
	assert_string_equal(rig_reason("a", "clock"),
	    "nothing is ordered while the clock is in doubt: the clock says 1970");
	assert_true(rig_count("for the time") >= 2); /* CAs are asked what it is */
	assert_true(rig_count("for the time") <= 300);
	rig.doubt = NULL;
	rig_pass(301);
	assert_true(rig_has_job("a") && rig_has_job("b"));
}

static void
test_what_fails_by_a_wrong_clock_is_no_failure(void **state)
{
	struct cert_look look;

	(void)state;
	rig.quiet = true;
	rig_load("a");
	rig_settle();
	rig.doubt = "the clock says 2099"; /* as the first answer of the CA has it */
	rig_fail("a", ERR_NETWORK, 0);
	assert_int_equal(rig.n_events[EVENT_FAILED], 1);
	rig_look("a", &look);
	assert_string_equal(look.condition, "missing");
	assert_int_equal(look.state->failures, 0);
	rig_pass(HOUR);
	assert_int_equal(rig.n_orders, 1);
	rig.doubt = NULL;
	rig_pass(301);
	assert_int_equal(rig.n_orders, 2);
}

static void
test_when_the_clock_is_doubted_a_ca_is_asked_at_once(void **state)
{
	(void)state;
	rig_load("a");
	rig_settle();
	assert_int_equal(rig_count("for the time"), 0);
	rig.doubt = "the clock says 2099";
	rig_step_clock(1000 * DAY);
	rig_settle();
	assert_int_equal(rig_count("for the time"), 1);
}

static void
test_a_clock_that_is_set_right_is_noticed_at_once(void **state)
{
	(void)state;
	rig.doubt = "the clock says 1970";
	rig_load("a");
	rig_settle();
	rig.doubt = NULL;
	rig_step_clock(1000 * DAY);
	assert_true(rig_has_job("a"));
}

static void
test_a_hold_until_then_is_one_after_the_clock_was_set(void **state)
{
	(void)state;
	rig_load("a");
	rig_hold("a", RIG_START + 5 * DAY);
	rig_step_clock(-365 * DAY);
	rig_pass(DAY);
	assert_false(rig_has_job("a"));
	rig_step_clock(371 * DAY);
	assert_true(rig_has_job("a"));
}

/* ---- little life left ---- */

static void
fail_at(const char *name, time_t at, unsigned times)
{
	rig_pass(at - rig.now);
	if (!rig_has_job(name))
		rig_until_order();
	for (unsigned i = 1; i < times; i++) {
		rig_fail(name, ERR_REFUSED, 0);
		rig_until_order();
	}
	rig_fail(name, ERR_REFUSED, 0);
}

static void
test_an_emergency_ends_a_pause_of_a_day(void **state)
{
	(void)state;
	rig_begin_issued("a");
	rig.quiet = rig.answers = true;
	/* The pause of a day reaches into the last tenth of its life. */
	fail_at("a", RIG_START + 80 * DAY + 10 * HOUR, 4);
	assert_true(rig.now < RIG_START + 81 * DAY - HOUR);
	rig_pass(RIG_START + 81 * DAY - HOUR - rig.now);
	for (int i = 0; i < 10; i++) {
		assert_in_range(rig_until_order(), 1, 7 * HOUR);
		rig_fail("a", ERR_REFUSED, 0);
	}
}

/* The last tries of a certificate that lives for a day are not six hours apart. */
static void
test_what_lives_shortly_is_tried_more_often(void **state)
{
	unsigned tries = 0;
	struct cert_look look;

	(void)state;
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", DAY);
	rig_look("a", &look);
	while (rig.now + 60 < look.info->not_after) {
		rig_until_order();
		rig_fail("a", ERR_REFUSED, 0);
		if (rig.now < look.info->not_after &&
		    rig.now > decide_floor(look.info->not_before, look.info->not_after))
			tries++;
	}
	assert_in_range(tries, 3, 30);
}

static void
test_an_emergency_does_not_end_what_the_ca_said(void **state)
{
	(void)state;
	rig_begin_issued("a");
	rig.quiet = rig.answers = true;
	rig_pass(RIG_START + 85 * DAY - rig.now);
	if (!rig_has_job("a"))
		rig_until_order();
	rig_fail("a", ERR_BUSY, 20 * HOUR);
	assert_int_equal(rig_until_order(), 20 * HOUR);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_what_is_on_hold_is_not_ordered),
		TEST(test_a_hold_ends_by_itself),
		TEST(test_a_hold_outlives_a_restart),
		TEST(test_a_hold_is_for_one_who_asks_too),
		TEST(test_what_cannot_be_held_is_refused),
		TEST(test_one_that_waits_for_its_turn_can_be_held),
		TEST(test_who_waits_for_what_is_held_then_is_told),
		TEST(test_who_asks_while_the_ca_is_asked_may_hold),
		TEST(test_what_is_under_way_is_not_stopped),
		TEST(test_a_change_of_the_configuration_does_not_end_a_hold),
		TEST(test_nothing_is_ordered_while_the_clock_is_in_doubt),
		TEST(test_what_fails_by_a_wrong_clock_is_no_failure),
		TEST(test_when_the_clock_is_doubted_a_ca_is_asked_at_once),
		TEST(test_a_clock_that_is_set_right_is_noticed_at_once),
		TEST(test_a_hold_until_then_is_one_after_the_clock_was_set),
		TEST(test_an_emergency_ends_a_pause_of_a_day),
		TEST(test_what_lives_shortly_is_tried_more_often),
		TEST(test_an_emergency_does_not_end_what_the_ca_said),
	};

	return cmocka_run_group_tests_name("scheduler_hold", tests, NULL, NULL);
}
