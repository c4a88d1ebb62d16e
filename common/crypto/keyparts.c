/* SPDX-License-Identifier: ISC */
#include "common/crypto/keyparts.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <string.h>

#include "common/crypto/openssl.h"
#include "common/mem.h"

OPENSSL_CLEAN(group, EC_GROUP, EC_GROUP_free);
OPENSSL_CLEAN(point, EC_POINT, EC_POINT_clear_free);

#define POINT_MOST (1 + 2 * KEY_FIELD_MOST)

static EVP_PKEY *
from_parameters(const char *type, int selection, OSSL_PARAM_BLD *build, struct err *err)
{
	CLEAN(param) OSSL_PARAM *parameters = must(OSSL_PARAM_BLD_to_param(build));
	CLEAN(pkey_ctx)
	EVP_PKEY_CTX *ctx = must(EVP_PKEY_CTX_new_from_name(NULL, type, NULL));
	EVP_PKEY *pkey = NULL;

	if (EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, selection, parameters) != 1) {
		err_set(err, ERR_CONFIG, "not a valid %s key: %s", type, openssl_reason());
		return NULL;
	}
	return pkey;
}

/* ---- elliptic curves ---- */

/* OpenSSL does not make the public part of a scalar in EVP_PKEY_fromdata(), and does not
 * compare it with one that is given. */
static int
point_of_scalar(const struct key_kind *kind, const BIGNUM *scalar, unsigned char *out,
    struct err *err)
{
	CLEAN(group) EC_GROUP *group = must(EC_GROUP_new_by_curve_name(kind->nid));
	CLEAN(point) EC_POINT *point = must(EC_POINT_new(group));
	CLEAN(bn_ctx) BN_CTX *ctx = must(BN_CTX_secure_new());
	size_t length = 1 + 2 * kind->size;

	if (BN_is_zero(scalar) || BN_cmp(scalar, EC_GROUP_get0_order(group)) >= 0)
		return err_set(err, ERR_CONFIG, "the private number is not of the curve %s",
		    kind->curve);
	if (EC_POINT_mul(group, point, scalar, NULL, NULL, ctx) != 1 ||
	    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out, length,
		ctx) != length)
		return err_set(err, ERR_CONFIG, "cannot compute the public key: %s",
		    openssl_reason());
	return 0;
}

/* Any encoding of the point; ours is the uncompressed one. */
static bool
same_point(const struct key_kind *kind, struct octets given, const unsigned char *computed)
{
	size_t length = 1 + 2 * kind->size;

	if (given.length == length && given.bytes[0] == POINT_CONVERSION_UNCOMPRESSED)
		return memcmp(given.bytes, computed, length) == 0;
	return given.length == 1 + kind->size &&
	       given.bytes[0] ==
		   (POINT_CONVERSION_COMPRESSED | (computed[length - 1] & 1)) &&
	       memcmp(given.bytes + 1, computed + 1, kind->size) == 0;
}

EVP_PKEY *
key_make_ec(const struct key_kind *kind, struct octets scalar, struct octets point,
    struct err *err)
{
	CLEAN(param_bld) OSSL_PARAM_BLD *build = NULL;
	CLEAN(bn) BIGNUM *d = NULL;
	unsigned char computed[POINT_MOST];
	bool built;

	if (scalar.length > kind->size) {
		err_set(err, ERR_CONFIG, "the private number is not of the curve %s",
		    kind->curve);
		return NULL;
	}
	/* In "secure" memory OpenSSL keeps it secret in the parameters, too. */
	d = must(BN_secure_new());
	must(BN_bin2bn(scalar.bytes, (int)scalar.length, d));
	BN_set_flags(d, BN_FLG_CONSTTIME);
	if (point_of_scalar(kind, d, computed, err) == -1)
		return NULL;
	if (point.bytes != NULL && !same_point(kind, point, computed)) {
		err_set(err, ERR_CONFIG, "the public key does not fit the private one");
		return NULL;
	}

	build = must(OSSL_PARAM_BLD_new());
	built =
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, kind->curve,
		0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, computed,
		1 + 2 * kind->size) == 1 &&
	    /* of fixed width: its length shows nothing of it */
	    OSSL_PARAM_BLD_push_BN_pad(build, OSSL_PKEY_PARAM_PRIV_KEY, d, kind->size) == 1;
	must(built ? build : NULL);
	return from_parameters("EC", EVP_PKEY_KEYPAIR, build, err);
}

