/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/crypto/jwk.h"
#include "common/crypto/key.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/jws.h"
#include "tests/unit/vectors.h"

static struct key *
load(const char *text)
{
	struct err err = { 0 };
	struct key *key = key_load(text, strlen(text), NULL, NULL, &err);

	assert_non_null(key);
	return key;
}

/* The JWS as a document. */
static struct json_object *
sign(const char *jwk, const struct jws_header *header, const char *payload)
{
	CLEAN(key) struct key *key = load(jwk);
	struct err err = { 0 };
	CLEAN(string) char *text = jws_sign(key, header, payload, &err);
	struct json_object *doc;

	assert_non_null(text);
	doc = json_parse(text, strlen(text), &err);
	assert_non_null(doc);
	assert_int_equal(json_object_object_length(doc), 3);
	return doc;
}

static char *
decoded(struct json_object *doc, const char *member)
{
	struct err err = { 0 };
	size_t length = 0;
	char *text = (char *)base64url_decode(json_get_string(doc, member), &length, &err);

	assert_non_null(text);
	assert_int_equal(strlen(text), length);
	return text;
}

static void
test_new_account_carries_the_public_key(void **state)
{
	const struct jws_header header = { .url = "https://ca.example/acme/new-acct",
		.nonce = "bm9uY2UtMDAwMQ" };
	CLEAN(json)
	struct json_object *doc = sign(RSA_JWK, &header, "{\"termsOfServiceAgreed\":true}");
	CLEAN(string) char *protected = decoded(doc, "protected");

	(void)state;
	assert_string_equal(protected,
	    "{\"alg\":\"RS256\",\"jwk\":" RSA_PUBLIC_JWK ",\"nonce\":\"bm9uY2UtMDAwMQ\","
	    "\"url\":\"https://ca.example/acme/new-acct\"}");
	assert_string_equal(json_get_string(doc, "payload"),
	    "eyJ0ZXJtc09mU2VydmljZUFncmVlZCI6dHJ1ZX0");
	assert_string_equal(json_get_string(doc, "signature"),
	    "c2_tloxEp6jCwiVgk-d0BeAEY_fKzHdHgD3O6WqK-iG0nGrq9J0Mq610kbZhR-k26tE9WRCx"
	    "jfaHOTzKOA5DaiLJGMc_p7-O4U-2zH0_1MOV-j830eP_l2YZntYUOKokMklErN4GCHCYQ9FR"
	    "FmGTB6Fl5HM2TsG3MhnMYRIctQzuE9ow3NCrr1e3f5iV9RNT_EnfWaEJY9zSLd3QV_m-kZag"
	    "sIVlf19UF_hsO14ynyXqTZl1OaJTbsfj4cD0Y2ZfNxdOnFrPE3Fk7KSiH0703R0pQTgBCxwi"
	    "mxWArdfQ4fHc5QrYvzvmv0zj22wAofyiqrSLoMpOQC2h_UJ8RFeOeg");
}

static const struct jws_header order = { .url = "https://ca.example/acme/order/1",
	.nonce = "bm9uY2UtMDAwMg",
	.kid = "https://ca.example/acct/123" };

