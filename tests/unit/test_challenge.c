/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <event2/event.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/challenge/challenge.h"
#include "daemon/challenge/http01.h"
#include "daemon/challenge/tlsalpn01.h"
#include "daemon/io/clock.h"

#define TOKEN "LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0"

static struct {
	struct event_base *loop;
	struct challenge_servers servers;
	struct text transcript; /* of the responder */
	unsigned calls;
	struct err err;
	struct challenge *frees; /* when called */
	bool http01_is_deaf;
	bool tlsalpn01_is_deaf;
	unsigned busy;  /* how often the name is another's */
	int64_t now_ms; /* passes with each look */
} t;

int64_t
clock_monotonic_ms(void)
{
	return t.now_ms;
}

bool
http01_listens(const struct http01 *http01)
{
	assert_ptr_equal(http01, &t);
	return !t.http01_is_deaf;
}

void
http01_put(struct http01 *http01, const char *token, const char *key_authorization)
{
	assert_ptr_equal(http01, &t);
	text_add(&t.transcript, "put %s %s\n", token, key_authorization);
}

void
http01_remove(struct http01 *http01, const char *token)
{
	assert_ptr_equal(http01, &t);
	text_add(&t.transcript, "remove %s\n", token);
}

bool
tlsalpn01_listens(const struct tlsalpn01 *tlsalpn01)
{
	assert_ptr_equal(tlsalpn01, &t);
	return !t.tlsalpn01_is_deaf;
}

int
tlsalpn01_put(struct tlsalpn01 *tlsalpn01, const char *identifier,
    const char *key_authorization, struct err *err)
{
	assert_ptr_equal(tlsalpn01, &t);
	if (t.busy > 0) {
		t.busy--;
		t.now_ms += 5000;
		return err_set(err, ERR_BUSY, "another order");
	}
	text_add(&t.transcript, "put %s %s\n", identifier, key_authorization);
	return 0;
}

void
tlsalpn01_remove(struct tlsalpn01 *tlsalpn01, const char *identifier,
    const char *key_authorization)
{
	assert_ptr_equal(tlsalpn01, &t);
	text_add(&t.transcript, "remove %s %s\n", identifier, key_authorization);
}

static void
assert_transcript(const char *expected)
{
	assert_string_equal(t.transcript.s ? t.transcript.s : "", expected);
	text_clear(&t.transcript);
}

static void
on_done(const struct err *err, void *arg)
{
	assert_ptr_equal(arg, &t);
	t.calls++;
	t.err = err ? *err : (struct err){ 0 };
	challenge_free(TAKE(t.frees));
}

static int
set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.loop = must(event_base_new());
	t.servers = (struct challenge_servers){ .loop = t.loop,
		.http01 = (struct http01 *)(void *)&t,
		.tlsalpn01 = (struct tlsalpn01 *)(void *)&t };
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	text_clear(&t.transcript);
	event_base_free(t.loop);
	return 0;
}

static struct json_object *
parse(const char *text)
{
	struct err err = { 0 };
	struct json_object *doc = json_parse(text, strlen(text), &err);

	assert_non_null(doc);
	return doc;
}

/* ---- choosing ---- */

#define OFFER(type) "{\"type\":\"" type "\",\"url\":\"/" type "\"}"

