/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/json.h"
#include "common/str.h"

/* The length of a literal: some have NULs inside. */
#define TEXT(s) s, sizeof(s) - 1

static void
test_json_is_read_and_printed(void **state)
{
	static const struct {
		const char *in;
		size_t length;
		const char *out;
	} cases[] = {
		{ TEXT("{}"), "{}" },
		{ TEXT(" \t\r\n[ ] \n"), "[]" },
		{ TEXT("{ \"a\" : 1 , \"b\" : [ true , false , null ] }"),
		    "{\"a\":1,\"b\":[true,false,null]}" },
		{ TEXT("7"), "7" },
		{ TEXT("-0"), "0" },
		{ TEXT("0.5"), "0.5" },
		{ TEXT("1e3"), "1e3" },
		{ TEXT("1E+3"), "1E+3" },
		{ TEXT("-1.25e-3"), "-1.25e-3" },
		{ TEXT("9223372036854775807"), "9223372036854775807" },
		{ TEXT("-9223372036854775808"), "-9223372036854775808" },
		{ TEXT("true"), "true" },
		{ TEXT("\"\""), "\"\"" },
		{ TEXT("\"a/b\""), "\"a/b\"" },
		{ TEXT("\"a\\/b\""), "\"a/b\"" },
		{ TEXT("\"\\\"\\\\\\b\\f\\n\\r\\t\""), "\"\\\"\\\\\\b\\f\\n\\r\\t\"" },
		{ TEXT("\"\\u00fC\\u20ac\""), "\"\xC3\xBC\xE2\x82\xAC\"" },
		{ TEXT("\"\\ud83d\\udd11\""), "\"\xF0\x9F\x94\x91\"" },
		{ TEXT("\"\\uD83D\\uDD11x\""), "\"\xF0\x9F\x94\x91x\"" },
		{ TEXT("\"\xF0\x9F\x94\x91\""), "\"\xF0\x9F\x94\x91\"" },
		{ TEXT("\"\\u0000\""), "\"\\u0000\"" },
		{ TEXT("\"\x7F\""), "\"\x7F\"" },
		{ TEXT("{\"\":1}"), "{\"\":1}" },
		{ TEXT("{\"b\":1,\"a\":{\"b\":2}}"), "{\"b\":1,\"a\":{\"b\":2}}" },
		{ TEXT("[[],{},[{}]]"), "[[],{},[{}]]" },
		{ TEXT("[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]"),
		    "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };
		CLEAN(json)
		struct json_object *doc = json_parse(cases[i].in, cases[i].length, &err);
		CLEAN(string) char *printed = json_print(doc);

		assert_string_equal(err.text, "");
		assert_non_null(doc);
		assert_string_equal(printed, cases[i].out);
	}
}

static const struct {
	const char *in;
	size_t length;
	const char *text; /* after "not JSON" */
} broken[] = {
	/* cut */
	{ TEXT(""), " at offset 0: it ends too early" },
	{ TEXT("  "), " at offset 2: it ends too early" },
	{ TEXT("{"), " at offset 1: it ends too early" },
	{ TEXT("{\"a\""), " at offset 4: it ends too early" },
	{ TEXT("{\"a\":"), " at offset 5: it ends too early" },
	{ TEXT("{\"a\":1"), " at offset 6: it ends too early" },
	{ TEXT("{\"a\":1,"), " at offset 7: it ends too early" },
	{ TEXT("[1,"), " at offset 3: it ends too early" },
	{ TEXT("\"abc"), " at offset 4: it ends too early" },
	{ TEXT("\"abc\\"), " at offset 5: it ends too early" },
	{ TEXT("\"\\u12"), " at offset 5: it ends too early" },
	{ TEXT("-"), " at offset 1: it ends too early" },
	{ TEXT("1."), " at offset 2: it ends too early" },
	{ TEXT("1e"), " at offset 2: it ends too early" },
	/* something after it */
	{ TEXT("{} {}"), " at offset 3: something after the value" },
	{ TEXT("{}x"), " at offset 2: something after the value" },
	{ TEXT("{}\0"), " at offset 2: something after the value" },
	{ TEXT("1 2"), " at offset 2: something after the value" },
	{ TEXT("01"), " at offset 1: something after the value" },
	{ TEXT("truex"), " at offset 4: something after the value" },
	{ TEXT("]"), " at offset 0: not a value" },
	{ TEXT("[]]"), " at offset 2: something after the value" },
	/* what json-c lets through */
	{ TEXT("{'a':1}"), " at offset 1: not a name in double quotes" },
	{ TEXT("{\"a\":'b'}"), " at offset 5: not a value" },
	{ TEXT("NaN"), " at offset 0: not a value" },
	{ TEXT("[nan]"), " at offset 1: not a value" },
	{ TEXT("[Infinity]"), " at offset 1: not a value" },
	{ TEXT("[-Infinity]"), " at offset 2: not a digit" },
	{ TEXT("/* c */{}"), " at offset 0: not a value" },
	{ TEXT("{}// c"), " at offset 2: something after the value" },
	{ TEXT("[1/**/]"), " at offset 2: not a comma or ]" },
	{ TEXT("[TRUE]"), " at offset 1: not a value" },
	{ TEXT("Null"), " at offset 0: not a value" },
	{ TEXT("nul"), " at offset 0: not a value" },
	{ TEXT("{\"a\":1,\"a\":2}"), ": two members of one name" },
	{ TEXT("[{\"a\":1,\"\\u0061\":1}]"), ": two members of one name" },
	{ TEXT("{\"a\":null,\"a\":null}"), ": two members of one name" },
	{ TEXT("{\"a\\u0000b\":1}"), " at offset 3: a NUL character in a name" },
	{ TEXT("\"\\ud800\""), " at offset 1: half a surrogate pair" },
	{ TEXT("\"\\udc00\""), " at offset 1: half a surrogate pair" },
	{ TEXT("\"x\\ud800\\ud800\""), " at offset 2: half a surrogate pair" },
	{ TEXT("\"\\ud800\\n\""), " at offset 1: half a surrogate pair" },
	{ TEXT("\"\\udd11\\ud83d\""), " at offset 1: half a surrogate pair" },
	{ TEXT("\"\\ud800"), " at offset 1: half a surrogate pair" },
	{ TEXT("18446744073709551616"), " at offset 0: a number too large" },
	{ TEXT("[9223372036854775808]"), " at offset 1: a number too large" },
	{ TEXT("-9223372036854775809"), " at offset 0: a number too large" },
	{ TEXT("1e400"), " at offset 0: a number too large" },
	{ TEXT("1111111111111111111111111111111111111111111111111111111111111111"),
	    " at offset 0: a number of too many digits" },
	/* bytes */
	{ TEXT("\"a\nb\""), " at offset 2: a control character in a string" },
	{ TEXT("\"a\0b\""), " at offset 2: a control character in a string" },
	{ TEXT("\"\x1F\""), " at offset 1: a control character in a string" },
	{ TEXT("\"\xFF\""), " at offset 1: not UTF-8" },
	{ TEXT("\"\xC3\""), " at offset 1: not UTF-8" },
	{ TEXT("\"\xC0\x80\""), " at offset 1: not UTF-8" },
	{ TEXT("\"\xED\xA0\x80\""), " at offset 1: not UTF-8" },
	{ TEXT("{\"\x80\":1}"), " at offset 2: not UTF-8" },
	{ TEXT("\xEF\xBB\xBF{}"), " at offset 0: not a value" },
	{ TEXT("{\0}"), " at offset 1: not a name in double quotes" },
	{ TEXT("[\f]"), " at offset 1: not a value" },
	{ TEXT("\xC2\xA0{}"), " at offset 0: not a value" },
	/* grammar */
	{ TEXT("{\"a\" 1}"), " at offset 5: not a colon" },
	{ TEXT("{\"a\":1 \"b\":2}"), " at offset 7: not a comma or }" },
	{ TEXT("{\"a\":1,}"), " at offset 7: not a name in double quotes" },
	{ TEXT("{,}"), " at offset 1: not a name in double quotes" },
	{ TEXT("{a:1}"), " at offset 1: not a name in double quotes" },
	{ TEXT("{1:1}"), " at offset 1: not a name in double quotes" },
	{ TEXT("{\"a\":}"), " at offset 5: not a value" },
	{ TEXT("{\"a\"}"), " at offset 4: not a colon" },
	{ TEXT("[1,]"), " at offset 3: not a value" },
	{ TEXT("[,1]"), " at offset 1: not a value" },
	{ TEXT("[1 2]"), " at offset 3: not a comma or ]" },
	{ TEXT("[1}"), " at offset 2: not a comma or ]" },
	{ TEXT("{\"a\":1]"), " at offset 6: not a comma or }" },
	{ TEXT("[:]"), " at offset 1: not a value" },
	{ TEXT("+1"), " at offset 0: not a value" },
	{ TEXT(".5"), " at offset 0: not a value" },
	{ TEXT("[1.]"), " at offset 3: not a digit" },
	{ TEXT("[-a]"), " at offset 2: not a digit" },
	{ TEXT("[1e+]"), " at offset 4: not a digit" },
	{ TEXT("[0x10]"), " at offset 2: not a comma or ]" },
	{ TEXT("[00]"), " at offset 2: not a comma or ]" },
	{ TEXT("\"\\x41\""), " at offset 2: not an escape" },
	{ TEXT("\"\\u00g0\""), " at offset 5: not a hex digit" },
	{ TEXT("\"\\\0\""), " at offset 2: not an escape" },
	/* depth */
	{ TEXT("[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]"), " at offset 16: too many levels" },
	{ TEXT("[[[[[[[[[[[[[[[[{}]]]]]]]]]]]]]]]]"), " at offset 16: too many levels" },
	/* RFC 8259, but no document */
	{ TEXT("null"), ": nothing but null" },
};

static void
test_what_is_not_json_is_said_to_be_and_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(broken); i++) {
		struct err err = { 0 };

		assert_null(json_parse(broken[i].in, broken[i].length, &err));
		assert_int_equal(err.kind, ERR_PROTOCOL);
		assert_true(str_starts(err.text, "not JSON"));
		assert_string_equal(err.text + strlen("not JSON"), broken[i].text);
	}
}

