/* SPDX-License-Identifier: ISC */
/* What holds an order, an incident, and how what is there goes into use; test_decide.c has
 * the rest. */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/str.h"
#include "daemon/config/config.h"
#include "daemon/renew/decide.h"
#include "daemon/renew/state.h"

#define NOW     ((time_t)1772323200) /* 2026-03-01T00:00:00Z, a Sunday */
#define HOUR    ((time_t)3600)
#define DAY     ((time_t)86400)
#define S(text) ((char *)(text)) /* a state owns its strings, but not here */

/* ---- a certificate that is due, and is in use ---- */

static struct deploy_config reload = { .reload = S("nginx.service") };
static struct cert_options options;
static struct cert_state state_of_it;
static struct decide_input in;

static int
set_up(void **state)
{
	(void)state;
	setenv("TZ", "UTC", 1); /* windows are local time */
	tzset();
	options = (struct cert_options){ .renew_ari = true,
		.renew_before = { .percent = 33 },
		.deploy = &reload,
		.n_deploy = 1 };
	state_of_it = (struct cert_state){ .deploy = { .version = 7,
					       .stage = DEPLOY_STAGE_DEPLOYED,
					       .config = S("hash"),
					       .event = S("renewed"),
					       .done_at = NOW - DAY } };
	in = (struct decide_input){ .now = NOW,
		.options = &options,
		.state = &state_of_it,
		.have_cert = true,
		.ari_id = "id",
		.ari_askable = true,
		.not_before = NOW - 70 * DAY,
		.not_after = NOW + 20 * DAY,
		.version = 7,
		.config_hash = "hash" };
	return 0;
}

static const char *
reason(const struct decision *d, const char *code)
{
	for (size_t i = 0; i < d->n_reasons; i++)
		if (str_eq(d->reasons[i].code, code))
			return d->reasons[i].text;
	return NULL;
}

static void
expect_sentence(const struct decision *d, const char *expected)
{
	CLEAN(string) char *sentence = decide_sentence(d, NOW);

	assert_string_equal(sentence, expected);
}

/* ---- holds ---- */

static void
test_the_longest_hold_settles_it(void **state)
{
	static const struct decide_hold holds[] = {
		{ "breaker", NOW + HOUR, false, "the CA fails" },
		{ "budget", NOW + 3 * HOUR, true, "300 orders are used up" },
		{ "clock", NOW + 300, true, "the clock is in doubt" },
	};
	struct decision d;

	(void)state;
	in.holds = holds;
	in.n_holds = COUNT(holds);
	decide(&in, &d);
	assert_int_equal(d.due_at, NOW - 70 * DAY + 90 * DAY * 67 / 100);
	assert_int_equal(d.act_at, NOW + 3 * HOUR);
	assert_int_equal(d.hand_at, NOW + 3 * HOUR);
	assert_string_equal(reason(&d, "breaker"), "the CA fails");
	assert_string_equal(reason(&d, "clock"), "the clock is in doubt");
	expect_sentence(&d,
	    "to be renewed 2026-03-01T03:00:00Z (in 3 h): 300 orders are used up");
}

static void
test_what_does_not_bind_is_not_for_who_asks(void **state)
{
	static const struct decide_hold holds[] = { { "breaker", NOW + HOUR, false, "x" } };
	struct decision d;

	(void)state;
	in.holds = holds;
	in.n_holds = COUNT(holds);
	state_of_it.failures = 1;
	state_of_it.failed_at = NOW - 60;
	state_of_it.retry_at = NOW + 2 * HOUR;
	decide(&in, &d);
	assert_int_equal(d.act_at, NOW + 2 * HOUR);
	assert_int_equal(d.hand_at, d.due_at);
	assert_string_equal(d.settled_by, "backoff");
}

static void
test_a_hold_without_end_is_never(void **state)
{
	static const struct decide_hold holds[] = { { "hold", DECIDE_NEVER, true,
	    "on hold until \"acmectl resume\"" } };
	struct decision d;

	(void)state;
	in.holds = holds;
	in.n_holds = COUNT(holds);
	decide(&in, &d);
	assert_int_equal(d.act_at, DECIDE_NEVER);
	assert_int_equal(d.hand_at, DECIDE_NEVER);
	assert_int_equal(d.poll_at, NOW); /* and yet it is asked about */
	expect_sentence(&d, "nothing: on hold until \"acmectl resume\"");
}

static void
test_a_hold_that_is_over_is_none(void **state)
{
	static const struct decide_hold holds[] = { { "hold", NOW, true, "x" },
		{ "budget", NOW - 1, true, "x" } };
	struct decision d;

	(void)state;
	in.holds = holds;
	in.n_holds = COUNT(holds);
	decide(&in, &d);
	assert_int_equal(d.act_at, d.due_at);
	assert_null(reason(&d, "hold"));
	assert_null(reason(&d, "budget"));
	/* One before it is due changes nothing, and is said. */
	in.not_after = NOW + 80 * DAY;
	in.not_before = NOW - 10 * DAY;
	in.holds = &(struct decide_hold){ "hold", NOW + DAY, true, "on hold" };
	in.n_holds = 1;
	decide(&in, &d);
	assert_int_equal(d.act_at, d.due_at);
	assert_non_null(reason(&d, "hold"));
	assert_null(d.settled_by);
}

