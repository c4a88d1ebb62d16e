/* SPDX-License-Identifier: ISC */
/* Windows that move: within reason, and when a CA wants its certificates replaced. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

#include "daemon/renew/state.h"
#include "tests/unit/unit.h"

#define WHY "https://ca.example/incident/1"

static const struct ari_window usual = { RIG_START + 60 * DAY, RIG_START + 62 * DAY };

/* Issued, and the CA suggests the usual window for all of them. */
static void
begin_with_windows(const char *certs)
{
	rig.window = usual;
	rig_begin_issued(certs);
	rig.quiet = true;
}

/* The CA is asked about the first by a person, and says this. */
static void
tell_one(const char *name, time_t from, time_t to)
{
	const struct ari_window window = { rig.now + from, rig.now + to };

	rig_ask(name, ASK_IF_DUE);
	rig_settle();
	rig_answer(name, &window, 6 * HOUR);
}

static void
test_a_window_that_jumps_forward_is_an_incident(void **state)
{
	struct cert_look look;

	(void)state;
	begin_with_windows("a b c d@other");
	rig.quiet = false;
	rig.explanation = WHY;
	rig_ask("a", ASK_IF_DUE);
	rig_settle();
	rig_forget();
	rig_answer("a", &(struct ari_window){ RIG_START + 5 * DAY, RIG_START + 6 * DAY },
	    0);
	/* The others of this CA are asked about, and d is none of them. */
	rig_pass(60);
	assert_int_equal(rig_count("a: incident: https://ca.example/dir moved a renewal "
				   "window forward, see " WHY
				   ": it is asked about all 2 others that it issued"),
	    1);
	assert_true(rig_is_asking("b") && rig_is_asking("c") && !rig_is_asking("d"));
	assert_non_null(strstr(rig_reason("a", "incident"), "an incident"));
	assert_string_equal(rig_reason("a", "explanation"), "the CA explains: " WHY);
	rig_look("a", &look);
	assert_int_equal(look.decision.act_at, RIG_START + 5 * DAY);
	assert_string_equal(look.state->ari.explanation, WHY);
	rig_pass(120); /* once */
	assert_int_equal(rig.n_events[EVENT_INCIDENT], 1);
}

static void
test_what_moves_within_reason_is_none(void **state)
{
	static const struct {
		time_t from, to;
		bool incident;
	} cases[] = {
		{ 61 * DAY, 63 * DAY, false },
		{ 80 * DAY, 81 * DAY, false },
		{ 58 * DAY, 61 * DAY, false },
		{ 57 * DAY, 59 * DAY, false }, /* a CA that smooths its load */
		{ 40 * DAY, 41 * DAY, true },
		{ 60, 120, true },
		{ -2 * DAY, -DAY, true },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		rig_tear_down(state);
		rig_set_up(state);
		begin_with_windows("a b");
		tell_one("a", cases[i].from, cases[i].to);
		assert_int_equal(rig.n_events[EVENT_INCIDENT], cases[i].incident);
		rig_pass(60);
		assert_int_equal(rig_is_asking("b"), cases[i].incident);
	}
}

/* However near the usual window was. */
static void
test_one_that_moves_into_the_past_is_one(void **state)
{
	(void)state;
	begin_with_windows("a b");
	rig.answers = true;
	rig_pass(59 * DAY);
	rig.answers = false;
	tell_one("a", -HOUR, -HOUR / 2);
	assert_int_equal(rig.n_events[EVENT_INCIDENT], 1);
	assert_true(rig_has_job("a"));
}

static void
test_a_first_window_in_the_past_is_one_where_the_certificate_is_young(void **state)
{
	(void)state;
	rig_begin_issued("a b");
	rig.quiet = true;
	tell_one("a", -HOUR, -60);
	assert_int_equal(rig.n_events[EVENT_INCIDENT], 1);

	rig_tear_down(state);
	rig_set_up(state);
	/* acmed was not running when its window came. */
	rig_put("a", 1, RIG_START - 70 * DAY, RIG_START + 20 * DAY);
	rig_save("a", "{\"issued_by\":\"https://ca.example/dir\"}");
	rig.quiet = true;
	rig_load("a");
	rig_settle();
	rig_answer("a", &(struct ari_window){ RIG_START - 9 * DAY, RIG_START - 8 * DAY },
	    0);
	assert_int_equal(rig.n_events[EVENT_INCIDENT], 0);
	assert_true(rig_has_job("a"));
}

