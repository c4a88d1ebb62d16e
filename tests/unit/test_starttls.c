/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/io/starttls.h"

#define SELF   "[192.0.2.1]"
#define DOMAIN "example.org"

#define XMPP_OPEN                                                             \
	"<?xml version='1.0'?><stream:stream to='example.org' version='1.0' " \
	"xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
#define XMPP_HEADER \
	"<?xml version='1.0'?><stream:stream from='example.org' id='a>b' version='1.0'>"
#define XMPP_OFFER                                                            \
	"<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>" \
	"<required/></starttls></stream:features>"
#define XMPP_ASK     "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
#define XMPP_PROCEED "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"

#define LDAP_ASK                               \
	"\x30\x1d\x02\x01\x01\x77\x18\x80\x16" \
	"1.3.6.1.4.1.1466.20037"
#define LDAP_OK "\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"

/* With lengths in five octets, and the name of the operation: Active Directory. */
#define LDAP_LONG                                                                  \
	"\x30\x84\x00\x00\x00\x28\x02\x01\x01\x78\x84\x00\x00\x00\x1f\x0a\x01\x00" \
	"\x04\x00\x04\x00\x8a\x16"                                                 \
	"1.3.6.1.4.1.1466.20037"

#define POSTGRES_ASK "\x00\x00\x00\x08\x04\xd2\x16\x2f"

struct bytes {
	const char *at;
	size_t length;
};
#define B(literal)                           \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

/* What the server says, and what is the answer to it; the first may be said unasked. */
struct turn {
	struct bytes hears, says;
};

struct talk {
	const char *dialect;
	enum starttls_result result;
	const char *text; /* of the err */
	struct turn turns[4];
};

