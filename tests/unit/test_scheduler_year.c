/* SPDX-License-Identifier: ISC */
/* Long spans of time: failures without end, restarts without end, many certificates. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

#include "daemon/crypto/cert.h"
#include "daemon/renew/state.h"
#include "tests/unit/unit.h"

static uint32_t
chance(uint32_t below)
{
	static uint32_t seed = 2463534242;

	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

/* Every order fails; the shortest pause between two of them. */
static time_t
fail_until(time_t end, enum err_kind kind, bool jitter)
{
	time_t shortest = 400 * DAY, last = -400 * DAY;

	while (rig.now < end) {
		if (!rig_has_job("a"))
			rig_until_order();
		if (rig.now >= end)
			break;
		shortest = rig.now - last < shortest ? rig.now - last : shortest;
		last = rig.now;
		rig.jitter = jitter ? (int64_t)chance(41) - 20 : 0;
		rig_fail("a", kind, 0);
		if (chance(20) == 0)
			rig_restart("a");
	}
	return shortest;
}

/* ---- failures without end ---- */

static void
test_four_hundred_days_of_failure(void **state)
{
	static const enum err_kind kinds[] = { ERR_REFUSED, ERR_CONFIG, ERR_PROTOCOL,
		ERR_HOOK };

	for (size_t i = 0; i < COUNT(kinds); i++) {
		rig_tear_down(state);
		rig_set_up(state);
		rig.quiet = true;
		rig_load("a");
		assert_true(fail_until(RIG_START + 400 * DAY, kinds[i], false) >= 60);
		assert_in_range(rig.n_orders, 396, 405);
		rig_issue("a", 90 * DAY); /* the first success ends it */
		assert_int_equal(rig_act_at("a"),
		    rig.now - HOUR + 90 * DAY - 90 * DAY * 33 / 100);
	}
}

static void
test_chance_does_not_make_them_more(void **state)
{
	(void)state;
	rig.quiet = true;
	rig_load("a");
	assert_true(fail_until(RIG_START + 400 * DAY, ERR_REFUSED, true) >= 48);
	assert_in_range(rig.n_orders, 380, 425);
}

/* One that was valid: more often while there is something to save, and then no more. */
static void
test_four_hundred_days_of_failure_to_renew(void **state)
{
	static const struct {
		time_t lifetime;
		unsigned most;
	} cases[] = { { 90 * DAY, 375 + 36 }, { 6 * DAY, 400 + 13 }, { DAY, 405 + 10 } };

	for (size_t i = 0; i < COUNT(cases); i++) {
		rig_tear_down(state);
		rig_set_up(state);
		rig.quiet = rig.answers = true;
		rig_load("a");
		rig_settle();
		rig_issue("a", cases[i].lifetime);
		rig.n_orders = 0;
		assert_true(fail_until(RIG_START + 400 * DAY, ERR_REFUSED, false) >= 60);
		assert_in_range(rig.n_orders, 330, cases[i].most);
	}
}

static void
test_a_ca_that_is_away_for_a_year_is_tried_all_the_time(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.down = "main";
	rig_load("a");
	rig_pass(365 * DAY);
	assert_in_range(rig.n_orders, 365 * 12, 365 * 25); /* hourly at most */
	rig.down = NULL;
	rig.lifetime = 90 * DAY;
	rig_pass(3 * HOUR);
	assert_int_equal(rig.n_events[EVENT_ISSUED], 1);
}

/* ---- restarts without end ---- */

static void
test_two_hundred_restarts_order_nothing_more(void **state)
{
	static const enum err_kind kinds[] = { ERR_REFUSED, ERR_NETWORK, ERR_BUSY,
		ERR_HOOK };

	for (size_t i = 0; i < COUNT(kinds); i++) {
		rig_tear_down(state);
		rig_set_up(state);
		rig.quiet = true;
		rig_load("a");
		rig_settle();
		for (int n = 0; n < 200; n++) {
			if (rig_has_job("a"))
				rig_fail("a", kinds[i], 0);
			if (n % 2)
				rig_restart("a");
			else
				rig_load("a");
			rig_settle();
			rig_pass(1);
		}
		assert_in_range(rig.n_orders, 1, 3); /* 0, 60, 180 s */
	}
}

/* Killed in the middle of each order, where nothing but the disk is left. */
static void
test_two_hundred_crashes_place_no_second_order(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.orders = 300;
	rig_load("a");
	rig_settle();
	rig_record("a", "https://ca.example/o/1");
	rig_settle();
	for (int n = 0; n < 200; n++) {
		rig_restart("a");
		rig_pass(3);
		assert_true(rig_has_job("a"));
	}
	assert_int_equal(rig_count(", going on with https://ca.example/o/1"), 200);
	assert_int_equal(rig_count("order a from main\n"), 1);
}

/* ---- many ---- */

static void
test_one_that_is_told_to_wait_stops_no_other(void **state)
{
	char certs[1000];
	struct cert_look look;

	(void)state;
	rig.quiet = rig.answers = true;
	rig_load("a");
	rig_settle();
	rig_fail("a", ERR_BUSY, 5 * HOUR);
	rig.lifetime = 90 * DAY;
	snprintf(certs, sizeof(certs), "a %s", rig_many(99));
	rig_load(certs);
	rig_settle();
	assert_int_equal(rig.n_events[EVENT_ISSUED], 99);
	rig_look("a", &look);
	assert_int_equal(look.decision.act_at, RIG_START + 5 * HOUR);
}

/* A thousand certificates of one day are not renewed in one minute of another. */
static void
test_what_was_issued_together_parts(void **state)
{
	unsigned most = 0, before;

	(void)state;
	rig.spreads = rig.ari_off = rig.quiet = true;
	rig.lifetime = 90 * DAY;
	rig_load(rig_many(1000));
	rig_settle();
	assert_int_equal(rig.n_orders, 1000);
	rig_pass(59 * DAY);
	assert_int_equal(rig.n_orders, 1000);
	for (int hour = 0; hour < 72; hour++) {
		before = rig.n_orders;
		rig_pass(HOUR);
		most = rig.n_orders - before > most ? rig.n_orders - before : most;
	}
	assert_int_equal(rig.n_orders, 2000);
	assert_true(most < 100); /* within 21 hours */
}

static void
test_a_hundred_in_a_year(void **state)
{
	(void)state;
	rig.spreads = rig.quiet = rig.answers = true;
	rig.deploys = rig.deploys_well = true;
	rig.orders = 300;
	rig.duplicates = 5;
	rig.lifetime = 90 * DAY;
	rig_load(rig_many(100));
	rig_pass(364 * DAY);
	/* Six renewals each, and four questions a day. */
	assert_in_range(rig.n_orders, 100 * 6, 100 * 8);
	assert_in_range(rig.n_asks, 100 * 364 * 4, 100 * 375 * 4);
	assert_int_equal(rig.n_events[EVENT_FAILED], 0);
	assert_int_equal(rig.n_events[EVENT_DEPLOYED], rig.n_orders);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_four_hundred_days_of_failure),
		TEST(test_chance_does_not_make_them_more),
		TEST(test_four_hundred_days_of_failure_to_renew),
		TEST(test_a_ca_that_is_away_for_a_year_is_tried_all_the_time),
		TEST(test_two_hundred_restarts_order_nothing_more),
		TEST(test_two_hundred_crashes_place_no_second_order),
		TEST(test_one_that_is_told_to_wait_stops_no_other),
		TEST(test_what_was_issued_together_parts),
		TEST(test_a_hundred_in_a_year),
	};

	return cmocka_run_group_tests_name("scheduler_year", tests, NULL, NULL);
}
