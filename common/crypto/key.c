/* SPDX-License-Identifier: ISC */
#include "common/crypto/key.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/crypto/keyparts.h"
#include "common/crypto/openssl.h"
#include "common/mem.h"
#include "common/str.h"

static const struct key_kind kinds[KEY_TYPE_COUNT] = {
	[KEY_EC_P256] = { "ec:P-256", "P-256", "ES256", "SHA256", EVP_PKEY_EC,
	    NID_X9_62_prime256v1, 32 },
	[KEY_EC_P384] = { "ec:P-384", "P-384", "ES384", "SHA384", EVP_PKEY_EC,
	    NID_secp384r1, 48 },
	[KEY_EC_P521] = { "ec:P-521", "P-521", "ES512", "SHA512", EVP_PKEY_EC,
	    NID_secp521r1, 66 },
	[KEY_RSA_2048] = { "rsa:2048", NULL, "RS256", "SHA256", EVP_PKEY_RSA, 0, 2048 },
	[KEY_RSA_3072] = { "rsa:3072", NULL, "RS256", "SHA256", EVP_PKEY_RSA, 0, 3072 },
	[KEY_RSA_4096] = { "rsa:4096", NULL, "RS256", "SHA256", EVP_PKEY_RSA, 0, 4096 },
	[KEY_ED25519] = { "ed25519", "Ed25519", "EdDSA", NULL, EVP_PKEY_ED25519, 0,
	    KEY_ED25519_SIZE },
};

/* ---- names ---- */

const struct key_kind *
key_kind(enum key_type type)
{
	return &kinds[type];
}

const struct key_kind *
key_kind_of_curve(const char *curve)
{
	for (size_t i = 0; i < KEY_TYPE_COUNT; i++) {
		if (kinds[i].curve != NULL && strcmp(kinds[i].curve, curve) == 0)
			return &kinds[i];
	}
	return NULL;
}

const struct key_kind *
key_kind_of_nid(int nid)
{
	for (size_t i = 0; i < KEY_TYPE_COUNT; i++) {
		if (kinds[i].nid != 0 && kinds[i].nid == nid)
			return &kinds[i];
	}
	return NULL;
}

const char *
key_type_name(enum key_type type)
{
	return (unsigned)type < KEY_TYPE_COUNT ? kinds[type].name : "unknown";
}

bool
key_type_is_slow(enum key_type type)
{
	return (unsigned)type < KEY_TYPE_COUNT && kinds[type].base == EVP_PKEY_RSA;
}

enum key_type
key_type_find(const char *name)
{
	enum key_type type = KEY_EC_P256;

	while (type < KEY_TYPE_COUNT && !str_eq(kinds[type].name, name))
		type++;
	return type;
}

const char *const *
key_type_names(void)
{
	/* In the order of the enum: a test compares them with the table. */
	static const char *const names[] = { "ec:P-256", "ec:P-384", "ec:P-521", "rsa:2048",
		"rsa:3072", "rsa:4096", "ed25519", NULL };

	return names;
}

/* ---- what kind it is ---- */

static enum key_type
type_of_ec(EVP_PKEY *pkey, struct err *err)
{
	char curve[64] = "without a name";
	const struct key_kind *kind;

	EVP_PKEY_get_group_name(pkey, curve, sizeof(curve), NULL);
	kind = key_kind_of_nid(OBJ_sn2nid(curve));
	if (kind != NULL)
		return (enum key_type)(kind - kinds);
	err_set(err, ERR_CONFIG, "the curve %s is not supported: P-256, P-384, P-521 are",
	    curve);
	return KEY_TYPE_COUNT;
}

static enum key_type
type_of_rsa(EVP_PKEY *pkey, struct err *err)
{
	int bits = EVP_PKEY_get_bits(pkey);

	if (bits >= KEY_RSA_LEAST && bits < 3072)
		return KEY_RSA_2048;
	if (bits >= 3072 && bits < KEY_RSA_MOST)
		return KEY_RSA_3072;
	if (bits == KEY_RSA_MOST)
		return KEY_RSA_4096;
	err_set(err, ERR_CONFIG, "an RSA key of %d bits is not supported: 2048 to 4096 are",
	    bits);
	return KEY_TYPE_COUNT;
}

enum key_type
key_type_of_evp(EVP_PKEY *pkey, struct err *err)
{
	enum key_type type = KEY_TYPE_COUNT;
	const char *name;

	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_EC:
		type = type_of_ec(pkey, err);
		break;
	case EVP_PKEY_RSA:
		type = type_of_rsa(pkey, err);
		break;
	case EVP_PKEY_ED25519:
		type = KEY_ED25519;
		break;
	default:
		name = EVP_PKEY_get0_type_name(pkey);
		err_set(err, ERR_CONFIG, "a key of type %s is not supported",
		    name != NULL ? name : "unknown");
	}
	ERR_clear_error();
	return type;
}

/* ---- making ---- */

static bool
get_point(struct key *key)
{
	return EVP_PKEY_get_octet_string_param(key->pkey, OSSL_PKEY_PARAM_PUB_KEY,
		   key->octets, sizeof(key->octets), &key->n_octets) == 1;
}

