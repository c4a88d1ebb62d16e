/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "daemon/acme/problem.h"

#define URN "urn:ietf:params:acme:error:"
#define A15_SUBPROBLEMS                                                               \
	"\"subproblems\":[{\"type\":\"" URN "rejectedIdentifier\",\"detail\":\"It is" \
	" reserved\",\"status\":400,\"identifier\":{\"type\":\"dns\",\"value\":"      \
	"\"a.invalid\"}},{\"type\":\"" URN "malformed\",\"detail\":\"A name has no"   \
	" underscore\",\"identifier\":{\"type\":\"dns\",\"value\":\"b_c.example\"}}]"

static struct json_object *
parse(const char *text)
{
	struct err err = { 0 };
	struct json_object *doc = text ? json_parse(text, strlen(text), &err) : NULL;

	if (text != NULL && doc == NULL) {
		print_error("%s\n", err.text);
		fail();
	}
	return doc;
}

static const struct {
	int status;
	enum err_kind kind;
	const char *json;
	const char *problem;
	const char *text;
} answers[] = {
	{ 400, ERR_NETWORK,
	    "{\"type\":\"" URN "badNonce\",\"detail\":\"Unable to validate JWS :: "
	    "JWS has an expired anti-replay nonce: \\\"x\\\"\",\"status\":400}",
	    "badNonce",
	    "Unable to validate JWS :: JWS has an expired anti-replay nonce: "
	    "\"x\" (badNonce)" },
	{ 429, ERR_BUSY,
	    "{\"type\":\"" URN "rateLimited\",\"detail\":\"too many failed "
	    "authorizations (5) for \\\"example.org\\\" in the last 1h0m0s, retry "
	    "after 2026-11-22 11:00:00 UTC: see https://letsencrypt.org/docs/"
	    "rate-limits/#authorization-failures-per-identifier-per-account\","
	    "\"status\":429}",
	    "rateLimited",
	    "too many failed authorizations (5) for \"example.org\" in the last "
	    "1h0m0s, retry after 2026-11-22 11:00:00 UTC: see "
	    "https://letsencrypt.org/docs/rate-limits/"
	    "#authorization-failures-per-identifier-per-account (rateLimited)" },
	{ 429, ERR_BUSY,
	    "{\"type\":\"" URN "rateLimited\",\"detail\":\"Your account is "
	    "temporarily prevented from requesting certificates for example.org "
	    "and possibly others. Please visit: "
	    "https://portal.example/sfe/v1/unpause?jwt=abc\",\"status\":429}",
	    "rateLimited",
	    "Your account is temporarily prevented from requesting certificates "
	    "for example.org and possibly others. Please visit: "
	    "https://portal.example/sfe/v1/unpause?jwt=abc (rateLimited)" },
	{ 400, ERR_REFUSED,
	    "{\"type\":\"" URN "rejectedIdentifier\",\"detail\":\"Cannot issue for "
	    "\\\"a.invalid\\\": ... (and 1 more problems. Refer to sub-problems "
	    "for more information.)\",\"status\":400," A15_SUBPROBLEMS "}",
	    "rejectedIdentifier",
	    "Cannot issue for \"a.invalid\": ... (and 1 more problems. Refer to "
	    "sub-problems for more information.) (rejectedIdentifier): "
	    "a.invalid: It is reserved (rejectedIdentifier); "
	    "b_c.example: A name has no underscore (malformed)" },
	{ 400, ERR_REFUSED,
	    "{\"type\":\"" URN "compound\",\"detail\":\"see "
	    "subproblems\"," A15_SUBPROBLEMS "}",
	    "compound",
	    "see subproblems (compound): "
	    "a.invalid: It is reserved (rejectedIdentifier); "
	    "b_c.example: A name has no underscore (malformed)" },
	{ 400, ERR_CONFIG,
	    "{\"type\":\"" URN "badSignatureAlgorithm\",\"detail\":\"No such "
	    "algorithm\",\"status\":400,\"algorithms\":[\"RS256\",\"ES256\","
	    "\"ES384\",\"ES512\"]}",
	    "badSignatureAlgorithm",
	    "No such algorithm (badSignatureAlgorithm); it takes RS256, ES256, "
	    "ES384, ES512" },
	{ 403, ERR_CONFIG,
	    "{\"type\":\"" URN "userActionRequired\",\"detail\":\"Terms of service "
	    "have changed\",\"instance\":\"https://ca.example/agree?x=1\","
	    "\"status\":403}",
	    "userActionRequired", "Terms of service have changed (userActionRequired)" },
	{ 409, ERR_REFUSED,
	    "{\"type\":\"" URN "alreadyReplaced\",\"detail\":\"cannot indicate an "
	    "order replaces certificate 04ab\",\"status\":409}",
	    "alreadyReplaced",
	    "cannot indicate an order replaces certificate 04ab "
	    "(alreadyReplaced)" },
	{ 403, ERR_CONFIG, "{\"type\":\"urn:acme:error:agreementRequired\"}",
	    "agreementRequired", "agreementRequired" },
	{ 400, ERR_PROTOCOL, "{\"detail\":\"No\"}", "", "No" },
	{ 403, ERR_REFUSED, "{\"type\":\"about:blank\",\"detail\":\"No\"}", "", "No" },
	{ 503, ERR_NETWORK, "{\"type\":\"https://ca.example/busy\",\"detail\":\"Later\"}",
	    "https://ca.example/busy", "Later (https://ca.example/busy)" },
	{ 418, ERR_PROTOCOL, "{\"type\":\"" URN "teapot\",\"detail\":\"\"}", "teapot",
	    "teapot" },
	{ 400, ERR_PROTOCOL, "{\"detail\":\"\"}", "", "no reason given" },
	{ 400, ERR_PROTOCOL, "{\"type\":\"\",\"detail\":\"\"}", "", "no reason given" },
};

