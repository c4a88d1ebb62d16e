/* SPDX-License-Identifier: ISC */
/* Requests, many of them, and what is freed before it has ended. */
#include "tests/unit/probe_rig.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "common/clean.h"

static const struct probe_request by_name = { "example.org:1", NULL, NULL };

static void
turn_loop(int times)
{
	while (times-- > 0)
		event_base_loop(t.loop, EVLOOP_NONBLOCK);
}

/* ---- requests ---- */

static void
test_requests_are_checked(void **state)
{
	static const struct probe_request good[] = {
		{ "example.org:443", NULL, NULL },
		{ "mx_1.example.org:25", "smtp", "example.org" },
		{ "localhost:1", "xmpp", NULL },
		{ "192.0.2.1:65535", "postgres", NULL },
		{ "[2001:db8::1]:443", NULL, "xn--bcher-kva.example" },
	};
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_int_equal(probe_check(&good[i], &err), 0);
	assert_string_equal(err.text, "");
}

static void
test_bad_requests_are_told(void **state)
{
	static const char *const bad[] = { "", ":", "example.org",
		"example.org:", "example.org:0", "example.org:65536", "example.org:443x",
		":443", "2001:db8::1:443", "[2001:db8::1]", "[2001:db8::1:443", "[]:443",
		"[example.org]:443", "exa mple.org:443", "a'b:443",
		"b\xc3\xbc"
		"cher.example:443" };
	struct asked a;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		ask(&a, &(struct probe_request){ bad[i], NULL, NULL });
		assert_int_equal(a.err.kind, ERR_CONFIG);
		assert_non_null(strstr(a.err.text, "is not a host and a port"));
	}
	ask(&a, &(struct probe_request){ "example.org:25", "smpt", NULL });
	assert_int_equal(a.err.kind, ERR_CONFIG);
	assert_string_equal(a.err.text,
	    "no STARTTLS dialect is called \"smpt\"; did you mean \"smtp\"?");
	ask(&a, &(struct probe_request){ "example.org:25", NULL, "192.0.2.1" });
	assert_int_equal(a.err.kind, ERR_CONFIG);
	assert_string_equal(a.err.text, "\"192.0.2.1\" is no name of a host");
}

/* ---- many, and freeing ---- */

static void
test_some_wait_for_their_turn(void **state)
{
	struct asked asked[40];

	(void)state;
	serve(&(struct tls_plan){ .end = TLS_IS_SILENT });
	prober_set_patience(t.prober, 200);
	t.n_connected = 0;
	for (size_t i = 0; i < COUNT(asked); i++)
		begin(&asked[i], &by_name);
	turn_loop(200);
	assert_true(t.n_connected <= 16 || asked[0].calls == 1);
	wait_for_all();
	for (size_t i = 0; i < COUNT(asked); i++) {
		assert_int_equal(asked[i].calls, 1);
		assert_int_equal(asked[i].seen[0].err.kind, ERR_NETWORK);
	}
	assert_int_equal(t.n_connected, 40);
}

static void
test_many_that_end_at_once(void **state)
{
	struct asked asked[40];

	(void)state;
	snprintf(t.addresses, sizeof(t.addresses), "127.0.0.1:9 127.0.0.1:8");
	t.refuse_connect = ENETUNREACH;
	for (size_t i = 0; i < COUNT(asked); i++)
		begin(&asked[i], &by_name);
	wait_for_all();
	for (size_t i = 0; i < COUNT(asked); i++) {
		assert_int_equal(asked[i].calls, 1);
		assert_int_equal(asked[i].n, 2);
	}
	t.refuse_connect = 0;
}

/* `turns` of the loop after they were begun, whatever that makes of them. */
static void
free_after(int turns, bool prober)
{
	struct asked asked[20];
	size_t n = turns % 10 == 0 ? COUNT(asked) : 3;
	unsigned calls = 0;

	serve(&(struct tls_plan){ .identity = &t.ec });
	for (size_t i = 0; i < n; i++)
		begin(&asked[i], &by_name);
	turn_loop(turns);
	if (prober)
		prober_free(TAKE(t.prober));
	for (size_t i = 0; i < n; i++) {
		calls += asked[i].calls;
		probe_free(TAKE(asked[i].handle));
	}
	t.waiting = 0;
	turn_loop(50);
	for (size_t i = 0; i < n; i++)
		calls -= asked[i].calls;
	assert_int_equal(calls, 0);
}

static void
test_a_freed_probe_does_not_call(void **state)
{
	for (int turns = 0; turns < 40; turns++) {
		free_after(turns, false);
		tear_down(state);
		set_up(state);
	}
}

static void
test_the_prober_may_go_first(void **state)
{
	for (int turns = 0; turns < 40; turns++) {
		free_after(turns, true);
		tear_down(state);
		set_up(state);
	}
}

static void
test_a_callback_frees_another(void **state)
{
	struct asked a, b;

	(void)state;
	serve(&(struct tls_plan){ .identity = &t.ec });
	begin(&a, &(struct probe_request){ "nowhere.test:1", NULL, NULL });
	begin(&b, &by_name);
	a.frees = TAKE(b.handle);
	t.waiting--;
	wait_for_all();
	turn_loop(20);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 0);
}

static void
test_a_callback_may_free_the_prober(void **state)
{
	struct asked a, b;

	(void)state;
	serve(&(struct tls_plan){ .identity = &t.ec });
	serve(&(struct tls_plan){ .end = TLS_IS_SILENT });
	t.frees_prober = true;
	begin(&a, &(struct probe_request){ "nowhere.test:1", NULL, NULL });
	begin(&b, &by_name);
	t.waiting--;
	wait_for_all();
	turn_loop(20);
	assert_int_equal(b.calls, 0);
	probe_free(b.handle);
}

static void
test_so_may_the_callback_of_a_contact(void **state)
{
	struct asked a;

	(void)state;
	serve(&(struct tls_plan){ .identity = &t.ec });
	t.frees_prober = true;
	ask(&a, &by_name);
	assert_string_equal(a.seen[0].fingerprint, t.ec.fingerprint);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_requests_are_checked),
		TEST(test_bad_requests_are_told),
		TEST(test_some_wait_for_their_turn),
		TEST(test_many_that_end_at_once),
		TEST(test_a_freed_probe_does_not_call),
		TEST(test_the_prober_may_go_first),
		TEST(test_a_callback_frees_another),
		TEST(test_a_callback_may_free_the_prober),
		TEST(test_so_may_the_callback_of_a_contact),
	};

	return cmocka_run_group_tests_name("probe life", tests, group_set_up,
	    group_tear_down);
}
