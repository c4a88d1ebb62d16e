/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/str.h"
#include "ctl/progress.h"
#include "ctl/render.h"
#include "ctl/table.h"
#include "tests/unit/paper.h"

static void
test_instants_are_local_with_a_hint_on_a_terminal(void **state)
{
	static const struct {
		bool terminal;
		enum time_style style;
		const char *in, *out;
	} cases[] = {
		{ true, TIME_FULL, "2026-01-04T12:00:00Z", "2026-01-04 14:00 (in 3 d)" },
		{ true, TIME_DATE, "2026-01-04T23:00:00Z", "2026-01-05 (in 3 d)" },
		{ true, TIME_RELATIVE, "2025-12-31T23:55:00Z", "5 min ago" },
		{ false, TIME_FULL, "2026-01-04T14:00:00+02:00", "2026-01-04T12:00:00Z" },
		{ false, TIME_RELATIVE, "2026-01-04T12:00:00Z", "2026-01-04T12:00:00Z" },
		{ true, TIME_FULL, "soon\033[1m", "soon?[1m" },
		{ true, TIME_FULL, NULL, "-" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct screen screen = { .terminal = cases[i].terminal,
			.now = PAPER_NOW };
		CLEAN(string)
		char *text = render_time(&screen, cases[i].in, cases[i].style);

		assert_string_equal(text, cases[i].out);
	}
}

static void
test_instants_in_the_daemons_words_are_local_on_a_terminal(void **state)
{
	static const struct {
		size_t most;
		const char *in, *out;
		bool terminal;
	} cases[] = {
		{ 99, "2026-01-04T12:00:00Z (in 3 d): due",
		    "2026-01-04 14:00 (in 3 d): due", true },
		{ 99, "from 2026-01-04T23:00:00Z to 2026-01-05T23:00:00Z",
		    "from 2026-01-05 01:00 to 2026-01-06 01:00", true },
		{ 99, "2026-01-04T12:00:0", "2026-01-04T12:00:0", true },
		{ 99, "2026-13-04T12:00:00Z 7 b\xC3\xBC\033", "2026-13-04T12:00:00Z 7 bü?",
		    true },
		{ 12, "2026-01-04T12:00:00Z", "2026-01-04T1", true },
		{ 99, "", "", true },
		{ 99, "at 2026-01-04T12:00:00Z\n", "at 2026-01-04T12:00:00Z ", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct screen screen = { .terminal = cases[i].terminal };
		CLEAN(string)
		char *text = render_words(&screen, cases[i].in, cases[i].most);

		assert_string_equal(text, cases[i].out);
	}
}

static void
test_a_name_in_front_of_a_text_is_found(void **state)
{
	(void)state;
	assert_string_equal(text_without_name("site", "site: gone"), "gone");
	assert_string_equal(text_without_name("site", "sites: gone"), "sites: gone");
	assert_string_equal(text_without_name("site", "site is gone"), "site is gone");
	assert_string_equal(text_without_name("", ": gone"), ": gone");
	assert_string_equal(text_without_name(NULL, "gone"), "gone");
	assert_true(text_is_first_word("site is gone", "site"));
	assert_true(text_is_first_word("site", "site"));
	assert_false(text_is_first_word("sites are gone", "site"));
}

static void
test_a_text_is_cut_between_characters(void **state)
{
	static const struct {
		bool utf8;
		const char *in;
		unsigned width;
		const char *out;
	} cases[] = {
		{ true, "example", 7, "example" },
		{ true, "example", 4, "exa…" },
		{ false, "example", 4, "exa~" },
		{ true, "bücher", 3, "bü…" },
		{ true, "bücher", 6, "bücher" },
		{ true, "日本語", 4, "日…" },
		{ true, "日本語", 5, "日本…" },
		{ true, "x", 0, "" },
		{ true, "\xC3\xC3\xC3", 2, "\xC3…" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct screen screen = { .utf8 = cases[i].utf8 };
		CLEAN(string) char *text = text_fit(&screen, cases[i].in, cases[i].width);

		assert_string_equal(text, cases[i].out);
		assert_true(text_width(text) <= cases[i].width);
	}
}

static void
test_an_object_is_a_list_of_keys_and_values(void **state)
{
	static const char text[] =
	    "{\"name\":\"a.example\",\"must_staple\":false,\"not_after\":"
	    "\"2026-01-02T00:00:00Z\",\"ari\":{\"id\":\"x.y\",\"error\":null},"
	    "\"names\":[\"a\",\"b\"],\"history\":[{\"version\":7},{\"version\":6}],"
	    "\"files\":{},\"up_seconds\":60,\"bad\\u001bkey\":\"v\\n\"}";
	struct err err = { 0 };
	CLEAN(json) struct json_object *doc = json_parse(text, strlen(text), &err);
	struct paper p;

	(void)state;
	paper_open(&p, 0);
	render_object(&p.screen, doc);
	paper_expect(&p, "name:        a.example\n"
			 "must staple: no\n"
			 "not after:   2026-01-02T00:00:00Z\n"
			 "ari:\n"
			 "  id:    x.y\n"
			 "  error: -\n"
			 "names:       a, b\n"
			 "history:\n"
			 "  version: 7\n"
			 "\n"
			 "  version: 6\n"
			 "files:       none\n"
			 "up seconds:  60\n"
			 "bad?key:     v \n");
}

static void
test_a_long_list_has_a_line_an_element_on_a_terminal(void **state)
{
	static const char text[] = "{\"names\":[\"a.example.com\",\"b.example.com\"]}";
	struct err err = { 0 };
	CLEAN(json) struct json_object *doc = json_parse(text, strlen(text), &err);
	struct paper p;

	(void)state;
	paper_open(&p, 30);
	render_object(&p.screen, doc);
	paper_expect(&p, "names:\n  a.example.com\n  b.example.com\n");

	paper_open(&p, 40);
	render_object(&p.screen, doc);
	paper_expect(&p, "names: a.example.com, b.example.com\n");
}

static void
test_a_table_fits_the_terminal(void **state)
{
	static const char *const headings[] = { "NAME", "LONG HEADING", "LAST", NULL };
	static const char *const first[] = { "a.example.org", "in 3 d",
		"failed: no such host" };
	static const char *const second[] = { "b\033", "-", "" };
	static const struct {
		unsigned width;
		const char *text;
	} cases[] = {
		{ 0, "NAME           LONG HEADING  LAST\n"
		     "a.example.org  in 3 d        failed: no such host\n"
		     "b?             -             \n" },
		{ 45, "NAME           LONG HEADING  LAST\n"
		      "a.example.org  in 3 d        failed: no such…\n"
		      "b?             -             \n" },
		{ 39, "NAME           LONG …  LAST\n"
		      "a.example.org  in 3 d  failed: no such…\n"
		      "b?             -       \n" },
		{ 31, "NAME           LONG …  LAST\n"
		      "a.example.org  in 3 d  failed:…\n"
		      "b?             -       \n" },
		{ 20, "NAME          LONG …\n"
		      "a.example.o…  in 3 d\n"
		      "b?            -\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(table) struct table *table = table_new(headings);
		struct paper p;

		table_add(table, first, 1, COLOR_GOOD);
		table_add(table, second, 1, COLOR_BAD);
		paper_open(&p, cases[i].width);
		table_print(table, &p.screen);
		paper_expect(&p, cases[i].text);
	}
}

static void
test_colours_are_for_terminals_that_have_them(void **state)
{
	static const char *const headings[] = { "A", "B", NULL };
	static const char *const cells[] = { "x", "y" };
	CLEAN(table) struct table *table = table_new(headings);
	struct paper p;

	(void)state;
	table_add(table, cells, 0, COLOR_BAD);
	paper_open(&p, 80);
	p.screen.color = true;
	table_print(table, &p.screen);
	paper_expect(&p, "\033[1mA\033[0m  \033[1mB\033[0m\n"
			 "\033[31mx\033[0m  y\n");
}

static void
test_progress_is_a_line_a_step_without_a_terminal(void **state)
{
	struct progress progress;
	struct paper p;

	(void)state;
	paper_open(&p, 0);
	progress_start(&progress, &p.screen, false);
	progress_step(&progress, "a: order");
	progress_step(&progress, "a: order");
	progress_tick(&progress);
	progress_step(&progress, "a: finalize");
	progress_end(&progress);
	progress_end(&progress);
	paper_expect(&p, "a: order\na: finalize\n");
}

static void
test_progress_is_one_live_line_on_a_terminal(void **state)
{
	struct progress progress;
	struct paper p;

	(void)state;
	paper_open(&p, 16);
	p.screen.color = true;
	progress_start(&progress, &p.screen, false);
	progress_step(&progress, "a: order");
	progress_step(&progress, "a: finalize it");
	progress_end(&progress);
	paper_expect(&p, "\r\033[Ka: order (0 s)\r\033[Ka: final… (0 s)\r\033[K");
}

static void
test_a_second_may_go_by_where_nothing_was_started(void **state)
{
	struct progress progress = { 0 };

	(void)state;
	progress_tick(&progress); /* as with watch */
	progress_hide(&progress);
	progress_end(&progress);
}

static void
test_quiet_progress_says_nothing(void **state)
{
	struct progress progress;
	struct paper p;

	(void)state;
	paper_open(&p, 80);
	p.screen.color = true;
	progress_start(&progress, &p.screen, true);
	progress_step(&progress, "a: order");
	progress_tick(&progress);
	progress_end(&progress);
	paper_expect(&p, "");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instants_are_local_with_a_hint_on_a_terminal),
		cmocka_unit_test(
		    test_instants_in_the_daemons_words_are_local_on_a_terminal),
		cmocka_unit_test(test_a_name_in_front_of_a_text_is_found),
		cmocka_unit_test(test_a_text_is_cut_between_characters),
		cmocka_unit_test(test_an_object_is_a_list_of_keys_and_values),
		cmocka_unit_test(test_a_long_list_has_a_line_an_element_on_a_terminal),
		cmocka_unit_test(test_a_table_fits_the_terminal),
		cmocka_unit_test(test_colours_are_for_terminals_that_have_them),
		cmocka_unit_test(test_progress_is_a_line_a_step_without_a_terminal),
		cmocka_unit_test(test_progress_is_one_live_line_on_a_terminal),
		cmocka_unit_test(test_a_second_may_go_by_where_nothing_was_started),
		cmocka_unit_test(test_quiet_progress_says_nothing),
	};

	setenv("TZ", "EET-2", 1);
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return 77; /* widths need it */
	return cmocka_run_group_tests_name("render", tests, NULL, NULL);
}
