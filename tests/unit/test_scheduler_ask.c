/* SPDX-License-Identifier: ISC */
/* Commands, limits, reloads and what is saved; test_scheduler.c has the schedule. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

#include "daemon/renew/state.h"
#include "tests/unit/unit.h"

/* ---- commands ---- */

static void
test_asked_for_it_now_it_is_ordered_at_once(void **state)
{
	(void)state;
	rig_begin_issued("a");
	assert_int_equal(rig_ask("a", ASK_NOW), 0);
	rig_expect(""); /* from the loop */
	rig_settle();
	rig_expect("order a from main, replaces a#1\n");
	rig_issue("a", 90 * DAY);
	rig_expect("a: renewed: renewed, valid until 2026-05-29T23:01:00Z\n"
		   "ask main about a#2\n");
	rig_answer("a", NULL, 0);
	rig_expect("save a\n");
}

static void
test_what_is_not_due_is_kept_after_asking_the_ca(void **state)
{
	const struct ari_window later = { RIG_START + 60 * DAY, RIG_START + 61 * DAY };
	const struct ari_window earlier = { RIG_START - 2 * DAY, RIG_START - DAY };

	(void)state;
	rig_begin_issued("a");
	assert_int_equal(rig_ask("a", ASK_IF_DUE), 0);
	rig_settle();
	rig_expect("ask main about a#1\n");
	rig_answer("a", &later, 0);
	rig_expect("a: ari: the CA suggests renewal from 2026-04-30T00:00:00Z to "
		   "2026-05-01T00:00:00Z, drawn: 2026-04-30T00:00:00Z\n"
		   "a: kept: to be renewed 2026-04-30T00:00:00Z (in 59 d): the CA "
		   "suggests 2026-04-30T00:00:00Z to 2026-05-01T00:00:00Z; drawn from it: "
		   "2026-04-30T00:00:00Z\n"
		   "save a\n");

	assert_int_equal(rig_ask("a", ASK_IF_DUE), 0); /* in the same second */
	rig_settle();
	rig_expect("ask main about a#1\n");
	rig.quiet = true;
	rig_answer("a", &earlier, 0);
	rig_expect("a: incident: https://ca.example/dir moved a renewal window forward\n"
		   "order a from main, replaces a#1\n");
}

static void
test_a_ca_that_does_not_answer_does_not_keep_a_person_waiting(void **state)
{
	(void)state;
	rig_begin_issued("a");
	rig.quiet = true;
	rig_ask("a", ASK_IF_DUE);
	rig_settle();
	rig_answer_error("a", ERR_NETWORK);
	rig_expect("a: kept: to be renewed 2026-04-30T06:12:00Z (in 60 d): without renewal "
		   "information it is renewed 29 d 16 h before it expires\n");
	rig_ask("a", ASK_IF_DUE);
	rig_settle();
	rig_ask("a", ASK_IF_DUE);
	rig_expect("a: an order is under way (busy)\n");
	rig_answer("a", NULL, 0);
	rig_pass(30 * DAY);
	rig_expect("a: kept: to be renewed 2026-04-30T06:12:00Z (in 60 d): without renewal "
		   "information it is renewed 29 d 16 h before it expires\n");
}

static void
test_a_poll_under_way_is_begun_anew_for_a_person(void **state)
{
	(void)state;
	rig_begin_issued("a");
	rig_pass(6 * HOUR);
	rig_ask("a", ASK_IF_DUE);
	rig_settle();
	rig_expect("ask main about a#1\n"
		   "ask main about a#1\n");
	rig_answer("a", NULL, 0);
	text_clear(&rig.transcript);

	rig_pass(6 * HOUR);
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_expect("ask main about a#1\n"
		   "order a from main, replaces a#1\n");
}

static void
test_a_person_does_not_wait_for_a_pause_to_be_over(void **state)
{
	(void)state;
	rig.quiet = true;
	rig_load("a b");
	rig_settle();
	for (int i = 0; i < 4; i++) {
		rig_fail("a", ERR_REFUSED, 0);
		rig_fail("b", ERR_REFUSED, 0);
		rig_until_order();
		rig_settle();
	}
	rig_fail("a", ERR_REFUSED, 0);
	rig_fail("b", ERR_REFUSED, 0);
	text_clear(&rig.transcript);
	rig_ask("a", ASK_NOW);
	rig_ask("b", ASK_IF_DUE);
	rig_settle();
	assert_true(rig_has_job("a") && rig_has_job("b"));
}

