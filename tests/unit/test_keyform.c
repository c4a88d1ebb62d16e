/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto/jwk.h"
#include "common/crypto/key.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/unit/vectors.h"

static struct key *
load(const char *text)
{
	struct err err = { 0 };
	struct key *key = key_load(text, strlen(text), NULL, NULL, &err);

	assert_string_equal(err.text, "");
	assert_non_null(key);
	return key;
}

static struct key *
generate(enum key_type type)
{
	struct err err = { 0 };
	struct key *key = key_generate(type, &err);

	assert_non_null(key);
	return key;
}

static void
check_form(const struct key *key, enum key_form form)
{
	struct err err = { 0 };
	size_t length = 0;
	char *saved = key_save(key, form, &length, &err);
	CLEAN(key) struct key *again = NULL;

	assert_non_null(saved);
	assert_int_equal(saved[length], 0);
	again = key_load(saved, length, NULL, NULL, &err);
	assert_string_equal(err.text, "");
	assert_non_null(again);
	assert_true(key_equal(key, again));
	assert_int_equal(key_type_of(again), key_type_of(key));
	secret_free(saved, length);
}

static void
test_every_type_survives_every_form(void **state)
{
	static const enum key_type types[] = { KEY_EC_P256, KEY_EC_P384, KEY_EC_P521,
		KEY_RSA_2048, KEY_ED25519 };

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		CLEAN(key) struct key *key = generate(types[i]);
		bool traditional = types[i] != KEY_ED25519;

		assert_int_equal(key_type_of(key), types[i]);
		for (enum key_form form = 0; form < KEY_FORM_COUNT; form++) {
			if (traditional || (form != KEY_PKCS1 && form != KEY_DER1))
				check_form(key, form);
		}
	}
}

static void
test_what_is_written_is_what_openssl_writes(void **state)
{
	static const enum key_type types[] = { KEY_EC_P256, KEY_EC_P384, KEY_EC_P521,
		KEY_RSA_2048, KEY_ED25519 };

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		struct err err = { 0 };
		CLEAN(key) struct key *key = generate(types[i]);
		PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key_evp(key));
		unsigned char *expected = NULL;
		size_t length = 0;
		char *der = key_save(key, KEY_DER8, &length, &err);

		assert_int_equal(i2d_PKCS8_PRIV_KEY_INFO(info, &expected), length);
		assert_memory_equal(der, expected, length);
		PKCS8_PRIV_KEY_INFO_free(info);
		OPENSSL_free(expected);
		secret_free(der, length);
	}
}

static void
test_ed25519_has_no_traditional_form(void **state)
{
	CLEAN(key) struct key *key = load(ED25519_JWK);
	struct err err = { 0 };
	size_t length = 0;

	(void)state;
	assert_null(key_save(key, KEY_PKCS1, &length, &err));
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_string_equal(err.text,
	    "a key of type ed25519 has no traditional form: use pkcs8 or der8");
}

static void
test_the_pem_text_is_the_expected_one(void **state)
{
	CLEAN(key) struct key *key = load(P256_JWK);
	struct err err = { 0 };
	size_t length = 0;
	CLEAN(string) char *pem = key_save(key, KEY_PEM, &length, &err);
	CLEAN(string) char *sec1 = NULL;

	(void)state;
	assert_string_equal(pem, P256_PEM);
	sec1 = key_save(key, KEY_PKCS1, &length, &err);
	assert_true(str_starts(sec1, "-----BEGIN EC PRIVATE KEY-----\n"));
}

static void
test_the_der_of_an_rsa_jwk_is_the_expected_one(void **state)
{
	static const unsigned char expected[] = { 0xd3, 0xe3, 0xa5, 0x15, 0x81, 0x24, 0xe6,
		0xb7, 0x9a, 0x8d, 0x9e, 0x86, 0xb7, 0xe6, 0xaf, 0x0a, 0x0d, 0xfb, 0xf3,
		0x07, 0x47, 0xb1, 0xa2, 0xae, 0x7c, 0x52, 0x00, 0x19, 0x6c, 0xbd, 0xea,
		0x14 };
	static const char *const jwks[] = { RSA_JWK, RSA_JWK_WITHOUT_CRT };

	(void)state;
	for (size_t i = 0; i < COUNT(jwks); i++) {
		CLEAN(key) struct key *key = load(jwks[i]);
		struct err err = { 0 };
		size_t length = 0;
		CLEAN(string) char *der = key_save(key, KEY_DER8, &length, &err);
		unsigned char digest[32];

		assert_int_equal(length, 1217);
		assert_int_equal(EVP_Q_digest(NULL, "SHA256", NULL, der, length, digest,
				     NULL),
		    1);
		assert_memory_equal(digest, expected, sizeof(expected));
	}
}

