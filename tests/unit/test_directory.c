/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "daemon/acme/directory.h"
#include "tests/unit/scripted_http.h"

#define URL  "https://ca.example/directory"
#define DAY  86400
#define SAID "directory " URL ": "

/* A1 of the fact sheet: like Let's Encrypt's, with its random member. */
#define GOOD                                                                        \
	"{\"Zk3xR0w\":\"https://community.example/t/random-key/1\",\"keyChange\":"  \
	"\"https://ca.example/acme/key-change\",\"meta\":{\"caaIdentities\":[\"ca." \
	"example\"],\"profiles\":{\"classic\":\"https://ca.example/p#classic\","    \
	"\"shortlived\":\"\"},\"termsOfService\":\"https://ca.example/tos.pdf\"},"  \
	"\"newAccount\":\"https://ca.example/acme/new-acct\",\"newNonce\":"         \
	"\"https://ca.example/acme/new-nonce\",\"newOrder\":"                       \
	"\"https://ca.example/acme/new-order\",\"renewalInfo\":"                    \
	"\"https://ca.example/acme/renewal-info\",\"revokeCert\":7}"

#define THREE(nonce, account, order) \
	"{\"newNonce\":" nonce ",\"newAccount\":" account ",\"newOrder\":" order "}"
#define U(host) "\"https://" host "\""

/* One who waits, and what he was told. */
struct waiter {
	struct directory_wait *wait;
	unsigned calls;
	struct err err;
	struct waiter *frees;     /* somebody else's wait, when called */
	struct directory *reload; /* once more, when called */
};

static void
on_done(const struct err *err, void *arg)
{
	struct waiter *w = arg;

	w->wait = NULL;
	w->calls++;
	w->err = err ? *err : (struct err){ 0 };
	if (w->frees != NULL)
		directory_wait_free(TAKE(w->frees->wait));
	if (w->reload != NULL)
		w->wait = directory_load(TAKE(w->reload), on_done, w);
}

static void
load(struct directory *d, struct waiter *w)
{
	unsigned before = w->calls;

	w->wait = directory_load(d, on_done, w);
	assert_int_equal(w->calls, before);
}

static void
assert_told(struct waiter *w, const char *text)
{
	assert_int_equal(w->calls, 1);
	assert_string_equal(w->err.text, text);
	*w = (struct waiter){ 0 };
}

static struct directory *
find(struct directories *all)
{
	return directory_find(all, URL, NULL);
}

/* ---- loading ---- */

static void
test_one_request_answers_all_who_wait(void **state)
{
	CLEAN(directories) struct directories *all = directories_new(h.loop, h.http);
	struct directory *d = find(all);
	struct waiter w[5] = { 0 };

	(void)state;
	ANSWER({ .status = 200, .body = GOOD });
	for (size_t i = 0; i < COUNT(w); i++)
		load(d, &w[i]);
	assert_string_equal(h.accepts.s, "application/json\n");
	assert_ptr_equal(h.last.peer, directory_peer(d));
	scripted_http_run();
	for (size_t i = 0; i < COUNT(w); i++)
		assert_told(&w[i], "");
	assert_asked("GET " URL "\n");
}

static void
test_what_it_says_can_be_read(void **state)
{
	CLEAN(directories) struct directories *all = directories_new(h.loop, h.http);
	struct directory *d = find(all);
	struct waiter w = { 0 };
	const char *url = NULL;
	struct err err = { 0 };

	(void)state;
	assert_null(directory_get(d, "newOrder"));
	assert_null(directory_meta(d));
	assert_int_equal(directory_need(d, "newOrder", &url, &err), -1);

	ANSWER({ .status = 200, .body = GOOD });
	load(d, &w);
	scripted_http_run();
	assert_string_equal(directory_url(d), URL);
	assert_ptr_equal(directory_http(d), h.http);
	assert_ptr_equal(directory_loop(d), h.loop);
	assert_string_equal(directory_get(d, "newOrder"),
	    "https://ca.example/acme/new-order");
	assert_null(directory_get(d, "newAuthz"));
	assert_null(directory_get(d, "revokeCert")); /* no string */
	assert_string_equal(json_get_string(directory_meta(d), "termsOfService"),
	    "https://ca.example/tos.pdf");

	assert_int_equal(directory_need(d, "newNonce", &url, &err), 0);
	assert_string_equal(url, "https://ca.example/acme/new-nonce");
	assert_int_equal(directory_need(d, "newAuthz", &url, &err), -1);
	assert_int_equal(err.kind, ERR_PROTOCOL);
	assert_string_equal(err.text, "the CA at " URL " offers no newAuthz");
	assert_int_equal(directory_need(d, "Zk3xR0w", &url, &err), -1);
	assert_string_equal(err.text,
	    "Zk3xR0w: the CA refers to a host that is not its own: "
	    "https://community.example/t/random-key/1");
}

