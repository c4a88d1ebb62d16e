/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto/key.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/cert.h"
#include "daemon/store/store.h"
#include "tests/unit/store_fixture.h"

static void
assert_versions(const char *expected)
{
	unsigned *versions = store_versions(t.store, "example");
	struct text text = { 0 };

	for (unsigned *n = versions; *n != 0; n++)
		text_add(&text, "%u ", *n);
	assert_string_equal(text.s != NULL ? text.s : "", expected);
	text_clear(&text);
	free(versions);
}

static void
assert_switches(unsigned version, size_t pair)
{
	struct err err = { 0 };

	store_switch(t.store, "example", version, &err);
	assert_string_equal(err.text, "");
	assert_int_equal(store_live_version(t.store, "example"), version);
	assert_live(pair);
}

static void
assert_does_not_switch(unsigned version, const char *expected_part)
{
	unsigned before = store_live_version(t.store, "example");
	struct err err = { 0 };

	assert_int_equal(-1, store_switch(t.store, "example", version, &err));
	assert_non_null(strstr(err.text, expected_part));
	assert_int_equal(store_live_version(t.store, "example"), before);
}

/* ---- which there are ---- */

static void
there_are_none_at_first(void **state)
{
	(void)state;
	assert_versions("");
}

static void
versions_are_listed_as_they_came(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 4; n++)
		assert_publishes(n % STORE_PAIRS, 3, n);
	assert_versions("2 3 4 ");
	assert_int_equal(0,
	    rename(at("archive/example/0002"), at("archive/example/12345")));
	assert_versions("3 4 12345 ");
}

static void
what_is_not_whole_is_not_listed(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 4; n++)
		assert_publishes(n % STORE_PAIRS, 5, n);
	assert_int_equal(0, unlink(at("archive/example/0001/privkey.pem")));
	put("archive/example/0003/fullchain.pem", "x", 1);
	assert_int_equal(0, mkdir(at("archive/example/0005"), 0700));
	assert_int_equal(0, mkdir(at("archive/example/.next"), 0700));
	assert_versions("2 4 ");
}

/* ---- reading one ---- */

static void
any_version_can_be_read(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 3; n++)
		assert_publishes(n - 1, 5, n);
	for (unsigned n = 1; n <= 3; n++) {
		struct err err = { 0 };
		CLEAN(key) struct key *key = NULL;
		CLEAN(chain)
		struct chain *chain = store_version(t.store, "example", n, &key, &err);

		assert_string_equal(err.text, "");
		assert_true(chain_has_key(chain, t.key[n - 1]));
		assert_true(key_equal(key, t.key[n - 1]));
	}
	assert_live(2);
}

static void
a_version_that_is_missing_is_said_to_be(void **state)
{
	static const unsigned missing[] = { 0, 2, 4294967295 };

	(void)state;
	assert_publishes(0, 5, 1);
	for (size_t i = 0; i < COUNT(missing); i++) {
		CLEAN(string)
		char *expected = xasprintf("there is no version %u of example", missing[i]);
		struct err err = { 0 };

		assert_null(store_version(t.store, "example", missing[i], NULL, &err));
		assert_int_equal(errno, ENOENT);
		assert_string_equal(err.text, expected);
		assert_does_not_switch(missing[i], expected);
	}
	assert_does_not_switch(1000000000, "there is no version 1000000000 of example");
}

/* ---- switching ---- */

static void
live_goes_back_and_forth(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 3; n++)
		assert_publishes(n - 1, 5, n);
	assert_switches(1, 0);
	assert_switches(3, 2);
	assert_switches(2, 1);
	assert_switches(2, 1);
	assert_versions("1 2 3 ");
	open_again();
	assert_live(1);
}

static void
a_damaged_version_is_not_switched_to(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 4; n++)
		assert_publishes(n % STORE_PAIRS, 5, n);
	put("archive/example/0001/fullchain.pem", "x", 1);
	assert_does_not_switch(1, "archive/example/0001: fullchain.pem: ");
	assert_int_equal(0, unlink(at("archive/example/0002/chain.pem")));
	assert_does_not_switch(2, "archive/example/0002: chain.pem: is missing");
	assert_int_equal(0, rename(at("archive/example/0001/privkey.pem"),
				at("archive/example/0003/privkey.pem")));
	assert_does_not_switch(3, "privkey.pem: is not the key of the certificate in");
	assert_live(1);
}

static void
a_lost_link_is_made_again(void **state)
{
	(void)state;
	assert_publishes(0, 5, 1);
	assert_publishes(1, 5, 2);
	assert_int_equal(0, unlink(at("live/example")));
	assert_switches(1, 0);
	assert_int_equal(0, unlink(at("live/example")));
	assert_int_equal(0, mkdir(at("live/example"), 0700));
	assert_switches(2, 1);
	assert_true(exists("live/example.damaged"));
}

/* ---- publishing after it ---- */

static void
the_next_number_is_above_all(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 3; n++)
		assert_publishes(n - 1, 5, n);
	assert_switches(1, 0);
	assert_publishes(1, 5, 4);
	assert_live(1);
	assert_versions("1 2 3 4 ");
}

static void
what_was_in_force_before_is_removed_last(void **state)
{
	(void)state;
	for (unsigned n = 1; n <= 5; n++)
		assert_publishes(n % STORE_PAIRS, 5, n);
	assert_switches(2, 2);
	assert_publishes(0, 3, 6);
	assert_versions("2 5 6 ");
	assert_switches(5, 2);
	assert_switches(2, 2);
	assert_publishes(1, 2, 7);
	assert_versions("2 7 ");
	assert_publishes(0, 2, 8);
	assert_versions("7 8 ");
	assert_publishes(0, 1, 9);
	assert_versions("9 ");
	assert_live(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(there_are_none_at_first),
		STORE_TEST(versions_are_listed_as_they_came),
		STORE_TEST(what_is_not_whole_is_not_listed),
		STORE_TEST(any_version_can_be_read),
		STORE_TEST(a_version_that_is_missing_is_said_to_be),
		STORE_TEST(live_goes_back_and_forth),
		STORE_TEST(a_damaged_version_is_not_switched_to),
		STORE_TEST(a_lost_link_is_made_again),
		STORE_TEST(the_next_number_is_above_all),
		STORE_TEST(what_was_in_force_before_is_removed_last),
	};

	return cmocka_run_group_tests_name("versions", tests, store_fixture_make_pairs,
	    store_fixture_free_pairs);
}