static void
test_the_page_of_the_ca_is_a_reason(void **state)
{
	struct decision d;

	(void)state;
	state_of_it.page = S("https://ca.example/unpause");
	decide(&in, &d);
	assert_null(reason(&d, "page")); /* nothing failed */
	state_of_it.failures = 1;
	decide(&in, &d);
	assert_string_equal(reason(&d, "page"),
	    "the CA wants a person to visit https://ca.example/unpause");
}

/* ---- little life left ---- */

static void
test_an_emergency_ends_pauses(void **state)
{
	static const struct {
		time_t lifetime, left; /* at the failure */
		time_t pause, wanted;
		bool firm;
	} cases[] = {
		{ 90 * DAY, 20 * DAY, DAY, DAY, false },
		{ 90 * DAY, 9 * DAY, DAY, 6 * HOUR, false },
		{ 90 * DAY, DAY, DAY, 6 * HOUR, false },
		{ 90 * DAY, DAY, HOUR, HOUR, false },
		{ 90 * DAY, DAY, DAY, DAY, true },
		{ 90 * DAY, 9 * DAY + HOUR, DAY, 7 * HOUR,
		    false },                          /* it begins meanwhile */
		{ 90 * DAY, -HOUR, DAY, DAY, false }, /* it is over */
		{ 6 * DAY, DAY / 2, DAY, 3 * HOUR, false },
		{ DAY, HOUR, DAY, 45 * 60, false },
		{ HOUR, 300, DAY, 112, false },
		{ 60, 1, DAY, 60, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct decision d;

		set_up(state);
		in.not_after = NOW + cases[i].left;
		in.not_before = in.not_after - cases[i].lifetime;
		state_of_it.failures = 9;
		state_of_it.failed_at = NOW;
		state_of_it.retry_at = NOW + cases[i].pause;
		state_of_it.retry_firm = cases[i].firm;
		decide(&in, &d);
		assert_int_equal(d.act_at - NOW, cases[i].wanted);
	}
}

/* ---- an incident ---- */

static void
test_an_incident_is_spread_and_not_for_who_asks(void **state)
{
	static const struct {
		uint32_t spread;
		time_t act_in;
	} cases[] = { { 0, -60 }, { UINT32_MAX / 2, 89 }, { UINT32_MAX, 240 } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct decision d;

		set_up(state);
		in.not_before = NOW - 10 * DAY;
		in.not_after = NOW + 80 * DAY;
		in.spread = cases[i].spread;
		in.incident_spread = 300;
		state_of_it.ari = (struct state_ari){ .cert_id = S("id"),
			.start = NOW - HOUR,
			.end = NOW - HOUR / 2,
			.drawn = NOW - HOUR / 2 - 60,
			.polled_at = NOW - 60,
			.next_poll = NOW + HOUR,
			.moved_at = NOW - 60 };
		decide(&in, &d);
		assert_int_equal(d.act_at - NOW, cases[i].act_in);
		assert_int_equal(d.hand_at, d.due_at);
		assert_int_equal(d.due_at, NOW - HOUR / 2 - 60);
		assert_non_null(reason(&d, "incident"));
		state_of_it.ari.moved_at = NOW + DAY; /* the clock was set back */
		decide(&in, &d);
		assert_int_equal(d.act_at, d.due_at);
	}
}

/* ---- into use ---- */

static void
test_what_is_in_use_has_nothing_to_do(void **state)
{
	struct decision d;

	(void)state;
	decide(&in, &d);
	assert_int_equal(d.deploy_at, 0);
	assert_string_equal(reason(&d, "deployed"), "in use 2026-02-28T00:00:00Z");
	state_of_it.deploy.stage = DEPLOY_STAGE_VERIFIED;
	decide(&in, &d);
	assert_string_equal(reason(&d, "deployed"),
	    "in use, and seen to be served, 2026-02-28T00:00:00Z");
	options.n_deploy = 0;
	decide(&in, &d);
	assert_null(reason(&d, "deployed"));
}

static void
test_what_is_not_in_use_goes_there_now(void **state)
{
	struct decision d;

	(void)state;
	state_of_it.deploy.stage = DEPLOY_STAGE_NONE;
	decide(&in, &d);
	assert_int_equal(d.deploy_at, NOW);
	assert_false(d.deploy_check);
	assert_string_equal(reason(&d, "not-deployed"),
	    "not in use yet; that is done 2026-03-01T00:00:00Z");
	in.deploying = true;
	decide(&in, &d);
	assert_non_null(reason(&d, "deploying"));
	assert_null(reason(&d, "not-deployed"));

	set_up(state);
	in.version = 8; /* what is known is of another one */
	state_of_it.deploy.failures = 3;
	state_of_it.deploy.retry_at = NOW + HOUR;
	decide(&in, &d);
	assert_int_equal(d.deploy_at, NOW);
	assert_false(d.deploy_check);

	set_up(state);
	in.config_hash = "other"; /* in use, but not as it is wanted now */
	decide(&in, &d);
	assert_int_equal(d.deploy_at, NOW);
	assert_true(d.deploy_check);

	set_up(state);
	in.have_cert = false;
	in.version = 0;
	decide(&in, &d);
	assert_int_equal(d.deploy_at, 0);
}

static void
test_what_failed_to_go_into_use_has_a_pause(void **state)
{
	struct decision d;

	(void)state;
	state_of_it.deploy.stage = DEPLOY_STAGE_NONE;
	state_of_it.deploy.failures = 2;
	state_of_it.deploy.failed_at = NOW - 60;
	state_of_it.deploy.retry_at = NOW + 60;
	state_of_it.deploy.error = S("no");
	decide(&in, &d);
	assert_int_equal(d.deploy_at, NOW + 60);
	assert_string_equal(reason(&d, "deploy-failed"),
	    "putting it into use failed 2 times, last 2026-02-28T23:59:00Z: no");
	state_of_it.deploy.failed_at = NOW + HOUR; /* the clock was set back */
	decide(&in, &d);
	assert_int_equal(d.deploy_at, NOW);
	state_of_it.deploy.failed_at = NOW - HOUR;
	state_of_it.deploy.retry_at = NOW + 9 * DAY; /* nobody pauses for so long */
	decide(&in, &d);
	assert_int_equal(d.deploy_at, NOW);
}

/* On a Sunday at midnight. */
static void
test_a_window_holds_what_can_wait(void **state)
{
	static const struct {
		const char *window, *event;
		bool urgent;
		time_t old_left, retry_in, wanted;
	} cases[] = {
		{ "02:00-05:00", "renewed", false, 20 * DAY, 0, 2 * HOUR },
		{ "Mon 02:00-05:00", "renewed", false, 20 * DAY, 0, 26 * HOUR },
		{ "Sat,Sun 00:00-24:00", "renewed", false, 20 * DAY, 0, 0 },
		{ NULL, "renewed", false, 20 * DAY, 0, 0 },
		{ "02:00-05:00", "issued", false, 0, 0, 0 },
		{ "02:00-05:00", "rolled-back", false, 20 * DAY, 0, 0 },
		{ "02:00-05:00", NULL, false, 20 * DAY, 0, 0 },
		{ "02:00-05:00", "renewed", true, 20 * DAY, 0, 0 },
		{ "02:00-05:00", "renewed", false, 8 * DAY, 0, 0 }, /* near its end */
		{ "02:00-05:00", "renewed", false, -1, 0, 0 },
		{ "02:00-05:00", "renewed", false, -NOW, 0, 0 }, /* nothing serves */
		/* not when the window opens, but before the other one ends */
		{ "Sat 02:00-05:00", "renewed", false, 12 * DAY, 0, 3 * DAY },
		/* a pause that ends outside of it */
		{ "00:00-00:30", "renewed", false, 20 * DAY, HOUR, DAY },
		{ "00:00-02:00", "renewed", false, 20 * DAY, HOUR, HOUR },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct state_deploy *s = &state_of_it.deploy;
		struct decision d;

		set_up(state);
		options.deploy_window = S(cases[i].window);
		s->stage = DEPLOY_STAGE_NONE;
		s->event = S(cases[i].event);
		s->urgent = cases[i].urgent;
		s->old_ends = NOW + cases[i].old_left;
		s->failures = cases[i].retry_in != 0;
		s->failed_at = NOW - 60;
		s->retry_at = NOW + cases[i].retry_in;
		decide(&in, &d);
		assert_int_equal(d.deploy_at - NOW, cases[i].wanted);
		assert_int_equal(reason(&d, "deploy-window") != NULL,
		    cases[i].wanted > cases[i].retry_in);
	}
}

static void
test_what_expires_is_known_ahead(void **state)
{
	struct decision d;

	(void)state;
	decide(&in, &d);
	assert_int_equal(d.expiring_at, NOW + 11 * DAY);
	in.have_cert = false;
	decide(&in, &d);
	assert_int_equal(d.expiring_at, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
	static const struct CMUnitTest tests[] = {
		TEST(test_the_longest_hold_settles_it),
		TEST(test_what_does_not_bind_is_not_for_who_asks),
		TEST(test_a_hold_without_end_is_never),
		TEST(test_a_hold_that_is_over_is_none),
		TEST(test_the_page_of_the_ca_is_a_reason),
		TEST(test_an_emergency_ends_pauses),
		TEST(test_an_incident_is_spread_and_not_for_who_asks),
		TEST(test_what_is_in_use_has_nothing_to_do),
		TEST(test_what_is_not_in_use_goes_there_now),
		TEST(test_what_failed_to_go_into_use_has_a_pause),
		TEST(test_a_window_holds_what_can_wait),
		TEST(test_what_expires_is_known_ahead),
	};

	return cmocka_run_group_tests_name("decide_hold", tests, NULL, NULL);
}
