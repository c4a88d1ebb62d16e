/* SPDX-License-Identifier: ISC */
/* What a start believes of the pairs, and how it is found out where that is wrong. */
#include "tests/unit/scheduler_rig.h"

#include <string.h>

#include "common/mem.h"
#include "daemon/crypto/cert.h"
#include "tests/unit/scheduler_rig_internal.h"
#include "tests/unit/unit.h"

/* "a" has been issued, what is known of it saved; then acmed starts again. */
static void
start_again(void)
{
	rig.quiet = true;
	rig.answers = true;
	rig.stamp = 7;
	rig_put("a", 1, RIG_START - 10 * DAY, RIG_START + 80 * DAY);
	rig_save("a", "{\"issued_by\":\"https://ca.example/dir\"}");
	rig_load("a");
	rig_pass(60);
	assert_non_null(strstr(rig_saved("a"), "\"certificate\":{\"version\":1,"));
	rig.n_reads = 0;
	rig_restart("a");
	rig_forget();
}

static void
damage(void)
{
	rig_disk("a")->of[1].not_after = 0;
}

static void
test_what_was_not_touched_is_not_read_at_the_start(void **state)
{
	struct cert_look look;

	(void)state;
	start_again();
	assert_int_equal(rig.n_reads, 0);
	rig_look("a", &look);
	assert_int_equal(look.version, 1);
	assert_string_equal(look.info->serial, "01");
	assert_string_equal(look.info->names[0], "a");
	assert_int_equal(look.info->not_after, RIG_START + 80 * DAY);
	assert_string_equal(look.condition, "valid");
}

static void
test_it_is_read_once_a_little_later(void **state)
{
	(void)state;
	start_again();
	rig_pass(5);
	assert_int_equal(rig.n_reads, 0);
	rig_pass(60);
	assert_int_equal(rig.n_reads, 1);
	rig_pass(10 * DAY);
	assert_int_equal(rig.n_reads, 1);
	rig_expect("");
}

static void
test_what_was_touched_is_read_at_once(void **state)
{
	struct cert_look look;

	(void)state;
	start_again();
	rig.stamp = 8;
	damage();
	rig_restart("a");
	assert_int_equal(rig.n_reads, 1);
	rig_look("a", &look);
	assert_null(look.info);
	assert_string_equal(look.damage, "live/a: damaged");
	rig_settle();
	rig_expect("order a from main\n");
}

static void
test_another_version_is_read_at_once(void **state)
{
	struct cert_look look;

	(void)state;
	start_again();
	rig_put("a", 2, RIG_START, RIG_START + 90 * DAY);
	rig_restart("a");
	assert_int_equal(rig.n_reads, 1);
	rig_look("a", &look);
	assert_int_equal(look.version, 2);
	assert_int_equal(look.info->not_after, RIG_START + 90 * DAY);
}

static void
test_damage_that_does_not_show_is_found_in_time(void **state)
{
	struct cert_look look;

	(void)state;
	start_again();
	damage();
	rig_settle();
	rig_expect("");
	rig_pass(60);
	rig_expect("order a from main\n");
	rig_look("a", &look);
	assert_string_equal(look.damage, "live/a: damaged");
	assert_null(look.info);
	assert_null(strstr(rig_saved("a"), "\"certificate\""));
	rig_issue("a", 90 * DAY);
	rig_look("a", &look);
	assert_null(look.damage);
	assert_int_equal(look.version, 2);
}

static void
test_damage_is_found_while_the_ca_is_asked(void **state)
{
	(void)state;
	start_again();
	rig.answers = false;
	rig_ask("a", ASK_IF_DUE);
	rig_settle();
	damage();
	rig_pass(60);
	rig_expect("order a from main\n");
}

static void
test_a_pair_that_was_replaced_is_taken_over(void **state)
{
	struct cert_look look;

	(void)state;
	start_again();
	rig_put("a", 2, RIG_START, RIG_START + 85 * DAY);
	rig_pass(60);
	rig_look("a", &look);
	assert_int_equal(look.version, 2);
	assert_int_equal(look.info->not_after, RIG_START + 85 * DAY);
	rig_expect("");
}

static void
test_one_that_is_gone_is_issued(void **state)
{
	(void)state;
	start_again();
	rig_disk("a")->version = 0;
	rig_pass(60);
	rig_expect("order a from main\n");
}

static void
test_who_is_being_renewed_has_time(void **state)
{
	(void)state;
	start_again();
	assert_int_equal(rig_ask("a", ASK_NOW), 0);
	rig_settle();
	damage();
	rig_pass(60);
	rig_expect("order a from main, replaces a#1\n");
	rig_fail("a", ERR_REFUSED, DAY);
	rig_forget();
	rig_pass(HOUR); /* it is come back to */
	assert_int_equal(rig.n_reads, 2);
}

static void
test_each_of_many_is_read(void **state)
{
	struct text all = { 0 };

	(void)state;
	rig.quiet = true;
	rig.answers = true;
	rig.stamp = 7;
	for (int i = 0; i < 40; i++) {
		CLEAN(string) char *name = xasprintf("n%02d", i);

		rig_put(name, 1, RIG_START - 10 * DAY, RIG_START + 80 * DAY);
		rig_save(name, "{\"issued_by\":\"https://ca.example/dir\"}");
		text_add(&all, "%s ", name);
	}
	rig_load(all.s);
	rig_pass(HOUR);
	rig.n_reads = 0;
	rig_restart(all.s);
	assert_int_equal(rig.n_reads, 0);
	rig_pass(HOUR);
	assert_int_equal(rig.n_reads, 40);
	text_clear(&all);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)
	static const struct CMUnitTest tests[] = {
		TEST(test_what_was_not_touched_is_not_read_at_the_start),
		TEST(test_it_is_read_once_a_little_later),
		TEST(test_what_was_touched_is_read_at_once),
		TEST(test_another_version_is_read_at_once),
		TEST(test_damage_that_does_not_show_is_found_in_time),
		TEST(test_damage_is_found_while_the_ca_is_asked),
		TEST(test_a_pair_that_was_replaced_is_taken_over),
		TEST(test_one_that_is_gone_is_issued),
		TEST(test_who_is_being_renewed_has_time),
		TEST(test_each_of_many_is_read),
	};

	return cmocka_run_group_tests_name("scheduler_check", tests, NULL, NULL);
}
