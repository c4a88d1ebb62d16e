/* SPDX-License-Identifier: ISC */
/* Which actions are done, in which order, and what stops them. */
#include "tests/unit/deploy_rig.h"

#include <string.h>

#include "common/mem.h"
#include "tests/unit/unit.h"

#define TEST(function) cmocka_unit_test_setup_teardown(function, rig_set_up, rig_tear_down)

/* ---- the order ---- */

static void
test_nothing_to_do_is_in_use(void **state)
{
	(void)state;
	rig_succeeds();
	assert_false(rig.verified);
	assert_false(rig.untouched);
	rig_expect("read site/7\n");
}

static void
test_one_after_the_other(void **state)
{
	(void)state;
	rig_output("/srv/a.pem");
	rig_output("/srv/b.pem");
	rig_unit(BUS_START, "late.service");
	rig_hook("/bin/after", "an argument");
	rig_unit(BUS_RELOAD, "nginx.service");
	rig_queue("postfix");
	rig_unit(BUS_RESTART, "slow.service");
	rig_verify("www.example:443");
	rig_server("www.example:443", "192.0.2.1:443");
	rig_succeeds();
	assert_true(rig.verified);
	assert_false(rig.untouched);
	rig_expect("read site/7\n"
		   "write /srv/a.pem\n"
		   "write /srv/b.pem\n"
		   "step outputs 2 files\n"
		   "step start late.service\n"
		   "start late.service\n"
		   "step run /bin/after\n"
		   "run /bin/after an argument\n"
		   "step reload nginx.service\n"
		   "reload nginx.service\n"
		   "step queue postfix\n"
		   "queue postfix site\n"
		   "step restart slow.service\n"
		   "restart slow.service\n"
		   "step verify www.example:443\n"
		   "0 ms: ask www.example:443\n");
}

static void
test_outputs_alone_are_enough(void **state)
{
	(void)state;
	rig_output("/srv/a.pem");
	rig_succeeds();
	assert_false(rig.verified);
	rig_expect("read site/7\n"
		   "write /srv/a.pem\n"
		   "step outputs 1 file\n");
}

/* The servers may not have heard of them. */
static void
test_what_is_written_already_is_made_known_all_the_same(void **state)
{
	(void)state;
	rig_output("/srv/a.pem");
	rig_output("/srv/b.pem");
	rig_unit(BUS_RELOAD, "nginx.service");
	rig.current = "/srv/a.pem /srv/b.pem";
	rig_succeeds();
	assert_false(rig.untouched);
	rig_expect("read site/7\n"
		   "step reload nginx.service\n"
		   "reload nginx.service\n");
}

static void
test_what_it_waits_for_can_be_asked(void **state)
{
	static const char *const steps[] = { "outputs", "outputs", "outputs", "reload",
		"queue", "queue", "queue", "run", "verify", "verify" };

	(void)state;
	rig_all();
	rig_start();
	for (size_t i = 0; i < COUNT(steps); i++) {
		assert_string_equal(deploy_step(rig.deploy), steps[i]);
		assert_true(rig_step());
	}
	rig_run();
	assert_true(rig.ended);
}

/* ---- what fails, stops there, and is named ---- */

static void
test_a_version_that_cannot_be_read(void **state)
{
	(void)state;
	rig_all();
	rig.no_version = true;
	rig_fails(ERR_SYSTEM, "/state/archive/site/0007: is not whole");
	rig_expect("read site/7\n");
}

static void
test_an_output_that_fails(void **state)
{
	(void)state;
	rig_all();
	rig_output("/srv/b.pem");
	rig_output("/srv/c.pem");
	rig.breaks = "/srv/b.pem";
	rig_fails(ERR_SYSTEM, "output: /srv/b.pem: no room");
	rig_expect("read site/7\n"
		   "write /srv/a.pem\n"
		   "write /srv/b.pem\n"
		   "step outputs 1 file\n");
}

static void
add_actions(void)
{
	rig_queue("one");
	rig_unit(BUS_RELOAD, "two.service");
	rig_hook("/bin/three", NULL);
	rig_queue("four");
	rig_verify("www.example:443");
	rig_server("www.example:443", "192.0.2.1:443");
}

