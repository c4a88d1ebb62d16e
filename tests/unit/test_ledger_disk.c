/* SPDX-License-Identifier: ISC */
/* What outlives the process: test_ledger.c has the rest. */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "daemon/renew/ledger.h"

#define NOW  ((time_t)1772323200) /* 2026-03-01T00:00:00Z */
#define HOUR ((time_t)3600)
#define DAY  (24 * HOUR)

static const struct ledger_budget failed = { 5, HOUR };

/* xorshift: the same numbers every time. */
static uint64_t
chance(void)
{
	static uint64_t seed = 0x9E3779B97F4A7C15;

	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void
take(struct ledger *l, const char *what, struct ledger_budget b, time_t now)
{
	ledger_take(l, LEDGER_FAILED, "le", what, b, now);
}

static unsigned
left(const struct ledger *l, const char *what, struct ledger_budget b, time_t now)
{
	return ledger_left(l, LEDGER_FAILED, "le", what, b, now);
}

static char *
name_of(size_t i)
{
	return xasprintf("host%zu.example", i);
}

static struct json_object *
parse(const char *text)
{
	struct err err = { 0 };
	struct json_object *doc = json_parse(text, strlen(text), &err);

	assert_non_null(doc);
	return doc;
}

static struct json_object *
to_json(const struct ledger *l, time_t now)
{
	struct ledger_writer w = { 0 };
	CLEAN(string) char *text = NULL;
	struct json_object *doc;
	struct err err = { 0 };

	while (!ledger_write(l, now, &w))
		;
	text = text_take(&w.text);
	doc = json_parse(text, strlen(text), &err);
	assert_non_null(doc);
	return doc;
}

static void
test_it_is_written_as_promised(void **state)
{
	CLEAN(ledger) struct ledger *l = ledger_new();
	CLEAN(json) struct json_object *doc = NULL;
	CLEAN(json) struct json_object *later = NULL;
	CLEAN(string) char *text = NULL, *nothing = NULL;
	const struct ledger_budget seven = { 7, HOUR };

	(void)state;
	ledger_take(l, LEDGER_ORDERS, "le", "", seven, NOW);
	doc = to_json(l, NOW);
	text = json_print(doc);
	assert_string_equal(text,
	    "{\"entries\":[{\"kind\":\"orders\",\"who\":\"le\",\"what\":\"\","
	    "\"until\":\"2026-03-01T00:08:35Z\"}]}"); /* 514.3 s */
	later = to_json(l, NOW + 515);
	nothing = json_print(later);
	assert_string_equal(nothing, "{\"entries\":[]}");
}

static void
test_what_is_wrong_in_the_file_is_left_out(void **state)
{
	static const char *const wrong[] = {
		"[]",
		"{}",
		"{\"entries\":{}}",
		"{\"entries\":[null,1,\"x\",[],{}]}",
		"{\"entries\":[{\"kind\":\"orders\",\"who\":\"le\",\"what\":\"\"}]}",
		"{\"entries\":[{\"kind\":\"orders\",\"who\":\"le\",\"what\":\"\","
		"\"until\":1772326800}]}",
		"{\"entries\":[{\"kind\":\"orders\",\"who\":\"le\",\"what\":\"\","
		"\"until\":\"soon\"}]}",
		"{\"entries\":[{\"kind\":\"unknown\",\"who\":\"le\",\"what\":\"\","
		"\"until\":\"2026-03-01T01:00:00Z\"}]}",
		"{\"entries\":[{\"who\":\"le\",\"what\":\"\","
		"\"until\":\"2026-03-01T01:00:00Z\"}]}",
		"{\"entries\":[{\"kind\":\"orders\",\"what\":\"\","
		"\"until\":\"2026-03-01T01:00:00Z\"}]}",
		"{\"entries\":[{\"kind\":\"orders\",\"who\":7,\"what\":\"\","
		"\"until\":\"2026-03-01T01:00:00Z\"}]}",
		"{\"entries\":[{\"kind\":\"orders\",\"who\":\"le\","
		"\"until\":\"2026-03-01T01:00:00Z\"}]}",
		/* past, now, and from a clock that was wrong */
		"{\"entries\":[{\"kind\":\"orders\",\"who\":\"le\",\"what\":\"\","
		"\"until\":\"2026-02-28T23:59:59Z\"}]}",
		"{\"entries\":[{\"kind\":\"orders\",\"who\":\"le\",\"what\":\"\","
		"\"until\":\"2026-03-01T00:00:00Z\"}]}",
		"{\"entries\":[{\"kind\":\"orders\",\"who\":\"le\",\"what\":\"\","
		"\"until\":\"2027-03-02T00:00:01Z\"}]}",
		"{\"entries\":[{\"kind\":\"orders\",\"who\":\"le\",\"what\":\"\","
		"\"until\":\"9999-12-31T23:59:59Z\"}]}",
	};
	CLEAN(ledger) struct ledger *l = ledger_new();

	(void)state;
	ledger_read(l, NULL, NOW);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		CLEAN(json) struct json_object *doc = parse(wrong[i]);

		ledger_read(l, doc, NOW);
		assert_int_equal(ledger_count(l), 0);
	}
}