/* ---- many ---- */

static void
test_a_thousand_are_asked_about_and_renewed_within_minutes(void **state)
{
	unsigned most = 0, before = 0;

	(void)state;
	rig.spreads = true;
	rig.concurrent = rig.per_account = 1000;
	begin_with_windows(rig_many(1000));
	rig_pass(DAY - rig.now % DAY);
	rig.answers = true;
	rig_settle();
	rig.random = 30U * 71582788U; /* half a minute */
	rig.window = (struct ari_window){ rig.now - HOUR, rig.now - HOUR / 2 };
	rig.lifetime = 90 * DAY;
	rig_ask("c500", ASK_IF_DUE);
	rig_settle();
	rig.window = (struct ari_window){ rig.now + 60 * DAY, rig.now + 61 * DAY };
	assert_int_equal(rig.n_events[EVENT_INCIDENT], 1);
	for (int i = 0; i < 70; i++) {
		rig.window = (struct ari_window){ rig.now - HOUR, rig.now - HOUR / 2 };
		rig_settle();
		rig.now += 6;
		most = rig.n_orders - before > most ? rig.n_orders - before : most;
		before = rig.n_orders;
	}
	assert_true(rig.n_orders >= 1000);
	assert_true(most < 250);
}

/* What is usual waits until what is urgent has had its turn. */
static void
test_an_incident_goes_ahead_of_what_is_usual(void **state)
{
	(void)state;
	rig.per_account = 1;
	begin_with_windows("a b c d");
	rig.answers = true;
	rig_load("a b+www/2 c+www/2 d+www/2"); /* three that are due */
	rig_settle();
	assert_int_equal(rig.n_orders, 1);
	rig.answers = false;
	tell_one("a", -HOUR, -60);
	assert_false(rig_has_job("a"));
	rig_forget();
	if (rig_has_job("b"))
		rig_issue("b", 90 * DAY);
	else if (rig_has_job("c"))
		rig_issue("c", 90 * DAY);
	else
		rig_issue("d", 90 * DAY);
	assert_true(rig_has_job("a"));
}

/* ---- the draw, and errors ---- */

static void
test_an_error_never_renews_earlier_than_the_window_says(void **state)
{
	static const enum err_kind kinds[] = { ERR_NETWORK, ERR_REFUSED, ERR_BUSY,
		ERR_PROTOCOL };
	struct cert_look look;

	for (size_t i = 0; i < COUNT(kinds); i++) {
		rig_tear_down(state);
		rig_set_up(state);
		rig.random = UINT32_MAX;
		/* Later than the dates would have it. */
		rig.window =
		    (struct ari_window){ RIG_START + 70 * DAY, RIG_START + 75 * DAY };
		rig_begin_issued("a");
		rig.quiet = true;
		while (rig.now < RIG_START + 74 * DAY) {
			rig_pass(HOUR);
			rig_look("a", &look);
			assert_int_equal(look.decision.due_at, RIG_START + 75 * DAY - 1);
			assert_int_equal(rig.n_orders, 0);
			if (rig_is_asking("a"))
				rig_answer_error("a", kinds[i]);
			if (rig.now / HOUR % 100 == 0)
				rig_restart("a");
		}
	}
}

static void
test_no_renewal_information_any_more_leaves_the_window(void **state)
{
	(void)state;
	begin_with_windows("a");
	rig_pass(6 * HOUR);
	rig_answer("a", NULL, 0);
	assert_int_equal(rig_act_at("a"), RIG_START + 60 * DAY);
	assert_non_null(rig_reason("a", "window"));
}

