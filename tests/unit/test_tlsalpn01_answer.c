/* SPDX-License-Identifier: ISC */
#include "tests/unit/alpn_client.h"

#include <openssl/x509v3.h>
#include <string.h>

#include "daemon/challenge/tlsalpn01_answer.h"

#define RIGHT                                                \
	{                                                    \
		.name = "a.example", .protocols = ACME_TLS_1 \
	}

/* What the tests have at hand. */
static struct {
	struct tlsalpn01_answers *answers;
	struct tlsalpn01_handshake *handshake;
	struct alpn_client client;
	struct text out;
	enum tlsalpn01_state state; /* of the server */
	unsigned flights;           /* that it sent */
	bool spoke;                 /* to a client that was refused */
} t;

static int
put(const char *identifier, const char *key_authorization)
{
	struct err err = { 0 };
	int result = tlsalpn01_answers_put(t.answers, identifier, key_authorization, &err);

	if (result == -1) {
		assert_int_equal(err.kind, ERR_BUSY);
		assert_string_equal(err.text,
		    "another order proves a.example at this time");
	}
	return result;
}

static int
set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.answers = tlsalpn01_answers_new();
	return 0;
}

static void
hang_up(void)
{
	tlsalpn01_handshake_free(TAKE(t.handshake));
	alpn_client_close(&t.client);
	t.state = TLSALPN01_MORE;
	t.flights = 0;
}

static int
tear_down(void **state)
{
	(void)state;
	hang_up();
	tlsalpn01_answers_free(t.answers);
	text_clear(&t.out);
	return 0;
}

static void
server_hears(const unsigned char *bytes, size_t length)
{
	t.out.length = 0;
	t.state = tlsalpn01_handshake_feed(t.handshake, bytes, length, &t.out);
	t.spoke = t.spoke || (t.state == TLSALPN01_REFUSED && t.out.length > 0);
	t.flights += t.out.length > 0;
}

/* To the end, whatever that is; the client's bytes come `step` at a time. */
static enum tlsalpn01_state
shake(const struct alpn_hello *hello, size_t step)
{
	unsigned char bytes[4096];
	size_t n;

	hang_up();
	alpn_client_open(&t.client, hello);
	t.handshake = tlsalpn01_handshake_new(t.answers);
	while (t.state == TLSALPN01_MORE &&
	       (n = alpn_client_says(&t.client, bytes, step)) > 0) {
		server_hears(bytes, n);
		if (t.out.length > 0 && t.state != TLSALPN01_REFUSED)
			alpn_client_hears(&t.client, t.out.s, t.out.length);
	}
	return t.state;
}

static void
expect_done(const struct alpn_hello *hello)
{
	const unsigned char *protocol;
	unsigned length;

	assert_int_equal(shake(hello, 4096), TLSALPN01_DONE);
	assert_true(t.client.done);
	SSL_get0_alpn_selected(t.client.ssl, &protocol, &length);
	assert_int_equal(length, 10);
	assert_memory_equal(protocol, "acme-tls/1", 10);
}

/* ---- handshakes ---- */

static void
test_what_is_asked_for_is_shown(void **state)
{
	static const int versions[] = { 0, TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	put("a.example", "KEY.AUTHORIZATION");
	put("b.example", "ANOTHER.ONE");
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct alpn_hello hello = RIGHT;
		X509 *cert;

		hello.version = versions[i];
		expect_done(&hello);
		assert_string_equal(tlsalpn01_handshake_name(t.handshake), "a.example");
		cert = SSL_get0_peer_certificate(t.client.ssl);
		assert_int_equal(X509_check_host(cert, "a.example", 0, 0, NULL), 1);
		assert_int_equal(X509_check_host(cert, "b.example", 0, 0, NULL), 0);
		assert_int_equal(sk_X509_num(SSL_get_peer_cert_chain(t.client.ssl)), 1);
		assert_int_equal(SSL_version(t.client.ssl),
		    versions[i] != 0 ? versions[i] : TLS1_3_VERSION);
	}
}

