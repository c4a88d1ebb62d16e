/* SPDX-License-Identifier: ISC */
/* When the scheduler does what; test_scheduler_ask.c has commands, limits and reloads. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

#include "daemon/renew/state.h"
#include "tests/unit/unit.h"

/* ---- the schedule ---- */

static void
test_a_missing_certificate_is_issued_when_the_loop_runs(void **state)
{
	(void)state;
	rig_load("a");
	rig_expect("");
	rig_settle();
	rig_expect("order a from main\n");
	rig_issue("a", 90 * DAY);
	rig_expect("a: issued: issued, valid until 2026-05-29T23:00:00Z\n"
		   "ask main about a#1\n");
	rig_answer("a", NULL, 0); /* one write for both */
	rig_expect("save a\n");
	assert_int_equal(scheduler_next(rig.scheduler),
	    RIG_START - HOUR + 90 * DAY - 90 * DAY * 33 / 100);
	assert_int_equal(scheduler_running(rig.scheduler), 0);
}

static void
test_what_lies_on_disk_is_not_issued_again(void **state)
{
	struct cert_look look;

	(void)state;
	rig_put("a", 7, RIG_START - DAY, RIG_START + 80 * DAY);
	rig_put("b", 3, 0, 0);
	rig_load("a b");
	rig_settle();
	rig_expect("order b from main\n");
	rig_look("a", &look);
	assert_int_equal(look.version, 7);
	assert_string_equal(look.condition, "valid");
	assert_null(look.damage);
	rig_look("b", &look);
	assert_string_equal(look.condition, "issuing");
	assert_string_equal(look.damage, "live/b: damaged");
	rig_issue("b", 90 * DAY);
	rig_look("b", &look);
	assert_null(look.damage);
	assert_int_equal(look.version, 4);
}

/* "a" is issued, and its CA suggests the window. */
static void
begin_with_window(time_t from, time_t to)
{
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig.window = (struct ari_window){ RIG_START + from, RIG_START + to };
	rig_answer("a", &rig.window, 0);
	rig.answers = true;
	rig.quiet = true;
	rig_settle();
	text_clear(&rig.transcript);
}

static void
test_it_is_renewed_at_the_instant_drawn_from_the_window(void **state)
{
	(void)state;
	rig.random = UINT32_MAX;
	begin_with_window(60 * DAY, 62 * DAY);
	assert_int_equal(rig_until_order(), 62 * DAY - 1);
	rig_expect("order a from main, replaces a#1\n");
	/* Every six hours, or a tenth later, where the CA does not say. */
	assert_in_range(rig.n_asks, 4 * 62 * 10 / 11, 4 * 62 * 10 / 11 + 1);
	rig_issue("a", 90 * DAY);
	rig_expect("a: renewed: renewed, valid until 2026-07-30T22:59:59Z\n"
		   "order a from main, replaces a#2\n"); /* the window is over */
}

static void
test_the_draw_outlives_a_restart(void **state)
{
	struct cert_look look;

	(void)state;
	rig.random = UINT32_MAX / 2;
	begin_with_window(60 * DAY, 62 * DAY);
	rig_pass(10 * DAY);
	rig.random = 0;
	rig_restart("a");
	rig_look("a", &look);
	assert_int_equal(look.decision.act_at, RIG_START + 61 * DAY - 1);
	assert_int_equal(rig_until_order(), 51 * DAY - 1);
}

static void
test_the_draw_changes_only_with_the_window(void **state)
{
	struct cert_look look;

	(void)state;
	begin_with_window(60 * DAY, 62 * DAY);
	rig.random = UINT32_MAX;
	rig_pass(5 * DAY);
	rig_look("a", &look);
	assert_int_equal(look.state->ari.drawn, RIG_START + 60 * DAY);
	rig_expect("");
	rig.window.end++;
	rig_pass(DAY);
	rig_look("a", &look);
	assert_int_equal(look.state->ari.drawn, RIG_START + 62 * DAY);
	rig.window = (struct ari_window){ RIG_START, RIG_START + DAY };
	assert_in_range(rig_until_order(), 1, 6 * HOUR); /* an incident */
}

