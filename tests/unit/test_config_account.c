/* SPDX-License-Identifier: ISC */
/* What is known of a CA: its test directory, and how much it lets us have. */
#include "tests/unit/unit.h"

#include <string.h>
#include <sys/stat.h>

#include "common/json.h"
#include "common/keyword.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/unit/config_fixture.h"

#define HOUR 3600L
#define DAY  (24 * HOUR)

/* An account of what stands in the braces. */
static struct config *
load_account(const char *keys)
{
	CLEAN(string) char *text = xasprintf("accounts: {main: {%s}}\n", keys);

	fixture_write("acmed.yaml", text);
	return fixture_load(NULL);
}

static void
assert_staging(const char *keys, const char *expected)
{
	CLEAN(config) struct config *c = load_account(keys);

	if (expected == NULL)
		assert_null(c->accounts[0]->staging);
	else
		assert_string_equal(c->accounts[0]->staging, expected);
}

static void
test_keywords_bring_the_test_directory(void **state)
{
	(void)state;
	assert_staging("directory: letsencrypt", keyword_directory("letsencrypt-staging"));
	assert_staging("directory: goog", keyword_directory("goog-staging"));
	assert_staging("directory: letsencrypt-staging", NULL);
	assert_staging("directory: zerossl", NULL);
	assert_staging("directory: 'https://ca.example/dir'", NULL);
	assert_staging("directory: 'https://ca.example/dir', staging: "
		       "'https://test.ca.example/dir'",
	    "https://test.ca.example/dir");
	assert_staging("directory: letsencrypt, staging: goog-staging",
	    keyword_directory("goog-staging"));
}

static void
assert_budget(const char *keys, unsigned orders, time_t orders_per, unsigned duplicates,
    time_t duplicates_per)
{
	CLEAN(config) struct config *c = load_account(keys);
	const struct account_config *a = c->accounts[0];

	assert_int_equal(a->budget_orders, orders);
	assert_int_equal(a->budget_orders_per, orders_per);
	assert_int_equal(a->budget_duplicates, duplicates);
	assert_int_equal(a->budget_duplicates_per, duplicates_per);
}

static void
test_the_budget_is_that_of_the_ca(void **state)
{
	(void)state;
	assert_budget("directory: letsencrypt", 300, 3 * HOUR, 5, 7 * DAY);
	assert_budget("directory: 'https://acme-v02.api.letsencrypt.org/directory'", 300,
	    3 * HOUR, 5, 7 * DAY);
	assert_budget("directory: letsencrypt-staging", 0, 3 * HOUR, 0, 7 * DAY);
	assert_budget("directory: goog", 0, 3 * HOUR, 0, 7 * DAY);
	assert_budget("directory: goog, budget: {orders: 10, orders-per: 1h}", 10, HOUR, 0,
	    7 * DAY);
	assert_budget("directory: letsencrypt, budget: {orders: 0}", 0, 3 * HOUR, 5,
	    7 * DAY);
	assert_budget("directory: letsencrypt, budget: {duplicates: 2, duplicates-per: 1d}",
	    300, 3 * HOUR, 2, DAY);
	assert_budget("directory: letsencrypt, budget: ~", 300, 3 * HOUR, 5, 7 * DAY);
}

static void
test_both_are_printed(void **state)
{
	CLEAN(config) struct config *c = load_account("directory: letsencrypt");
	CLEAN(json) struct json_object *doc = config_to_json(c, NULL);
	CLEAN(string) char *text = json_print(doc);

	(void)state;
	assert_non_null(strstr(text,
	    "\"staging\":\"https://acme-staging-v02.api.letsencrypt.org/directory\""));
	assert_non_null(strstr(text,
	    "\"budget\":{\"orders\":300,\"orders-per\":\"3h\",\"duplicates\":5,"
	    "\"duplicates-per\":\"7d\"}"));
}

static const struct {
	const char *keys;
	const char *told;
} cases[] = {
	{ "directory: goog, staging: goog-stagging",
	    "acmed.yaml:1:45: unknown directory \"goog-stagging\"; did you mean "
	    "\"goog-staging\"?\n" },
	{ "directory: goog, staging: 'http://ca.example/'",
	    "acmed.yaml:1:45: \"http://ca.example/\" cannot be a directory: plain http:// "
	    "is for loopback addresses only; use https://\n" },
	{ "directory: goog, budget: {order: 1}",
	    "acmed.yaml:1:45: unknown key \"order\"; did you mean \"orders\"?\n" },
	{ "directory: goog, budget: {orders: many}",
	    "acmed.yaml:1:53: \"orders\" has to be a number\n" },
	{ "directory: goog, budget: {duplicates: 1000001}",
	    "acmed.yaml:1:57: \"duplicates\" has to be from 0 to 1000000\n" },
	{ "directory: goog, budget: {orders-per: 1s}",
	    "acmed.yaml:1:57: \"orders-per\" has to be from 1 min to 366 d\n" },
	{ "directory: goog, budget: 300",
	    "acmed.yaml:1:44: \"budget\" has to be a map of keys and values\n" },
};

static void
test_both_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(string)
		char *text = xasprintf("accounts: {main: {%s}}\n", cases[i].keys);

		fixture_write("acmed.yaml", text);
		assert_told(cases[i].told);
	}
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_keywords_bring_the_test_directory),
		TEST(test_the_budget_is_that_of_the_ca),
		TEST(test_both_are_printed),
		TEST(test_both_are_checked),
	};

	return cmocka_run_group_tests_name("config of accounts", tests, NULL, NULL);
}
