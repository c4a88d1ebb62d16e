/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/renew/ledger.h"

#define NOW  ((time_t)1772323200) /* 2026-03-01T00:00:00Z */
#define HOUR ((time_t)3600)
#define DAY  (24 * HOUR)

/* Let's Encrypt's, and what is hard to divide. */
static const struct ledger_budget budgets[] = { { 300, 3 * HOUR }, { 5, 7 * DAY },
	{ 50, 7 * DAY }, { 5, HOUR }, { 7, HOUR }, { 1, DAY }, { 1000, 60 }, { 3, 10 },
	{ 1, 1 }, { 365, 366 * DAY }, { 4000000000U, HOUR } };

static const struct ledger_budget failed = { 5, HOUR };
static const struct ledger_budget none = { 0, HOUR };

/* xorshift: the same numbers every time. */
static uint64_t
chance(void)
{
	static uint64_t seed = 0x9E3779B97F4A7C15;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* All of these tests' entries but few are validations of one account. */
static time_t
next(const struct ledger *l, const char *what, struct ledger_budget b, time_t now)
{
	return ledger_next(l, LEDGER_FAILED, "le", what, b, now);
}

static void
take(struct ledger *l, const char *what, struct ledger_budget b, time_t now)
{
	ledger_take(l, LEDGER_FAILED, "le", what, b, now);
}

static unsigned
left(const struct ledger *l, const char *what, struct ledger_budget b, time_t now)
{
	return ledger_left(l, LEDGER_FAILED, "le", what, b, now);
}

/* ---- sentences ---- */

static void
test_so_many_at_once_and_then_one_after_each_pause(void **state)
{
	CLEAN(ledger) struct ledger *l = ledger_new();

	(void)state;
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(left(l, "a.example", failed, NOW), 5 - i);
		assert_int_equal(next(l, "a.example", failed, NOW), NOW);
		take(l, "a.example", failed, NOW);
	}
	assert_int_equal(left(l, "a.example", failed, NOW), 0);
	assert_int_equal(next(l, "a.example", failed, NOW), NOW + 720);
	assert_int_equal(next(l, "a.example", failed, NOW + 719), NOW + 720);
	assert_int_equal(left(l, "a.example", failed, NOW + 719), 0);
	assert_int_equal(left(l, "a.example", failed, NOW + 720), 1);
	assert_int_equal(left(l, "a.example", failed, NOW + HOUR), 5);
	take(l, "a.example", failed, NOW + 720);
	assert_int_equal(next(l, "a.example", failed, NOW + 720), NOW + 1440);
}

static void
test_entries_are_told_apart(void **state)
{
	CLEAN(ledger) struct ledger *l = ledger_new();
	const struct ledger_budget one = { 1, DAY };

	(void)state;
	ledger_take(l, LEDGER_FAILED, "le", "a.example", one, NOW);
	assert_int_equal(ledger_left(l, LEDGER_FAILED, "le", "a.example", one, NOW), 0);
	assert_int_equal(ledger_left(l, LEDGER_DUPLICATES, "le", "a.example", one, NOW), 1);
	assert_int_equal(ledger_left(l, LEDGER_FAILED, "other", "a.example", one, NOW), 1);
	assert_int_equal(ledger_left(l, LEDGER_FAILED, "le", "b.example", one, NOW), 1);
	assert_int_equal(ledger_left(l, LEDGER_FAILED, "lea", ".example", one, NOW), 1);
	assert_int_equal(ledger_left(l, LEDGER_FAILED, "le", "", one, NOW), 1);
	ledger_take(l, LEDGER_ORDERS, "le", NULL, one, NOW);
	assert_int_equal(ledger_left(l, LEDGER_ORDERS, "le", "", one, NOW), 0);
	assert_int_equal(ledger_count(l), 2);
}

static void
test_without_a_limit_nothing_is_counted(void **state)
{
	static const struct ledger_budget timeless[] = { { 5, 0 }, { 5, -1 } };
	CLEAN(ledger) struct ledger *l = ledger_new();

	(void)state;
	for (int i = 0; i < 1000; i++)
		take(l, "a.example", none, NOW);
	for (size_t i = 0; i < COUNT(timeless); i++) {
		take(l, "a.example", timeless[i], NOW);
		assert_int_equal(next(l, "a.example", timeless[i], NOW), NOW);
	}
	assert_int_equal(next(l, "a.example", none, NOW), NOW);
	assert_int_equal(left(l, "a.example", none, NOW), UINT_MAX);
	assert_int_equal(ledger_count(l), 0);
}