static void
test_the_ca_says_when_to_ask_again_within_limits(void **state)
{
	static const struct {
		time_t retry_after, wanted;
	} cases[] = { { 0, 6 * HOUR }, { 1, 60 }, { 7200, 7200 }, { 30 * DAY, DAY } };
	struct cert_look look;

	(void)state;
	begin_with_window(60 * DAY, 62 * DAY);
	for (size_t i = 0; i < COUNT(cases); i++) {
		rig.retry_after = cases[i].retry_after;
		rig_look("a", &look);
		rig_pass(look.state->ari.next_poll - rig.now);
		rig_look("a", &look);
		assert_int_equal(look.state->ari.polled_at, rig.now);
		assert_int_equal(look.state->ari.next_poll - rig.now, cases[i].wanted);
	}
}

static void
test_a_ca_that_does_not_answer_is_asked_later_and_later(void **state)
{
	static const time_t pauses[] = { 60, 120, 240, 480, 960, 1920, 3600, 3600 };
	struct cert_look look;

	(void)state;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	for (size_t i = 0; i < COUNT(pauses); i++) {
		rig_answer_error("a", ERR_NETWORK);
		rig_look("a", &look);
		assert_int_equal(look.state->ari.errors, i + 1);
		assert_int_equal(look.state->ari.next_poll - rig.now, pauses[i]);
		rig_pass(pauses[i]);
	}
	rig_answer_error("a", ERR_PROTOCOL);
	rig_look("a", &look);
	assert_int_equal(look.state->ari.next_poll - rig.now, 6 * HOUR);
	assert_string_equal(look.state->ari.error, "renewalInfo: the CA is not well");
}

static void
test_a_year_of_renewals_without_renewal_information(void **state)
{
	static const struct {
		time_t lifetime;
		unsigned orders;
	} cases[] = {
		{ 90 * DAY, 1 + 6 },  /* every 60 d and 7 h */
		{ 45 * DAY, 1 + 12 }, /* every 30 d and 3 h */
		{ 6 * DAY, 1 + 122 }, /* every 3 d less the hour of grace */
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		rig_tear_down(state);
		rig_set_up(state);
		rig.quiet = rig.answers = true;
		rig.lifetime = cases[i].lifetime;
		rig_load("a");
		rig_pass(364 * DAY);
		assert_in_range(rig.n_orders, cases[i].orders - 1, cases[i].orders + 2);
	}
}

static void
test_a_window_that_is_always_over_does_not_order_without_end(void **state)
{
	(void)state;
	rig.quiet = rig.answers = true;
	rig.lifetime = 90 * DAY;
	rig.window = (struct ari_window){ RIG_START - 2 * DAY, RIG_START - DAY };
	rig_load("a");
	rig_settle();
	assert_int_equal(rig.n_orders, 3); /* then an hour, two, four, ... */
	rig_pass(HOUR);
	assert_int_equal(rig.n_orders, 4);
	rig_pass(30 * DAY);
	assert_in_range(rig.n_orders, 30, 150);
	rig.lifetime = 3600; /* short ones, too */
	rig.n_orders = 0;
	rig_pass(HOUR);
	assert_in_range(rig.n_orders, 0, 30);
}

/* ---- failures ---- */

static void
test_failures_pause_longer_and_longer(void **state)
{
	static const struct {
		enum err_kind kind;
		time_t retry_after;
		time_t pauses[5];
	} cases[] = {
		{ ERR_REFUSED, 0, { 60, 600, 6000, DAY, DAY } },
		{ ERR_NETWORK, 0, { 60, 120, 240, 480, 960 } },
		{ ERR_BUSY, 7200, { 7200, 7200, 7200, 7200, 7200 } },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct cert_look look;

		rig_tear_down(state);
		rig_set_up(state);
		rig.quiet = true;
		rig_load("a");
		rig_settle();
		for (size_t n = 0; n < COUNT(cases[i].pauses); n++) {
			rig_fail("a", cases[i].kind, cases[i].retry_after);
			rig_look("a", &look);
			assert_string_equal(look.condition, "failed");
			assert_int_equal(look.state->failures, n + 1);
			assert_int_equal(look.state->kind, cases[i].kind);
			rig_restart("a"); /* as good as the disk remembers */
			assert_int_equal(rig_until_order(), cases[i].pauses[n]);
		}
		rig_issue("a", 90 * DAY);
		rig_look("a", &look);
		assert_int_equal(look.state->failures, 0);
		assert_int_equal(look.state->retry_at, 0);
		assert_string_equal(look.condition, "valid");
	}
}

