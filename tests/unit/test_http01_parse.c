/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/challenge/http01.h"

#define T22  "abcdefghijklmnopqrs-_0"
#define T128 T22 T22 T22 T22 T22 "0123456789ABCDEFGH"
#define PATH "/.well-known/acme-challenge/"
#define HOST "Host: example.org\r\n"
#define LINE "GET " PATH T22 " HTTP/1.1\r\n"

/* Out of a block of its own size: the sanitizer sees a byte too many. */
static enum http01_parsed
parse_bytes(const char *bytes, size_t length, struct http01_request *ret)
{
	char *copy = length > 0 ? xmemdup(bytes, length) : NULL;
	enum http01_parsed parsed = http01_parse(copy, length, ret);

	free(copy);
	return parsed;
}

static enum http01_parsed
parse(const char *text, struct http01_request *ret)
{
	return parse_bytes(text, strlen(text), ret);
}

static void
test_a_request_for_a_token_is_understood(void **state)
{
	static const struct {
		const char *text;
		const char *token;
		bool head;
		bool keep_alive;
	} cases[] = {
		{ LINE HOST "\r\n", T22, false, true },
		{ "HEAD " PATH T22 " HTTP/1.1\r\n" HOST "\r\n", T22, true, true },
		{ "GET " PATH T128 " HTTP/1.1\r\n" HOST "\r\n", T128, false, true },
		{ "GET " PATH T22 "?a=/b?%20 HTTP/1.1\r\n" HOST "\r\n", T22, false, true },
		{ "GET " PATH T22 "? HTTP/1.1\r\n" HOST "\r\n", T22, false, true },
		{ "GET " PATH T22 " HTTP/1.0\r\n\r\n", T22, false, false },
		{ "GET " PATH T22 " HTTP/1.0\r\n" HOST "\r\n", T22, false, false },
		{ "GET " PATH T22 " HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", T22, false,
		    true },
		{ LINE HOST "Connection: close\r\n\r\n", T22, false, false },
		{ LINE HOST "connection: x , CLOSE\r\n\r\n", T22, false, false },
		{ LINE HOST "Connection: ,,keep-alive,\r\nConnection:close\r\n\r\n", T22,
		    false, false },
		{ LINE HOST "Connection:\r\n\r\n", T22, false, true },
		{ LINE HOST "Content-Length: 0\r\n\r\n", T22, false, true },
		{ LINE "host:[2001:db8::1]:80\t\r\n\r\n", T22, false, true },
		{ LINE HOST "User-Agent: a \"b\" <c>\t(d) \xc3\xa9\r\nAccept: */*\r\n\r\n",
		    T22, false, true },
		{ LINE HOST "X:\r\nY: \t \r\n\r\n", T22, false, true },
		{ LINE HOST "!#$%&'*+-.^_`|~09azAZ: odd, but a name\r\n\r\n", T22, false,
		    true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http01_request r = { 0 };

		assert_int_equal(parse(cases[i].text, &r), HTTP01_TOKEN);
		assert_string_equal(r.token, cases[i].token);
		assert_int_equal(r.head, cases[i].head);
		assert_int_equal(r.keep_alive, cases[i].keep_alive);
		assert_int_equal(r.length, strlen(cases[i].text));
	}
}

static void
test_what_is_for_something_else_is_not_found(void **state)
{
	static const char *const targets[] = {
		"/",
		"/index.html",
		PATH,
		PATH "?" T22,
		PATH "..",
		PATH "../" T22,
		PATH T22 "/",
		PATH T22 "/..",
		PATH T22 ".html",
		PATH "%2e%2e",
		PATH T22 "%",
		PATH T22 "%00",
		PATH T22 "=",
		PATH T22 "+",
		PATH "abcdefghijklmnopqrs-_", /* 21 */
		PATH T128 "0",
		"/.well-known/acme-challenge" T22,
		"/.well-known/acme-challeng/" T22,
		"/.Well-Known/acme-challenge/" T22,
		"//.well-known/acme-challenge/" T22,
		"/./.well-known/acme-challenge/" T22,
		"/.well-known//acme-challenge/" T22,
		"/%2ewell-known/acme-challenge/" T22,
	};

	(void)state;
	for (size_t i = 0; i < COUNT(targets); i++) {
		struct http01_request r = { 0 };
		char *text = xasprintf("GET %s HTTP/1.1\r\n" HOST "\r\n", targets[i]);

		assert_int_equal(parse(text, &r), HTTP01_NOT_FOUND);
		assert_string_equal(r.token, "");
		assert_int_equal(r.length, strlen(text));
		free(text);
	}
}

static void
expect_bad(const char *const *texts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct http01_request r = { .length = 7 };

		if (parse(texts[i], &r) != HTTP01_BAD)
			fail_msg("not bad: %s", texts[i]);
		assert_int_equal(r.length, 7); /* a failure leaves *ret alone */
	}
}