static void
test_a_queue_that_fails(void **state)
{
	(void)state;
	add_actions();
	rig.breaks = "one";
	rig_fails(ERR_SYSTEM, "/state/deploy-queue: one: no room");
	rig_expect("read site/7\n"
		   "step queue one\n"
		   "queue one site\n");
}

static void
test_a_unit_that_fails(void **state)
{
	(void)state;
	add_actions();
	rig.breaks = "two.service";
	rig_fails(ERR_SYSTEM, "two.service: it failed");
	rig_expect("read site/7\n"
		   "step queue one\n"
		   "queue one site\n"
		   "step reload two.service\n"
		   "reload two.service\n");
}

static void
test_a_hook_that_fails(void **state)
{
	(void)state;
	add_actions();
	rig.breaks = "/bin/three";
	rig_fails(ERR_HOOK, "site: deploy hook /bin/three: it ended with status 3");
	assert_int_equal(rig_count("run /bin/three\n"), 2); /* told, and done */
	assert_int_equal(rig_count("four"), 0);
	assert_int_equal(rig_count("ask"), 0);
}

static void
test_the_last_action_fails(void **state)
{
	(void)state;
	add_actions();
	rig.breaks = "four";
	rig_fails(ERR_SYSTEM, "/state/deploy-queue: four: no room");
	assert_int_equal(rig_count("ask"), 0);
}

/* ---- only what does not fit ---- */

static void
test_a_check_that_finds_nothing_asks_the_endpoints(void **state)
{
	(void)state;
	rig_all();
	rig.request.check = true;
	rig.current = "/srv/a.pem";
	rig_succeeds();
	assert_true(rig.untouched);
	assert_true(rig.verified);
	rig_expect("read site/7\n"
		   "step verify www.example:443\n"
		   "0 ms: ask www.example:443\n"
		   "250 ms: ask www.example:443\n"
		   "750 ms: ask www.example:443\n");
}

static void
test_a_check_that_finds_nothing_may_fail(void **state)
{
	(void)state;
	rig_verify("www.example:443");
	rig_server("www.example:443", "192.0.2.1:443")->new_from = RIG_NEVER;
	rig.request.check = true;
	rig.quiet = true;
	rig_fails(ERR_SYSTEM, "verify www.example:443: 192.0.2.1:443 serves another "
			      "certificate, 0123456789abcdef...");
	assert_true(rig.untouched);
}

static void
test_a_check_that_writes_one_makes_it_known(void **state)
{
	(void)state;
	rig_all();
	rig_output("/srv/b.pem");
	rig.request.check = true;
	rig.current = "/srv/a.pem";
	rig.quiet = true;
	rig_succeeds();
	assert_false(rig.untouched);
	assert_true(rig.verified);
	rig_expect("read site/7\n"
		   "write /srv/b.pem\n"
		   "step outputs 1 file\n"
		   "step reload nginx.service\n"
		   "reload nginx.service\n"
		   "step queue postfix\n"
		   "queue postfix site\n"
		   "step run /bin/after\n"
		   "run /bin/after\n"
		   "step verify www.example:443\n");
}

static void
test_a_check_without_outputs_does_nothing(void **state)
{
	(void)state;
	rig_unit(BUS_RELOAD, "nginx.service");
	rig.request.check = true;
	rig_succeeds();
	assert_true(rig.untouched);
	assert_false(rig.verified);
	rig_expect("read site/7\n");
}

static void
test_a_check_whose_output_fails(void **state)
{
	(void)state;
	rig_all();
	rig.request.check = true;
	rig.breaks = "/srv/a.pem";
	rig_fails(ERR_SYSTEM, "output: /srv/a.pem: no room");
	rig_expect("read site/7\n"
		   "write /srv/a.pem\n");
}

/* ---- what hooks are given ---- */