static const struct talk talks[] = {
	{ "smtp", STARTTLS_GO, "",
	    { { B("220 mail.example.org ESMTP\r\n"), B("EHLO " SELF "\r\n") },
		{ B("250-mail.example.org\r\n250-STARTTLS\r\n250 8BITMIME\r\n"),
		    B("STARTTLS\r\n") },
		{ B("220 2.0.0 Ready to start TLS\r\n"), B("") } } },
	{ "smtp", STARTTLS_GO, "", /* a bare code, bare line feeds, several lines */
	    { { B("220-wait\n220-for\n220 it\n"), B("EHLO " SELF "\r\n") },
		{ B("250\n"), B("STARTTLS\r\n") }, { B("220-well\n220\n"), B("") } } },
	{ "smtp", STARTTLS_REFUSED,
	    "smtp: the server does not let TLS begin: \"454 4.7.0 not now\"",
	    { { B("220 hello\r\n"), B("EHLO " SELF "\r\n") },
		{ B("250 hello\r\n"), B("STARTTLS\r\n") },
		{ B("454 4.7.0 not now\r\n"), B("") } } },
	{ "smtp", STARTTLS_REFUSED,
	    "smtp: the server does not go on: \"502 what is that?\"",
	    { { B("220 hello\r\n"), B("EHLO " SELF "\r\n") },
		{ B("502 what is that?\r\n"), B("") } } },
	{ "smtp", STARTTLS_REFUSED,
	    "smtp: not the greeting of such a server: \"554 go away ?[31m\"",
	    { { B("554 go away \x1b[31m\r\n"), B("") } } },
	{ "smtp", STARTTLS_REFUSED,
	    "smtp: not the greeting of such a server: \"* OK IMAP4rev1\"",
	    { { B("* OK IMAP4rev1\r\n"), B("") } } },
	{ "lmtp", STARTTLS_GO, "",
	    { { B("220 lmtp\r\n"), B("LHLO " SELF "\r\n") },
		{ B("250-lmtp\r\n250 STARTTLS\r\n"), B("STARTTLS\r\n") },
		{ B("220 go\r\n"), B("") } } },
	{ "lmtp", STARTTLS_REFUSED, "lmtp: the server does not let TLS begin: \"502 no\"",
	    { { B("220 lmtp\r\n"), B("LHLO " SELF "\r\n") },
		{ B("250 lmtp\r\n"), B("STARTTLS\r\n") }, { B("502 no\r\n"), B("") } } },
	{ "imap", STARTTLS_GO, "",
	    { { B("* OK [CAPABILITY IMAP4rev1 STARTTLS] hello\r\n"), B("a1 STARTTLS\r\n") },
		{ B("* CAPABILITY IMAP4rev1\r\na1 ok begin\r\n"), B("") } } },
	{ "imap", STARTTLS_REFUSED,
	    "imap: the server does not let TLS begin: \"a1 BAD unknown\"",
	    { { B("* OK hello\r\n"), B("a1 STARTTLS\r\n") },
		{ B("a1 BAD unknown\r\n"), B("") } } },
	{ "imap", STARTTLS_REFUSED,
	    "imap: not the greeting of such a server: \"* PREAUTH hello\"",
	    { { B("* PREAUTH hello\r\n"), B("") } } },
	{ "pop3", STARTTLS_GO, "",
	    { { B("+OK <1.2@example.org>\r\n"), B("STLS\r\n") },
		{ B("+OK\r\n"), B("") } } },
	{ "pop3", STARTTLS_REFUSED,
	    "pop3: the server does not let TLS begin: \"-ERR no such command\"",
	    { { B("+OK\r\n"), B("STLS\r\n") }, { B("-ERR no such command\r\n"), B("") } } },
	{ "ftp", STARTTLS_GO, "",
	    { { B("120 soon\r\n220-Welcome\r\nto our server\r\n220- of\r\n 220 files\r\n"
		  "230 no\r\n220 now\r\n"),
		  B("AUTH TLS\r\n") },
		{ B("234 go\r\n"), B("") } } },
	{ "ftp", STARTTLS_REFUSED,
	    "ftp: the server does not let TLS begin: \"530 log in first\"",
	    { { B("220 x\r\n"), B("AUTH TLS\r\n") },
		{ B("530 log in first\r\n"), B("") } } },
	{ "ftp", STARTTLS_REFUSED,
	    "ftp: not the greeting of such a server: \"421 too many of you\"",
	    { { B("421 too many of you\r\n"), B("") } } },
	{ "ldap", STARTTLS_GO, "", { { B(""), B(LDAP_ASK) }, { B(LDAP_OK), B("") } } },
	{ "ldap", STARTTLS_GO, "", { { B(""), B(LDAP_ASK) }, { B(LDAP_LONG), B("") } } },
	{ "ldap", STARTTLS_REFUSED,
	    "ldap: the server does not let TLS begin: 52 \"no TLS?\"",
	    { { B(""), B(LDAP_ASK) },
		{ B("\x30\x13\x02\x01\x01\x78\x0e\x0a\x01\x34\x04\x00\x04\x07no TLS\x07"),
		    B("") } } },
	{ "ldap", STARTTLS_REFUSED, /* number 0: notice of disconnection */
	    "ldap: the server does not let TLS begin: 0 \"\"",
	    { { B(""), B(LDAP_ASK) },
		{ B("\x30\x0c\x02\x01\x00\x78\x07\x0a\x01\x00\x04\x00\x04\x00"),
		    B("") } } },
	{ "ldap", STARTTLS_REFUSED, "ldap: not an answer of an LDAP server",
	    { { B(""), B(LDAP_ASK) }, { B("HTTP/1.1 400 Bad Request\r\n"), B("") } } },
	{ "ldap", STARTTLS_REFUSED, "ldap: not an answer of an LDAP server",
	    { { B(""), B(LDAP_ASK) }, { B("\x30\x85\x01\x00"), B("") } } },
	{ "ldap", STARTTLS_REFUSED, "ldap: not an answer of an LDAP server",
	    { { B(""), B(LDAP_ASK) }, { B("\x30\x82\xff\xff"), B("") } } },
	{ "ldap", STARTTLS_REFUSED, /* an inner length beyond the message */
	    "ldap: not an answer of an LDAP server",
	    { { B(""), B(LDAP_ASK) },
		{ B("\x30\x0c\x02\x01\x01\x78\x08\x0a\x01\x00\x04\x00\x04\x00"),
		    B("") } } },
	{ "postgres", STARTTLS_GO, "", { { B(""), B(POSTGRES_ASK) }, { B("S"), B("") } } },
	{ "postgres", STARTTLS_REFUSED, "postgres: the server has no TLS to offer: \"N\"",
	    { { B(""), B(POSTGRES_ASK) }, { B("N"), B("") } } },
	{ "postgres", STARTTLS_REFUSED,
	    "postgres: not an answer of a PostgreSQL server: \"E\"",
	    { { B(""), B(POSTGRES_ASK) }, { B("ESFATAL"), B("") } } },
	{ "xmpp", STARTTLS_GO, "",
	    { { B(""), B(XMPP_OPEN) }, { B(XMPP_HEADER XMPP_OFFER), B(XMPP_ASK) },
		{ B(XMPP_PROCEED), B("") } } },
	{ "xmpp", STARTTLS_GO, "", /* blanks, no prefixes, an end tag of its own */
	    { { B(""), B(XMPP_OPEN) },
		{ B(" \r\n<stream to=\"a'>b\">\n<features>x<a/><starttls/></features>\r\n"),
		    B(XMPP_ASK) },
		{ B("\n<proceed></proceed>"), B("") } } },
	{ "xmpp", STARTTLS_REFUSED, "xmpp: the server does not offer STARTTLS",
	    { { B(""), B(XMPP_OPEN) },
		{ B(XMPP_HEADER "<stream:features><bind/></stream:features>"), B("") } } },
	{ "xmpp", STARTTLS_REFUSED, "xmpp: the server does not offer STARTTLS",
	    { { B(""), B(XMPP_OPEN) }, { B(XMPP_HEADER "<stream:features/>"), B("") } } },
	{ "xmpp", STARTTLS_REFUSED,
	    "xmpp: the server does not let TLS begin: \"<failure/>\"",
	    { { B(""), B(XMPP_OPEN) }, { B(XMPP_HEADER XMPP_OFFER), B(XMPP_ASK) },
		{ B("<failure/>"), B("") } } },
	{ "xmpp", STARTTLS_REFUSED,
	    "xmpp: the server ends the stream: \"<host-unknown x='y'/>\"",
	    { { B(""), B(XMPP_OPEN) },
		{ B(XMPP_HEADER "<stream:error><host-unknown x='y'/></stream:error>"),
		    B("") } } },
	{ "xmpp", STARTTLS_REFUSED,
	    "xmpp: the server ends the stream: \"</stream:stream>\"",
	    { { B(""), B(XMPP_OPEN) }, { B(XMPP_HEADER "</stream:stream>"), B("") } } },
	{ "xmpp", STARTTLS_REFUSED, "xmpp: not the greeting of such a server: \"<html>\"",
	    { { B(""), B(XMPP_OPEN) }, { B("<html>"), B("") } } },
	{ "xmpp", STARTTLS_REFUSED, "xmpp: not the greeting of such a server: \"H\"",
	    { { B(""), B(XMPP_OPEN) }, { B("HTTP/1.1 400\r\n"), B("") } } },
	{ "xmpp", STARTTLS_REFUSED, "xmpp: not the greeting of such a server: \"\"",
	    { { B(""), B(XMPP_OPEN) }, { B("\0<stream>"), B("") } } },
	{ "nntp", STARTTLS_GO, "",
	    { { B("200 news\r\n"), B("STARTTLS\r\n") }, { B("382 go\r\n"), B("") } } },
	{ "nntp", STARTTLS_GO, "",
	    { { B("201 no posting\r\n"), B("STARTTLS\r\n") },
		{ B("382 go\r\n"), B("") } } },
	{ "nntp", STARTTLS_REFUSED,
	    "nntp: the server does not let TLS begin: \"580 cannot\"",
	    { { B("200 news\r\n"), B("STARTTLS\r\n") }, { B("580 cannot\r\n"), B("") } } },
	{ "sieve", STARTTLS_GO, "",
	    { { B("\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK \"ready\"\r\n"),
		  B("STARTTLS\r\n") },
		{ B("OK \"begin\"\r\n"), B("") } } },
	{ "sieve", STARTTLS_REFUSED,
	    "sieve: the server does not let TLS begin: \"NO \"no\"\"",
	    { { B("OK\r\n"), B("STARTTLS\r\n") }, { B("NO \"no\"\r\n"), B("") } } },
	{ "sieve", STARTTLS_REFUSED, "sieve: not the greeting of such a server: \"BYE\"",
	    { { B("\"SASL\"\r\nBYE\r\n"), B("") } } },
};

