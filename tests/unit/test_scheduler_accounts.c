/* SPDX-License-Identifier: ISC */
/* Several CAs and accounts: which one is asked, which one is taken, and whose turn it is.
 */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

#include "daemon/renew/state.h"
#include "tests/unit/unit.h"

/* ---- renewal information comes from the CA that issued ---- */

static void
test_only_the_ca_that_issued_it_is_asked(void **state)
{
	(void)state;
	rig_begin_issued("a");
	rig_load("a@other/2");
	rig_pass(6 * HOUR);
	rig_expect("ask main about a#1\n");
	rig_answer("a", NULL, 0);
	rig_forget();
	rig.gone = "main";
	rig_load("a@other/2");
	rig_pass(DAY);
	rig_expect("");
	assert_string_equal(rig_reason("a", "ari-none"),
	    "the CA that issued it is none of the configuration: not asked");
}

static void
test_an_account_may_go_while_it_is_waited_for(void **state)
{
	(void)state;
	rig_begin_issued(rig_many(40));
	rig.quiet = true;
	rig_pass(6 * HOUR + 60);
	assert_int_equal(rig.n_asks, 16); /* the others wait for their turn */
	rig.accounts = NULL;
	rig.gone = "main";
	rig_load("c000@other/2 c001@other/2 c039@other/2");
	rig.gone = "main";
	rig_settle();
	if (rig_is_asking("c000"))
		rig_answer("c000", NULL, 0);
	rig_pass(DAY);
	assert_false(rig_is_asking("c000") || rig_is_asking("c039"));
}

static void
test_what_waits_for_its_turn_goes_where_the_configuration_says(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.per_account = 1;
	rig_load("a");
	rig_settle();
	rig_load("a b");
	rig_settle(); /* b waits */
	rig.gone = "main";
	rig_load("a@other/2 b@other/2");
	rig_settle();
	assert_int_equal(rig_count("from main"), 1);
	assert_int_equal(rig_count("from other"), 1);
	rig_issue(rig_has_job("a") ? "a" : "b", 90 * DAY);
	assert_int_equal(rig_count("from other"), 2);
}

static void
test_asking_about_many_is_spread_at_the_start(void **state)
{
	unsigned most = 0, all = 0;

	(void)state;
	rig.spreads = true;
	for (unsigned i = 0; i < 1000; i++) {
		char name[8];

		snprintf(name, sizeof(name), "c%03u", i);
		rig_put(name, 1, RIG_START - DAY, RIG_START + 89 * DAY);
		rig_save(name, "{\"issued_by\":\"https://ca.example/dir\"}");
	}
	rig.quiet = rig.answers = true;
	rig_load(rig_many(1000));
	for (int second = 0; second < 1100; second++) {
		rig.n_asks = 0;
		rig_settle();
		most = rig.n_asks > most ? rig.n_asks : most;
		all += rig.n_asks;
		rig.now++;
	}
	assert_int_equal(all, 1000);
	assert_in_range(most, 1, 40);
}

static void
test_after_a_step_back_what_was_never_asked_about_is_asked_about(void **state)
{
	(void)state;
	rig.spreads = true;
	rig.quiet = true;
	rig_put("a", 1, RIG_START - 400 * DAY, RIG_START + 20 * DAY);
	rig_save("a", "{\"issued_by\":\"https://ca.example/dir\"}");
	rig_load("a");
	rig_step_clock(-365 * DAY);
	rig_pass(HOUR);
	assert_int_equal(rig.n_asks, 1);
}

/* ---- several accounts ---- */

static void
test_the_next_account_has_its_turn_after_three_failures(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.accounts = "main other";
	rig_load("a");
	rig_settle();
	for (int i = 0; i < 8; i++) {
		rig_fail("a", ERR_REFUSED, 0);
		assert_in_range(rig_until_order(), 60, DAY);
	}
	assert_int_equal(rig_count("from main"), 6); /* the first three, the last three */
	assert_int_equal(rig_count("from other"), 3);
	rig_fail("a", ERR_REFUSED, 0);
	rig_restart("a"); /* whose turn it is is not forgotten */
	rig_until_order();
	assert_int_equal(rig_count("from other"), 4);
}

static void
test_where_a_ca_is_down_the_next_account_is_taken(void **state)
{
	(void)state;
	rig.quiet = rig.answers = true;
	rig.accounts = "main other";
	rig.down = "main";
	rig.lifetime = 90 * DAY;
	rig_load(rig_many(50));
	rig_pass(HOUR);
	assert_int_equal(rig.n_events[EVENT_ISSUED], 50);
	assert_in_range(rig_count("from main"), 1, 30);
}

