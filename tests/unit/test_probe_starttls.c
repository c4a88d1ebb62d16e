/* SPDX-License-Identifier: ISC */
/* Each dialect over a socket, to its good end and to others. */
#include "tests/unit/probe_rig.h"

#include <string.h>

#include "common/mem.h"
#include "daemon/io/starttls.h"

#define B TLS_BYTES
#define END                  \
	{                    \
		B(""), B("") \
	}
#define LDAP(n, end)                                                                   \
	{                                                                              \
		B("1.3.6.1.4.1.1466.20037"),                                           \
		    B("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01" n "\x04\x00\x04\x00" end) \
	}
#define POSTGRES(answer)                                         \
	{                                                        \
		B("\x00\x00\x00\x08\x04\xd2\x16\x2f"), B(answer) \
	}
#define OFFER "<stream:features><starttls/></stream:features>"

struct dialect_case {
	const char *name;
	struct tls_turn good[5], refused[5];
	const char *text;  /* of the err of what is refused */
	const char *heard; /* of the good, in part */
};

static const struct dialect_case cases[] = {
	{ "smtp",
	    { { B(""), B("220 mx ESMTP\r\n") },
		{ B("EHLO [127.0.0.1]\r\n"),
		    B("250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n") },
		{ B("STARTTLS\r\n"), B("220 go\r\n") }, END },
	    { { B(""), B("220 mx ESMTP\r\n") }, { B("EHLO"), B("250 mx\r\n") },
		{ B("STARTTLS\r\n"), B("502 unknown\r\n") }, END },
	    "smtp: the server does not let TLS begin: \"502 unknown\"",
	    "EHLO [127.0.0.1]\r\nSTARTTLS\r\n" },
	{ "lmtp",
	    { { B(""), B("220 mx\r\n") }, { B("LHLO [127.0.0.1]\r\n"), B("250 mx\r\n") },
		{ B("STARTTLS\r\n"), B("220 go\r\n") }, END },
	    { { B(""), B("421 busy\r\n") }, END },
	    "lmtp: not the greeting of such a server: \"421 busy\"",
	    "LHLO [127.0.0.1]\r\nSTARTTLS\r\n" },
	{ "imap",
	    { { B(""), B("* OK hello\r\n") },
		{ B("a1 STARTTLS\r\n"), B("* CAPABILITY IMAP4rev1\r\na1 OK go\r\n") },
		END },
	    { { B(""), B("* OK hello\r\n") }, { B("a1 STARTTLS\r\n"), B("a1 NO\r\n") },
		END },
	    "imap: the server does not let TLS begin: \"a1 NO\"", "a1 STARTTLS\r\n" },
	{ "pop3", { { B(""), B("+OK\r\n") }, { B("STLS\r\n"), B("+OK\r\n") }, END },
	    { { B(""), B("+OK\r\n") }, { B("STLS\r\n"), B("-ERR\r\n") }, END },
	    "pop3: the server does not let TLS begin: \"-ERR\"", "STLS\r\n" },
	{ "ftp",
	    { { B(""), B("220-hello\r\nthere\r\n220 x\r\n") },
		{ B("AUTH TLS\r\n"), B("234 go\r\n") }, END },
	    { { B(""), B("220 x\r\n") }, { B("AUTH TLS\r\n"), B("500 what?\r\n") }, END },
	    "ftp: the server does not let TLS begin: \"500 what?\"", "AUTH TLS\r\n" },
	{ "ldap", { LDAP("\x00", ""), END }, { LDAP("\x34", ""), END },
	    "ldap: the server does not let TLS begin: 52 \"\"", "0\x1d\x02\x01\x01w\x18" },
	{ "postgres", { POSTGRES("S"), END }, { POSTGRES("N"), END },
	    "postgres: the server has no TLS to offer: \"N\"", "" },
	{ "xmpp",
	    { { B("to='example.org'"), B("<?xml version='1.0'?><stream:stream>" OFFER) },
		{ B("<starttls "), B("<proceed/>") }, END },
	    { { B("to='example.org'"), B("<?xml version='1.0'?><stream:stream>" OFFER) },
		{ B("<starttls "), B("<failure/></stream:stream>") }, END },
	    "xmpp: the server does not let TLS begin: \"<failure/>\"", "<starttls xmlns=" },
	{ "nntp",
	    { { B(""), B("201 news\r\n") }, { B("STARTTLS\r\n"), B("382 go\r\n") }, END },
	    { { B(""), B("201 news\r\n") }, { B("STARTTLS\r\n"), B("580 no\r\n") }, END },
	    "nntp: the server does not let TLS begin: \"580 no\"", "STARTTLS\r\n" },
	{ "sieve",
	    { { B(""), B("\"STARTTLS\"\r\nOK\r\n") }, { B("STARTTLS\r\n"), B("OK\r\n") },
		END },
	    { { B(""), B("BYE\r\n") }, END },
	    "sieve: not the greeting of such a server: \"BYE\"", "STARTTLS\r\n" },
};

