/* SPDX-License-Identifier: ISC */
/* needs: tests/unit/hook_rig.c */
/* Hooks that hang, flood, hide what they start, and are not wanted any more. */
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/clock.h"
#include "tests/unit/hook_rig.h"

#define LEFT "processes that it left and that were killed: "
#define MIB  ((size_t)1024 * 1024)

static void
start_all(struct case_ *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rig_start(&cases[i]);
}

static void
finish_all(struct case_ *cases, size_t n)
{
	event_base_dispatch(rig.loop);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(cases[i].done, 1);
	assert_int_equal(rig_count_marked(), 0);
	assert_false(rig_has_child());
}

static void
clear_all(struct case_ *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		rig_clear(&cases[i]);
}

/* ---- too long ---- */

/* All of them in the same seconds. */
static void
test_the_time_limit(void **state)
{
	struct case_ c[] = {
		{ .name = "deaf",
		    .timeout = 1,
		    .script = "trap '' TERM INT HUP; echo deaf >&2\n"
			      "while :; do sleep $MARKER; done" },
		{ .name = "polite",
		    .timeout = 1,
		    .script = "trap 'echo bye; exit 0' TERM; sleep $MARKER & wait" },
		{ .name = "plain", .timeout = 1, .script = "sleep $MARKER" },
		{ .name = "hides",
		    .timeout = 1,
		    .script = "setsid sh -c 'trap \"\" TERM; sleep $MARKER; :' &\n"
			      "sleep $MARKER" },
		{ .name = "stops",
		    .timeout = 1,
		    .script = "kill -STOP $PPID; sleep $MARKER" },
		/* It waits for the loop, never the loop for it. */
		{ .name = "endless", .timeout = 1, .script = "yes '' >&2" },
	};

	(void)state;
	hooks_free(rig.hooks);
	rig.hooks = hooks_new(rig.loop, COUNT(c));
	start_all(c, COUNT(c));
	finish_all(c, COUNT(c));
	for (size_t i = 0; i < COUNT(c); i++) {
		assert_true(c[i].timed_out);
		assert_false(c[i].right);
		assert_int_equal(c[i].err.kind, ERR_HOOK);
	}
	assert_int_equal(c[0].signal, SIGKILL);
	assert_true(c[0].ms >= 5900);
	assert_string_equal(c[0].err.text,
	    "deaf: exceeded its time limit of 1 s, ended by SIGKILL: deaf");
	assert_int_equal(c[1].exit_status, 0);
	assert_string_equal(c[1].output, "bye\n");
	assert_int_equal(c[2].signal, SIGTERM);
	assert_true(c[2].ms >= 900);
	assert_true(c[2].ms < c[0].ms);
	assert_int_equal(c[3].signal, SIGTERM);
	assert_int_equal(c[4].signal, SIGTERM);
	assert_true(c[5].output_lost > HOOK_OUTPUT_MAX);
	assert_true(strlen(rig.log) < 8192);
	clear_all(c, COUNT(c));
}

/* ---- what it leaves ---- */

static void
test_it_ends_with_its_process_not_its_output(void **state)
{
	struct case_ c[] = {
		{ .name = "lives", .script = "exec >&- 2>&-; sleep 0.7; exit 3" },
		{ .name = "holds", .script = "sleep $MARKER & echo here" },
		{ .name = "late",
		    .script =
			"(while kill -0 $$; do :; done; echo late) 2>&1 & echo here" },
		{ .name = "leaves", .script = "sleep $MARKER >/dev/null 2>&1 & exit 0" },
	};

	(void)state;
	start_all(c, COUNT(c));
	finish_all(c, COUNT(c));
	assert_int_equal(c[0].exit_status, 3);
	assert_true(c[0].ms >= 650);
	assert_true(c[1].right);
	assert_true(c[1].ms >= 450);
	assert_string_equal(c[1].output, "here\n");
	assert_true(str_starts(c[2].output, "here\n"));
	assert_true(str_ends(c[2].output, "\nlate\n"));
	/* Who has no output any more is not waited for. */
	assert_true(c[3].right);
	assert_true(c[3].ms < c[1].ms);
	assert_non_null(
	    strstr(rig.log, "leaves: processes that it left and that were killed: 1\n"));
	clear_all(c, COUNT(c));
}