static void
test_a_key_without_end_is_left_out(void **state)
{
	char key[2000];

	(void)state;
	memset(key, 'a', sizeof(key));
	key[sizeof(key) - 1] = '\0';
	for (int i = 0; i < 2; i++) {
		CLEAN(ledger) struct ledger *l = ledger_new();
		CLEAN(json) struct json_object *doc = NULL;
		CLEAN(string)
		char *text = xasprintf(
		    "{\"entries\":[{\"kind\":\"failed\",\"who\":\"%s\",\"what\":\"%s\","
		    "\"until\":\"2026-03-01T01:00:00Z\",\"more\":1}]}",
		    i == 0 ? key : "le", i == 0 ? "le" : key);

		doc = parse(text);
		ledger_read(l, doc, NOW);
		assert_int_equal(ledger_count(l), 0);
	}
}

static void
test_the_later_of_two_counts(void **state)
{
	static const char text[] = "{\"entries\":["
				   "{\"kind\":\"failed\",\"who\":\"le\",\"what\":\"a\","
				   "\"until\":\"2026-03-01T00:30:00Z\"},"
				   "{\"kind\":\"failed\",\"who\":\"le\",\"what\":\"a\","
				   "\"until\":\"2026-03-01T01:00:00Z\"},"
				   "{\"kind\":\"failed\",\"who\":\"le\",\"what\":\"a\","
				   "\"until\":\"2026-03-01T00:10:00Z\"},"
				   "{\"kind\":\"failed\",\"who\":\"le\",\"what\":\"b\","
				   "\"until\":\"2026-03-01T00:12:00Z\"}]}";
	CLEAN(json) struct json_object *doc = parse(text);
	CLEAN(ledger) struct ledger *l = ledger_new();

	(void)state;
	take(l, "b", failed, NOW);
	take(l, "b", failed, NOW);
	ledger_read(l, doc, NOW);
	ledger_read(l, doc, NOW); /* twice is once */
	assert_int_equal(ledger_count(l), 2);
	assert_int_equal(left(l, "a", failed, NOW), 0);
	assert_int_equal(left(l, "b", failed, NOW), 3);
}

static void
assert_kept(struct ledger_budget b)
{
	CLEAN(ledger) struct ledger *l = ledger_new(), *again = ledger_new();
	CLEAN(json) struct json_object *doc = NULL;
	time_t now = NOW, before, after;

	for (uint64_t n = chance() % 20; n > 0; n--) {
		now += (time_t)(chance() % 3 * (chance() % (uint64_t)b.per) / b.limit);
		take(l, "n", b, now);
	}
	doc = to_json(l, now);
	ledger_read(again, doc, now);
	assert_true(left(again, "n", b, now) <= left(l, "n", b, now));
	before = ledger_next(l, LEDGER_FAILED, "le", "n", b, now);
	after = ledger_next(again, LEDGER_FAILED, "le", "n", b, now);
	assert_in_range(after - before, 0, 1);
}

