/* SPDX-License-Identifier: ISC */
#include "daemon/challenge/tlsalpn01_cert.h"

#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/crypto/key.h"
#include "common/crypto/openssl.h"
#include "common/identifier.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/clock.h"

#define DAYS_BEFORE  1 /* for clocks that are behind */
#define DAYS_AFTER   7
#define SERIAL_BYTES 16 /* the first bit is 0: RFC 5280 wants it positive */

#define OID_ACME_IDENTIFIER "1.3.6.1.5.5.7.1.31"

OPENSSL_CLEAN(cert, X509, X509_free);
OPENSSL_CLEAN(names, GENERAL_NAMES, GENERAL_NAMES_free);
OPENSSL_CLEAN(object, ASN1_OBJECT, ASN1_OBJECT_free);
OPENSSL_CLEAN(octets, ASN1_OCTET_STRING, ASN1_OCTET_STRING_free);
OPENSSL_CLEAN(extension, X509_EXTENSION, X509_EXTENSION_free);

char *
tlsalpn01_server_name(const char *identifier)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char octets[16];
	size_t n = identifier_octets(identifier, octets);
	bool is_six = n == sizeof(octets);
	struct text name = { 0 };

	if (n == 0)
		return str_lower(xstrdup(identifier));
	while (n-- > 0) {
		if (is_six)
			text_add(&name, "%c.%c.", digits[octets[n] & 15],
			    digits[octets[n] >> 4]);
		else
			text_add(&name, "%u.", octets[n]);
	}
	text_add(&name, "%s", is_six ? "ip6.arpa" : "in-addr.arpa");
	return text_take(&name);
}

/* ---- extensions ---- */

static bool
add_name(X509 *cert, const char *identifier)
{
	unsigned char octets[16];
	size_t n = identifier_octets(identifier, octets);
	CLEAN(names) GENERAL_NAMES *names = must(GENERAL_NAMES_new());
	GENERAL_NAME *name = must(GENERAL_NAME_new());
	ASN1_STRING *value =
	    must(ASN1_STRING_type_new(n > 0 ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING));
	const void *bytes = n > 0 ? (const void *)octets : identifier;

	must(ASN1_STRING_set(value, bytes, n > 0 ? (int)n : -1) == 1 ? value : NULL);
	GENERAL_NAME_set0_value(name, n > 0 ? GEN_IPADD : GEN_DNS, value);
	must(sk_GENERAL_NAME_push(names, name) > 0 ? name : NULL);
	return X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0,
		   X509V3_ADD_DEFAULT) == 1;
}

/* acmeIdentifier: an OCTET STRING of 32 bytes, in the OCTET STRING of any extension. */
static bool
add_digest(X509 *cert, const char *key_authorization)
{
	unsigned char inner[2 + 32] = { V_ASN1_OCTET_STRING, 32 };
	CLEAN(object) ASN1_OBJECT *oid = must(OBJ_txt2obj(OID_ACME_IDENTIFIER, 1));
	CLEAN(octets) ASN1_OCTET_STRING *value = must(ASN1_OCTET_STRING_new());
	CLEAN(extension) X509_EXTENSION *extension = NULL;

	if (EVP_Digest(key_authorization, strlen(key_authorization), inner + 2, NULL,
		EVP_sha256(), NULL) != 1)
		return false;
	must(ASN1_OCTET_STRING_set(value, inner, sizeof(inner)) == 1 ? value : NULL);
	extension = must(X509_EXTENSION_create_by_OBJ(NULL, oid, 1, value));
	return X509_add_ext(cert, extension, -1) == 1;
}

/* ---- the certificate ---- */

static bool
set_serial(X509 *cert)
{
	unsigned char bytes[SERIAL_BYTES];
	CLEAN(bn) BIGNUM *number = NULL;

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	bytes[0] = (bytes[0] & 0x7f) | 0x40; /* and never 0 */
	number = must(BN_bin2bn(bytes, sizeof(bytes), NULL));
	return BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
}

/* Subject and issuer stay as they are: empty, and equal. */
static bool
fill(X509 *cert, const struct key *key)
{
	time_t now = clock_now();

	return X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
	       ASN1_TIME_adj(X509_getm_notBefore(cert), now, -DAYS_BEFORE, 0) != NULL &&
	       ASN1_TIME_adj(X509_getm_notAfter(cert), now, DAYS_AFTER, 0) != NULL &&
	       X509_set_pubkey(cert, key_evp(key)) == 1;
}

X509 *
tlsalpn01_cert(const char *identifier, const char *key_authorization, const struct key *key,
    struct err *err)
{
	CLEAN(cert) X509 *cert = must(X509_new());

	if (!fill(cert, key) || !add_name(cert, identifier) ||
	    !add_digest(cert, key_authorization) ||
	    X509_sign(cert, key_evp(key), EVP_sha256()) == 0) {
		err_set(err, ERR_SYSTEM, "cannot make the certificate of the challenge: %s",
		    openssl_reason());
		return NULL;
	}
	return TAKE(cert);
}
