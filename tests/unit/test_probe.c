/* SPDX-License-Identifier: ISC */
#include "tests/unit/probe_rig.h"

#include <errno.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"

static const struct probe_request by_name = { "example.org:1", NULL, NULL };

/* Until the server has seen the client go. */
static void
wait_for_server(const struct tls_server *s)
{
	while (tls_server_open(s) > 0)
		event_base_loop(t.loop, EVLOOP_ONCE);
}

/* ---- what is seen ---- */

static void
test_nothing_to_do_keeps_no_loop(void **state)
{
	(void)state;
	assert_int_equal(event_base_dispatch(t.loop), 1); /* 1: no events */
	prober_free(NULL);
	probe_free(NULL);
}

static void
test_the_leaf_is_seen(void **state)
{
	(void)state;
	serve(&(struct tls_plan){ .identity = &t.ec });
	expect_leaf(NULL, &t.ec);
}

static void
test_so_is_one_of_rsa(void **state)
{
	(void)state;
	serve(&(struct tls_plan){ .identity = &t.rsa });
	expect_leaf(NULL, &t.rsa);
}

static void
test_so_is_one_by_tls_1_2(void **state)
{
	(void)state;
	serve(&(struct tls_plan){ .identity = &t.ec, .version = TLS1_2_VERSION });
	expect_leaf(NULL, &t.ec);
}

static void
test_every_address_is_asked(void **state)
{
	struct asked a;
	bool six;

	(void)state;
	serve(&(struct tls_plan){ .identity = &t.ec });
	serve(&(struct tls_plan){ .end = TLS_CLOSES });
	six = serve_at("::1", &(struct tls_plan){ .identity = &t.rsa });
	if (!six)
		strcat(t.addresses, " [::1]:9");
	ask(&a, &by_name);
	assert_int_equal(a.n, 3);
	assert_string_equal(a.seen[0].fingerprint, t.ec.fingerprint);
	assert_int_equal(a.seen[1].err.kind, ERR_NETWORK);
	if (six)
		assert_string_equal(a.seen[2].fingerprint, t.rsa.fingerprint);
	else
		assert_int_equal(a.seen[2].err.kind, ERR_SYSTEM);
	assert_int_equal(strncmp(a.seen[0].address, "127.0.0.1:", 10), 0);
	assert_int_equal(strncmp(a.seen[2].address, "[::1]:", 6), 0);
}

static void
test_nothing_is_said_behind_the_handshake(void **state)
{
	struct tls_server *s = serve(&(struct tls_plan){ .identity = &t.ec });

	(void)state;
	expect_leaf(NULL, &t.ec);
	wait_for_server(s);
	assert_int_equal(tls_server_data(s), 0);
	assert_int_equal(tls_server_connections(s), 1);
}

static void
expect_name(const struct tls_server *s, const char *connect, const char *sni,
    const char *wanted)
{
	const struct probe_request request = { connect, NULL, sni };
	struct asked a;

	ask(&a, &request);
	assert_int_equal(a.n, 1);
	assert_string_equal(a.seen[0].fingerprint, t.ec.fingerprint);
	assert_string_equal(tls_server_name(s), wanted);
}

static void
test_the_server_is_told_which_name(void **state)
{
	struct tls_server *s = serve(&(struct tls_plan){ .identity = &t.ec });
	CLEAN(string) char *literal = xasprintf("127.0.0.1:%d", tls_server_port(s));

	(void)state;
	expect_name(s, "www.example.org:443", NULL, "www.example.org");
	expect_name(s, "www.example.org.:443", NULL, "www.example.org");
	expect_name(s, "www.example.org:443", "other.example", "other.example");
	expect_name(s, literal, NULL, "");
	expect_name(s, literal, "example.org", "example.org");
}

static void
test_a_server_that_wants_a_certificate_shows_its_own(void **state)
{
	(void)state;
	serve(&(struct tls_plan){ .identity = &t.ec,
	    .wants_cert = true,
	    .version = TLS1_2_VERSION });
	expect_leaf(NULL, &t.ec);
}

static void
test_and_so_by_tls_1_3(void **state)
{
	(void)state;
	serve(&(struct tls_plan){ .identity = &t.rsa,
	    .wants_cert = true,
	    .version = TLS1_3_VERSION });
	expect_leaf(NULL, &t.rsa);
}

/* ---- what goes wrong ---- */

static void
test_an_alert_is_told(void **state)
{
	struct asked a;

	(void)state;
	serve(&(struct tls_plan){ .identity = &t.ec, .refuses_name = true });
	ask(&a, &by_name);
	assert_int_equal(a.seen[0].err.kind, ERR_PROTOCOL);
	assert_non_null(strstr(a.seen[0].err.text, "alert handshake failure"));
}

static void
test_tls_of_old_is_not_enough(void **state)
{
	struct asked a;

	(void)state;
	serve(&(struct tls_plan){ .identity = &t.ec, .version = TLS1_1_VERSION });
	ask(&a, &by_name);
	assert_int_equal(a.seen[0].err.kind, ERR_PROTOCOL);
	assert_non_null(strstr(a.seen[0].err.text, "the TLS handshake: "));
}

