/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto/jwk.h"
#include "common/crypto/key.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/unit/vectors.h"

static struct key *
key_of(const char *jwk)
{
	struct err err = { 0 };
	CLEAN(json) struct json_object *doc = json_parse(jwk, strlen(jwk), &err);
	EVP_PKEY *pkey;
	struct key *key;

	assert_non_null(doc);
	pkey = jwk_to_evp(doc, &err);
	assert_string_equal(err.text, "");
	assert_non_null(pkey);
	key = key_from_evp(pkey, &err);
	assert_non_null(key);
	return key;
}

/* Vectors V1 to V6 of the project's list; those with short scalars have points that begin
 * with zeros. */
static const struct {
	const char *jwk, *public, *thumbprint;
	enum key_type type;
} vectors[] = {
	{ RSA_JWK, RSA_PUBLIC_JWK, RSA_THUMBPRINT, KEY_RSA_2048 },
	{ ED25519_JWK, ED25519_PUBLIC_JWK, ED25519_THUMBPRINT, KEY_ED25519 },
	{ P256_JWK, P256_PUBLIC_JWK, P256_THUMBPRINT, KEY_EC_P256 },
	{ P521_JWK, NULL, P521_THUMBPRINT, KEY_EC_P521 },
	{ "{\"kty\":\"EC\",\"crv\":\"P-256\","
	  "\"x\":\"AFVDiUrz0A7X10Cr29dclrBod7eH219w7qeLkKjXwAo\","
	  "\"y\":\"u0yFo9jqKe-q-iRAaRLdhNWxTcMr9lbvbGvVil2UP5I\",\"d\":\"AXs\"}",
	    NULL, "7Yxe6c_3bAa6kiaK1G-BZmi9EeNsUmlcbdnrtLeuK4E", KEY_EC_P256 },
	{ "{\"kty\":\"EC\",\"crv\":\"P-384\","
	  "\"x\":\"AE0QSybuVnH3LBDJhoQdPmXSheJRYWG3uqNBsSYxueMrbw1YlthDHFHV2To3y8kO\","
	  "\"y\":\"8RoeP4t7kFOO5CzADuk0puLuJVQWB9j7ZceosR4viGhTiG7vOGXskzIAufJVmfKf\","
	  "\"d\":\"xQ\"}",
	    NULL, "3zGgfCTYC-l6UH4_4PwByXaVX5czHdwQ2j1LDWQQiD0", KEY_EC_P384 },
	{ "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AABgqI2FlqLGWXstxORl39fnSgvLe4Y_"
	  "VvIcFBSll"
	  "YtipJWZb9hrjp54pnEseIfnXfzpcqBOEsuc-eAy_yrBr_8Z\",\"y\":\"ATPR_AqtuggGE1eNKYDHf-"
	  "Y"
	  "8t80KYNGt8rLlCNmsniqLHQxTiNHLsF8OLFjQHLzAWUWSk9SYKLYfR8Hy7euJFFKK\","
	  "\"d\":\"ARE\"}",
	    NULL, "N7gJAmladNfEtCcu4RyRk0JlEQ0PXnKLApy9tLqvBy4", KEY_EC_P521 },
};

static void
test_thumbprints_are_those_of_the_rfcs(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		CLEAN(key) struct key *key = key_of(vectors[i].jwk);
		CLEAN(string) char *thumbprint = jwk_thumbprint(key);

		assert_string_equal(thumbprint, vectors[i].thumbprint);
		assert_int_equal(key_type_of(key), vectors[i].type);
		if (vectors[i].public != NULL)
			assert_string_equal(jwk_public_text(key), vectors[i].public);
	}
}

static void
test_public_members_are_in_lexicographic_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(vectors); i++) {
		CLEAN(key) struct key *key = key_of(vectors[i].jwk);
		CLEAN(json) struct json_object *doc = jwk_public(key);
		CLEAN(string) char *text = json_print(doc);

		assert_string_equal(text, jwk_public_text(key));
		assert_null(strstr(text, "\"d\""));
	}
}

