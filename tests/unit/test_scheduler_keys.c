/* SPDX-License-Identifier: ISC */
/* Keys that take seconds to make: orders that wait for theirs leave room to others. */
#include "tests/unit/scheduler_rig.h"

#include "tests/unit/unit.h"

static unsigned
orders_of(const char *names)
{
	unsigned n = 0;
	char name[2] = "";

	for (; *names != '\0'; names++) {
		name[0] = *names;
		n += rig_has_job(name);
	}
	return n;
}

static void
begin(const char *slow, unsigned per_account)
{
	rig.quiet = true;
	rig.slow = slow;
	rig.per_account = per_account;
	rig_load("a b c d e f g h");
	rig_settle();
}

static void
test_two_of_an_account_wait_for_their_keys(void **state)
{
	(void)state;
	begin("a b c d e f g h", 5);
	assert_int_equal(orders_of("abcdefgh"), 2);
}

static void
test_those_without_have_the_rest_of_the_room(void **state)
{
	(void)state;
	begin("a b c d", 8);
	assert_int_equal(orders_of("abcd"), 2);
	assert_int_equal(orders_of("efgh"), 4);
}

static void
test_the_next_key_is_made_when_one_is_there(void **state)
{
	const char *first = NULL;

	(void)state;
	begin("a b c d", 8);
	for (const char *name = "a\0b\0c\0d"; first == NULL; name += 2)
		if (rig_has_job(name))
			first = name;
	rig_make_key(first);
	assert_int_equal(orders_of("abcd"), 3);
	rig_make_key(first); /* a later step of the same order says nothing new */
	assert_int_equal(orders_of("abcd"), 3);
}

static void
test_what_no_key_is_awaited_for_is_not_held_up(void **state)
{
	(void)state;
	begin("a b c d", 3);
	assert_int_equal(orders_of("abcdefgh"), 3);
	assert_in_range(orders_of("efgh"), 1, 3);
	for (unsigned i = 0; i < 4; i++) {
		const char *name = rig_has_job("e")   ? "e"
				   : rig_has_job("f") ? "f"
				   : rig_has_job("g") ? "g"
						      : "h";

		rig_issue(name, 90 * DAY);
	}
	assert_int_equal(orders_of("efgh"), 0);
	assert_int_equal(orders_of("abcd"), 2);
	assert_int_equal(rig.n_events[EVENT_ISSUED], 4);
}

static void
test_each_account_has_two(void **state)
{
	(void)state;
	rig.quiet = true;
	rig.slow = "a b c d e f";
	rig_load("a b c d@other e@other f@other");
	rig_settle();
	assert_int_equal(orders_of("abc"), 2);
	assert_int_equal(orders_of("def"), 2);
}

static void
test_what_waits_for_its_turn_may_get_another_key(void **state)
{
	(void)state;
	begin("a b c d", 8);
	rig.slow = NULL;
	rig_load("a b c d e f g h/2");
	rig_settle();
	rig_issue("e", 90 * DAY); /* those that waited were taken for slow ones */
	rig_make_key(rig_has_job("a") ? "a" : "b");
	assert_in_range(orders_of("abcd"), 3, 4);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_set_up, rig_tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_two_of_an_account_wait_for_their_keys),
		TEST(test_those_without_have_the_rest_of_the_room),
		TEST(test_the_next_key_is_made_when_one_is_there),
		TEST(test_what_no_key_is_awaited_for_is_not_held_up),
		TEST(test_each_account_has_two),
		TEST(test_what_waits_for_its_turn_may_get_another_key),
	};

	return cmocka_run_group_tests_name("scheduler_keys", tests, NULL, NULL);
}
