/* SPDX-License-Identifier: ISC */
/* Private keys in DER. OpenSSL's own decoder tries everything it knows, twenty times the
 * work of the lines below, and does not say what it did not like. */
#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <string.h>

#include "common/crypto/keyparts.h"
#include "common/crypto/openssl.h"
#include "common/mem.h"

enum tag {
	TAG_INTEGER = 0x02,
	TAG_BITS = 0x03,
	TAG_OCTETS = 0x04,
	TAG_OBJECT = 0x06,
	TAG_SEQUENCE = 0x30,
	TAG_0 = 0xA0,
	TAG_1 = 0xA1,
};

static bool
at(const struct octets *rest, enum tag tag)
{
	return rest->length > 0 && rest->bytes[0] == tag;
}

/* Takes the element that `rest` begins with, if it has this tag. */
static bool
next(struct octets *rest, enum tag tag, struct octets *content)
{
	const unsigned char *p = rest->bytes;
	long length = 0;
	int number = 0, class = 0, form;

	if (!at(rest, tag))
		return false;
	form = ASN1_get_object(&p, &length, &number, &class, (long)rest->length);
	if (form & 0x81) { /* it failed; of indefinite length, which DER has not */
		ERR_clear_error();
		return false;
	}
	*content = (struct octets){ p, (size_t)length };
	rest->length -= (size_t)(p - rest->bytes) + (size_t)length;
	rest->bytes = p + length;
	return true;
}

/* NID_undef: there is none, or OpenSSL does not know it. */
static int
next_object(struct octets *rest)
{
	struct octets whole = *rest, content;
	ASN1_OBJECT *object;
	int nid;

	if (!next(rest, TAG_OBJECT, &content))
		return NID_undef;
	object = d2i_ASN1_OBJECT(NULL, &whole.bytes, (long)whole.length);
	nid = object != NULL ? OBJ_obj2nid(object) : NID_undef;
	ASN1_OBJECT_free(object);
	ERR_clear_error();
	return nid;
}

static EVP_PKEY *
malformed(const char *what, struct err *err)
{
	err_set(err, ERR_CONFIG, "not a valid %s key", what);
	return NULL;
}

static const struct key_kind *
next_curve(struct octets *rest, struct err *err)
{
	const struct key_kind *kind;
	int nid;

	if (at(rest, TAG_SEQUENCE)) {
		err_set(err, ERR_CONFIG, "explicit curve parameters are not supported");
		return NULL;
	}
	nid = next_object(rest);
	kind = key_kind_of_nid(nid);
	if (kind == NULL)
		err_set(err, ERR_CONFIG,
		    "the curve %s is not supported: P-256, P-384, P-521 are",
		    nid != NID_undef ? OBJ_nid2sn(nid) : "of the key");
	return kind;
}

/* The public key that may end an ECPrivateKey. */
static bool
next_point(struct octets *rest, struct octets *point)
{
	struct octets tagged;

	if (!next(rest, TAG_1, &tagged))
		return rest->length == 0;
	if (!next(&tagged, TAG_BITS, point) || point->length < 2 || point->bytes[0] != 0)
		return false;
	point->bytes++; /* the count of unused bits */
	point->length--;
	return rest->length == 0;
}

/* RFC 5915. The curve is named in it, or outside, or both. */
static EVP_PKEY *
read_sec1(struct octets rest, const struct key_kind *outside, struct err *err)
{
	struct octets version, scalar, tagged, point = { 0 };
	const struct key_kind *kind = outside;

	if (!next(&rest, TAG_INTEGER, &version) || !next(&rest, TAG_OCTETS, &scalar))
		return malformed("EC", err);
	if (next(&rest, TAG_0, &tagged)) {
		kind = next_curve(&tagged, err);
		if (kind == NULL)
			return NULL;
	}
	if (kind == NULL) {
		err_set(err, ERR_CONFIG, "the key does not name its curve");
		return NULL;
	}
	if ((outside != NULL && kind != outside) || !next_point(&rest, &point))
		return malformed("EC", err);
	return key_make_ec(kind, scalar, point, err);
}

static EVP_PKEY *
read_pkcs1(struct octets whole, struct err *err)
{
	const unsigned char *end = whole.bytes;
	EVP_PKEY *pkey = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &end, (long)whole.length);

	if (pkey == NULL)
		err_set(err, ERR_CONFIG, "not a valid RSA key: %s", openssl_reason());
	ERR_clear_error(); /* it tries decoders until one fits */
	return pkey;
}

/* RFC 8410: an octet string in the octet string. */
static EVP_PKEY *
read_ed25519(struct octets rest, struct err *err)
{
	struct octets seed;

	if (!next(&rest, TAG_OCTETS, &seed) || rest.length != 0)
		return malformed("Ed25519", err);
	return key_make_ed25519(seed, (struct octets){ 0 }, err);
}

static EVP_PKEY *
read_inner_sec1(struct octets inner, const struct key_kind *kind, struct err *err)
{
	struct octets content;

	if (!next(&inner, TAG_SEQUENCE, &content) || inner.length != 0)
		return malformed("EC", err);
	return read_sec1(content, kind, err);
}

