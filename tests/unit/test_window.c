/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/timefmt.h"
#include "daemon/config/schema.h"
#include "daemon/renew/window.h"

#define MINUTE ((time_t)60)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* Rules instead of names, which need a package of their own. */
#define UTC      "UTC0"
#define BERLIN   "CET-1CEST,M3.5.0,M10.5.0/3"           /* Europe/Berlin */
#define ST_JOHNS "NST3:30NDT,M3.2.0,M11.1.0"            /* America/St_Johns */
#define LORD     "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0" /* Australia/Lord_Howe */
#define CAIRO    "EET-2EEST,M4.5.5/0,M10.5.4/24"        /* Africa/Cairo: from midnight on */

static void
set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static time_t
at(const char *text)
{
	struct err err = { 0 };
	time_t ret = 0;

	assert_int_equal(timefmt_parse(text, &ret, &err), 0);
	return ret;
}

static void
assert_next(const char *window, const char *now, const char *expected)
{
	char found[TIMEFMT_SIZE];

	timefmt_rfc3339(window_next(window, at(now)), found);
	assert_string_equal(found, expected);
}

/* ---- sentences; 2026-03-02 is a Monday ---- */

static void
test_no_window_is_always_open(void **state)
{
	(void)state;
	set_zone(UTC);
	assert_int_equal(window_next(NULL, 12345), 12345);
	assert_int_equal(window_next("00:00-24:00", 12345), 12345);
	assert_int_equal(window_next("12:00-12:00", 12345), 12345);
	assert_int_equal(window_next("no window", 12345), 12345);
	assert_int_equal(window_next("", 12345), 12345);
}

static void
test_days_and_hours(void **state)
{
	static const char *const cases[][3] = {
		{ "02:00-05:00", "2026-03-02T01:59:59Z", "2026-03-02T02:00:00Z" },
		{ "02:00-05:00", "2026-03-02T02:00:00Z", "2026-03-02T02:00:00Z" },
		{ "02:00-05:00", "2026-03-02T04:59:59Z", "2026-03-02T04:59:59Z" },
		{ "02:00-05:00", "2026-03-02T05:00:00Z", "2026-03-03T02:00:00Z" },
		{ "Mon-Fri 02:00-05:00", "2026-03-06T05:00:00Z", "2026-03-09T02:00:00Z" },
		{ "Sun 02:00-05:00", "2026-03-02T00:00:00Z", "2026-03-08T02:00:00Z" },
		{ "Mon 02:00-05:00", "2026-03-02T05:00:00Z", "2026-03-09T02:00:00Z" },
		{ "Mon,Wed,Fri 02:00-05:00", "2026-03-02T05:00:00Z",
		    "2026-03-04T02:00:00Z" },
		{ "Mon-Tue,Sun 02:00-05:00", "2026-03-03T05:00:00Z",
		    "2026-03-08T02:00:00Z" },
		/* over the end of the week, and of the day */
		{ "Sat-Mon 02:00-05:00", "2026-03-02T05:00:00Z", "2026-03-07T02:00:00Z" },
		{ "Sat-Mon 02:00-05:00", "2026-03-08T02:30:00Z", "2026-03-08T02:30:00Z" },
		{ "Mon 22:00-02:00", "2026-03-02T00:00:00Z", "2026-03-02T22:00:00Z" },
		{ "Mon 22:00-02:00", "2026-03-03T01:59:59Z", "2026-03-03T01:59:59Z" },
		{ "Mon 22:00-02:00", "2026-03-03T02:00:00Z", "2026-03-09T22:00:00Z" },
		{ "Sun 22:00-02:00", "2026-03-02T01:00:00Z", "2026-03-02T01:00:00Z" },
		/* ends of days */
		{ "Mon 22:00-24:00", "2026-03-02T23:59:59Z", "2026-03-02T23:59:59Z" },
		{ "Mon 22:00-24:00", "2026-03-03T00:00:00Z", "2026-03-09T22:00:00Z" },
		{ "Mon 24:00-02:00", "2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z" },
		{ "Mon 24:00-02:00", "2026-03-03T01:00:00Z", "2026-03-03T01:00:00Z" },
		{ "Mon 06:00-06:00", "2026-03-03T05:59:59Z", "2026-03-03T05:59:59Z" },
		{ "Mon 06:00-06:00", "2026-03-03T06:00:00Z", "2026-03-09T06:00:00Z" },
		{ "Mon 24:00-24:00", "2026-03-04T00:00:00Z", "2026-03-10T00:00:00Z" },
		/* before 1970 */
		{ "Wed 02:00-05:00", "1969-12-30T12:00:00Z", "1969-12-31T02:00:00Z" },
		{ "Wed 02:00-05:00", "1969-12-31T05:00:00Z", "1970-01-07T02:00:00Z" },
	};

	(void)state;
	set_zone(UTC);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_next(cases[i][0], cases[i][1], cases[i][2]);
}

