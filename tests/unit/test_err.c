/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

#include "common/err.h"
#include "common/str.h"

static void
test_a_failure_is_one_statement(void **state)
{
	struct err err = { .status = 500,
		.retry_after = 7,
		.problem = "x",
		.instance = "y" };

	(void)state;
	assert_int_equal(err_set(&err, ERR_REFUSED, "no %s", "way"), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_string_equal(err.text, "no way");
	/* Nothing is left of an earlier failure. */
	assert_int_equal(err.status, 0);
	assert_int_equal(err.retry_after, 0);
	assert_string_equal(err.problem, "");
	assert_string_equal(err.instance, "");
}

static void
test_prefixes_tell_the_way_up(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(err_set_errno(&err, ENOENT, "%s", "key.pem"), -1);
	err.status = 404;
	assert_int_equal(err_prefix(&err, "order"), -1);
	assert_int_equal(err_prefix(&err, "%s", "example.org"), -1);
	assert_string_equal(err.text,
	    "example.org: order: key.pem: No such file or directory");
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_int_equal(err.status, 404);
}

static void
test_the_text_may_be_its_own_argument(void **state)
{
	struct err err = { 0 };

	(void)state;
	err_set(&err, ERR_HOOK, "exit 1");
	err_set(&err, ERR_NETWORK, "[%s]", err.text);
	assert_string_equal(err.text, "[exit 1]");
	err_prefix(&err, "%s", err.text);
	assert_string_equal(err.text, "[exit 1]: [exit 1]");
}

static void
test_what_does_not_fit_ends_in_dots(void **state)
{
	struct err err = { 0 };
	char longest[2000] = { 0 };

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	err_set(&err, ERR_CONFIG, "%s", longest);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_true(str_ends(err.text, "xx..."));

	err_set(&err, ERR_CONFIG, "%.*s", (int)sizeof(err.text) - 1, longest);
	assert_true(str_ends(err.text, "xxx"));

	/* A long prefix leaves room for what happened, */
	err_set(&err, ERR_CONFIG, "what happened");
	err_prefix(&err, "%s", longest);
	assert_true(str_ends(err.text, "xx...: what happened"));
	/* and a long context for the system's word. */
	err_set_errno(&err, EACCES, "%s", longest);
	assert_true(str_ends(err.text, "xx...: Permission denied"));
}

static void
test_it_is_not_cut_within_a_character(void **state)
{
	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		struct err err = { 0 };
		struct text t = { 0 };
		uint32_t c;
		size_t n = 0;

		text_add(&t, "%.*s", (int)shift, "abc");
		for (int i = 0; i < 600; i++)
			text_add(&t, "\xE2\x82\xAC");
		err_set(&err, ERR_CONFIG, "%s", t.s);
		text_clear(&t);
		assert_true(str_ends(err.text, "..."));
		for (size_t i = 0; err.text[i] != '\0'; i += n) {
			n = str_utf8(err.text + i, strlen(err.text + i), &c);
			assert_true(n > 0);
		}
	}
}

static void
test_every_kind_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ERR_KIND_COUNT; i++) {
		assert_non_null(err_kind_name((enum err_kind)i));
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(err_kind_name((enum err_kind)i),
			    err_kind_name((enum err_kind)j));
	}
	assert_string_equal(err_kind_name(ERR_CANCELLED), "cancelled");
	assert_string_equal(err_kind_name((enum err_kind)99), "unknown");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_failure_is_one_statement),
		cmocka_unit_test(test_prefixes_tell_the_way_up),
		cmocka_unit_test(test_the_text_may_be_its_own_argument),
		cmocka_unit_test(test_what_does_not_fit_ends_in_dots),
		cmocka_unit_test(test_it_is_not_cut_within_a_character),
		cmocka_unit_test(test_every_kind_has_a_name_of_its_own),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
