/* SPDX-License-Identifier: ISC */
/* What failed to be validated is proved to the CA's test directory first. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

#include "daemon/renew/state.h"
#include "tests/unit/unit.h"

static int
set_up(void **state)
{
	rig_set_up(state);
	rig.has_staging = rig.quiet = rig.answers = true;
	return 0;
}

/* It failed at the real directory, and is tried again. */
static void
begin_rehearsal(void)
{
	rig_load("a");
	rig_settle();
	rig_fail_name("a", "a");
	rig_until_order();
	rig_expect("order a from main\n"
		   "a: failed: a: not reached\n"
		   "rehearse a from main@staging\n");
}

static void
test_a_rehearsal_that_goes_well_is_followed_by_the_order(void **state)
{
	(void)state;
	begin_rehearsal();
	rig_issue("a", 90 * DAY);
	rig_expect("order a from main\n");
	rig_issue("a", 90 * DAY);
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_forget();
	rig_fail("a", ERR_NETWORK, 0); /* of no name: nothing to rehearse */
	rig_until_order();
	assert_int_equal(rig_count("rehearse"), 0);
}

static void
test_a_rehearsal_that_fails_costs_nothing_at_the_ca(void **state)
{
	(void)state;
	rig.orders = 2;
	rig.failed_validations = 2;
	begin_rehearsal();
	for (int i = 0; i < 5; i++) {
		rig_fail_name("a", "a");
		assert_null(rig_reason("a", "budget"));
		assert_in_range(rig_until_order(), 60, DAY);
	}
	assert_int_equal(rig_count("order a"), 0);
	assert_int_equal(rig_count("rehearse a"), 5);
	assert_non_null(strstr(rig_reason("a", "failed"),
	    "rehearsal at the CA's test directory: a: not reached"));
	rig_issue("a", 90 * DAY);
	assert_int_equal(rig_count("order a from main\n"), 1);
}

/* The test directory is no reason to be without a certificate. */
static void
test_a_test_directory_that_is_not_well_is_passed_over(void **state)
{
	static const enum err_kind kinds[] = { ERR_NETWORK, ERR_BUSY, ERR_CONFIG,
		ERR_REFUSED, ERR_PROTOCOL };

	for (size_t i = 0; i < COUNT(kinds); i++) {
		rig_tear_down(state);
		set_up(state);
		begin_rehearsal();
		rig_fail("a", kinds[i], 0);
		rig_expect("order a from main\n");
		rig_load("a b"); /* nor does it speak of the CA */
		rig_settle();
		assert_true(rig_has_job("b"));
	}
}

static void
test_who_wants_it_now_gets_no_rehearsal(void **state)
{
	(void)state;
	rig_load("a");
	rig_settle();
	rig_fail_name("a", "a");
	rig_forget();
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_expect("order a from main\n");
}

static void
test_who_asked_is_told_of_the_order(void **state)
{
	(void)state;
	rig_load("a");
	rig_settle();
	for (int i = 0; i < 4; i++) {
		rig_fail_name("a", "a");
		if (i < 3)
			rig_until_order();
	}
	rig_forget();
	rig_ask("a", ASK_IF_DUE);
	rig_settle();
	rig_expect("rehearse a from main@staging\n");
	assert_int_equal(rig_ask("a", ASK_IF_DUE), -1);
	rig_forget();
	rig_issue("a", 90 * DAY); /* it is due, whatever pause there was */
	rig_expect("order a from main\n");
	rig_issue("a", 90 * DAY);
	assert_int_equal(rig.n_events[EVENT_ISSUED], 1);
	assert_int_equal(rig_ask("a", ASK_IF_DUE), 0);
}

static void
test_a_restart_forgets_no_rehearsal(void **state)
{
	(void)state;
	begin_rehearsal();
	rig_restart("a");
	rig_settle();
	rig_expect("rehearse a from main@staging\n");
	rig_issue("a", 90 * DAY);
	rig_expect("order a from main\n");
	rig_restart("a");
	rig_settle();
	rig_expect("order a from main\n"); /* it is proved */
}

static void
test_where_there_is_no_test_directory_it_is_ordered(void **state)
{
	(void)state;
	rig.has_staging = false;
	rig_load("a");
	rig_settle();
	rig_fail_name("a", "a");
	rig_forget();
	rig_until_order();
	rig_expect("order a from main\n");
}

/* It was to try a CA that failed, and went elsewhere. */
static void
test_a_rehearsal_tries_no_ca(void **state)
{
	(void)state;
	for (int removed = 0; removed < 2; removed++) {
		rig_tear_down(state);
		set_up(state);
		rig_load("a");
		rig_settle();
		rig_fail_name("a", "a");
		rig_pass(30);
		rig_load("a b");
		rig_settle();
		rig_fail("b", ERR_NETWORK,
		    0); /* nothing more is asked of it until a does */
		rig_pass(40);
		assert_int_equal(rig_count("rehearse a"), 1);
		if (removed)
			rig_load("b");
		else
			rig_fail_name("a", "a");
		rig_pass(30);
		assert_true(rig_has_job("b"));
	}
}

static void
test_one_that_is_removed_meanwhile_is_gone(void **state)
{
	(void)state;
	begin_rehearsal();
	rig_load("");
	assert_false(rig_has_job("a"));
	rig_load("a");
	rig_settle();
	assert_true(rig_has_job("a"));
	rig_load("a/2"); /* another configuration may do */
	rig_settle();
	assert_true(rig_has_job("a"));
	assert_int_equal(scheduler_running(rig.scheduler), 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_a_rehearsal_that_goes_well_is_followed_by_the_order),
		TEST(test_a_rehearsal_that_fails_costs_nothing_at_the_ca),
		TEST(test_a_test_directory_that_is_not_well_is_passed_over),
		TEST(test_who_wants_it_now_gets_no_rehearsal),
		TEST(test_who_asked_is_told_of_the_order),
		TEST(test_a_restart_forgets_no_rehearsal),
		TEST(test_where_there_is_no_test_directory_it_is_ordered),
		TEST(test_a_rehearsal_tries_no_ca),
		TEST(test_one_that_is_removed_meanwhile_is_gone),
	};

	return cmocka_run_group_tests_name("scheduler_rehearse", tests, NULL, NULL);
}
