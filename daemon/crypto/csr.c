/* SPDX-License-Identifier: ISC */
#include "daemon/crypto/csr.h"

#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/crypto/key.h"
#include "common/crypto/keyparts.h"
#include "common/crypto/openssl.h"
#include "common/identifier.h"
#include "common/mem.h"

OPENSSL_CLEAN(request, X509_REQ, X509_REQ_free);
OPENSSL_CLEAN(names, GENERAL_NAMES, GENERAL_NAMES_free);

static inline void
extensions_free(STACK_OF(X509_EXTENSION) * extensions)
{
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}
DEFINE_CLEAN(extensions, STACK_OF(X509_EXTENSION));

/* ---- extensions ---- */

static void
add_name(GENERAL_NAMES *names, const char *name)
{
	unsigned char octets[16];
	size_t length = identifier_octets(name, octets);
	GENERAL_NAME *entry = must(GENERAL_NAME_new());
	ASN1_STRING *value;

	if (length > 0) {
		value = must(ASN1_OCTET_STRING_new());
		must(ASN1_STRING_set(value, octets, (int)length) == 1 ? value : NULL);
		GENERAL_NAME_set0_value(entry, GEN_IPADD, value);
	} else {
		value = must(ASN1_IA5STRING_new());
		must(ASN1_STRING_set(value, name, -1) == 1 ? value : NULL);
		GENERAL_NAME_set0_value(entry, GEN_DNS, value);
	}
	must(sk_GENERAL_NAME_push(names, entry) > 0 ? entry : NULL);
}

/* Not critical: that is for the certificate, which the CA makes (RFC 5280, 4.2.1.6). */
static int
add_names(STACK_OF(X509_EXTENSION) * *extensions, const char *const *list, struct err *err)
{
	CLEAN(names) GENERAL_NAMES *names = must(GENERAL_NAMES_new());

	for (; *list != NULL; list++)
		add_name(names, *list);
	if (X509V3_add1_i2d(extensions, NID_subject_alt_name, names, 0,
		X509V3_ADD_APPEND) != 1)
		return err_set(err, ERR_SYSTEM, "cannot encode the names: %s",
		    openssl_reason());
	return 0;
}

/* TLS feature: status_request (RFC 7633). */
static void
add_must_staple(STACK_OF(X509_EXTENSION) * extensions)
{
	static const unsigned char features[] = { 0x30, 0x03, 0x02, 0x01, 0x05 };
	ASN1_OCTET_STRING *value = must(ASN1_OCTET_STRING_new());
	X509_EXTENSION *extension;

	must(ASN1_OCTET_STRING_set(value, features, sizeof(features)) == 1 ? value : NULL);
	extension = must(X509_EXTENSION_create_by_NID(NULL, NID_tlsfeature, 0, value));
	ASN1_OCTET_STRING_free(value);
	must(sk_X509_EXTENSION_push(extensions, extension) > 0 ? extension : NULL);
}

static int
add_extensions(X509_REQ *request, const struct csr_options *options, struct err *err)
{
	CLEAN(extensions) STACK_OF(X509_EXTENSION) *extensions = NULL;

	if (add_names(&extensions, options->names, err) == -1)
		return -1;
	if (options->must_staple)
		add_must_staple(extensions);
	if (X509_REQ_add_extensions(request, extensions) != 1)
		return err_set(err, ERR_SYSTEM, "cannot add the extensions: %s",
		    openssl_reason());
	return 0;
}

/* ---- the key ---- */

static int
refuse_key(struct err *err)
{
	return err_set(err, ERR_SYSTEM, "cannot encode the key: %s", openssl_reason());
}

/* X509_REQ_set_pubkey() encodes the key, decodes the result, and takes seven times as long
 * as the signature. Of RSA it encodes numbers, which we leave to it. */
static int
set_public_key(X509_REQ *request, const struct key *key, struct err *err)
{
	const struct key_kind *kind = key_kind(key_type_of(key));
	X509_PUBKEY *into = X509_REQ_get_X509_PUBKEY(request);
	const unsigned char *octets;
	unsigned char *copy;
	size_t length;
	int set;

	octets = key_public_octets(key, &length);
	if (octets == NULL)
		return X509_REQ_set_pubkey(request, key_evp(key)) == 1 ? 0
								       : refuse_key(err);
	copy = must(OPENSSL_memdup(octets, length));
	if (kind->base == EVP_PKEY_ED25519)
		set = X509_PUBKEY_set0_param(into, OBJ_nid2obj(NID_ED25519), V_ASN1_UNDEF,
		    NULL, copy, (int)length);
	else
		set = X509_PUBKEY_set0_param(into, OBJ_nid2obj(NID_X9_62_id_ecPublicKey),
		    V_ASN1_OBJECT, OBJ_nid2obj(kind->nid), copy, (int)length);
	if (set == 1)
		return 0;
	OPENSSL_free(copy);
	return refuse_key(err);
}

/* ---- the request ---- */

static int
sign(X509_REQ *request, const struct key *key, struct err *err)
{
	const char *name = key_digest(key);
	const EVP_MD *digest = name != NULL ? EVP_get_digestbyname(name) : NULL;

	if (X509_REQ_sign(request, key_evp(key), digest) <= 0)
		return err_set(err, ERR_SYSTEM, "cannot sign: %s", openssl_reason());
	return 0;
}

unsigned char *
csr_make(const struct key *key, const struct csr_options *options, size_t *length,
    struct err *err)
{
	CLEAN(request) X509_REQ *request = must(X509_REQ_new());
	unsigned char *der = NULL, *copy;
	int n;

	if (options->names == NULL || options->names[0] == NULL) {
		err_set(err, ERR_CONFIG, "certificate request: no names");
		return NULL;
	}
	/* The subject stays empty: CAs take the names from the extension. */
	if (X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1 ||
	    set_public_key(request, key, err) == -1 ||
	    add_extensions(request, options, err) == -1 || sign(request, key, err) == -1) {
		err_prefix(err, "certificate request");
		return NULL;
	}
	n = i2d_X509_REQ(request, &der);
	must(n > 0 ? der : NULL);
	copy = xmemdup(der, (size_t)n);
	OPENSSL_free(der);
	*length = (size_t)n;
	return copy;
}
