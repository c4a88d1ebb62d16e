/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/mem.h"
#include "common/str.h"

static void
test_null_equals_null_only(void **state)
{
	(void)state;
	assert_true(str_eq(NULL, NULL));
	assert_false(str_eq(NULL, ""));
	assert_false(str_eq("", NULL));
	assert_true(str_eq("a", "a"));
	assert_false(str_eq("a", "A"));
}

static void
test_starts_and_ends(void **state)
{
	(void)state;
	assert_true(str_starts("*.example.org", "*."));
	assert_true(str_starts("x", ""));
	assert_false(str_starts("", "x"));
	assert_false(str_starts(NULL, "x"));
	assert_true(str_ends("a.yaml", ".yaml"));
	assert_true(str_ends(".yaml", ".yaml"));
	assert_false(str_ends("yaml", ".yaml"));
	assert_false(str_ends(NULL, ""));
}

static void
test_lower_leaves_other_letters_alone(void **state)
{
	char s[] = "AZaz[@\xC3\x84";

	(void)state;
	assert_string_equal(str_lower(s), "azaz[@\xC3\x84");
}

static void
test_what_is_printed_cannot_harm(void **state)
{
	static const struct {
		const char *in;
		size_t most;
		const char *out;
	} cases[] = {
		{ "plain", 80, "plain" },
		{ "", 80, "" },
		{ "a\tb\nc\rd", 80, "a b c d" },
		{ "\033[2Jx\177", 80, "?[2Jx?" },
		{ "b\xC3\xBC", 80, "b\xC3\xBC" },
		{ "\xF0\x9F\x94\x91", 80, "\xF0\x9F\x94\x91" },
		{ "\xC2\x9B"
		  "2J",
		    80, "?2J" },                    /* C1: CSI */
		{ "a\xE2\x80\xA8z", 80, "a z" },    /* line separator */
		{ "a\xE2\x80\xAEz", 80, "a?z" },    /* right-to-left override */
		{ "\xC0\xAF", 80, "??" },           /* overlong */
		{ "\xE0\x80\xAF", 80, "???" },      /* overlong */
		{ "\xED\xA0\x80", 80, "???" },      /* surrogate */
		{ "\xF4\x90\x80\x80", 80, "????" }, /* past the last character */
		{ "\xFF\xFEz", 80, "??z" },         /* never in UTF-8 */
		{ "a\xC3", 80, "a?" },              /* cut in the source */
		{ "ab\xC3\xBC", 3, "ab" },          /* cut by us: not in a character */
		{ "ab\xC3\xBC", 4, "ab\xC3\xBC" },
		{ "abc", 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(string) char *s = str_printable(cases[i].in, cases[i].most);

		assert_string_equal(s, cases[i].out);
	}
}

static void
test_utf8_is_read_one_character_at_a_time(void **state)
{
	uint32_t c = 0;

	(void)state;
	assert_int_equal(str_utf8("a", 1, &c), 1);
	assert_int_equal(c, 'a');
	assert_int_equal(str_utf8("\xE2\x82\xAC", 3, &c), 3);
	assert_int_equal(c, 0x20AC);
	assert_int_equal(str_utf8("\xE2\x82\xAC", 2, &c), 0);
	assert_int_equal(str_utf8("", 0, &c), 0);
	assert_int_equal(str_utf8("\0", 1, &c), 1);
	assert_int_equal(c, 0);
}

static void
test_the_nearest_word_is_suggested(void **state)
{
	static const char *const words[] = { "state-dir", "certificates", "control", "log",
		"profile", "names", "renew", NULL };
	static const struct {
		const char *word;
		const char *nearest;
	} cases[] = {
		{ "state_dir", "state-dir" },
		{ "certifcates", "certificates" },
		{ "certificate", "certificates" },
		{ "contorl", "control" },
		{ "Log", "log" },
		{ "nmaes", "names" },
		{ "profiel", "profile" },
		{ "x", NULL },
		{ "", NULL },
		{ "elephant", NULL },
		{ "lug", "log" },
		{ "lxy", NULL },
	};
	char longest[100] = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *nearest = str_nearest(cases[i].word, words);

		assert_true(str_eq(nearest, cases[i].nearest));
	}
	memset(longest, 'a', sizeof(longest) - 1);
	assert_null(str_nearest(longest, words));
	longest[64] = '\0';
	assert_null(str_nearest(longest, words));
	assert_null(str_nearest("word", NULL));
}