static void
test_post_as_get_has_an_empty_payload(void **state)
{
	static const struct {
		const char *jwk, *signature;
	} cases[] = {
		{ ED25519_JWK, "kdlmtSEqDqaDLReCYjMmB82U2eTwkfnuhzNetaRa161aaDSg7eiIdn5vGEJ"
			       "Orl-_iIzfJ8Ig"
			       "8nLNflJuyOMnBA" },
		{ RSA_JWK, "WHvU9OXcAy8sGBUw3mS2sVEXxdgS_y3CuJ32tfKt23EB8zg_"
			   "Il8pMRWVPyywFj5gUw-x3vQV"
			   "u1-53LxHC0OvX8rS9oC61LY5K9brZE7MoBQfR9Mn_"
			   "5JFQH2gNx5kZZB7ItJUI00YmF2NItEA"
			   "bNYukbwoIjcTndHxMTvubPLt_UBa_bHbCFIhozJ0Y4H0EZJQKpuW2szmcdz-"
			   "f212yOj3v0_C"
			   "RloD8u7v6oiOPtWW15WLtk6ExMkDQAS6mwf4oE0Ijq14IARRliEwbL66HAFO6Eu"
			   "2BuxoWq3f"
			   "hM0zNY_9j95dqCBhK7w6mGiW9_bPETcmIYZ2XfLrFhGRU9RVN33sQQ" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(json) struct json_object *doc = sign(cases[i].jwk, &order, "");

		assert_string_equal(json_get_string(doc, "payload"), "");
		assert_string_equal(json_get_string(doc, "signature"), cases[i].signature);
	}
}

static void
test_the_text_is_the_flattened_serialization(void **state)
{
	CLEAN(key) struct key *key = load(ED25519_JWK);
	struct err err = { 0 };
	CLEAN(string) char *text = jws_sign(key, &order, "", &err);

	(void)state;
	assert_string_equal(text,
	    "{\"protected\":\""
	    "eyJhbGciOiJFZERTQSIsImtpZCI6Imh0dHBzOi8vY2EuZXhhbXBsZS9hY2N0LzEyMyIsIm5v"
	    "bmNlIjoiYm05dVkyVXRNREF3TWciLCJ1cmwiOiJodHRwczovL2NhLmV4YW1wbGUvYWNtZS9v"
	    "cmRlci8xIn0"
	    "\",\"payload\":\"\",\"signature\":\""
	    "kdlmtSEqDqaDLReCYjMmB82U2eTwkfnuhzNetaRa161aaDSg7eiIdn5vGEJOrl-_iIzfJ8Ig"
	    "8nLNflJuyOMnBA"
	    "\"}");
}

static void
test_the_inner_jws_of_a_key_change_has_no_nonce(void **state)
{
	const struct jws_header header = { .url = "https://ca.example/acme/key-change" };
	CLEAN(json)
	struct json_object *doc = sign(ED25519_JWK, &header,
	    "{\"account\":\"https://ca.example/acct/123\",\"oldKey\":" P256_PUBLIC_JWK "}");

	(void)state;
	assert_string_equal(json_get_string(doc, "protected"),
	    "eyJhbGciOiJFZERTQSIsImp3ayI6eyJjcnYiOiJFZDI1NTE5Iiwia3R5IjoiT0tQIiwieCI6"
	    "IjExcVlBWUt4Q3JmVlNfN1R5V1FIT2c3aGN2UGFwaU1scndJYWFQY0hVUm8ifSwidXJsIjoi"
	    "aHR0cHM6Ly9jYS5leGFtcGxlL2FjbWUva2V5LWNoYW5nZSJ9");
	assert_string_equal(json_get_string(doc, "payload"),
	    "eyJhY2NvdW50IjoiaHR0cHM6Ly9jYS5leGFtcGxlL2FjY3QvMTIzIiwib2xkS2V5Ijp7ImNy"
	    "diI6IlAtMjU2Iiwia3R5IjoiRUMiLCJ4IjoiZjgzT0ozRDJ4RjFCZzh2dWI5dExlMWdITXpW"
	    "NzZlOFR1czl1UEh2UlZFVSIsInkiOiJ4X0ZFelJ1OW0zNkhMTl90dWU2NTlMTnBYVzZwQ3lT"
	    "dGlrWWpLSVdJNWEwIn19");
	assert_string_equal(json_get_string(doc, "signature"),
	    "4LKrjoT22HO6bjQx7OXo4elQ39-JewkM3CP-g81s9oqe9XAUv0Q8FrxSZ1Ia9O78UwOAhroY"
	    "dAPLq0yRV67eBQ");
}

static void
test_header_values_are_escaped(void **state)
{
	const struct jws_header header = { .url = "https://x/\"\\\n\x01\x7f"
						  "/b\xc3\xbc",
		.kid = "\"" };
	CLEAN(json) struct json_object *doc = sign(ED25519_JWK, &header, "{}");
	CLEAN(string) char *protected = decoded(doc, "protected");
	struct err err = { 0 };
	CLEAN(json)
	struct json_object *read = json_parse(protected, strlen(protected), &err);

	(void)state;
	assert_string_equal(protected, "{\"alg\":\"EdDSA\",\"kid\":\"\\\"\",\"url\":"
				       "\"https://x/\\\"\\\\\\u000a\\u0001\x7f"
				       "/b\xc3\xbc\"}");
	assert_string_equal(json_get_string(read, "url"), header.url);
	assert_string_equal(json_get_string(read, "kid"), header.kid);
}

static void
test_ecdsa_signatures_are_of_fixed_width(void **state)
{
	static const struct {
		const char *jwk, *alg;
		size_t length;
	} cases[] = {
		{ P256_JWK, "{\"alg\":\"ES256\",", 64 },
		{ P521_JWK, "{\"alg\":\"ES512\",", 132 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(json) struct json_object *doc = sign(cases[i].jwk, &order, "{}");
		CLEAN(string) char *protected = decoded(doc, "protected");
		struct err err = { 0 };
		size_t length = 0;

		free(base64url_decode(json_get_string(doc, "signature"), &length, &err));
		assert_int_equal(length, cases[i].length);
		assert_true(str_starts(protected, cases[i].alg));
	}
}

/* ---- external account binding ---- */

#define NEW_ACCOUNT "https://localhost:14000/sign-me-up"

/* Pebble's test key kid-1 */
static unsigned char *
secret_of_pebble(size_t *length)
{
	struct err err = { 0 };
	unsigned char *secret = base64_decode_any(
	    "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W", length,
	    &err);

	assert_non_null(secret);
	assert_int_equal(*length, 48);
	return secret;
}

static void
test_account_bindings_are_maced_with_the_decoded_secret(void **state)
{
	static const struct {
		const char *alg, *signature;
	} cases[] = {
		{ "HS256", "JerwpBYp3xRnaRwF0vv3m5APeHVVv3mUOj5VJ_9KHcs" },
		{ "HS384",
		    "4A2j2ItY62SUO_FqyKp4Q3KfbO2xeA1-N71X-C9pJtT98wzSXmVnYYcbVkuVx0ID" },
		{ "HS512", "RO-mTluQEhyUw82iFLfrLgtUY-kYcOtYQ3sRXjXb3lABSahXB8Ly2L_"
			   "NS09HfawUAh2tOXUn"
			   "g8I5-ux8PXsHNQ" },
	};
	CLEAN(key) struct key *key = load(P256_PEM);
	struct jws_eab eab = { .kid = "kid-1" };
	unsigned char *secret = secret_of_pebble(&eab.secret_length);

	(void)state;
	eab.secret = secret;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };
		CLEAN(json) struct json_object *doc = NULL;

		eab.alg = cases[i].alg;
		doc = jws_bind(key, &eab, NEW_ACCOUNT, &err);
		assert_non_null(doc);
		assert_string_equal(json_get_string(doc, "signature"), cases[i].signature);
		assert_string_equal(json_get_string(doc, "payload"),
		    "eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImY4M09KM0QyeEYxQmc4dnViOXRMZT"
		    "Fn"
		    "SE16Vjc2ZThUdXM5dVBIdlJWRVUiLCJ5IjoieF9GRXpSdTltMzZITE5fdHVlNjU5TE5wWF"
		    "c2"
		    "cEN5U3Rpa1lqS0lXSTVhMCJ9");
		if (i == 0)
			assert_string_equal(json_get_string(doc, "protected"),
			    "eyJhbGciOiJIUzI1NiIsImtpZCI6ImtpZC0xIiwidXJsIjoiaHR0cHM6Ly9sb2"
			    "NhbGhvc3Q6"
			    "MTQwMDAvc2lnbi1tZS11cCJ9");
	}
	free(secret);
}

