/* SPDX-License-Identifier: ISC */
#include "tests/unit/tlsalpn01_rig.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct alpn_hello right = { .name = "a.example", .protocols = ACME_TLS_1 };

static void
test_a_ca_is_answered(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct alpn_hello hello = right;

		hello.version = versions[i];
		expect_answer(dial(), &hello);
	}
	expect_counts(2, 0, 0);
	expect_here(0, 0);
	assert_string_equal(t.hits, "a.example 127.0.0.1;a.example 127.0.0.1;");
}

static void
test_addresses_are_proved_by_their_reverse_names(void **state)
{
	static const struct alpn_hello four = { .name = "1.2.0.192.in-addr.arpa",
		.protocols = ACME_TLS_1 };
	static const struct alpn_hello six = { .name = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
						       "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
						       "ip6.arpa",
		.protocols = ACME_TLS_1 };

	(void)state;
	put("192.0.2.1");
	put("::1");
	expect_answer(dial_from("127.0.0.9"), &four);
	expect_answer(dial(), &six);
	assert_string_equal(t.hits, "192.0.2.1 127.0.0.9;::1 127.0.0.1;");
}

static void
test_others_are_closed_without_a_reply(void **state)
{
	static const struct alpn_hello cases[] = {
		{ .name = "b.example", .protocols = ACME_TLS_1 },
		{ .protocols = ACME_TLS_1 },
		{ .name = "a.example" },
		{ .name = "a.example", .protocols = "\x02h2" ACME_TLS_1 },
		{ .name = "a.example", .protocols = ACME_TLS_1, .version = TLS1_1_VERSION },
	};
	unsigned char bytes[4096];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct alpn_client client;
		int fd = dial();

		alpn_client_open(&client, &cases[i]);
		say(fd, bytes, alpn_client_says(&client, bytes, sizeof(bytes)));
		alpn_client_close(&client);
		expect_closed(fd);
	}
	expect_counts(0, COUNT(cases), 0);
	expect_here(0, 0);
	assert_string_equal(t.hits, "");
}

