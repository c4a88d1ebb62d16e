/* SPDX-License-Identifier: ISC */
#include "common/crypto/jwk.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/crypto/keyparts.h"
#include "common/crypto/openssl.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

/* Octets on the stack that may be secret, and their text. */
struct number {
	unsigned char bytes[KEY_RSA_MOST / 8];
	size_t length;
};

static inline void
number_free_at(struct number *number)
{
	OPENSSL_cleanse(number, sizeof(*number));
}

static inline void
secret_text_free(char *text)
{
	if (text != NULL)
		secret_free(text, strlen(text));
}
DEFINE_CLEAN(secret_text, char);

/* ---- a key as JSON ---- */

static char *
print_ec(const struct key_kind *kind, const struct key *key)
{
	/* Of full width, whatever they begin with (RFC 7518, section 6.2.1.2). */
	CLEAN(string) char *x = base64url_encode(key->octets + 1, kind->size);
	CLEAN(string) char *y = base64url_encode(key->octets + 1 + kind->size, kind->size);

	return xasprintf("{\"crv\":\"%s\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
	    kind->curve, x, y);
}

static char *
print_ed25519(const struct key_kind *kind, const struct key *key)
{
	CLEAN(string) char *x = base64url_encode(key->octets, key->n_octets);

	return xasprintf("{\"crv\":\"%s\",\"kty\":\"OKP\",\"x\":\"%s\"}", kind->curve, x);
}

/* One number of a key as base64url without leading zeros; padded to `width`, if that is
 * not 0. NULL: the key has no such number. */
static char *
number_text(EVP_PKEY *pkey, const char *name, size_t width)
{
	CLEAN(number) struct number octets = { .length = 0 };
	CLEAN(bn) BIGNUM *n = NULL;

	if (EVP_PKEY_get_bn_param(pkey, name, &n) != 1 || BN_is_negative(n))
		return NULL;
	octets.length = width != 0 ? width : (size_t)BN_num_bytes(n);
	if (octets.length > sizeof(octets.bytes) ||
	    BN_bn2binpad(n, octets.bytes, (int)octets.length) == -1)
		return NULL;
	return base64url_encode(octets.bytes, octets.length);
}

static char *
print_rsa(EVP_PKEY *pkey)
{
	CLEAN(string) char *n = number_text(pkey, OSSL_PKEY_PARAM_RSA_N, 0);
	CLEAN(string) char *e = number_text(pkey, OSSL_PKEY_PARAM_RSA_E, 0);

	if (n == NULL || e == NULL)
		return NULL;
	return xasprintf("{\"e\":\"%s\",\"kty\":\"RSA\",\"n\":\"%s\"}", e, n);
}

char *
jwk_public_print(const struct key *key)
{
	const struct key_kind *kind = key_kind(key->type);

	if (kind->base == EVP_PKEY_EC)
		return print_ec(kind, key);
	if (kind->base == EVP_PKEY_RSA)
		return print_rsa(key->pkey);
	return print_ed25519(kind, key);
}

const char *
jwk_public_text(const struct key *key)
{
	return key->jwk;
}

struct json_object *
jwk_public(const struct key *key)
{
	return must(json_tokener_parse(key->jwk));
}

char *
jwk_thumbprint(const struct key *key)
{
	return xstrdup(key->thumbprint);
}

static int
add_number(struct json_object *doc, const char *member, EVP_PKEY *pkey, const char *name,
    size_t width)
{
	CLEAN(secret_text) char *text = number_text(pkey, name, width);

	if (text == NULL)
		return -1;
	/* Not by json_add_string(): that makes one more copy. */
	json_object_object_add(doc, member, must(json_object_new_string(text)));
	return 0;
}

static int
add_seed(struct json_object *doc, EVP_PKEY *pkey)
{
	CLEAN(number) struct number octets = { .length = KEY_ED25519_SIZE };
	CLEAN(secret_text) char *text = NULL;

	if (EVP_PKEY_get_raw_private_key(pkey, octets.bytes, &octets.length) != 1)
		return -1;
	text = base64url_encode(octets.bytes, octets.length);
	json_object_object_add(doc, "d", must(json_object_new_string(text)));
	return 0;
}