static void
test_what_servers_answer_becomes_a_sentence(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		CLEAN(json) struct json_object *doc = parse(answers[i].json);
		struct err err = { 0 };

		assert_int_equal(problem_to_err(answers[i].status, doc, 7, &err), -1);
		assert_string_equal(err.text, answers[i].text);
		assert_string_equal(err.problem, answers[i].problem);
		assert_int_equal(err.kind, answers[i].kind);
		assert_int_equal(err.status, answers[i].status);
		assert_int_equal(err.retry_after, 7);
	}
}

/* Load balancers answer in HTML, Pebble's 409 has no body: the status has to do. */
static void
test_without_a_problem_the_status_says_what_it_can(void **state)
{
	static const struct {
		int status;
		enum err_kind kind;
		const char *text;
	} cases[] = {
		{ 204, ERR_PROTOCOL, "the CA answered 204 and no reason" },
		{ 301, ERR_PROTOCOL, "the CA redirects (301), which is not followed here" },
		{ 308, ERR_PROTOCOL, "the CA redirects (308), which is not followed here" },
		{ 400, ERR_PROTOCOL, "the CA answered 400 and no reason" },
		{ 401, ERR_REFUSED, "the CA answered 401 and no reason" },
		{ 403, ERR_REFUSED, "the CA answered 403 and no reason" },
		{ 404, ERR_PROTOCOL, "the CA answered 404 and no reason" },
		{ 408, ERR_NETWORK, "the CA answered 408 and no reason" },
		{ 409, ERR_PROTOCOL, "the CA answered 409 and no reason" },
		{ 425, ERR_NETWORK, "the CA answered 425 and no reason" },
		{ 429, ERR_BUSY, "the CA answered 429 and no reason" },
		{ 500, ERR_NETWORK, "the CA answered 500 and no reason" },
		{ 503, ERR_NETWORK, "the CA answered 503 and no reason" },
		{ 599, ERR_NETWORK, "the CA answered 599 and no reason" },
	};
	static const char *const bodies[] = { NULL, "{}", "[]", "\"x\"", "7",
		"{\"detail\":7,\"type\":[]}", "{\"detail\":\"a\\u0000b\"}",
		"{\"type\":\"about:blank\"}", "{\"type\":\"\",\"status\":403}",
		"{\"status\":\"valid\"}" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		for (size_t j = 0; j < COUNT(bodies); j++) {
			CLEAN(json) struct json_object *doc = parse(bodies[j]);
			struct err err = { 0 };

			problem_to_err(cases[i].status, doc, 0, &err);
			assert_string_equal(err.text, cases[i].text);
			assert_int_equal(err.kind, cases[i].kind);
			assert_int_equal(err.status, cases[i].status);
			assert_string_equal(err.problem, "");
		}
	}
}

