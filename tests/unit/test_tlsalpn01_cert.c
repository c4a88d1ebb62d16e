/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "common/crypto/key.h"
#include "daemon/challenge/tlsalpn01_cert.h"
#include "daemon/io/clock.h"

#define NOW 1735787045 /* 2025-01-02T03:04:05Z */

/* Of a key of RFC 8037, and what it comes to. */
#define KEY_AUTHORIZATION                              \
	"LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0." \
	"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
#define EXTENSION                                \
	"303106082b0601050507011f0101ff04220420" \
	"9f7af3b5f0ed4c03ad9727bb6d1754be3922ddac553b2452cf1c1801516e41a8"

static struct key *key;

time_t
clock_now(void)
{
	return NOW;
}

static X509 *
make(const char *identifier)
{
	struct err err = { 0 };
	X509 *cert = tlsalpn01_cert(identifier, KEY_AUTHORIZATION, key, &err);

	assert_string_equal(err.text, "");
	assert_non_null(cert);
	return cert;
}

static char *
hex(const unsigned char *bytes, int length)
{
	static char text[1024];

	assert_in_range(length, 0, sizeof(text) / 2 - 1);
	for (int i = 0; i < length; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	text[2 * length] = '\0';
	return text;
}

static void
test_a_ca_says_hello_with_these_names(void **state)
{
	static const char *const cases[][2] = {
		{ "a.example", "a.example" },
		{ "xn--bcher-kva.example", "xn--bcher-kva.example" },
		{ "A.Example", "a.example" },
		{ "192.0.2.1", "1.2.0.192.in-addr.arpa" },
		{ "2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
				 "8.b.d.0.1.0.0.2.ip6.arpa" },
		{ "::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
			 "0.0.0.0.0.0.0.0.ip6.arpa" },
		{ "::ffff:192.0.2.1", "1.0.2.0.0.0.0.c.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0."
				      "0.0.0.0.0.0.0.0.ip6.arpa" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *name = tlsalpn01_server_name(cases[i][0]);

		assert_string_equal(name, cases[i][1]);
		free(name);
	}
}

/* The whole extension as it is on the wire: critical, an OCTET STRING in another. */
static void
test_the_digest_is_in_a_critical_extension(void **state)
{
	X509 *cert = make("a.example");
	ASN1_OBJECT *oid = OBJ_txt2obj("1.3.6.1.5.5.7.1.31", 1);
	int at = X509_get_ext_by_OBJ(cert, oid, -1);
	unsigned char *der = NULL;
	int length;

	(void)state;
	assert_true(at >= 0);
	length = i2d_X509_EXTENSION(X509_get_ext(cert, at), &der);
	assert_string_equal(hex(der, length), EXTENSION);
	assert_int_equal(X509_get_ext_by_OBJ(cert, oid, at), -1);
	OPENSSL_free(der);
	ASN1_OBJECT_free(oid);
	X509_free(cert);
}

static void
test_the_identifier_is_the_only_name(void **state)
{
	static const char *const cases[][2] = {
		{ "example.com", "300d820b6578616d706c652e636f6d" },
		{ "192.0.2.1", "30068704c0000201" },
		{ "2001:db8::1", "3012871020010db8000000000000000000000001" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		X509 *cert = make(cases[i][0]);
		int at = X509_get_ext_by_NID(cert, NID_subject_alt_name, -1);
		const ASN1_OCTET_STRING *value;

		assert_true(at >= 0);
		value = X509_EXTENSION_get_data(X509_get_ext(cert, at));
		assert_string_equal(hex(ASN1_STRING_get0_data(value),
					ASN1_STRING_length(value)),
		    cases[i][1]);
		assert_int_equal(X509_get_ext_count(cert), 2);
		assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(cert)), 0);
		X509_free(cert);
	}
}

static void
test_it_is_signed_by_itself(void **state)
{
	X509 *cert = make("a.example");

	(void)state;
	assert_int_equal(X509_get_version(cert), X509_VERSION_3);
	assert_int_equal(X509_verify(cert, key_evp(key)), 1);
	assert_int_equal(X509_NAME_cmp(X509_get_subject_name(cert),
			     X509_get_issuer_name(cert)),
	    0);
	X509_free(cert);
}

static void
test_it_is_valid_for_clocks_that_differ(void **state)
{
	X509 *cert = make("a.example");
	time_t early = NOW - 86000, late = NOW + 6 * 86400;

	(void)state;
	assert_int_equal(X509_cmp_time(X509_get0_notBefore(cert), &early), -1);
	assert_int_equal(X509_cmp_time(X509_get0_notAfter(cert), &late), 1);
	early -= 86400;
	late += 2 * 86400;
	assert_int_equal(X509_cmp_time(X509_get0_notBefore(cert), &early), 1);
	assert_int_equal(X509_cmp_time(X509_get0_notAfter(cert), &late), -1);
	X509_free(cert);
}

static void
test_no_two_have_the_same_serial(void **state)
{
	X509 *a = make("a.example");
	X509 *b = make("a.example");

	(void)state;
	assert_int_not_equal(ASN1_INTEGER_cmp(X509_get0_serialNumber(a),
				 X509_get0_serialNumber(b)),
	    0);
	assert_int_equal(ASN1_STRING_length(X509_get0_serialNumber(a)), 16);
	assert_int_equal(ASN1_STRING_type(X509_get0_serialNumber(a)), V_ASN1_INTEGER);
	X509_free(a);
	X509_free(b);
}

static int
make_key(void **state)
{
	struct err err = { 0 };

	(void)state;
	key = key_generate(KEY_EC_P256, &err);
	return key == NULL;
}

static int
free_key(void **state)
{
	(void)state;
	key_free(key);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_ca_says_hello_with_these_names),
		cmocka_unit_test(test_the_digest_is_in_a_critical_extension),
		cmocka_unit_test(test_the_identifier_is_the_only_name),
		cmocka_unit_test(test_it_is_signed_by_itself),
		cmocka_unit_test(test_it_is_valid_for_clocks_that_differ),
		cmocka_unit_test(test_no_two_have_the_same_serial),
	};

	return cmocka_run_group_tests_name("tlsalpn01_cert", tests, make_key, free_key);
}
