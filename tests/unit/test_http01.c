/* SPDX-License-Identifier: ISC */
#include "tests/unit/http01_rig.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/io/listener.h"

static void
test_a_live_token_has_its_own_answer(void **state)
{
	(void)state;
	http01_put(t.http01, TOKEN, TOKEN ".first");
	http01_put(t.http01, OTHER, "something else");
	exchange(GET(TOKEN), OK("49", "close") TOKEN ".first");
	assert_string_equal(t.hits, "evaG 127.0.0.1 live;");
	exchange(GET(OTHER), NOT_FOUND);

	http01_put(t.http01, TOKEN, TOKEN ".other");
	exchange(GET(TOKEN), OK("49", "close") TOKEN ".other");
	http01_remove(t.http01, TOKEN);
	http01_remove(t.http01, TOKEN);
	exchange(GET(TOKEN), NOT_FOUND);
	expect_counts(2, 2, 0, 0);
}

static void
test_the_default_answers_what_is_not_live(void **state)
{
	(void)state;
	http01_set_default(t.http01, THUMBPRINT);
	http01_put(t.http01, TOKEN, TOKEN ".live");
	exchange(GET(OTHER), OK("66", "close") OTHER "." THUMBPRINT);
	exchange(GET(TOKEN), OK("48", "close") TOKEN ".live");
	assert_string_equal(t.hits, "DGyR 127.0.0.1 default;evaG 127.0.0.1 live;");

	http01_set_default(t.http01, NULL);
	exchange(GET(OTHER), NOT_FOUND);
	expect_counts(2, 1, 0, 0);
}

static void
test_what_is_refused_is_closed(void **state)
{
	static const struct {
		const char *request;
		const char *answer;
	} cases[] = {
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n", NOT_FOUND },
		{ GET("../../../../etc/passwd"), NOT_FOUND },
		{ GET(TOKEN "%00"), NOT_FOUND },
		{ GET(TOKEN "<script>"), BAD },
		{ "GET /\r\n", BAD },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD },
		{ "\x16\x03\x01", BAD },
		{ "POST " PATH TOKEN " HTTP/1.1\r\nHost: a\r\n\r\n", BAD },
		{ "GET / HTTP/1.1\r\nHost: a\r\n\r\n" GET(TOKEN), NOT_FOUND },
	};

	(void)state;
	http01_set_default(t.http01, THUMBPRINT);
	for (size_t i = 0; i < COUNT(cases); i++)
		exchange(cases[i].request, cases[i].answer);
	assert_string_equal(t.hits, "");
	expect_counts(0, COUNT(cases), 0, 0);
}

static void
test_a_request_may_come_byte_by_byte(void **state)
{
	static const char request[] = GET_KEEP(TOKEN);
	int fd = dial();

	(void)state;
	http01_put(t.http01, TOKEN, "body");
	for (const char *at = request; *at != '\0'; at++) {
		assert_int_equal(send(fd, at, 1, MSG_NOSIGNAL), 1);
		run();
	}
	expect_open(fd, OK("4", "keep-alive") "body");
	expect_counts(1, 0, 0, 1);
	close(fd);
	run();
	expect_counts(1, 0, 0, 0);
}

static void
test_a_connection_is_kept_and_may_be_pipelined(void **state)
{
	int fd = dial();

	(void)state;
	http01_put(t.http01, TOKEN, "body");
	say(fd, GET_KEEP(TOKEN));
	expect_open(fd, OK("4", "keep-alive") "body");
	say(fd, GET_KEEP(TOKEN) GET_KEEP(TOKEN) "GET " PATH);
	expect_open(fd, OK("4", "keep-alive") "body" OK("4", "keep-alive") "body");
	say(fd, TOKEN " HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	expect_open(fd, OK("4", "keep-alive") "body");
	say(fd, GET(TOKEN) GET(TOKEN));
	expect_closed(fd, OK("4", "close") "body");
	expect_counts(5, 0, 0, 0);
}

static void
test_a_client_that_half_closes_gets_its_answer(void **state)
{
	int fd = dial();

	(void)state;
	http01_put(t.http01, TOKEN, "body");
	say(fd, GET_KEEP(TOKEN));
	shutdown(fd, SHUT_WR);
	expect_closed(fd, OK("4", "keep-alive") "body");
}

static void
test_ipv6_and_unix_sockets_are_served_too(void **state)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in6 in6;
	socklen_t length = sizeof(in6);
	struct err err = { 0 };
	int fd = listener_bind("[::1]:0", &err);

	(void)state;
	http01_put(t.http01, TOKEN, "body");
	if (fd != -1) { /* a host may have no IPv6 */
		int client = socket(AF_INET6, SOCK_STREAM, 0);

		getsockname(fd, (struct sockaddr *)&in6, &length);
		http01_listen(t.http01, fd);
		assert_int_equal(connect(client, (struct sockaddr *)&in6, length), 0);
		say(client, GET(TOKEN));
		expect_closed(client, OK("4", "close") "body");
		assert_string_equal(t.hits, "evaG ::1 live;");
	}

	t.hits[0] = '\0';
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(sa_family_t)), 0);
	length = sizeof(un);
	getsockname(fd, (struct sockaddr *)&un, &length); /* an abstract name */
	assert_int_equal(listen(fd, 8), 0);
	http01_listen(t.http01, fd);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&un, length), 0);
	say(fd, GET(TOKEN));
	expect_closed(fd, OK("4", "close") "body");
	assert_string_equal(t.hits, "evaG unix live;");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_live_token_has_its_own_answer),
		TEST(test_the_default_answers_what_is_not_live),
		TEST(test_what_is_refused_is_closed),
		TEST(test_a_request_may_come_byte_by_byte),
		TEST(test_a_connection_is_kept_and_may_be_pipelined),
		TEST(test_a_client_that_half_closes_gets_its_answer),
		TEST(test_ipv6_and_unix_sockets_are_served_too),
	};

	return cmocka_run_group_tests_name("http01", tests, NULL, NULL);
}