static void
test_no_beginning_of_a_document_is_one(void **state)
{
	static const char text[] = "{\"a\":[1.5e1,true,null,\"\\u20ac\xC3\xBC\"],\"b\":{}}";

	(void)state;
	for (size_t length = 0; length < sizeof(text) - 1; length++) {
		/* On the heap, so that reading too far is seen. */
		CLEAN(string) char *cut = malloc(length + 1);
		struct err err = { 0 };

		memcpy(cut, text, length);
		assert_null(json_parse(cut, length, &err));
	}
}

static struct json_object *
sample(void)
{
	static const char text[] = "{\"s\":\"x\",\"nul\":\"a\\u0000b\",\"i\":7,\"d\":7.0,"
				   "\"b\":true,\"n\":null,\"a\":[\"p\",\"q\"],"
				   "\"mixed\":[\"p\",7],\"inner\":[\"a\\u0000\"],"
				   "\"o\":{\"k\":\"v\"}}";
	struct err err = { 0 };
	struct json_object *doc = json_parse(text, sizeof(text) - 1, &err);

	assert_non_null(doc);
	return doc;
}

static void
test_a_wrong_type_counts_as_absent(void **state)
{
	CLEAN(json) struct json_object *doc = sample();

	(void)state;
	assert_string_equal(json_get_string(doc, "s"), "x");
	assert_null(json_get_string(doc, "i"));
	assert_null(json_get_string(doc, "nul"));
	assert_null(json_get_string(doc, "n"));
	assert_null(json_get_string(doc, "none"));
	assert_null(json_get_string(NULL, "s"));
	assert_null(json_get_string(json_get_array(doc, "a"), "s"));
	assert_int_equal(json_object_array_length(json_get_array(doc, "a")), 2);
	assert_null(json_get_array(doc, "o"));
	assert_string_equal(json_get_string(json_get_object(doc, "o"), "k"), "v");
	assert_null(json_get_object(doc, "a"));
	assert_true(json_get_bool(doc, "b", false));
	assert_true(json_get_bool(doc, "i", true));
	assert_false(json_get_bool(doc, "none", false));
	assert_int_equal(json_get_int(doc, "i", -1), 7);
	assert_int_equal(json_get_int(doc, "d", -1), -1);
	assert_int_equal(json_get_int(doc, "s", -1), -1);
	assert_int_equal(json_get_int(doc, "b", -1), -1);
}

