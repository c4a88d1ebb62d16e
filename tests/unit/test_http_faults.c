/* SPDX-License-Identifier: ISC */
/* Against servers that do what they should not, or nothing at all. */
#include "tests/unit/http_fixture.h"

#include <dlfcn.h>
#include <event2/event.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"

#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n"
#define TEN_HEADERS                                                \
	"A: 1\r\nA: 2\r\nA: 3\r\nA: 4\r\nA: 5\r\nA: 6\r\nA: 7\r\n" \
	"A: 8\r\nA: 9\r\nA: 10\r\n"
#define FIFTY_HEADERS   TEN_HEADERS TEN_HEADERS TEN_HEADERS TEN_HEADERS TEN_HEADERS
#define HUNDRED_HEADERS FIFTY_HEADERS FIFTY_HEADERS

#define ENDLESS "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define CHUNKED "Transfer-Encoding: chunked\r\n"
#define MOVED   "HTTP/1.1 302 F\r\nLocation: https://127.0.0.1:1/\r\n"

static const struct route routes[] = {
	{ .path = "/hello",
	    .answer = OK("5") "Link: <a>\r\nReplay-Nonce: n1\r\nLINK: <b>\r\n\r\nhello" },
	{ .path = "/16", .answer = OK("16") "\r\n0123456789abcdef" },
	{ .path = "/17", .answer = OK("17") "\r\n0123456789abcdefg" },
	{ .path = "/announced", .answer = OK("1000000000") "\r\n", .endless = ENDLESS },
	{ .path = "/endless", .answer = "HTTP/1.1 200 OK\r\n\r\n", .endless = ENDLESS },
	{ .path = "/chunked",
	    .answer = "HTTP/1.1 200 OK\r\n" CHUNKED "\r\n",
	    .endless = "2\r\nxx\r\n" },
	{ .path = "/headers",
	    .answer = "HTTP/1.1 200 OK\r\n",
	    .endless = "Set-Cookie: xxxxxxxx\r\n" },
	{ .path = "/long-header", .answer = "HTTP/1.1 200 OK\r\nA: ", .endless = ENDLESS },
	{ .path = "/many-headers", .answer = OK("0") HUNDRED_HEADERS "\r\n" },
	{ .path = "/informational", .answer = "", .endless = "HTTP/1.1 103 Early\r\n\r\n" },
	{ .path = "/moved",
	    .answer = "HTTP/1.1 302 F\r\nLocation: /hello\r\nContent-Length: 0\r\n\r\n" },
	{ .path = "/moved-file",
	    .answer = "HTTP/1.1 302 F\r\nLocation: file:///etc/passwd\r\n"
		      "Content-Length: 0\r\n\r\n" },
	{ .path = "/moved-user",
	    .answer = "HTTP/1.1 301 F\r\nLocation: https://a:b@127.0.0.1:1/\r\n"
		      "Content-Length: 0\r\n\r\n" },
	{ .path = "/moved-https", .answer = MOVED "Content-Length: 0\r\n\r\n" },
	{ .path = "/moved-announced",
	    .answer = MOVED "Content-Length: 1000000000\r\n\r\n",
	    .endless = ENDLESS },
	{ .path = "/moved-chunked",
	    .answer = MOVED CHUNKED "\r\n",
	    .endless = "2\r\nxx\r\n" },
	{ .path = "/broken", .answer = OK("100") "\r\nonly this", .after = ROUTE_CLOSE },
	{ .path = "/silent", .answer = "", .after = ROUTE_CLOSE },
	{ .path = "/garbage", .answer = "SSH-2.0-OpenSSH_9.2\r\n", .after = ROUTE_CLOSE },
	{ .path = "/drip", .answer = OK("1000") "\r\n", .after = ROUTE_DRIP },
	{ .path = NULL },
};

static int
set_up(void **state)
{
	(void)state;
	fixture_set_up(routes);
	return 0;
}

static void
test_a_body_has_a_limit(void **state)
{
	static const char *const paths[] = { "/17", "/announced", "/endless", "/chunked",
		"/moved-announced", "/moved-chunked" };
	CLEAN(string) char *url = url_of("/endless");
	struct http_call call = { .url = url };
	int64_t begun;

	(void)state;
	get("/16");
	assert_string_equal(t.body, "0123456789abcdef");
	for (size_t i = 0; i < COUNT(paths); i++) {
		begun = now_ms();
		get(paths[i]);
		assert_error(ERR_PROTOCOL, "the answer is larger than 16 bytes");
		assert_in_range(now_ms() - begun, 0, 500);
	}
	http_start(t.http, &call, on_done, NULL);
	run_until(t.n_done + 1);
	assert_error(ERR_PROTOCOL, "the answer is larger than 256 KiB");
}