static void
expect_output(const struct starttls *s, const struct bytes *wanted)
{
	size_t length;
	const char *bytes = starttls_output(s, &length);

	assert_int_equal(length, wanted->length);
	if (length > 0)
		assert_memory_equal(bytes, wanted->at, length);
	else
		assert_null(bytes);
}

/* `step` bytes at a time. */
static enum starttls_result
feed(struct starttls *s, const struct bytes *bytes, size_t step, struct err *err)
{
	enum starttls_result result = STARTTLS_MORE;
	size_t length = 0;

	for (size_t at = 0; at < bytes->length && result == STARTTLS_MORE; at += step) {
		size_t n = bytes->length - at < step ? bytes->length - at : step;
		/* A block of its own, so that reading past its end is seen. */
		char *block = xmemdup(bytes->at + at, n);

		assert_int_equal(length, 0);
		result = starttls_feed(s, block, n, err);
		free(block);
		starttls_output(s, &length);
	}
	return result;
}

static bool
is_turn(const struct talk *talk, size_t i)
{
	return i < COUNT(talk->turns) &&
	       (talk->turns[i].hears.length > 0 || talk->turns[i].says.length > 0);
}

static void
run_talk(const struct talk *talk, size_t step)
{
	CLEAN(starttls) struct starttls *s = starttls_new(talk->dialect, DOMAIN, SELF);
	enum starttls_result result = STARTTLS_MORE;
	struct err err = { 0 };

	for (size_t i = 0; is_turn(talk, i); i++) {
		assert_int_equal(result, STARTTLS_MORE);
		result = feed(s, &talk->turns[i].hears, step, &err);
		if (result == STARTTLS_MORE)
			expect_output(s, &talk->turns[i].says);
	}
	assert_string_equal(err.text, talk->text);
	assert_int_equal(result, talk->result);
	assert_int_equal(err.kind, result == STARTTLS_GO ? ERR_NONE : ERR_PROTOCOL);
}

