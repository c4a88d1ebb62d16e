/* SPDX-License-Identifier: ISC */
/* What is issued goes into use, and that is a matter of its own. */
#include "tests/unit/scheduler_rig.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/renew/state.h"
#include "tests/unit/unit.h"

static int
set_up(void **state)
{
	setenv("TZ", "UTC", 1); /* windows are local time */
	tzset();
	rig_set_up(state);
	rig.deploys = true;
	return 0;
}

/* The one before is in use, and is due to be renewed. */
static void
begin_due(const char *name)
{
	rig_begin_issued(name);
	rig.quiet = rig.answers = true;
	rig_until_order();
	rig_forget();
}

static unsigned
stage_of(const char *name)
{
	struct cert_look look;

	rig_look(name, &look);
	return look.state->deploy.version == look.version ? look.state->deploy.stage : 99;
}

/* ---- there and back ---- */

static void
test_what_is_issued_goes_into_use(void **state)
{
	struct cert_look look;

	(void)state;
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_forget();
	rig_issue("a", 90 * DAY);
	rig_expect("a: issued: issued, valid until 2026-05-29T23:00:00Z\n"
		   "deploy a/1, issued\n");
	rig_look("a", &look);
	assert_string_equal(look.condition, "deploying");
	assert_string_equal(look.step, "reload");
	assert_non_null(rig_reason("a", "deploying"));
	rig_deploy("a", false);
	rig_expect("a: deployed: in use\n");
	assert_string_equal(rig_reason("a", "deployed"), "in use 2026-03-01T00:00:00Z");
	rig_look("a", &look);
	assert_string_equal(look.condition, "valid");
	rig_pass(DAY);
	rig_restart("a");
	rig_pass(DAY);
	rig_expect("");
}

static void
test_what_is_served_is_verified(void **state)
{
	struct cert_look look;

	(void)state;
	rig.quiet = rig.answers = true;
	rig.verifies = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig_forget();
	rig_deploy("a", true);
	rig_expect("a: verified: in use, and seen to be served\n");
	rig_look("a", &look);
	assert_string_equal(look.condition, "verified");
}

static void
test_a_deployment_that_fails_is_tried_later_and_later(void **state)
{
	static const time_t pauses[] = { 60, 120, 240, 480, 960, 1920, 3600, 3600 };
	struct cert_look look;

	(void)state;
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig.n_orders = 0;
	for (size_t i = 0; i < COUNT(pauses); i++) {
		rig_fail_deploy("a");
		rig_look("a", &look);
		assert_string_equal(look.condition, "not-deployed");
		assert_int_equal(look.state->deploy.failures, i + 1);
		assert_non_null(strstr(rig_reason("a", "deploy-failed"),
		    "nginx.service: reload failed"));
		rig_restart("a"); /* as good as the disk remembers */
		rig_pass(pauses[i] - 1);
		assert_false(rig_is_deploying("a"));
		rig_pass(1);
		assert_true(rig_is_deploying("a"));
	}
	rig_deploy("a", false);
	rig_look("a", &look);
	assert_int_equal(look.state->deploy.failures, 0);
	assert_string_equal(look.condition, "valid");
}

/* The certificate is well: another one mends nothing. */
static void
test_what_cannot_be_put_into_use_is_not_issued_again(void **state)
{
	(void)state;
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig.n_orders = 0;
	while (rig.now < RIG_START + 59 * DAY) {
		if (rig_is_deploying("a"))
			rig_fail_deploy("a");
		rig_pass(HOUR);
	}
	assert_int_equal(rig.n_orders, 0);
}

/* ---- the window of the administrator ---- */

