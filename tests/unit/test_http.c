/* SPDX-License-Identifier: ISC */
/* Against a server that behaves. TLS is for the system tests. */
#include "tests/unit/http_fixture.h"

#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/clock.h"

#define OK(length) "HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n"
#define DATE       "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

static const struct route routes[] = {
	{ .path = "/hello",
	    .answer = OK("5") "Link: <a>\r\nReplay-Nonce: n1\r\nLINK: <b>\r\n\r\nhello" },
	{ .path = "/empty", .answer = OK("0") "\r\n" },
	{ .path = "/404", .answer = "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno" },
	{ .path = "/moved",
	    .answer = "HTTP/1.1 302 F\r\nLocation: /hello\r\nContent-Length: 0\r\n\r\n" },
	{ .path = "/dated", .answer = OK("0") DATE "\r\n" },
	{ .path = "/late",
	    .answer = "HTTP/1.1 429 No\r\nContent-Length: 0\r\n"
		      "date: Sun, 06 Nov 1994 08:49:38 GMT\r\n\r\n" },
	{ .path = "/dateless", .answer = OK("0") "Date: yesterday\r\n\r\n" },
	{ .path = "/cached", .answer = OK("0") DATE "Age: 4000\r\n\r\n" },
	{ .path = "/endless", .answer = OK("17") DATE "\r\n12345678901234567" },
	{ .path = NULL },
};

static struct {
	unsigned n;
	time_t date;
	char who[64];
} heard;

static struct http_request *another; /* that a callback frees */
static unsigned chain;               /* requests still to be started by callbacks */

static int
set_up(void **state)
{
	(void)state;
	memset(&heard, 0, sizeof(heard));
	fixture_set_up(routes);
	return 0;
}

/* In place of the clock. */
void
clock_hint_date(time_t date, const char *who)
{
	heard.n++;
	heard.date = date;
	snprintf(heard.who, sizeof(heard.who), "%s", who);
}

static void
test_a_get_brings_status_body_and_headers(void **state)
{
	(void)state;
	get("/hello");
	assert_int_equal(t.status, 200);
	assert_string_equal(t.body, "hello");
	assert_string_equal(t.nonce, "n1");
	assert_string_equal(t.second_link, "<b>");
	assert_received("GET /hello HTTP/1.1\r\n", true);
	assert_received("\r\nUser-Agent: acmed/" PACKAGE_VERSION " (libcurl/", true);
	assert_received("; OpenSSL/", true);
	assert_received("\r\nAccept-Language: en\r\n", true);
	assert_received("Accept-Encoding", false);
	get("/404");
	assert_int_equal(t.status, 404);
	assert_string_equal(t.body, "no");
	assert_string_equal(t.nonce, "");
}

static void
test_a_post_sends_its_body_without_asking(void **state)
{
	(void)state;
	start(HTTP_POST, "/empty", on_done);
	run_until(1);
	assert_int_equal(t.status, 200);
	assert_string_equal(t.body, "");
	assert_received("POST /empty HTTP/1.1\r\n", true);
	assert_received("\r\nContent-Type: application/jose+json\r\n", true);
	assert_received("\r\nAccept: application/json\r\n", true);
	assert_received("\r\nContent-Length: 2\r\n", true);
	assert_received("\r\n\r\n{}", true);
	assert_received("Expect", false);
}

static void
test_a_head_has_no_body(void **state)
{
	(void)state;
	start(HTTP_HEAD, "/moved", on_done);
	run_until(1);
	assert_int_equal(t.status, 302);
	start(HTTP_HEAD, "/empty", on_done);
	run_until(2);
	assert_int_equal(t.status, 200);
	assert_received("HEAD /empty HTTP/1.1\r\n", true);
	get("/hello"); /* nothing of the HEAD sticks to the handle */
	assert_string_equal(t.body, "hello");
}

static void
test_the_clock_hears_the_date_of_an_answer(void **state)
{
	char who[64];

	(void)state;
	snprintf(who, sizeof(who), "127.0.0.1:%d", http_server_port(t.server));
	get("/dated");
	assert_int_equal(heard.n, 1);
	assert_int_equal(heard.date, 784111777);
	assert_string_equal(heard.who, who);
	get("/late"); /* whatever the answer is */
	assert_int_equal(heard.n, 2);
	assert_int_equal(heard.date, 784111778);
}

static void
test_the_clock_hears_of_no_other_date(void **state)
{
	(void)state;
	get("/hello");
	get("/dateless");
	get("/cached");
	get("/endless");
	assert_int_equal(t.err.kind, ERR_PROTOCOL);
	assert_int_equal(heard.n, 0);
}

static void
on_link_of_chain(const struct http_reply *reply, const struct err *err, void *arg)
{
	on_done(reply, err, arg);
	if (--chain > 0)
		start(chain % 2 == 0 ? HTTP_GET : HTTP_POST, "/hello", on_link_of_chain);
}

static void
test_a_chain_of_requests_uses_one_connection(void **state)
{
	(void)state;
	chain = 20;
	start(HTTP_GET, "/hello", on_link_of_chain);
	run_until(20);
	assert_string_equal(t.body, "hello");
	assert_int_equal(http_server_connections(t.server), 1);
}

static void
test_many_requests_share_few_connections(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++)
		start(HTTP_GET, "/hello", on_done);
	run_until(50);
	assert_string_equal(t.body, "hello");
	assert_in_range(http_server_connections(t.server), 1, 8);
}

