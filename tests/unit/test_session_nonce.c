/* SPDX-License-Identifier: ISC */
/* Nonces: kept, asked for when there is none, replaced when they are refused. */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "tests/unit/session_rig.h"

static void
test_a_nonce_is_asked_for_only_when_there_is_none(void **state)
{
	(void)state;
	ANSWER({ .status = 200, NONCE("n1") }, { .status = 200, NONCE("n2") },
	    { .status = 200 }, { .status = 204, NONCE("n3") }, { .status = 200 });
	get("https://ca.example/a");
	get("https://ca.example/b");
	get("https://ca.example/c"); /* the answer to b had none */
	assert_asked("HEAD https://ca.example/nonce\n"
		     "POST https://ca.example/a " KID " n1 -\n"
		     "POST https://ca.example/b " KID " n2 -\n"
		     "HEAD https://ca.example/nonce\n"
		     "POST https://ca.example/c " KID " n3 -\n");
}

static void
test_the_newest_nonce_is_taken_first(void **state)
{
	(void)state;
	/* Two requests at a time bring two. */
	ANSWER({ .status = 200, NONCE("n1") }, { .status = 200, NONCE("n2") },
	    { .status = 200, NONCE("n3") }, { .status = 200, NONCE("n4") },
	    { .status = 200 }, { .status = 200 });
	post(&(struct session_call){ .url = "https://ca.example/a" });
	post(&(struct session_call){ .url = "https://ca.example/b" });
	scripted_http_run();
	get("https://ca.example/c");
	get("https://ca.example/d");
	assert_asked("HEAD https://ca.example/nonce\n"
		     "HEAD https://ca.example/nonce\n"
		     "POST https://ca.example/a " KID " n1 -\n"
		     "POST https://ca.example/b " KID " n2 -\n"
		     "POST https://ca.example/c " KID " n4 -\n"
		     "POST https://ca.example/d " KID " n3 -\n");
}

static void
test_nonces_of_failures_are_kept_too(void **state)
{
	(void)state;
	ANSWER({ .status = 200, NONCE("n1") }, { .status = 403, NONCE("n2") },
	    { .status = 200 });
	get("https://ca.example/a");
	assert_int_equal(t.err.status, 403);
	get("https://ca.example/b");
	assert_asked("HEAD https://ca.example/nonce\n"
		     "POST https://ca.example/a " KID " n1 -\n"
		     "POST https://ca.example/b " KID " n2 -\n");
}

static void
test_nonces_older_than_five_minutes_are_dropped(void **state)
{
	(void)state;
	ANSWER({ .status = 200, NONCE("n1") }, { .status = 200, NONCE("n2") },
	    { .status = 200, NONCE("n3") }, { .status = 200, NONCE("n4") },
	    { .status = 200 });
	get("https://ca.example/a");
	h.now += 300;
	get("https://ca.example/b");
	h.now += 301;
	get("https://ca.example/c");
	assert_asked("HEAD https://ca.example/nonce\n"
		     "POST https://ca.example/a " KID " n1 -\n"
		     "POST https://ca.example/b " KID " n2 -\n"
		     "HEAD https://ca.example/nonce\n"
		     "POST https://ca.example/c " KID " n4 -\n");
}

static void
test_what_is_no_nonce_is_ignored(void **state)
{
	CLEAN(string) char *long_one = xcalloc(600, 1);
	CLEAN(string) char *header = NULL;

	(void)state;
	memset(long_one, 'x', 513);
	header = xasprintf("Replay-Nonce: %s", long_one);
	ANSWER({ .status = 200, NONCE("n1") }, { .status = 200, NONCE("a=b") },
	    { .status = 200, NONCE("n2") }, { .status = 200, .headers = header },
	    { .status = 200, NONCE("n3") }, { .status = 200 });
	get("https://ca.example/a");
	get("https://ca.example/b");
	get("https://ca.example/c");
	assert_asked("HEAD https://ca.example/nonce\n"
		     "POST https://ca.example/a " KID " n1 -\n"
		     "HEAD https://ca.example/nonce\n"
		     "POST https://ca.example/b " KID " n2 -\n"
		     "HEAD https://ca.example/nonce\n"
		     "POST https://ca.example/c " KID " n3 -\n");
}

static void
post_many(const struct scripted_reply *script, size_t n_replies, size_t n_requests)
{
	scripted_http_answer(script, n_replies);
	for (size_t i = 0; i < n_requests; i++)
		post(&(struct session_call){ .url = "https://ca.example/a" });
	scripted_http_run();
	assert_int_equal(h.left, 0);
}

static void
test_no_more_than_64_nonces_are_kept(void **state)
{
	static struct scripted_reply many[140];

	(void)state;
	/* Each of them asks for a nonce, and brings one. */
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = (struct scripted_reply){ .status = 200, NONCE("n") };
	post_many(many, 140, 70);
	for (size_t i = 0; i < COUNT(many); i++)
		many[i] = (struct scripted_reply){ .status = 200 };
	post_many(many, 64, 64);
	text_clear(&h.transcript);
	many[0].headers = "Replay-Nonce: n65";
	post_many(many, 2, 1);
	assert_asked("HEAD https://ca.example/nonce\n"
		     "POST https://ca.example/a " KID " n65 -\n");
}