static void
test_what_is_wanted_is_chosen_among_what_is_offered(void **state)
{
	static const struct {
		enum challenge_type wanted;
		const char *json;
		const char *url; /* NULL: see text */
		const char *text;
	} cases[] = {
		{ CHALLENGE_AUTO, "{\"challenges\":[" OFFER("http-01") "]}", "/http-01",
		    NULL },
		{ CHALLENGE_AUTO,
		    "{\"challenges\":[" OFFER("dns-01") "," OFFER("x") "," OFFER(
			"http-01") "]}",
		    "/http-01", NULL },
		{ CHALLENGE_HTTP_01,
		    "{\"challenges\":[7,{},{\"type\":7}," OFFER("http-01") "]}", "/http-01",
		    NULL },
		{ CHALLENGE_HTTP_01, "{\"challenges\":[" OFFER("dns-01") "]}", NULL,
		    "the CA does not offer http-01 for this name, it offers: dns-01" },
		{ CHALLENGE_AUTO,
		    "{\"challenges\":[" OFFER("dns-01") ",{\"type\":7}," OFFER(
			"dns-persist-01") "]}",
		    NULL,
		    "the CA does not offer a challenge we can serve for this name, it "
		    "offers: dns-01, ?, dns-persist-01" },
		{ CHALLENGE_AUTO, "{\"challenges\":[]}", NULL,
		    "the CA does not offer a challenge we can serve for this name, it "
		    "offers: nothing" },
		{ CHALLENGE_AUTO, "{}", NULL,
		    "the CA does not offer a challenge we can serve for this name, it "
		    "offers: nothing" },
		{ CHALLENGE_HTTP_01, "{\"challenges\":{}}", NULL,
		    "the CA does not offer http-01 for this name, it offers: nothing" },
		{ CHALLENGE_HTTP_01, "{\"challenges\":[{\"type\":\"\\u001b[2J\\n\"}]}",
		    NULL, "the CA does not offer http-01 for this name, it offers: ?[2J " },
		{ CHALLENGE_TLS_ALPN_01,
		    "{\"challenges\":[" OFFER("http-01") "," OFFER("tls-alpn-01") "]}",
		    "/tls-alpn-01", NULL },
		{ CHALLENGE_AUTO,
		    "{\"challenges\":[" OFFER("tls-alpn-01") "," OFFER("http-01") "]}",
		    "/http-01", NULL },
		{ CHALLENGE_AUTO, "{\"challenges\":[" OFFER("tls-alpn-01") "]}",
		    "/tls-alpn-01", NULL },
		{ CHALLENGE_ONION_CSR_01, "{\"challenges\":[" OFFER("onion-csr-01") "]}",
		    NULL, "challenge onion-csr-01 is not available in this version" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(json) struct json_object *doc = parse(cases[i].json);
		struct err err = { 0 };
		struct json_object *offer =
		    challenge_choose(&t.servers, doc, cases[i].wanted, &err);

		if (cases[i].url != NULL) {
			assert_string_equal(json_get_string(offer, "url"), cases[i].url);
			continue;
		}
		assert_null(offer);
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_string_equal(err.text, cases[i].text);
	}
}

static void
test_no_type_is_beyond_the_table(void **state)
{
	CLEAN(json) struct json_object *doc = parse("{\"challenges\":[]}");

	(void)state;
	for (int type = 0; type < CHALLENGE_TYPE_COUNT; type++) {
		struct err err = { 0 };

		assert_null(
		    challenge_choose(&t.servers, doc, (enum challenge_type)type, &err));
		assert_int_equal(err.kind, ERR_CONFIG);
	}
}

static void
test_a_long_list_of_offers_is_cut(void **state)
{
	CLEAN(json) struct json_object *doc = json_object_new_object();
	struct json_object *list = json_object_new_array();
	struct err err = { 0 };

	(void)state;
	json_object_object_add(doc, "challenges", list);
	for (int i = 0; i < 10000; i++)
		json_object_array_add(list, parse(OFFER("dns-01")));
	assert_null(challenge_choose(&t.servers, doc, CHALLENGE_AUTO, &err));
	assert_true(strlen(err.text) < 300);
}

/* What somebody has asked for by name is another matter: a server of his may answer. */
static void
test_auto_takes_only_what_is_listened_for(void **state)
{
	CLEAN(json)
	struct json_object *doc =
	    parse("{\"challenges\":[" OFFER("http-01") "," OFFER("tls-alpn-01") "]}");
	struct json_object *offer;
	struct err err = { 0 };

	(void)state;
	t.http01_is_deaf = true;
	offer = challenge_choose(&t.servers, doc, CHALLENGE_AUTO, &err);
	assert_string_equal(json_get_string(offer, "type"), "tls-alpn-01");
	offer = challenge_choose(&t.servers, doc, CHALLENGE_HTTP_01, &err);
	assert_string_equal(json_get_string(offer, "type"), "http-01");
	t.tlsalpn01_is_deaf = true;
	assert_null(challenge_choose(&t.servers, doc, CHALLENGE_AUTO, &err));
	assert_int_equal(err.kind, ERR_CONFIG);
}

/* ---- deploying and removing ---- */

static struct challenge *
deploy_type(const char *type, const char *token)
{
	CLEAN(json) struct json_object *offer = json_object_new_object();
	const struct challenge_context context = { .name = "a.example",
		.thumbprint = "THUMBPRINT",
		.account_url = "https://ca.example/acct/1" };
	struct challenge *c;

	json_add_string(offer, "type", type);
	json_add_string(offer, "token", token);
	c = challenge_deploy(&t.servers, &context, offer, on_done, &t);
	assert_int_equal(t.calls, 0);
	return c;
}

static struct challenge *
deploy(const char *token)
{
	return deploy_type("http-01", token);
}

static void
test_http01_is_up_from_deploying_to_freeing(void **state)
{
	struct challenge *c = deploy(TOKEN);

	(void)state;
	assert_transcript("put " TOKEN " " TOKEN ".THUMBPRINT\n");
	event_base_dispatch(t.loop);
	assert_int_equal(t.calls, 1);
	assert_int_equal(t.err.kind, ERR_NONE);
	assert_transcript("");
	challenge_free(c);
	assert_transcript("remove " TOKEN "\n");
	challenge_free(NULL);
}

static void
test_a_challenge_freed_early_is_taken_down_and_tells_nobody(void **state)
{
	(void)state;
	challenge_free(deploy(TOKEN));
	event_base_dispatch(t.loop);
	assert_int_equal(t.calls, 0);
	assert_transcript("put " TOKEN " " TOKEN ".THUMBPRINT\nremove " TOKEN "\n");
}

static void
test_a_challenge_may_be_freed_when_it_tells(void **state)
{
	(void)state;
	t.frees = deploy(TOKEN);
	event_base_dispatch(t.loop);
	assert_int_equal(t.calls, 1);
	assert_transcript("put " TOKEN " " TOKEN ".THUMBPRINT\nremove " TOKEN "\n");
}

#define ANSWER "a.example " TOKEN ".THUMBPRINT\n"

static void
test_tlsalpn01_is_up_from_deploying_to_freeing(void **state)
{
	struct challenge *c = deploy_type("tls-alpn-01", TOKEN);

	(void)state;
	assert_transcript("put " ANSWER);
	event_base_dispatch(t.loop);
	assert_int_equal(t.calls, 1);
	assert_int_equal(t.err.kind, ERR_NONE);
	challenge_free(c);
	assert_transcript("remove " ANSWER);
}

static void
test_tlsalpn01_waits_for_its_turn(void **state)
{
	(void)state;
	t.busy = 3; /* also when it is deployed */
	t.frees = deploy_type("tls-alpn-01", TOKEN);
	assert_transcript("");
	event_base_dispatch(t.loop);
	assert_int_equal(t.calls, 1);
	assert_int_equal(t.err.kind, ERR_NONE);
	assert_transcript("put " ANSWER "remove " ANSWER);
}

/* Two orders may wait for each other. */
static void
test_tlsalpn01_does_not_wait_for_ever(void **state)
{
	(void)state;
	t.busy = 100;
	t.frees = deploy_type("tls-alpn-01", TOKEN);
	event_base_dispatch(t.loop);
	assert_int_equal(t.calls, 1);
	assert_int_equal(t.err.kind, ERR_BUSY);
	assert_string_equal(t.err.text, "another order");
	assert_int_equal(t.err.retry_after, 120);
	assert_in_range(t.busy, 85, 96);
	assert_transcript("");
}

static void
test_tlsalpn01_freed_while_it_waits_is_never_up(void **state)
{
	struct challenge *c;

	(void)state;
	t.busy = 100;
	c = deploy_type("tls-alpn-01", TOKEN);
	assert_int_equal(event_base_loop(t.loop, EVLOOP_NONBLOCK), 0);
	challenge_free(c);
	assert_int_equal(event_base_dispatch(t.loop), 1);
	assert_int_equal(t.calls, 0);
	assert_transcript("");
}

static void
test_tlsalpn01_without_a_port_is_for_a_person(void **state)
{
	(void)state;
	t.tlsalpn01_is_deaf = true;
	t.frees = deploy_type("tls-alpn-01", TOKEN);
	event_base_dispatch(t.loop);
	assert_int_equal(t.err.kind, ERR_CONFIG);
	assert_string_equal(t.err.text,
	    "acmed does not listen for tls-alpn-01, see tls-alpn-01.listen");
	assert_transcript("");
}

#define TEN "0123456789"

static void
test_only_tokens_that_are_tokens_are_served(void **state)
{
	static const struct {
		const char *token;
		bool good;
	} cases[] = {
		{ TOKEN, true },
		{ TEN "abcdefABCDE-", true },
		{ TEN TEN "__", true },
		{ TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "01234567", true },
		{ TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN "012345678", false },
		{ TEN TEN "0", false },
		{ "", false },
		{ NULL, false },
		{ "../../../../../../etc/passwd", false },
		{ TEN TEN "/index.html", false },
		{ "<script>alert(1)</script>", false },
		{ "$(id)" TEN TEN, false },
		{ TEN TEN "\r\nSet-Cookie", false },
		{ TEN TEN "ab==", false },
		{ TEN TEN "a+b", false },
		{ TEN TEN "a.b", false },
		{ TEN TEN "a b", false },
		{ TEN TEN "a%2fb", false },
		{ TEN TEN "ab\xc3\xa4", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct challenge *c;

		t.calls = 0;
		c = deploy(cases[i].token);
		event_base_dispatch(t.loop);
		assert_int_equal(t.calls, 1);
		challenge_free(c);
		if (cases[i].good) {
			assert_int_equal(t.err.kind, ERR_NONE);
			assert_non_null(strstr(t.transcript.s, "\nremove "));
			text_clear(&t.transcript);
			continue;
		}
		assert_int_equal(t.err.kind, ERR_PROTOCOL);
		assert_string_equal(t.err.text,
		    "the CA's token is not 22 to 128 characters of base64url");
		assert_transcript("");
	}
}

static void
test_a_token_with_a_nul_inside_is_none(void **state)
{
	CLEAN(json)
	struct json_object *offer =
	    parse("{\"type\":\"http-01\",\"token\":\"" TOKEN "\\u0000/../x\"}");
	const struct challenge_context context = { .thumbprint = "THUMBPRINT" };

	(void)state;
	t.frees = challenge_deploy(&t.servers, &context, offer, on_done, &t);
	event_base_dispatch(t.loop);
	assert_int_equal(t.err.kind, ERR_PROTOCOL);
	assert_transcript("");
}

#define CHALLENGE_TEST(function) \
	cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CHALLENGE_TEST(test_what_is_wanted_is_chosen_among_what_is_offered),
		CHALLENGE_TEST(test_no_type_is_beyond_the_table),
		CHALLENGE_TEST(test_a_long_list_of_offers_is_cut),
		CHALLENGE_TEST(test_auto_takes_only_what_is_listened_for),
		CHALLENGE_TEST(test_http01_is_up_from_deploying_to_freeing),
		CHALLENGE_TEST(test_a_challenge_freed_early_is_taken_down_and_tells_nobody),
		CHALLENGE_TEST(test_a_challenge_may_be_freed_when_it_tells),
		CHALLENGE_TEST(test_tlsalpn01_is_up_from_deploying_to_freeing),
		CHALLENGE_TEST(test_tlsalpn01_waits_for_its_turn),
		CHALLENGE_TEST(test_tlsalpn01_does_not_wait_for_ever),
		CHALLENGE_TEST(test_tlsalpn01_freed_while_it_waits_is_never_up),
		CHALLENGE_TEST(test_tlsalpn01_without_a_port_is_for_a_person),
		CHALLENGE_TEST(test_only_tokens_that_are_tokens_are_served),
		CHALLENGE_TEST(test_a_token_with_a_nul_inside_is_none),
	};

	return cmocka_run_group_tests_name("challenge", tests, NULL, NULL);
}
