/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/clean.h"
#include "daemon/hook/hook_output.h"

static void
assert_text(const struct output *o, const char *wanted, size_t lost)
{
	CLEAN(string) char *text = output_text(o);

	assert_string_equal(text, wanted);
	assert_int_equal(output_lost(o), lost);
}

static void
add(struct output *o, const char *s)
{
	output_add(o, s, strlen(s));
}

static void
test_the_last_octets_are_kept(void **state)
{
	struct output o = { .most = 8 };

	(void)state;
	assert_text(&o, "", 0);
	add(&o, "");
	assert_text(&o, "", 0);
	add(&o, "12345");
	assert_text(&o, "12345", 0);
	add(&o, "678");
	assert_text(&o, "12345678", 0);
	add(&o, "9");
	assert_text(&o, "23456789", 1);
	add(&o, "abcdef");
	assert_text(&o, "89abcdef", 7);
	add(&o, "0123456789ABCDEFGHI");
	assert_text(&o, "BCDEFGHI", 26);
	add(&o, "J");
	assert_text(&o, "CDEFGHIJ", 27);
	output_clear(&o);
	assert_text(&o, "", 0);
	output_clear(&o);
}

/* Whatever the sizes of the pieces are. */
static void
test_in_pieces_of_any_size(void **state)
{
	char all[400];

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++)
		all[i] = (char)('a' + i % 23);
	for (size_t piece = 1; piece < 40; piece++) {
		struct output o = { .most = 17 };
		CLEAN(string) char *text = NULL;
		size_t at = 0;

		for (; at + piece <= sizeof(all); at += piece)
			output_add(&o, all + at, piece);
		text = output_text(&o);
		assert_int_equal(strlen(text), 17);
		assert_memory_equal(text, all + at - 17, 17);
		assert_int_equal(output_lost(&o), at - 17);
		output_clear(&o);
	}
}

static void
test_it_is_made_harmless(void **state)
{
	static const char bytes[] = "\n\na\0b\033[1m\tc\r\n\x7f\xff\xc3\xbc\n";
	struct output o = { .most = 64 };

	(void)state;
	output_add(&o, bytes, sizeof(bytes) - 1);
	assert_text(&o, "\n\na?b?[1m c \n??\xc3\xbc\n", 0);
	output_clear(&o);
}

/* The first character may have lost its beginning, the last one its end. */
static void
test_half_characters(void **state)
{
	struct output o = { .most = 4 };

	(void)state;
	add(&o, "x\xe2\x82\xac"
		"a\xc3");
	assert_text(&o, "??a?", 2);
	output_clear(&o);
}

static void
assert_last(const char *all, size_t most, const char *wanted)
{
	struct output o = { .most = 256 };
	CLEAN(string) char *last = NULL;

	add(&o, all);
	last = output_last_lines(&o, most);
	assert_string_equal(last, wanted);
	assert_true(strlen(last) <= most);
	output_clear(&o);
}

static void
test_the_last_lines(void **state)
{
	(void)state;
	assert_last("", 20, "");
	assert_last(" \n\n \r\n", 20, "");
	assert_last("one", 20, "one");
	assert_last("one\n", 20, "one");
	assert_last("one\n\ntwo  \n\n", 20, "one / two");
	assert_last("one\ntwo\nthree\n", 15, "two / three");
	assert_last("one\ntwo\nthree\n", 17, "one / two / three");
	assert_last("one\ntwo\nthree\n", 16, "two / three");
	assert_last("\nlast", 4, "last");
	assert_last("a long line of words", 10, "...f words");
	assert_last("umlaut \xc3\xbc\xc3\xbc\xc3\xbc", 8, "...\xc3\xbc\xc3\xbc");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_last_octets_are_kept),
		cmocka_unit_test(test_in_pieces_of_any_size),
		cmocka_unit_test(test_it_is_made_harmless),
		cmocka_unit_test(test_half_characters),
		cmocka_unit_test(test_the_last_lines),
	};

	return cmocka_run_group_tests_name("hook_output", tests, NULL, NULL);
}