/* Where it was first is where it is first again. */
static void
test_the_first_account_is_taken_again_when_its_ca_is_well(void **state)
{
	(void)state;
	rig.quiet = rig.answers = rig.ari_off = rig.spreads = true;
	rig.accounts = "main other";
	rig.down = "main";
	rig.lifetime = 90 * DAY;
	rig_load("a b c d");
	rig_pass(HOUR);
	assert_int_equal(rig.n_events[EVENT_ISSUED], 4);
	rig.down = NULL;
	rig_pass(DAY);
	rig_forget();
	rig_pass(70 * DAY);
	assert_int_equal(rig_count("from main"), 4);
	assert_int_equal(rig_count("from other"), 0);
}

static void
test_an_order_in_flight_stays_where_it_was_placed(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.accounts = "main other";
	rig_load("a");
	rig_settle();
	rig_record("a", "https://ca.example/o/1");
	rig_settle();
	for (int i = 0; i < 2; i++) {
		rig_forget();
		rig_fail("a", ERR_NETWORK, 0);
		rig_until_order();
		assert_int_equal(rig_count("from main, going on with "
					   "https://ca.example/o/1"),
		    1);
	}
	/* Now its CA is failing. */
	rig_fail("a", ERR_NETWORK, 0);
	rig_forget();
	rig_until_order();
	assert_int_equal(rig_count("order a from other\n"), 1);
}

/* The question goes to a CA that is down; the order need not. */
static void
test_a_question_that_waits_holds_no_order_elsewhere(void **state)
{
	time_t due;

	(void)state;
	rig_begin_issued(rig_many(30));
	rig.quiet = true;
	rig.down = "main";
	due = rig_act_at("c000");
	rig.accounts = "main other";
	rig_load(rig_many(30));
	rig.lifetime = 90 * DAY;
	rig_pass(due - rig.now + 2 * HOUR);
	assert_int_equal(rig.n_events[EVENT_RENEWED], 30);
}

static void
test_a_failover_forgets_what_the_other_ca_issued(void **state)
{
	(void)state;
	rig_begin_issued("a");
	rig.quiet = true;
	rig.accounts = "main other";
	rig_load("a");
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_expect("order a from main, replaces a#1\n");
	rig_fail("a", ERR_REFUSED, 0);
	for (int i = 0; i < 2; i++) {
		rig_ask("a", ASK_NOW);
		rig_settle();
		rig_fail("a", ERR_REFUSED, 0);
	}
	rig_forget();
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_expect("order a from other\n"); /* replaces nothing of that CA */
}

/* ---- whose turn it is ---- */

static void
test_accounts_take_turns(void **state)
{
	static const char others[] = " x0@other x1@other x2@other x3@other";
	CLEAN(string) char *certs = NULL;
	struct text t = { 0 };

	(void)state;
	rig.quiet = rig.answers = true;
	rig.concurrent = 4;
	rig_load(rig_many(60));
	rig_settle(); /* 56 wait */
	text_add(&t, "%s%s", rig_many(60), others);
	certs = text_take(&t);
	rig_load(certs);
	rig_settle();
	rig_forget();
	for (int i = 0; i < 8; i++)
		for (unsigned c = 0; c < 60; c++) {
			char name[8];

			snprintf(name, sizeof(name), "c%03u", c);
			if (!rig_has_job(name))
				continue;
			rig_issue(name, 90 * DAY);
			break;
		}
	assert_int_equal(rig_count("from other"), 4);
}

static void
test_two_for_the_same_names_are_one_after_the_other(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.same_names = true;
	rig_load("a b c d@other");
	rig_settle();
	assert_int_equal(rig_count("from main"), 1);
	assert_int_equal(rig_count("from other"), 1); /* elsewhere they are no matter */
	for (int i = 1; i < 3; i++) {
		rig_fail((rig_has_job("a")      ? "a"
			     : rig_has_job("b") ? "b"
						: "c"),
		    ERR_REFUSED, 0);
		assert_int_equal(rig_count("from main"), i + 1);
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_only_the_ca_that_issued_it_is_asked),
		TEST(test_an_account_may_go_while_it_is_waited_for),
		TEST(test_what_waits_for_its_turn_goes_where_the_configuration_says),
		TEST(test_asking_about_many_is_spread_at_the_start),
		TEST(test_after_a_step_back_what_was_never_asked_about_is_asked_about),
		TEST(test_the_next_account_has_its_turn_after_three_failures),
		TEST(test_where_a_ca_is_down_the_next_account_is_taken),
		TEST(test_the_first_account_is_taken_again_when_its_ca_is_well),
		TEST(test_an_order_in_flight_stays_where_it_was_placed),
		TEST(test_a_question_that_waits_holds_no_order_elsewhere),
		TEST(test_a_failover_forgets_what_the_other_ca_issued),
		TEST(test_accounts_take_turns),
		TEST(test_two_for_the_same_names_are_one_after_the_other),
	};

	return cmocka_run_group_tests_name("scheduler_accounts", tests, NULL, NULL);
}
