/* SPDX-License-Identifier: ISC */
/* Who is told of trouble: once for each change, by hooks and by what `why` says. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

#include "daemon/crypto/cert.h"
#include "daemon/renew/state.h"
#include "tests/unit/unit.h"

static int
set_up(void **state)
{
	rig_set_up(state);
	rig.notifies = true;
	rig.quiet = rig.answers = true;
	return 0;
}

/* Hooks that ran, of all kinds. */
static unsigned
n_hooks(void)
{
	return rig_count("tell-me ");
}

static void
begin_issued(const char *certs)
{
	rig_begin_issued(certs);
	rig.quiet = rig.answers = true;
}

/* ---- orders ---- */

static void
test_a_failure_is_told_once_and_its_end_once(void **state)
{
	(void)state;
	rig_load("a");
	rig_settle();
	for (int i = 0; i < 6; i++) {
		rig_fail("a", i % 2 ? ERR_REFUSED : ERR_BUSY, 0);
		rig_until_order();
	}
	assert_int_equal(n_hooks(), 1);
	assert_int_equal(rig_count("tell-me failed a: order: no\n"), 1);
	rig_issue("a", 90 * DAY);
	assert_int_equal(n_hooks(), 2);
	assert_int_equal(rig_count("tell-me recovered a: it is well again\n"), 1);
	assert_int_equal(rig.n_events[EVENT_RECOVERED], 1);
	rig_pass(50 * DAY);
	assert_int_equal(n_hooks(), 2);
}

static void
test_what_goes_well_is_no_news(void **state)
{
	(void)state;
	rig.deploys = rig.deploys_well = true;
	rig.lifetime = 90 * DAY;
	rig_load("a b");
	rig_pass(364 * DAY);
	assert_int_equal(n_hooks(), 0);
	assert_int_equal(rig.n_events[EVENT_RECOVERED], 0);
	assert_int_equal(rig.n_events[EVENT_EXPIRING], 0);
}

static void
test_a_restart_tells_nothing_again(void **state)
{
	(void)state;
	rig_load("a");
	rig_settle();
	rig_fail("a", ERR_REFUSED, 0);
	for (int i = 0; i < 10; i++) {
		rig_restart("a");
		rig_settle();
	}
	assert_int_equal(n_hooks(), 1);
	rig_until_order();
	rig_issue("a", 90 * DAY);
	rig_restart("a");
	rig_settle();
	assert_int_equal(n_hooks(), 2);
}

/* Whoever was told of the failure is told of its end. */
static void
test_a_mended_configuration_ends_with_good_news(void **state)
{
	struct cert_look look;

	(void)state;
	rig_load("a");
	rig_settle();
	for (int i = 0; i < 4; i++) {
		rig_fail("a", ERR_REFUSED, 0);
		if (i < 3)
			rig_until_order();
	}
	rig_forget();
	rig_load("a/2");
	rig_settle();
	assert_true(rig_has_job("a"));
	assert_int_equal(n_hooks(), 0); /* nobody knows yet */
	rig_fail("a", ERR_REFUSED, 0);
	rig_look("a", &look);
	assert_in_range(look.state->retry_at - rig.now, 60, 600); /* it begins anew */
	rig_load("a/3");
	rig_settle();
	rig_issue("a", 90 * DAY);
	assert_int_equal(rig_count("tell-me recovered a"), 1);
	assert_int_equal(n_hooks(), 1);
}

static void
test_who_asks_in_vain_is_told_and_so_are_the_hooks(void **state)
{
	struct cert_look look;

	(void)state;
	begin_issued("a");
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_fail("a", ERR_HOOK, 0);
	rig_expect("order a from main, replaces a#1\n"
		   "a: failed: order: no\n"
		   "tell-me failed a: order: no\n");
	rig_look("a", &look);
	assert_string_equal(look.condition, "failed");
}

static void
test_what_is_cancelled_is_no_failure(void **state)
{
	(void)state;
	rig_load("a");
	rig_settle();
	rig_load("a/2");
	rig_settle();
	rig_load("");
	assert_int_equal(n_hooks(), 0);
}

