/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "common/mem.h"
#include "common/str.h"
#include "tests/unit/config_fixture.h"

/* Whose files are, where it is not 0: giving one away takes root. */
static uid_t owner_told;

int
fstat(int fd, struct stat *st)
{
	int (*real)(int, struct stat *) = (__typeof__(real))dlsym(RTLD_NEXT, "fstat");
	int result = real(fd, st);

	if (result == 0 && owner_told != 0)
		st->st_uid = owner_told;
	return result;
}

#define PARSE(text, problems) yaml_parse("f", text, strlen(text), problems)

/* The tree on one line: scalars as they are ("quoted"), [lists], {maps}. */
static void
show(struct text *t, const struct yaml_node *node)
{
	if (node->key != NULL)
		text_add(t, "%s@%u:%u=", node->key, node->key_line, node->key_column);
	if (node->kind == YAML_SCALAR) {
		text_add(t, node->quoted ? "\"%s\"" : "%s", node->text);
		text_add(t, "@%u:%u", node->line, node->column);
		return;
	}
	text_add(t, node->kind == YAML_LIST ? "[" : "{");
	for (const struct yaml_node *one = node->first; one != NULL; one = one->next) {
		show(t, one);
		text_add(t, one->next != NULL ? " " : "");
	}
	text_add(t, node->kind == YAML_LIST ? "]" : "}");
}