/* Each dialect with servers of its own. */
static void
for_each(void (*test)(const struct dialect_case *c))
{
	for (size_t i = 0; i < COUNT(cases); i++) {
		test(&cases[i]);
		tear_down(NULL);
		set_up(NULL);
	}
}

/* A copy of what is good, up to the last turn, which says this. */
struct changed {
	struct tls_turn turns[5];
	char says[128];
};

static void
change_last(struct changed *to, const struct dialect_case *c, const char *extra)
{
	size_t last = 0, length;

	memcpy(to->turns, c->good, sizeof(to->turns));
	while (to->turns[last + 1].hears.length > 0 || to->turns[last + 1].says.length > 0)
		last++;
	length = to->turns[last].says.length;
	memcpy(to->says, to->turns[last].says.at, length);
	memcpy(to->says + length, extra, strlen(extra));
	to->turns[last].says = (struct tls_bytes){ to->says, length + strlen(extra) };
}

static void
test_every_dialect_is_here(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(cases[i].name, starttls_dialects()[i]);
	assert_null(starttls_dialects()[COUNT(cases)]);
}

static void
expect_good(const struct dialect_case *c)
{
	struct tls_server *s =
	    serve(&(struct tls_plan){ .turns = c->good, .identity = &t.ec });

	expect_leaf(c->name, &t.ec);
	assert_non_null(strstr(tls_server_heard(s), c->heard));
	assert_string_equal(tls_server_name(s), "example.org");
}

static void
test_good_conversations(void **state)
{
	(void)state;
	for_each(expect_good);
}

static void
expect_refused(const struct dialect_case *c)
{
	serve(&(struct tls_plan){ .turns = c->refused, .end = TLS_IS_SILENT });
	expect_err(c->name, ERR_PROTOCOL, c->text);
}

static void
test_refusals(void **state)
{
	(void)state;
	for_each(expect_refused);
}

static void
expect_no_injection(const struct dialect_case *c)
{
	CLEAN(string)
	char *text =
	    xasprintf("%s: more follows the go-ahead in the clear: somebody in between?",
		c->name);
	struct changed changed;

	change_last(&changed, c, "250 injected\r\n");
	serve(&(struct tls_plan){ .turns = changed.turns, .identity = &t.ec });
	expect_err(c->name, ERR_PROTOCOL, text);
}

static void
test_nothing_can_be_put_behind_the_go_ahead(void **state)
{
	(void)state;
	for_each(expect_no_injection);
}

static void
expect_no_more_than_silence(const struct dialect_case *c)
{
	serve(&(struct tls_plan){ .end = TLS_IS_SILENT });
	prober_set_patience(t.prober, 50);
	expect_err(c->name, ERR_NETWORK, "no go-ahead for TLS within 0.05 s");
}

static void
test_silence_has_an_end(void **state)
{
	(void)state;
	for_each(expect_no_more_than_silence);
}

static void
expect_closed(const struct dialect_case *c)
{
	CLEAN(string)
	char *text =
	    xasprintf("%s: the server closed the connection before TLS began", c->name);
	struct asked a;

	serve(&(struct tls_plan){ .end = TLS_CLOSES });
	ask(&a, &(struct probe_request){ "example.org:1", c->name, NULL });
	assert_int_equal(a.seen[0].err.kind, ERR_NETWORK);
	/* By a reset, where our first word came too late. */
	assert_true(strcmp(a.seen[0].err.text, text) == 0 ||
		    strstr(a.seen[0].err.text, "Connection reset") != NULL ||
		    strstr(a.seen[0].err.text, "Broken pipe") != NULL);
}

