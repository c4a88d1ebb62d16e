/* SPDX-License-Identifier: ISC */
#include "daemon/crypto/export.h"

#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <string.h>

#include "common/crypto/key.h"
#include "common/crypto/openssl.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/cert.h"
#include "daemon/crypto/certparts.h"

#define ITERATIONS 2048 /* OpenSSL's own number: passwords are to be long ones */
#define SAFES_MOST 2    /* one has the certificates, one the key */

OPENSSL_CLEAN(pkcs12, PKCS12, PKCS12_free);
OPENSSL_CLEAN(pbes2, PBE2PARAM, PBE2PARAM_free);
OPENSSL_CLEAN(pbkdf2, PBKDF2PARAM, PBKDF2PARAM_free);
OPENSSL_CLEAN(x509, X509, X509_free);

/* The stack alone: what is on it belongs to the chain. */
OPENSSL_CLEAN(borrowed, STACK_OF(X509), sk_X509_free);

static inline void
safes_free_at(STACK_OF(PKCS7) * *safes)
{
	sk_PKCS7_pop_free(*safes, PKCS7_free);
}

static inline void
bags_free_at(STACK_OF(PKCS12_SAFEBAG) * *bags)
{
	sk_PKCS12_SAFEBAG_pop_free(*bags, PKCS12_SAFEBAG_free);
}

/* ---- writing ---- */

static char *
to_der(const X509 *cert, size_t *length)
{
	unsigned char *der = NULL;
	int n = i2d_X509(cert, &der);
	char *copy;

	if (n <= 0)
		must_pointer(NULL, "i2d_X509");
	copy = xmemdup(der, (size_t)n);
	OPENSSL_free(der);
	*length = (size_t)n;
	return copy;
}

char *
export_der(const struct chain *chain, size_t *length)
{
	return to_der(chain->certs[0], length);
}

/* With a key that OpenSSL understands, which cert_read() leaves out. */
static X509 *
understood(const X509 *cert)
{
	size_t length;
	CLEAN(string) char *der = to_der(cert, &length);
	const unsigned char *end = (const unsigned char *)der;

	return d2i_X509(NULL, &end, (long)length);
}

static char *
friendly_name(const struct chain *chain)
{
	size_t n_others;
	CLEAN(strv) char **names = cert_names(chain->certs[0], &n_others);

	if (names != NULL && names[0] != NULL)
		return xstrdup(names[0]);
	return cert_name_text(X509_get_subject_name(chain->certs[0]));
}

static PKCS12 *
make_pkcs12(const struct key *key, const struct chain *chain, const char *password)
{
	CLEAN(borrowed) STACK_OF(X509) *rest = must(sk_X509_new_null());
	CLEAN(x509) X509 *leaf = understood(chain->certs[0]);
	CLEAN(string) char *name = friendly_name(chain);

	for (size_t i = 1; i < chain->length; i++) {
		if (sk_X509_push(rest, chain->certs[i]) == 0)
			must_pointer(NULL, "sk_X509_push");
	}
	return PKCS12_create(password, name, key_evp(key), leaf, rest, NID_aes_256_cbc,
	    NID_aes_256_cbc, ITERATIONS, ITERATIONS, 0);
}

char *
export_pkcs12(const struct key *key, const struct chain *chain, const char *password,
    size_t *length, struct err *err)
{
	CLEAN(pkcs12)
	PKCS12 *made = make_pkcs12(key, chain, password != NULL ? password : "");
	unsigned char *der = NULL;
	int n = made != NULL ? i2d_PKCS12(made, &der) : -1;
	char *copy;

	if (n <= 0) {
		err_set(err, ERR_SYSTEM, "cannot make PKCS#12: %s", openssl_reason());
		return NULL;
	}
	copy = xmemdup(der, (size_t)n);
	OPENSSL_free(der);
	*length = (size_t)n;
	return copy;
}

/* ---- reading ---- */

struct found {
	const char *password;
	const struct key *key;
	const struct chain *chain;
	size_t keys;
	size_t certs;
};

static bool
is_modest(const ASN1_INTEGER *iterations)
{
	int64_t n;

	return iterations != NULL && ASN1_INTEGER_get_int64(&n, iterations) == 1 && n > 0 &&
	       n <= ITERATIONS;
}

