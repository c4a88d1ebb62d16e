/* SPDX-License-Identifier: ISC */
/* What certificates say, as plain values. */
#include <arpa/inet.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/crypto/key.h"
#include "common/crypto/openssl.h"
#include "common/identifier.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/cert.h"
#include "daemon/crypto/certparts.h"

#define NAME_MOST 200 /* characters of a CN that are shown; X.509 has 64 */

/* A key identifier is a hash, a serial has 20 octets; what is longer does not belong into
 * a URL. */
#define ARI_PART_MOST 64

OPENSSL_CLEAN(names, GENERAL_NAMES, GENERAL_NAMES_free);
OPENSSL_CLEAN(authority, AUTHORITY_KEYID, AUTHORITY_KEYID_free);

/* ---- names ---- */

static char *
dns_text(const ASN1_STRING *value)
{
	const unsigned char *s = ASN1_STRING_get0_data(value);
	int length = ASN1_STRING_length(value);

	if (length <= 0)
		return NULL;
	/* A NUL in the middle once made one name look like another. */
	for (int i = 0; i < length; i++) {
		if (s[i] <= ' ' || s[i] >= 0x7f)
			return NULL;
	}
	return str_lower(xstrndup((const char *)s, (size_t)length));
}

static char *
address_text(const ASN1_STRING *value)
{
	int length = ASN1_STRING_length(value);
	char text[INET6_ADDRSTRLEN];

	if (length != 4 && length != 16)
		return NULL;
	inet_ntop(length == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value), text,
	    sizeof(text));
	return xstrdup(text);
}

static char *
general_name_text(const GENERAL_NAME *name)
{
	int type = 0;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);

	if (type == GEN_DNS)
		return dns_text(value);
	return type == GEN_IPADD ? address_text(value) : NULL;
}

char **
cert_names(const X509 *cert, size_t *n_others)
{
	CLEAN(names)
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int n = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
	char **list = xcalloc((size_t)n + 1, sizeof(*list));
	size_t length = 0;

	ERR_clear_error();
	for (int i = 0; i < n; i++) {
		list[length] = general_name_text(sk_GENERAL_NAME_value(names, i));
		if (list[length] != NULL)
			length++;
	}
	*n_others = (size_t)n - length;
	return list;
}

static char *
entry_text(const X509_NAME *name, int nid)
{
	int at = X509_NAME_get_index_by_NID(name, nid, -1);
	unsigned char *utf8 = NULL;
	char *text = NULL;
	int length;

	if (at < 0)
		return NULL;
	length = ASN1_STRING_to_UTF8(&utf8,
	    X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	if (length > 0 && strlen((char *)utf8) == (size_t)length)
		text = str_printable((char *)utf8, NAME_MOST);
	OPENSSL_free(utf8);
	ERR_clear_error();
	return text;
}

char *
cert_name_text(const X509_NAME *name)
{
	char *text = entry_text(name, NID_commonName);

	if (text == NULL)
		text = entry_text(name, NID_organizationName);
	return text != NULL ? text : xstrdup("");
}

time_t
cert_time(const ASN1_TIME *time)
{
	struct tm tm = { 0 };

	if (ASN1_TIME_to_tm(time, &tm) != 1) {
		ERR_clear_error();
		return 0;
	}
	return timegm(&tm);
}

/* ---- numbers ---- */

static char *
hex(const unsigned char *octets, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	char *text = xcalloc(length + 1, 2);

	for (size_t i = 0; i < length; i++) {
		text[2 * i] = digits[octets[i] >> 4];
		text[2 * i + 1] = digits[octets[i] & 15];
	}
	return text;
}

static char *
serial_text(const ASN1_INTEGER *serial)
{
	CLEAN(string)
	char *text = hex(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial));

	if (ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER)
		return xasprintf("-%s", text);
	return TAKE(text);
}

/* X509_digest() would look for SHA-256 where cert_read() looks for keys. */
static char *
fingerprint(const X509 *cert)
{
	unsigned char digest[EVP_MAX_MD_SIZE], *der = NULL;
	int n = i2d_X509(cert, &der);
	size_t length = 0;

	if (n <= 0 ||
	    EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)n, digest, &length) != 1)
		must_pointer(NULL, "SHA256");
	OPENSSL_free(der);
	return hex(digest, length);
}

/* The octets of the serial as DER has them: the 00 in front of a number whose first bit is
 * set belongs to them (RFC 9773, section 4.1). */
static char *
serial_octets(const ASN1_INTEGER *serial)
{
	unsigned char *der = NULL;
	int length = i2d_ASN1_INTEGER(serial, &der);
	const unsigned char *content = der;
	char *text = NULL;
	long n = 0;
	int tag = 0, class = 0;

	if (length > 0 &&
	    (ASN1_get_object(&content, &n, &tag, &class, length) & 0x80) == 0 &&
	    n <= ARI_PART_MOST)
		text = base64url_encode(content, (size_t)n);
	OPENSSL_free(der);
	ERR_clear_error();
	return text;
}

static char *
ari_id(const X509 *cert)
{
	CLEAN(authority)
	AUTHORITY_KEYID *authority =
	    X509_get_ext_d2i(cert, NID_authority_key_identifier, NULL, NULL);
	CLEAN(string) char *serial = serial_octets(X509_get0_serialNumber(cert));
	CLEAN(string) char *issuer = NULL;
	int length;

	ERR_clear_error();
	if (authority == NULL || authority->keyid == NULL || serial == NULL)
		return NULL;
	length = ASN1_STRING_length(authority->keyid);
	if (length <= 0 || length > ARI_PART_MOST)
		return NULL;
	issuer = base64url_encode(ASN1_STRING_get0_data(authority->keyid), (size_t)length);
	return xasprintf("%s.%s", issuer, serial);
}

/* ---- all of it ---- */

struct cert_info *
chain_info(const struct chain *c)
{
	const X509 *leaf = c->certs[0], *top = c->certs[c->length - 1];
	size_t n_others;
	CLEAN(strv) char **names = cert_names(leaf, &n_others);
	CLEAN(string) char *serial = serial_text(X509_get0_serialNumber(leaf));
	CLEAN(string) char *issuer = cert_name_text(X509_get_issuer_name(leaf));
	CLEAN(string) char *root = cert_name_text(X509_get_issuer_name(top));
	CLEAN(string) char *id = ari_id(leaf);
	CLEAN(string) char *digest = fingerprint(leaf);
	const struct cert_info info = { .names = names,
		.serial = serial,
		.issuer = issuer,
		.root = root,
		.ari_id = id,
		.fingerprint = digest,
		.key_type = (char *)cert_key_name(leaf),
		.not_before = cert_time(X509_get0_notBefore(leaf)),
		.not_after = cert_time(X509_get0_notAfter(leaf)),
		.chain_length = c->length };

	ERR_clear_error();
	return cert_info_copy(&info);
}

void
cert_info_free(struct cert_info *info)
{
	free(info);
}
