/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/http.h"

static void
test_urls_to_talk_to(void **state)
{
	static const char *const urls[] = {
		"https://acme-v02.api.letsencrypt.org/directory",
		"https://ca.example:14000/dir?a=b#c",
		"HTTPS://CA.Example/",
		"https://192.0.2.7/",
		"https://[2001:db8::7]:8443/dir",
		"https://ca_1.example./%2e%2e/a",
		"http://127.0.0.1:4001/dir",
		"http://127.255.0.9/",
		"http://[::1]:4001/",
		"http://localhost/",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(urls); i++) {
		struct err err = { 0 };

		if (http_check_url(urls[i], &err) == -1)
			fail_msg("%s: %s", urls[i], err.text);
		assert_int_equal(err.kind, ERR_NONE);
	}
}

static void
test_urls_not_to_talk_to(void **state)
{
	static const struct {
		const char *url, *why;
	} cases[] = {
		{ "", "is empty" },
		{ "ca.example/directory", "does not begin with https://" },
		{ "/directory", "does not begin with https://" },
		{ "http://ca.example/", "does not begin with https://" },
		{ "http://128.0.0.1/", "does not begin with https://" },
		{ "http://127.0.0.1.example/", "does not begin with https://" },
		{ "http://localhost.example/", "does not begin with https://" },
		{ "http://[::2]/", "does not begin with https://" },
		{ "ftp://ca.example/", "does not begin with https://" },
		{ "file:///etc/passwd", "does not begin with https://" },
		{ "gopher://127.0.0.1/", "does not begin with https://" },
		{ "javascript:alert(1)", "does not begin with https://" },
		{ "https://", "has no host" },
		{ "https:///path", "has no host" },
		{ "https://user@ca.example/", "has a user name or a password" },
		{ "https://user:secret@ca.example/", "has a user name or a password" },
		{ "https://ca.example@evil.example/", "has a user name or a password" },
		{ "https://ca.example:0/", "has port 0" },
		{ "https://ca.example:00/", "has port 0" },
		{ "https://ca.example:65536/", "has a wrong port" },
		{ "https://ca.example:100000/", "has a wrong port" },
		{ "https://ca.example:x/", "has a wrong port" },
		{ "https://[fe80::1%25eth0]/", "has an IPv6 zone" },
		{ "https://[2001:db8::7/", "has a wrong IPv6 address" },
		{ "https://ca%2fexample/", "has a wrong host name" },
		{ "https://ca(example/", "has a wrong host name" },
		{ "https://ca.example/a b", "has a blank or a control character" },
		{ "https://ca.example/\r\nX: y", "has a blank or a control character" },
		{ "https://ca.example/\x7F", "has a blank or a control character" },
		{ "https://ca.example\\@evil.example/", "has a backslash" },
		{ "https://b\xC3\xBC"
		  "cher.example/",
		    "has a character beyond ASCII (write names as xn--...)" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };
		CLEAN(string) char *shown = str_printable(cases[i].url, 200);
		CLEAN(string)
		char *text = xasprintf("URL \"%s\": %s", shown, cases[i].why);

		assert_int_equal(http_check_url(cases[i].url, &err), -1);
		assert_int_equal(err.kind, ERR_PROTOCOL);
		assert_string_equal(err.text, text);
	}
}

static void
test_a_url_has_2048_bytes_at_most(void **state)
{
	char url[2050] = "https://ca.example/";
	struct err err = { 0 };

	(void)state;
	memset(url + strlen(url), 'x', 2048 - strlen(url));
	assert_int_equal(http_check_url(url, &err), 0);
	url[2048] = 'x';
	assert_int_equal(http_check_url(url, &err), -1);
	assert_non_null(strstr(err.text, "\": is longer than 2048 bytes"));
	assert_true(strlen(err.text) < 200);
}

static void
test_references_are_resolved(void **state)
{
	static const char base[] = "https://ca.example:14000/acme/order/1?q#f";
	static const struct {
		const char *reference, *url;
	} cases[] = {
		{ "https://other.example/x", "https://other.example/x" },
		{ "//other.example/x", "https://other.example/x" },
		{ "/acme/cert/2", "https://ca.example:14000/acme/cert/2" },
		{ "2", "https://ca.example:14000/acme/order/2" },
		{ "../cert/2", "https://ca.example:14000/acme/cert/2" },
		{ "../../../../x", "https://ca.example:14000/x" },
		{ "?r", "https://ca.example:14000/acme/order/1?r" },
		{ "https://other.example:4000/a//b~c_d.pem",
		    "https://other.example:4000/a//b~c_d.pem" },
		{ "https://127.0.0.1:4000/x", "https://127.0.0.1:4000/x" },
		/* what curl changes, it changes */
		{ "https://other.example/a/../b", "https://other.example/b" },
		{ "https://127.1/x", "https://127.0.0.1/x" },
		{ "https://0x7f.1/x", "https://127.0.0.1/x" },
		{ "https://other.example", "https://other.example/" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };
		CLEAN(string) char *url = http_resolve_url(base, cases[i].reference, &err);

		assert_string_equal(err.text, "");
		assert_non_null(url);
		assert_string_equal(url, cases[i].url);
	}
}

static void
test_a_plain_base_may_lead_to_itself(void **state)
{
	struct err err = { 0 };
	CLEAN(string) char *url = http_resolve_url("http://127.0.0.1:4001/dir", "/a", &err);

	(void)state;
	assert_non_null(url);
	assert_string_equal(url, "http://127.0.0.1:4001/a");
}

static void
test_references_that_lead_astray_are_refused(void **state)
{
	static const struct {
		const char *base, *reference, *text;
	} cases[] = {
		{ "https://ca.example/", "", "URL \"\": is empty" },
		{ "https://ca.example/", "http://ca.example/",
		    "URL \"http://ca.example/\": does not begin with https://" },
		{ "https://ca.example/", "http://127.0.0.1/",
		    "URL \"http://127.0.0.1/\": does not begin with https://" },
		{ "https://ca.example/", "file:///etc/passwd",
		    "URL \"file:///etc/passwd\": does not begin with https://" },
		{ "https://ca.example/", "//u@evil.example/",
		    "URL \"//u@evil.example/\": has a user name or a password" },
		{ "https://ca.example/", "///evil.example/",
		    "URL \"///evil.example/\": has no host" },
		{ "https://ca.example/", "/a\nb",
		    "URL \"/a b\": has a blank or a control character" },
		{ "ca.example", "/a", "URL \"ca.example\": does not begin with https://" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };

		assert_null(http_resolve_url(cases[i].base, cases[i].reference, &err));
		assert_int_equal(err.kind, ERR_PROTOCOL);
		assert_string_equal(err.text, cases[i].text);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls_to_talk_to),
		cmocka_unit_test(test_urls_not_to_talk_to),
		cmocka_unit_test(test_a_url_has_2048_bytes_at_most),
		cmocka_unit_test(test_references_are_resolved),
		cmocka_unit_test(test_a_plain_base_may_lead_to_itself),
		cmocka_unit_test(test_references_that_lead_astray_are_refused),
	};

	return cmocka_run_group_tests_name("url", tests, NULL, NULL);
}