EVP_PKEY *
key_make_ec_public(const struct key_kind *kind, struct octets point, struct err *err)
{
	CLEAN(param_bld) OSSL_PARAM_BLD *build = must(OSSL_PARAM_BLD_new());
	bool built = OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME,
			 kind->curve, 0) == 1 &&
		     OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
			 point.bytes, point.length) == 1;

	must(built ? build : NULL);
	/* This checks that the point is on the curve. */
	return from_parameters("EC", EVP_PKEY_PUBLIC_KEY, build, err);
}

/* ---- Ed25519 ---- */

EVP_PKEY *
key_make_ed25519(struct octets seed, struct octets public, struct err *err)
{
	CLEAN(pkey) EVP_PKEY *pkey = NULL;
	unsigned char computed[KEY_ED25519_SIZE];
	size_t length = sizeof(computed);

	if (seed.length != KEY_ED25519_SIZE) {
		err_set(err, ERR_CONFIG, "an Ed25519 key has %d octets, this one has %zu",
		    KEY_ED25519_SIZE, seed.length);
		return NULL;
	}
	pkey =
	    EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed.bytes, seed.length);
	if (pkey == NULL || EVP_PKEY_get_raw_public_key(pkey, computed, &length) != 1) {
		err_set(err, ERR_CONFIG, "not a valid Ed25519 key: %s", openssl_reason());
		return NULL;
	}
	if (public.bytes != NULL &&
	    (public.length != length || memcmp(public.bytes, computed, length) != 0)) {
		err_set(err, ERR_CONFIG, "the public key does not fit the private one");
		return NULL;
	}
	return TAKE(pkey);
}

/* ---- RSA ---- */

static int
refuse_rsa(struct err *err)
{
	ERR_clear_error();
	return err_set(err, ERR_CONFIG, "the numbers of the RSA key do not fit each other");
}

/* Bounded before there is any arithmetic with them. */
static int
check_rsa_size(const BIGNUM *n, const BIGNUM *e, struct err *err)
{
	int bits = BN_num_bits(n);

	if (bits < KEY_RSA_LEAST || bits > KEY_RSA_MOST)
		return err_set(err, ERR_CONFIG,
		    "an RSA key of %d bits is not supported: 2048 to 4096 are", bits);
	if (!BN_is_odd(n) || !BN_is_odd(e) || BN_is_one(e) || BN_num_bits(e) > 64)
		return refuse_rsa(err);
	return 0;
}

/* One try of finding a root of 1 other than 1 and -1: base^(r * 2^i) for some i. */
static bool
try_base(BN_ULONG base, const BIGNUM *n, const BIGNUM *odd, int twos, BIGNUM *root,
    BN_CTX *ctx)
{
	CLEAN(bn) BIGNUM *square = must(BN_new());
	CLEAN(bn) BIGNUM *minus_one = must(BN_dup(n));

	if (BN_sub_word(minus_one, 1) != 1 || BN_set_word(root, base) != 1 ||
	    BN_mod_exp_mont_consttime(root, root, odd, n, ctx, NULL) != 1)
		return false;
	for (int i = 0; i < twos; i++) {
		if (BN_is_one(root) || BN_cmp(root, minus_one) == 0)
			return false;
		if (BN_mod_sqr(square, root, n, ctx) != 1)
			return false;
		if (BN_is_one(square))
			return true;
		must(BN_copy(root, square));
	}
	return false;
}

/* The primes out of n, e and d (NIST SP 800-56B, appendix C): d * e - 1 is a multiple of
 * the order of every number, so half of all bases lead to a root of 1. */
static int
factor(BIGNUM *const parts[RSA_PART_COUNT], BIGNUM *p, BIGNUM *q, struct err *err)
{
	CLEAN(bn_ctx) BN_CTX *ctx = must(BN_CTX_secure_new());
	CLEAN(bn) BIGNUM *odd = must(BN_secure_new());
	CLEAN(bn) BIGNUM *root = must(BN_secure_new());
	int twos = 0;

	if (BN_mul(odd, parts[RSA_D], parts[RSA_E], ctx) != 1 || BN_sub_word(odd, 1) != 1 ||
	    BN_is_zero(odd) || BN_is_odd(odd))
		return refuse_rsa(err);
	while (!BN_is_bit_set(odd, twos))
		twos++;
	if (BN_rshift(odd, odd, twos) != 1)
		return refuse_rsa(err);
	/* All 30 odd primes up to here fail for one key in 2^30, and for what is no key. */
	for (BN_ULONG base = 3; base < 128; base += 2) {
		if (!try_base(base, parts[RSA_N], odd, twos, root, ctx))
			continue;
		if (BN_sub_word(root, 1) != 1 || BN_gcd(p, root, parts[RSA_N], ctx) != 1 ||
		    BN_div(q, NULL, parts[RSA_N], p, ctx) != 1)
			break;
		return 0;
	}
	return refuse_rsa(err);
}