/* ---- its life ---- */

static void
test_an_end_that_is_near_is_told(void **state)
{
	(void)state;
	begin_issued("a");
	rig_hold("a", 0);
	rig_forget();
	rig_pass(RIG_START + 81 * DAY - HOUR - 1 - rig.now);
	rig_expect("");
	rig_pass(1);
	rig_expect("tell-me expiring a: it expires 2026-05-29T23:00:00Z, and has not been "
		   "renewed\n"
		   "a: expiring: it expires 2026-05-29T23:00:00Z, and has not been "
		   "renewed\n");
	rig_restart("a");
	rig_pass(30 * DAY);
	assert_int_equal(n_hooks(), 0);
	rig_resume("a");
	rig_settle();
	rig_forget();
	rig_issue("a", 90 * DAY);
	assert_int_equal(rig_count("tell-me recovered a"), 1);
}

static void
test_several_troubles_end_with_the_last(void **state)
{
	(void)state;
	begin_issued("a");
	rig_pass(RIG_START + 70 * DAY - rig.now);
	while (rig.now < RIG_START + 82 * DAY) {
		if (rig_has_job("a"))
			rig_fail("a", ERR_REFUSED, 0);
		rig_pass(HOUR);
	}
	assert_int_equal(rig_count("tell-me failed a"), 1);
	assert_int_equal(rig_count("tell-me expiring a"), 1);
	assert_int_equal(n_hooks(), 2);
	if (!rig_has_job("a"))
		rig_until_order();
	rig_issue("a", 90 * DAY);
	assert_int_equal(n_hooks(), 3);
	assert_int_equal(rig_count("tell-me recovered a"), 1);
}

/* ---- into use ---- */

static void
test_what_is_not_in_use_is_told(void **state)
{
	(void)state;
	rig.deploys = true;
	begin_issued("a");
	rig_until_order();
	rig_issue("a", 90 * DAY);
	for (int i = 0; i < 5; i++) {
		rig_fail_deploy("a");
		while (!rig_is_deploying("a"))
			rig_pass(10);
		rig_restart("a");
		rig_settle();
	}
	assert_int_equal(rig_count("tell-me deploy-failed a: nginx.service: reload "
				   "failed\n"),
	    1);
	assert_int_equal(n_hooks(), 1);
	rig_deploy("a", false);
	assert_int_equal(rig_count("tell-me recovered a"), 1);
	assert_int_equal(n_hooks(), 2);
}

/* A new version is no news before it is in use. */
static void
test_a_new_version_mends_nothing_before_it_is_in_use(void **state)
{
	(void)state;
	rig.deploys = true;
	begin_issued("a");
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig_fail_deploy("a");
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_forget();
	rig_issue("a", 90 * DAY);
	assert_int_equal(n_hooks(), 0);
	rig_fail_deploy("a");
	assert_int_equal(n_hooks(), 0); /* known */
	while (!rig_is_deploying("a"))
		rig_pass(10);
	rig_load("a/2"); /* nor does a new configuration */
	rig_settle();
	assert_int_equal(n_hooks(), 0);
	rig_deploy("a", false);
	assert_int_equal(rig_count("tell-me recovered a"), 1);
}

static void
test_what_is_taken_back_is_well_when_it_is_in_use(void **state)
{
	(void)state;
	rig.deploys = rig.rolls_back = true;
	begin_issued("a");
	rig_until_order();
	rig_issue("a", 90 * DAY);
	rig_fail_deploy("a");
	assert_true(rig_is_deploying("a"));
	assert_int_equal(rig_count("tell-me deploy-failed a"), 1);
	assert_int_equal(n_hooks(), 1);
	rig_deploy("a", false);
	assert_int_equal(n_hooks(), 2);
}

static void
test_what_is_no_longer_wanted_is_no_trouble(void **state)
{
	struct cert_look look;

	(void)state;
	rig.deploys = true;
	begin_issued("a");
	rig_ask("a", ASK_NOW);
	rig_settle();
	rig_issue("a", 90 * DAY);
	rig_fail_deploy("a");
	rig.deploys = false;
	rig_load("a/2");
	rig_settle();
	assert_int_equal(rig_count("tell-me recovered a"), 1);
	rig_look("a", &look);
	assert_int_equal(look.state->told, 0);
}

