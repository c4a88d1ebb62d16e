/* SPDX-License-Identifier: ISC */
/* On the real clock, which nobody sets here: this file plays the kernel that says so. */
#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "daemon/io/clock.h"
#include "daemon/io/random.h"

static struct {
	struct event_base *loop;
	struct clock_timer *timer;
	char transcript[128];
	time_t set_again; /* by the callback; -1: free the timer */
	bool step_on_read;
	bool step_on_set;
} t;

int
timerfd_settime(int fd, int flags, const struct itimerspec *new_value,
    struct itimerspec *old_value)
{
	int (*real)(int, int, const struct itimerspec *, struct itimerspec *);
	int result;

	real = (__typeof__(real))dlsym(RTLD_NEXT, "timerfd_settime");
	result = real(fd, flags, new_value, old_value);
	if (!t.step_on_set)
		return result;
	t.step_on_set = false;
	errno = ECANCELED;
	return -1;
}

ssize_t
read(int fd, void *bytes, size_t length)
{
	ssize_t (*real)(int, void *, size_t);
	ssize_t result;

	real = (__typeof__(real))dlsym(RTLD_NEXT, "read");
	result = real(fd, bytes, length);
	if (!t.step_on_read)
		return result;
	t.step_on_read = false;
	errno = ECANCELED;
	return -1;
}

static void
on_timer(bool stepped, void *arg)
{
	size_t length = strlen(t.transcript);

	assert_ptr_equal(arg, &t);
	snprintf(t.transcript + length, sizeof(t.transcript) - length, "%s ",
	    stepped ? "stepped" : "fired");
	if (t.set_again > 0)
		clock_timer_set(t.timer, t.set_again);
	if (t.set_again < 0) {
		clock_timer_free(t.timer);
		t.timer = NULL;
	}
	t.set_again = 0;
}

static int
set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.loop = event_base_new();
	t.timer = clock_timer_new(t.loop, on_timer, &t);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	clock_timer_free(t.timer);
	event_base_free(t.loop);
	return 0;
}

static void
run_for_ms(long ms)
{
	const struct timeval in = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_base_loopexit(t.loop, &in);
	event_base_dispatch(t.loop);
}

static void
test_no_instant_is_never(void **state)
{
	(void)state;
	run_for_ms(30);
	clock_timer_set(t.timer, clock_now() - 5);
	clock_timer_set(t.timer, 0);
	run_for_ms(30);
	clock_timer_set(t.timer, INT64_MAX); /* nor is one beyond all calendars an error */
	run_for_ms(30);
	assert_string_equal(t.transcript, "");
}

static void
test_an_instant_fires_once_and_not_before(void **state)
{
	time_t at = clock_now() + 1;

	(void)state;
	clock_timer_set(t.timer, at);
	while (t.transcript[0] == '\0')
		event_base_loop(t.loop, EVLOOP_ONCE);
	assert_true(clock_now() >= at);
	run_for_ms(50);
	assert_string_equal(t.transcript, "fired ");
}

static void
test_the_past_fires_at_once_from_the_loop(void **state)
{
	(void)state;
	clock_timer_set(t.timer, clock_now() - 1000);
	assert_string_equal(t.transcript, "");
	run_for_ms(30);
	clock_timer_set(t.timer, -7);
	run_for_ms(30);
	assert_string_equal(t.transcript, "fired fired ");
}

static void
test_a_callback_sets_the_next_instant(void **state)
{
	(void)state;
	clock_timer_set(t.timer, 1);
	t.set_again = 2;
	run_for_ms(30);
	assert_string_equal(t.transcript, "fired fired ");
}

static void
test_a_callback_frees_the_timer(void **state)
{
	(void)state;
	clock_timer_set(t.timer, 1);
	t.set_again = -1;
	run_for_ms(30);
	assert_string_equal(t.transcript, "fired ");
}

static void
test_a_step_is_told_and_the_instant_stays_set(void **state)
{
	(void)state;
	/* The step has brought the instant; the word of the step comes first. */
	t.step_on_read = true;
	clock_timer_set(t.timer, 1);
	run_for_ms(30);
	assert_string_equal(t.transcript, "stepped fired ");
}

static void
test_a_step_while_the_timer_is_set_is_told(void **state)
{
	(void)state;
	t.step_on_set = true;
	clock_timer_set(t.timer, clock_now() + 1000);
	assert_string_equal(t.transcript, "");
	run_for_ms(30);
	assert_string_equal(t.transcript, "stepped ");
}

static void
test_monotonic_time_goes_on(void **state)
{
	int64_t begun = clock_monotonic_ms();

	(void)state;
	usleep(20000);
	assert_in_range(clock_monotonic_ms() - begun, 19, 2000);
}

static void
test_jitter_stays_within_its_percentage(void **state)
{
	int64_t least = INT64_MAX, most = INT64_MIN;

	(void)state;
	for (int i = 0; i < 10000; i++) {
		int64_t value = random_jitter(1000, 10);

		least = value < least ? value : least;
		most = value > most ? value : most;
	}
	assert_int_equal(least, 900);
	assert_int_equal(most, 1100);
	assert_int_equal(random_jitter(0, 50), 0);
	assert_int_equal(random_jitter(7, 0), 7);
	assert_int_equal(random_jitter(9, 10), 9);
	assert_in_range(-random_jitter(-1000, 10), 900, 1100);
	assert_in_range(random_jitter(INT64_MAX / 4, 100), 0, INT64_MAX / 2);
}

static void
test_chance_differs(void **state)
{
	uint32_t first = random_u32(), same = 0;

	(void)state;
	for (int i = 0; i < 100; i++)
		same += random_u32() == first;
	assert_true(same < 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_no_instant_is_never),
		TEST(test_an_instant_fires_once_and_not_before),
		TEST(test_the_past_fires_at_once_from_the_loop),
		TEST(test_a_callback_sets_the_next_instant),
		TEST(test_a_callback_frees_the_timer),
		TEST(test_a_step_is_told_and_the_instant_stays_set),
		TEST(test_a_step_while_the_timer_is_set_is_told),
		cmocka_unit_test(test_monotonic_time_goes_on),
		cmocka_unit_test(test_jitter_stays_within_its_percentage),
		cmocka_unit_test(test_chance_differs),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
