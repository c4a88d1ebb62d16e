/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"

#define DAY  86400
#define NOON 1777636800 /* 2026-05-01T12:00:00Z */

static void
test_rfc3339_is_read(void **state)
{
	static const struct {
		const char *text;
		time_t at;
	} cases[] = {
		{ "2026-05-01T12:00:00Z", NOON }, { "2026-05-01t12:00:00z", NOON },
		{ "2026-05-01T14:00:00+02:00", NOON },
		{ "2026-05-01T06:30:00-05:30", NOON },
		{ "2026-05-01T12:00:00-00:00", NOON },
		{ "2026-05-01T12:00:00.999999999Z", NOON },
		{ "2026-05-01T14:00:00.5+02:00", NOON }, { "1970-01-01T00:00:00Z", 0 },
		{ "1969-12-31T23:59:59Z", -1 }, { "2038-01-19T03:14:08Z", 2147483648 },
		{ "9999-12-31T23:59:59Z", 253402300799 },
		{ "0001-01-01T00:00:00Z", -62135596800 },
		{ "2024-02-29T00:00:00Z", 1709164800 },
		{ "2016-12-31T23:59:60Z", 1483228800 }, /* a leap second */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };
		time_t at = -7;

		assert_int_equal(timefmt_parse(cases[i].text, &at, &err), 0);
		assert_int_equal(at, cases[i].at);
	}
}

static void
test_what_is_not_a_time_is_said_to_be(void **state)
{
	static const char *const cases[] = { "soon", "", "2026-05-01",
		"2026-05-01T12:00:00", "2026-05-01 12:00:00Z", "2026-05-01T12:00Z",
		"2026-5-1T12:00:00Z", "2026-05-01T12:00:00Zx", "2026-05-01T12:00:00.Z",
		"2026-05-01T12:00:00+0200", "2026-05-01T12:00:00+24:00",
		"2026-05-01T12:00:00+02:60", "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z",
		"2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z",
		"-026-01-01T00:00:00Z", " 2026-05-01T12:00:00Z", "2026-05-01T12:00:00 Z" };
	struct err err = { 0 };
	time_t at = 7;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(timefmt_parse(cases[i], &at, &err), -1);
		assert_int_equal(err.kind, ERR_PROTOCOL);
		assert_int_equal(at, 7);
	}
	timefmt_parse("soon\n", &at, &err);
	assert_string_equal(err.text, "\"soon \" is not a time");
}

static void
test_the_three_forms_of_http_dates_are_read(void **state)
{
	static const struct {
		const char *text;
		time_t at;
	} cases[] = {
		{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 },
		{ "Sunday, 06-Nov-94 08:49:37 GMT", 784111777 },
		{ "Sun Nov  6 08:49:37 1994", 784111777 },
		{ "Fri May 01 12:00:00 2026", NOON },
		{ "Friday, 01-May-26 12:00:00 GMT", NOON },
	};
	static const char *const wrong[] = { "", "Sun", "Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 6 Nov 1994 08:49:37 GMT",
		"sun, 06 nov 1994 08:49:37 gmt", "Sun, 31 Feb 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 25:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ",
		"2026-05-01T12:00:00Z" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		time_t at = -7;

		assert_true(timefmt_parse_http_date(cases[i].text, &at));
		assert_int_equal(at, cases[i].at);
	}
	for (size_t i = 0; i < COUNT(wrong); i++) {
		time_t at = 7;

		assert_false(timefmt_parse_http_date(wrong[i], &at));
		assert_int_equal(at, 7);
	}
}

static void
test_retry_after_is_never_negative_nor_endless(void **state)
{
	static const struct {
		const char *text;
		time_t seconds;
	} cases[] = {
		{ "0", 0 },
		{ "120", 120 },
		{ "007", 7 },
		{ "99999999999999999999999999", 3650LL * DAY },
		{ "Fri, 01 May 2026 12:01:00 GMT", 60 },
		{ "Fri, 01 May 2026 11:59:00 GMT", 0 },
		{ "Fri, 01 May 9999 11:59:00 GMT", 3650LL * DAY },
	};
	static const char *const wrong[] = { "", "-1", "+1", "1.5", "1 ", " 1", "soon",
		"0x10", "1s", "2026-05-01T12:00:00Z" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		time_t seconds = -7;

		assert_true(timefmt_parse_retry_after(cases[i].text, NOON, &seconds));
		assert_int_equal(seconds, cases[i].seconds);
	}
	for (size_t i = 0; i < COUNT(wrong); i++) {
		time_t seconds = 7;

		assert_false(timefmt_parse_retry_after(wrong[i], NOON, &seconds));
		assert_int_equal(seconds, 7);
	}
}

