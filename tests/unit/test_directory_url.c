/* SPDX-License-Identifier: ISC */
/* Which hosts are a CA's own. */
#include "tests/unit/unit.h"

#include <stdbool.h>

#include "daemon/acme/directory.h"
#include "tests/unit/scripted_http.h"

#define U(host) "\"https://" host "\""

static void
on_done(const struct err *err, void *arg)
{
	(void)arg;
	assert_null(err);
}

static const struct {
	const char *directory;
	const char *url;
	bool own;
} urls[] = {
	{ "https://ca.example/d", "https://ca.example/order/1", true },
	{ "https://ca.example/d", "https://CA.Example:8443/order/1", true },
	{ "https://ca.example/d", "https://ca.example", true },
	{ "https://ca.example/d", "https://ca.example?order=1", true },
	{ "https://acme.ca.example/d", "https://api.ca.example/1", true },
	{ "https://acme.ca.example/d", "https://ca.example/1", true },
	{ "https://ca.example/d", "https://a.b.ca.example/1", true },
	{ "https://ca.example/d", "https://evil.test/1", false },
	{ "https://ca.example/d", "https://ca.example.evil.test/1", false },
	{ "https://ca.example/d", "https://evilca.example/1", false },
	{ "https://ca.example/d", "https://evil.test/ca.example", false },
	{ "https://ca.example/d", "https://evil.test?ca.example", false },
	{ "https://ca.example/d", "https://evil.test#@ca.example/", false },
	{ "https://ca.example/d", "https://ca.example@evil.test/", false },
	{ "https://ca.example/d", "https://evil.test\\@ca.example/", false },
	{ "https://ca.example/d", "https://evil.test%2f.ca.example/", false },
	{ "https://ca.example/d", "https://evil.test%23.ca.example/", false },
	{ "https://ca.example/d", "http://ca.example/1", false },
	{ "https://ca.example/d", "//ca.example/1", false },
	{ "https://ca.example/d", "/order/1", false },
	{ "https://ca.example/d", "", false },
	{ "https://ca.example/d", "ftp://ca.example/1", false },
	{ "https://ca.example/d", "https://example/1", false },
	{ "https://ca.example/d", "https://127.0.0.1/1", false },
	{ "https://ca.example/d", "http://127.0.0.1/1", false },
	{ "https://ca.example/d", "https://169.254.169.254/1", false },
	{ "https://ca.example/d", "https://[::1]/1", false },
	{ "https://127.0.0.1:14000/d", "https://127.0.0.1:14000/1", true },
	{ "https://127.0.0.1:14000/d", "https://127.0.0.1:15000/1", true },
	{ "https://127.0.0.1:14000/d", "https://10.0.0.1/1", false },
	{ "https://10.1.0.1/d", "https://10.2.0.1/1", false },
	{ "http://127.0.0.1:14000/d", "http://127.0.0.1:14000/1", true },
	{ "http://127.0.0.1:14000/d", "https://127.0.0.1:14000/1", true },
	{ "http://127.0.0.1:14000/d", "http://127.0.0.2:14000/1", false },
	{ "https://[2001:db8::1]/d", "https://[2001:DB8::1]:443/1", true },
	{ "https://[2001:db8::1]/d", "https://[2001:db8::2]/1", false },
	{ "https://localhost:14000/d", "https://localhost:14000/1", true },
	{ "https://localhost:14000/d", "https://otherhost:14000/1", false },
	{ "https://localhost:14000/d", "https://x.localhost:14000/1", false },
};

static void
test_only_the_cas_own_hosts_are_asked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(urls); i++) {
		CLEAN(directories)
		struct directories *all = directories_new(h.loop, h.http);
		struct directory *d = directory_find(all, urls[i].directory, NULL);
		struct err err = { 0 };
		bool own = directory_check_url(d, urls[i].url, &err) == 0;

		if (own != urls[i].own)
			print_error("%s %s: %s\n", urls[i].directory, urls[i].url,
			    err.text);
		assert_int_equal(own, urls[i].own);
		assert_int_equal(err.kind, own ? ERR_NONE : ERR_PROTOCOL);
	}
}

static void
test_hosts_that_the_directory_lists_are_the_cas_own(void **state)
{
	static const struct {
		const char *url;
		bool own;
	} cases[] = {
		{ "https://api.test/order/1", true },
		{ "https://eu.api.test/order/1", true }, { "https://nonces.test/", true },
		{ "https://ca.example/order/1", true },
		{ "http://api.test/order/1", false },
		{ "https://community.test/", false }, /* listed as something else */
		{ "https://www.test/", false },       /* in the meta data */
		{ "http://127.0.0.1:631/", false },   /* plain, on this host */
	};
	CLEAN(directories) struct directories *all = directories_new(h.loop, h.http);
	struct directory *d = directory_find(all, "https://ca.example/d", NULL);

	(void)state;
	ANSWER({ .status = 200,
	    .body =
		"{\"x\":\"https://community.test/\",\"meta\":{\"website\":"
		"\"https://www.test/\"},\"newNonce\":" U(
		    "nonces.test/n") ","
				     "\"newAccount\":" U("api.test/a") ",\"newOrder\":" U(
					 "api.test/o") ","
						       "\"newX\":\"http://127.0.0.1/"
						       "\",\"newY\":[],\"newZ\":\"x\"}" });
	directory_load(d, on_done, NULL);
	scripted_http_run();
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };

		if (directory_check_url(d, cases[i].url, &err) == (cases[i].own ? 0 : -1))
			continue;
		print_error("%s: %s\n", cases[i].url, err.text);
		fail();
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		HTTP_TEST(test_only_the_cas_own_hosts_are_asked),
		HTTP_TEST(test_hosts_that_the_directory_lists_are_the_cas_own),
	};

	return cmocka_run_group_tests_name("directory url", tests, NULL, NULL);
}