static void
test_what_is_needed_is_named(void **state)
{
	CLEAN(json) struct json_object *doc = sample();
	const char *s = "before";
	struct json_object *value = doc;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(json_need_string(doc, "s", &s, &err), 0);
	assert_string_equal(s, "x");
	assert_int_equal(json_need_string(doc, "status", &s, &err), -1);
	assert_int_equal(err.kind, ERR_PROTOCOL);
	assert_string_equal(err.text, "no \"status\"");
	assert_string_equal(s, "x");
	assert_int_equal(json_need_array(doc, "o", &value, &err), -1);
	assert_string_equal(err.text, "no \"o\"");
	assert_int_equal(json_need_object(doc, "a", &value, &err), -1);
	assert_string_equal(err.text, "no \"a\"");
	assert_ptr_equal(value, doc);
	assert_int_equal(json_need_array(doc, "a", &value, &err), 0);
	assert_int_equal(json_need_object(doc, "o", &value, &err), 0);
}

static void
test_lists_of_strings_hold_strings_only(void **state)
{
	CLEAN(json) struct json_object *doc = sample();
	struct err err = { 0 };
	CLEAN(strv) char **list = json_need_strings(doc, "a", &err);

	(void)state;
	assert_int_equal(strv_length((const char *const *)list), 2);
	assert_string_equal(list[1], "q");
	assert_null(json_need_strings(doc, "mixed", &err));
	assert_string_equal(err.text, "\"mixed\": not all are strings");
	assert_null(json_need_strings(doc, "inner", &err));
	assert_string_equal(err.text, "\"inner\": not all are strings");
	assert_null(json_need_strings(doc, "s", &err));
	assert_string_equal(err.text, "no \"s\"");
}