static void
test_headers_have_a_limit(void **state)
{
	static const char *const paths[] = { "/headers", "/many-headers",
		"/informational" };

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		get(paths[i]);
		assert_error(ERR_PROTOCOL,
		    "the answer has more than 100 header lines or 64 KiB of them");
	}
	get("/long-header");
	assert_error(ERR_PROTOCOL,
	    "the answer from 127.0.0.1:PORT has an endless header line");
}

static void
test_a_post_is_not_redirected(void **state)
{
	(void)state;
	start(HTTP_POST, "/moved", on_done);
	run_until(1);
	assert_int_equal(t.status, 302);
	assert_received("/hello", false);
}

static void
test_redirects_lead_to_https_only(void **state)
{
	static const char *const paths[] = { "/moved", "/moved-file", "/moved-user" };

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		get(paths[i]);
		assert_int_equal(t.err.kind, ERR_PROTOCOL);
		assert_non_null(
		    strstr(t.err.text, ": redirects to what is not a plain https URL"));
	}
	assert_received("/hello", false);
	get("/moved-https");
	assert_error(ERR_NETWORK, "cannot reach 127.0.0.1:1: connection refused");
}

static void
test_a_server_that_is_silent_has_its_time(void **state)
{
	int64_t begun = now_ms();

	(void)state;
	t.peer.timeout_ms = 300;
	get("/never");
	assert_error(ERR_NETWORK, "no answer from 127.0.0.1:PORT within 0.3 s");
	assert_in_range(now_ms() - begun, 250, 1500);
	get("/drip");
	assert_error(ERR_NETWORK, "no whole answer from 127.0.0.1:PORT within 0.3 s");
	get("/hello"); /* and on a connection that is used again */
	get("/never");
	assert_error(ERR_NETWORK, "no answer from 127.0.0.1:PORT within 0.3 s");
}

static void
test_a_server_that_is_slow_has_half_of_it(void **state)
{
	(void)state;
	t.peer.timeout_ms = 3000;
	get("/drip");
	assert_error(ERR_NETWORK,
	    "the answer from 127.0.0.1:PORT is too slow: less than 16 bytes a second");
}

static void
test_a_broken_answer_is_an_error(void **state)
{
	static const struct {
		const char *path, *text;
		enum err_kind kind;
	} cases[] = {
		{ "/broken", "the answer from 127.0.0.1:PORT broke off", ERR_NETWORK },
		{ "/garbage", "the answer from 127.0.0.1:PORT is not HTTP", ERR_PROTOCOL },
		{ "/silent", "127.0.0.1:PORT closed the connection without an answer",
		    ERR_NETWORK },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		t.peer.timeout_ms = 2000;
		get(cases[i].path);
		assert_error(cases[i].kind, cases[i].text);
	}
}

/* curl's resolver thread calls this instead of the C library's: one name is never
 * answered. */
int
getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
    struct addrinfo **ret)
{
	int (
	    *real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	if (name != NULL && strcmp(name, "dead.example") == 0) {
		sleep(2);
		return EAI_AGAIN;
	}
	real = (__typeof__(real))dlsym(RTLD_NEXT, "getaddrinfo");
	return real(name, service, hints, ret);
}

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	static int64_t last;
	int64_t now = now_ms(), *longest = arg;

	(void)fd;
	(void)what;
	if (*longest == -1)
		*longest = 0;
	else if (now - last > *longest)
		*longest = now - last;
	last = now;
}

static void
test_dead_name_servers_do_not_stop_the_loop(void **state)
{
	const struct timeval often = { .tv_usec = 10000 };
	int64_t longest = -1;
	struct event *tick = event_new(t.loop, -1, EV_PERSIST, on_tick, &longest);
	struct http_peer peer = { .timeout_ms = 300 };
	struct http_call call = { .url = "https://dead.example/", .peer = &peer };
	struct http_request *r;

	(void)state;
	event_add(tick, &often);
	http_start(t.http, &call, on_done, NULL);
	run_until(1);
	http_request_free(http_start(t.http, &call, on_done, NULL));
	r = http_start(t.http, &call, on_done, NULL);
	run_for_ms(100);
	http_request_free(r);
	run_for_ms(50);
	event_free(tick);
	assert_error(ERR_NETWORK,
	    "cannot reach dead.example:443: its name is not resolved within 0.3 s");
	assert_in_range(longest, 0, 150);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_body_has_a_limit),
		TEST(test_headers_have_a_limit),
		TEST(test_a_post_is_not_redirected),
		TEST(test_redirects_lead_to_https_only),
		TEST(test_a_server_that_is_silent_has_its_time),
		TEST(test_a_server_that_is_slow_has_half_of_it),
		TEST(test_a_broken_answer_is_an_error),
		TEST(test_dead_name_servers_do_not_stop_the_loop),
	};

	return cmocka_run_group_tests_name("http_faults", tests, NULL, NULL);
}