/* An administrator may insist. The CA refuses, and its bucket has nothing less. */
static void
test_what_is_taken_in_spite_of_it_makes_nothing_worse(void **state)
{
	CLEAN(ledger) struct ledger *l = ledger_new();

	(void)state;
	for (int i = 0; i < 1000; i++)
		take(l, "a.example", failed, NOW);
	assert_int_equal(next(l, "a.example", failed, NOW), NOW + 720);
	assert_int_equal(left(l, "a.example", failed, NOW + HOUR), 5);
}

static void
test_a_clock_that_is_set_back_holds_for_no_longer_than_an_empty_bucket(void **state)
{
	CLEAN(ledger) struct ledger *l = ledger_new();
	time_t back = NOW - 3650 * DAY;

	(void)state;
	for (int i = 0; i < 5; i++)
		take(l, "a.example", failed, NOW);
	assert_int_equal(next(l, "a.example", failed, back), back + 720);
	/* It is not put off each time that somebody looks. */
	assert_int_equal(next(l, "a.example", failed, back + 700), back + 720);
	assert_int_equal(left(l, "a.example", failed, back + 720), 1);
	take(l, "a.example", failed, back + 720);
	assert_int_equal(next(l, "a.example", failed, back + 720), back + 1440);
	assert_int_equal(left(l, "a.example", failed, back + 720 + HOUR), 5);
}

static void
test_a_budget_that_grows_counts_at_once(void **state)
{
	CLEAN(ledger) struct ledger *l = ledger_new();
	const struct ledger_budget week = { 1, 7 * DAY };

	(void)state;
	take(l, "a.example", week, NOW);
	assert_int_equal(next(l, "a.example", week, NOW + 60), NOW + 7 * DAY);
	assert_int_equal(next(l, "a.example", failed, NOW + 60), NOW + 60 + 720);
	assert_int_equal(left(l, "a.example", failed, NOW + 60 + HOUR), 5);
}

static void
test_clocks_and_periods_without_sense_do_no_harm(void **state)
{
	static const time_t clocks[] = { INT64_MIN / 2, -1, 0, 1, INT32_MAX, UINT32_MAX,
		253402300799, INT64_MAX / 2 };
	const struct ledger_budget ever = { UINT_MAX, INT64_MAX }, rare = { 1, INT64_MAX };

	(void)state;
	for (size_t i = 0; i < COUNT(clocks); i++) {
		CLEAN(ledger) struct ledger *l = ledger_new();

		take(l, "a", failed, clocks[i]);
		take(l, "b", ever, clocks[i]);
		take(l, "c", rare, clocks[i]);
		assert_int_equal(left(l, "a", failed, clocks[i]), 4);
		assert_int_equal(left(l, "b", ever, clocks[i]), UINT_MAX - 1);
		assert_int_equal(next(l, "c", rare, clocks[i]) - clocks[i], LEDGER_PER_MAX);
	}
}

/* ---- figures ---- */

/* The CA's side: a bucket in units of which a request costs `per` and a second adds
 * `limit`, so that nothing is rounded. */
struct bucket {
	uint64_t units;
	uint64_t all;
	time_t at;
};

static void
bucket_fill(struct bucket *bucket, struct ledger_budget b, time_t now)
{
	bucket->units += (uint64_t)(now - bucket->at) * b.limit;
	if (bucket->units > bucket->all)
		bucket->units = bucket->all;
	bucket->at = now;
}

static bool
bucket_takes(struct bucket *bucket, struct ledger_budget b)
{
	if (bucket->units < (uint64_t)b.per)
		return false;
	bucket->units -= (uint64_t)b.per;
	return true;
}

/* Often nothing, mostly about a step, now and then long enough to be full. */
static time_t
some_time(struct ledger_budget b)
{
	uint64_t step = (uint64_t)b.per / b.limit + 1;

	switch (chance() % 8) {
	case 0:
		return (time_t)(chance() % (2 * (uint64_t)b.per));
	case 1:
	case 2:
		return (time_t)(chance() % (3 * step));
	default:
		return 0;
	}
}