/* ---- what people have lying around ---- */

/* openssl ecparam -genkey writes both of these. */
static const char sec1_with_parameters[] =
    "-----BEGIN EC PARAMETERS-----\r\n"
    "BggqhkjOPQMBBw==\r\n"
    "-----END EC PARAMETERS-----\r\n"
    "some text\r\n"
    "-----BEGIN EC PRIVATE KEY-----\r\n"
    "MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49\r\n"
    "AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b\r\n"
    "focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\r\n"
    "-----END EC PRIVATE KEY-----\r\n";

/* The same without the public key: PKCS#8 of some libraries. */
static const unsigned char scalar_only[] = { 0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20, 0x8e,
	0x9b, 0x10, 0x9e, 0x71, 0x90, 0x98, 0xbf, 0x98, 0x04, 0x87, 0xdf, 0x1f, 0x5d, 0x77,
	0xe9, 0xcb, 0x29, 0x60, 0x6e, 0xbe, 0xd2, 0x26, 0x3b, 0x5f, 0x57, 0xc2, 0x13, 0xdf,
	0x84, 0xf4, 0xb2, 0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01,
	0x07 };

/* RFC 8410, section 10.3: with an attribute and the public key. */
static const char ed25519_version_2[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MHICAQEwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n"
    "oB8wHQYKKoZIhvcNAQkJFDEPDA1DdXJkbGUgQ2hhaXJzgSEAGb9ECWmEzf6FQbrB\n"
    "Z9w7lshQhqowtrbLDFw4rXAxZuE=\n"
    "-----END PRIVATE KEY-----\n";

static void
test_other_forms_of_one_key_are_the_same_key(void **state)
{
	CLEAN(key) struct key *key = load(P256_PEM);
	CLEAN(key) struct key *sec1 = load(sec1_with_parameters);
	CLEAN(key) struct key *text = load("a comment\n" P256_PEM "more\n");
	struct err err = { 0 };
	CLEAN(key)
	struct key *scalar = key_load(scalar_only, sizeof(scalar_only), NULL, NULL, &err);
	CLEAN(key) struct key *ed25519 = load(ed25519_version_2);

	(void)state;
	assert_true(key_equal(key, sec1));
	assert_true(key_equal(key, text));
	assert_non_null(scalar);
	assert_true(key_equal(key, scalar));
	assert_false(key_equal(key, ed25519));
	assert_string_equal(jwk_public_text(ed25519),
	    "{\"crv\":\"Ed25519\",\"kty\":\"OKP\","
	    "\"x\":\"Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE\"}");
}

static void
test_compressed_points_become_whole(void **state)
{
	struct err err = { 0 };
	EVP_PKEY *pkey = EVP_EC_gen("P-384");
	unsigned char *der = NULL;
	int length;
	CLEAN(key) struct key *key = NULL;
	CLEAN(key) struct key *same = NULL;

	(void)state;
	assert_int_equal(EVP_PKEY_set_utf8_string_param(pkey,
			     OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "compressed"),
	    1);
	length = i2d_PrivateKey(pkey, &der);
	assert_in_range(length, 100, 130);
	key = key_load(der, (size_t)length, NULL, NULL, &err);
	same = key_from_evp(pkey, &err);
	assert_non_null(key);
	assert_non_null(same);
	assert_true(key_equal(key, same));
	OPENSSL_free(der);
}

static int
say_secret(char *out, size_t size, void *arg)
{
	const char *secret = arg;

	if (secret == NULL)
		return -1;
	assert_true(strlen(secret) <= size);
	memcpy(out, secret, strlen(secret));
	return (int)strlen(secret);
}

static void
check_encrypted(const struct key *key, const char *pem, size_t length)
{
	static char right[] = "correct horse", wrong[] = "battery staple";
	struct err err = { 0 };
	CLEAN(key) struct key *again = key_load(pem, length, say_secret, right, &err);

	assert_non_null(again);
	assert_true(key_equal(key, again));
	assert_null(key_load(pem, length, say_secret, wrong, &err));
	assert_true(str_starts(err.text, "the passphrase is wrong, or the key broken: ") ||
		    str_starts(err.text, "not a "));
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_null(key_load(pem, length, say_secret, NULL, &err));
	assert_string_equal(err.text, "no passphrase for the encrypted key");
	assert_null(key_load(pem, length, NULL, NULL, &err));
	assert_string_equal(err.text, "the key is encrypted");
}

static void
test_encrypted_keys_ask_for_the_passphrase(void **state)
{
	static const char *const jwks[] = { P256_JWK, RSA_JWK };
	const char *secret = "correct horse";
	int n = (int)strlen(secret);

	(void)state;
	for (size_t i = 0; i < COUNT(jwks); i++) {
		CLEAN(key) struct key *key = load(jwks[i]);
		BIO *bio = BIO_new(BIO_s_mem());
		char *pem = NULL;
		long length;

		assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key_evp(key),
				     EVP_aes_256_cbc(), secret, n, NULL, NULL),
		    1);
		length = BIO_get_mem_data(bio, &pem);
		check_encrypted(key, pem, (size_t)length);
		(void)BIO_reset(bio);
		assert_int_equal(PEM_write_bio_PrivateKey_traditional(bio, key_evp(key),
				     EVP_aes_128_cbc(), (const unsigned char *)secret, n,
				     NULL, NULL),
		    1);
		length = BIO_get_mem_data(bio, &pem);
		assert_non_null(memmem(pem, (size_t)length, "DEK-Info", 8));
		check_encrypted(key, pem, (size_t)length);
		BIO_free(bio);
	}
}