static void
test_what_is_not_tls_is_told(void **state)
{
	static const struct tls_turn turns[] = { { TLS_BYTES(""), TLS_BYTES("220 x\r\n") },
		{ TLS_BYTES(""), TLS_BYTES("") } };

	(void)state;
	serve(&(struct tls_plan){ .turns = turns, .end = TLS_IS_SILENT });
	expect_err(NULL, ERR_PROTOCOL, "what the server says is not TLS");
}

static void
test_a_server_that_closes_is_told(void **state)
{
	struct asked a;

	(void)state;
	serve(&(struct tls_plan){ .end = TLS_CLOSES });
	ask(&a, &by_name); /* by FIN or by RST, as it happens */
	assert_int_equal(a.seen[0].err.kind, ERR_NETWORK);
	assert_non_null(strstr(a.seen[0].err.text, "the TLS handshake"));
}

static void
test_silence_has_an_end(void **state)
{
	struct tls_server *s = serve(&(struct tls_plan){ .end = TLS_IS_SILENT });

	(void)state;
	prober_set_patience(t.prober, 100);
	expect_err(NULL, ERR_NETWORK, "no end of the TLS handshake within 0.1 s");
	wait_for_server(s);
}

static void
test_an_endless_banner_has_an_end(void **state)
{
	struct asked a;

	(void)state;
	serve(&(struct tls_plan){ .end = TLS_TALKS_ON, .endless = "\x16\x03\x03\x10" });
	ask(&a, &by_name);
	assert_int_equal(a.seen[0].err.kind, ERR_PROTOCOL);
}

static void
test_a_refused_connection_is_told(void **state)
{
	(void)state;
	serve(&(struct tls_plan){ .end = TLS_CLOSES });
	tls_server_free(t.servers[--t.n_servers]);
	expect_err(NULL, ERR_NETWORK, "connecting: Connection refused");
}

static void
test_this_host_and_the_network_are_told_apart(void **state)
{
	static const struct {
		int errnum;
		enum err_kind kind;
		const char *text;
	} cases[] = {
		{ ENETUNREACH, ERR_SYSTEM,
		    "this host has no route to it by IPv4: Network is unreachable" },
		{ EADDRNOTAVAIL, ERR_SYSTEM,
		    "this host has no route to it by IPv4: Cannot assign requested "
		    "address" },
		{ EAFNOSUPPORT, ERR_SYSTEM, "this host has no IPv4" },
		{ EPERM, ERR_SYSTEM, "connecting: Operation not permitted" },
		{ EHOSTUNREACH, ERR_NETWORK, "connecting: No route to host" },
		{ ECONNREFUSED, ERR_NETWORK, "connecting: Connection refused" },
	};

	(void)state;
	snprintf(t.addresses, sizeof(t.addresses), "127.0.0.1:9");
	for (size_t i = 0; i < COUNT(cases); i++) {
		t.refuse_connect = cases[i].errnum;
		expect_err(NULL, cases[i].kind, cases[i].text);
	}
	t.refuse_connect = 0;
}

static void
test_a_connection_that_is_never_made_has_an_end(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	while (write(pair[0], "full", 4) > 0)
		;
	snprintf(t.addresses, sizeof(t.addresses), "127.0.0.1:9");
	prober_set_patience(t.prober, 100);
	t.never_connect = pair[0];
	expect_err(NULL, ERR_NETWORK, "no connection within 0.1 s");
	t.never_connect = 0;
	close(pair[0]);
	close(pair[1]);
}

static void
test_a_name_without_addresses_is_told(void **state)
{
	const struct probe_request request = { "nowhere.test:443", NULL, NULL };
	struct asked a;

	(void)state;
	ask(&a, &request);
	assert_int_equal(a.err.kind, ERR_NETWORK);
	assert_string_equal(a.err.text, "nowhere.test: there is no such host");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_nothing_to_do_keeps_no_loop),
		TEST(test_the_leaf_is_seen),
		TEST(test_so_is_one_of_rsa),
		TEST(test_so_is_one_by_tls_1_2),
		TEST(test_every_address_is_asked),
		TEST(test_nothing_is_said_behind_the_handshake),
		TEST(test_the_server_is_told_which_name),
		TEST(test_a_server_that_wants_a_certificate_shows_its_own),
		TEST(test_and_so_by_tls_1_3),
		TEST(test_an_alert_is_told),
		TEST(test_tls_of_old_is_not_enough),
		TEST(test_what_is_not_tls_is_told),
		TEST(test_a_server_that_closes_is_told),
		TEST(test_silence_has_an_end),
		TEST(test_an_endless_banner_has_an_end),
		TEST(test_a_refused_connection_is_told),
		TEST(test_this_host_and_the_network_are_told_apart),
		TEST(test_a_connection_that_is_never_made_has_an_end),
		TEST(test_a_name_without_addresses_is_told),
	};

	return cmocka_run_group_tests_name("probe", tests, group_set_up, group_tear_down);
}