static const struct {
	const char *member, *name;
} rsa_members[] = {
	{ "d", OSSL_PKEY_PARAM_RSA_D },
	{ "p", OSSL_PKEY_PARAM_RSA_FACTOR1 },
	{ "q", OSSL_PKEY_PARAM_RSA_FACTOR2 },
	{ "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1 },
	{ "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2 },
	{ "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
};

static int
add_private(struct json_object *doc, const struct key *key)
{
	const struct key_kind *kind = key_kind(key->type);

	if (kind->base == EVP_PKEY_EC)
		return add_number(doc, "d", key->pkey, OSSL_PKEY_PARAM_PRIV_KEY,
		    kind->size);
	if (kind->base != EVP_PKEY_RSA)
		return add_seed(doc, key->pkey);
	for (size_t i = 0; i < sizeof(rsa_members) / sizeof(rsa_members[0]); i++) {
		if (add_number(doc, rsa_members[i].member, key->pkey, rsa_members[i].name,
			0) == -1)
			return -1;
	}
	return 0;
}

struct json_object *
jwk_private(const struct key *key, struct err *err)
{
	CLEAN(json) struct json_object *doc = jwk_public(key);

	if (add_private(doc, key) == -1) {
		ERR_clear_error();
		jwk_cleanse(doc);
		err_set(err, ERR_CONFIG, "the key has not all of its private numbers");
		return NULL;
	}
	return TAKE(doc);
}

/* json-c frees without overwriting. */
void
jwk_cleanse(struct json_object *doc)
{
	static const char *const secrets[] = { "d", "p", "q", "dp", "dq", "qi" };

	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		struct json_object *value = NULL;

		if (json_object_object_get_ex(doc, secrets[i], &value) &&
		    json_object_is_type(value, json_type_string))
			OPENSSL_cleanse((char *)json_object_get_string(value),
			    (size_t)json_object_get_string_len(value));
	}
}

/* ---- a key out of JSON ---- */

/* A member of at most `most` octets. certbot's old files are padded. */
static int
need_octets(struct json_object *jwk, const char *member, size_t most, struct number *ret,
    struct err *err)
{
	const char *text = NULL;
	unsigned char *bytes;
	size_t length = 0;

	if (json_need_string(jwk, member, &text, err) == -1)
		return -1;
	bytes = base64_decode_any(text, &length, err);
	if (bytes == NULL)
		return err_prefix(err, "%s", member);
	ret->length = 0;
	if (length <= most) {
		memcpy(ret->bytes, bytes, length);
		ret->length = length;
	}
	secret_free(bytes, length);
	if (ret->length == 0)
		return err_set(err, ERR_CONFIG, "%s: %zu octets are not 1 to %zu", member,
		    length, most);
	return 0;
}

static struct octets
octets_of(const struct number *number)
{
	return (struct octets){ number->bytes, number->length };
}

static void
refuse(const char *what, const char *name, struct err *err)
{
	CLEAN(string) char *shown = str_printable(name, 32);

	err_set(err, ERR_CONFIG, "%s %s is not supported", what, shown);
}

static const struct key_kind *
need_curve(struct json_object *jwk, struct err *err)
{
	const struct key_kind *kind = NULL;
	const char *curve = NULL;

	if (json_need_string(jwk, "crv", &curve, err) == -1)
		return NULL;
	kind = key_kind_of_curve(curve);
	if (kind == NULL || kind->base != EVP_PKEY_EC) {
		refuse("the curve", curve, err);
		return NULL;
	}
	return kind;
}

static int
need_point(struct json_object *jwk, const struct key_kind *kind, struct number *ret,
    struct err *err)
{
	struct number x = { .length = 0 }, y = { .length = 0 };

	if (need_octets(jwk, "x", kind->size, &x, err) == -1 ||
	    need_octets(jwk, "y", kind->size, &y, err) == -1)
		return -1;
	memset(ret->bytes, 0, 1 + 2 * kind->size);
	ret->length = 1 + 2 * kind->size;
	ret->bytes[0] = POINT_CONVERSION_UNCOMPRESSED;
	memcpy(ret->bytes + 1 + kind->size - x.length, x.bytes, x.length);
	memcpy(ret->bytes + 1 + 2 * kind->size - y.length, y.bytes, y.length);
	return 0;
}

static EVP_PKEY *
read_ec(struct json_object *jwk, struct err *err)
{
	const struct key_kind *kind = need_curve(jwk, err);
	CLEAN(number) struct number d = { .length = 0 };
	struct number point = { .length = 0 };

	if (kind == NULL || need_point(jwk, kind, &point, err) == -1 ||
	    need_octets(jwk, "d", kind->size, &d, err) == -1)
		return NULL;
	return key_make_ec(kind, octets_of(&d), octets_of(&point), err);
}

static EVP_PKEY *
read_ec_public(struct json_object *jwk, struct err *err)
{
	const struct key_kind *kind = need_curve(jwk, err);
	struct number point = { .length = 0 };

	if (kind == NULL || need_point(jwk, kind, &point, err) == -1)
		return NULL;
	return key_make_ec_public(kind, octets_of(&point), err);
}

static int
need_ed25519(struct json_object *jwk, struct number *x, struct err *err)
{
	const char *curve = NULL;

	if (json_need_string(jwk, "crv", &curve, err) == -1)
		return -1;
	if (!str_eq(curve, "Ed25519")) {
		refuse("the curve", curve, err);
		return -1;
	}
	return need_octets(jwk, "x", KEY_ED25519_SIZE, x, err);
}

static EVP_PKEY *
read_okp(struct json_object *jwk, struct err *err)
{
	CLEAN(number) struct number d = { .length = 0 };
	struct number x = { .length = 0 };

	if (need_ed25519(jwk, &x, err) == -1 ||
	    need_octets(jwk, "d", KEY_ED25519_SIZE, &d, err) == -1)
		return NULL;
	return key_make_ed25519(octets_of(&d), octets_of(&x), err);
}

static EVP_PKEY *
read_okp_public(struct json_object *jwk, struct err *err)
{
	struct number x = { .length = 0 };
	EVP_PKEY *pkey;

	if (need_ed25519(jwk, &x, err) == -1)
		return NULL;
	pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x.bytes, x.length);
	if (pkey == NULL)
		err_set(err, ERR_CONFIG, "not a valid Ed25519 key: %s", openssl_reason());
	return pkey;
}

struct rsa_numbers {
	BIGNUM *parts[RSA_PART_COUNT];
};

static inline void
rsa_numbers_free_at(struct rsa_numbers *numbers)
{
	for (int i = 0; i < RSA_PART_COUNT; i++)
		BN_clear_free(numbers->parts[i]);
}

static int
need_number(struct json_object *jwk, const char *member, BIGNUM **ret, struct err *err)
{
	CLEAN(number) struct number octets = { .length = 0 };
	CLEAN(bn) BIGNUM *n = must(BN_secure_new());

	if (need_octets(jwk, member, sizeof(octets.bytes), &octets, err) == -1)
		return -1;
	must(BN_bin2bn(octets.bytes, (int)octets.length, n));
	*ret = TAKE(n);
	return 0;
}

static EVP_PKEY *
read_rsa(struct json_object *jwk, struct err *err)
{
	CLEAN(rsa_numbers) struct rsa_numbers numbers = { 0 };
	BIGNUM **parts = numbers.parts;

	if (json_object_object_get_ex(jwk, "oth", NULL)) {
		err_set(err, ERR_CONFIG,
		    "RSA keys of more than two primes are not supported");
		return NULL;
	}
	if (need_number(jwk, "n", &parts[RSA_N], err) == -1 ||
	    need_number(jwk, "e", &parts[RSA_E], err) == -1 ||
	    need_number(jwk, "d", &parts[RSA_D], err) == -1)
		return NULL;
	if (json_object_object_get_ex(jwk, "p", NULL) &&
	    json_object_object_get_ex(jwk, "q", NULL) &&
	    (need_number(jwk, "p", &parts[RSA_P], err) == -1 ||
		need_number(jwk, "q", &parts[RSA_Q], err) == -1))
		return NULL;
	/* dp, dq and qi follow from these; files where they are missing are common. */
	return key_make_rsa(parts, err);
}

static EVP_PKEY *
read_rsa_public(struct json_object *jwk, struct err *err)
{
	CLEAN(rsa_numbers) struct rsa_numbers numbers = { 0 };
	BIGNUM **parts = numbers.parts;

	if (need_number(jwk, "n", &parts[RSA_N], err) == -1 ||
	    need_number(jwk, "e", &parts[RSA_E], err) == -1)
		return NULL;
	return key_make_rsa_public(parts[RSA_N], parts[RSA_E], err);
}

static const struct {
	const char *kty;
	EVP_PKEY *(*read)(struct json_object *jwk, struct err *err);
	EVP_PKEY *(*read_public)(struct json_object *jwk, struct err *err);
} readers[] = {
	{ "EC", read_ec, read_ec_public },
	{ "OKP", read_okp, read_okp_public },
	{ "RSA", read_rsa, read_rsa_public },
};

static EVP_PKEY *
read_jwk(struct json_object *jwk, bool private, struct err *err)
{
	const char *kty = NULL;

	if (json_need_string(jwk, "kty", &kty, err) == -1)
		return NULL;
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		if (str_eq(readers[i].kty, kty))
			return private ? readers[i].read(jwk, err)
				       : readers[i].read_public(jwk, err);
	}
	refuse("the key type", kty, err);
	return NULL;
}

EVP_PKEY *
jwk_to_evp(struct json_object *jwk, struct err *err)
{
	EVP_PKEY *pkey = read_jwk(jwk, true, err);

	if (pkey == NULL) {
		err->kind = ERR_CONFIG;
		err_prefix(err, "JWK");
	}
	return pkey;
}

EVP_PKEY *
jwk_public_to_evp(struct json_object *jwk, struct err *err)
{
	EVP_PKEY *pkey = read_jwk(jwk, false, err);

	if (pkey == NULL) {
		err->kind = ERR_PROTOCOL; /* it is somebody else's */
		err_prefix(err, "JWK");
	}
	return pkey;
}