static void
test_what_cannot_be_asked_for_is_refused(void **state)
{
	(void)state;
	rig.concurrent = 1;
	rig_load("a b");
	rig_settle();
	rig_ask("x", ASK_NOW);
	rig_ask("a", ASK_NOW);
	rig_ask("b", ASK_IF_DUE);
	rig_expect("order a from main\n"
		   "there is no certificate \"x\" (config)\n"
		   "a: an order is under way (busy)\n"
		   "b: an order is under way (busy)\n");
}

static void
ask_again(const struct scheduler_event *event, void *arg)
{
	(void)arg;
	if (event->type != EVENT_KEPT && event->type != EVENT_FAILED)
		return;
	rig.on_event = NULL;
	assert_int_equal(rig_ask(event->name, ASK_NOW), 0);
}

static void
test_who_is_told_may_ask_again(void **state)
{
	(void)state;
	rig_begin_issued("a");
	rig.quiet = rig.answers = true;
	rig.on_event = ask_again;
	rig_ask("a", ASK_IF_DUE);
	rig_settle();
	assert_true(rig_has_job("a"));
	rig.on_event = ask_again;
	rig_fail("a", ERR_REFUSED, 0);
	assert_true(rig_has_job("a"));
}

static void
end_subscription(const struct scheduler_event *event, void *arg)
{
	struct subscription **sub = arg;

	(void)event;
	subscription_free(*sub);
	*sub = NULL;
}

static void
test_a_subscriber_may_end_its_own_subscription(void **state)
{
	struct subscription *subs[3];
	const struct scheduler_event event = { .type = EVENT_RELOADED,
		.at = rig.now,
		.name = "-",
		.text = "x" };

	(void)state;
	for (size_t i = 0; i < COUNT(subs); i++)
		subs[i] = scheduler_subscribe(rig.scheduler, end_subscription, &subs[i]);
	scheduler_tell(rig.scheduler, &event);
	scheduler_tell(rig.scheduler, &event);
	for (size_t i = 0; i < COUNT(subs); i++)
		assert_null(subs[i]);
}

/* ---- limits ---- */

static void
test_orders_wait_in_turn_for_a_place(void **state)
{
	struct cert_look look;

	(void)state;
	rig.quiet = true;
	rig.concurrent = 2;
	rig_load("a b c d e");
	rig_settle();
	assert_int_equal(scheduler_running(rig.scheduler), 2);
	for (int ended = 0; ended < 5; ended++) {
		const char *names[] = { "a", "b", "c", "d", "e" };

		for (size_t i = 0; i < COUNT(names); i++) {
			if (!rig_has_job(names[i]))
				continue;
			rig_fail(names[i], ERR_REFUSED, 0);
			break;
		}
	}
	assert_int_equal(rig.n_orders, 5);
	assert_int_equal(scheduler_running(rig.scheduler), 0);
	rig_look("e", &look);
	assert_false(look.waiting);
}

static void
test_one_account_does_not_stand_in_the_way_of_another(void **state)
{
	struct cert_look look;

	(void)state;
	rig.per_account = 1;
	rig_load("a b");
	rig_settle();
	rig_load("a b c d@other");
	rig_settle();
	rig_expect("order a from main\n"
		   "order d from other\n");
	rig_look("b", &look);
	assert_true(look.waiting);
	assert_string_equal(look.condition, "waiting");
	assert_string_equal(look.step, "waiting");
	rig.quiet = true;
	rig_fail("d", ERR_REFUSED, 0);
	assert_false(rig_has_job("b") || rig_has_job("c"));
	rig_fail("a", ERR_REFUSED, 0);
	assert_true(rig_has_job("b"));
	rig.per_account = 2;
	rig_load("a b c d@other"); /* a limit that is raised is felt at once */
	assert_true(rig_has_job("c"));
}

/* ---- reloads ---- */

static void
test_what_did_not_change_goes_on(void **state)
{
	const struct ari_window window = { RIG_START + 60 * DAY, RIG_START + 61 * DAY };
	struct cert_look look;

	(void)state;
	rig_load("a b");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig_answer("a", &window, 0);
	rig_pass(60);
	rig.random = UINT32_MAX;
	text_clear(&rig.transcript);
	rig_load("a b c");
	rig_settle();
	rig_expect("order c from main\n");
	assert_true(rig_has_job("b"));
	rig_look("a", &look);
	assert_int_equal(look.decision.act_at, RIG_START + 60 * DAY);
	rig_issue("b", 90 * DAY); /* of the configuration before */
	rig_look("b", &look);
	assert_string_equal(look.condition, "valid");
}