static void
test_a_renewal_waits_for_the_window(void **state)
{
	struct cert_look look;

	(void)state;
	rig.deploy_window = "Mon-Fri 02:00-05:00";
	begin_due("a"); /* 2026-04-30T06:12, a Thursday */
	rig_issue("a", 90 * DAY);
	assert_false(rig_is_deploying("a"));
	assert_string_equal(rig_reason("a", "deploy-window"),
	    "it goes into use in the window \"Mon-Fri 02:00-05:00\", which opens "
	    "2026-05-01T02:00:00Z");
	rig_restart("a");
	rig_look("a", &look);
	rig_pass(look.decision.deploy_at - rig.now - 1);
	assert_false(rig_is_deploying("a"));
	rig_pass(1);
	assert_int_equal(rig.now, RIG_START + 61 * DAY + 2 * HOUR);
	assert_true(rig_is_deploying("a"));
	/* Where it fails so long that the window closes, it waits for the next. */
	while (rig.now < RIG_START + 61 * DAY + 5 * HOUR) {
		if (rig_is_deploying("a"))
			rig_fail_deploy("a");
		rig_look("a", &look);
		rig_pass(look.decision.deploy_at - rig.now);
	}
	assert_int_equal(rig.now, RIG_START + 64 * DAY + 2 * HOUR); /* Monday */
	assert_true(rig_is_deploying("a"));
}

static void
test_the_first_one_waits_for_no_window(void **state)
{
	(void)state;
	rig.deploy_window = "Mon 02:00-03:00";
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	assert_true(rig_is_deploying("a"));
}

static void
test_what_a_person_wants_now_waits_for_no_window(void **state)
{
	(void)state;
	rig.deploy_window = "Mon 02:00-03:00";
	rig_begin_issued("a");
	rig.answers = true;
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_issue("a", 90 * DAY);
	assert_true(rig_is_deploying("a"));
}

static void
test_an_incident_waits_for_no_window(void **state)
{
	(void)state;
	rig.deploy_window = "Mon 02:00-03:00";
	rig_begin_issued("a");
	rig_pass(6 * HOUR);
	rig_answer("a", &(struct ari_window){ rig.now - HOUR, rig.now - 60 }, 0);
	rig_record("a", "https://ca.example/o/7");
	rig_settle();
	rig_issue("a", 90 * DAY);
	assert_true(rig_is_deploying("a"));
	rig.deploy_window = "Mon 02:00-03:00";
	rig_restart("a"); /* nor after a crash */
	rig_settle();
	assert_true(rig_is_deploying("a"));
}

/* The one that serves ends before the window opens. */
static void
test_a_window_that_opens_too_late_is_not_waited_for(void **state)
{
	(void)state;
	rig.deploy_window = "Mon 02:00-03:00"; /* tomorrow, and in eight days */
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", 6 * DAY);
	rig_deploy("a", false);
	assert_in_range(rig_until_order(), 2 * DAY, 4 * DAY);
	rig_issue("a", 6 * DAY);
	assert_false(rig_is_deploying("a"));
	assert_non_null(rig_reason("a", "deploy-window"));
	while (!rig_is_deploying("a"))
		rig_pass(60);
	/* A day before the end of the one that serves. */
	assert_in_range(rig.now, RIG_START + 5 * DAY - HOUR, RIG_START + 5 * DAY);
}

/* ---- in the middle of it ---- */

static void
test_after_a_crash_it_goes_into_use_again(void **state)
{
	(void)state;
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig_forget();
	rig_restart("a");
	rig_settle();
	rig_expect("deploy a/1, issued\n");
}

/* Published, and nothing of it was saved: what the window held is held. */
static void
test_a_crash_before_it_was_saved_forgets_no_window(void **state)
{
	(void)state;
	rig.deploy_window = "Mon-Fri 02:00-05:00";
	begin_due("a");
	rig_record("a", "https://ca.example/o/7");
	rig_settle();
	rig.hold_tasks = true;
	rig_issue("a", 90 * DAY);
	rig.hold_tasks = false;
	rig_restart("a");
	rig_settle();
	assert_false(rig_is_deploying("a"));
	assert_non_null(rig_reason("a", "deploy-window"));
}

static void
test_a_new_configuration_begins_it_anew(void **state)
{
	(void)state;
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig_forget();
	rig_load("a");
	rig_settle();
	rig_expect(""); /* it is the same */
	rig_load("a/2");
	rig_settle();
	rig_expect("deploy a/1, issued\n");
	rig_deploy("a", false);
	rig_forget();
	rig_load("a/3"); /* it is in use: only what has to be done */
	rig_settle();
	rig_expect("deploy a/1, issued, as far as it does not fit\n");
	rig_fail_deploy("a");
	rig_load("a/4"); /* a mended one is tried at once */
	rig_settle();
	assert_true(rig_is_deploying("a"));
	rig_deploy("a", false);
	rig_load("");
	rig_load("a/4");
	rig_forget();
	rig_pass(DAY);
	rig_expect("");
}