static void
test_durations_are_read(void **state)
{
	static const struct {
		const char *text;
		time_t seconds;
	} cases[] = {
		{ "90s", 90 },
		{ "15m", 900 },
		{ "12h", 43200 },
		{ "30d", 30LL * DAY },
		{ "2w", 14LL * DAY },
		{ "0", 0 },
		{ "0s", 0 },
		{ "36500d", 36500LL * DAY },
	};
	static const struct {
		const char *text;
		const char *error;
	} wrong[] = {
		{ "soon", "\"soon\" is not a duration like 90s, 15m, 12h, 30d or 2w" },
		{ "", "\"\" is not a duration like 90s, 15m, 12h, 30d or 2w" },
		{ "7", "\"7\" is not a duration like 90s, 15m, 12h, 30d or 2w" },
		{ "00", "\"00\" is not a duration like 90s, 15m, 12h, 30d or 2w" },
		{ "-1d", "\"-1d\" is not a duration like 90s, 15m, 12h, 30d or 2w" },
		{ "1.5h", "\"1.5h\" is not a duration like 90s, 15m, 12h, 30d or 2w" },
		{ "1 d", "\"1 d\" is not a duration like 90s, 15m, 12h, 30d or 2w" },
		{ "1D", "\"1D\" is not a duration like 90s, 15m, 12h, 30d or 2w" },
		{ "1d12h", "\"1d12h\" is not a duration like 90s, 15m, 12h, 30d or 2w" },
		{ "36501d", "\"36501d\" is longer than a century" },
		{ "99999999999999999999w",
		    "\"99999999999999999999w\" is longer than a century" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };
		time_t seconds = -7;

		assert_int_equal(timefmt_parse_duration(cases[i].text, &seconds, &err), 0);
		assert_int_equal(seconds, cases[i].seconds);
	}
	for (size_t i = 0; i < COUNT(wrong); i++) {
		struct err err = { 0 };
		time_t seconds = 7;

		assert_int_equal(timefmt_parse_duration(wrong[i].text, &seconds, &err), -1);
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_string_equal(err.text, wrong[i].error);
		assert_int_equal(seconds, 7);
	}
}

static void
test_instants_are_written(void **state)
{
	char out[TIMEFMT_SIZE];

	(void)state;
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	assert_string_equal(timefmt_rfc3339(NOON, out), "2026-05-01T12:00:00Z");
	assert_string_equal(timefmt_rfc3339(0, out), "1970-01-01T00:00:00Z");
	assert_string_equal(timefmt_local(NOON, out), "2026-05-01 14:00:00 +0200");
	assert_string_equal(timefmt_rfc3339(INT64_MAX, out), "-");
	assert_string_equal(timefmt_local(INT64_MIN, out), "-");
}

static void
test_durations_are_written_in_two_units_at_most(void **state)
{
	static const struct {
		time_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "0 s" },
		{ 5, "5 s" },
		{ 59, "59 s" },
		{ 60, "1 min" },
		{ 61, "1 min 1 s" },
		{ 720, "12 min" },
		{ 3600, "1 h" },
		{ 3660, "1 h 1 min" },
		{ 3LL * DAY + 14400 + 59, "3 d 4 h" },
		{ 3LL * DAY + 59, "3 d" },
		{ 90LL * DAY, "90 d" },
		{ -65, "-1 min 5 s" },
	};
	char out[TIMEFMT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(timefmt_duration(cases[i].seconds, out), cases[i].text);
}

static void
test_distances_from_now_are_written(void **state)
{
	static const struct {
		time_t ahead;
		const char *text;
	} cases[] = {
		{ 0, "now" },
		{ 1, "in 1 s" },
		{ 300, "in 5 min" },
		{ 3LL * DAY + 14400, "in 3 d" },
		{ -300, "5 min ago" },
		{ -7200, "2 h ago" },
	};
	char out[TIMEFMT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(timefmt_relative(NOON + cases[i].ahead, NOON, out),
		    cases[i].text);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc3339_is_read),
		cmocka_unit_test(test_what_is_not_a_time_is_said_to_be),
		cmocka_unit_test(test_the_three_forms_of_http_dates_are_read),
		cmocka_unit_test(test_retry_after_is_never_negative_nor_endless),
		cmocka_unit_test(test_durations_are_read),
		cmocka_unit_test(test_instants_are_written),
		cmocka_unit_test(test_durations_are_written_in_two_units_at_most),
		cmocka_unit_test(test_distances_from_now_are_written),
	};

	return cmocka_run_group_tests_name("timefmt", tests, NULL, NULL);
}
