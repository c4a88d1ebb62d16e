/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <string.h>

#include "common/clean.h"
#include "common/identifier.h"

#define LABEL63 "a23456789012345678901234567890123456789012345678901234567890123"
#define NAME253                         \
	LABEL63 "." LABEL63 "." LABEL63 \
		".a234567890123456789012345678901234567890123456789012345678901"

static void
test_names_have_one_spelling(void **state)
{
	static const struct {
		const char *text;
		const char *name;
	} cases[] = {
		{ "example.org", "example.org" }, { "WWW.Example.ORG", "www.example.org" },
		{ "example.org.", "example.org" }, { "*.example.org", "*.example.org" },
		{ "*.Example.org.", "*.example.org" },
		{ "*.org", "*.org" }, /* the CA's to refuse */
		{ "a-b.c--d.example", "a-b.c--d.example" },
		{ "r3---sn.example", "r3---sn.example" },
		{ "1.2.3.4.example", "1.2.3.4.example" }, { "1.0x", "1.0x" },
		{ LABEL63 ".example", LABEL63 ".example" }, { NAME253, NAME253 },
		{ NAME253 ".", NAME253 },
		/* IDNA2008 */
		{ "\xC3\xBCnicode-example.org", "xn--nicode-example-fsb.org" },
		{ "\xC3\xBC\xC3\xB1icode-example.org", "xn--icode-example-hkb8n.org" },
		{ "\xC3\xA9nicode-example.org", "xn--nicode-example-9jb.org" },
		{ "b\xC3\xBC"
		  "cher.example",
		    "xn--bcher-kva.example" },
		{ "B\xC3\x9C"
		  "CHER.Example",
		    "xn--bcher-kva.example" },
		{ "bu\xCC\x88"
		  "cher.example",
		    "xn--bcher-kva.example" }, /* NFD */
		{ "*.b\xC3\xBC"
		  "cher.example",
		    "*.xn--bcher-kva.example" },
		{ "XN--Bcher-KVA.example", "xn--bcher-kva.example" },
		{ "stra\xC3\x9F"
		  "e.example",
		    "xn--strae-oqa.example" }, /* not "strasse" */
		{ "example\xE3\x80\x82org", "example.org" },
		{ "\xD7\x90\xD7\x91.example", "xn--4dbc.example" }, /* right to left */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };
		CLEAN(string) char *name = identifier_normalize(cases[i].text, &err);

		assert_string_equal(err.text, "");
		assert_string_equal(name, cases[i].name);
		assert_int_equal(identifier_type(name), IDENTIFIER_DNS);
		assert_int_equal(identifier_is_wildcard(name), name[0] == '*');
	}
}

static void
test_addresses_have_one_spelling(void **state)
{
	static const struct {
		const char *text;
		const char *name;
		size_t octets;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", 4 },
		{ "0.0.0.0", "0.0.0.0", 4 },
		{ "2001:DB8::1", "2001:db8::1", 16 },
		{ "2001:db8:0:0:0:0:0:1", "2001:db8::1", 16 },
		{ "2001:0db8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1", 16 },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", 16 },
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1", 16 },
		{ "::", "::", 16 },
		{ "::1", "::1", 16 },
		{ "::FFFF:192.0.2.1", "::ffff:192.0.2.1", 16 },
		{ "::ffff:c000:201", "::ffff:192.0.2.1", 16 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };
		CLEAN(string) char *name = identifier_normalize(cases[i].text, &err);
		unsigned char octets[16];

		assert_string_equal(name, cases[i].name);
		assert_int_equal(identifier_type(name), IDENTIFIER_IP);
		assert_int_equal(identifier_octets(name, octets), cases[i].octets);
	}
}

#define NOT_DNS "neither an IP address nor a DNS name"