static void
test_connections_can_be_limited(void **state)
{
	(void)state;
	http_set_connections(t.http, 2);
	for (int i = 0; i < 50; i++)
		start(HTTP_GET, "/hello", on_done);
	run_until(50);
	assert_in_range(http_server_connections(t.server), 1, 2);
}

static void
test_nobody_there_is_said(void **state)
{
	struct http_call call = { .url = "http://127.0.0.1:1/directory" };

	(void)state;
	http_start(t.http, &call, on_done, NULL);
	run_until(1);
	assert_error(ERR_NETWORK, "cannot reach 127.0.0.1:1: connection refused");
}

static void
test_a_proxy_that_is_not_there_is_named(void **state)
{
	struct http_peer peer = { .proxy = "http://127.0.0.1:2" };
	struct http_call call = { .url = "https://ca.example/directory", .peer = &peer };

	(void)state;
	http_start(t.http, &call, on_done, NULL);
	run_until(1);
	assert_error(ERR_NETWORK, "cannot reach ca.example:443 through the proxy "
				  "127.0.0.1:2: connection refused");
}

static void
test_a_trust_file_that_is_missing_is_named(void **state)
{
	struct http_peer peer = { .trust = "/nonexistent/roots.pem" };
	CLEAN(string)
	char *url = xasprintf("https://127.0.0.1:%d/", http_server_port(t.server));
	struct http_call call = { .url = url, .peer = &peer };

	(void)state;
	http_start(t.http, &call, on_done, NULL);
	run_until(1);
	assert_int_equal(t.err.kind, ERR_CONFIG);
	assert_non_null(strstr(t.err.text, "/nonexistent/roots.pem"));
}

static void
test_a_bad_url_fails_from_the_loop(void **state)
{
	static const struct {
		const char *url, *text;
	} cases[] = {
		{ "http://ca.example/",
		    "URL \"http://ca.example/\": does not begin with https://" },
		{ "file:///etc/passwd",
		    "URL \"file:///etc/passwd\": does not begin with https://" },
		{ "", "URL \"\": is empty" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http_call call = { .url = cases[i].url };

		http_start(t.http, &call, on_done, NULL);
		assert_int_equal(t.n_done, i);
		run_until((unsigned)i + 1);
		assert_error(ERR_PROTOCOL, cases[i].text);
	}
}

static void
on_done_frees_another(const struct http_reply *reply, const struct err *err, void *arg)
{
	on_done(reply, err, arg);
	http_request_free(TAKE(another));
}

static void
test_a_freed_request_calls_nobody(void **state)
{
	struct http_call bad = { .url = "bad" };
	struct http_request *r;

	(void)state;
	http_request_free(NULL);
	http_request_free(start(HTTP_GET, "/hello", on_done));
	http_request_free(http_start(t.http, &bad, on_done, NULL));
	r = start(HTTP_GET, "/never", on_done);
	run_for_ms(50);
	assert_received("GET /never", true);
	http_request_free(r);
	another = start(HTTP_GET, "/never", on_done);
	start(HTTP_GET, "/hello", on_done_frees_another);
	run_until(1);
	run_for_ms(50);
	assert_int_equal(t.n_done, 1);
	/* Two that fail in the same turn: the first frees the second. */
	http_start(t.http, &bad, on_done_frees_another, NULL);
	another = http_start(t.http, &bad, on_done, NULL);
	run_until(2);
	run_for_ms(50);
	assert_int_equal(t.n_done, 2);
}

static void
on_done_frees_itself(const struct http_reply *reply, const struct err *err, void *arg)
{
	on_done(reply, err, arg);
	http_request_free(*(struct http_request **)arg);
}

static void
test_a_request_may_be_freed_by_its_own_callback(void **state)
{
	CLEAN(string) char *url = url_of("/hello");
	struct http_call call = { .url = url };
	struct http_request *r;

	(void)state;
	r = http_start(t.http, &call, on_done_frees_itself, &r);
	run_until(1);
	call.url = "bad";
	r = http_start(t.http, &call, on_done_frees_itself, &r);
	run_until(2);
}

static void
test_requests_outlive_what_they_run_on(void **state)
{
	struct http_request *r = start(HTTP_GET, "/never", on_done);
	struct http_call bad = { .url = "bad" };
	struct http_request *failed;

	(void)state;
	run_for_ms(50);
	failed = http_start(t.http, &bad, on_done, NULL);
	http_free(TAKE(t.http));
	http_request_free(r);
	http_request_free(failed);
}

static void
test_the_library_says_what_it_is(void **state)
{
	(void)state;
	assert_true(str_starts(http_library_version(), "libcurl "));
	assert_non_null(strstr(http_library_version(), "nghttp2/"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, fixture_tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_a_get_brings_status_body_and_headers),
		TEST(test_a_post_sends_its_body_without_asking),
		TEST(test_a_head_has_no_body),
		TEST(test_the_clock_hears_the_date_of_an_answer),
		TEST(test_the_clock_hears_of_no_other_date),
		TEST(test_a_chain_of_requests_uses_one_connection),
		TEST(test_many_requests_share_few_connections),
		TEST(test_connections_can_be_limited),
		TEST(test_nobody_there_is_said),
		TEST(test_a_proxy_that_is_not_there_is_named),
		TEST(test_a_trust_file_that_is_missing_is_named),
		TEST(test_a_bad_url_fails_from_the_loop),
		TEST(test_a_freed_request_calls_nobody),
		TEST(test_a_request_may_be_freed_by_its_own_callback),
		TEST(test_requests_outlive_what_they_run_on),
		TEST(test_the_library_says_what_it_is),
	};

	return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