static void
test_nothing_is_gained_by_a_restart(void **state)
{
	static const struct ledger_budget budgets[] = { { 300, 3 * HOUR }, { 5, 7 * DAY },
		{ 7, HOUR }, { 1, DAY }, { 1000, 60 }, { 1, 1 } };

	(void)state;
	for (int i = 0; i < 6000; i++)
		assert_kept(budgets[chance() % COUNT(budgets)]);
}

static void
test_what_changes_while_it_is_written_does_no_harm(void **state)
{
	CLEAN(ledger) struct ledger *l = ledger_new(), *again = ledger_new();
	CLEAN(json) struct json_object *doc = NULL;
	CLEAN(string) char *text = NULL;
	struct ledger_writer w = { 0 };
	struct err err = { 0 };
	unsigned pieces = 1;

	(void)state;
	for (size_t i = 0; i < 40000; i++) {
		CLEAN(string) char *name = name_of(i);

		take(l, name, failed, NOW);
	}
	/* The first pieces are written of a table that is another one by the end. */
	for (size_t i = 40000; !ledger_write(l, NOW, &w); pieces++)
		for (size_t end = i + (pieces < 4 ? 20000 : 0); i < end; i++) {
			CLEAN(string) char *name = name_of(i);

			take(l, name, failed, NOW);
		}
	assert_true(pieces > 4);
	text = text_take(&w.text);
	doc = json_parse(text, strlen(text), &err);
	assert_non_null(doc);
	ledger_read(again, doc, NOW);
	assert_in_range(ledger_count(again), 40000, ledger_count(l));
	for (size_t i = 0; i < 40000; i++) {
		CLEAN(string) char *name = name_of(i);

		assert_int_equal(left(again, name, failed, NOW), 4);
	}
}

static void
test_names_that_json_has_to_quote_are_kept(void **state)
{
	CLEAN(ledger) struct ledger *l = ledger_new(), *again = ledger_new();
	CLEAN(json) struct json_object *doc = NULL;

	(void)state;
	take(l, "a \"b\" \\ c", failed, NOW);
	take(l, "m\xc3\xbcller.example", failed, NOW);
	take(l, "plain.example", failed, NOW);
	doc = to_json(l, NOW);
	ledger_read(again, doc, NOW);
	assert_int_equal(ledger_count(again), 3);
	assert_int_equal(left(again, "a \"b\" \\ c", failed, NOW), 4);
	assert_int_equal(left(again, "m\xc3\xbcller.example", failed, NOW), 4);
}

static void
test_a_hundred_thousand_are_kept_and_found(void **state)
{
	CLEAN(ledger) struct ledger *l = ledger_new(), *again = ledger_new();
	CLEAN(json) struct json_object *doc = NULL;

	(void)state;
	for (size_t i = 0; i < 100000; i++) {
		CLEAN(string) char *name = name_of(i);

		for (size_t j = 0; j <= i % 5; j++)
			take(l, name, failed, NOW);
	}
	assert_int_equal(ledger_count(l), 100000);
	doc = to_json(l, NOW);
	ledger_read(again, doc, NOW);
	assert_int_equal(ledger_count(again), 100000);
	for (size_t i = 0; i < 100000; i++) {
		CLEAN(string) char *name = name_of(i);

		assert_int_equal(left(again, name, failed, NOW), 4 - i % 5);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_written_as_promised),
		cmocka_unit_test(test_what_is_wrong_in_the_file_is_left_out),
		cmocka_unit_test(test_a_key_without_end_is_left_out),
		cmocka_unit_test(test_the_later_of_two_counts),
		cmocka_unit_test(test_nothing_is_gained_by_a_restart),
		cmocka_unit_test(test_what_changes_while_it_is_written_does_no_harm),
		cmocka_unit_test(test_names_that_json_has_to_quote_are_kept),
		cmocka_unit_test(test_a_hundred_thousand_are_kept_and_found),
	};

	return cmocka_run_group_tests_name("ledger on disk", tests, NULL, NULL);
}
