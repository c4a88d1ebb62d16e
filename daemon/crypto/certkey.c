/* SPDX-License-Identifier: ISC */
/*
 * certkey - the key of a certificate, and who signed it.
 *
 * OpenSSL understands the key while it reads a certificate, by asking every decoder it has:
 * nine tenths of the time. For a leaf that is all for nothing: its key has to be the one
 * that we hold, and octets can be compared.
 */
#include <openssl/ec.h>
#include <openssl/provider.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <string.h>

#include "common/crypto/key.h"
#include "common/crypto/keyparts.h"
#include "common/crypto/openssl.h"
#include "common/mem.h"
#include "daemon/crypto/certparts.h"

OPENSSL_CLEAN(x509, X509, X509_free);
OPENSSL_CLEAN(any, ASN1_TYPE, ASN1_TYPE_free);

/* ---- reading ---- */

/* A library context without algorithms, so without decoders as well: some 35 KiB. */
static OSSL_LIB_CTX *nothing;

static void
make_nothing(void)
{
	nothing = must(OSSL_LIB_CTX_new());
	must(OSSL_PROVIDER_load(nothing, "null"));
}

/* What kind of key the certificate says it has, and the key itself. NULL where that is not
 * written as we would (a curve with a name, a point that is not compressed), or does not
 * tell the kind: of RSA keys there are several. */
static const struct key_kind *
plain_key(const X509 *cert, struct octets *key)
{
	const struct key_kind *kind = NULL;
	const void *parameter = NULL;
	ASN1_OBJECT *algorithm = NULL;
	X509_ALGOR *whole = NULL;
	int length = 0, type = V_ASN1_UNDEF, nid;

	if (X509_PUBKEY_get0_param(&algorithm, &key->bytes, &length, &whole,
		X509_get_X509_PUBKEY(cert)) != 1)
		return NULL;
	key->length = (size_t)length;
	X509_ALGOR_get0(NULL, &type, &parameter, whole);
	nid = OBJ_obj2nid(algorithm);
	if (nid == NID_ED25519 && type == V_ASN1_UNDEF && length == KEY_ED25519_SIZE)
		return key_kind(KEY_ED25519);
	if (nid == NID_X9_62_id_ecPublicKey && type == V_ASN1_OBJECT)
		kind = key_kind_of_nid(OBJ_obj2nid(parameter));
	if (kind == NULL || key->length != 1 + 2 * kind->size ||
	    key->bytes[0] != POINT_CONVERSION_UNCOMPRESSED)
		return NULL;
	return kind;
}

bool
cert_key_is_plain(const X509 *cert)
{
	struct octets key = { 0 };

	return plain_key(cert, &key) != NULL;
}

X509 *
cert_read(const unsigned char *der, size_t length, const unsigned char **end)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	CLEAN(x509) X509 *cert = NULL;

	pthread_once(&once, make_nothing);
	*end = der;
	cert = (X509 *)ASN1_item_d2i_ex(NULL, end, (long)length, ASN1_ITEM_rptr(X509),
	    nothing, NULL);
	if (cert == NULL || cert_key_is_plain(cert))
		return TAKE(cert);
	*end = der;
	return d2i_X509(NULL, end, (long)length);
}

/* ---- the key ---- */

const char *
cert_key_name(const X509 *cert)
{
	struct octets key = { 0 };
	const struct key_kind *kind = plain_key(cert, &key);
	EVP_PKEY *pkey = kind == NULL ? X509_get0_pubkey(cert) : NULL;
	enum key_type type = KEY_TYPE_COUNT;
	struct err ignored;

	if (kind != NULL)
		return kind->name;
	if (pkey != NULL)
		type = key_type_of_evp(pkey, &ignored);
	ERR_clear_error();
	return key_type_name(type);
}

bool
cert_has_key(const X509 *cert, const struct key *key)
{
	struct octets theirs = { 0 }, ours = { 0 };
	const struct key_kind *kind = plain_key(cert, &theirs);
	EVP_PKEY *pkey;
	bool same;

	ours.bytes = key_public_octets(key, &ours.length);
	if (kind != NULL)
		return kind == key_kind(key_type_of(key)) && theirs.length == ours.length &&
		       memcmp(theirs.bytes, ours.bytes, ours.length) == 0;
	pkey = X509_get0_pubkey(cert);
	same = pkey != NULL && EVP_PKEY_eq(pkey, key_evp(key)) == 1;
	ERR_clear_error();
	return same;
}

/* ---- the signature ---- */

/* The octets that are signed, as they came, as an element of whatever type. */
static ASN1_TYPE *
signed_part(const X509 *cert)
{
	CLEAN(any) ASN1_TYPE *part = must(ASN1_TYPE_new());
	ASN1_STRING *octets = must(ASN1_STRING_new());
	const unsigned char *start, *p;
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der), tag = 0, class = 0;
	long length = 0;
	bool found = false;

	ASN1_TYPE_set(part, V_ASN1_SEQUENCE, octets);
	p = der;
	if (n > 0 && (ASN1_get_object(&p, &length, &tag, &class, n) & 0x81) == 0) {
		start = p;
		found = (ASN1_get_object(&p, &length, &tag, &class, length) & 0x81) == 0 &&
			ASN1_STRING_set(octets, start, (int)(p - start + length)) == 1;
	}
	OPENSSL_free(der);
	return found ? TAKE(part) : NULL;
}

/* What X509_verify() does, but with all algorithms there are, whatever the certificate was
 * read with. */
bool
cert_signed_by(const X509 *cert, EVP_PKEY *issuer)
{
	CLEAN(any) ASN1_TYPE *part = signed_part(cert);
	const X509_ALGOR *inner = X509_get0_tbs_sigalg(cert);
	const X509_ALGOR *outer = NULL;
	const ASN1_BIT_STRING *signature = NULL;
	bool verified;

	X509_get0_signature(&signature, &outer, cert);
	verified =
	    part != NULL && issuer != NULL && X509_ALGOR_cmp(inner, outer) == 0 &&
	    ASN1_item_verify(ASN1_ITEM_rptr(ASN1_ANY), outer, signature, part, issuer) == 1;
	ERR_clear_error();
	return verified;
}