static void
test_garbage_is_closed_without_a_reply(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
	} cases[] = {
		{ "G", 1 },
		{ "GET / HTTP/1.1\r\n\r\n", 18 },
		{ "\x16\x03\x01\xff\xff", 5 },
		{ "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10 },
		{ "\x16\x03\x03\x00\x06\x01\x00\x00\x02\x03\x03", 11 },
		{ "\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9 },
		{ "\x80\x2e\x01\x03\x01", 5 },
		{ "\x00", 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int fd = dial();

		say(fd, cases[i].bytes, cases[i].length);
		expect_closed(fd);
	}
	expect_counts(0, COUNT(cases), 0);
}

/* Records that follow a hello and are none, and more than any handshake needs. */
static void
test_garbage_in_the_middle_ends_it(void **state)
{
	static unsigned char bytes[65536];
	int fd = dial();
	bool ended;

	(void)state;
	say(fd, bytes, make_hello("a.example", bytes, sizeof(bytes)));
	assert_true(hear(fd, bytes, sizeof(bytes), &ended) > 0);
	expect_here(0, 1);
	say(fd, "GET / HTTP/1.1\r\n\r\n", 18);
	expect_closed(fd);
	expect_counts(0, 1, 0);

	memset(bytes, 0, sizeof(bytes));
	memcpy(bytes, "\x16\x03\x01\x40\x00\x01\x00\x40\x00", 9);
	fd = dial();
	for (size_t sent = 0; sent < sizeof(bytes); sent += 4096) {
		run();
		if (send(fd, bytes + sent, 4096, MSG_NOSIGNAL) == -1)
			break;
	}
	expect_closed(fd);
	expect_counts(0, 2, 0);
}

static void
test_bytes_may_come_one_at_a_time(void **state)
{
	unsigned char bytes[4096];
	struct alpn_client client;
	int fd = dial();
	bool ended = false;
	size_t n;

	(void)state;
	alpn_client_open(&client, &right);
	n = alpn_client_says(&client, bytes, sizeof(bytes));
	for (size_t i = 0; i < n; i++) {
		say(fd, bytes + i, 1);
		run();
	}
	while ((n = hear(fd, bytes, sizeof(bytes), &ended)) > 0) {
		alpn_client_hears(&client, bytes, n);
		n = alpn_client_says(&client, bytes, sizeof(bytes));
		for (size_t i = 0; i < n; i++) {
			say(fd, bytes + i, 1);
			run();
		}
	}
	assert_true(ended);
	assert_true(client.done);
	expect_counts(1, 0, 0);
	alpn_client_close(&client);
	close(fd);
}

/* RFC 8446, section 5.1: a message may be cut at any place. */
static void
test_a_hello_may_be_cut_into_records(void **state)
{
	unsigned char hello[4096];
	unsigned char bytes[4096];
	size_t n = make_hello("a.example", hello, sizeof(hello));
	int fd = dial();
	bool ended;

	(void)state;
	for (size_t at = 5; at < n; at += 50) {
		size_t part = n - at < 50 ? n - at : 50;

		memcpy(bytes, hello, 3);
		bytes[3] = 0;
		bytes[4] = (unsigned char)part;
		memcpy(bytes + 5, hello + at, part);
		say(fd, bytes, part + 5);
		run();
	}
	assert_true(hear(fd, bytes, sizeof(bytes), &ended) > 0);
	assert_int_equal(bytes[0], 0x16);
	close(fd);
	expect_here(0, 0);
}

static void
test_nobody_is_listened_to_while_nothing_is_live(void **state)
{
	int waiting = dial();
	unsigned char bytes[4096];
	int fd;

	(void)state;
	expect_here(1, 0);
	tlsalpn01_remove(t.server, "a.example", "KEY.AUTHORIZATION");
	fd = dial();
	expect_closed(fd);
	expect_counts(0, 1, 0);
	say(waiting, bytes, make_hello("a.example", bytes, sizeof(bytes)));
	expect_closed(waiting);
	expect_counts(0, 2, 0);
	put("a.example");
	expect_answer(dial(), &right);
}

static void
test_a_name_may_go_when_it_was_hit(void **state)
{
	(void)state;
	put("b.example");
	t.removes = (char[]){ "a.example" };
	expect_answer(dial(), &right);
	expect_counts(1, 0, 0);
	t.removes = NULL;
	tlsalpn01_remove(t.server, "b.example", "KEY.AUTHORIZATION");
	expect_closed(dial());
}

static void
test_who_hangs_up_is_forgotten(void **state)
{
	unsigned char bytes[4096];
	size_t n = make_hello("a.example", bytes, sizeof(bytes));
	int fds[3];

	(void)state;
	for (size_t i = 0; i < COUNT(fds); i++)
		fds[i] = dial();
	say(fds[1], bytes, n / 2);
	say(fds[2], bytes, n);
	expect_here(2, 1);
	for (size_t i = 0; i < COUNT(fds); i++)
		close(fds[i]);
	expect_here(0, 0);
	expect_counts(0, 0, 0);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_ca_is_answered),
		TEST(test_addresses_are_proved_by_their_reverse_names),
		TEST(test_others_are_closed_without_a_reply),
		TEST(test_garbage_is_closed_without_a_reply),
		TEST(test_garbage_in_the_middle_ends_it),
		TEST(test_bytes_may_come_one_at_a_time),
		TEST(test_a_hello_may_be_cut_into_records),
		TEST(test_nobody_is_listened_to_while_nothing_is_live),
		TEST(test_a_name_may_go_when_it_was_hit),
		TEST(test_who_hangs_up_is_forgotten),
	};

	return cmocka_run_group_tests_name("tlsalpn01", tests, NULL, NULL);
}