static void
test_a_tree_knows_every_place(void **state)
{
	static const struct {
		const char *text;
		const char *tree;
	} cases[] = {
		{ "", "{}" },
		{ "# nothing\n", "{}" },
		{ "--- \n...\n", "{}" },
		{ "\xEF\xBB\xBF"
		  "a: b",
		    "{a@1:1=b@1:4}" },
		{ "a: 1\nb:\n  - x\n  - y\n", "{a@1:1=1@1:4 b@2:1=[x@3:5 y@4:5]}" },
		{ "mode: \"0640\"\nn: 0640\n", "{mode@1:1=\"0640\"@1:7 n@2:1=0640@2:4}" },
		{ "a: {b: [], c: {}}", "{a@1:1={b@1:5=[] c@1:12={}}}" },
		{ "- {a: yes}\n- off\n", "[{a@1:4=yes@1:7} off@2:3]" },
		{ "a:\nb: ~\n", "{a@1:1=@1:3 b@2:1=~@2:4}" },
		{ "b\xC3\xBC: x\n", "{b\xC3\xBC@1:1=x@1:5}" },
		{ "a: 'it''s'\nb: |\n  two\n  lines\n",
		    "{a@1:1=\"it's\"@1:4 b@2:1=\"two\nlines\n\"@2:4}" },
		{ "text", "text@1:1" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct problems problems = { 0 };
		CLEAN(yaml_tree) struct yaml_node *tree = PARSE(cases[i].text, &problems);
		CLEAN(string) char *shown = NULL;
		struct text t = { 0 };

		assert_non_null(tree);
		assert_int_equal(problems.count, 0);
		show(&t, tree);
		shown = text_take(&t);
		assert_string_equal(shown, cases[i].tree);
	}
}

static void
test_what_cannot_be_read_is_said_to_be(void **state)
{
	static const struct {
		const char *text;
		const char *told;
	} cases[] = {
		{ "a: &x 1\n", "f:1:4: anchors (&name) are not supported; write the value "
			       "out, or quote it\n" },
		{ "a: *x\n", "f:1:4: aliases (*name) are not supported; quote a value that "
			     "starts with \"*\"\n" },
		{ "*.example.com: x\n",
		    "f:1:2: \"*\" and \"&\" begin what is not supported; put "
		    "the value in quotes\n" },
		{ "a: &x [1]\n",
		    "f:1:4: anchors (&name) are not supported; write the value "
		    "out, or quote it\n" },
		{ "a: !!str 1\n",
		    "f:1:4: tags (!name) are not supported; quote a value that "
		    "starts with \"!\"\n" },
		{ "a: !x {}\n", "f:1:4: tags (!name) are not supported; quote a value that "
				"starts with \"!\"\n" },
		{ "a: 1\n---\nb: 2\n",
		    "f:2:1: a second document; a configuration file has one\n" },
		{ "a: 1\n...\nb: 2\n",
		    "f:3:1: nothing may follow the end of the document\n" },
		{ "a:\n\tb: 1\n", "f:2:1: a tab cannot indent; use blanks\n" },
		{ "a:\n  - b\n\t- c\n", "f:3:1: a tab cannot indent; use blanks\n" },
		{ "a: b: c\n",
		    "f:1:5: a \":\" cannot stand here; look at the indentation, and "
		    "put a value that has \": \" in it in quotes\n" },
		{ "a: 1\n b: 2\n",
		    "f:2:3: a \":\" cannot stand here; look at the indentation, "
		    "and put a value that has \": \" in it in quotes\n" },
		{ "a: [1, 2\nb: 3\n", "f:2:2: \",\" or \"]\" is missing\n" },
		{ "a: {b: 1\n", "f:2:1: \",\" or \"}\" is missing\n" },
		{ "a: @b\n",
		    "f:1:4: a value cannot start with this character; put it in quotes\n" },
		{ "a: \"b\n", "f:2:1: the quotes are not closed\n" },
		{ "a: \"\\q\"\n", "f:1:5: an escape that YAML does not know; use '...'\n" },
		{ "a: \"x\\0y\"\n", "f:1:4: a NUL in a value\n" },
		{ "a: \x01\n", "f:1:4: a control character\n" },
		{ "[a]: b\n",
		    "f:1:1: a key has to be text, no list or map; quote what starts "
		    "with [ or {\n" },
		{ "a: \xFF\n", "f:1:4: not YAML: invalid leading UTF-8 octet\n" },
		{ "a: 1\nb\n", "f:3:1: a key without \":\" and a value\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct problems problems = { 0 };
		struct yaml_node *tree = PARSE(cases[i].text, &problems);
		CLEAN(string) char *told = fixture_print(&problems);

		assert_string_equal(told, cases[i].told);
		assert_null(tree);
	}
}

static void
test_a_nul_byte_is_refused_where_it_stands(void **state)
{
	static const char text[] = "a: 1\nb: \0 2\n";
	struct problems problems = { 0 };
	CLEAN(string) char *told = NULL;

	(void)state;
	assert_null(yaml_parse("f", text, sizeof(text) - 1, &problems));
	told = fixture_print(&problems);
	assert_string_equal(told, "f:2:4: a NUL byte; is this a text file in UTF-8?\n");
}

static void
test_duplicate_keys_name_both_lines_and_keep_the_tree(void **state)
{
	struct problems problems = { 0 };
	CLEAN(yaml_tree)
	struct yaml_node *tree =
	    PARSE("b: 1\na: {x: 1, y: 2, x: 3}\nb: 2\nb: 3\n", &problems);
	CLEAN(string) char *told = NULL;

	(void)state;
	assert_non_null(tree);
	assert_int_equal(problems.errors, 3);
	problems_sort(&problems, 0);
	told = fixture_print(&problems);
	assert_string_equal(told, "f:2:17: duplicate key \"x\"; the first is in line 2\n"
				  "f:3:1: duplicate key \"b\"; the first is in line 1\n"
				  "f:4:1: duplicate key \"b\"; the first is in line 1\n");
}

/* ---- bombs ---- */

static char *
repeat(const char *unit, size_t times)
{
	struct text t = { 0 };

	for (size_t i = 0; i < times; i++)
		text_add_bytes(&t, unit, strlen(unit));
	return text_take(&t);
}

static void
test_bombs_are_refused_at_once(void **state)
{
	static const struct {
		const char *unit;
		size_t times;
		const char *told; /* how it begins */
	} cases[] = {
		{ "[", 400000, "f:1:33: nested more than 32 deep\n" },
		{ "{a: ", 50000, "f:1:129: nested more than 32 deep\n" },
		{ "- ", 500000, "f:1:65: nested more than 32 deep\n" },
		{ "? ", 500000, "f:1:3: a key has to be text" },
		{ "x", 10000000,
		    "f:1:1: larger than 1 MiB; spread it over several files\n" },
		{ "- a\n", 200000, "f:99998:3: more than 100,000 keys" },
		{ "a: b\n", 150000, "f:49999:4: more than 100,000 keys" },
		{ "a: b\n", 40000, "f:2:1: duplicate key \"a\"; the first is in line 1\n" },
		{ "\t", 1000000, NULL },
		{ "\n", 1000000, NULL },
		{ "#", 1000000, NULL },
		{ "\"", 1000000, NULL },
		{ "'", 1000000, NULL },
		{ "%", 1000000, NULL },
		{ "a ", 500000, NULL },
		{ "[a, ", 250000, NULL },
		{ "{? ", 300000, NULL },
		{ "!", 1000000, NULL },
		{ "&a ", 300000, NULL },
		{ "*a ", 300000, NULL },
		{ "---\n", 250000, NULL },
		{ ": ", 500000, NULL },
		{ "{,", 500000, NULL },
		{ "|\n", 500000, NULL },
		{ "\xEF\xBB\xBF", 300000, NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(string) char *text = repeat(cases[i].unit, cases[i].times);
		CLEAN(string) char *told = NULL;
		struct problems problems = { 0 };
		clock_t start = clock();

		yaml_tree_free(PARSE(text, &problems));
		/* 50 ms without sanitizers; a bomb takes a minute. */
		assert_true(clock() - start < 2 * CLOCKS_PER_SEC);
		assert_true(problems.count <= 2002);
		told = fixture_print(&problems);
		if (cases[i].told != NULL)
			assert_true(str_starts(told, cases[i].told));
	}
}

static void
test_aliases_in_billions_are_refused(void **state)
{
	static const char text[] = "a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\n"
				   "c: &c [*b, *b, *b, *b]\n";
	struct problems problems = { 0 };

	(void)state;
	assert_null(PARSE(text, &problems));
	assert_int_equal(problems.count, 1);
	problems_clear(&problems);
}

static void
test_problems_in_thousands_are_cut_short(void **state)
{
	struct problems problems = { 0 };
	CLEAN(string) char *last = NULL;

	(void)state;
	for (unsigned i = 1; i <= 5000; i++) {
		problems_add(&problems, "f", i, 1, "%s", "wrong");
		problems_warn(&problems, "f", i, 1, "%s", "odd");
	}
	assert_int_equal(problems.count, 2002);
	assert_int_equal(problems.errors, 1001);
	last = problem_print(&problems.list[2001]);
	assert_string_equal(last,
	    "f:1001:1: warning: and more like these, which are not shown");
	problems_clear(&problems);
}

static void
test_what_is_printed_harms_no_terminal(void **state)
{
	struct problems problems = { 0 };
	CLEAN(string) char *told = NULL;

	(void)state;
	problems_add(&problems, "a\x1B[2Jb", 1, 2, "key \"%s\"", "\x1B]0;x\x07\n");
	told = fixture_print(&problems);
	assert_string_equal(told, "a?[2Jb:1:2: key \"?]0;x? \"\n");
}

/* ---- files ---- */

static void
load_file(const char *name, const char *expected)
{
	CLEAN(string) char *path = fixture_path(name);
	CLEAN(string) char *told = NULL;
	struct problems problems = { 0 };

	yaml_tree_free(yaml_load(path, &problems));
	told = fixture_print(&problems);
	assert_string_equal(told, expected);
}

static void
test_only_plain_files_of_ours_are_read(void **state)
{
	CLEAN(string) char *huge = repeat("#", 2000000);

	(void)state;
	fixture_write("good.yaml", "a: b\n");
	load_file("good.yaml", "");
	load_file("none.yaml", "none.yaml:1:1: cannot read this file: No such file or "
			       "directory\n");
	load_file("certs.d", "certs.d:1:1: not a regular file\n");
	fixture_write("huge.yaml", huge);
	load_file("huge.yaml",
	    "huge.yaml:1:1: larger than 1 MiB; spread it over several files\n");
	fixture_write_mode("group.yaml", "a: b\n", 0660);
	load_file("group.yaml",
	    "group.yaml:1:1: others than its owner may write this file; "
	    "run: chmod go-w group.yaml\n");
	fixture_write_mode("world.yaml", "a: b\n", 0646);
	load_file("world.yaml",
	    "world.yaml:1:1: others than its owner may write this file; "
	    "run: chmod go-w world.yaml\n");
}

static void
test_a_file_of_somebody_else_is_refused(void **state)
{
	CLEAN(string)
	char *expected =
	    xasprintf("other.yaml:1:1: the file belongs to user 12345; it has to be "
		      "root's, or that of the user acmed runs as (%lu)\n",
		(unsigned long)geteuid());

	(void)state;
	fixture_write("other.yaml", "a: b\n");
	owner_told = 12345;
	load_file("other.yaml", expected);
	owner_told = 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_tree_knows_every_place),
		cmocka_unit_test(test_what_cannot_be_read_is_said_to_be),
		cmocka_unit_test(test_a_nul_byte_is_refused_where_it_stands),
		cmocka_unit_test(test_duplicate_keys_name_both_lines_and_keep_the_tree),
		cmocka_unit_test(test_bombs_are_refused_at_once),
		cmocka_unit_test(test_aliases_in_billions_are_refused),
		cmocka_unit_test(test_problems_in_thousands_are_cut_short),
		cmocka_unit_test(test_what_is_printed_harms_no_terminal),
		cmocka_unit_test_setup_teardown(test_only_plain_files_of_ours_are_read,
		    fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(test_a_file_of_somebody_else_is_refused,
		    fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests_name("yaml", tests, NULL, NULL);
}