static void
test_an_incident_that_is_called_off_is_over(void **state)
{
	struct cert_look look;

	(void)state;
	begin_with_windows("a");
	tell_one("a", 5 * DAY, 6 * DAY);
	assert_non_null(rig_reason("a", "incident"));
	tell_one("a", 60 * DAY, 62 * DAY);
	assert_null(rig_reason("a", "incident"));
	rig_look("a", &look);
	assert_int_equal(look.state->ari.moved_at, 0);
	assert_int_equal(look.state->told, 0);
}

/* ---- in the middle of it ---- */

static void
test_a_restart_in_an_incident_asks_about_the_others(void **state)
{
	(void)state;
	rig.random = UINT32_MAX / 2;
	begin_with_windows("a b c@other");
	tell_one("a", 5 * DAY, 6 * DAY);
	rig_restart("a b c@other");
	rig_pass(60);
	assert_true(rig_is_asking("b"));
	assert_false(rig_is_asking("c"));
	assert_int_equal(rig.n_events[EVENT_INCIDENT], 1);
}

static void
test_a_reload_in_an_incident_asks_about_the_others(void **state)
{
	(void)state;
	begin_with_windows("a b");
	tell_one("a", 5 * DAY, 6 * DAY);
	rig_load("a b/2 c");
	rig_pass(60);
	assert_true(rig_is_asking("b"));
}

static void
test_after_a_step_back_the_next_incident_is_noticed(void **state)
{
	(void)state;
	begin_with_windows("a b");
	rig_pass(10 * DAY);
	rig.answers = true;
	rig_settle();
	rig.answers = false;
	tell_one("a", 5 * DAY, 6 * DAY);
	assert_int_equal(rig.n_events[EVENT_INCIDENT], 1);
	rig_pass(60);
	rig_answer("b", &usual, 0);
	rig_step_clock(-9 * DAY);
	if (rig_is_asking("a"))
		rig_answer("a", NULL, 0);
	if (rig_is_asking("b"))
		rig_answer("b", &usual, 0);
	tell_one("b", 2 * DAY, 3 * DAY);
	assert_int_equal(rig.n_events[EVENT_INCIDENT], 2);
}

static void
test_one_of_an_incident_may_be_held(void **state)
{
	(void)state;
	begin_with_windows("a b");
	rig_hold("a", 0);
	tell_one("a", -HOUR, -60);
	rig_pass(DAY);
	assert_false(rig_has_job("a"));
	rig_answer("a", NULL, 0);
	rig_resume("a");
	rig_settle();
	assert_true(rig_has_job("a"));
}

/* A poll that was under way for another certificate than the one in force of now. */
static void
test_an_incident_ends_with_the_renewal(void **state)
{
	struct cert_look look;

	(void)state;
	begin_with_windows("a b");
	tell_one("a", -HOUR, -60);
	rig_issue("a", 90 * DAY);
	rig_look("a", &look);
	assert_int_equal(look.state->ari.moved_at, 0);
	assert_null(rig_reason("a", "incident"));
	rig_answer("a", &usual, 0);
	assert_null(rig_reason("a", "incident"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_a_window_that_jumps_forward_is_an_incident),
		TEST(test_what_moves_within_reason_is_none),
		TEST(test_one_that_moves_into_the_past_is_one),
		TEST(test_a_first_window_in_the_past_is_one_where_the_certificate_is_young),
		TEST(test_a_thousand_are_asked_about_and_renewed_within_minutes),
		TEST(test_an_incident_goes_ahead_of_what_is_usual),
		TEST(test_an_error_never_renews_earlier_than_the_window_says),
		TEST(test_no_renewal_information_any_more_leaves_the_window),
		TEST(test_an_incident_that_is_called_off_is_over),
		TEST(test_a_restart_in_an_incident_asks_about_the_others),
		TEST(test_a_reload_in_an_incident_asks_about_the_others),
		TEST(test_after_a_step_back_the_next_incident_is_noticed),
		TEST(test_one_of_an_incident_may_be_held),
		TEST(test_an_incident_ends_with_the_renewal),
	};

	return cmocka_run_group_tests_name("scheduler_incident", tests, NULL, NULL);
}