static void
test_bindings_that_cannot_be_made_are_refused(void **state)
{
	static const struct {
		struct jws_eab eab;
		const char *text;
	} cases[] = {
		{ { "k", "RS256", "x", 1 },
		    "the algorithm of an external account binding is "
		    "HS256, HS384 or HS512, not RS256" },
		{ { "k", "none", "x", 1 },
		    "the algorithm of an external account binding is "
		    "HS256, HS384 or HS512, not none" },
		{ { "k", "HS256", "", 0 }, "the secret of the external account is empty" },
	};
	CLEAN(key) struct key *key = load(P256_PEM);

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };

		assert_null(jws_bind(key, &cases[i].eab, NEW_ACCOUNT, &err));
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_string_equal(err.text, cases[i].text);
	}
}

/* V15: what goes into a TXT record. */
static void
test_key_authorizations_are_token_dot_thumbprint(void **state)
{
	static const struct {
		const char *jwk, *digest;
	} cases[] = {
		{ ED25519_JWK, "n3rztfDtTAOtlye7bRdUvjki3axVOyRSzxwYAVFuQag" },
		{ RSA_JWK, "_cC5rvB9vM8qzT3MTBcTeVpQwtbNypBXyQnE4fhM9QQ" },
		{ P256_PEM, "TsRKynps8WR2t_mg14_-b9KAPI5z6dVS6CzKil2SuXU" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEAN(key) struct key *key = load(cases[i].jwk);
		CLEAN(string) char *thumbprint = jwk_thumbprint(key);
		CLEAN(string)
		char *text =
		    xasprintf("LoqXcYV8q5ONbJQxbmR7SCTNo3tiAXDfowyjxAjEuX0.%s", thumbprint);
		CLEAN(string) char *encoded = NULL;
		unsigned char digest[32];

		assert_int_equal(strlen(text), 87);
		assert_int_equal(EVP_Q_digest(NULL, "SHA256", NULL, text, strlen(text),
				     digest, NULL),
		    1);
		encoded = base64url_encode(digest, sizeof(digest));
		assert_string_equal(encoded, cases[i].digest);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_new_account_carries_the_public_key),
		cmocka_unit_test(test_post_as_get_has_an_empty_payload),
		cmocka_unit_test(test_the_text_is_the_flattened_serialization),
		cmocka_unit_test(test_the_inner_jws_of_a_key_change_has_no_nonce),
		cmocka_unit_test(test_header_values_are_escaped),
		cmocka_unit_test(test_ecdsa_signatures_are_of_fixed_width),
		cmocka_unit_test(test_account_bindings_are_maced_with_the_decoded_secret),
		cmocka_unit_test(test_bindings_that_cannot_be_made_are_refused),
		cmocka_unit_test(test_key_authorizations_are_token_dot_thumbprint),
	};

	return cmocka_run_group_tests_name("jws", tests, NULL, NULL);
}