static void
test_a_request_line_that_is_not_strict_is_bad(void **state)
{
	static const char *const cases[] = {
		"\r\n" LINE HOST "\r\n",
		" " LINE HOST "\r\n",
		"POST " PATH T22 " HTTP/1.1\r\n" HOST "\r\n",
		"OPTIONS * HTTP/1.1\r\n" HOST "\r\n",
		"CONNECT example.org:80 HTTP/1.1\r\n" HOST "\r\n",
		"get " PATH T22 " HTTP/1.1\r\n" HOST "\r\n",
		"GET\t" PATH T22 " HTTP/1.1\r\n" HOST "\r\n",
		"GET  " PATH T22 " HTTP/1.1\r\n" HOST "\r\n",
		"GET " PATH T22 "  HTTP/1.1\r\n" HOST "\r\n",
		"GET " PATH T22 " HTTP/1.1 \r\n" HOST "\r\n",
		"GET " PATH T22 " HTTP/1.2\r\n" HOST "\r\n",
		"GET " PATH T22 " HTTP/2.0\r\n" HOST "\r\n",
		"GET " PATH T22 " HTTP/1.10\r\n" HOST "\r\n",
		"GET " PATH T22 " http/1.1\r\n" HOST "\r\n",
		"GET " PATH T22 "\r\n", /* HTTP/0.9 */
		"GET /\r\n",
		"GET\r\n",
		"GET  HTTP/1.1\r\n" HOST "\r\n",
		"\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET http://example.org" PATH T22 " HTTP/1.1\r\n" HOST "\r\n",
		"GET example.org HTTP/1.1\r\n" HOST "\r\n",
		"GET " PATH T22 "<script> HTTP/1.1\r\n" HOST "\r\n",
		"GET " PATH T22 "#x HTTP/1.1\r\n" HOST "\r\n",
		"GET " PATH T22 "\\ HTTP/1.1\r\n" HOST "\r\n",
		"GET " PATH T22 "\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n",
		"GET " PATH T22 "\x7f HTTP/1.1\r\n" HOST "\r\n",
	};

	(void)state;
	expect_bad(cases, COUNT(cases));
}

static void
test_a_line_that_does_not_end_in_CR_LF_is_bad(void **state)
{
	static const char *const cases[] = {
		"GET " PATH T22 " HTTP/1.1\n" HOST "\r\n",
		LINE "Host: example.org\n\r\n",
		LINE HOST "\n",
		LINE HOST "\r\r\n",
		LINE HOST "X: a\rb\r\n\r\n",
		LINE HOST "X: a\r\r\n\r\n",
	};

	(void)state;
	expect_bad(cases, COUNT(cases));
}

static void
test_a_header_that_is_not_strict_is_bad(void **state)
{
	static const char *const cases[] = {
		LINE "\r\n",
		LINE HOST HOST "\r\n",
		LINE HOST "HOST: example.net\r\n\r\n",
		"GET " PATH T22 " HTTP/1.0\r\n" HOST HOST "\r\n",
		LINE "Host:\r\n\r\n",
		LINE "Host: \t\r\n\r\n",
		LINE "Host: a b\r\n\r\n",
		LINE "Host: a/b\r\n\r\n",
		LINE "Host: a@b\r\n\r\n",
		LINE "Host : example.org\r\n\r\n",
		LINE HOST " folded: line\r\n\r\n",
		LINE HOST "X: a\r\n\tfolded\r\n\r\n",
		LINE HOST ": no name\r\n\r\n",
		LINE HOST "no colon\r\n\r\n",
		LINE HOST "nothing\r\n\r\n",
		LINE HOST "na(me: x\r\n\r\n",
		LINE HOST "nam\xc3\xa9: x\r\n\r\n",
		LINE HOST "X: \x01\r\n\r\n",
		LINE HOST "X: \x7f\r\n\r\n",
	};

	(void)state;
	expect_bad(cases, COUNT(cases));
}

static void
test_a_request_with_a_body_is_bad(void **state)
{
	static const char *const cases[] = {
		LINE HOST "Content-Length: 1\r\n\r\nx",
		LINE HOST "Content-Length: 00\r\n\r\n",
		LINE HOST "Content-Length: -0\r\n\r\n",
		LINE HOST "Content-Length:\r\n\r\n",
		LINE HOST "Content-Length: 0, 0\r\n\r\n",
		LINE HOST "Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello",
		LINE HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		LINE HOST "transfer-encoding: identity\r\n\r\n",
	};

	(void)state;
	expect_bad(cases, COUNT(cases));
}