/* ---- what is refused ---- */

static void
test_what_is_no_key_is_said_to_be(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{ "", "not a key: neither PEM nor DER nor JSON" },
		{ "hello", "not a key: neither PEM nor DER nor JSON" },
		{ "0", "not a key: no DER, or not all of it" },
		{ "{", "not JSON at offset 1: " },
		{ " \n{}", "JWK: no \"kty\"" },
		{ P256_PUBLIC_JWK, "JWK: no \"d\"" },
		{ "-----BEGIN PRIVATE KEY-----\n", "not valid PEM: " },
		{ "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n",
		    "not a key: no DER, or not all of it" },
		{ "-----BEGIN PRIVATE KEY-----\nMAMCAQA=\n-----END PRIVATE KEY-----\n",
		    "not a private key" },
		{ "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n",
		    "no private key in the PEM text" },
		{ "-----BEGIN DSA PRIVATE KEY-----\nMAA=\n-----END DSA PRIVATE KEY-----\n",
		    "a key of the kind \"DSA PRIVATE KEY\" is not supported" },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----\nMAA=\n"
		  "-----END OPENSSH PRIVATE KEY-----\n",
		    "a key of the kind \"OPENSSH PRIVATE KEY\" is not supported" },
		/* X25519 */
		{ "-----BEGIN PRIVATE KEY-----\n"
		  "MC4CAQAwBQYDK2VuBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
		  "-----END PRIVATE KEY-----\n",
		    "a key of type X25519 is not supported" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };

		assert_null(
		    key_load(cases[i].text, strlen(cases[i].text), NULL, NULL, &err));
		assert_int_equal(err.kind, ERR_CONFIG);
		if (str_ends(cases[i].error, ": ")) /* OpenSSL's or json-c's words follow */
			err.text[strlen(cases[i].error)] = '\0';
		assert_string_equal(err.text, cases[i].error);
	}
}

static void
test_files_of_more_than_64_kib_are_refused(void **state)
{
	size_t length = strlen(P256_PEM), room = 65537;
	char *text = xcalloc(room, 1);
	struct err err = { 0 };
	CLEAN(key) struct key *key = NULL;

	(void)state;
	memset(text, '\n', room);
	memcpy(text, P256_PEM, length);
	key = key_load(text, 65536, NULL, NULL, &err);
	assert_non_null(key);
	assert_null(key_load(text, 65537, NULL, NULL, &err));
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_string_equal(err.text, "not a key: more than 64 KiB");
	free(text);
}