/* ---- an incident ---- */

static void
test_an_incident_is_told_for_each_that_it_concerns(void **state)
{
	(void)state;
	rig.explanation = "https://ca.example/why";
	begin_issued("a b");
	rig.window = (struct ari_window){ RIG_START + 5 * DAY, RIG_START + 6 * DAY };
	rig_ask("a", ASK_IF_DUE);
	rig_settle(); /* a first window that is ahead is none */
	rig.window = (struct ari_window){ RIG_START - DAY, RIG_START - HOUR };
	rig_ask("a", ASK_IF_DUE);
	rig_settle();
	rig_pass(60);
	assert_int_equal(rig_count("tell-me incident a: the CA moved its renewal window "
				   "forward, see https://ca.example/why\n"),
	    1);
	assert_int_equal(rig_count("tell-me incident b"), 1);
	assert_int_equal(n_hooks(), 2);
	rig.window.start = 0;
	rig_issue("a", 90 * DAY);
	rig_issue("b", 90 * DAY);
	assert_int_equal(rig_count("tell-me recovered"), 2);
}

/* ---- what `why` says ---- */

static void
test_a_page_for_a_person_is_shown_until_it_is_of_no_use(void **state)
{
	struct err err = { .kind = ERR_BUSY,
		.status = 429,
		.problem = "rateLimited",
		.instance = "https://portal.example/unpause?jwt=abc",
		.text = "order: the account is paused" };

	(void)state;
	rig_load("a");
	rig_settle();
	rig_fail_with("a", &err);
	assert_string_equal(rig_reason("a", "page"),
	    "the CA wants a person to visit https://portal.example/unpause?jwt=abc");
	rig_restart("a");
	assert_non_null(rig_reason("a", "page"));
	assert_non_null(strstr(rig_reason("a", "failed"), "the account is paused"));
	rig_until_order();
	rig_fail("a", ERR_REFUSED, 0);
	assert_null(rig_reason("a", "page"));
	rig_until_order();
	rig_fail_with("a", &err);
	rig_until_order();
	rig_issue("a", 90 * DAY);
	assert_null(rig_reason("a", "page"));
	assert_null(strstr(rig_saved("a"), "portal"));
}

static void
test_each_of_many_is_told_of(void **state)
{
	(void)state;
	rig.down = "main";
	rig_load(rig_many(200));
	rig_pass(HOUR);
	assert_in_range(rig_count("tell-me failed"), 1, 30); /* those that were tried */
	rig.down = NULL;
	rig.lifetime = 90 * DAY;
	rig_pass(2 * HOUR);
	assert_int_equal(rig_count("tell-me recovered"), rig_count("tell-me failed"));
	assert_int_equal(rig.n_events[EVENT_ISSUED], 200);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_a_failure_is_told_once_and_its_end_once),
		TEST(test_what_goes_well_is_no_news),
		TEST(test_a_restart_tells_nothing_again),
		TEST(test_a_mended_configuration_ends_with_good_news),
		TEST(test_who_asks_in_vain_is_told_and_so_are_the_hooks),
		TEST(test_what_is_cancelled_is_no_failure),
		TEST(test_an_end_that_is_near_is_told),
		TEST(test_several_troubles_end_with_the_last),
		TEST(test_what_is_not_in_use_is_told),
		TEST(test_a_new_version_mends_nothing_before_it_is_in_use),
		TEST(test_what_is_taken_back_is_well_when_it_is_in_use),
		TEST(test_what_is_no_longer_wanted_is_no_trouble),
		TEST(test_an_incident_is_told_for_each_that_it_concerns),
		TEST(test_a_page_for_a_person_is_shown_until_it_is_of_no_use),
		TEST(test_each_of_many_is_told_of),
	};

	return cmocka_run_group_tests_name("scheduler_alert", tests, NULL, NULL);
}