static void
test_control_bytes_are_bad_at_once(void **state)
{
	static const char in_token[] = "GET " PATH T22 "\0 HTTP/1.1\r\n" HOST "\r\n";
	static const char in_value[] = LINE HOST "X: a\0b\r\n\r\n";
	static const char client_hello[] = "\x16\x03\x01";
	struct http01_request r;

	(void)state;
	assert_int_equal(parse_bytes(in_token, sizeof(in_token) - 1, &r), HTTP01_BAD);
	assert_int_equal(parse_bytes(in_value, sizeof(in_value) - 1, &r), HTTP01_BAD);
	assert_int_equal(parse(client_hello, &r), HTTP01_BAD);
	for (int c = 0; c < 256; c++) {
		char bytes[] = "GET /?";
		bool control = (c < 0x20 && c != '\t' && c != '\r') || c == 0x7f;

		bytes[5] = (char)c;
		assert_int_equal(parse_bytes(bytes, 6, &r),
		    control ? HTTP01_BAD : HTTP01_MORE);
	}
}

static void
test_each_beginning_of_a_request_wants_more(void **state)
{
	static const char text[] = LINE HOST "Connection: close\r\nX: y\r\n\r\n";
	struct http01_request r = { 0 };

	(void)state;
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(parse_bytes(text, n, &r), HTTP01_MORE);
	assert_int_equal(r.length, 0);
	assert_int_equal(parse_bytes(text, sizeof(text) - 1, &r), HTTP01_TOKEN);
}

static void
test_what_is_pipelined_behind_a_request_does_not_count(void **state)
{
	static const char *const behind[] = { LINE, "\r\n", "\n", "garbage", "\x16\x03",
		"GET " PATH T128 " HTTP/1.1\r\n" HOST "\r\n" };
	static const char first[] = LINE HOST "\r\n";

	(void)state;
	for (size_t i = 0; i < COUNT(behind); i++) {
		struct http01_request r = { 0 };
		char *text = xasprintf("%s%s", first, behind[i]);

		assert_int_equal(parse(text, &r), HTTP01_TOKEN);
		assert_string_equal(r.token, T22);
		assert_int_equal(r.length, strlen(first));
		free(text);
	}
}

/* A request of `length` bytes, whole but for what is cut off. */
static char *
long_request(size_t length)
{
	static const char start[] = LINE HOST "X: ";
	char *text = xcalloc(1, length + 1);

	memset(text, 'x', length);
	memcpy(text, start, sizeof(start) - 1);
	memcpy(text + length - 4, "\r\n\r\n", 4);
	return text;
}

static void
test_a_request_has_at_most_8_KiB(void **state)
{
	static const struct {
		size_t length;
		size_t given;
		enum http01_parsed parsed;
	} cases[] = {
		{ HTTP01_REQUEST_MAX, HTTP01_REQUEST_MAX, HTTP01_TOKEN },
		{ HTTP01_REQUEST_MAX, HTTP01_REQUEST_MAX - 1, HTTP01_MORE },
		{ HTTP01_REQUEST_MAX + 1, HTTP01_REQUEST_MAX - 1, HTTP01_MORE },
		{ HTTP01_REQUEST_MAX + 1, HTTP01_REQUEST_MAX, HTTP01_BAD },
		{ HTTP01_REQUEST_MAX + 1, HTTP01_REQUEST_MAX + 1, HTTP01_BAD },
		{ 1000000, 1000000, HTTP01_BAD },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http01_request r;
		char *text = long_request(cases[i].length);

		assert_int_equal(parse_bytes(text, cases[i].given, &r), cases[i].parsed);
		free(text);
	}
}

static void
test_a_token_of_10_kB_is_bad_and_one_of_4_kB_is_not_found(void **state)
{
	static const struct {
		int length;
		enum http01_parsed parsed;
	} cases[] = { { 4000, HTTP01_NOT_FOUND }, { 10000, HTTP01_BAD } };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http01_request r;
		char *text = xasprintf("GET " PATH "%0*d HTTP/1.1\r\n" HOST "\r\n",
		    cases[i].length, 0);

		assert_int_equal(parse(text, &r), cases[i].parsed);
		free(text);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_request_for_a_token_is_understood),
		cmocka_unit_test(test_what_is_for_something_else_is_not_found),
		cmocka_unit_test(test_a_request_line_that_is_not_strict_is_bad),
		cmocka_unit_test(test_a_line_that_does_not_end_in_CR_LF_is_bad),
		cmocka_unit_test(test_a_header_that_is_not_strict_is_bad),
		cmocka_unit_test(test_a_request_with_a_body_is_bad),
		cmocka_unit_test(test_control_bytes_are_bad_at_once),
		cmocka_unit_test(test_each_beginning_of_a_request_wants_more),
		cmocka_unit_test(test_what_is_pipelined_behind_a_request_does_not_count),
		cmocka_unit_test(test_a_request_has_at_most_8_KiB),
		cmocka_unit_test(test_a_token_of_10_kB_is_bad_and_one_of_4_kB_is_not_found),
	};

	return cmocka_run_group_tests_name("http01_parse", tests, NULL, NULL);
}
