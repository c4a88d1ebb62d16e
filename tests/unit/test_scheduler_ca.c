/* SPDX-License-Identifier: ISC */
/* CAs that fail: one order or question tries them, and the others wait. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

#include "daemon/renew/state.h"
#include "tests/unit/unit.h"

/* ---- a CA that fails is left alone ---- */

/* "main" is down: of each pause one order, however many wait. */
static void
test_an_outage_costs_one_order_and_not_one_for_each(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.down = "main";
	rig_load(rig_many(100));
	rig_settle();
	assert_in_range(rig.n_orders, 1, rig.per_account);
	assert_non_null(strstr(rig_reason("c099", "breaker"),
	    "https://ca.example/dir failed 1 time in a row: one order tries it "));
	rig.n_orders = 0;
	rig_pass(DAY);
	/* 30 s, doubling, to an hour. */
	assert_in_range(rig.n_orders, 24, 40);
	rig.n_orders = 0;
	rig_restart(rig_many(100));
	rig_settle();
	assert_in_range(rig.n_orders, 0, rig.per_account);
}

static void
test_when_it_answers_again_all_are_tried_soon(void **state)
{
	(void)state;
	rig.quiet = rig.answers = true;
	rig.down = "main";
	rig_load(rig_many(100));
	rig_pass(2 * DAY);
	rig.down = NULL;
	rig.lifetime = 90 * DAY;
	rig_pass(HOUR + HOUR / 2);
	assert_int_equal(rig.n_events[EVENT_ISSUED], 100);
	assert_int_equal(rig.most_orders, rig.per_account);
}

static void
test_other_cas_are_not_concerned(void **state)
{
	(void)state;
	rig.quiet = rig.answers = true;
	rig.down = "main";
	rig.lifetime = 90 * DAY;
	rig_load("a b c d@other e@other");
	rig_settle();
	assert_int_equal(rig.n_events[EVENT_ISSUED], 2);
	assert_null(rig_reason("d", "breaker"));
	assert_non_null(rig_reason("a", "breaker"));
}

static void
fail_status(const char *name, enum err_kind kind, int status, time_t retry_after)
{
	struct err err = { 0 };

	err_set(&err, kind, "order: the CA answered %d", status);
	err.status = status;
	err.retry_after = retry_after;
	rig_fail_with(name, &err);
}

