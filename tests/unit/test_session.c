/* SPDX-License-Identifier: ISC */
/* Requests of an account: what is sent, and what is made of the answers. */
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "daemon/acme/directory.h"
#include "tests/unit/session_rig.h"

/* ---- what is sent ---- */

static void
test_a_request_is_signed_by_whom_it_should(void **state)
{
	CLEAN(json) struct json_object *empty = json_object_new_object();

	(void)state;
	ANSWER({ .status = 200, NONCE("n1") }, { .status = 200, NONCE("n2") },
	    { .status = 200, NONCE("n3") }, { .status = 200, NONCE("n4") });
	post(&(struct session_call){ .resource = "newAccount",
	    .payload = empty,
	    .with_jwk = true });
	scripted_http_run();
	session_set_account(t.session, "https://ca.example/acct/2");
	post(&(struct session_call){ .resource = "newOrder", .payload = empty });
	scripted_http_run();
	assert_string_equal(h.accepts.s, "-\napplication/json\napplication/json\n");
	post(&(struct session_call){ .url = "https://ca.example/cert",
	    .accept = "application/pem-certificate-chain" });
	assert_true(str_ends(h.accepts.s, "\napplication/pem-certificate-chain\n"));
	assert_ptr_equal(h.last.peer, directory_peer(t.directory));
	scripted_http_run();
	assert_asked("HEAD https://ca.example/nonce\n"
		     "POST https://ca.example/account jwk n1 {}\n"
		     "POST https://ca.example/order https://ca.example/acct/2 n2 {}\n"
		     "POST https://ca.example/cert https://ca.example/acct/2 n3 -\n");
}