static void
test_conversations(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(talks); i++)
		run_talk(&talks[i], SIZE_MAX / 2);
}

static void
test_conversations_byte_by_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(talks); i++) {
		/* What ends with blanks behind an answer would be told in two turns. */
		if (strstr(talks[i].turns[1].hears.at ? talks[i].turns[1].hears.at : "",
			"</features>\r\n") == NULL)
			run_talk(&talks[i], 1);
	}
}

static void
test_every_dialect_has_a_good_and_a_bad_end(void **state)
{
	size_t n = 0;

	(void)state;
	for (const char *const *name = starttls_dialects(); *name != NULL; name++, n++) {
		unsigned seen = 0;

		assert_true(starttls_is_dialect(*name));
		for (size_t i = 0; i < COUNT(talks); i++) {
			if (strcmp(talks[i].dialect, *name) == 0)
				seen |= 1U << talks[i].result;
		}
		assert_int_equal(seen, 1U << STARTTLS_GO | 1U << STARTTLS_REFUSED);
	}
	assert_int_equal(n, 10);
	assert_false(starttls_is_dialect("SMTP"));
	assert_null(starttls_new("telnet", DOMAIN, SELF));
	starttls_free(NULL);
}

/* The turns of a good end, with `extra` behind those of number `at`. */
static void
run_with_extra(const struct talk *talk, size_t at, const char *extra, const char *wanted)
{
	CLEAN(starttls) struct starttls *s = starttls_new(talk->dialect, DOMAIN, SELF);
	CLEAN(string) char *text = xasprintf("%s: %s", talk->dialect, wanted);
	struct err err = { 0 };
	enum starttls_result result = STARTTLS_MORE;
	char both[1024];

	for (size_t i = 0; i <= at; i++) {
		const struct bytes *hears = &talk->turns[i].hears;
		struct bytes all = { both, hears->length };

		assert_int_equal(result, STARTTLS_MORE);
		memcpy(both, hears->at, hears->length);
		if (i == at && hears->length > 0) {
			memcpy(both + all.length, extra, strlen(extra));
			all.length += strlen(extra);
		}
		result = feed(s, &all, sizeof(both), &err);
	}
	if (talk->turns[at].hears.length == 0)
		return;
	assert_int_equal(result, STARTTLS_REFUSED);
	assert_int_equal(err.kind, ERR_PROTOCOL);
	assert_string_equal(err.text, text);
	/* And that is the end of it. */
	err = (struct err){ 0 };
	assert_int_equal(starttls_feed(s, "220 ", 4, &err), STARTTLS_REFUSED);
	assert_string_equal(err.text, text);
}

