/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto/key.h"
#include "daemon/crypto/csr.h"

static const char *const one_name[] = { "example.com", NULL };

static X509_REQ *
make(const struct key *key, const char *const *names, bool must_staple)
{
	const struct csr_options options = { names, must_staple };
	struct err err = { 0 };
	size_t length = 0;
	unsigned char *der = csr_make(key, &options, &length, &err);
	const unsigned char *end = der;
	X509_REQ *request;

	assert_string_equal(err.text, "");
	assert_non_null(der);
	request = d2i_X509_REQ(NULL, &end, (long)length);
	assert_non_null(request);
	assert_ptr_equal(end, der + length);
	free(der);
	return request;
}

static void
test_requests_of_all_keys_are_signed_with_their_digest(void **state)
{
	static const struct {
		enum key_type type;
		int signature;
	} cases[] = {
		{ KEY_EC_P256, NID_ecdsa_with_SHA256 },
		{ KEY_EC_P384, NID_ecdsa_with_SHA384 },
		{ KEY_EC_P521, NID_ecdsa_with_SHA512 },
		{ KEY_RSA_2048, NID_sha256WithRSAEncryption },
		{ KEY_ED25519, NID_ED25519 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };
		CLEAN(key) struct key *key = key_generate(cases[i].type, &err);
		X509_REQ *request = make(key, one_name, false);

		assert_int_equal(X509_REQ_get_signature_nid(request), cases[i].signature);
		assert_int_equal(X509_REQ_get_version(request), 0);
		assert_int_equal(X509_NAME_entry_count(X509_REQ_get_subject_name(request)),
		    0);
		assert_int_equal(EVP_PKEY_eq(X509_REQ_get0_pubkey(request), key_evp(key)),
		    1);
		assert_int_equal(X509_REQ_verify(request, X509_REQ_get0_pubkey(request)),
		    1);
		X509_REQ_free(request);
	}
}

/* The public key is put together by us: it has to be what OpenSSL writes. */
static void
test_the_public_key_is_encoded_as_openssl_does(void **state)
{
	(void)state;
	for (enum key_type type = 0; type < KEY_TYPE_COUNT; type++) {
		struct err err = { 0 };
		CLEAN(key) struct key *key = NULL;
		unsigned char *ours = NULL, *theirs = NULL;
		X509_REQ *request;
		int length;

		if (type == KEY_RSA_3072 || type == KEY_RSA_4096) /* slow, and no other */
			continue;
		key = key_generate(type, &err);
		request = make(key, one_name, false);
		length = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request), &ours);
		assert_int_equal(i2d_PUBKEY(key_evp(key), &theirs), length);
		assert_memory_equal(ours, theirs, (size_t)length);
		OPENSSL_free(ours);
		OPENSSL_free(theirs);
		X509_REQ_free(request);
	}
}

struct extension {
	int nid;
	const char *octets;
	size_t length;
};

static void
check_extensions(const char *const *names, bool must_staple,
    const struct extension *expected, int n)
{
	struct err err = { 0 };
	CLEAN(key) struct key *key = key_generate(KEY_EC_P256, &err);
	X509_REQ *request = make(key, names, must_staple);
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);

	assert_int_equal(sk_X509_EXTENSION_num(extensions), n);
	for (int i = 0; i < n; i++) {
		X509_EXTENSION *e = sk_X509_EXTENSION_value(extensions, i);
		const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(e);

		assert_int_equal(OBJ_obj2nid(X509_EXTENSION_get_object(e)),
		    expected[i].nid);
		assert_false(X509_EXTENSION_get_critical(e));
		assert_int_equal(ASN1_STRING_length(value), expected[i].length);
		assert_memory_equal(ASN1_STRING_get0_data(value), expected[i].octets,
		    expected[i].length);
	}
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	X509_REQ_free(request);
}

#define OCTETS(string) (string), sizeof(string) - 1

static void
test_a_name_becomes_a_dns_name(void **state)
{
	static const struct extension expected[] = {
		{ NID_subject_alt_name, OCTETS("\x30\x0d\x82\x0b"
					       "example.com") },
	};

	(void)state;
	check_extensions(one_name, false, expected, 1);
}