static void
test_der_is_whole_and_nothing_follows_it(void **state)
{
	static const char *const jwks[] = { P256_JWK, RSA_JWK, ED25519_JWK };
	static const enum key_form forms[] = { KEY_DER8, KEY_DER1 };

	(void)state;
	for (size_t i = 0; i < COUNT(jwks) * COUNT(forms); i++) {
		CLEAN(key) struct key *key = load(jwks[i / 2]);
		struct err err = { 0 };
		size_t length = 0;
		CLEAN(string) char *der = key_save(key, forms[i % 2], &length, &err);

		if (der == NULL) /* Ed25519 */
			continue;
		assert_null(key_load(der, length + 1, NULL, NULL, &err));
		assert_string_equal(err.text, "1 octets of something else follow the key");
		for (size_t n = 0; n < length; n += 1 + length / 50)
			assert_null(key_load(der, n, NULL, NULL, &err));
	}
}

static void
refuses(EVP_PKEY *pkey, const char *text)
{
	struct err err = { 0 };
	unsigned char *der = NULL;
	int length = i2d_PrivateKey(pkey, &der);

	assert_true(length > 0);
	assert_null(key_load(der, (size_t)length, NULL, NULL, &err));
	assert_string_equal(err.text, text);
	assert_int_equal(err.kind, ERR_CONFIG);
	OPENSSL_free(der);
	assert_null(key_from_evp(pkey, &err)); /* takes it all the same */
	assert_int_equal(err.kind, ERR_CONFIG);
}

static void
test_unsupported_curves_and_sizes_are_named(void **state)
{
	(void)state;
	refuses(EVP_EC_gen("secp256k1"),
	    "the curve secp256k1 is not supported: P-256, P-384, P-521 are");
	refuses(EVP_RSA_gen(1024),
	    "an RSA key of 1024 bits is not supported: 2048 to 4096 are");
}

static void
test_explicit_curve_parameters_are_refused(void **state)
{
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	unsigned char *der = NULL;
	struct err err = { 0 };
	int length;

	(void)state;
	assert_int_equal(EVP_PKEY_set_utf8_string_param(pkey, OSSL_PKEY_PARAM_EC_ENCODING,
			     OSSL_PKEY_EC_ENCODING_EXPLICIT),
	    1);
	length = i2d_PrivateKey(pkey, &der);
	assert_true(length > 200);
	assert_null(key_load(der, (size_t)length, NULL, NULL, &err));
	assert_string_equal(err.text, "explicit curve parameters are not supported");
	OPENSSL_free(der);
	EVP_PKEY_free(pkey);
}

static void
test_odd_sizes_count_as_the_next_smaller_type(void **state)
{
	struct err err = { 0 };
	CLEAN(key) struct key *key = key_from_evp(EVP_RSA_gen(2056), &err);

	(void)state;
	assert_non_null(key);
	assert_int_equal(key_type_of(key), KEY_RSA_2048);
	check_form(key, KEY_PKCS1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_type_survives_every_form),
		cmocka_unit_test(test_what_is_written_is_what_openssl_writes),
		cmocka_unit_test(test_ed25519_has_no_traditional_form),
		cmocka_unit_test(test_the_pem_text_is_the_expected_one),
		cmocka_unit_test(test_the_der_of_an_rsa_jwk_is_the_expected_one),
		cmocka_unit_test(test_other_forms_of_one_key_are_the_same_key),
		cmocka_unit_test(test_compressed_points_become_whole),
		cmocka_unit_test(test_encrypted_keys_ask_for_the_passphrase),
		cmocka_unit_test(test_what_is_no_key_is_said_to_be),
		cmocka_unit_test(test_files_of_more_than_64_kib_are_refused),
		cmocka_unit_test(test_der_is_whole_and_nothing_follows_it),
		cmocka_unit_test(test_unsupported_curves_and_sizes_are_named),
		cmocka_unit_test(test_explicit_curve_parameters_are_refused),
		cmocka_unit_test(test_odd_sizes_count_as_the_next_smaller_type),
	};

	return cmocka_run_group_tests_name("keyform", tests, NULL, NULL);
}