static void
test_the_environment_of_a_hook(void **state)
{
	(void)state;
	rig_hook("/bin/after", "an argument");
	rig_succeeds();
	assert_string_equal(rig.environment,
	    "ACMED_CERT=site\n"
	    "ACMED_EVENT=renewed\n"
	    "ACMED_DIR=/state/live/site\n"
	    "ACMED_FULLCHAIN=/state/live/site/fullchain.pem\n"
	    "ACMED_PRIVKEY=/state/live/site/privkey.pem\n"
	    "ACMED_NAMES=a.example *.b.example\n"
	    "ACMED_NOT_AFTER=2026-06-01T00:00:00Z\n"
	    "RENEWED_LINEAGE=/state/live/site\n"
	    "RENEWED_DOMAINS=a.example *.b.example");
	assert_string_equal(rig.command, "/bin/after an argument");
}

static void
test_a_hook_is_told_what_happened(void **state)
{
	static const char *const events[] = { "issued", "renewed", "rolled-back" };

	(void)state;
	rig_hook("/bin/after", NULL);
	for (size_t i = 0; i < COUNT(events); i++) {
		CLEAN(string) char *line = xasprintf("\nACMED_EVENT=%s\n", events[i]);

		rig.ended = false;
		rig.request.event = events[i];
		rig_succeeds();
		assert_non_null(strstr(rig.environment, line));
	}
}

static void
test_a_hook_lives_where_hooks_do_and_reads_no_account(void **state)
{
	(void)state;
	rig_hook("/bin/after", NULL);
	rig_succeeds();
	assert_string_equal(rig.label, "site: deploy hook /bin/after");
	assert_string_equal(rig.home, "/state/hooks");
	assert_string_equal(rig.hidden, "/state/accounts");
	assert_int_equal(rig.timeout, 0); /* the usual one */
}

/* ---- freeing ---- */

static void
test_nobody_is_freed(void **state)
{
	(void)state;
	deploy_free(NULL);
}

/* After so many things have ended; false where it is over by then. */
static bool
free_after(int steps, bool check)
{
	rig_set_up(NULL);
	rig_all();
	rig.request.check = check;
	rig_start();
	for (int i = 0; i < steps && !rig.ended; i++)
		assert_true(rig_step());
	if (!rig.ended) {
		deploy_free(TAKE(rig.deploy));
		rig_forget();
		rig_tear_down(NULL); /* looks for what is left, and ends what ran */
		assert_false(rig.ended);
		return true;
	}
	rig_tear_down(NULL);
	return false;
}

static void
test_whenever_it_is_freed_nobody_is_called(void **state)
{
	int steps = 0;

	(void)state;
	while (free_after(steps, false))
		steps++;
	assert_int_equal(steps, 13);
	for (steps = 0; free_after(steps, true); steps++)
		;
	assert_int_equal(steps, 13);
}

/* What a thread does for it goes on without it. */
static void
test_an_output_is_written_though_nobody_waits(void **state)
{
	(void)state;
	rig_all();
	rig_start();
	assert_true(rig_step()); /* it has begun */
	deploy_free(TAKE(rig.deploy));
	rig_expect("");
	rig_end_orphan();
	rig_expect("read site/7\n"
		   "write /srv/a.pem\n");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_nothing_to_do_is_in_use),
		TEST(test_one_after_the_other),
		TEST(test_outputs_alone_are_enough),
		TEST(test_what_is_written_already_is_made_known_all_the_same),
		TEST(test_what_it_waits_for_can_be_asked),
		TEST(test_a_version_that_cannot_be_read),
		TEST(test_an_output_that_fails),
		TEST(test_a_queue_that_fails),
		TEST(test_a_unit_that_fails),
		TEST(test_a_hook_that_fails),
		TEST(test_the_last_action_fails),
		TEST(test_a_check_that_finds_nothing_asks_the_endpoints),
		TEST(test_a_check_that_finds_nothing_may_fail),
		TEST(test_a_check_that_writes_one_makes_it_known),
		TEST(test_a_check_without_outputs_does_nothing),
		TEST(test_a_check_whose_output_fails),
		TEST(test_the_environment_of_a_hook),
		TEST(test_a_hook_is_told_what_happened),
		TEST(test_a_hook_lives_where_hooks_do_and_reads_no_account),
		cmocka_unit_test(test_nobody_is_freed),
		cmocka_unit_test(test_whenever_it_is_freed_nobody_is_called),
		TEST(test_an_output_is_written_though_nobody_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