static void
test_lists_grow_and_are_copied(void **state)
{
	CLEAN(strv) char **list = NULL;
	CLEAN(strv) char **copy = NULL;
	CLEAN(strv) char **empty = strv_copy(NULL);
	CLEAN(string) char *joined = NULL;
	CLEAN(string) char *nothing = strv_join(NULL, ", ");

	(void)state;
	assert_int_equal(strv_length(NULL), 0);
	assert_false(strv_contains(NULL, "a"));
	assert_null(empty[0]);
	assert_string_equal(nothing, "");

	strv_add(&list, "a");
	strv_add(&list, "b");
	copy = strv_copy((const char *const *)list);
	strv_add(&list, "c");
	assert_int_equal(strv_length((const char *const *)list), 3);
	assert_int_equal(strv_length((const char *const *)copy), 2);
	assert_true(strv_contains((const char *const *)list, "c"));
	assert_false(strv_contains((const char *const *)copy, "c"));
	joined = strv_join((const char *const *)list, ", ");
	assert_string_equal(joined, "a, b, c");
}

static void
test_sets_are_compared_whatever_the_order(void **state)
{
	static const char *const ab[] = { "a", "b", NULL }, *const ba[] = { "b", "a",
		NULL };
	static const char *const abb[] = { "a", "b", "b", NULL }, *const a[] = { "a",
		NULL };
	static const char *const none[] = { NULL };

	(void)state;
	assert_true(strv_same_set(ab, ba));
	assert_true(strv_same_set(ab, abb));
	assert_false(strv_same_set(ab, a));
	assert_false(strv_same_set(a, ab));
	assert_true(strv_same_set(NULL, none));
	assert_false(strv_same_set(NULL, a));
}

static void
test_a_text_grows(void **state)
{
	struct text t = { 0 };
	CLEAN(string) char *all = NULL;
	CLEAN(string) char *nothing = NULL;

	(void)state;
	nothing = text_take(&t);
	assert_string_equal(nothing, "");

	for (int i = 0; i < 1000; i++)
		text_add(&t, "%d,", i);
	text_add_bytes(&t, "\0z", 2);
	text_add_bytes(&t, NULL, 0);
	assert_int_equal(t.length, 10 * 2 + 90 * 3 + 900 * 4 + 2);
	assert_true(t.room > t.length);
	assert_string_equal(t.s + t.length - 1, "z");
	all = text_take(&t);
	assert_true(str_starts(all, "0,1,2,3,"));
	assert_null(t.s);

	text_add(&t, "again");
	text_clear(&t);
	text_clear(&t);
	assert_int_equal(t.length, 0);
}

static void
test_memory_of_no_size_is_memory(void **state)
{
	char *p = xcalloc(0, 8);
	CLEAN(string) char *copy = xmemdup("ab", 2);
	CLEAN(string) char *none = xmemdup(NULL, 0);
	CLEAN(string) char *cut = xstrndup("abc", 2);
	CLEAN(string) char *printed = xasprintf("%s-%d", "a", 7);

	(void)state;
	p = xrealloc(p, 0, 0);
	assert_non_null(p);
	secret_free(p, 1);
	secret_free(NULL, 5);
	assert_null(xstrdup(NULL));
	assert_string_equal(copy, "ab");
	assert_string_equal(none, "");
	assert_string_equal(cut, "ab");
	assert_string_equal(printed, "a-7");
	assert_ptr_equal(must(copy), copy);
}

static void
test_a_count_has_the_right_noun(void **state)
{
	char out[STR_COUNT_SIZE];

	(void)state;
	assert_string_equal(str_count(0, "account", out), "0 accounts");
	assert_string_equal(str_count(1, "account", out), "1 account");
	assert_string_equal(str_count(2, "account", out), "2 accounts");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_null_equals_null_only),
		cmocka_unit_test(test_starts_and_ends),
		cmocka_unit_test(test_lower_leaves_other_letters_alone),
		cmocka_unit_test(test_what_is_printed_cannot_harm),
		cmocka_unit_test(test_utf8_is_read_one_character_at_a_time),
		cmocka_unit_test(test_the_nearest_word_is_suggested),
		cmocka_unit_test(test_lists_grow_and_are_copied),
		cmocka_unit_test(test_sets_are_compared_whatever_the_order),
		cmocka_unit_test(test_a_text_grows),
		cmocka_unit_test(test_memory_of_no_size_is_memory),
		cmocka_unit_test(test_a_count_has_the_right_noun),
	};

	return cmocka_run_group_tests_name("str", tests, NULL, NULL);
}