static void
test_early_failures_come_from_the_loop(void **state)
{
	static const struct {
		struct session_call call;
		const char *text;
	} cases[] = {
		{ { .url = "https://evil.test/a" },
		    "the CA refers to a host that is not its own: "
		    "https://evil.test/a" },
		{ { .url = "http://ca.example/a" },
		    "URL \"http://ca.example/a\": does not begin with https://" },
		{ { .url = "/a" }, "URL \"/a\": does not begin with https://" },
		{ { .url = "" }, "URL \"\": is empty" },
		{ { .resource = "keyChange" },
		    "the CA at https://ca.example/directory offers no keyChange" },
		{ { .resource = "revokeCert" },
		    "revokeCert: the CA refers to a host that is not its own: "
		    "https://evil.test/revoke" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		t.calls = 0;
		post(&cases[i].call);
		scripted_http_run();
		assert_int_equal(t.calls, 1);
		assert_int_equal(t.err.kind, ERR_PROTOCOL);
		assert_string_equal(t.err.text, cases[i].text);
	}
	assert_asked("");
}

static void
test_a_key_that_cannot_sign_fails_from_the_loop(void **state)
{
	(void)state;
	err_set(&t.cannot_sign, ERR_SYSTEM, "no such algorithm");
	ANSWER({ .status = 200, NONCE("n1") });
	get("https://ca.example/a");
	assert_string_equal(t.err.text, "no such algorithm");

	/* And with a nonce at hand, right from session_post(). */
	t.cannot_sign = (struct err){ 0 };
	ANSWER({ .status = 200, NONCE("n2") }, { .status = 200, NONCE("n3") });
	get("https://ca.example/a");
	err_set(&t.cannot_sign, ERR_SYSTEM, "still none");
	get("https://ca.example/a");
	assert_string_equal(t.err.text, "still none");
}

/* ---- what comes back ---- */

static void
test_an_answer_is_passed_on(void **state)
{
	static const struct {
		struct scripted_reply reply;
		const char *doc;
		const char *body;
		const char *location;
		time_t retry_after;
	} cases[] = {
		{ { .status = 200, .body = "{\"a\":[1]}" }, "{\"a\":[1]}", "{\"a\":[1]}",
		    "", 0 },
		{ { .status = 201,
		      .body = "{}",
		      .headers = "Location: https://ca.example/order/1\nRetry-After: 3" },
		    "{}", "{}", "https://ca.example/order/1", 3 },
		{ { .status = 200, .headers = "location: /order/2" }, "-", "",
		    "https://ca.example/order/2", 0 },
		{ { .status = 200, .headers = "Location: 3?x=y" }, "-", "",
		    "https://ca.example/a/3?x=y", 0 },
		{ { .status = 200, .headers = "Location: //api.ca.example/4" }, "-", "",
		    "https://api.ca.example/4", 0 },
		{ { .status = 200, .body = "-----BEGIN", .headers = "Retry-After: soon" },
		    "-", "-----BEGIN", "", 0 },
		{ { .status = 299, .body = "\"x\"" }, "\"x\"", "\"x\"", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		ANSWER({ .status = 200, NONCE("n1") }, cases[i].reply);
		get("https://ca.example/a/1");
		assert_string_equal(t.err.text, "");
		assert_int_equal(t.status, cases[i].reply.status);
		assert_string_equal(t.doc, cases[i].doc);
		assert_string_equal(t.body, cases[i].body);
		assert_string_equal(t.location, cases[i].location);
		assert_int_equal(t.retry_after, cases[i].retry_after);
	}
}

static void
test_a_location_elsewhere_is_refused(void **state)
{
	static const struct {
		const char *headers;
		const char *text;
	} cases[] = {
		{ "Location: https://evil.test/order/1",
		    "Location: the CA refers to a host that is not its own: "
		    "https://evil.test/order/1" },
		{ "Location: //evil.test/order/1",
		    "Location: the CA refers to a host that is not its own: "
		    "https://evil.test/order/1" },
		{ "Location: http://ca.example/order/1",
		    "Location: URL \"http://ca.example/order/1\": does not begin with "
		    "https://" },
		{ "Location: http://127.0.0.1/order/1",
		    "Location: URL \"http://127.0.0.1/order/1\": does not begin with "
		    "https://" },
		{ "Location: file:///etc/passwd",
		    "Location: URL \"file:///etc/passwd\": does not begin with https://" },
		{ "Location: https://me@ca.example/",
		    "Location: URL \"https://me@ca.example/\": has a user name or a "
		    "password" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		ANSWER({ .status = 200, NONCE("n1") },
		    { .status = 201, .body = "{}", .headers = cases[i].headers });
		get("https://ca.example/a");
		assert_int_equal(t.err.kind, ERR_PROTOCOL);
		assert_string_equal(t.err.text, cases[i].text);
	}
}

static void
test_a_problem_arrives_as_an_err(void **state)
{
	static const struct {
		struct scripted_reply reply;
		enum err_kind kind;
		time_t retry_after;
		const char *problem;
		const char *text;
	} cases[] = {
		{ { .status = 403,
		      .body = "{\"type\":\"urn:ietf:params:acme:error:unauthorized\","
			      "\"detail\":\"No\",\"status\":403}" },
		    ERR_REFUSED, 0, "unauthorized", "No (unauthorized)" },
		{ { .status = 429,
		      .body = "{\"type\":\"urn:ietf:params:acme:error:rateLimited\","
			      "\"detail\":\"Later\"}",
		      .headers = "Retry-After: 2160" },
		    ERR_BUSY, 2160, "rateLimited", "Later (rateLimited)" },
		{ { .status = 503, .body = "<html>", .headers = "Retry-After: 60" },
		    ERR_NETWORK, 60, "", "the CA answered 503 and no reason" },
		{ { .status = 409, .headers = "Location: https://evil.test/acct/1" },
		    ERR_PROTOCOL, 0, "", "the CA answered 409 and no reason" },
		{ { .status = 307, .headers = "Location: https://ca.example/b" },
		    ERR_PROTOCOL, 0, "",
		    "the CA redirects (307), which is not followed here" },
		{ { .failure = "ca.example: reset" }, ERR_NETWORK, 0, "",
		    "ca.example: reset" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		ANSWER({ .status = 200, NONCE("n1") }, cases[i].reply);
		get("https://ca.example/a");
		assert_int_equal(t.err.kind, cases[i].kind);
		assert_int_equal(t.err.status, cases[i].reply.status);
		assert_int_equal(t.err.retry_after, cases[i].retry_after);
		assert_string_equal(t.err.problem, cases[i].problem);
		assert_string_equal(t.err.text, cases[i].text);
	}
}

static void
on_loaded(const struct err *err, void *arg)
{
	(void)err;
	(void)arg;
}

/* Whether the directory has to be asked again. */
static bool
is_forgotten(void)
{
	size_t before;

	ANSWER({ .status = 503 });
	before = h.left;
	directory_wait_free(directory_load(t.directory, on_loaded, NULL));
	if (h.left == before) {
		scripted_http_run();
		h.left = 0;
		return false;
	}
	scripted_http_run();
	return true;
}

static void
test_a_resource_that_is_gone_makes_the_directory_suspect(void **state)
{
	(void)state;
	ANSWER({ .status = 200, NONCE("n1") }, { .status = 404 });
	get("https://ca.example/order/1"); /* not of the directory */
	assert_false(is_forgotten());
	ANSWER({ .status = 200, NONCE("n1") }, { .status = 404 });
	post(&(struct session_call){ .resource = "newOrder" });
	scripted_http_run();
	assert_true(is_forgotten());
}

/* ---- the end ---- */

static void
test_a_freed_request_never_calls_back(void **state)
{
	struct session_request *r;

	(void)state;
	/* While it waits for a nonce, for an answer, and for the loop. */
	ANSWER({ .status = 200, NONCE("n1") }, { .status = 200, NONCE("n2") },
	    { .status = 200 });
	session_request_free(post(&(struct session_call){ .url = "https://ca.example/a" }));
	r = post(&(struct session_call){ .url = "https://ca.example/b" });
	while (h.left > 0)
		event_base_loop(h.loop, EVLOOP_ONCE);
	session_request_free(r);
	session_request_free(post(&(struct session_call){ .url = "https://evil.test/" }));
	scripted_http_run();
	assert_int_equal(t.calls, 0);
	session_request_free(NULL);
	session_free(NULL);
}

static void
on_done_free_session(const struct session_reply *reply, const struct err *err, void *arg)
{
	session_free(TAKE(t.session));
	session_rig_on_done(reply, err, arg);
}

static void
test_whoever_is_told_may_free_the_session(void **state)
{
	(void)state;
	ANSWER({ .status = 200, NONCE("n1") },
	    { .status = 200,
		.body = "{\"a\":1}",
		.headers = "Location: https://ca.example/b" });
	session_post(t.session, &(struct session_call){ .url = "https://ca.example/a" },
	    on_done_free_session, &t);
	scripted_http_run();
	assert_string_equal(t.doc, "{\"a\":1}");
	assert_string_equal(t.location, "https://ca.example/b");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		SESSION_TEST(test_a_request_is_signed_by_whom_it_should),
		SESSION_TEST(test_early_failures_come_from_the_loop),
		SESSION_TEST(test_a_key_that_cannot_sign_fails_from_the_loop),
		SESSION_TEST(test_an_answer_is_passed_on),
		SESSION_TEST(test_a_location_elsewhere_is_refused),
		SESSION_TEST(test_a_problem_arrives_as_an_err),
		SESSION_TEST(test_a_resource_that_is_gone_makes_the_directory_suspect),
		SESSION_TEST(test_a_freed_request_never_calls_back),
		SESSION_TEST(test_whoever_is_told_may_free_the_session),
	};

	return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