struct crt {
	BIGNUM *dp, *dq, *qi;
};

static inline void
crt_free_at(struct crt *crt)
{
	BN_clear_free(crt->dp);
	BN_clear_free(crt->dq);
	BN_clear_free(crt->qi);
}

/* d mod (p - 1), d mod (q - 1), q^-1 mod p (RFC 8017, section 3.2). */
static int
compute_crt(struct crt *crt, const BIGNUM *d, const BIGNUM *p, const BIGNUM *q,
    struct err *err)
{
	CLEAN(bn_ctx) BN_CTX *ctx = must(BN_CTX_secure_new());
	CLEAN(bn) BIGNUM *p1 = must(BN_dup(p));
	CLEAN(bn) BIGNUM *q1 = must(BN_dup(q));

	crt->dp = must(BN_secure_new());
	crt->dq = must(BN_secure_new());
	crt->qi = must(BN_secure_new());
	BN_set_flags(p1, BN_FLG_CONSTTIME);
	BN_set_flags(q1, BN_FLG_CONSTTIME);
	if (BN_sub_word(p1, 1) != 1 || BN_sub_word(q1, 1) != 1 ||
	    BN_mod(crt->dp, d, p1, ctx) != 1 || BN_mod(crt->dq, d, q1, ctx) != 1 ||
	    BN_mod_inverse(crt->qi, q, p, ctx) == NULL)
		return refuse_rsa(err);
	return 0;
}

static EVP_PKEY *
build_rsa(BIGNUM *const parts[RSA_PART_COUNT], const BIGNUM *p, const BIGNUM *q,
    struct err *err)
{
	CLEAN(param_bld) OSSL_PARAM_BLD *build = must(OSSL_PARAM_BLD_new());
	CLEAN(crt) struct crt crt = { 0 };
	bool built;

	if (compute_crt(&crt, parts[RSA_D], p, q, err) == -1)
		return NULL;
	built =
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, parts[RSA_N]) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, parts[RSA_E]) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_D, parts[RSA_D]) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_FACTOR1, p) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_FACTOR2, q) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_EXPONENT1, crt.dp) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_EXPONENT2, crt.dq) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, crt.qi) == 1;
	must(built ? build : NULL);
	return from_parameters("RSA", EVP_PKEY_KEYPAIR, build, err);
}

EVP_PKEY *
key_make_rsa(BIGNUM *const parts[RSA_PART_COUNT], struct err *err)
{
	CLEAN(bn) BIGNUM *p = must(BN_secure_new());
	CLEAN(bn) BIGNUM *q = must(BN_secure_new());
	CLEAN(pkey) EVP_PKEY *pkey = NULL;
	CLEAN(pkey_ctx) EVP_PKEY_CTX *ctx = NULL;

	if (check_rsa_size(parts[RSA_N], parts[RSA_E], err) == -1)
		return NULL;
	for (int i = RSA_D; i < RSA_PART_COUNT; i++) {
		if (parts[i] != NULL && BN_num_bits(parts[i]) > KEY_RSA_MOST) {
			refuse_rsa(err);
			return NULL;
		}
	}
	if (parts[RSA_P] != NULL && parts[RSA_Q] != NULL) {
		must(BN_copy(p, parts[RSA_P]));
		must(BN_copy(q, parts[RSA_Q]));
	} else if (factor(parts, p, q, err) == -1) {
		return NULL;
	}
	pkey = build_rsa(parts, p, q, err);
	if (pkey == NULL)
		return NULL;
	ctx = must(EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL));
	if (EVP_PKEY_check(ctx) != 1) {
		refuse_rsa(err);
		return NULL;
	}
	return TAKE(pkey);
}

EVP_PKEY *
key_make_rsa_public(const BIGNUM *n, const BIGNUM *e, struct err *err)
{
	CLEAN(param_bld) OSSL_PARAM_BLD *build = must(OSSL_PARAM_BLD_new());
	bool built;

	if (check_rsa_size(n, e, err) == -1)
		return NULL;
	built = OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
		OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) == 1;
	must(built ? build : NULL);
	return from_parameters("RSA", EVP_PKEY_PUBLIC_KEY, build, err);
}