static void
test_what_is_no_name_is_said_to_be(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} cases[] = {
		{ "", "\"\": empty" },
		{ ".", "\".\": an empty label" },
		{ "localhost", "\"localhost\": a DNS name has at least two labels" },
		{ "a..example", "\"a..example\": an empty label" },
		{ ".example.org", "\".example.org\": an empty label" },
		{ "example.org..", "\"example.org..\": an empty label" },
		{ "a_b.example", "\"a_b.example\": '_' is not allowed in a DNS name" },
		{ "a b.example", "\"a b.example\": a character 0x20" },
		{ "a.example\n", "\"a.example \": a character 0x0a" },
		{ "a/b.example", "\"a/b.example\": '/' is not allowed in a DNS name" },
		{ "user@example.org",
		    "\"user@example.org\": '@' is not allowed in a DNS name" },
		{ "-a.example", "\"-a.example\": a label begins or ends with a hyphen" },
		{ "a-.example", "\"a-.example\": a label begins or ends with a hyphen" },
		{ "a" LABEL63 ".example",
		    "\"a" LABEL63 ".example\": a label of more than 63 characters" },
		{ "*", "\"*\": a wildcard has to be the whole first label" },
		{ "*.", "\"*.\": an empty label" },
		{ "*.*.example",
		    "\"*.*.example\": a wildcard has to be the whole first label" },
		{ "a.*.example",
		    "\"a.*.example\": a wildcard has to be the whole first label" },
		{ "a*.example",
		    "\"a*.example\": a wildcard has to be the whole first label" },
		{ "*a.example",
		    "\"*a.example\": a wildcard has to be the whole first label" },
		{ "\xEF\xBC\x8A.example", "\"\xEF\xBC\x8A.example\": a wildcard has to be "
					  "the whole first label" },
		{ "1.2.3", "\"1.2.3\": " NOT_DNS },
		{ "1.2.3.4.5", "\"1.2.3.4.5\": " NOT_DNS },
		{ "256.0.0.1", "\"256.0.0.1\": " NOT_DNS },
		{ "192.0.2.01", "\"192.0.2.01\": " NOT_DNS },
		{ "192.0.2.1.", "\"192.0.2.1.\": " NOT_DNS },
		{ "*.192.0.2.1", "\"*.192.0.2.1\": " NOT_DNS },
		{ "\xEF\xBC\x91.2.3.4", "\"\xEF\xBC\x91.2.3.4\": " NOT_DNS },
		{ "192.0.2.0/24", "\"192.0.2.0/24\": '/' is not allowed in a DNS name" },
		{ "[2001:db8::1]", "\"[2001:db8::1]\": not an IP address" },
		{ "fe80::1%eth0", "\"fe80::1%eth0\": not an IP address" },
		{ "2001:db8::1::2", "\"2001:db8::1::2\": not an IP address" },
		{ "example.org:443", "\"example.org:443\": not an IP address" },
		{ "https://example.org", "\"https://example.org\": not an IP address" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };

		assert_null(identifier_normalize(cases[i].text, &err));
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_string_equal(err.text, cases[i].error);
	}
}

/* The words for these are the library's. */
static void
test_what_idna_forbids_is_refused(void **state)
{
	static const char *const cases[] = {
		"\xFF\xFE.example",                                 /* not UTF-8 */
		"b\xC3.example",                                    /* cut */
		"xn--a.example",                                    /* decodes to nothing */
		"xn--bcher-kvaa\xC3\xBC.org",                       /* both at once */
		"xn--.example", "\xE2\x98\x83\xEF\xB7\x90.example", /* not assigned */
		"a\xE2\x80\x8B\xD7\x90.example", /* both directions in a label */
		"\xCC\x81x.example",             /* begins with a combining mark */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };
		CLEAN(string) char *name = identifier_normalize(cases[i], &err);

		assert_null(name);
		assert_int_equal(err.kind, ERR_CONFIG);
	}
}

static void
test_long_names_are_refused(void **state)
{
	char text[5000] = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_null(identifier_normalize("a" NAME253, &err));
	assert_null(identifier_normalize("a." NAME253, &err));
	assert_non_null(strstr(err.text, "\": more than 253 characters"));
	assert_null(identifier_normalize("*." NAME253, &err));
	assert_non_null(strstr(err.text, "\": more than 253 characters"));
	memset(text, 'a', sizeof(text) - 1);
	assert_null(identifier_normalize(text, &err));
	assert_non_null(strstr(err.text, "\": more than 253 characters"));
}

static void
test_a_name_equals_itself_whatever_the_case(void **state)
{
	(void)state;
	assert_true(identifier_equal("example.org", "Example.ORG"));
	assert_false(identifier_equal("example.org", "example.com"));
	assert_false(identifier_equal("example.org", "example.org.uk"));
	assert_false(identifier_equal("*.example.org", "example.org"));
	assert_true(identifier_equal("2001:db8::1", "2001:DB8:0::1"));
	assert_false(identifier_equal("2001:db8::1", "2001:db8::2"));
	assert_false(identifier_equal("192.0.2.1", "::ffff:192.0.2.1"));
	assert_false(identifier_equal("192.0.2.1", "example.org"));
	assert_false(identifier_equal("example.org", "192.0.2.1"));
}

static void
test_octets_are_those_of_the_certificate(void **state)
{
	unsigned char octets[16] = { 0 };

	(void)state;
	assert_int_equal(identifier_octets("192.0.2.1", octets), 4);
	assert_memory_equal(octets, "\xC0\x00\x02\x01", 4);
	assert_int_equal(identifier_octets("2001:db8::1", octets), 16);
	assert_memory_equal(octets,
	    "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", 16);
	assert_int_equal(identifier_octets("example.org", octets), 0);
	assert_string_equal(identifier_type_name(IDENTIFIER_DNS), "dns");
	assert_string_equal(identifier_type_name(IDENTIFIER_IP), "ip");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_have_one_spelling),
		cmocka_unit_test(test_addresses_have_one_spelling),
		cmocka_unit_test(test_what_is_no_name_is_said_to_be),
		cmocka_unit_test(test_what_idna_forbids_is_refused),
		cmocka_unit_test(test_long_names_are_refused),
		cmocka_unit_test(test_a_name_equals_itself_whatever_the_case),
		cmocka_unit_test(test_octets_are_those_of_the_certificate),
	};

	return cmocka_run_group_tests_name("identifier", tests, NULL, NULL);
}
