/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/crypto/key.h"
#include "common/crypto/keyparts.h"
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

/* ---- names ---- */

static void
test_types_have_names_and_are_found_by_them(void **state)
{
	(void)state;
	for (enum key_type type = 0; type < KEY_TYPE_COUNT; type++) {
		assert_int_equal(key_type_find(key_type_name(type)), type);
		assert_string_equal(key_type_names()[type], key_type_name(type));
	}
	assert_null(key_type_names()[KEY_TYPE_COUNT]);
	assert_int_equal(key_type_find("EC:P-256"), KEY_TYPE_COUNT);
	assert_int_equal(key_type_find(""), KEY_TYPE_COUNT);
	assert_string_equal(key_type_name(KEY_TYPE_COUNT), "unknown");
	for (enum key_form form = 0; form < KEY_FORM_COUNT; form++)
		assert_true(strlen(key_form_name(form)) >= 3);
	assert_string_equal(key_form_name(KEY_FORM_COUNT), "unknown");
}

static void
test_rsa_keys_are_slow_to_make(void **state)
{
	(void)state;
	assert_true(key_type_is_slow(KEY_RSA_2048));
	assert_true(key_type_is_slow(KEY_RSA_4096));
	assert_false(key_type_is_slow(KEY_EC_P521));
	assert_false(key_type_is_slow(KEY_ED25519));
	assert_false(key_type_is_slow(KEY_TYPE_COUNT));
}

/* ---- signatures ---- */

static void
unhex(const char *hex, unsigned char *out, size_t *length)
{
	long n = 0;
	unsigned char *octets = OPENSSL_hexstr2buf(hex, &n);

	assert_non_null(octets);
	memcpy(out, octets, (size_t)n);
	*length = (size_t)n;
	OPENSSL_free(octets);
}

static void
test_ecdsa_numbers_are_padded(void **state)
{
	static const struct {
		const char *der, *raw;
	} cases[] = {
		{ "302602010102210080000000000000000000000000000000000000000000000000000000"
		  "00"
		  "000005",
		    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		    "A"
		    "AAAAAAAAAAAAABQ" },
		{ "304502200ed1215379636c483c2f7f155807d402a3b228033af97c7e17819ac3169ea665"
		  "02"
		  "2100c50a07d38c3c70e5d8f12daf084a5480a66590c5f293509a8f3f7f8a83a354d5",
		    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-"
		    "F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTU"
		    "JqPP3-Kg6NU1Q" },
	};
	unsigned char der[100], raw[64];
	size_t length = 0;
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(string) char *text = NULL;

		unhex(cases[i].der, der, &length);
		assert_int_equal(key_ecdsa_raw(der, length, 32, raw, &err), 0);
		text = base64url_encode(raw, sizeof(raw));
		assert_string_equal(text, cases[i].raw);
	}
	/* a number that does not fit, half of a signature, more than one */
	assert_int_equal(key_ecdsa_raw(der, length, 31, raw, &err), -1);
	assert_int_equal(key_ecdsa_raw(der, length - 1, 32, raw, &err), -1);
	assert_int_equal(key_ecdsa_raw(der, length + 1, 32, raw, &err), -1);
}