static void
test_what_is_no_longer_wanted_is_no_trouble(void **state)
{
	struct cert_look look;

	(void)state;
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig_fail_deploy("a");
	rig.deploys = false;
	rig_load("a/2");
	rig_pass(DAY);
	rig_look("a", &look);
	assert_string_equal(look.condition, "valid");
	rig.deploys = true;
	rig_load("a/3");
	rig_settle();
	assert_true(rig_is_deploying("a"));
}

static void
test_what_was_removed_is_not_put_into_use(void **state)
{
	(void)state;
	rig.quiet = rig.answers = true;
	rig_load("a b");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig_load("b");
	assert_false(rig_is_deploying("a"));
	rig_load("a b");
	rig_settle();
	assert_true(rig_is_deploying("a"));
}

static void
test_a_newer_one_takes_the_place_of_what_goes_into_use(void **state)
{
	(void)state;
	begin_due("a");
	rig_issue("a", 90 * DAY);
	rig_forget();
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_issue("a", 90 * DAY);
	assert_int_equal(rig_count("deploy a/3, renewed\n"), 1);
	assert_true(rig_is_deploying("a"));
	rig_deploy("a", false);
	assert_int_equal(stage_of("a"), DEPLOY_STAGE_DEPLOYED);
}

/* It is due again after its pause, whatever else is waited for. */
static void
test_one_that_waits_for_its_turn_goes_into_use_meanwhile(void **state)
{
	(void)state;
	rig.concurrent = 1;
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig_fail_deploy("a");
	rig_load("a b");
	rig_settle();
	assert_true(rig_has_job("b"));
	rig_ask("a", ASK_NOW);
	rig_settle();
	assert_false(rig_has_job("a"));
	rig_pass(60);
	assert_true(rig_is_deploying("a"));
}

static void
test_while_the_ca_does_not_answer_it_goes_into_use(void **state)
{
	(void)state;
	rig.quiet = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	assert_true(rig_is_asking("a"));
	rig_fail_deploy("a");
	rig_pass(60);
	assert_true(rig_is_deploying("a"));
	rig_deploy("a", false);
	assert_int_equal(stage_of("a"), DEPLOY_STAGE_DEPLOYED);
}

static void
test_after_a_step_back_a_failed_one_is_tried_again(void **state)
{
	(void)state;
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig_fail_deploy("a");
	rig_step_clock(-365 * DAY);
	rig_pass(60);
	assert_true(rig_is_deploying("a"));
}

static void
test_a_hold_is_none_on_what_there_is(void **state)
{
	(void)state;
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_hold("a", 0);
	rig_issue("a", 90 * DAY);
	assert_true(rig_is_deploying("a"));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_what_is_issued_goes_into_use),
		TEST(test_what_is_served_is_verified),
		TEST(test_a_deployment_that_fails_is_tried_later_and_later),
		TEST(test_what_cannot_be_put_into_use_is_not_issued_again),
		TEST(test_a_renewal_waits_for_the_window),
		TEST(test_the_first_one_waits_for_no_window),
		TEST(test_what_a_person_wants_now_waits_for_no_window),
		TEST(test_an_incident_waits_for_no_window),
		TEST(test_a_window_that_opens_too_late_is_not_waited_for),
		TEST(test_after_a_crash_it_goes_into_use_again),
		TEST(test_a_crash_before_it_was_saved_forgets_no_window),
		TEST(test_a_new_configuration_begins_it_anew),
		TEST(test_what_is_no_longer_wanted_is_no_trouble),
		TEST(test_what_was_removed_is_not_put_into_use),
		TEST(test_a_newer_one_takes_the_place_of_what_goes_into_use),
		TEST(test_one_that_waits_for_its_turn_goes_into_use_meanwhile),
		TEST(test_while_the_ca_does_not_answer_it_goes_into_use),
		TEST(test_after_a_step_back_a_failed_one_is_tried_again),
		TEST(test_a_hold_is_none_on_what_there_is),
	};

	return cmocka_run_group_tests_name("scheduler_deploy", tests, NULL, NULL);
}