static void
test_it_is_kept_for_a_day(void **state)
{
	CLEAN(directories) struct directories *all = directories_new(h.loop, h.http);
	struct directory *d = find(all);
	struct waiter w = { 0 };

	(void)state;
	ANSWER({ .status = 200, .body = GOOD }, { .status = 200, .body = GOOD },
	    { .status = 200, .body = GOOD });
	load(d, &w);
	scripted_http_run();
	assert_told(&w, "");
	assert_string_equal(h.transcript.s, "GET " URL "\n");

	h.now += DAY - 1;
	load(d, &w);
	scripted_http_run();
	assert_told(&w, "");
	assert_string_equal(h.transcript.s, "GET " URL "\n");

	h.now += 1;
	load(d, &w);
	scripted_http_run();
	assert_told(&w, "");
	assert_string_equal(h.transcript.s, "GET " URL "\nGET " URL "\n");

	/* Nobody knows how long it is since the clock was set back. */
	h.now -= 10;
	load(d, &w);
	scripted_http_run();
	assert_told(&w, "");
	assert_asked("GET " URL "\nGET " URL "\nGET " URL "\n");
}

static void
test_what_was_forgotten_is_asked_again(void **state)
{
	CLEAN(directories) struct directories *all = directories_new(h.loop, h.http);
	struct directory *d = find(all);
	struct waiter w = { 0 };

	(void)state;
	ANSWER({ .status = 200, .body = GOOD },
	    { .status = 200,
		.body =
		    THREE(U("ca.example/n2"), U("ca.example/a2"), U("ca.example/o2")) });
	load(d, &w);
	scripted_http_run();
	directory_forget(d);
	assert_string_equal(directory_get(d, "newOrder"),
	    "https://ca.example/acme/new-order"); /* orders under way go on */
	load(d, &w);
	scripted_http_run();
	assert_string_equal(directory_get(d, "newOrder"), "https://ca.example/o2");
	assert_null(directory_meta(d));
	assert_asked("GET " URL "\nGET " URL "\n");
}

static const struct {
	struct scripted_reply reply;
	enum err_kind kind;
	const char *text;
} failures[] = {
	{ { .status = 200, .body = "[]" }, ERR_PROTOCOL, SAID "this is no ACME directory" },
	{ { .status = 200, .body = "\"x\"" }, ERR_PROTOCOL,
	    SAID "this is no ACME directory" },
	{ { .status = 200, .body = "{}" }, ERR_PROTOCOL, SAID "newNonce: no \"newNonce\"" },
	{ { .status = 200, .body = THREE("7", U("ca.example"), U("ca.example")) },
	    ERR_PROTOCOL, SAID "newNonce: no \"newNonce\"" },
	{ { .status = 200, .body = THREE(U("ca.example"), "[]", U("ca.example")) },
	    ERR_PROTOCOL, SAID "newAccount: no \"newAccount\"" },
	{ { .status = 200,
	      .body =
		  "{\"newNonce\":" U("ca.example") ",\"newAccount\":" U("ca.example") "}" },
	    ERR_PROTOCOL, SAID "newOrder: no \"newOrder\"" },
	{ { .status = 200,
	      .body = THREE(U("ca.example"), U("ca.example"),
		  "\"http://ca.example/new-order\"") },
	    ERR_PROTOCOL,
	    SAID "newOrder: URL \"http://ca.example/new-order\": does not begin "
		 "with https://" },
	{ { .status = 200,
	      .body =
		  THREE(U("ca.example"), U("ca.example"), "\"HTTP://127.0.0.1:631/\"") },
	    ERR_PROTOCOL,
	    SAID "newOrder: URL \"HTTP://127.0.0.1:631/\": does not begin with "
		 "https://" },
	{ { .status = 200,
	      .body = THREE("\"file:///etc/passwd\"", U("ca.example"), U("ca.example")) },
	    ERR_PROTOCOL,
	    SAID "newNonce: URL \"file:///etc/passwd\": does not begin with "
		 "https://" },
	{ { .status = 200,
	      .body = THREE(U("ca.example"), U("me:x@ca.example/"), U("ca.example")) },
	    ERR_PROTOCOL,
	    SAID "newAccount: URL \"https://me:x@ca.example/\": has a user name "
		 "or a password" },
	{ { .status = 404 }, ERR_PROTOCOL, SAID "the CA answered 404 and no reason" },
	{ { .status = 204 }, ERR_PROTOCOL, SAID "the CA answered 204 and no reason" },
	{ { .status = 429,
	      .body = "{\"type\":\"urn:ietf:params:acme:error:rateLimited\","
		      "\"detail\":\"Later\"}" },
	    ERR_BUSY, SAID "Later (rateLimited)" },
	{ { .status = 503, .body = "<html>" }, ERR_NETWORK,
	    SAID "the CA answered 503 and no reason" },
	{ { .failure = "ca.example: refused" }, ERR_NETWORK, SAID "ca.example: refused" },
};