static void
test_generators_have_the_thumbprint_of_scalar_one(void **state)
{
	static const struct {
		const char *x_y, *thumbprint;
	} cases[] = {
		{ "\"crv\":\"P-256\","
		  "\"x\":\"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY\","
		  "\"y\":\"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU\"",
		    "xx0BcA-wMohw8atYDJOe6peGModklG2wRHBlXHMvl0M" },
		{ "\"crv\":\"P-384\",\"x\":"
		  "\"qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3\","
		  "\"y\":\"NhfeSpYmLG9dnpi_"
		  "kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f\"",
		    "-W6Wzot_wuerYbKBVKfGEks3iY2EALna-hBqObnPuJE" },
		{ "\"crv\":\"P-521\",\"x\":\"AMaFjga3BATpzZ4-y2YjlbRCnGSBOQU_"
		  "tSH4KK9ga009uqFLXnfv51ko_h3BJ6L_qN4zSLPBhWpCm_l-fjHC5b1m\","
		  "\"y\":\"ARg5KWp4mjvABFyKX7QsfRvZmPVESVebRGgXr70XJz5mLJfucple9CZAxVC5AT-"
		  "tB2E1PHCGonLCQIi-lHaf0WZQ\"",
		    "OeKGf9VndDjYwHKRd0dpgdELFndZEEkXwdriDA_fITE" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(string)
		char *jwk = xasprintf("{\"kty\":\"EC\",%s,\"d\":\"AQ\"}", cases[i].x_y);
		CLEAN(key) struct key *key = key_of(jwk);
		CLEAN(string) char *thumbprint = jwk_thumbprint(key);

		assert_string_equal(thumbprint, cases[i].thumbprint);
	}
}

static void
test_private_members_survive(void **state)
{
	static const char *const jwks[] = { RSA_JWK, ED25519_JWK, P256_JWK, P521_JWK };

	(void)state;
	for (size_t i = 0; i < COUNT(jwks); i++) {
		CLEAN(key) struct key *key = key_of(jwks[i]);
		struct err err = { 0 };
		CLEAN(json) struct json_object *doc = jwk_private(key, &err);
		CLEAN(json)
		struct json_object *first = json_parse(jwks[i], strlen(jwks[i]), &err);

		assert_non_null(doc);
		/* the order of members may differ */
		assert_true(json_object_equal(doc, first));
	}
}

static void
test_missing_members_of_rsa_are_computed(void **state)
{
	static const char *const jwks[] = { RSA_JWK_WITHOUT_CRT, RSA_JWK_WITHOUT_PRIMES };
	CLEAN(key) struct key *whole = key_of(RSA_JWK);

	(void)state;
	for (size_t i = 0; i < COUNT(jwks); i++) {
		CLEAN(key) struct key *key = key_of(jwks[i]);
		struct err err = { 0 };
		CLEAN(json) struct json_object *doc = jwk_private(key, &err);

		assert_true(key_equal(key, whole));
		assert_non_null(doc);
		/* factoring may find the primes in either order */
		assert_true(str_eq(json_get_string(doc, "p"), RSA_P_TEXT) ||
			    str_eq(json_get_string(doc, "p"), RSA_Q_TEXT));
	}
}

static void
test_members_may_be_padded(void **state)
{
	CLEAN(key)
	struct key *key = key_of("{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"" ED25519_X
				 "=\",\"d\":\"" ED25519_D "=\"}");
	CLEAN(string) char *thumbprint = jwk_thumbprint(key);

	(void)state;
	assert_string_equal(thumbprint, ED25519_THUMBPRINT);
}

static void
test_what_is_no_private_key_is_refused(void **state)
{
	static const struct {
		const char *jwk, *text;
	} cases[] = {
		{ "{}", "JWK: no \"kty\"" },
		{ "{\"kty\":7}", "JWK: no \"kty\"" },
		{ "{\"kty\":\"oct\",\"k\":\"AA\"}",
		    "JWK: the key type oct is not supported" },
		{ "{\"kty\":\"AKP\",\"alg\":\"ML-DSA-44\"}",
		    "JWK: the key type AKP is not supported" },
		{ "{\"kty\":\"a\\u001bb\"}", "JWK: the key type a?b is not supported" },
		{ "{\"kty\":\"EC\"}", "JWK: no \"crv\"" },
		{ "{\"kty\":\"EC\",\"crv\":\"secp256k1\"}",
		    "JWK: the curve secp256k1 is not supported" },
		{ "{\"kty\":\"EC\",\"crv\":\"Ed25519\"}",
		    "JWK: the curve Ed25519 is not supported" },
		{ "{\"kty\":\"OKP\",\"crv\":\"X25519\"}",
		    "JWK: the curve X25519 is not supported" },
		{ P256_PUBLIC_JWK, "JWK: no \"d\"" },
		{ ED25519_PUBLIC_JWK, "JWK: no \"d\"" },
		{ RSA_PUBLIC_JWK, "JWK: no \"d\"" },
		{ "{" P256_PUBLIC ",\"d\":\"AQ\"}",
		    "JWK: the public key does not fit the private one" },
		{ "{" ED25519_PUBLIC ",\"d\":\"" ED25519_X "\"}",
		    "JWK: the public key does not fit the private one" },
		{ "{" P256_PUBLIC ",\"d\":\"AA\"}",
		    "JWK: the private number is not of the curve P-256" },
		{ "{" P256_PUBLIC ",\"d\":\"" RSA_P_TEXT "\"}",
		    "JWK: d: 128 octets are not 1 to 32" },
		{ "{" P256_PUBLIC ",\"d\":\"\"}", "JWK: d: 0 octets are not 1 to 32" },
		{ "{" P256_PUBLIC ",\"d\":\"A B\"}",
		    "JWK: d: not base64: a character is not in the alphabet" },
		{ "{" ED25519_PUBLIC ",\"d\":\"AQ\"}",
		    "JWK: an Ed25519 key has 32 octets, this one has 1" },
		{ "{\"kty\":\"RSA\",\"n\":\"AQ\",\"e\":\"AQAB\",\"d\":\"AQ\"}",
		    "JWK: an RSA key of 1 bits is not supported: 2048 to 4096 are" },
		{ "{" RSA_PUBLIC ",\"d\":\"AQ\"}",
		    "JWK: the numbers of the RSA key do not fit each other" },
		{ "{" RSA_PUBLIC ",\"d\":\"" RSA_N_TEXT "\"}",
		    "JWK: the numbers of the RSA key do not fit each other" },
		{ "{" RSA_PUBLIC ",\"d\":\"" RSA_D_TEXT "\",\"p\":\"" RSA_P_TEXT
		  "\",\"q\":\"" RSA_P_TEXT "\"}",
		    "JWK: the numbers of the RSA key do not fit each other" },
		{ "{" RSA_PUBLIC ",\"d\":\"" RSA_D_TEXT "\",\"p\":\"AA\",\"q\":\"AQ\"}",
		    "JWK: the numbers of the RSA key do not fit each other" },
		{ "{" RSA_PUBLIC ",\"d\":\"" RSA_D_TEXT "\",\"oth\":[]}",
		    "JWK: RSA keys of more than two primes are not supported" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };
		CLEAN(json)
		struct json_object *doc =
		    json_parse(cases[i].jwk, strlen(cases[i].jwk), &err);

		assert_non_null(doc);
		assert_null(jwk_to_evp(doc, &err));
		assert_string_equal(err.text, cases[i].text);
		assert_int_equal(err.kind, ERR_CONFIG);
	}
}

static void
test_public_keys_need_no_private_members(void **state)
{
	static const char *const jwks[] = { P256_PUBLIC_JWK, ED25519_PUBLIC_JWK,
		RSA_PUBLIC_JWK };

	(void)state;
	for (size_t i = 0; i < COUNT(jwks); i++) {
		struct err err = { 0 };
		CLEAN(json)
		struct json_object *doc = json_parse(jwks[i], strlen(jwks[i]), &err);
		EVP_PKEY *pkey = jwk_public_to_evp(doc, &err);
		CLEAN(key) struct key *key = NULL;

		assert_non_null(pkey);
		key = key_from_evp(pkey, &err);
		assert_string_equal(jwk_public_text(key), jwks[i]);
		assert_null(jwk_private(key, &err));
		assert_string_equal(err.text, "the key has not all of its private numbers");
	}
}

static void
test_public_keys_of_others_are_checked(void **state)
{
	static const struct {
		const char *jwk, *text;
	} cases[] = {
		{ "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AQ\",\"y\":\"AQ\"}",
		    "JWK: not a valid EC key: " },
		{ "{\"kty\":\"RSA\",\"n\":\"" RSA_N_TEXT RSA_N_TEXT RSA_N_TEXT
		  "\",\"e\":\"AQAB\"}",
		    "JWK: n: 769 octets are not 1 to 512" },
		{ "{\"kty\":\"RSA\",\"n\":\"" RSA_N_TEXT "\",\"e\":\"" RSA_N_TEXT "\"}",
		    "JWK: the numbers of the RSA key do not fit each other" },
		{ "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AQ\"}",
		    "JWK: not a valid Ed25519 key: " },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };
		CLEAN(json)
		struct json_object *doc =
		    json_parse(cases[i].jwk, strlen(cases[i].jwk), &err);

		assert_non_null(doc);
		assert_null(jwk_public_to_evp(doc, &err));
		assert_true(str_starts(err.text, cases[i].text));
		assert_int_equal(err.kind, ERR_PROTOCOL);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thumbprints_are_those_of_the_rfcs),
		cmocka_unit_test(test_public_members_are_in_lexicographic_order),
		cmocka_unit_test(test_generators_have_the_thumbprint_of_scalar_one),
		cmocka_unit_test(test_private_members_survive),
		cmocka_unit_test(test_missing_members_of_rsa_are_computed),
		cmocka_unit_test(test_members_may_be_padded),
		cmocka_unit_test(test_what_is_no_private_key_is_refused),
		cmocka_unit_test(test_public_keys_need_no_private_members),
		cmocka_unit_test(test_public_keys_of_others_are_checked),
	};

	return cmocka_run_group_tests_name("jwk", tests, NULL, NULL);
}