/* RFC 5958, behind its version. Attributes and a copy of the public key may follow. */
static EVP_PKEY *
read_pkcs8(struct octets rest, struct err *err)
{
	struct octets algorithm, inner;
	const struct key_kind *kind;
	int nid;

	if (!next(&rest, TAG_SEQUENCE, &algorithm) || !next(&rest, TAG_OCTETS, &inner))
		return malformed("PKCS#8", err);
	nid = next_object(&algorithm);
	switch (nid) {
	case NID_X9_62_id_ecPublicKey:
		kind = next_curve(&algorithm, err);
		return kind != NULL ? read_inner_sec1(inner, kind, err) : NULL;
	case NID_rsaEncryption:
		return read_pkcs1(inner, err);
	case NID_ED25519:
		return read_ed25519(inner, err);
	default:
		err_set(err, ERR_CONFIG, "a key of type %s is not supported",
		    nid != NID_undef ? OBJ_nid2sn(nid) : "unknown");
		return NULL;
	}
}

bool
key_der_is_encrypted(struct octets der)
{
	struct octets content;

	/* What is not encrypted begins with a version. */
	return next(&der, TAG_SEQUENCE, &content) && at(&content, TAG_SEQUENCE);
}

EVP_PKEY *
key_read_der(struct octets der, struct err *err)
{
	struct octets rest = der, content, version, after;

	if (!next(&rest, TAG_SEQUENCE, &content)) {
		err_set(err, ERR_CONFIG, "not a key: no DER, or not all of it");
		return NULL;
	}
	if (rest.length > 0) {
		err_set(err, ERR_CONFIG, "%zu octets of something else follow the key",
		    rest.length);
		return NULL;
	}
	after = content;
	if (!next(&after, TAG_INTEGER, &version)) {
		err_set(err, ERR_CONFIG, "not a private key");
		return NULL;
	}
	if (at(&after, TAG_SEQUENCE))
		return read_pkcs8(after, err);
	if (at(&after, TAG_OCTETS))
		return read_sec1(content, NULL, err);
	if (at(&after, TAG_INTEGER))
		return read_pkcs1(der, err);
	err_set(err, ERR_CONFIG, "not a private key");
	return NULL;
}

/* ---- writing ---- */

/* Filled from the end: what is in an element is written before its length is. */
struct der {
	unsigned char bytes[320]; /* P-521 takes 241 */
	size_t start;
};

static void
der_free_at(struct der *der)
{
	OPENSSL_cleanse(der->bytes, sizeof(der->bytes));
}

static unsigned char *
prepend(struct der *der, size_t length)
{
	must(der->start >= length ? der : NULL);
	der->start -= length;
	return der->bytes + der->start;
}

/* Makes one element of all that was written since `end` was where it began. */
static void
wrap(struct der *der, enum tag tag, size_t end)
{
	size_t length = end - der->start;

	*prepend(der, 1) = (unsigned char)length;
	if (length > 127)
		*prepend(der, 1) = 0x81;
	*prepend(der, 1) = (unsigned char)tag;
}

static void
prepend_object(struct der *der, int nid)
{
	const ASN1_OBJECT *object = must(OBJ_nid2obj(nid));
	size_t end = der->start, length = OBJ_length(object);

	memcpy(prepend(der, length), OBJ_get0_data(object), length);
	wrap(der, TAG_OBJECT, end);
}

static void
prepend_integer(struct der *der, unsigned char value)
{
	size_t end = der->start;

	*prepend(der, 1) = value;
	wrap(der, TAG_INTEGER, end);
}

static void
prepend_point(struct der *der, const struct key *key)
{
	size_t end = der->start;

	memcpy(prepend(der, key->n_octets), key->octets, key->n_octets);
	*prepend(der, 1) = 0; /* the count of unused bits */
	wrap(der, TAG_BITS, end);
	wrap(der, TAG_1, end);
}

static int
prepend_scalar(struct der *der, const struct key_kind *kind, EVP_PKEY *pkey)
{
	CLEAN(bn) BIGNUM *scalar = NULL;
	size_t end = der->start;

	if (EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) != 1 ||
	    BN_bn2binpad(scalar, prepend(der, kind->size), (int)kind->size) == -1)
		return -1;
	wrap(der, TAG_OCTETS, end);
	return 0;
}

/* RFC 5915 in RFC 5958, octet for octet as OpenSSL has it. */
int
key_write_ec(const struct key *key, unsigned char **ret)
{
	const struct key_kind *kind = key_kind(key->type);
	CLEAN(der) struct der der = { .start = sizeof(der.bytes) };
	const size_t end = der.start;
	size_t inner;
	int length;

	prepend_point(&der, key);
	if (prepend_scalar(&der, kind, key->pkey) == -1) {
		ERR_clear_error();
		return -1;
	}
	prepend_integer(&der, 1);
	wrap(&der, TAG_SEQUENCE, end);
	wrap(&der, TAG_OCTETS, end);
	inner = der.start;
	prepend_object(&der, kind->nid);
	prepend_object(&der, NID_X9_62_id_ecPublicKey);
	wrap(&der, TAG_SEQUENCE, inner);
	prepend_integer(&der, 0);
	wrap(&der, TAG_SEQUENCE, end);
	length = (int)(end - der.start);
	*ret = must(OPENSSL_memdup(der.bytes + der.start, (size_t)length));
	return length;
}