static void
test_an_address_becomes_octets(void **state)
{
	static const char *const names[] = { "192.0.2.1", NULL };
	static const struct extension expected[] = {
		{ NID_subject_alt_name, OCTETS("\x30\x06\x87\x04\xc0\x00\x02\x01") },
	};

	(void)state;
	check_extensions(names, false, expected, 1);
}

static void
test_names_keep_their_order_and_must_staple_follows(void **state)
{
	static const char *const names[] = { "*.a.example", "2001:db8::1", NULL };
	static const struct extension expected[] = {
		{ NID_subject_alt_name,
		    OCTETS("\x30\x1f\x82\x0b*.a.example"
			   "\x87\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01") },
		{ NID_tlsfeature, OCTETS("\x30\x03\x02\x01\x05") },
	};

	(void)state;
	check_extensions(names, true, expected, 2);
}

/* SEQUENCE { id-pe-tlsfeature, OCTET STRING { SEQUENCE { INTEGER 5 } } } */
static void
test_must_staple_is_in_the_request_octet_for_octet(void **state)
{
	static const char extension[] =
	    "\x30\x11\x06\x08\x2b\x06\x01\x05\x05\x07\x01\x18\x04\x05\x30\x03\x02\x01\x05";
	struct err err = { 0 };
	CLEAN(key) struct key *key = key_generate(KEY_EC_P256, &err);

	(void)state;
	for (int must_staple = 0; must_staple < 2; must_staple++) {
		const struct csr_options options = { one_name, must_staple };
		size_t length = 0;
		unsigned char *der = csr_make(key, &options, &length, &err);

		assert_int_equal(memmem(der, length, extension, sizeof(extension) - 1) !=
				     NULL,
		    must_staple);
		free(der);
	}
}

static void
test_a_request_without_names_is_refused(void **state)
{
	static const char *const none[] = { NULL };
	const struct csr_options options = { none, false };
	struct err err = { 0 };
	CLEAN(key) struct key *key = key_generate(KEY_EC_P256, &err);
	size_t length = 0;

	(void)state;
	assert_null(csr_make(key, &options, &length, &err));
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_string_equal(err.text, "certificate request: no names");
}

static void
test_a_public_key_cannot_make_a_request(void **state)
{
	const struct csr_options options = { one_name, false };
	struct err err = { 0 };
	CLEAN(key) struct key *private = key_generate(KEY_EC_P256, &err);
	CLEAN(key) struct key *key = NULL;
	unsigned char *der = NULL;
	const unsigned char *p;
	int n = i2d_PUBKEY(key_evp(private), &der);
	size_t length = 0;

	(void)state;
	p = der;
	key = key_from_evp(d2i_PUBKEY(NULL, &p, n), &err);
	OPENSSL_free(der);
	assert_null(csr_make(key, &options, &length, &err));
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_memory_equal(err.text, "certificate request: cannot sign: ", 34);
}

static void
test_a_hundred_names_fit(void **state)
{
	char text[100][24];
	const char *names[101] = { NULL };
	struct err err = { 0 };
	CLEAN(key) struct key *key = key_generate(KEY_EC_P256, &err);
	X509_REQ *request;

	(void)state;
	for (size_t i = 0; i < COUNT(text); i++) {
		snprintf(text[i], sizeof(text[i]), "host%zu.example.org", i);
		names[i] = text[i];
	}
	request = make(key, names, true);
	assert_int_equal(X509_REQ_verify(request, key_evp(key)), 1);
	X509_REQ_free(request);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_of_all_keys_are_signed_with_their_digest),
		cmocka_unit_test(test_the_public_key_is_encoded_as_openssl_does),
		cmocka_unit_test(test_a_name_becomes_a_dns_name),
		cmocka_unit_test(test_an_address_becomes_octets),
		cmocka_unit_test(test_names_keep_their_order_and_must_staple_follows),
		cmocka_unit_test(test_must_staple_is_in_the_request_octet_for_octet),
		cmocka_unit_test(test_a_request_without_names_is_refused),
		cmocka_unit_test(test_a_public_key_cannot_make_a_request),
		cmocka_unit_test(test_a_hundred_names_fit),
	};

	return cmocka_run_group_tests_name("csr", tests, NULL, NULL);
}
