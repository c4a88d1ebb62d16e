/* SPDX-License-Identifier: ISC */
/* What is known of the time is held against a clock of this file's own. What was said, and
 * the newest certificate, stay known for good, so what needs none comes first. */
#include "tests/unit/unit.h"

#include <string.h>
#include <time.h>

#include "common/str.h"
#include "daemon/io/clock.h"

#define DAY ((time_t)86400)

/* Not a whole number of days, and some weeks after the build. */
#define START ((time_t)BUILD_DATE + 40 * DAY + 12345)

static struct {
	time_t now;
	int64_t boottime_ms;
} t;

time_t
clock_now(void)
{
	return t.now;
}

int64_t
clock_boottime_ms(void)
{
	return t.boottime_ms;
}

static int
set_up(void **state)
{
	(void)state;
	t.now = START;
	t.boottime_ms = 5000;
	return 0;
}

static int
set_up_heard(void **state)
{
	set_up(state);
	clock_hint_date(START, "agreeing.example:443");
	return 0;
}

static void
pass(time_t seconds)
{
	t.now += seconds;
	t.boottime_ms += (int64_t)seconds * 1000;
}

static void
expect_doubt(const char *start, const char *words, const char *end)
{
	const char *doubt = clock_doubt();

	assert_non_null(doubt);
	assert_true(str_starts(doubt, start));
	assert_non_null(strstr(doubt, words));
	assert_true(str_ends(doubt, end));
}

static void
expect_none(void)
{
	const char *doubt = clock_doubt();

	if (doubt != NULL)
		fail_msg("%s", doubt);
}

static void
test_a_clock_from_before_the_build_is_wrong(void **state)
{
	(void)state;
	expect_none();
	t.now = 0;
	expect_doubt("the clock says 1970-01-01T00:00:00Z, ",
	    "before this program was built (", "T00:00:00Z)");
	t.now = (time_t)BUILD_DATE - DAY - 1;
	expect_doubt("the clock says ", ", before this program was built (", ")");
	pass(1);
	expect_none();
	t.now = -1;
	assert_non_null(clock_doubt());
}

static void
test_a_clock_far_ahead_is_not_known_to_be_wrong(void **state)
{
	(void)state;
	t.now = START + 20000 * DAY;
	expect_none();
}

static void
test_a_ca_that_says_another_time_is_doubt(void **state)
{
	static const time_t apart[] = { 601, -601, 3600, -20000 * DAY, INT32_MAX };

	(void)state;
	for (size_t i = 0; i < COUNT(apart); i++) {
		clock_hint_date(START + apart[i], "ca.example:443");
		expect_doubt("the clock says ", ", but ca.example:443 says ", "Z");
	}
	clock_hint_date(START + 600, "ca.example:443");
	expect_none();
	clock_hint_date(START - 600, "ca.example:443");
	expect_none();
}

static void
test_both_times_are_said(void **state)
{
	(void)state;
	t.now = 4000000000;
	clock_hint_date(4000003600, "ca.example:443");
	pass(30);
	assert_string_equal(clock_doubt(), "the clock says 2096-10-02T07:07:10Z, but "
					   "ca.example:443 says 2096-10-02T08:07:10Z");
}

static void
test_time_that_passes_is_no_doubt(void **state)
{
	(void)state;
	clock_hint_date(START + 3, "ca.example:443");
	pass(90 * DAY);
	expect_none();
	clock_hint_date(t.now + 3600, "ca.example:443");
	pass(90 * DAY);
	assert_non_null(clock_doubt());
}

static void
test_a_clock_that_is_set_wrong_is_seen_and_set_right_trusted(void **state)
{
	(void)state;
	clock_hint_date(START, "ca.example:443");
	t.now += 3600;
	assert_non_null(clock_doubt());
	t.now -= 3600;
	expect_none();
	t.now -= 3600;
	assert_non_null(clock_doubt());
}

static void
test_an_answer_that_agrees_ends_the_doubt(void **state)
{
	(void)state;
	clock_hint_date(START + 3600, "wrong.example:443");
	assert_non_null(clock_doubt());
	clock_hint_date(START + 2, "right.example:443");
	expect_none();
}

static void
test_a_long_name_is_cut_off(void **state)
{
	char name[1000];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	clock_hint_date(START + 3600, name);
	expect_doubt("the clock says ", ", but aaaa", "Z");
}

static void
test_a_beginning_beyond_all_sense_is_ignored(void **state)
{
	(void)state;
	clock_hint_not_before(BUILD_DATE + 12 * 365 * DAY);
	clock_hint_not_before(INT64_MAX);
	clock_hint_not_before(INT64_MIN);
	clock_hint_not_before(0);
	expect_none();
}

static void
test_a_clock_before_the_newest_certificate_is_wrong(void **state)
{
	(void)state;
	clock_hint_not_before(START - 10 * DAY);
	clock_hint_not_before(START + DAY);
	clock_hint_not_before(START - 20 * DAY); /* an old one makes no difference */
	expect_none();
	t.now--;
	expect_doubt("the clock says ", ", before the newest certificate begins (", "Z)");
	pass(1);
	expect_none();
}

#define TEST(name)       cmocka_unit_test_setup(name, set_up)
#define TEST_HEARD(name) cmocka_unit_test_setup(name, set_up_heard)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_clock_from_before_the_build_is_wrong),
		TEST(test_a_clock_far_ahead_is_not_known_to_be_wrong),
		TEST_HEARD(test_a_ca_that_says_another_time_is_doubt),
		TEST_HEARD(test_both_times_are_said),
		TEST_HEARD(test_time_that_passes_is_no_doubt),
		TEST_HEARD(test_a_clock_that_is_set_wrong_is_seen_and_set_right_trusted),
		TEST_HEARD(test_an_answer_that_agrees_ends_the_doubt),
		TEST_HEARD(test_a_long_name_is_cut_off),
		TEST_HEARD(test_a_beginning_beyond_all_sense_is_ignored),
		TEST_HEARD(test_a_clock_before_the_newest_certificate_is_wrong),
	};

	return cmocka_run_group_tests_name("clock_doubt", tests, NULL, NULL);
}