static void
test_hours_are_local(void **state)
{
	(void)state;
	set_zone(BERLIN);
	assert_next("02:00-05:00", "2026-01-15T00:00:00Z", "2026-01-15T01:00:00Z");
	assert_next("02:00-05:00", "2026-07-15T12:00:00Z", "2026-07-16T00:00:00Z");
	/* Monday there is Sunday here. */
	assert_next("Mon 00:00-01:00", "2026-07-19T21:00:00Z", "2026-07-19T22:00:00Z");
	set_zone(ST_JOHNS);
	assert_next("02:00-05:00", "2026-01-15T00:00:00Z", "2026-01-15T05:30:00Z");
}

/* Clocks in Berlin go from 02:00 to 03:00 on 2026-03-29, at 01:00 UTC. */
static void
test_clocks_are_put_forward(void **state)
{
	static const char *const cases[][3] = {
		/* the middle, an end, the beginning are left out */
		{ "Sun 01:00-04:00", "2026-03-29T00:59:59Z", "2026-03-29T00:59:59Z" },
		{ "Sun 01:00-04:00", "2026-03-29T01:59:59Z", "2026-03-29T01:59:59Z" },
		{ "Sun 01:00-04:00", "2026-03-29T02:00:00Z", "2026-04-04T23:00:00Z" },
		{ "Sun 01:00-02:30", "2026-03-29T00:59:59Z", "2026-03-29T00:59:59Z" },
		{ "Sun 01:00-02:30", "2026-03-29T01:00:00Z", "2026-04-04T23:00:00Z" },
		{ "Sun 02:30-04:00", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z" },
		{ "Sun 02:30-04:00", "2026-03-29T02:00:00Z", "2026-04-05T00:30:00Z" },
		/* all of it, and it is as long as ever */
		{ "Sun 02:00-03:00", "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z" },
		{ "Sun 02:15-02:25", "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z" },
		{ "Sun 02:15-02:25", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z" },
		{ "Sun 02:15-02:25", "2026-03-29T01:09:59Z", "2026-03-29T01:09:59Z" },
		{ "Sun 02:15-02:25", "2026-03-29T01:10:00Z", "2026-04-05T00:15:00Z" },
		/* of other days nothing is */
		{ "Mon 02:15-02:25", "2026-03-29T00:00:00Z", "2026-03-30T00:15:00Z" },
	};

	(void)state;
	set_zone(BERLIN);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_next(cases[i][0], cases[i][1], cases[i][2]);
}

/* And from 03:00 to 02:00 on 2026-10-25, at 01:00 UTC. */
static void
test_clocks_are_put_back(void **state)
{
	static const char *const cases[][3] = {
		{ "Sun 02:30-02:45", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z" },
		{ "Sun 02:30-02:45", "2026-10-25T00:45:00Z", "2026-10-25T01:30:00Z" },
		{ "Sun 02:30-02:45", "2026-10-25T01:45:00Z", "2026-11-01T01:30:00Z" },
		{ "Sun 02:30-04:00", "2026-10-25T00:59:59Z", "2026-10-25T00:59:59Z" },
		{ "Sun 02:30-04:00", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z" },
		{ "Sun 01:00-02:30", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z" },
	};

	(void)state;
	set_zone(BERLIN);
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_next(cases[i][0], cases[i][1], cases[i][2]);
}

/* ---- figures: two years, minute by minute ---- */

#define FIRST   ((time_t)1767139200) /* 2025-12-31T00:00:00Z */
#define MINUTES ((size_t)(2 * 366 + 10) * 24 * 60)
#define CHECKED (MINUTES - (size_t)10 * 24 * 60)

struct model {
	const char *text;
	unsigned days;     /* bit 0: Monday */
	long start, until; /* minutes after midnight of the day on which it begins */
};

static const struct model models[] = {
	{ "Mon-Fri 02:00-05:00", 0x1F, 120, 300 },
	{ "02:30-02:45", 0x7F, 150, 165 },
	{ "Sun 02:00-03:00", 0x40, 120, 180 },
	{ "Sun 01:30-02:30", 0x40, 90, 150 },
	{ "Fri-Mon 23:30-00:30", 0x71, 1410, 1470 },
	{ "Fri 00:00-00:30", 0x10, 0, 30 },
	{ "Sat 24:00-02:10", 0x20, 1440, 1570 },
	{ "Tue,Thu-Fri 12:00-12:00", 0x1A, 720, 2160 },
	{ "Sat-Sun 00:00-24:00", 0x60, 0, 1440 },
	{ "Sun 02:05-02:06", 0x40, 125, 126 },
};

static long walls[MINUTES];   /* what the clocks show, in minutes */
static time_t nexts[MINUTES]; /* when the window is open */

static void
read_walls(void)
{
	for (size_t i = 0; i < MINUTES; i++) {
		time_t instant = FIRST + (time_t)i * MINUTE;
		struct tm tm;

		assert_non_null(localtime_r(&instant, &tm));
		walls[i] = (long)(timegm(&tm) / MINUTE);
	}
}

/* 2025-12-22 was a Monday. */
static bool
is_day_of(const struct model *m, long day)
{
	return m->days >> ((day - 20444) % 7) & 1;
}

static bool
is_shown(const struct model *m, long wall)
{
	for (long day = wall / 1440 - 2; day <= wall / 1440; day++)
		if (is_day_of(m, day) && day * 1440 + m->start <= wall &&
		    day * 1440 + m->until > wall)
			return true;
	return false;
}

static bool
is_left_out(const struct model *m, long first, long until)
{
	for (long day = first / 1440 - 2; day <= until / 1440; day++)
		if (is_day_of(m, day) && day * 1440 + m->start >= first &&
		    day * 1440 + m->until <= until)
			return true;
	return false;
}

static void
find_nexts(const struct model *m)
{
	static bool open[MINUTES];
	size_t late_until = 0;
	time_t next = 0;

	for (size_t i = 0; i < MINUTES; i++) {
		if (i > 0 && walls[i] > walls[i - 1] + 1 &&
		    is_left_out(m, walls[i - 1] + 1, walls[i]))
			late_until = i + (size_t)(m->until - m->start);
		open[i] = i < late_until || is_shown(m, walls[i]);
	}
	for (size_t i = MINUTES; i-- > 0;) {
		if (open[i])
			next = FIRST + (time_t)i * MINUTE;
		nexts[i] = next;
	}
}

/* At, within and at the end of the minute. */
static void
assert_like_model(const struct model *m, size_t i)
{
	time_t now = FIRST + (time_t)i * MINUTE;

	assert_int_equal(window_next(m->text, now), nexts[i]);
	for (time_t late = 1; late < MINUTE; late += 29) {
		time_t expected = nexts[i] == now ? now + late : nexts[i];

		assert_int_equal(window_next(m->text, now + late), expected);
	}
	assert_in_range(nexts[i], now, now + 8 * DAY);
	assert_int_equal(window_next(m->text, nexts[i]), nexts[i]);
}

static bool
is_near_change(size_t i)
{
	size_t near = 200;

	return i > near && walls[i + near] - walls[i - near] != (long)(2 * near);
}

static void
assert_two_years(const char *zone)
{
	size_t n_near = 0;

	set_zone(zone);
	read_walls();
	for (size_t k = 0; k < COUNT(models); k++) {
		find_nexts(&models[k]);
		for (size_t i = 0; i < CHECKED; i++) {
			bool near = is_near_change(i);

			n_near += near;
			if (near || i % 499 == 0)
				assert_like_model(&models[k], i);
		}
	}
	assert_true(strcmp(zone, UTC) == 0 || n_near > COUNT(models) * 4 * 300);
}

static void
test_two_years_in_utc(void **state)
{
	(void)state;
	assert_two_years(UTC);
}

static void
test_two_years_in_berlin(void **state)
{
	(void)state;
	assert_two_years(BERLIN);
}

static void
test_two_years_in_st_johns(void **state)
{
	(void)state;
	assert_two_years(ST_JOHNS);
}

static void
test_two_years_where_midnight_or_half_an_hour_is_left_out(void **state)
{
	(void)state;
	assert_two_years(CAIRO);
	assert_two_years(LORD);
}

/* ---- what the configuration takes ---- */

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

static bool
is_taken(char *text)
{
	struct problems problems = { 0 };
	const struct schema_reader r = { .file = "f",
		.directory = "/",
		.problems = &problems };
	const struct schema_row row = { .key = "deploy-window", .type = TYPE_WINDOW };
	const struct yaml_node node = { .kind = YAML_SCALAR, .text = text };
	union schema_value value = { 0 };
	bool taken = schema_read_window(&r, &row, &node, &value);

	if (taken)
		free(value.text);
	problems_clear(&problems);
	return taken;
}

/* Something that nobody takes is open at all times, of a week that is not all of it. */
static bool
is_ever_closed(const char *text)
{
	for (time_t now = FIRST; now < FIRST + 7 * DAY; now += 15 * MINUTE)
		if (window_next(text, now) != now)
			return true;
	return false;
}

static void
test_a_window_is_what_the_configuration_takes(void **state)
{
	static const char letters[] = "MonTueSatSun0123459:-, ";
	static const char *const seeds[] = { "02:00-05:00", "Mon 02:00-05:00",
		"Mon-Fri,Sun 22:00-02:00", "Sat,Tue 24:00-01:00", "Thu 19:30-24:00" };
	unsigned n_taken = 0, n_refused = 0;

	(void)state;
	set_zone(UTC);
	for (int i = 0; i < 20000; i++) {
		CLEAN(string) char *text = xstrdup(seeds[chance() % COUNT(seeds)]);

		for (uint64_t n = chance() % 3; n > 0; n--)
			text[chance() % strlen(text)] =
			    letters[chance() % (sizeof(letters) - 1)];
		if (chance() % 8 == 0)
			text[chance() % strlen(text) + 1] = '\0';
		/* Nothing but whole days and no day: always open, and taken. */
		if (is_taken(text) == is_ever_closed(text)) {
			n_taken += is_taken(text);
			n_refused += !is_taken(text);
			continue;
		}
		assert_true(is_taken(text));
		assert_int_equal(strlen(text), 11);
		assert_memory_equal(text, text + 6, 5);
	}
	assert_true(n_taken > 4000 && n_refused > 4000);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_window_is_always_open),
		cmocka_unit_test(test_days_and_hours),
		cmocka_unit_test(test_hours_are_local),
		cmocka_unit_test(test_clocks_are_put_forward),
		cmocka_unit_test(test_clocks_are_put_back),
		cmocka_unit_test(test_two_years_in_utc),
		cmocka_unit_test(test_two_years_in_berlin),
		cmocka_unit_test(test_two_years_in_st_johns),
		cmocka_unit_test(test_two_years_where_midnight_or_half_an_hour_is_left_out),
		cmocka_unit_test(test_a_window_is_what_the_configuration_takes),
	};

	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
