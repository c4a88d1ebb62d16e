/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include "common/str.h"
#include "ctl/args.h"

static const struct option_info globals[] = {
	{ 's', "socket", "SOCKET", "" },
	{ 0, "json", NULL, "" },
	{ 'v', "verbose", NULL, "" },
	{ 0 },
};

static const struct option_info issue_table[] = {
	{ 'd', "domain", "DOMAIN", "" },
	{ 'f', "force", NULL, "" },
	{ 0 },
};

static const struct option_info hold_table[] = {
	{ 0, "until", "TIME", "" },
	{ 0 },
};

static const struct command table[] = {
	{ "hold", "NAME", 1, 1, hold_table, "", NULL },
	{ "rollback", "NAME [VERSION]", 1, 2, NULL, "", NULL },
	{ "issue", "NAME", 0, 3, issue_table, "", NULL },
	{ "show", "NAME", 1, 1, NULL, "", NULL },
	{ "ping", "", 0, 0, NULL, "", NULL },
	{ "config show", "[NAME]", 0, 1, NULL, "", NULL },
	{ "config check", "[FILE]", 0, 1, NULL, "", NULL },
	{ 0 },
};

#define WORDS_MAX 8

/* The line's words stand after "acmectl". */
static int
parse(const char *const *words, struct args *ret, struct err *err)
{
	char *argv[WORDS_MAX + 2] = { (char[]){ "acmectl" } };
	int argc = 1;

	for (; words[argc - 1] != NULL; argc++)
		argv[argc] = (char *)words[argc - 1];
	return args_parse(argc, argv, table, globals, ret, err);
}

static void
test_global_options_stand_before_and_after_the_command(void **state)
{
	static const char *const lines[][WORDS_MAX] = {
		{ "-s", "x", "--json", "issue", "a", "-fd", "b" },
		{ "issue", "a", "-d", "b", "-f", "--json", "--socket=x" },
		{ "-sx", "issue", "--json", "--force", "--domain", "b", "a" },
		{ "--socket", "x", "issue", "-f", "-db", "--json", "--", "a" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		const char *words[WORDS_MAX + 1] = { 0 };
		struct args args;
		struct err err = { 0 };

		for (size_t j = 0; j < WORDS_MAX; j++)
			words[j] = lines[i][j];
		assert_int_equal(parse(words, &args, &err), 0);
		assert_string_equal(args.command->name, "issue");
		assert_int_equal(args.n_words, 1);
		assert_string_equal(args.words[0], "a");
		assert_null(args.words[1]);
		assert_string_equal(args_value(&args, "socket"), "x");
		assert_string_equal(args_value(&args, "domain"), "b");
		assert_true(args_has(&args, "json"));
		assert_true(args_has(&args, "force"));
		assert_false(args_has(&args, "verbose"));
		assert_int_equal(args_check_count(&args, &err), 0);
		args_clear(&args);
	}
}

static void
test_a_command_may_have_two_words(void **state)
{
	static const char *const words[] = { "config", "--json", "show", "x", NULL };
	struct args args;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(parse(words, &args, &err), 0);
	assert_string_equal(args.command->name, "config show");
	assert_string_equal(args.words[0], "x");
	args_clear(&args);
}

static void
test_an_option_may_be_given_again(void **state)
{
	static const char *const words[] = { "issue", "-d", "a", "-d", "b", NULL };
	struct args args;
	struct err err = { 0 };
	char **values;

	(void)state;
	assert_int_equal(parse(words, &args, &err), 0);
	values = args_values(&args, "domain");
	assert_int_equal(strv_length((const char *const *)values), 2);
	assert_string_equal(values[0], "a");
	assert_string_equal(values[1], "b");
	assert_string_equal(args_value(&args, "domain"), "b");
	assert_null(args_values(&args, "socket"));
	strv_free(values);
	args_clear(&args);
}

static void
test_what_looks_like_an_option_is_a_word_after_two_dashes(void **state)
{
	static const char *const words[] = { "issue", "-", "--", "-f", "--json", NULL };
	struct args args;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(parse(words, &args, &err), 0);
	assert_int_equal(args.n_words, 3);
	assert_string_equal(args.words[0], "-");
	assert_string_equal(args.words[2], "--json");
	assert_false(args_has(&args, "json"));
	args_clear(&args);
}

static void
test_a_value_may_have_blanks_and_begin_with_a_dash(void **state)
{
	static const char *const lines[][WORDS_MAX] = {
		{ "hold", "a", "--until", "2027-01-31 14:00" },
		{ "hold", "--until=2027-01-31 14:00", "a" },
		{ "hold", "a", "--until", "-x" },
	};
	static const char *const values[] = { "2027-01-31 14:00", "2027-01-31 14:00",
		"-x" };

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct args args;
		struct err err = { 0 };

		assert_int_equal(parse(lines[i], &args, &err), 0);
		assert_string_equal(args_value(&args, "until"), values[i]);
		assert_string_equal(args.words[0], "a");
		assert_int_equal(args_check_count(&args, &err), 0);
		args_clear(&args);
	}
}

