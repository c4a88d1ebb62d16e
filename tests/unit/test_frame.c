/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/frame.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

static void
test_all_messages_of_one_packet_are_taken(void **state)
{
	static const char bytes[] = "{\"method\":\"a\"}\0{ }\0{\"method\":\"b\"}\0{\"meth";
	static const char *const methods[] = { "a", NULL, "b" };
	const char *at = bytes;
	size_t left = sizeof(bytes) - 1, used = 0;
	struct json_object *message = NULL;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(methods); i++) {
		assert_int_equal(frame_next(at, left, &used, &message, &err),
		    FRAME_MESSAGE);
		assert_true(str_eq(json_get_string(message, "method"), methods[i]));
		json_free(message);
		at += used;
		left -= used;
	}
	assert_int_equal(frame_next(at, left, &used, &message, &err), FRAME_INCOMPLETE);
	assert_string_equal(at, "{\"meth");
}

static void
test_a_message_may_come_byte_by_byte(void **state)
{
	static const char bytes[] = "{\"method\":\"a\"}"; /* and its NUL */
	size_t used = 7;
	struct json_object *message = NULL;
	struct err err = { 0 };

	(void)state;
	for (size_t length = 0; length < sizeof(bytes); length++)
		assert_int_equal(frame_next(bytes, length, &used, &message, &err),
		    FRAME_INCOMPLETE);
	assert_int_equal(frame_next(NULL, 0, &used, &message, &err), FRAME_INCOMPLETE);
	assert_int_equal(used, 7);
	assert_null(message);
	assert_int_equal(frame_next(bytes, sizeof(bytes), &used, &message, &err),
	    FRAME_MESSAGE);
	assert_int_equal(used, sizeof(bytes));
	json_free(message);
}

static void
test_what_is_no_object_breaks_the_connection(void **state)
{
	static const struct {
		const char *bytes;
		const char *text;
	} cases[] = {
		{ "", "not JSON at offset 0: it ends too early" },
		{ "GET / HTTP/1.1\r\n", "not JSON at offset 0: not a value" },
		{ "{\"a\":1", "not JSON at offset 6: it ends too early" },
		{ "{'a':1}", "not JSON at offset 1: not a name in double quotes" },
		{ "{\"a\":1,\"a\":1}", "not JSON: two members of one name" },
		{ "[]", "a message that is not a JSON object" },
		{ "7", "a message that is not a JSON object" },
		{ "null", "not JSON: nothing but null" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		size_t used = 7;
		struct json_object *message = NULL;
		struct err err = { 0 };

		assert_int_equal(frame_next(cases[i].bytes, strlen(cases[i].bytes) + 1,
				     &used, &message, &err),
		    FRAME_BROKEN);
		assert_int_equal(err.kind, ERR_PROTOCOL);
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(used, 7);
		assert_null(message);
	}
}

static void
test_a_message_has_a_mebibyte_at_most(void **state)
{
	CLEAN(string) char *bytes = xcalloc(1, FRAME_MAX + 2);
	size_t used = 0;
	struct json_object *message = NULL;
	struct err err = { 0 };

	(void)state;
	memset(bytes, ' ', FRAME_MAX + 2);
	memcpy(bytes, "{}", 2);
	assert_int_equal(frame_next(bytes, FRAME_MAX, &used, &message, &err),
	    FRAME_INCOMPLETE);
	bytes[FRAME_MAX] = '\0';
	assert_int_equal(frame_next(bytes, FRAME_MAX + 1, &used, &message, &err),
	    FRAME_MESSAGE);
	assert_int_equal(used, FRAME_MAX + 1);
	json_free(message);

	bytes[FRAME_MAX] = ' ';
	assert_int_equal(frame_next(bytes, FRAME_MAX + 1, &used, &message, &err),
	    FRAME_BROKEN);
	assert_string_equal(err.text, "a message of more than 1048576 bytes");
	/* A NUL that comes too late does not make it better. */
	bytes[FRAME_MAX + 1] = '\0';
	assert_int_equal(frame_next(bytes, FRAME_MAX + 2, &used, &message, &err),
	    FRAME_BROKEN);
}

static void
test_what_is_printed_is_read(void **state)
{
	CLEAN(json) struct json_object *message = json_object_new_object();
	CLEAN(json) struct json_object *again = NULL;
	CLEAN(string) char *bytes = NULL;
	size_t length = 0, used = 0;
	struct err err = { 0 };

	(void)state;
	json_add_string(message, "text", "one\ntwo/\xC3\xBC");
	bytes = frame_print(message, &length);
	assert_int_equal(length, sizeof("{\"text\":\"one\\ntwo/\xC3\xBC\"}"));
	assert_int_equal(bytes[length - 1], '\0');
	assert_int_equal(frame_next(bytes, length, &used, &again, &err), FRAME_MESSAGE);
	assert_int_equal(used, length);
	assert_true(json_object_equal(message, again));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_messages_of_one_packet_are_taken),
		cmocka_unit_test(test_a_message_may_come_byte_by_byte),
		cmocka_unit_test(test_what_is_no_object_breaks_the_connection),
		cmocka_unit_test(test_a_message_has_a_mebibyte_at_most),
		cmocka_unit_test(test_what_is_printed_is_read),
	};

	return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
