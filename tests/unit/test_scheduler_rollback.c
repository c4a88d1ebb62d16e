/* SPDX-License-Identifier: ISC */
/* An earlier version is put back: by a person, or because the new one failed. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

#include "daemon/crypto/cert.h"
#include "daemon/renew/state.h"
#include "tests/unit/unit.h"

static int
set_up(void **state)
{
	rig_set_up(state);
	rig.deploys = true;
	return 0;
}

/* Version 2 was renewed in time, and is not in use yet. */
static void
begin_renewed(void)
{
	rig_begin_issued("a");
	rig.quiet = rig.answers = true;
	rig_until_order();
	rig_issue("a", 90 * DAY);
	rig_forget();
	rig.n_orders = 0;
}

static unsigned
version_of(const char *name)
{
	struct cert_look look;

	rig_look(name, &look);
	return look.version;
}

static time_t
held_until(const char *name)
{
	struct cert_look look;

	rig_look(name, &look);
	return look.state->hold.on ? look.state->hold.until : -1;
}

static time_t
floor_of(const char *name)
{
	struct cert_look look;

	rig_look(name, &look);
	return decide_floor(look.info->not_before, look.info->not_after);
}

/* ---- by itself ---- */

static void
test_a_version_that_fails_is_taken_back(void **state)
{
	struct cert_look look;

	(void)state;
	rig.rolls_back = true;
	begin_renewed();
	rig_fail_deploy("a");
	rig_expect("a: deploy-failed: nginx.service: reload failed\n"
		   "switch a to 1\n"
		   "a: held: put back, because the new version 2 failed: nginx.service: "
		   "reload failed\n"
		   "a: rolled-back: version 1 is in force again instead of 2: put back, "
		   "because the new version 2 failed: nginx.service: reload failed\n"
		   "deploy a/1, rolled-back\n");
	rig_look("a", &look);
	assert_int_equal(look.version, 1);
	assert_int_equal(look.info->not_after, RIG_START - HOUR + 90 * DAY);
	assert_int_equal(held_until("a"), floor_of("a"));
	/* Where the old one fails as well, nothing is put back for it. */
	for (int i = 0; i < 3; i++) {
		rig_fail_deploy("a");
		while (!rig_is_deploying("a"))
			rig_pass(60);
	}
	rig_deploy("a", false);
	assert_int_equal(version_of("a"), 1);
	rig_pass(10 * DAY);
	assert_int_equal(rig.n_orders, 0);
	assert_in_range(rig_until_order(), 1, 20 * DAY); /* little of its life is left */
	rig_issue("a", 90 * DAY);
	assert_int_equal(version_of("a"), 3);
}

static void
test_nothing_is_taken_back_where_nobody_wants_it(void **state)
{
	(void)state;
	begin_renewed();
	rig_fail_deploy("a");
	assert_int_equal(version_of("a"), 2);
	assert_int_equal(held_until("a"), -1);
}

static void
test_the_first_version_is_not_taken_back(void **state)
{
	(void)state;
	rig.rolls_back = rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig_fail_deploy("a");
	assert_int_equal(version_of("a"), 1);
	rig_pass(60);
	assert_true(rig_is_deploying("a"));
}

/* It was in use: what another configuration does with it is no reason. */
static void
test_what_was_in_use_is_not_taken_back(void **state)
{
	(void)state;
	rig.rolls_back = true;
	begin_renewed();
	rig_deploy("a", false);
	rig_load("a/2");
	rig_settle();
	rig_fail_deploy("a");
	assert_int_equal(version_of("a"), 2);
}

/* In its last days each new one would fail like this one: not one after the other. */
static void
test_what_fails_again_and_again_is_not_issued_again_and_again(void **state)
{
	(void)state;
	rig.rolls_back = true;
	begin_renewed();
	for (time_t end = rig.now + 28 * DAY; rig.now < end; rig_pass(HOUR)) {
		if (rig_is_deploying("a"))
			rig_fail_deploy("a");
		if (rig_has_job("a"))
			rig_issue("a", 90 * DAY);
	}
	assert_in_range(rig.n_orders, 1, 9);
}