static void
test_addresses_are_asked_for_by_their_reverse_names(void **state)
{
	static const char *const cases[][2] = {
		{ "192.0.2.1", "1.2.0.192.in-addr.arpa" },
		{ "2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
				 "8.b.d.0.1.0.0.2.ip6.arpa" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct alpn_hello hello = { .name = cases[i][1], .protocols = ACME_TLS_1 };

		put(cases[i][0], "KEY.AUTHORIZATION");
		expect_done(&hello);
		assert_string_equal(tlsalpn01_handshake_name(t.handshake), cases[i][0]);
		assert_int_equal(X509_check_ip_asc(SSL_get0_peer_certificate(t.client.ssl),
				     cases[i][0], 0),
		    1);
		hello.name = cases[i][0];
		assert_int_equal(shake(&hello, 4096), TLSALPN01_REFUSED);
	}
	assert_false(t.spoke);
}

static void
test_nobody_else_is_told_anything(void **state)
{
	static const struct alpn_hello cases[] = {
		{ "b.example", ACME_TLS_1, 0, NULL },
		{ "a.example.", ACME_TLS_1, 0, NULL },
		{ "www.a.example", ACME_TLS_1, 0, NULL },
		{ "example", ACME_TLS_1, 0, NULL },
		{ NULL, ACME_TLS_1, 0, NULL },
		{ "a.example", NULL, 0, NULL },
		{ "a.example", "\x02h2", 0, NULL },
		{ "a.example", "\x02h2\x08http/1.1", 0, NULL },
		{ "a.example", ACME_TLS_1 "\x02h2", 0, NULL },
		{ "a.example", "\x02h2" ACME_TLS_1, 0, NULL },
		{ "a.example", ACME_TLS_1 ACME_TLS_1, 0, NULL },
		{ "a.example",
		    "\x0a"
		    "acme-tls/2",
		    0, NULL },
		{ "a.example",
		    "\x0a"
		    "ACME-TLS/1",
		    0, NULL },
		{ "a.example",
		    "\x09"
		    "acme-tls/",
		    0, NULL },
		{ "a.example",
		    "\x0b"
		    "acme-tls/1.",
		    0, NULL },
		{ NULL, NULL, 0, NULL },
		{ "a.example", ACME_TLS_1, TLS1_1_VERSION, NULL },
		{ "a.example", ACME_TLS_1, TLS1_VERSION, NULL },
		{ "a.example", ACME_TLS_1, TLS1_3_VERSION, "P-521" },
	};

	(void)state;
	put("a.example", "KEY.AUTHORIZATION");
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(shake(&cases[i], 4096), TLSALPN01_REFUSED);
		assert_int_equal(t.flights, 0);
	}
	assert_false(t.spoke);
}

static void
test_the_case_of_a_name_does_not_count(void **state)
{
	struct alpn_hello hello = { .name = "A.eXAMPLE", .protocols = ACME_TLS_1 };

	(void)state;
	put("a.example", "KEY.AUTHORIZATION");
	expect_done(&hello);
}

/* TLS 1.3: the first guess of the client is a group that is too slow for us. */
static void
test_a_client_may_have_to_say_hello_again(void **state)
{
	struct alpn_hello hello = RIGHT;

	(void)state;
	put("a.example", "KEY.AUTHORIZATION");
	hello.groups = "P-521:P-256";
	expect_done(&hello);
	assert_int_equal(t.flights, 2);
}

static void
test_bytes_may_come_one_at_a_time(void **state)
{
	struct alpn_hello hello = RIGHT;

	(void)state;
	put("a.example", "KEY.AUTHORIZATION");
	assert_int_equal(shake(&hello, 1), TLSALPN01_DONE);
	hello.version = TLS1_2_VERSION;
	assert_int_equal(shake(&hello, 1), TLSALPN01_DONE);
	hello.name = "b.example";
	assert_int_equal(shake(&hello, 1), TLSALPN01_REFUSED);
}

static void
test_there_is_nothing_to_resume(void **state)
{
	static const int versions[] = { TLS1_2_VERSION, TLS1_3_VERSION };

	(void)state;
	put("a.example", "KEY.AUTHORIZATION");
	for (size_t i = 0; i < COUNT(versions); i++) {
		struct alpn_hello hello = RIGHT;
		SSL_SESSION *session;

		hello.version = versions[i];
		expect_done(&hello);
		session = SSL_get0_session(t.client.ssl);
		assert_int_equal(SSL_SESSION_has_ticket(session), 0);
		assert_int_equal(SSL_SESSION_is_resumable(session), 0);
	}
}

/* A name that has been removed is unknown from then on; who was answered may finish. */
static void
test_a_name_may_go_in_the_middle(void **state)
{
	static const struct alpn_hello hello = RIGHT;
	unsigned char bytes[4096];
	size_t n;

	(void)state;
	put("a.example", "KEY.AUTHORIZATION");
	alpn_client_open(&t.client, &hello);
	t.handshake = tlsalpn01_handshake_new(t.answers);
	n = alpn_client_says(&t.client, bytes, sizeof(bytes));
	server_hears(bytes, n);
	assert_int_equal(t.state, TLSALPN01_MORE);
	tlsalpn01_answers_remove(t.answers, "a.example", "KEY.AUTHORIZATION");
	alpn_client_hears(&t.client, t.out.s, t.out.length);
	n = alpn_client_says(&t.client, bytes, sizeof(bytes));
	server_hears(bytes, n);
	assert_int_equal(t.state, TLSALPN01_DONE);
	assert_int_equal(shake(&hello, 4096), TLSALPN01_REFUSED);
}