/* OpenSSL takes as long for this as for a fifth of a signature: once is enough. */
static bool
fill_octets(struct key *key)
{
	const struct key_kind *kind = &kinds[key->type];
	size_t length = 1 + 2 * kind->size;

	if (kind->base == EVP_PKEY_RSA)
		return true;
	if (kind->base == EVP_PKEY_ED25519) {
		key->n_octets = KEY_ED25519_SIZE;
		return EVP_PKEY_get_raw_public_key(key->pkey, key->octets,
			   &key->n_octets) == 1;
	}
	if (!get_point(key))
		return false;
	if (key->n_octets == length)
		return true;
	/* Keys remember the form they were read in. */
	return EVP_PKEY_set_utf8_string_param(key->pkey,
		   OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
		   OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_UNCOMPRESSED) == 1 &&
	       get_point(key) && key->n_octets == length;
}

static void
fill_thumbprint(struct key *key)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	size_t length = 0;
	CLEAN(string) char *text = NULL;

	/* Without SHA-256 nothing works: as good as no memory. */
	if (EVP_Q_digest(NULL, "SHA256", NULL, key->jwk, strlen(key->jwk), digest,
		&length) != 1)
		must_pointer(NULL, "SHA256");
	text = base64url_encode(digest, length);
	memcpy(key->thumbprint, text, sizeof(key->thumbprint));
}

struct key *
key_from_evp(EVP_PKEY *pkey, struct err *err)
{
	CLEAN(pkey) EVP_PKEY *owned = pkey;
	CLEAN(key) struct key *key = NULL;
	enum key_type type = key_type_of_evp(pkey, err);

	if (type == KEY_TYPE_COUNT)
		return NULL;
	key = xcalloc(1, sizeof(*key));
	key->pkey = TAKE(owned);
	key->type = type;
	if (fill_octets(key))
		key->jwk = jwk_public_print(key);
	if (key->jwk == NULL) {
		err_set(err, ERR_CONFIG, "the key has no usable public part: %s",
		    openssl_reason());
		return NULL;
	}
	fill_thumbprint(key);
	return TAKE(key);
}

struct key *
key_generate(enum key_type type, struct err *err)
{
	const struct key_kind *kind = &kinds[type];
	EVP_PKEY *pkey;

	if (kind->base == EVP_PKEY_EC)
		pkey = EVP_EC_gen(kind->curve);
	else if (kind->base == EVP_PKEY_RSA)
		pkey = EVP_RSA_gen(kind->size);
	else
		pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	if (pkey == NULL) {
		err_set(err, ERR_SYSTEM, "cannot make a key of type %s: %s", kind->name,
		    openssl_reason());
		return NULL;
	}
	return key_from_evp(pkey, err);
}

void
key_free(struct key *key)
{
	if (key == NULL)
		return;
	EVP_PKEY_free(key->pkey);
	free(key->jwk);
	free(key);
}

/* ---- asking ---- */

enum key_type
key_type_of(const struct key *key)
{
	return key->type;
}

EVP_PKEY *
key_evp(const struct key *key)
{
	return key->pkey;
}

const unsigned char *
key_public_octets(const struct key *key, size_t *length)
{
	*length = key->n_octets;
	return key->n_octets > 0 ? key->octets : NULL;
}

bool
key_equal(const struct key *a, const struct key *b)
{
	return str_eq(a->jwk, b->jwk);
}

const char *
key_jws_alg(const struct key *key)
{
	return kinds[key->type].alg;
}

const char *
key_digest(const struct key *key)
{
	return kinds[key->type].digest;
}

/* ---- signing ---- */

static inline void
ecdsa_sig_free(ECDSA_SIG *sig)
{
	ECDSA_SIG_free(sig);
}
DEFINE_CLEAN(ecdsa_sig, ECDSA_SIG);

int
key_ecdsa_raw(const unsigned char *der, size_t length, size_t width, unsigned char *out,
    struct err *err)
{
	const unsigned char *end = der;
	CLEAN(ecdsa_sig) ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &end, (long)length);

	if (sig == NULL || end != der + length)
		return err_set(err, ERR_SYSTEM, "not an ECDSA signature: %s",
		    openssl_reason());
	if (BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, (int)width) == -1 ||
	    BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + width, (int)width) == -1)
		return err_set(err, ERR_SYSTEM, "not an ECDSA signature: %s",
		    openssl_reason());
	return 0;
}

unsigned char *
key_sign(const struct key *key, const void *data, size_t length, size_t *signature_length,
    struct err *err)
{
	const struct key_kind *kind = &kinds[key->type];
	CLEAN(md_ctx) EVP_MD_CTX *ctx = must(EVP_MD_CTX_new());
	unsigned char signature[KEY_RSA_MOST / 8], raw[2 * KEY_FIELD_MOST];
	size_t n = sizeof(signature);

	if (EVP_DigestSignInit_ex(ctx, NULL, kind->digest, NULL, NULL, key->pkey, NULL) !=
		1 ||
	    EVP_DigestSign(ctx, signature, &n, data, length) != 1) {
		err_set(err, ERR_SYSTEM, "cannot sign: %s", openssl_reason());
		return NULL;
	}
	if (kind->base != EVP_PKEY_EC) {
		*signature_length = n;
		return xmemdup(signature, n);
	}
	if (key_ecdsa_raw(signature, n, kind->size, raw, err) == -1)
		return NULL;
	*signature_length = 2 * kind->size;
	return xmemdup(raw, 2 * kind->size);
}
