/* SPDX-License-Identifier: ISC */
#include "tests/unit/tlsalpn01_rig.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/mem.h"

static const struct alpn_hello right = { .name = "a.example", .protocols = ACME_TLS_1 };

/* One of six strangers; each has 50 of 300. */
static int
dial_as(size_t i)
{
	char address[16];

	snprintf(address, sizeof(address), "127.0.1.%zu", 1 + i % 6);
	return dial_from(address);
}

static void
hang_up(const int *fds, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		close(fds[i]);
}

static void
test_256_may_be_silent_and_the_oldest_goes(void **state)
{
	int fds[300];

	(void)state;
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = dial_as(i);
		run();
	}
	expect_here(256, 0);
	expect_counts(0, 0, 44);
	assert_false(is_open(fds[43]));
	assert_true(is_open(fds[44]));
	expect_answer(dial_from("127.0.2.1"), &right);
	expect_counts(1, 0, 45);
	hang_up(fds, 0, COUNT(fds));
	expect_here(0, 0);
}

static void
test_256_handshakes_may_be_half_open(void **state)
{
	unsigned char bytes[4096];
	size_t n = make_hello("a.example", bytes, sizeof(bytes));
	int fds[300];

	(void)state;
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = dial_as(i);
		say(fds[i], bytes, n);
		run();
	}
	expect_here(0, 256);
	expect_counts(0, 0, 44);
	expect_answer(dial_from("127.0.2.1"), &right);
	expect_counts(1, 0, 45);
	hang_up(fds, 0, COUNT(fds));
	expect_here(0, 0);
}

/* Whoever was answered has a long way to go: nobody who is silent pushes him out. */
static void
test_a_flood_of_others_does_not_reach_who_was_answered(void **state)
{
	unsigned char bytes[4096];
	struct alpn_client client;
	int fds[300];
	int fd = dial_from("127.0.2.1");
	bool ended;
	size_t n;

	(void)state;
	alpn_client_open(&client, &right);
	say(fd, bytes, alpn_client_says(&client, bytes, sizeof(bytes)));
	n = hear(fd, bytes, sizeof(bytes), &ended);
	alpn_client_hears(&client, bytes, n);
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = dial_as(i);
		say(fds[i], "\x16", 1);
		run();
	}
	expect_here(256, 1);
	say(fd, bytes, alpn_client_says(&client, bytes, sizeof(bytes)));
	expect_closed(fd);
	expect_counts(1, 0, 44);
	alpn_client_close(&client);
	hang_up(fds, 0, COUNT(fds));
}

static void
test_an_address_has_64_places_but_for_this_host(void **state)
{
	int mine[66];
	int proxied[100];

	(void)state;
	for (size_t i = 0; i < COUNT(proxied); i++)
		proxied[i] = dial();
	expect_here(COUNT(proxied), 0);
	for (size_t i = 0; i < COUNT(mine); i++) {
		mine[i] = dial_from("127.0.0.3");
		run();
	}
	expect_here(COUNT(proxied) + 64, 0);
	expect_counts(0, 0, 2);
	assert_false(is_open(mine[1]));
	assert_true(is_open(mine[2]));
	hang_up(mine, 0, COUNT(mine));
	hang_up(proxied, 0, COUNT(proxied));
}

static void
test_all_is_over_after_ten_seconds(void **state)
{
	unsigned char bytes[4096];
	size_t n = make_hello("a.example", bytes, sizeof(bytes));
	int silent = dial();
	int half = dial();
	int whole = dial();
	int late;
	bool ended;

	(void)state;
	run();
	say(half, bytes, n / 2);
	run();
	t.now_ms += 5000;
	say(whole, bytes, n); /* its ten seconds do not begin anew */
	assert_true(hear(whole, bytes, sizeof(bytes), &ended) > 0);
	expect_here(2, 1);
	t.now_ms += 4999;
	late = dial();
	expect_here(3, 1);
	assert_true(is_open(silent));

	t.now_ms += 1;
	expect_closed(silent);
	expect_closed(half);
	expect_closed(whole);
	expect_counts(0, 0, 3);
	expect_here(1, 0);
	expect_answer(late, &right);
}

static void
test_few_descriptors_are_few_places(void **state)
{
	struct rlimit before;
	struct rlimit low;
	int fds[12];

	(void)state;
	tlsalpn01_free(t.server);
	getrlimit(RLIMIT_NOFILE, &before);
	low = before;
	low.rlim_cur = 40;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	t.server = tlsalpn01_new(t.loop);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	listen_on("127.0.0.1:0");
	put("a.example");
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = dial_as(i);
		run();
	}
	expect_here(10, 0);
	expect_counts(0, 0, 2);
	hang_up(fds, 0, COUNT(fds));
}

static void
test_what_is_open_at_the_end_is_closed(void **state)
{
	unsigned char bytes[4096];
	size_t n = make_hello("a.example", bytes, sizeof(bytes));
	int fds[9];

	(void)state;
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = dial();
		say(fds[i], bytes, i % 3 * n / 2);
	}
	expect_here(6, 3);
	tlsalpn01_free(t.server);
	t.server = NULL;
	for (size_t i = 0; i < COUNT(fds); i++)
		assert_false(is_open(fds[i]) && i % 3 != 2);
	hang_up(fds, 0, COUNT(fds));
}

/* ---- memory ---- */

/* The timer is a true one: this takes two seconds. */
static void
wait_for_calm(void)
{
	for (int i = 0; i < 100 && t.given_back == 0; i++)
		assert_int_not_equal(event_base_loop(t.loop, EVLOOP_ONCE), -1);
	assert_int_equal(t.given_back, 1);
}

static void
test_memory_is_given_back_when_a_flood_is_over(void **state)
{
	unsigned char bytes[4096];
	size_t n = make_hello("a.example", bytes, sizeof(bytes));
	int fds[20];
	int stays;

	(void)state;
	for (size_t i = 0; i < 10; i++)
		expect_answer(dial(), &right); /* those are not many */
	for (size_t i = 0; i < COUNT(fds); i++) {
		fds[i] = dial();
		say(fds[i], bytes, n);
	}
	expect_here(0, COUNT(fds));
	stays = dial();
	hang_up(fds, 0, COUNT(fds));
	expect_here(1, 0);
	assert_int_equal(t.given_back, 0);
	wait_for_calm();
	expect_answer(stays, &right);
	expect_here(0, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_256_may_be_silent_and_the_oldest_goes),
		TEST(test_256_handshakes_may_be_half_open),
		TEST(test_a_flood_of_others_does_not_reach_who_was_answered),
		TEST(test_an_address_has_64_places_but_for_this_host),
		TEST(test_all_is_over_after_ten_seconds),
		TEST(test_few_descriptors_are_few_places),
		TEST(test_what_is_open_at_the_end_is_closed),
		TEST(test_memory_is_given_back_when_a_flood_is_over),
	};

	return cmocka_run_group_tests_name("tlsalpn01_limits", tests, NULL, NULL);
}
