/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/clean.h"
#include "common/crypto/base64url.h"

static void
test_octets_and_text_correspond(void **state)
{
	static const struct {
		const char *octets;
		size_t length;
		const char *text;
	} cases[] = {
		{ "", 0, "" },
		{ "f", 1, "Zg" },
		{ "fo", 2, "Zm8" },
		{ "foo", 3, "Zm9v" },
		{ "foob", 4, "Zm9vYg" },
		{ "fooba", 5, "Zm9vYmE" },
		{ "foobar", 6, "Zm9vYmFy" },
		{ "\xfb\xff", 2, "-_8" },
		{ "\0", 1, "AA" },
		{ "\xff\xff\xff", 3, "____" },
		{ "\0\x87\x65\x43\x21", 5, "AIdlQyE" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(string)
		char *text = base64url_encode(cases[i].octets, cases[i].length);
		size_t length = 99;
		struct err err = { 0 };
		unsigned char *octets = base64url_decode(cases[i].text, &length, &err);

		assert_string_equal(text, cases[i].text);
		assert_non_null(octets);
		assert_int_equal(length, cases[i].length);
		assert_memory_equal(octets, cases[i].octets, length);
		assert_int_equal(octets[length], 0);
		free(octets);
	}
}

static void
test_what_is_not_base64url_is_refused(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "Zg==", "not base64url: a character is not in the alphabet" },
		{ "Zm8=", "not base64url: a character is not in the alphabet" },
		{ "Zh", "not base64url: the last character has spare bits set" },
		{ "Zm9", "not base64url: the last character has spare bits set" },
		{ "Zm9v\n", "not base64url: a character is missing" },
		{ "Zm9\n", "not base64url: a character is not in the alphabet" },
		{ "Zm8\n", "not base64url: a character is not in the alphabet" },
		{ "+/8", "not base64url: a character is not in the alphabet" },
		{ "A", "not base64url: a character is missing" },
		{ "Zm 9v", "not base64url: a character is missing" },
		{ "Zm 9", "not base64url: a character is not in the alphabet" },
		{ "\xc3\xa9"
		  "AA",
		    "not base64url: a character is not in the alphabet" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t length = 99;
		struct err err = { 0 };

		assert_null(base64url_decode(cases[i].text, &length, &err));
		assert_int_equal(err.kind, ERR_PROTOCOL);
		assert_string_equal(err.text, cases[i].error);
		assert_int_equal(length, 99);
	}
}

static void
test_pasted_keys_may_use_either_alphabet_and_padding(void **state)
{
	static const char *const same[] = { "-_8", "+/8", "-_8=", "+/8=", "+_8",
		" +/8=\r\n" };
	size_t length;
	struct err err = { 0 };
	unsigned char *octets;

	(void)state;
	for (size_t i = 0; i < COUNT(same); i++) {
		octets = base64_decode_any(same[i], &length, &err);
		assert_non_null(octets);
		assert_int_equal(length, 2);
		assert_memory_equal(octets, "\xfb\xff", 2);
		free(octets);
	}
	assert_null(base64_decode_any("a b", &length, &err));
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_string_equal(err.text, "not base64: a character is not in the alphabet");
	assert_null(base64_decode_any("AA===", &length, &err));
	assert_null(base64_decode_any("=AA", &length, &err));
	assert_null(base64_decode_any("A=", &length, &err));
}

static void
test_every_octet_survives(void **state)
{
	unsigned char in[256];

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (unsigned char)i;
	for (size_t n = 0; n <= sizeof(in); n++) {
		CLEAN(string) char *text = base64url_encode(in, n);
		size_t length = 0;
		struct err err = { 0 };
		unsigned char *out = base64url_decode(text, &length, &err);

		assert_non_null(out);
		assert_int_equal(length, n);
		assert_memory_equal(out, in, n);
		free(out);
	}
}

static void
test_tokens_are_of_the_alphabet_only(void **state)
{
	(void)state;
	assert_true(base64url_is_token("LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"));
	assert_true(base64url_is_token("A"));
	assert_true(base64url_is_token("-_"));
	assert_false(base64url_is_token(""));
	assert_false(base64url_is_token("../etc/passwd"));
	assert_false(base64url_is_token("a b"));
	assert_false(base64url_is_token("ab="));
	assert_false(base64url_is_token("a\n"));
	assert_false(base64url_is_token("\xff"));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_octets_and_text_correspond),
		cmocka_unit_test(test_what_is_not_base64url_is_refused),
		cmocka_unit_test(test_pasted_keys_may_use_either_alphabet_and_padding),
		cmocka_unit_test(test_every_octet_survives),
		cmocka_unit_test(test_tokens_are_of_the_alphabet_only),
	};

	return cmocka_run_group_tests_name("base64url", tests, NULL, NULL);
}