static void
test_no_orphan_gets_away(void **state)
{
	struct case_ c = { .name = "orphans",
		.script = "i=0; while [ $i -lt 50 ]; do\n"
			  "(setsid sh -c 'setsid sleep $MARKER & sleep $MARKER' "
			  ">/dev/null 2>&1 &)\n"
			  "i=$((i + 1)); done; sleep 0.2" };
	const char *killed;

	(void)state;
	rig_start(&c);
	finish_all(&c, 1);
	assert_true(c.right);
	killed = strstr(rig.log, LEFT);
	assert_non_null(killed);
	assert_true(strtol(killed + strlen(LEFT), NULL, 10) >= 50);
	rig_clear(&c);
}

static void
on_short_done(const struct hook_result *result, const struct err *err, void *arg)
{
	unsigned *left = arg;

	(void)result;
	assert_null(err);
	*left = rig_count_marked();
	rig_write("go", "");
}

/* Two hooks have an orphan each, which look the same but for who began them. */
static void
test_those_of_other_hooks_live_on(void **state)
{
	struct case_ other = { .name = "other",
		.script = "(setsid sleep $MARKER >/dev/null 2>&1 &)\n"
			  "while [ ! -e go ]; do sleep 0.05; done" };
	CLEAN(string) char *marker = xasprintf("MARKER=%s", rig.marker);
	const char *const command[] = { "/bin/sh", "-c",
		"(setsid sleep $MARKER >/dev/null 2>&1 &); sleep 0.1", NULL };
	const char *const environment[] = { marker, NULL };
	const struct hook_request request = { .label = "short",
		.command = command,
		.environment = environment };
	unsigned left = 99;

	(void)state;
	rig_start(&other);
	rig_wait_for_marked(1);
	hook_start(rig.hooks, &request, on_short_done, &left);
	finish_all(&other, 1);
	assert_int_equal(left, 1);
	assert_true(other.right);
	rig_clear(&other);
}

/* ---- output ---- */

static size_t
most_memory(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (size_t)usage.ru_maxrss * 1024;
}

static void
test_a_flood_is_read_and_forgotten(void **state)
{
	struct case_ c = { .name = "flood",
		.script = "head -c 52428800 /dev/zero; exit 4" };
	size_t before = most_memory();

	(void)state;
	rig_start(&c);
	finish_all(&c, 1);
	assert_int_equal(c.exit_status, 4);
	assert_int_equal(strlen(c.output), HOOK_OUTPUT_MAX);
	assert_int_equal(strspn(c.output, "?"), HOOK_OUTPUT_MAX);
	assert_int_equal(c.output_lost, 50 * MIB - HOOK_OUTPUT_MAX);
	assert_true(most_memory() - before < 8 * MIB);
	rig_clear(&c);
}

static void
test_output_harms_nobody(void **state)
{
	struct case_ c = { .name = "x",
		.script =
		    "printf 'a\\000b\\n\\033[31mred\\033[0m\\r\\n\\303\\274\\377\\n'\n"
		    "printf '\\033]0;title\\007' >&2; exit 1" };

	(void)state;
	rig_run(&c);
	assert_non_null(strstr(c.output, "a?b\n?[31mred?[0m \n\303\274?\n"));
	assert_string_equal(c.err.text, "x: exit status 1: ?]0;title?");
	rig_clear(&c);
}

/* ---- not wanted any more ---- */

static void
test_a_cancelled_hook_is_told_and_ends_later(void **state)
{
	struct case_ c = { .name = "x",
		.script = "trap 'sleep 0.2; echo >cleaned; exit' TERM\n"
			  "sleep $MARKER & echo >ready; wait" };

	(void)state;
	rig_start(&c);
	rig_wait_for_file("ready");
	hook_run_free(c.run);
	assert_int_equal(access(rig_path("cleaned"), F_OK), -1);
	event_base_dispatch(rig.loop);
	assert_int_equal(access(rig_path("cleaned"), F_OK), 0);
	assert_int_equal(c.done, 0);
	assert_int_equal(rig_count_marked(), 0);
	assert_false(rig_has_child());
}

static void
test_a_cancelled_one_keeps_its_place_until_then(void **state)
{
	struct case_ first = { .name = "first",
		.script = "trap 'sleep 0.2; echo first >>log; exit' TERM\n"
			  "sleep $MARKER & echo >ready; wait" };
	struct case_ second = { .name = "second", .script = "echo second >>log" };
	CLEAN(string) char *log = NULL;

	(void)state;
	hooks_free(rig.hooks);
	rig.hooks = hooks_new(rig.loop, 1);
	rig_start(&first);
	rig_start(&second);
	rig_wait_for_file("ready");
	hook_run_free(first.run);
	event_base_dispatch(rig.loop);
	log = rig_read("log");
	assert_string_equal(log, "first\nsecond\n");
	rig_clear(&second);
}