/* ---- names ---- */

static void
test_a_name_has_one_answer_at_a_time(void **state)
{
	static const struct alpn_hello hello = RIGHT;

	(void)state;
	assert_false(tlsalpn01_answers_any(t.answers));
	assert_int_equal(put("a.example", "ONE"), 0);
	assert_int_equal(put("a.example", "TWO"), -1);
	assert_int_equal(put("a.example", "ONE"), 0);
	tlsalpn01_answers_remove(t.answers, "a.example", "TWO");
	tlsalpn01_answers_remove(t.answers, "b.example", "ONE");
	tlsalpn01_answers_remove(t.answers, "a.example", "ONE");
	assert_int_equal(put("a.example", "TWO"), -1);
	assert_int_equal(shake(&hello, 4096), TLSALPN01_DONE);
	tlsalpn01_answers_remove(t.answers, "a.example", "ONE");
	assert_false(tlsalpn01_answers_any(t.answers));
	assert_int_equal(put("a.example", "TWO"), 0);
	assert_true(tlsalpn01_answers_any(t.answers));
	assert_int_equal(shake(&hello, 4096), TLSALPN01_DONE);
}

static void
test_many_names_are_told_apart(void **state)
{
	char name[32];
	struct alpn_hello hello = { .name = name, .protocols = ACME_TLS_1 };

	(void)state;
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "n%d.example", i);
		put(name, name);
	}
	for (int i = 0; i < 500; i += 100) {
		snprintf(name, sizeof(name), "n%d.example", i);
		expect_done(&hello);
		assert_string_equal(tlsalpn01_handshake_name(t.handshake), name);
	}
}

/* ---- the first bytes ---- */

#define HEADER(n1, n2) 0x16, 3, 1, n1, n2

static void
test_only_what_may_be_a_hello_is_waited_for(void **state)
{
	static const struct {
		unsigned char bytes[16];
		size_t length;
		enum tlsalpn01_state state;
	} cases[] = {
		{ { 0 }, 0, TLSALPN01_MORE },
		{ { HEADER(0, 5) }, 1, TLSALPN01_MORE },
		{ { HEADER(0, 5) }, 4, TLSALPN01_MORE },
		{ { HEADER(0, 5) }, 5, TLSALPN01_MORE },
		{ { HEADER(0, 5), 1, 0, 0, 1 }, 9, TLSALPN01_MORE },
		{ { HEADER(0, 5), 1, 0, 0, 1, 0 }, 10, TLSALPN01_DONE },
		{ { HEADER(0, 5), 1, 0, 0, 1, 0, 9 }, 11, TLSALPN01_DONE },
		{ { HEADER(0x40, 0), 1, 0, 0x3f, 0xfc }, 9, TLSALPN01_MORE },
		{ { HEADER(0, 4), 1, 0, 0x40, 0 }, 9, TLSALPN01_DONE },
		{ { 'G' }, 1, TLSALPN01_REFUSED },
		{ { 0x15 }, 1, TLSALPN01_REFUSED },
		{ { 0x17 }, 1, TLSALPN01_REFUSED },
		{ { 0x80, 0x2e, 1, 3, 1 }, 5, TLSALPN01_REFUSED }, /* SSL 2 */
		{ { 0x16, 2 }, 2, TLSALPN01_REFUSED },
		{ { HEADER(0, 3) }, 5, TLSALPN01_REFUSED },
		{ { HEADER(0, 0) }, 5, TLSALPN01_REFUSED },
		{ { HEADER(0x40, 1) }, 5, TLSALPN01_REFUSED },
		{ { HEADER(0xff, 0xff) }, 5, TLSALPN01_REFUSED },
		{ { HEADER(0, 5), 2 }, 6, TLSALPN01_REFUSED },
		{ { HEADER(0, 5), 1, 0, 0x40, 1 }, 9, TLSALPN01_REFUSED },
		{ { HEADER(0, 5), 1, 1, 0, 0 }, 9, TLSALPN01_REFUSED },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(tlsalpn01_look(cases[i].bytes, cases[i].length),
		    cases[i].state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_what_is_asked_for_is_shown),
		TEST(test_addresses_are_asked_for_by_their_reverse_names),
		TEST(test_nobody_else_is_told_anything),
		TEST(test_the_case_of_a_name_does_not_count),
		TEST(test_a_client_may_have_to_say_hello_again),
		TEST(test_bytes_may_come_one_at_a_time),
		TEST(test_there_is_nothing_to_resume),
		TEST(test_a_name_may_go_in_the_middle),
		TEST(test_a_name_has_one_answer_at_a_time),
		TEST(test_many_names_are_told_apart),
		TEST(test_only_what_may_be_a_hello_is_waited_for),
	};

	return cmocka_run_group_tests_name("tlsalpn01_answer", tests, NULL, NULL);
}
