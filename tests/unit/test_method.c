/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/mem.h"
#include "common/method.h"
#include "common/str.h"

static void
test_methods_are_found_by_their_qualified_name(void **state)
{
	static const char *const wrong[] = { "", "Status", "io.acmed", "io.acmed.",
		"io.acmed.status", "io.acmed.Status ", "io.acmed.Statu", "io.acmedStatus",
		"org.varlink.service.GetInfo", "IO.ACMED.Status",
		"io.acmed.io.acmed.Status" };

	(void)state;
	for (unsigned i = 0; i < METHOD_COUNT; i++) {
		CLEAN(string)
		char *name = xasprintf(METHOD_INTERFACE ".%s", method_info[i].name);

		assert_int_equal(method_find(name), i);
		assert_true(strlen(method_info[i].help) > 0);
	}
	assert_int_equal(method_find("io.acmed.SetLogLevel"), METHOD_set_log_level);
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(method_find(wrong[i]), METHOD_COUNT);
	assert_int_equal(method_find(NULL), METHOD_COUNT);
}

static void
test_what_changes_something_is_marked(void **state)
{
	static const enum method changing[] = { METHOD_issue, METHOD_renew, METHOD_rollback,
		METHOD_hold, METHOD_resume, METHOD_reload, METHOD_set_log_level };
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(changing); i++)
		assert_true(method_info[changing[i]].flags & METHOD_CHANGES);
	for (unsigned i = 0; i < METHOD_COUNT; i++)
		n += (method_info[i].flags & METHOD_CHANGES) != 0;
	assert_int_equal(n, COUNT(changing));
}

static void
test_every_method_is_in_the_interface_definition(void **state)
{
	(void)state;
	assert_non_null(
	    strstr(method_interface_text, "\ninterface " METHOD_INTERFACE "\n"));
	for (unsigned i = 0; i < METHOD_COUNT; i++) {
		CLEAN(string) char *line = xasprintf("\nmethod %s(", method_info[i].name);

		assert_non_null(strstr(method_interface_text, line));
	}
}

static void
test_every_method_of_the_interface_definition_is_known(void **state)
{
	static const char start[] = "\nmethod ";
	unsigned n = 0;

	(void)state;
	for (const char *at = strstr(method_interface_text, start); at != NULL;
	     at = strstr(at + 1, start)) {
		const char *name = at + strlen(start);
		CLEAN(string)
		char *qualified =
		    xasprintf(METHOD_INTERFACE ".%.*s", (int)strcspn(name, "("), name);

		assert_true(method_find(qualified) < METHOD_COUNT);
		n++;
	}
	assert_int_equal(n, METHOD_COUNT);
}

/* ---- the grammar of Varlink's interface definitions, in as far as we use it ---- */

static const char *parse_type(const char *s);

static const char *
skip_blanks(const char *s)
{
	while (*s == ' ' || *s == '\n' || *s == '#')
		s += *s == '#' ? strcspn(s, "\n") : 1;
	return s;
}

/* After the word, or NULL. */
static const char *
expect(const char *s, const char *word)
{
	s = s != NULL ? skip_blanks(s) : NULL;
	return str_starts(s, word) ? s + strlen(word) : NULL;
}

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* A name that begins like this. */
static const char *
parse_name(const char *s, const char *first)
{
	s = s != NULL ? skip_blanks(s) : NULL;
	if (s == NULL || *s == '\0' || strchr(first, *s) == NULL)
		return NULL;
	return s + strspn(s, LOWER UPPER "0123456789_");
}

/* "(name: type, ...)" */
static const char *
parse_struct(const char *s)
{
	const char *next = expect(s, "(");

	if (expect(next, ")") != NULL)
		return expect(next, ")");
	do {
		next = parse_name(next, LOWER UPPER);
		next = expect(next, ":");
		next = next != NULL ? parse_type(next) : NULL;
		s = next;
		next = expect(s, ",");
	} while (next != NULL);
	return expect(s, ")");
}

static const char *
parse_type(const char *s)
{
	static const char *const builtin[] = { "bool", "int", "float", "string", "object",
		NULL };
	const char *end;
	CLEAN(string) char *word = NULL;

	s = skip_blanks(s);
	s += *s == '?';
	while (str_starts(s, "[]"))
		s += 2;
	if (*s == '(')
		return parse_struct(s);
	end = parse_name(s, LOWER UPPER);
	if (end == NULL)
		return NULL;
	word = xstrndup(s, (size_t)(end - s));
	if (strv_contains(builtin, word))
		return end;
	/* A type of our own is defined somewhere. */
	{
		CLEAN(string) char *definition = xasprintf("\ntype %s (", word);

		return strstr(method_interface_text, definition) != NULL ? end : NULL;
	}
}

/* A type, a method or an error; NULL where it is none. */
static const char *
parse_member(const char *s)
{
	const char *name = expect(s, "type ");

	if (name == NULL)
		name = expect(s, "error ");
	if (name != NULL) {
		name = parse_name(name, UPPER);
		return name != NULL ? parse_struct(name) : NULL;
	}
	s = parse_name(expect(s, "method "), UPPER);
	s = s != NULL ? expect(parse_struct(s), "->") : NULL;
	return s != NULL ? parse_struct(s) : NULL;
}

static void
test_the_interface_definition_is_varlink(void **state)
{
	const char *s = expect(method_interface_text, "interface " METHOD_INTERFACE "\n");

	(void)state;
	assert_non_null(s);
	for (s = skip_blanks(s); *s != '\0'; s = skip_blanks(s)) {
		const char *next = parse_member(s);

		if (next == NULL)
			fail_msg("not Varlink: %.60s", s);
		s = next;
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods_are_found_by_their_qualified_name),
		cmocka_unit_test(test_what_changes_something_is_marked),
		cmocka_unit_test(test_every_method_is_in_the_interface_definition),
		cmocka_unit_test(test_every_method_of_the_interface_definition_is_known),
		cmocka_unit_test(test_the_interface_definition_is_varlink),
	};

	return cmocka_run_group_tests_name("method", tests, NULL, NULL);
}