static void
test_what_was_not_asked_for_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(talks); i++) {
		const struct talk *talk = &talks[i];
		size_t last = 0;

		if (talk->result != STARTTLS_GO)
			continue;
		while (is_turn(talk, last + 1))
			last++;
		for (size_t at = 0; at < last; at++)
			run_with_extra(talk, at, "220 x\r\n",
			    "the server answers before it is asked");
		run_with_extra(talk, last, "250 injected\r\n",
		    "more follows the go-ahead in the clear: somebody in between?");
		run_with_extra(talk, last, "\n",
		    "more follows the go-ahead in the clear: somebody in between?");
	}
}

static enum starttls_result
feed_over_and_over(struct starttls *s, const char *text, size_t *fed, struct err *err)
{
	enum starttls_result result = STARTTLS_MORE;

	for (*fed = 0; result == STARTTLS_MORE && *fed < 100000; *fed += strlen(text))
		result = starttls_feed(s, text, strlen(text), err);
	return result;
}

static void
expect_limit(const char *dialect, const char *first, const char *text, size_t most)
{
	CLEAN(starttls) struct starttls *s = starttls_new(dialect, DOMAIN, SELF);
	struct err err = { 0 };
	size_t fed;

	assert_int_equal(starttls_feed(s, first, strlen(first), &err), STARTTLS_MORE);
	assert_int_equal(feed_over_and_over(s, text, &fed, &err), STARTTLS_REFUSED);
	assert_int_equal(err.kind, ERR_PROTOCOL);
	assert_true(fed + strlen(first) <= most + strlen(text));
	assert_true(fed + strlen(first) > most - 2 * strlen(text));
}

static void
test_there_is_an_end_to_everything(void **state)
{
	(void)state;
	expect_limit("smtp", "", "220-and so on\r\n", STARTTLS_MOST);
	expect_limit("smtp", "220 ", "and so on ", STARTTLS_LINE_MOST);
	expect_limit("lmtp", "220-", "x", STARTTLS_LINE_MOST);
	expect_limit("ftp", "220-x\r\n", "and so on\r\n", STARTTLS_MOST);
	expect_limit("imap", "* OK\r\n", "* more to come\r\n", STARTTLS_MOST);
	expect_limit("pop3", "+OK ", "x", STARTTLS_LINE_MOST);
	expect_limit("nntp", "", "200-x\r\n", STARTTLS_MOST);
	expect_limit("sieve", "", "\"MORE\"\r\n", STARTTLS_MOST);
	expect_limit("xmpp", "<stream:stream>", "text of any kind ", STARTTLS_MOST);
	expect_limit("xmpp", "<stream:stream>", "<tag/>", STARTTLS_MOST);
	expect_limit("xmpp", "<stream a='", ">", STARTTLS_LINE_MOST);
	expect_limit("xmpp", "", " ", STARTTLS_MOST);
	expect_limit("ldap", "\x30\x82\x03\xfd", "x", STARTTLS_LINE_MOST);
}

static void
test_after_the_go_ahead_nothing_changes(void **state)
{
	CLEAN(starttls) struct starttls *s = starttls_new("postgres", DOMAIN, SELF);
	struct err err = { 0 };

	(void)state;
	assert_int_equal(starttls_feed(s, "S", 1, &err), STARTTLS_GO);
	assert_int_equal(starttls_feed(s, "N", 1, &err), STARTTLS_GO);
	assert_string_equal(err.text, "");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversations),
		cmocka_unit_test(test_conversations_byte_by_byte),
		cmocka_unit_test(test_every_dialect_has_a_good_and_a_bad_end),
		cmocka_unit_test(test_what_was_not_asked_for_is_refused),
		cmocka_unit_test(test_there_is_an_end_to_everything),
		cmocka_unit_test(test_after_the_go_ahead_nothing_changes),
	};

	return cmocka_run_group_tests_name("starttls", tests, NULL, NULL);
}