/* There is nothing to go back to. */
static void
test_what_has_expired_is_not_put_back(void **state)
{
	(void)state;
	rig.rolls_back = true;
	rig_begin_issued("a");
	rig.quiet = rig.answers = true;
	rig_hold("a", 0);
	rig_pass(91 * DAY);
	rig_resume("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig_fail_deploy("a");
	assert_int_equal(version_of("a"), 2);
}

/* ---- by a person ---- */

static void
test_a_person_puts_the_one_before_back(void **state)
{
	(void)state;
	begin_renewed();
	rig_deploy("a", false);
	rig_forget();
	assert_int_equal(rig_roll_back("a", 0), 0);
	rig_expect(""); /* from the loop */
	rig_settle();
	rig_expect("switch a to 1\n"
		   "a: held: an earlier version was put back\n"
		   "a: rolled-back: version 1 is in force again instead of 2\n"
		   "deploy a/1, rolled-back\n");
	rig_deploy("a", false);
	rig_restart("a");
	rig_forget();
	rig_pass(DAY);
	rig_expect("");
	assert_int_equal(held_until("a"), floor_of("a"));
	assert_int_equal(rig_roll_back("a", 2), 0); /* and forward again */
	rig_settle();
	assert_int_equal(version_of("a"), 2);
}

static void
test_what_cannot_be_put_back_is_told(void **state)
{
	(void)state;
	rig_begin_issued("a");
	rig.quiet = true;
	assert_int_equal(rig_roll_back("a", 1), -1);
	rig_expect("a: version 1 is in force already (config)\n");
	assert_int_equal(rig_roll_back("a", 0), 0);
	assert_int_equal(rig_roll_back("a", 0), -1);
	rig_settle();
	rig_expect("a: an order is under way (busy)\n"
		   "a: failed: a: there is no version before 1\n");
	assert_int_equal(rig_roll_back("a", 7), 0);
	rig_settle();
	rig_expect("a: failed: archive/a/0007: damaged\n");
	assert_int_equal(held_until("a"), -1);
	assert_int_equal(version_of("a"), 1);
	rig_ask("a", ASK_NOW);
	assert_int_equal(rig_roll_back("a", 0), -1); /* it is wanted anew */
	rig_settle();
	assert_int_equal(rig_roll_back("a", 0), -1);
	assert_true(rig_has_job("a"));
}

static void
test_a_hold_of_a_person_is_not_shortened(void **state)
{
	(void)state;
	begin_renewed();
	rig_deploy("a", false);
	rig_hold("a", 0);
	rig_roll_back("a", 0);
	rig_settle();
	assert_int_equal(version_of("a"), 1);
	assert_int_equal(held_until("a"), 0);
}

/* ---- in the middle of it ---- */

static void
test_an_answer_about_another_version_is_not_for_this_one(void **state)
{
	const struct ari_window past = { RIG_START - 2 * DAY, RIG_START - DAY };
	struct cert_look look;

	(void)state;
	begin_renewed();
	rig_deploy("a", false);
	rig.answers = false;
	rig_pass(6 * HOUR);
	assert_true(rig_is_asking("a"));
	rig_roll_back("a", 0);
	rig_settle();
	while (rig_is_asking("a"))
		rig_answer("a", &past, 0);
	rig_look("a", &look);
	assert_int_equal(look.version, 1);
	assert_string_equal(look.state->ari.cert_id, "a#1");
	rig_resume("a");
	rig_settle();
}

static void
test_nothing_is_ordered_while_one_is_put_back(void **state)
{
	(void)state;
	rig_begin_issued("a");
	rig.quiet = rig.answers = true;
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig.concurrent = 1;
	rig_load("a b"); /* b is first */
	rig_settle();
	rig.n_orders = 0;
	rig_load("a+www/2 b"); /* a is due, and waits for its turn */
	rig_settle();
	rig.hold_tasks = true;
	assert_int_equal(rig_roll_back("a", 0), 0);
	rig_fail("b", ERR_REFUSED, 0);
	rig_load("a+www/3 b");
	rig_settle();
	assert_false(rig_has_job("a"));
	rig.hold_tasks = false;
	rig_settle();
	assert_int_equal(version_of("a"), 1);
	assert_false(rig_has_job("a")); /* it is on hold by now */
	assert_int_equal(rig_ask("a", ASK_NOW), -1);
}

static void
test_one_that_is_removed_meanwhile_is_gone(void **state)
{
	(void)state;
	begin_renewed();
	rig.hold_tasks = true;
	rig_roll_back("a", 0);
	rig_load("");
	rig.hold_tasks = false;
	rig_settle();
	assert_int_equal(rig_count("switch"), 0);
}

/* The version was switched, and nobody heard of it: it is what somebody wanted. */
static void
test_a_crash_behind_the_switch_does_not_undo_it(void **state)
{
	(void)state;
	begin_renewed();
	rig_deploy("a", false);
	rig.hold_tasks = true;
	rig_roll_back("a", 0);
	rig_work_only();
	rig.hold_tasks = false;
	rig.n_orders = 0;
	rig_restart("a");
	rig_settle();
	assert_int_equal(version_of("a"), 1);
	assert_true(rig_is_deploying("a"));
	rig_deploy("a", false);
	rig_pass(5 * DAY);
	assert_int_equal(rig.n_orders, 0);
	assert_int_equal(held_until("a"), floor_of("a"));
}

static void
test_a_crash_before_the_switch_tries_the_new_one_again(void **state)
{
	(void)state;
	rig.rolls_back = true;
	begin_renewed();
	rig.hold_tasks = true;
	rig_fail_deploy("a");
	rig_restart("a");
	rig.hold_tasks = false;
	rig_pass(60);
	assert_int_equal(version_of("a"), 2);
	assert_true(rig_is_deploying("a"));
}

static void
test_after_the_hold_it_is_renewed_and_replaces_what_it_was(void **state)
{
	(void)state;
	begin_renewed();
	rig_deploy("a", false);
	rig_roll_back("a", 0);
	rig_settle();
	rig_deploy("a", false);
	rig_resume("a");
	rig_forget();
	rig_settle();
	rig_expect("order a from main, replaces a#1\n");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_a_version_that_fails_is_taken_back),
		TEST(test_nothing_is_taken_back_where_nobody_wants_it),
		TEST(test_the_first_version_is_not_taken_back),
		TEST(test_what_was_in_use_is_not_taken_back),
		TEST(test_what_fails_again_and_again_is_not_issued_again_and_again),
		TEST(test_what_has_expired_is_not_put_back),
		TEST(test_a_person_puts_the_one_before_back),
		TEST(test_what_cannot_be_put_back_is_told),
		TEST(test_a_hold_of_a_person_is_not_shortened),
		TEST(test_an_answer_about_another_version_is_not_for_this_one),
		TEST(test_nothing_is_ordered_while_one_is_put_back),
		TEST(test_one_that_is_removed_meanwhile_is_gone),
		TEST(test_a_crash_behind_the_switch_does_not_undo_it),
		TEST(test_a_crash_before_the_switch_tries_the_new_one_again),
		TEST(test_after_the_hold_it_is_renewed_and_replaces_what_it_was),
	};

	return cmocka_run_group_tests_name("scheduler_rollback", tests, NULL, NULL);
}
