/* SPDX-License-Identifier: ISC */
#include "tests/unit/certs.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto/key.h"
#include "common/identifier.h"
#include "common/mem.h"

#define YEAR (365 * (time_t)86400)

static void
check(int result)
{
	if (result <= 0)
		abort();
}

static void
set_name(X509_NAME *name, const char *common_name)
{
	check(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
	    (const unsigned char *)common_name, -1, -1, 0));
}

static void
add_names(X509 *cert, const char *const *names)
{
	GENERAL_NAMES *list = GENERAL_NAMES_new();

	for (; *names != NULL; names++) {
		unsigned char octets[16];
		size_t length = identifier_octets(*names, octets);
		GENERAL_NAME *name = GENERAL_NAME_new();
		ASN1_STRING *value = ASN1_STRING_type_new(
		    length > 0 ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);

		if (length > 0)
			check(ASN1_STRING_set(value, octets, (int)length));
		else
			check(ASN1_STRING_set(value, *names, -1));
		GENERAL_NAME_set0_value(name, length > 0 ? GEN_IPADD : GEN_DNS, value);
		check(sk_GENERAL_NAME_push(list, name));
	}
	check(X509_add1_ext_i2d(cert, NID_subject_alt_name, list, 0, 0));
	GENERAL_NAMES_free(list);
}

/* The authority key identifier, without which there is no ARI. */
static void
add_authority(X509 *cert, EVP_PKEY *issuer_key)
{
	AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
	unsigned char *der = NULL, digest[20];
	int length = i2d_PUBKEY(issuer_key, &der);

	check(length);
	check(EVP_Q_digest(NULL, "SHA1", NULL, der, (size_t)length, digest, NULL));
	authority->keyid = ASN1_OCTET_STRING_new();
	check(ASN1_OCTET_STRING_set(authority->keyid, digest, sizeof(digest)));
	check(X509_add1_ext_i2d(cert, NID_authority_key_identifier, authority, 0, 0));
	AUTHORITY_KEYID_free(authority);
	OPENSSL_free(der);
}

static void
add_ca(X509 *cert)
{
	BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();

	constraints->ca = 0xff;
	check(X509_add1_ext_i2d(cert, NID_basic_constraints, constraints, 1, 0));
	BASIC_CONSTRAINTS_free(constraints);
}

X509 *
test_cert(EVP_PKEY *key, const char *subject, EVP_PKEY *issuer_key, const char *issuer,
    const char *const *names, time_t not_before, time_t not_after)
{
	static uint64_t serial = 0x8000000000000000; /* its DER begins with 00 */
	EVP_PKEY *by = issuer_key != NULL ? issuer_key : key;
	X509 *cert = X509_new();

	check(X509_set_version(cert, X509_VERSION_3));
	check(ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), ++serial));
	set_name(X509_get_subject_name(cert), subject);
	set_name(X509_get_issuer_name(cert), issuer);
	check(ASN1_TIME_adj(X509_getm_notBefore(cert), not_before, 0, 0) != NULL);
	check(ASN1_TIME_adj(X509_getm_notAfter(cert), not_after, 0, 0) != NULL);
	check(X509_set_pubkey(cert, key));
	if (names != NULL)
		add_names(cert, names);
	else
		add_ca(cert);
	add_authority(cert, by);
	check(X509_sign(cert, by,
	    EVP_PKEY_get_base_id(by) == EVP_PKEY_ED25519 ? NULL : EVP_sha256()));
	return cert;
}

char *
test_pem(X509 *first, ...)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL, *copy;
	va_list rest;
	long length;

	va_start(rest, first);
	for (X509 *cert = first; cert != NULL; cert = va_arg(rest, X509 *)) {
		check(PEM_write_bio_X509(bio, cert));
		X509_free(cert);
	}
	va_end(rest);
	length = BIO_get_mem_data(bio, &text);
	copy = xstrndup(text, (size_t)length);
	BIO_free(bio);
	return copy;
}

/* Made once: tests ask for chains by the dozen. */
static EVP_PKEY *
ca_key(int which)
{
	static EVP_PKEY *keys[2];

	if (keys[which] == NULL)
		keys[which] = EVP_EC_gen("P-256");
	check(keys[which] != NULL);
	return keys[which];
}

char *
test_root_pem(void)
{
	time_t now = time(NULL);

	return test_pem(test_cert(ca_key(0), "Test Root", NULL, "Test Root", NULL,
			    now - 10 * YEAR, now + 10 * YEAR),
	    NULL);
}

char *
test_chain_pem(const struct key *leaf_key, const char *const *names, time_t not_before,
    time_t not_after)
{
	X509 *leaf = test_cert(key_evp(leaf_key), "Test Leaf", ca_key(1),
	    "Test Intermediate", names, not_before, not_after);
	X509 *intermediate = test_cert(ca_key(1), "Test Intermediate", ca_key(0),
	    "Test Root", NULL, not_before - YEAR, not_after + YEAR);

	return test_pem(leaf, intermediate, NULL);
}