static void
test_what_changed_begins_anew(void **state)
{
	(void)state;
	rig_load("a b");
	rig_settle();
	rig_record("a", "https://ca.example/o/1");
	rig_fail("a", ERR_NETWORK, 0);
	rig_fail("b", ERR_REFUSED, 0);
	rig_pass(60);
	text_clear(&rig.transcript);
	rig_load("a/2 b/2");
	rig_settle();
	/* And a does not go on with the order of before. */
	rig_expect("a: failed: the configuration has changed\n"
		   "b: failed: the configuration has changed\n"
		   "order a from main\n"
		   "order b from main\n");
}

static void
look_at_all(const struct scheduler_event *event, void *arg)
{
	(void)event;
	(void)arg;
	for (size_t i = 0; i < scheduler_count(rig.scheduler); i++) {
		struct cert_look look;

		scheduler_look_at(rig.scheduler, i, &look);
		assert_true(scheduler_look(rig.scheduler, look.config->name, &look));
		assert_non_null(look.config->options->accounts[0]);
	}
	scheduler_next(rig.scheduler);
}

static void
test_what_was_removed_is_told_and_forgotten(void **state)
{
	(void)state;
	rig.concurrent = 2;
	rig_load("a b");
	rig_settle();
	rig_load("a b c d");
	rig_settle();
	rig_expect("order a from main\n"
		   "order b from main\n");
	rig.on_event = look_at_all;
	rig_load("d/2");
	rig_settle();
	rig_expect("a: failed: it is no longer in the configuration\n"
		   "b: failed: it is no longer in the configuration\n"
		   "order d from main\n");
	assert_int_equal(scheduler_count(rig.scheduler), 1);
	rig_settle();
	rig_load("");
	rig_settle();
	assert_int_equal(scheduler_running(rig.scheduler), 0);
	assert_int_equal(scheduler_next(rig.scheduler), 0);
}

static void
test_who_waits_for_what_was_removed_is_told(void **state)
{
	(void)state;
	rig_begin_issued("a b");
	rig_ask("a", ASK_IF_DUE);
	rig_load("b");
	rig_ask("b", ASK_IF_DUE);
	rig_settle();
	rig_load("");
	rig_expect("a: failed: it is no longer in the configuration\n"
		   "ask main about b#1\n"
		   "b: failed: it is no longer in the configuration\n");
}

static void
test_other_names_are_ordered_at_once_and_not_without_end(void **state)
{
	(void)state;
	rig_begin_issued("a");
	rig.quiet = rig.answers = true;
	rig_load("a+www/2");
	rig_settle();
	rig_expect("order a from main, replaces a#1\n");
	rig_issue("a", 90 * DAY);
	rig_pass(30 * DAY);
	rig_expect("a: renewed: renewed, valid until 2026-05-29T23:01:00Z\n");

	rig.no_www = true; /* what must not happen, happens */
	rig.lifetime = 90 * DAY;
	rig.n_orders = 0;
	rig_ask("a", ASK_NOW);
	rig_pass(HOUR - 1);
	assert_int_equal(rig.n_orders, 3);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_asked_for_it_now_it_is_ordered_at_once),
		TEST(test_what_is_not_due_is_kept_after_asking_the_ca),
		TEST(test_a_ca_that_does_not_answer_does_not_keep_a_person_waiting),
		TEST(test_a_poll_under_way_is_begun_anew_for_a_person),
		TEST(test_a_person_does_not_wait_for_a_pause_to_be_over),
		TEST(test_what_cannot_be_asked_for_is_refused),
		TEST(test_who_is_told_may_ask_again),
		TEST(test_a_subscriber_may_end_its_own_subscription),
		TEST(test_orders_wait_in_turn_for_a_place),
		TEST(test_one_account_does_not_stand_in_the_way_of_another),
		TEST(test_what_did_not_change_goes_on),
		TEST(test_what_changed_begins_anew),
		TEST(test_what_was_removed_is_told_and_forgotten),
		TEST(test_who_waits_for_what_was_removed_is_told),
		TEST(test_other_names_are_ordered_at_once_and_not_without_end),
	};

	return cmocka_run_group_tests_name("scheduler_ask", tests, NULL, NULL);
}