static void
test_chance_does_not_come_before_the_ca_said(void **state)
{
	(void)state;
	rig.jitter = -20;
	rig_load("a");
	rig_settle();
	rig_fail("a", ERR_BUSY, 5000);
	assert_int_equal(rig_until_order(), 5000);
	rig_fail("a", ERR_REFUSED, 0);
	assert_int_equal(rig_until_order(), 600 * 80 / 100);
	rig.jitter = 20;
	rig_fail("a", ERR_BUSY, 5000);
	assert_int_equal(rig_until_order(), 6000);
}

static void
test_with_little_life_left_it_is_tried_four_times_a_day(void **state)
{
	static const struct {
		time_t retry_after, pause;
	} cases[] = { { 0, 6 * HOUR }, { 8 * HOUR, 8 * HOUR } };

	(void)state;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig.answers = rig.quiet = true;
	for (int i = 0; i < 5; i++) {
		rig_until_order();
		rig_fail("a", ERR_REFUSED, 0);
	}
	rig_pass(RIG_START + 85 * DAY - rig.now);
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (!rig_has_job("a"))
			rig_until_order();
		rig_fail("a", ERR_REFUSED, cases[i].retry_after);
		assert_int_equal(rig_until_order(), cases[i].pause);
	}
}

static void
test_events_tell_what_failed(void **state)
{
	(void)state;
	rig_load("a");
	rig_settle();
	rig_fail("a", ERR_NETWORK, 0);
	rig_expect("order a from main\n"
		   "a: failed: order: no\n"
		   "save a\n");
	assert_string_equal(rig_saved("a"),
	    "{\"failure\":{\"count\":1,\"at\":\"2026-03-01T00:00:00Z\","
	    "\"retry_at\":\"2026-03-01T00:01:00Z\",\"account\":\"main\","
	    "\"kind\":\"network\",\"error\":\"order: no\"},\"told\":1}");
}

/* ---- the clock is set ---- */

static void
test_after_a_step_forward_what_is_due_is_done(void **state)
{
	(void)state;
	begin_with_window(60 * DAY, 62 * DAY);
	rig_step_clock(61 * DAY);
	rig_expect("order a from main, replaces a#1\n");
}

static void
test_after_a_step_backward_nothing_waits_for_the_future(void **state)
{
	struct cert_look look;

	(void)state;
	rig.now = RIG_START + 4000 * DAY;
	rig.quiet = rig.answers = true;
	rig_load("a b");
	rig_settle();
	rig_fail("a", ERR_REFUSED, 0);
	rig_issue("b", 90 * DAY);
	text_clear(&rig.transcript);
	rig_step_clock(-4000 * DAY);
	rig_expect("order a from main\n");
	rig_look("b", &look);
	assert_int_equal(look.state->ari.polled_at, RIG_START);
	rig_issue("a", 90 * DAY);
	rig_look("a", &look);
	assert_int_equal(look.decision.act_at,
	    RIG_START - HOUR + 90 * DAY - 90 * DAY * 33 / 100);
}

static void
test_steps_of_the_clock_alone_order_nothing(void **state)
{
	(void)state;
	begin_with_window(60 * DAY, 62 * DAY);
	for (int i = 0; i < 20; i++) {
		rig_step_clock(i % 2 ? -2 * DAY : 2 * DAY);
		rig_step_clock(0);
	}
	rig_expect("");
	assert_in_range(rig.n_asks, 1, 1 + 20);
	assert_int_equal(rig_until_order(), 60 * DAY);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_a_missing_certificate_is_issued_when_the_loop_runs),
		TEST(test_what_lies_on_disk_is_not_issued_again),
		TEST(test_it_is_renewed_at_the_instant_drawn_from_the_window),
		TEST(test_the_draw_outlives_a_restart),
		TEST(test_the_draw_changes_only_with_the_window),
		TEST(test_the_ca_says_when_to_ask_again_within_limits),
		TEST(test_a_ca_that_does_not_answer_is_asked_later_and_later),
		TEST(test_a_year_of_renewals_without_renewal_information),
		TEST(test_a_window_that_is_always_over_does_not_order_without_end),
		TEST(test_failures_pause_longer_and_longer),
		TEST(test_chance_does_not_come_before_the_ca_said),
		TEST(test_with_little_life_left_it_is_tried_four_times_a_day),
		TEST(test_events_tell_what_failed),
		TEST(test_after_a_step_forward_what_is_due_is_done),
		TEST(test_after_a_step_backward_nothing_waits_for_the_future),
		TEST(test_steps_of_the_clock_alone_order_nothing),
	};

	return cmocka_run_group_tests_name("scheduler", tests, NULL, NULL);
}