static void
test_ed25519_signs_like_rfc_8037(void **state)
{
	static const char input[] =
	    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
	CLEAN(key) struct key *key = load(ED25519_JWK);
	struct err err = { 0 };
	size_t length = 0;
	unsigned char *signature = key_sign(key, input, strlen(input), &length, &err);
	CLEAN(string) char *text = base64url_encode(signature, length);

	(void)state;
	assert_string_equal(text,
	    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4i"
	    "ylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
	free(signature);
}

static const struct {
	const char *alg, *digest;
	size_t length;
} algorithms[KEY_TYPE_COUNT] = {
	[KEY_EC_P256] = { "ES256", "SHA256", 64 },
	[KEY_EC_P384] = { "ES384", "SHA384", 96 },
	[KEY_EC_P521] = { "ES512", "SHA512", 132 },
	[KEY_RSA_2048] = { "RS256", "SHA256", 256 },
	[KEY_ED25519] = { "EdDSA", NULL, 64 },
};

/* OpenSSL verifies ECDSA signatures in DER. */
static int
verify(const struct key *key, const char *text, unsigned char *signature, size_t length)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	ECDSA_SIG *numbers = ECDSA_SIG_new();
	unsigned char *der = NULL;
	bool ec = EVP_PKEY_get_base_id(key_evp(key)) == EVP_PKEY_EC;
	int result;

	ECDSA_SIG_set0(numbers, BN_bin2bn(signature, (int)length / 2, NULL),
	    BN_bin2bn(signature + length / 2, (int)length / 2, NULL));
	if (ec)
		length = (size_t)i2d_ECDSA_SIG(numbers, &der);
	assert_int_equal(EVP_DigestVerifyInit_ex(ctx, NULL, key_digest(key), NULL, NULL,
			     key_evp(key), NULL),
	    1);
	result = EVP_DigestVerify(ctx, ec ? der : signature, length,
	    (const unsigned char *)text, strlen(text));
	ECDSA_SIG_free(numbers);
	OPENSSL_free(der);
	EVP_MD_CTX_free(ctx);
	return result;
}

static void
test_signatures_have_their_length_and_verify(void **state)
{
	(void)state;
	for (enum key_type type = 0; type < KEY_TYPE_COUNT; type++) {
		CLEAN(key) struct key *key = NULL;
		struct err err = { 0 };
		size_t length = 0;
		unsigned char *signature;

		if (algorithms[type].alg == NULL) /* too slow for a test */
			continue;
		key = generate(type);
		assert_string_equal(key_jws_alg(key), algorithms[type].alg);
		assert_true(str_eq(key_digest(key), algorithms[type].digest));
		signature = key_sign(key, "a.b", 3, &length, &err);
		assert_non_null(signature);
		assert_int_equal(length, algorithms[type].length);
		assert_int_equal(verify(key, "a.b", signature, length), 1);
		assert_int_equal(verify(key, "a.c", signature, length), 0);
		free(signature);
	}
}

static void
test_public_keys_cannot_sign(void **state)
{
	struct err err = { 0 };
	CLEAN(key) struct key *private = load(P256_JWK);
	CLEAN(key) struct key *key = NULL;
	unsigned char *der = NULL;
	const unsigned char *p;
	int n = i2d_PUBKEY(key_evp(private), &der);
	size_t length = 0;

	(void)state;
	p = der;
	key = key_from_evp(d2i_PUBKEY(NULL, &p, n), &err);
	OPENSSL_free(der);
	assert_true(key_equal(key, private));
	assert_null(key_sign(key, "a", 1, &length, &err));
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_true(str_starts(err.text, "cannot sign: "));
}

static void *
sign_often(void *arg)
{
	for (int i = 0; i < 50; i++) {
		struct err err = { 0 };
		size_t length = 0;
		unsigned char *signature = key_sign(arg, "a.b", 3, &length, &err);

		if (signature == NULL || verify(arg, "a.b", signature, length) != 1)
			return arg;
		free(signature);
	}
	return NULL;
}

static void
test_threads_share_a_key(void **state)
{
	CLEAN(key) struct key *key = generate(KEY_EC_P256);
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_often, key), 0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		void *failed = NULL;

		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_types_have_names_and_are_found_by_them),
		cmocka_unit_test(test_rsa_keys_are_slow_to_make),
		cmocka_unit_test(test_ecdsa_numbers_are_padded),
		cmocka_unit_test(test_ed25519_signs_like_rfc_8037),
		cmocka_unit_test(test_signatures_have_their_length_and_verify),
		cmocka_unit_test(test_public_keys_cannot_sign),
		cmocka_unit_test(test_threads_share_a_key),
	};

	return cmocka_run_group_tests_name("key", tests, NULL, NULL);
}