static void
test_all_go_at_once(void **state)
{
	struct case_ c[] = {
		{ .name = "deaf",
		    .script = "trap '' TERM; echo >ready\n"
			      "while :; do sleep $MARKER; done" },
		{ .name = "cancelled",
		    .script = "trap '' TERM; sleep $MARKER; sleep $MARKER" },
		{ .name = "floods", .script = "yes $MARKER" },
		{ .name = "hides", .script = "(setsid sleep $MARKER &); sleep $MARKER" },
		{ .name = "waits", .script = "sleep $MARKER" },
	};
	int64_t begin_ms;

	(void)state;
	start_all(c, COUNT(c));
	rig_wait_for_file("ready");
	hook_run_free(c[1].run);
	begin_ms = clock_monotonic_ms();
	hooks_free(TAKE(rig.hooks));
	assert_true(clock_monotonic_ms() - begin_ms < 3000);
	assert_int_equal(rig_count_marked(), 0);
	assert_false(rig_has_child());
	for (size_t i = 0; i < COUNT(c); i++)
		assert_int_equal(c[i].done, 0);
}

/* ---- what should not happen ---- */

static void
test_a_killed_keeper_leaves_nobody(void **state)
{
	struct case_ c = { .name = "x",
		.script = "(setsid sleep $MARKER >/dev/null 2>&1 &)\n"
			  "sleep $MARKER & kill -KILL $PPID; sleep $MARKER" };

	(void)state;
	rig_run(&c);
	assert_int_equal(c.err.kind, ERR_SYSTEM);
	assert_string_equal(c.err.text,
	    "x: the process that looked after it was killed by signal 9");
	assert_int_equal(c.exit_status, -1);
	assert_int_equal(rig_count_marked(), 0);
	assert_false(rig_has_child());
	rig_clear(&c);
}

/* Where the program has children that are older than its hooks, these are not touched. */
static void
test_children_of_others_live_on(void **state)
{
	struct case_ c = { .name = "x",
		.script = "sleep $MARKER & kill -KILL $PPID; sleep $MARKER" };
	pid_t stranger = fork();

	(void)state;
	assert_int_not_equal(stranger, -1);
	if (stranger == 0)
		for (;;)
			pause();
	hooks_free(rig.hooks);
	rig.hooks = hooks_new(rig.loop, 1);
	rig_run(&c);
	assert_int_equal(c.err.kind, ERR_SYSTEM);
	assert_int_equal(rig_count_marked(), 0);
	assert_int_equal(waitpid(stranger, NULL, WNOHANG), 0); /* it lives */
	kill(stranger, SIGKILL);
	assert_int_equal(waitpid(stranger, NULL, 0), stranger);
	assert_false(rig_has_child());
	rig_clear(&c);
}

static _Noreturn void
be_the_daemon(void)
{
	struct case_ c = { .name = "x",
		.script = "(setsid sleep $MARKER &); exec sleep $MARKER" };

	rig.loop = must(event_base_new());
	rig.hooks = hooks_new(rig.loop, 1);
	rig_start(&c);
	event_base_dispatch(rig.loop);
	_exit(1);
}

static void
test_a_killed_daemon_leaves_nobody(void **state)
{
	pid_t pid = fork();

	(void)state;
	assert_int_not_equal(pid, -1);
	if (pid == 0)
		be_the_daemon();
	rig_wait_for_marked(2);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	rig_wait_for_marked(0);
	while (waitpid(-1, NULL, 0) > 0) /* the keeper has become ours */
		;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_the_time_limit),
		TEST(test_it_ends_with_its_process_not_its_output),
		TEST(test_no_orphan_gets_away),
		TEST(test_those_of_other_hooks_live_on),
		TEST(test_a_flood_is_read_and_forgotten),
		TEST(test_output_harms_nobody),
		TEST(test_a_cancelled_hook_is_told_and_ends_later),
		TEST(test_a_cancelled_one_keeps_its_place_until_then),
		TEST(test_all_go_at_once),
		TEST(test_a_killed_keeper_leaves_nobody),
		TEST(test_children_of_others_live_on),
		TEST(test_a_killed_daemon_leaves_nobody),
	};

	return cmocka_run_group_tests_name("hook_end", tests, NULL, NULL);
}