static void
test_documents_are_built(void **state)
{
	static const char *const list[] = { "a", "b", NULL };
	CLEAN(json) struct json_object *doc = json_object_new_object();
	CLEAN(string) char *text = NULL;
	struct err err = { 0 };

	(void)state;
	json_add_string(doc, "url", "https://ca.example/x");
	json_add_string(doc, "none", NULL);
	json_add_string(doc, "bytes", "a\xFF\xC3\xBC\n");
	json_add_int(doc, "int", INT64_MIN);
	json_add_bool(doc, "bool", false);
	json_add_time(doc, "at", 1777636800);
	json_add_time(doc, "never", 0);
	json_add_strings(doc, "list", list);
	json_add_strings(doc, "empty", NULL);
	text = json_print(doc);
	assert_string_equal(text, "{\"url\":\"https://ca.example/x\","
				  "\"bytes\":\"a?\xC3\xBC\\n\","
				  "\"int\":-9223372036854775808,\"bool\":false,"
				  "\"at\":\"2026-05-01T12:00:00Z\","
				  "\"list\":[\"a\",\"b\"],\"empty\":[]}");
	json_free(doc);
	doc = json_parse(text, strlen(text), &err); /* we read what we write */
	assert_non_null(doc);
}

static void
test_a_member_fits_its_type_or_is_not_there(void **state)
{
	struct err err = { 0 };
	static const char text[] = "{\"text\":\"x\",\"none\":null}";
	CLEAN(json) struct json_object *doc = json_parse(text, strlen(text), &err);

	(void)state;
	assert_non_null(doc);
	assert_true(json_fits(doc, "text", json_type_string));
	assert_false(json_fits(doc, "text", json_type_boolean));
	assert_false(json_fits(doc, "text", json_type_null));
	assert_true(json_fits(doc, "none", json_type_string));
	assert_true(json_fits(doc, "none", json_type_null));
	assert_true(json_fits(doc, "absent", json_type_object));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_is_read_and_printed),
		cmocka_unit_test(test_what_is_not_json_is_said_to_be_and_where),
		cmocka_unit_test(test_no_beginning_of_a_document_is_one),
		cmocka_unit_test(test_a_wrong_type_counts_as_absent),
		cmocka_unit_test(test_what_is_needed_is_named),
		cmocka_unit_test(test_lists_of_strings_hold_strings_only),
		cmocka_unit_test(test_documents_are_built),
		cmocka_unit_test(test_a_member_fits_its_type_or_is_not_there),
	};

	return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
