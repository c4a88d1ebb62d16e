/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "ctl/certfile.h"

static const struct option_info no_globals[] = { { 0 } };

static const struct command table[] = {
	{ "issue", "", 0, 9, issue_options, "", NULL },
	{ 0 },
};

#define WORDS_MAX 12

static void
parse(const char *const *words, struct args *ret)
{
	char *argv[WORDS_MAX + 2] = { (char[]){ "acmectl" }, (char[]){ "issue" } };
	struct err err = { 0 };
	int argc = 2;

	for (; words[argc - 2] != NULL; argc++)
		argv[argc] = (char *)words[argc - 2];
	assert_int_equal(args_parse(argc, argv, table, no_globals, ret, &err), 0);
}

/* The file's text, or the error's; the caller owns it. */
static char *
text_of(const struct args *args, const char *account)
{
	struct err err = { 0 };
	struct text text = { 0 };
	CLEAN(strv) char **domains = certfile_domains(args, &err);
	CLEAN(string)
	char *name = domains != NULL ? certfile_name(args, domains[0], &err) : NULL;

	if (name == NULL || certfile_print(args, name, (const char *const *)domains,
				account, &text, &err) == -1)
		return xstrdup(err.text);
	return text_take(&text);
}

static void
test_options_become_keys(void **state)
{
	static const struct {
		const char *words[WORDS_MAX];
		const char *account;
		const char *text;
	} cases[] = {
		{ { "-d", "*.Example.com", "-d", "example.com", "EXAMPLE.com." }, "main",
		    "name: \"example.com\"\nnames:\n  - \"*.example.com\"\n"
		    "  - \"example.com\"\naccount: \"main\"\n" },
		{ { "-d", "2001:DB8:0::7" }, NULL,
		    "name: \"2001-db8--7\"\nnames:\n  - \"2001:db8::7\"\n" },
		{ { "-d", "a.b", "--name", "x", "--key-type", "ec:P-384", "--reuse-key" },
		    NULL,
		    "name: \"x\"\nnames:\n  - \"a.b\"\nkey-type: \"ec:P-384\"\n"
		    "reuse-key: true\n" },
		{ { "-d", "a.b", "--key-type", "ec:P-384", "--cert-key-type", "rsa:2048" },
		    NULL, "name: \"a.b\"\nnames:\n  - \"a.b\"\nkey-type: \"rsa:2048\"\n" },
		{ { "-d", "a.b", "--jwtcc", "J", "--tkauth-url", "U", "--dns-hook",
		      " /h  add x " },
		    NULL,
		    "name: \"a.b\"\nnames:\n  - \"a.b\"\n"
		    "dns-01:\n  hook: {command: [\"/h\", \"add\", \"x\"]}\n"
		    "tkauth:\n  url: \"U\"\n  jwtcc: \"J\"\n" },
		{ { "-d", "a.b", "--deploy-run", "r y", "--deploy-reload", "n.service",
		      "--out", "/o", "--out", "/p" },
		    NULL,
		    "name: \"a.b\"\nnames:\n  - \"a.b\"\n"
		    "outputs:\n  - {path: \"/o\", format: fullchain}\n"
		    "  - {path: \"/p\", format: fullchain}\n"
		    "deploy:\n  - run: [\"r\", \"y\"]\n  - reload: \"n.service\"\n" },
		{ { "-d", "a.b", "--profile", "x\"\\\n\x7fü\nkey: y" }, NULL,
		    "name: \"a.b\"\nnames:\n  - \"a.b\"\n"
		    "profile: \"x\\\"\\\\\\u000a\\u007fü\\u000akey: y\"\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(string) char *text = NULL;
		struct args args;

		parse(cases[i].words, &args);
		text = text_of(&args, cases[i].account);
		assert_string_equal(text, cases[i].text);
		args_clear(&args);
	}
}

static void
test_what_cannot_be_written_is_said(void **state)
{
#define NAME_RULE                                                                      \
	"--name: letters, digits, \".\", \"_\" and \"-\", at most 200, neither \".\" " \
	"nor \"-\" first"
	static const struct {
		const char *words[WORDS_MAX];
		const char *text;
	} cases[] = {
		{ { "--name", "x" }, "no domain was given" },
		{ { "-d", "a.b", "--name", "../x" }, NAME_RULE },
		{ { "-d", "a.b", "--name", ".x" }, NAME_RULE },
		{ { "-d", "a.b", "--name", "-x" }, NAME_RULE },
		{ { "-d", "a.b", "--name", "" }, NAME_RULE },
		{ { "-d", "a.b", "--name", "ü" }, NAME_RULE },
		{ { "-d", "a.b", "--profile", "\xFF" },
		    "--profile: the value is not UTF-8" },
		{ { "-d", "a.b", "--deploy-run", "  " },
		    "--deploy-run: the command is empty" },
		{ { "-d", "a.b", "--csr", "" }, "--csr: the path is empty" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(string) char *text = NULL;
		struct args args;

		parse(cases[i].words, &args);
		text = text_of(&args, NULL);
		assert_string_equal(text, cases[i].text);
		args_clear(&args);
	}
}

static void
test_relative_paths_are_those_of_the_caller(void **state)
{
	static const char *const words[] = { "-d", "a.b", "--cert-key", "k.pem", NULL };
	CLEAN(string) char *here = getcwd(NULL, 0);
	CLEAN(string)
	char *expected =
	    xasprintf("name: \"a.b\"\nnames:\n  - \"a.b\"\nkey: \"%s/k.pem\"\n", here);
	CLEAN(string) char *text = NULL;
	struct args args;

	(void)state;
	parse(words, &args);
	text = text_of(&args, NULL);
	assert_string_equal(text, expected);
	args_clear(&args);
}

static void
test_a_file_that_is_there_stays(void **state)
{
	char directory[] = "/tmp/acmed-certfile-XXXXXX";
	CLEAN(string) char *path = NULL;
	struct err err = { 0 };
	struct stat st;
	mode_t mask = umask(077);
	bool exists;

	(void)state;
	assert_non_null(mkdtemp(directory));
	path = xasprintf("%s/a.yaml", directory);
	assert_int_equal(certfile_write(directory, path, "one\n", &exists, &err), 0);
	assert_false(exists);
	assert_int_equal(certfile_write(directory, path, "other\n", &exists, &err), -1);
	assert_true(exists);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, strlen("one\n"));
	assert_int_equal(st.st_mode & 07777, 0644);
	umask(mask);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(directory), 0); /* nothing else was left there */
	assert_int_equal(certfile_write(directory, path, "x", &exists, &err), -1);
	assert_false(exists);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_become_keys),
		cmocka_unit_test(test_what_cannot_be_written_is_said),
		cmocka_unit_test(test_relative_paths_are_those_of_the_caller),
		cmocka_unit_test(test_a_file_that_is_there_stays),
	};

	return cmocka_run_group_tests_name("certfile", tests, NULL, NULL);
}