/* PBES2 with PBKDF2 (RFC 8018), and no more work than we make it. */
static bool
is_our_encryption(const X509_ALGOR *algorithm)
{
	CLEAN(pbes2) PBE2PARAM *pbes2 = NULL;
	CLEAN(pbkdf2) PBKDF2PARAM *pbkdf2 = NULL;

	if (algorithm == NULL || OBJ_obj2nid(algorithm->algorithm) != NID_pbes2)
		return false;
	pbes2 = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), algorithm->parameter);
	if (pbes2 == NULL || OBJ_obj2nid(pbes2->keyfunc->algorithm) != NID_id_pbkdf2)
		return false;
	pbkdf2 = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM),
	    pbes2->keyfunc->parameter);
	return pbkdf2 != NULL && is_modest(pbkdf2->iter);
}

static bool
is_our_key(const PKCS12_SAFEBAG *bag, struct found *found)
{
	const X509_ALGOR *algorithm = NULL;
	CLEAN(pkcs8) PKCS8_PRIV_KEY_INFO *info = NULL;
	CLEAN(pkey) EVP_PKEY *pkey = NULL;

	X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &algorithm, NULL);
	if (found->keys++ > 0 || !is_our_encryption(algorithm))
		return false;
	info = PKCS12_decrypt_skey(bag, found->password, (int)strlen(found->password));
	pkey = info != NULL ? EVP_PKCS82PKEY(info) : NULL;
	return pkey != NULL && EVP_PKEY_eq(pkey, key_evp(found->key)) == 1;
}

static bool
is_same_cert(const X509 *a, const X509 *b)
{
	size_t length, other_length;
	CLEAN(string) char *der = to_der(a, &length);
	CLEAN(string) char *other = to_der(b, &other_length);

	return length == other_length && memcmp(der, other, length) == 0;
}

static bool
is_our_cert(const PKCS12_SAFEBAG *bag, struct found *found)
{
	CLEAN(x509) X509 *cert = NULL;
	size_t i = found->certs++;

	if (i >= found->chain->length)
		return false;
	cert = PKCS12_SAFEBAG_get1_cert(bag);
	return cert != NULL && is_same_cert(cert, found->chain->certs[i]);
}

/* None of another kind: a bag within a bag would be read without having been looked at. */
static bool
is_our_bag(const PKCS12_SAFEBAG *bag, struct found *found)
{
	switch (PKCS12_SAFEBAG_get_nid(bag)) {
	case NID_pkcs8ShroudedKeyBag:
		return is_our_key(bag, found);
	case NID_certBag:
		return is_our_cert(bag, found);
	default:
		return false;
	}
}

static bool
is_our_safe(PKCS7 *safe, struct found *found)
{
	CLEAN(bags) STACK_OF(PKCS12_SAFEBAG) *bags = NULL;

	if (PKCS7_type_is_data(safe))
		bags = PKCS12_unpack_p7data(safe);
	else if (PKCS7_type_is_encrypted(safe) &&
		 is_our_encryption(safe->d.encrypted->enc_data->algorithm))
		bags = PKCS12_unpack_p7encdata(safe, found->password,
		    (int)strlen(found->password));
	for (int i = 0; bags != NULL && i < sk_PKCS12_SAFEBAG_num(bags); i++) {
		if (!is_our_bag(sk_PKCS12_SAFEBAG_value(bags, i), found))
			return false;
	}
	return bags != NULL;
}

static bool
has_our_mac(PKCS12 *p, const char *password)
{
	const ASN1_INTEGER *iterations = NULL;
	const X509_ALGOR *digest = NULL;

	PKCS12_get0_mac(NULL, &digest, NULL, &iterations, p);
	return digest != NULL && OBJ_obj2nid(digest->algorithm) == NID_sha256 &&
	       is_modest(iterations) &&
	       PKCS12_verify_mac(p, password, (int)strlen(password)) == 1;
}

static bool
is_ours(PKCS12 *p, struct found *found)
{
	CLEAN(safes) STACK_OF(PKCS7) *safes = NULL;

	if (p == NULL || !has_our_mac(p, found->password))
		return false;
	safes = PKCS12_unpack_authsafes(p);
	if (safes == NULL || sk_PKCS7_num(safes) > SAFES_MOST)
		return false;
	for (int i = 0; i < sk_PKCS7_num(safes); i++) {
		if (!is_our_safe(sk_PKCS7_value(safes, i), found))
			return false;
	}
	return found->keys == 1 && found->certs == found->chain->length;
}

bool
export_is_pkcs12(const char *bytes, size_t length, const char *password,
    const struct key *key, const struct chain *chain)
{
	const unsigned char *start = (const unsigned char *)bytes, *end = start;
	CLEAN(pkcs12) PKCS12 *p = d2i_PKCS12(NULL, &end, (long)length);
	struct found found = { password != NULL ? password : "", key, chain, 0, 0 };
	bool ours = is_ours(p, &found) && end == start + length;

	ERR_clear_error();
	return ours;
}