static void
assert_like_bucket(struct ledger_budget b, int rounds)
{
	CLEAN(ledger) struct ledger *l = ledger_new();
	uint64_t all = (uint64_t)b.per * b.limit;
	struct bucket bucket = { all, all, NOW };
	time_t now = NOW;

	for (int i = 0; i < rounds; i++) {
		time_t at;

		now += some_time(b);
		bucket_fill(&bucket, b, now);
		at = next(l, "n", b, now);
		assert_true(left(l, "n", b, now) <= bucket.units / (uint64_t)b.per);
		assert_true((left(l, "n", b, now) > 0) == (at == now));
		if (at > now) { /* the very instant, and no earlier */
			assert_int_equal(left(l, "n", b, at - 1), 0);
			assert_true(left(l, "n", b, at) > 0);
			/* What the CA would have allowed for a second is not held. */
			assert_true(bucket.units < (uint64_t)b.per + b.limit);
			now = chance() % 2 ? at : now;
			bucket_fill(&bucket, b, now);
		}
		if (at <= now) {
			assert_true(bucket_takes(&bucket, b));
			take(l, "n", b, now);
		}
	}
	assert_int_equal(ledger_count(l), 1);
}

static void
test_the_ca_never_has_less_than_we_think(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(budgets); i++)
		assert_like_bucket(budgets[i], 20000);
}

/* What that means for any period that one may choose: no more than what is there at once
 * and what is added meanwhile. */
static void
test_no_period_sees_more_than_twice_the_limit(void **state)
{
	const struct ledger_budget b = { 7, 100 };
	CLEAN(ledger) struct ledger *l = ledger_new();
	time_t taken[4000];
	time_t now = NOW;

	(void)state;
	for (size_t i = 0; i < COUNT(taken); i++) {
		now += chance() % 20 == 0 ? (time_t)(chance() % 200) : 0;
		now = next(l, "n", b, now);
		take(l, "n", b, taken[i] = now);
	}
	for (size_t i = 0; i < COUNT(taken); i++) {
		unsigned n = 0;

		while (i + n < COUNT(taken) && taken[i + n] < taken[i] + b.per)
			n++;
		assert_true(n <= 2 * b.limit - 1);
	}
}

/* ---- room ---- */

static char *
name_of(size_t i)
{
	return xasprintf("host%zu.example", i);
}

static void
test_what_is_full_makes_room(void **state)
{
	CLEAN(ledger) struct ledger *l = ledger_new();

	(void)state;
	for (size_t i = 0; i < 100000; i++) {
		CLEAN(string) char *name = name_of(i);

		/* Each is full again after 720 seconds: 720 of them mean something. */
		take(l, name, failed, NOW + (time_t)i);
		assert_true(ledger_count(l) < 4 * 720);
		assert_int_equal(left(l, name, failed, NOW + (time_t)i), 4);
	}
}

/* ---- sets of names ---- */

static void
assert_same_key(const char *const *a, const char *const *b, bool same)
{
	CLEAN(string) char *first = ledger_set_key(a), *second = ledger_set_key(b);

	assert_int_equal(strlen(first), 32);
	assert_int_equal(strspn(first, "0123456789abcdef"), 32);
	assert_true((strcmp(first, second) == 0) == same);
}

static void
test_a_set_has_one_key_in_any_order_and_case(void **state)
{
	static const char *const set[] = { "a.example", "b.example", "*.c.example", NULL };
	static const char *const mixed[] = { "*.C.example", "B.EXAMPLE", "a.example",
		"b.example", NULL };
	static const char *const less[] = { "a.example", "b.example", NULL };
	static const char *const other[] = { "a.example", "b.example", "c.example", NULL };
	static const char *const glued[] = { "a.exampleb.example", "*.c.example", NULL };
	static const char *const empty[] = { NULL };

	(void)state;
	assert_same_key(set, mixed, true);
	assert_same_key(set, less, false);
	assert_same_key(set, other, false);
	assert_same_key(set, glued, false);
	assert_same_key(set, empty, false);
	assert_same_key(empty, NULL, true);
	assert_string_equal(mixed[1], "B.EXAMPLE");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_so_many_at_once_and_then_one_after_each_pause),
		cmocka_unit_test(test_entries_are_told_apart),
		cmocka_unit_test(test_without_a_limit_nothing_is_counted),
		cmocka_unit_test(test_what_is_taken_in_spite_of_it_makes_nothing_worse),
		cmocka_unit_test(
		    test_a_clock_that_is_set_back_holds_for_no_longer_than_an_empty_bucket),
		cmocka_unit_test(test_a_budget_that_grows_counts_at_once),
		cmocka_unit_test(test_clocks_and_periods_without_sense_do_no_harm),
		cmocka_unit_test(test_the_ca_never_has_less_than_we_think),
		cmocka_unit_test(test_no_period_sees_more_than_twice_the_limit),
		cmocka_unit_test(test_what_is_full_makes_room),
		cmocka_unit_test(test_a_set_has_one_key_in_any_order_and_case),
	};

	return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