static void
test_what_says_nothing_of_the_ca_holds_no_other(void **state)
{
	static const struct {
		enum err_kind kind;
		int status;
		bool opens;
	} cases[] = {
		{ ERR_BUSY, 429, false },
		{ ERR_REFUSED, 403, false },
		{ ERR_REFUSED, 400, false },
		{ ERR_HOOK, 0, false },
		{ ERR_SYSTEM, 0, false },
		{ ERR_CONFIG, 0, false },
		{ ERR_PROTOCOL, 200, false },
		{ ERR_NETWORK, 0, true },
		{ ERR_BUSY, 503, true },
		{ ERR_REFUSED, 500, true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		rig_tear_down(state);
		rig_set_up(state);
		rig.quiet = true;
		rig_load("a");
		rig_settle();
		fail_status("a", cases[i].kind, cases[i].status, 0);
		rig_load("a b");
		rig_settle();
		assert_int_equal(rig_has_job("b"), !cases[i].opens);
	}
}

/* Eight are under way at most: nobody is hurt by a failure of before. */
static void
open_breaker(void)
{
	rig.quiet = true;
	rig_load("a");
	rig_settle();
	rig_fail("a", ERR_NETWORK, 0);
	rig_load("a b c");
	rig_settle();
	assert_false(rig_has_job("a") || rig_has_job("b") || rig_has_job("c"));
	while (!rig_has_job("a") && !rig_has_job("b") && !rig_has_job("c"))
		rig_until_order();
	assert_int_equal(rig.n_orders, 2);
	assert_int_equal(rig_has_job("a") + rig_has_job("b") + rig_has_job("c"), 1);
}

static const char *
trying(void)
{
	return rig_has_job("a") ? "a" : rig_has_job("b") ? "b" : "c";
}

static void
test_the_one_that_tries_may_fail_otherwise(void **state)
{
	static const enum err_kind kinds[] = { ERR_HOOK, ERR_SYSTEM, ERR_CONFIG,
		ERR_PROTOCOL };

	for (size_t i = 0; i < COUNT(kinds); i++) {
		rig_tear_down(state);
		rig_set_up(state);
		open_breaker();
		rig_fail(trying(), kinds[i], 0);
		/* It said nothing: the next one tries. */
		assert_in_range(rig_until_order(), 0, 15);
		rig_fail(trying(), ERR_REFUSED, 0); /* but this one did */
		rig_pass(60);
		assert_true(rig.n_orders >= 4);
	}
}

static void
test_the_one_that_tries_may_be_removed(void **state)
{
	static const char *const rests[] = { "b c", "a c", "a b" };

	(void)state;
	open_breaker();
	rig_load(rests[trying()[0] - 'a']);
	assert_in_range(rig_until_order(), 0, 15);
	rig_load(trying()[0] == 'b' ? "b/2" : "a/2 c/2"); /* or changed */
	rig_pass(15);
	assert_true(rig.n_orders >= 4);
}

static void
test_a_restart_tries_again(void **state)
{
	(void)state;
	open_breaker();
	rig_restart("a b c");
	rig_pass(120);
	assert_true(rig_has_job("a") || rig_has_job("b") || rig_has_job("c"));
}

static void
test_a_person_gets_through_to_a_ca_that_fails(void **state)
{
	(void)state;
	rig.quiet = true;
	rig_load("a");
	rig_settle();
	rig_fail("a", ERR_NETWORK, 0);
	rig_load("a b c");
	rig_settle();
	rig_ask("b", ASK_NOW);
	rig_ask("c", ASK_IF_DUE);
	rig_settle();
	assert_true(rig_has_job("b") && rig_has_job("c"));
	rig_fail("b", ERR_NETWORK, 0);
	rig_issue("c", 90 * DAY); /* it answers again: the others need not wait */
	rig_pass(30);
	assert_true(rig_has_job("a") && rig_has_job("b"));
}

static void
test_after_a_step_back_a_failing_ca_is_tried(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.down = "main";
	rig_load("a b");
	rig_pass(DAY);
	rig.down = NULL;
	rig_step_clock(-365 * DAY);
	rig_pass(HOUR);
	assert_true(rig_has_job("a") || rig_has_job("b"));
}

/* ---- nor is it asked about renewal ---- */

static void
test_an_outage_costs_one_question_and_not_one_for_each(void **state)
{
	(void)state;
	rig_begin_issued(rig_many(200));
	rig.quiet = true;
	rig.down = "main";
	rig_pass(7 * HOUR);
	assert_in_range(rig.n_asks, 1, 16 + 60);
	rig.n_asks = 0;
	rig_pass(DAY);
	assert_in_range(rig.n_asks, 20, 60);
	rig.down = NULL;
	rig.answers = true;
	rig.n_asks = 0;
	rig_pass(2 * HOUR);
	assert_in_range(rig.n_asks, 200, 250); /* then all are */
}

static void
test_a_question_that_tries_a_ca_may_be_taken_back(void **state)
{
	(void)state;
	rig_begin_issued("a b");
	rig.quiet = true;
	rig_pass(6 * HOUR);
	rig_answer_error("a", ERR_NETWORK);
	rig_answer_error("b", ERR_NETWORK);
	while (!rig_is_asking("a") && !rig_is_asking("b"))
		rig_pass(10);
	assert_false(rig_is_asking("a") && rig_is_asking("b"));
	rig_load("a b c"); /* waits for the outcome */
	rig_settle();
	assert_false(rig_has_job("c"));
	if (rig_is_asking("a"))
		rig_load("b c");
	else
		rig_load("a c");
	rig_pass(15);
	assert_true(rig_has_job("c"));
}

static void
test_a_question_that_tries_a_ca_may_fail_otherwise(void **state)
{
	(void)state;
	rig_begin_issued("a");
	rig.quiet = true;
	rig_pass(6 * HOUR);
	rig_answer_error("a", ERR_NETWORK);
	while (!rig_is_asking("a"))
		rig_pass(10);
	rig_answer_error("a", ERR_PROTOCOL);
	rig_load("a b");
	rig_settle();
	assert_true(rig_has_job("b"));
}

static void
test_who_asks_for_what_tries_a_ca_tries_it(void **state)
{
	(void)state;
	rig_begin_issued("a");
	rig.quiet = true;
	rig_pass(6 * HOUR);
	rig_answer_error("a", ERR_NETWORK);
	while (!rig_is_asking("a"))
		rig_pass(10);
	rig.ari_off = true;
	rig_load("a/2 b"); /* the question was the trial */
	rig_ask("a", ASK_IF_DUE);
	rig_settle();
	assert_int_equal(rig.n_events[EVENT_KEPT], 1);
	rig_pass(15);
	assert_true(rig_has_job("b"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_an_outage_costs_one_order_and_not_one_for_each),
		TEST(test_when_it_answers_again_all_are_tried_soon),
		TEST(test_other_cas_are_not_concerned),
		TEST(test_what_says_nothing_of_the_ca_holds_no_other),
		TEST(test_the_one_that_tries_may_fail_otherwise),
		TEST(test_the_one_that_tries_may_be_removed),
		TEST(test_a_restart_tries_again),
		TEST(test_a_person_gets_through_to_a_ca_that_fails),
		TEST(test_after_a_step_back_a_failing_ca_is_tried),
		TEST(test_an_outage_costs_one_question_and_not_one_for_each),
		TEST(test_a_question_that_tries_a_ca_may_be_taken_back),
		TEST(test_a_question_that_tries_a_ca_may_fail_otherwise),
		TEST(test_who_asks_for_what_tries_a_ca_tries_it),
	};

	return cmocka_run_group_tests_name("scheduler_ca", tests, NULL, NULL);
}