static void
test_no_command_is_no_error_yet(void **state)
{
	static const char *const words[] = { "-v", NULL };
	struct args args;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(parse(words, &args, &err), 0);
	assert_null(args.command);
	args_clear(&args);
}

static void
test_what_is_wrong_with_a_line_is_said(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *text;
	} cases[] = {
		{ { "isue" }, "there is no command \"isue\"; did you mean \"issue\"?" },
		{ { "x" },
		    "there is no command \"x\"; \"acmectl help\" lists those there are" },
		{ { "config" },
		    "\"config\" needs a second word: config show, config check" },
		{ { "config", "shw" },
		    "there is no command \"config shw\"; did you mean \"config show\"?" },
		{ { "--jsno", "ping" }, "there is no option --jsno; did you mean --json?" },
		{ { "issue", "--domian=x" },
		    "there is no option --domian; did you mean --domain?" },
		{ { "-d", "x", "issue" }, "there is no option -d for all commands; options "
					  "of one come after it" },
		{ { "show", "-vd", "x" },
		    "show has no option -d; \"acmectl help show\" lists those it has" },
		{ { "issue", "-d" }, "--domain needs a value: --domain DOMAIN" },
		{ { "--socket" }, "--socket needs a value: --socket SOCKET" },
		{ { "--json=yes", "ping" }, "--json takes no value" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct args args;
		struct err err = { 0 };

		assert_int_equal(parse(cases[i].words, &args, &err), -1);
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_string_equal(err.text, cases[i].text);
	}
}

static void
test_the_number_of_arguments_is_checked(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *text;
	} cases[] = {
		{ { "show" }, "show needs more than that: acmectl show NAME" },
		{ { "show", "a", "b" }, "\"b\" is too much for show: acmectl show NAME" },
		{ { "rollback" },
		    "rollback needs more than that: acmectl rollback NAME [VERSION]" },
		{ { "rollback", "a", "1", "2" },
		    "\"2\" is too much for rollback: acmectl rollback NAME [VERSION]" },
		{ { "hold", "a", "3d" }, "\"3d\" is too much for hold: acmectl hold NAME" },
		{ { "ping", "a" }, "\"a\" is too much for ping: acmectl ping" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct args args;
		struct err err = { 0 };

		assert_int_equal(parse(cases[i].words, &args, &err), 0);
		assert_int_equal(args_check_count(&args, &err), -1);
		assert_string_equal(err.text, cases[i].text);
		args_clear(&args);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_global_options_stand_before_and_after_the_command),
		cmocka_unit_test(test_a_command_may_have_two_words),
		cmocka_unit_test(test_an_option_may_be_given_again),
		cmocka_unit_test(test_what_looks_like_an_option_is_a_word_after_two_dashes),
		cmocka_unit_test(test_a_value_may_have_blanks_and_begin_with_a_dash),
		cmocka_unit_test(test_no_command_is_no_error_yet),
		cmocka_unit_test(test_what_is_wrong_with_a_line_is_said),
		cmocka_unit_test(test_the_number_of_arguments_is_checked),
	};

	return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}
