/* SPDX-License-Identifier: ISC */
/* needs: ctl/until.c */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/timefmt.h"
#include "ctl/until.h"

#define NOW 1767225600 /* 2026-01-01T00:00:00Z */

static void
test_people_write_instants_in_many_ways(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "90s", "2026-01-01T00:01:30Z" },
		{ "12h", "2026-01-01T12:00:00Z" },
		{ "3d", "2026-01-04T00:00:00Z" },
		{ "2w", "2026-01-15T00:00:00Z" },
		{ "2027-01-31", "2027-01-30T22:00:00Z" },
		{ "2027-01-31 14:00", "2027-01-31T12:00:00Z" },
		{ "2027-01-31T14:00", "2027-01-31T12:00:00Z" },
		{ "2027-01-31 14:00:30", "2027-01-31T12:00:30Z" },
		{ "2028-02-29", "2028-02-28T22:00:00Z" },
		{ "2027-01-31T14:00:00Z", "2027-01-31T14:00:00Z" },
		{ "2027-01-31T14:00:00+01:00", "2027-01-31T13:00:00Z" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[TIMEFMT_SIZE];
		struct err err = { 0 };
		time_t at = 0;

		assert_int_equal(until_parse(cases[i].in, NOW, &at, &err), 0);
		assert_string_equal(timefmt_rfc3339(at, text), cases[i].out);
	}
}

static void
test_what_is_no_instant_to_come_is_refused(void **state)
{
	static const struct {
		const char *in, *text;
	} cases[] = {
		{ "soon", "\"soon\" is no time like 12h, 3d, 2027-01-31, \"2027-01-31 "
			  "14:00\" or 2027-01-31T14:00:00Z" },
		{ "", "\"\" is no time like" },
		{ "2027-02-30", "\"2027-02-30\" is no time like" },
		{ "2027-02-30 14:00", "\"2027-02-30 14:00\" is no time like" },
		{ "2027-01-31 25:00", "\"2027-01-31 25:00\" is no time like" },
		{ "2027-01-31 noon", "\"2027-01-31 noon\" is no time like" },
		{ "3", "\"3\" is no time like" },
		{ "-3d", "\"-3d\" is no time like" },
		{ "0", "\"0\" has passed already" },
		{ "2025-12-31", "\"2025-12-31\" has passed already" },
		{ "2026-01-01T00:00:00Z", "\"2026-01-01T00:00:00Z\" has passed already" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };
		time_t at = 5;

		assert_int_equal(until_parse(cases[i].in, NOW, &at, &err), -1);
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_ptr_equal(strstr(err.text, cases[i].text), err.text);
		assert_int_equal(at, 5);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_people_write_instants_in_many_ways),
		cmocka_unit_test(test_what_is_no_instant_to_come_is_refused),
	};

	setenv("TZ", "EET-2", 1);
	return cmocka_run_group_tests_name("until", tests, NULL, NULL);
}