static void
test_a_problem_in_an_order_is_read_with_its_own_status(void **state)
{
	static const struct {
		const char *json;
		enum err_kind kind;
		const char *text;
	} cases[] = {
		{ "{\"type\":\"" URN "caa\",\"detail\":\"Error finalizing order :: While "
		  "processing CAA for example.org: CAA record for example.org prevents "
		  "issuance\",\"status\":403}",
		    ERR_REFUSED,
		    "Error finalizing order :: While processing CAA for example.org: CAA "
		    "record for example.org prevents issuance (caa)" },
		{ "{\"type\":\"" URN "connection\",\"detail\":\"192.0.2.1: Fetching "
		  "http://example.org/.well-known/acme-challenge/x: Connection refused\","
		  "\"status\":400}",
		    ERR_REFUSED,
		    "192.0.2.1: Fetching http://example.org/.well-known/acme-challenge/x: "
		    "Connection refused (connection)" },
		{ "{\"detail\":\"Later\",\"status\":503}", ERR_NETWORK, "Later" },
		{ "{\"detail\":\"Too many\",\"status\":429}", ERR_BUSY, "Too many" },
		{ "{}", ERR_PROTOCOL, "no reason given" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(json) struct json_object *doc = parse(cases[i].json);
		struct err err = { 0 };

		assert_int_equal(problem_object_to_err(doc, &err), -1);
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(err.kind, cases[i].kind);
		assert_int_equal(err.status, 0); /* history, not this answer's */
	}
}

static void
test_every_type_of_the_table_has_a_kind(void **state)
{
	static const struct {
		const char *type;
		enum err_kind kind;
	} cases[] = {
		{ "accountDoesNotExist", ERR_CONFIG },
		{ "badCSR", ERR_REFUSED },
		{ "badPublicKey", ERR_CONFIG },
		{ "dns", ERR_REFUSED },
		{ "externalAccountRequired", ERR_CONFIG },
		{ "incorrectResponse", ERR_REFUSED },
		{ "invalidContact", ERR_CONFIG },
		{ "invalidProfile", ERR_CONFIG },
		{ "malformed", ERR_PROTOCOL },
		{ "orderNotReady", ERR_PROTOCOL },
		{ "serverInternal", ERR_NETWORK },
		{ "tls", ERR_REFUSED },
		{ "unauthorized", ERR_REFUSED },
		{ "unsupportedContact", ERR_CONFIG },
		{ "unsupportedIdentifier", ERR_CONFIG },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(json) struct json_object *doc = json_object_new_object();
		CLEAN(string) char *type = xasprintf("%s%s", URN, cases[i].type);
		struct err err = { 0 };

		/* The type counts more than the status. */
		json_add_string(doc, "type", type);
		problem_to_err(404, doc, 0, &err);
		assert_int_equal(err.kind, cases[i].kind);
		assert_string_equal(err.problem, cases[i].type);
		assert_string_equal(err.text, cases[i].type);
	}
}

static void
test_a_page_for_people_is_passed_on_if_it_is_one(void **state)
{
	static const struct {
		const char *instance;
		const char *expected;
	} cases[] = {
		{ "https://ca.example/agree?x=1", "https://ca.example/agree?x=1" },
		{ "http://ca.example/agree", "http://ca.example/agree" },
		{ "httpx:ca.example", "" },
		{ "file:///etc/passwd", "" },
		{ "javascript:alert(1)", "" },
		{ "/agree", "" },
		{ "", "" },
		{ "https://ca.example/\x1b[2J\n", "https://ca.example/?[2J " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(json) struct json_object *doc = parse("{\"detail\":\"No\"}");
		struct err err = { 0 };

		json_add_string(doc, "instance", cases[i].instance);
		problem_to_err(403, doc, 0, &err);
		assert_string_equal(err.instance, cases[i].expected);
		assert_string_equal(err.text, "No");
	}
}

/* As Let's Encrypt puts it. */
static void
test_the_page_of_a_paused_account_is_in_the_sentence(void **state)
{
	static const struct {
		const char *type, *detail;
		const char *expected;
	} cases[] = {
		{ URN "rateLimited",
		    "Your account is temporarily prevented from requesting certificates "
		    "for "
		    "a.example and possibly others. Please visit: "
		    "https://p.example/u?jwt=a.b-c",
		    "https://p.example/u?jwt=a.b-c" },
		{ URN "rateLimited", "Visit https://p.example/u.", "https://p.example/u" },
		{ URN "rateLimited", "visit https://p.example/u (soon)",
		    "https://p.example/u" },
		{ URN "rateLimited", "too many: see https://ca.example/docs", "" },
		{ URN "rateLimited", "Please visit: file:///etc/passwd", "" },
		{ URN "rateLimited", "Please visit", "" },
		{ URN "rateLimited", "Please visit: ", "" },
		{ URN "rateLimited", "Please visit: https://", "https://" },
		{ URN "unauthorized", "Please visit: https://p.example/u", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(json) struct json_object *doc = json_object_new_object();
		struct err err = { 0 };

		json_add_string(doc, "type", cases[i].type);
		json_add_string(doc, "detail", cases[i].detail);
		problem_to_err(429, doc, 0, &err);
		assert_string_equal(err.instance, cases[i].expected);
	}
}

static void
test_nothing_that_a_terminal_would_obey_gets_through(void **state)
{
	CLEAN(json)
	struct json_object *doc = parse(
	    "{\"type\":\"" URN "dns\\u001b]0;x\\u0007\",\"detail\":\"a\\u001b[31mb\\r\\n"
	    "c\\u202ed\\u009b\",\"algorithms\":[\"RS\\u001b256\"],\"subproblems\":["
	    "{\"detail\":\"e\\u0008f\",\"identifier\":{\"value\":\"g\\u007f\"}}]}");
	struct err err = { 0 };

	(void)state;
	problem_to_err(400, doc, 0, &err);
	assert_string_equal(err.text,
	    "a?[31mb  c?d? (dns?]0;x?): g?: e?f; it takes RS?256");
	assert_string_equal(err.problem, "dns?]0;x?");
}

static void
test_sub_problems_of_any_shape_are_told(void **state)
{
	static const struct {
		const char *list;
		const char *text;
	} cases[] = {
		{ "[]", "No" },
		{ "{}", "No" },
		{ "7", "No" },
		{ "[{}]", "No: no reason given" },
		{ "[null,7,\"x\",[]]",
		    "No: no reason given; no reason given; no reason given; "
		    "no reason given" },
		{ "[{\"detail\":\"a\",\"identifier\":\"x\"},{\"detail\":\"b\","
		  "\"identifier\":{\"value\":7}},{\"type\":\"" URN "caa\"}]",
		    "No: a; b; caa" },
		{ "[{\"detail\":\"1\"},{\"detail\":\"2\"},{\"detail\":\"3\"},"
		  "{\"detail\":\"4\"},{\"detail\":\"5\"}]",
		    "No: 1; 2; 3; 4; 5" },
		{ "[{\"detail\":\"1\"},{\"detail\":\"2\"},{\"detail\":\"3\"},"
		  "{\"detail\":\"4\"},{\"detail\":\"5\"},{\"detail\":\"6\"},{}]",
		    "No: 1; 2; 3; 4; 5; and 2 more" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(string)
		char *text =
		    xasprintf("{\"detail\":\"No\",\"subproblems\":%s}", cases[i].list);
		CLEAN(json) struct json_object *doc = parse(text);
		struct err err = { 0 };

		problem_to_err(400, doc, 0, &err);
		assert_string_equal(err.text, cases[i].text);
	}
}

static void
test_algorithms_that_are_no_list_of_strings_are_left_out(void **state)
{
	static const char *const cases[] = { "7", "{}", "[7]", "[\"a\",null]" };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(string)
		char *text = xasprintf("{\"detail\":\"No\",\"algorithms\":%s}", cases[i]);
		CLEAN(json) struct json_object *doc = parse(text);
		struct err err = { 0 };

		problem_to_err(400, doc, 0, &err);
		assert_string_equal(err.text, "No");
	}
}

static char *
many(char c, size_t n)
{
	char *s = xcalloc(n + 1, 1);

	memset(s, c, n);
	return s;
}

static void
test_what_is_oversized_is_cut(void **state)
{
	CLEAN(json) struct json_object *doc = json_object_new_object();
	CLEAN(string) char *long_one = many('x', 100000);
	CLEAN(string) char *page = xasprintf("https://%s", long_one);
	CLEAN(string) char *expected = many('x', 1220);
	struct err err = { 0 };

	(void)state;
	json_add_string(doc, "detail", long_one);
	json_add_string(doc, "instance", page);
	problem_to_err(400, doc, 0, &err);
	assert_string_equal(err.text, expected);
	assert_int_equal(strlen(err.instance), sizeof(err.instance) - 1);

	json_add_string(doc, "type", long_one);
	problem_to_err(400, doc, 0, &err);
	assert_int_equal(strlen(err.text), sizeof(err.text) - 1);
	assert_string_equal(err.text + strlen(err.text) - 3, "...");
	assert_int_equal(strlen(err.problem), sizeof(err.problem) - 1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_servers_answer_becomes_a_sentence),
		cmocka_unit_test(test_without_a_problem_the_status_says_what_it_can),
		cmocka_unit_test(test_a_problem_in_an_order_is_read_with_its_own_status),
		cmocka_unit_test(test_every_type_of_the_table_has_a_kind),
		cmocka_unit_test(test_a_page_for_people_is_passed_on_if_it_is_one),
		cmocka_unit_test(test_the_page_of_a_paused_account_is_in_the_sentence),
		cmocka_unit_test(test_nothing_that_a_terminal_would_obey_gets_through),
		cmocka_unit_test(test_sub_problems_of_any_shape_are_told),
		cmocka_unit_test(test_algorithms_that_are_no_list_of_strings_are_left_out),
		cmocka_unit_test(test_what_is_oversized_is_cut),
	};

	return cmocka_run_group_tests_name("problem", tests, NULL, NULL);
}