static void
test_a_server_that_closes_is_told(void **state)
{
	(void)state;
	for_each(expect_closed);
}

/* What is never the whole of an answer, in any dialect that does not object to it. */
static void
expect_end_of_banner(const struct dialect_case *c)
{
	struct asked a;

	serve(&(struct tls_plan){ .end = TLS_TALKS_ON, .endless = "220-x\r\n" });
	ask(&a, &(struct probe_request){ "example.org:1", c->name, NULL });
	assert_int_equal(a.seen[0].err.kind, ERR_PROTOCOL);
	assert_int_equal(strncmp(a.seen[0].err.text, c->name, strlen(c->name)), 0);
}

static void
test_an_endless_banner_has_an_end(void **state)
{
	(void)state;
	for_each(expect_end_of_banner);
}

static void
expect_garbage_refused(const struct dialect_case *c)
{
	static const struct tls_turn turns[] = {
		{ B(""), B("\xff\x00\x80\x01garbage\r\n\r\n") }, END
	};
	struct asked a;

	serve(&(struct tls_plan){ .turns = turns, .end = TLS_IS_SILENT });
	ask(&a, &(struct probe_request){ "example.org:1", c->name, NULL });
	assert_int_equal(a.seen[0].err.kind, ERR_PROTOCOL);
	for (const char *at = a.seen[0].err.text; *at != '\0'; at++)
		assert_true(*at >= ' ' && *at < 0x7f);
}

static void
test_garbage_is_refused(void **state)
{
	(void)state;
	for_each(expect_garbage_refused);
}

static void
test_the_stream_is_that_of_the_service(void **state)
{
	static const struct tls_turn turns[] = { { B("to='chat.example'"),
						     B("<stream:stream>" OFFER) },
		{ B("<starttls "), B("<proceed/>") }, END };
	struct tls_server *s =
	    serve(&(struct tls_plan){ .turns = turns, .identity = &t.ec });
	struct asked a;

	(void)state;
	ask(&a, &(struct probe_request){ "example.org:1", "xmpp", "chat.example" });
	assert_string_equal(a.seen[0].fingerprint, t.ec.fingerprint);
	assert_string_equal(tls_server_name(s), "chat.example");
}

static void
test_we_are_called_by_our_address(void **state)
{
	static const struct tls_turn turns[] = { { B(""), B("220 mx\r\n") },
		{ B("EHLO [IPv6:::1]\r\n"), B("250 mx\r\n") },
		{ B("STARTTLS\r\n"), B("220 go\r\n") }, END };

	(void)state;
	/* Elsewhere there is no such address to be called by. */
	if (serve_at("::1", &(struct tls_plan){ .turns = turns, .identity = &t.ec }))
		expect_leaf("smtp", &t.ec);
}

static void
test_what_follows_the_go_ahead_is_tls(void **state)
{
	static const struct tls_turn turns[] = { { B(""), B("+OK\r\n") },
		{ B("STLS\r\n"), B("+OK\r\n") }, END };

	(void)state;
	serve(&(
	    struct tls_plan){ .turns = turns, .end = TLS_TALKS_ON, .endless = "+OK\r\n" });
	expect_err("pop3", ERR_PROTOCOL, "what the server says is not TLS");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_every_dialect_is_here),
		TEST(test_good_conversations),
		TEST(test_refusals),
		TEST(test_nothing_can_be_put_behind_the_go_ahead),
		TEST(test_silence_has_an_end),
		TEST(test_a_server_that_closes_is_told),
		TEST(test_an_endless_banner_has_an_end),
		TEST(test_garbage_is_refused),
		TEST(test_the_stream_is_that_of_the_service),
		TEST(test_we_are_called_by_our_address),
		TEST(test_what_follows_the_go_ahead_is_tls),
	};

	return cmocka_run_group_tests_name("probe starttls", tests, group_set_up,
	    group_tear_down);
}