static void
test_a_refused_nonce_is_replaced_by_the_fresh_one(void **state)
{
	CLEAN(json) struct json_object *payload = json_object_new_object();

	(void)state;
	json_add_int(payload, "a", 1);
	ANSWER({ .status = 200, NONCE("n1") }, { BAD_NONCE, NONCE("n2") },
	    { BAD_NONCE, NONCE("n3") }, { BAD_NONCE }, { .status = 200, NONCE("n4") },
	    { .status = 201, .body = "{}", NONCE("n5") });
	post(&(struct session_call){ .url = "https://ca.example/a", .payload = payload });
	scripted_http_run();
	assert_int_equal(t.calls, 1);
	assert_int_equal(t.status, 201);
	assert_asked("HEAD https://ca.example/nonce\n"
		     "POST https://ca.example/a " KID " n1 {\"a\":1}\n"
		     "POST https://ca.example/a " KID " n2 {\"a\":1}\n"
		     "POST https://ca.example/a " KID " n3 {\"a\":1}\n"
		     "HEAD https://ca.example/nonce\n"
		     "POST https://ca.example/a " KID " n4 {\"a\":1}\n");
}

static void
test_after_a_refused_nonce_the_others_are_not_tried(void **state)
{
	(void)state;
	ANSWER({ .status = 200, NONCE("n1") }, { .status = 200, NONCE("n2") },
	    { .status = 200, NONCE("n3") }, { .status = 200, NONCE("n4") },
	    { BAD_NONCE, NONCE("n5") }, { .status = 200 }, { .status = 200, NONCE("n6") },
	    { .status = 200 });
	post(&(struct session_call){ .url = "https://ca.example/a" });
	post(&(struct session_call){ .url = "https://ca.example/b" });
	scripted_http_run();
	text_clear(&h.transcript);
	get("https://ca.example/c");
	get("https://ca.example/d");
	assert_asked("POST https://ca.example/c " KID " n4 -\n"
		     "POST https://ca.example/c " KID " n5 -\n"
		     "HEAD https://ca.example/nonce\n"
		     "POST https://ca.example/d " KID " n6 -\n");
}

static void
test_a_ca_that_refuses_every_nonce_is_given_up(void **state)
{
	static const struct scripted_reply script[] = {
		{ .status = 200, NONCE("n") },
		{ BAD_NONCE, NONCE("n") },
		{ BAD_NONCE, NONCE("n") },
		{ BAD_NONCE, NONCE("n") },
		{ BAD_NONCE, NONCE("n") },
		{ BAD_NONCE, NONCE("n") },
		{ BAD_NONCE, NONCE("n") },
		{ BAD_NONCE, NONCE("n") },
		{ BAD_NONCE, NONCE("n") },
		{ BAD_NONCE, NONCE("n") },
		{ BAD_NONCE, NONCE("n") },
		{ BAD_NONCE, NONCE("n") },
	};

	(void)state;
	scripted_http_answer(script, COUNT(script)); /* ten times anew */
	get("https://ca.example/a");
	assert_int_equal(h.left, 0);
	assert_int_equal(t.err.kind, ERR_NETWORK);
	assert_string_equal(t.err.text, "old (badNonce)");
}

static void
test_without_a_nonce_nothing_is_sent(void **state)
{
	static const struct {
		struct scripted_reply reply;
		enum err_kind kind;
		time_t retry_after;
		const char *text;
	} cases[] = {
		{ { .status = 200 }, ERR_PROTOCOL, 0,
		    "newNonce: no Replay-Nonce in the answer" },
		{ { .status = 200, NONCE("<>") }, ERR_PROTOCOL, 0,
		    "newNonce: no Replay-Nonce in the answer" },
		{ { .status = 503, .headers = "Retry-After: 30" }, ERR_NETWORK, 30,
		    "newNonce: the CA answered 503 and no reason" },
		{ { .failure = "ca.example: refused" }, ERR_NETWORK, 0,
		    "newNonce: ca.example: refused" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		ANSWER(cases[i].reply);
		get("https://ca.example/a");
		assert_int_equal(t.err.kind, cases[i].kind);
		assert_int_equal(t.err.retry_after, cases[i].retry_after);
		assert_string_equal(t.err.text, cases[i].text);
		assert_asked("HEAD https://ca.example/nonce\n");
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		SESSION_TEST(test_a_nonce_is_asked_for_only_when_there_is_none),
		SESSION_TEST(test_the_newest_nonce_is_taken_first),
		SESSION_TEST(test_nonces_of_failures_are_kept_too),
		SESSION_TEST(test_nonces_older_than_five_minutes_are_dropped),
		SESSION_TEST(test_what_is_no_nonce_is_ignored),
		SESSION_TEST(test_no_more_than_64_nonces_are_kept),
		SESSION_TEST(test_a_refused_nonce_is_replaced_by_the_fresh_one),
		SESSION_TEST(test_after_a_refused_nonce_the_others_are_not_tried),
		SESSION_TEST(test_a_ca_that_refuses_every_nonce_is_given_up),
		SESSION_TEST(test_without_a_nonce_nothing_is_sent),
	};

	return cmocka_run_group_tests_name("session nonces", tests, NULL, NULL);
}
