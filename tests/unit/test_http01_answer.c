/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/challenge/http01_answer.h"
#include "daemon/io/clock.h"

#define TOKEN      "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
#define THUMBPRINT "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
#define FIXED      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
#define PLAIN      "\r\nContent-Type: text/plain"

static time_t now;

time_t
clock_now(void)
{
	return now;
}

int64_t
clock_monotonic_ms(void)
{
	return 0;
}

static enum http01_answer
ask(struct http01_answers *a, const char *token, struct text *out)
{
	struct http01_request request = { .keep_alive = true };

	snprintf(request.token, sizeof(request.token), "%s", token);
	out->length = 0;
	return http01_answer(a, HTTP01_TOKEN, &request, out);
}

static const char *
body(const struct text *out)
{
	const char *end = strstr(out->s, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

static void
test_answers_are_these_bytes(void **state)
{
	static const struct {
		enum http01_parsed parsed;
		struct http01_request request;
		const char *text;
	} cases[] = {
		{ HTTP01_TOKEN, { .token = TOKEN },
		    "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n" FIXED
		    "Content-Length: 87" PLAIN "\r\nConnection: close\r\n\r\n" TOKEN
		    "." THUMBPRINT },
		{ HTTP01_TOKEN, { .token = TOKEN, .keep_alive = true, .head = true },
		    "HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n" FIXED
		    "Content-Length: 87" PLAIN "\r\nConnection: keep-alive\r\n\r\n" },
		{ HTTP01_NOT_FOUND, { .keep_alive = true },
		    "HTTP/1.1 404 Not Found\r\nDate: Thu, 01 Jan 1970 00:00:00 "
		    "GMT\r\n" FIXED "Content-Length: 0\r\nConnection: close\r\n\r\n" },
		{ HTTP01_BAD, { .keep_alive = true },
		    "HTTP/1.1 400 Bad Request\r\nDate: Thu, 01 Jan 1970 00:00:00 "
		    "GMT\r\n" FIXED "Content-Length: 0\r\nConnection: close\r\n\r\n" },
	};
	CLEAN(http01_answers) struct http01_answers *a = http01_answers_new();

	(void)state;
	now = 0;
	http01_answers_set_default(a, THUMBPRINT);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct text out = { 0 };

		http01_answer(a, cases[i].parsed, &cases[i].request, &out);
		assert_string_equal(out.s, cases[i].text);
		text_clear(&out);
	}
}

static void
test_the_date_is_the_clocks(void **state)
{
	static const struct {
		time_t at;
		const char *date;
	} cases[] = {
		{ 0, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n" },
		{ 784111777, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" },
		{ 784111778, "Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n" },
		{ 951782400, "Date: Tue, 29 Feb 2000 00:00:00 GMT\r\n" },
		{ 4102444799, "Date: Thu, 31 Dec 2099 23:59:59 GMT\r\n" },
	};
	CLEAN(http01_answers) struct http01_answers *a = http01_answers_new();
	struct text out = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		now = cases[i].at;
		ask(a, TOKEN, &out);
		assert_non_null(strstr(out.s, cases[i].date));
	}
	text_clear(&out);
}

static void
test_live_comes_before_the_default(void **state)
{
	CLEAN(http01_answers) struct http01_answers *a = http01_answers_new();
	struct text out = { 0 };

	(void)state;
	assert_int_equal(ask(a, TOKEN, &out), HTTP01_REFUSED);
	http01_answers_set_default(a, THUMBPRINT);
	assert_int_equal(ask(a, TOKEN, &out), HTTP01_DEFAULT);
	assert_string_equal(body(&out), TOKEN "." THUMBPRINT);
	http01_answers_put(a, TOKEN, TOKEN ".live");
	assert_int_equal(ask(a, TOKEN, &out), HTTP01_LIVE);
	assert_string_equal(body(&out), TOKEN ".live");
	http01_answers_put(a, TOKEN, TOKEN ".again");
	assert_int_equal(ask(a, TOKEN, &out), HTTP01_LIVE);
	assert_string_equal(body(&out), TOKEN ".again");
	http01_answers_remove(a, TOKEN);
	http01_answers_remove(a, TOKEN);
	assert_int_equal(ask(a, TOKEN, &out), HTTP01_DEFAULT);
	http01_answers_set_default(a, NULL);
	assert_int_equal(ask(a, TOKEN, &out), HTTP01_REFUSED);
	text_clear(&out);
}

static void
test_many_tokens_are_found_again(void **state)
{
	CLEAN(http01_answers) struct http01_answers *a = http01_answers_new();
	struct text out = { 0 };
	char token[32];
	char answer[32];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		snprintf(token, sizeof(token), "token-number-%010d", i);
		snprintf(answer, sizeof(answer), "answer %d", i);
		http01_answers_put(a, token, answer);
	}
	for (int i = 0; i < 3000; i += 2) {
		snprintf(token, sizeof(token), "token-number-%010d", i);
		http01_answers_remove(a, token);
	}
	for (int i = 0; i < 3000; i++) {
		snprintf(token, sizeof(token), "token-number-%010d", i);
		snprintf(answer, sizeof(answer), i % 2 == 0 ? "%.0d" : "answer %d",
		    i % 2 == 0 ? 0 : i);
		assert_int_equal(ask(a, token, &out),
		    i % 2 == 0 ? HTTP01_REFUSED : HTTP01_LIVE);
		assert_string_equal(body(&out), answer);
	}
	text_clear(&out);
}

static void
test_tokens_are_compared_exactly(void **state)
{
	CLEAN(http01_answers) struct http01_answers *a = http01_answers_new();
	struct text out = { 0 };

	(void)state;
	http01_answers_put(a, "abcdefghijklmnopqrstuvw", "body");
	assert_int_equal(ask(a, "abcdefghijklmnopqrstuv", &out), HTTP01_REFUSED);
	assert_int_equal(ask(a, "abcdefghijklmnopqrstuvwx", &out), HTTP01_REFUSED);
	assert_int_equal(ask(a, "Abcdefghijklmnopqrstuvw", &out), HTTP01_REFUSED);
	assert_int_equal(ask(a, "abcdefghijklmnopqrstuvw", &out), HTTP01_LIVE);
	text_clear(&out);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers_are_these_bytes),
		cmocka_unit_test(test_the_date_is_the_clocks),
		cmocka_unit_test(test_live_comes_before_the_default),
		cmocka_unit_test(test_many_tokens_are_found_again),
		cmocka_unit_test(test_tokens_are_compared_exactly),
	};

	return cmocka_run_group_tests_name("http01_answer", tests, NULL, NULL);
}