static void
test_what_is_no_directory_is_said_to_be_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(failures); i++) {
		CLEAN(directories)
		struct directories *all = directories_new(h.loop, h.http);
		struct waiter w = { 0 };

		ANSWER(failures[i].reply);
		load(find(all), &w);
		scripted_http_run();
		assert_int_equal(w.err.kind, failures[i].kind);
		assert_told(&w, failures[i].text);
	}
}

static void
test_html_and_half_a_document_are_no_json(void **state)
{
	static const char half[] = "{\"newNonce\":\"https://ca.example/nonce\",\"newAc";
	static const char *const cases[] = { "<html>Sorry</html>", half, "", "null",
		"{\"newNonce\":1,\"newNonce\":2}" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(directories)
		struct directories *all = directories_new(h.loop, h.http);
		struct waiter w = { 0 };

		ANSWER({ .status = 200, .body = cases[i] });
		load(find(all), &w);
		scripted_http_run();
		assert_int_equal(w.calls, 1);
		assert_int_equal(w.err.kind, ERR_PROTOCOL);
		assert_memory_equal(w.err.text, SAID "not JSON", strlen(SAID "not JSON"));
	}
}

static void
test_when_to_come_back_is_passed_on(void **state)
{
	CLEAN(directories) struct directories *all = directories_new(h.loop, h.http);
	struct waiter w = { 0 };

	(void)state;
	ANSWER({ .status = 503, .headers = "Retry-After: 120" });
	load(find(all), &w);
	scripted_http_run();
	assert_int_equal(w.err.retry_after, 120);
	assert_int_equal(w.err.status, 503);
}

static void
test_a_failure_is_not_kept(void **state)
{
	CLEAN(directories) struct directories *all = directories_new(h.loop, h.http);
	struct directory *d = find(all);
	struct waiter w[2] = { 0 };

	(void)state;
	/* The first tries again at once; the second, who has not been told yet, is told
	 * what came of that. */
	ANSWER({ .status = 503 }, { .status = 200, .body = GOOD });
	w[0].reload = d;
	load(d, &w[0]);
	load(d, &w[1]);
	scripted_http_run();
	assert_int_equal(w[0].calls, 2);
	assert_int_equal(w[0].err.kind, ERR_NONE);
	assert_told(&w[1], "");
	assert_asked("GET " URL "\nGET " URL "\n");
}

static void
test_an_old_directory_stays_when_a_new_one_does_not_come(void **state)
{
	CLEAN(directories) struct directories *all = directories_new(h.loop, h.http);
	struct directory *d = find(all);
	struct waiter w = { 0 };

	(void)state;
	ANSWER({ .status = 200, .body = GOOD }, { .status = 200, .body = "{}" });
	load(d, &w);
	scripted_http_run();
	assert_told(&w, "");
	directory_forget(d);
	load(d, &w);
	scripted_http_run();
	assert_told(&w, SAID "newNonce: no \"newNonce\"");
	assert_non_null(directory_get(d, "newOrder"));
}

