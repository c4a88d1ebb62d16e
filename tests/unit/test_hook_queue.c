/* SPDX-License-Identifier: ISC */
/* needs: tests/unit/hook_rig.c */
/* More than one hook: the limit, the turns, and callbacks that start and free others. */
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <string.h>

#include "common/clean.h"
#include "tests/unit/hook_rig.h"

static void
test_no_more_at_once_than_allowed(void **state)
{
	struct case_ c[12] = { 0 };
	CLEAN(string) char *marks = NULL;
	int now = 0, most = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(c); i++) {
		c[i].name = "x";
		c[i].script = "echo + >>marks; sleep 0.1; echo - >>marks";
		rig_start(&c[i]);
	}
	event_base_dispatch(rig.loop);
	marks = rig_read("marks");
	assert_non_null(marks);
	for (const char *m = marks; *m != '\0'; m++) {
		now += *m == '+' ? 1 : *m == '-' ? -1 : 0;
		most = now > most ? now : most;
	}
	assert_int_equal(now, 0);
	assert_int_equal(most, 4);
	for (size_t i = 0; i < COUNT(c); i++) {
		assert_int_equal(c[i].done, 1);
		assert_true(c[i].right);
		rig_clear(&c[i]);
	}
}

static void
test_one_that_waits_can_be_taken_back(void **state)
{
	struct case_ first = { .name = "first", .script = "echo 1 >>log" };
	struct case_ second = { .name = "second", .script = "echo 2 >>log" };
	struct case_ third = { .name = "third", .script = "echo 3 >>log" };
	CLEAN(string) char *log = NULL;

	(void)state;
	hooks_free(rig.hooks);
	rig.hooks = hooks_new(rig.loop, 1);
	rig_start(&first);
	rig_start(&second);
	rig_start(&third);
	hook_run_free(second.run);
	event_base_dispatch(rig.loop);
	log = rig_read("log");
	assert_string_equal(log, "1\n3\n");
	assert_int_equal(second.done, 0);
	rig_clear(&first);
	rig_clear(&third);
}

static void
on_first(const struct hook_result *result, const struct err *err, void *arg)
{
	(void)result;
	(void)err;
	rig_start(arg);
}

static void
test_a_callback_starts_the_next(void **state)
{
	static const char *const command[] = { "/bin/true", NULL };
	const struct hook_request request = { .label = "first", .command = command };
	struct case_ next = { .name = "next", .script = "exit 0" };

	(void)state;
	hooks_free(rig.hooks);
	rig.hooks = hooks_new(rig.loop, 1);
	hook_start(rig.hooks, &request, on_first, &next);
	event_base_dispatch(rig.loop);
	assert_int_equal(next.done, 1);
	rig_clear(&next);
}

static void
on_free_all(const struct hook_result *result, const struct err *err, void *arg)
{
	bool *called = arg;

	assert_string_equal(result->output, "");
	assert_int_equal(err != NULL, !*called);
	*called = true;
	hooks_free(TAKE(rig.hooks));
}

/* From a hook that has run, and from one that could not be started. */
static void
test_a_callback_frees_everything(void **state)
{
	static const char *const commands[][2] = { { "/nonexistent", NULL },
		{ "/bin/true", NULL } };
	bool called = false;

	(void)state;
	for (size_t i = 0; i < COUNT(commands); i++) {
		const struct hook_request request = { .label = "x",
			.command = commands[i] };
		struct case_ waits = { .name = "waits", .script = "sleep $MARKER" };

		hooks_free(rig.hooks);
		rig.hooks = hooks_new(rig.loop, 2);
		hook_start(rig.hooks, &request, on_free_all, &called);
		rig_start(&waits);
		event_base_dispatch(rig.loop);
		assert_true(called);
		assert_null(rig.hooks);
		assert_int_equal(waits.done, 0);
		assert_int_equal(rig_count_marked(), 0);
	}
}

static void
on_count(const struct hook_result *result, const struct err *err, void *arg)
{
	(void)result;
	if (err == NULL)
		++*(unsigned *)arg;
}

static void
test_many_short_ones_leave_no_zombie(void **state)
{
	static const char *const command[] = { "/bin/true", NULL };
	const struct hook_request request = { .label = "short", .command = command };
	unsigned count = 0;

	(void)state;
	for (int i = 0; i < 200; i++)
		hook_start(rig.hooks, &request, on_count, &count);
	event_base_dispatch(rig.loop);
	assert_int_equal(count, 200);
	assert_false(rig_has_child());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_no_more_at_once_than_allowed),
		TEST(test_one_that_waits_can_be_taken_back),
		TEST(test_a_callback_starts_the_next),
		TEST(test_a_callback_frees_everything),
		TEST(test_many_short_ones_leave_no_zombie),
	};

	return cmocka_run_group_tests_name("hook_queue", tests, NULL, NULL);
}