/* ---- waits ---- */

static void
test_a_wait_freed_early_is_not_told(void **state)
{
	CLEAN(directories) struct directories *all = directories_new(h.loop, h.http);
	struct directory *d = find(all);
	struct waiter w[3] = { 0 };

	(void)state;
	ANSWER({ .status = 200, .body = GOOD });
	for (size_t i = 0; i < COUNT(w); i++)
		load(d, &w[i]);
	directory_wait_free(TAKE(w[0].wait));
	w[1].frees = &w[2]; /* while they are told */
	scripted_http_run();
	assert_int_equal(w[0].calls, 0);
	assert_int_equal(w[1].calls, 1);
	assert_int_equal(w[2].calls, 0);
	directory_wait_free(NULL);
}

static void
test_a_wait_for_what_is_kept_can_be_freed(void **state)
{
	CLEAN(directories) struct directories *all = directories_new(h.loop, h.http);
	struct directory *d = find(all);
	struct waiter w[2] = { 0 };

	(void)state;
	ANSWER({ .status = 200, .body = GOOD });
	load(d, &w[0]);
	scripted_http_run();
	assert_told(&w[0], "");
	w[0].reload = d; /* from within the call: told once more, by the loop */
	load(d, &w[0]);
	load(d, &w[1]);
	directory_wait_free(TAKE(w[1].wait));
	scripted_http_run();
	assert_int_equal(w[0].calls, 2);
	assert_int_equal(w[1].calls, 0);
}

static void
test_directories_that_end_call_nobody(void **state)
{
	CLEAN(directories) struct directories *all = directories_new(h.loop, h.http);
	struct waiter w = { 0 };

	(void)state;
	ANSWER({ .status = 200, .body = GOOD });
	load(find(all), &w);
	directories_free(TAKE(all));
	scripted_http_run();
	assert_int_equal(w.calls, 0);
	directories_free(NULL);
}

/* ---- one for each way to a CA ---- */

static void
test_a_directory_is_found_again(void **state)
{
	CLEAN(directories) struct directories *all = directories_new(h.loop, h.http);
	char trust[] = "/etc/ca.pem";
	const struct http_peer peers[] = {
		{ .trust = trust },
		{ .proxy = "http://proxy:3128" },
		{ .timeout_ms = 5000 },
		{ .trust = trust, .proxy = "http://proxy:3128", .timeout_ms = 5000 },
	};
	struct directory *d = find(all);

	(void)state;
	assert_ptr_equal(find(all), d);
	assert_ptr_equal(directory_find(all, URL, &(struct http_peer){ 0 }), d);
	assert_ptr_not_equal(directory_find(all, URL "/", NULL), d);
	for (size_t i = 0; i < COUNT(peers); i++) {
		struct directory *other = directory_find(all, URL, &peers[i]);

		assert_ptr_not_equal(other, d);
		assert_ptr_equal(directory_find(all, URL, &peers[i]), other);
		d = other;
	}
	trust[0] = 'x'; /* the peer was copied */
	assert_string_equal(directory_peer(d)->trust, "/etc/ca.pem");
	assert_string_equal(directory_peer(d)->proxy, "http://proxy:3128");
	assert_int_equal(directory_peer(d)->timeout_ms, 5000);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		HTTP_TEST(test_one_request_answers_all_who_wait),
		HTTP_TEST(test_what_it_says_can_be_read),
		HTTP_TEST(test_it_is_kept_for_a_day),
		HTTP_TEST(test_what_was_forgotten_is_asked_again),
		HTTP_TEST(test_what_is_no_directory_is_said_to_be_none),
		HTTP_TEST(test_html_and_half_a_document_are_no_json),
		HTTP_TEST(test_when_to_come_back_is_passed_on),
		HTTP_TEST(test_a_failure_is_not_kept),
		HTTP_TEST(test_an_old_directory_stays_when_a_new_one_does_not_come),
		HTTP_TEST(test_a_wait_freed_early_is_not_told),
		HTTP_TEST(test_a_wait_for_what_is_kept_can_be_freed),
		HTTP_TEST(test_directories_that_end_call_nobody),
		HTTP_TEST(test_a_directory_is_found_again),
	};

	return cmocka_run_group_tests_name("directory", tests, NULL, NULL);
}
