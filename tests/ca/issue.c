/* SPDX-License-Identifier: ISC */
#include "tests/ca/issue.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"

#define TEN_YEARS (10L * 365 * 86400)

struct authority {
	X509 *cert;
	EVP_PKEY *key;
};

struct issuer {
	struct authority root, root2, intermediate, tls;
	X509 *cross; /* the intermediate, as the second root sees it */
	SSL_CTX *context;
};

const struct issue_variant issue_as_it_should = { .times = 1 };

static const struct issue_variant variants[] = {
	{ "wrong-key-cert", .other_key = true, .times = 1 },
	{ "wrong-names-cert", .other_names = true, .times = 1 },
	{ "expired-cert", .not_before_days = -90, .not_after_days = -1, .times = 1 },
	{ "future-cert", .not_before_days = 1, .not_after_days = 90, .times = 1 },
	{ "empty-chain", .empty = true },
	{ "reversed-chain", .reversed = true, .times = 1 },
	{ "leaf-only-chain", .times = 0 },
	{ "long-chain", .times = 1000 },
};

const struct issue_variant *
issue_variant_find(const char *name)
{
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		if (str_eq(variants[i].name, name))
			return &variants[i];
	return NULL;
}

/* ---- making certificates ---- */

static void
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX context;

	X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
	extension = must(X509V3_EXT_conf_nid(NULL, &context, nid, value));
	X509_add_ext(cert, extension, -1);
	X509_EXTENSION_free(extension);
}

static GENERAL_NAME *
general_name(const char *type, const char *value)
{
	GENERAL_NAME *name = must(GENERAL_NAME_new());
	ASN1_IA5STRING *text;

	if (str_eq(type, "ip")) {
		GENERAL_NAME_set0_value(name, GEN_IPADD, must(a2i_IPADDRESS(value)));
		return name;
	}
	text = must(ASN1_IA5STRING_new());
	ASN1_STRING_set(text, value, -1);
	GENERAL_NAME_set0_value(name, GEN_DNS, text);
	return name;
}

static void
add_names(X509 *cert, struct json_object *identifiers)
{
	GENERAL_NAMES *names = must(GENERAL_NAMES_new());

	for (size_t i = 0; i < json_object_array_length(identifiers); i++) {
		struct json_object *one = json_object_array_get_idx(identifiers, i);

		sk_GENERAL_NAME_push(names, general_name(json_get_string(one, "type"),
						json_get_string(one, "value")));
	}
	/* Critical, as RFC 5280 wants it of a certificate without a subject. */
	X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 1, 0);
	GENERAL_NAMES_free(names);
}

static X509 *
new_cert(EVP_PKEY *key, const char *subject, time_t not_before, time_t not_after)
{
	X509 *cert = must(X509_new());
	unsigned char serial[12];
	BIGNUM *number;

	RAND_bytes(serial, sizeof(serial));
	number = must(BN_bin2bn(serial, sizeof(serial), NULL));
	BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
	BN_free(number);
	X509_set_version(cert, X509_VERSION_3);
	X509_set_pubkey(cert, key);
	ASN1_TIME_set(X509_getm_notBefore(cert), not_before);
	ASN1_TIME_set(X509_getm_notAfter(cert), not_after);
	if (subject != NULL)
		X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
		    (const unsigned char *)subject, -1, -1, 0);
	return cert;
}

/* By another authority or, where that has no certificate yet, by itself. */
static void
sign_cert(X509 *cert, const struct authority *by, int is_ca)
{
	X509 *issuer = by->cert != NULL ? by->cert : cert;

	X509_set_issuer_name(cert, X509_get_subject_name(issuer));
	add_extension(cert, issuer, NID_basic_constraints,
	    is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	add_extension(cert, issuer, NID_key_usage,
	    is_ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
	add_extension(cert, issuer, NID_subject_key_identifier, "hash");
	if (issuer != cert)
		add_extension(cert, issuer, NID_authority_key_identifier, "keyid:always");
	if (!is_ca)
		add_extension(cert, issuer, NID_ext_key_usage, "serverAuth");
	X509_sign(cert, by->key, EVP_sha256());
}

static void
make_authority(struct authority *ret, const char *name, const struct authority *by)
{
	time_t now = time(NULL);
	X509 *cert;

	ret->key = must(EVP_EC_gen("P-256"));
	cert = new_cert(ret->key, name, now - 3600, now + TEN_YEARS);
	sign_cert(cert, by != NULL ? by : ret, 1);
	ret->cert = cert;
}

static X509 *
make_cross(const struct authority *subject, const struct authority *by)
{
	time_t now = time(NULL);
	X509 *cert = new_cert(subject->key, NULL, now - 3600, now + TEN_YEARS);

	X509_set_subject_name(cert, X509_get_subject_name(subject->cert));
	sign_cert(cert, by, 1);
	return cert;
}

X509 *
issuer_sign(struct issuer *issuer, const struct issue *issue, struct err *err)
{
	X509 *cert = new_cert(issue->key, NULL, issue->not_before, issue->not_after);
	BIGNUM *number;

	if (issue->serial != NULL) {
		number = must(BN_bin2bn(issue->serial, (int)issue->serial_length, NULL));
		BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert));
		BN_free(number);
	}
	add_names(cert, issue->identifiers);
	sign_cert(cert, &issuer->intermediate, 0);
	if (X509_verify(cert, issuer->intermediate.key) != 1) {
		X509_free(cert);
		err_set(err, ERR_SYSTEM, "the signature failed");
		return NULL;
	}
	return cert;
}

/* ---- the CA's own ---- */

static int
write_cert(const char *dir, const char *name, X509 *cert, struct err *err)
{
	CLEAN(string) char *path = xasprintf("%s/%s", dir, name);
	CLEAN(stream) FILE *f = fopen(path, "we");

	if (f == NULL || !PEM_write_X509(f, cert))
		return err_set_errno(err, errno, "%s", path);
	return 0;
}

static SSL_CTX *
make_context(const struct authority *tls)
{
	CLEAN(json)
	struct json_object *identifiers =
	    json_tokener_parse("[{\"type\":\"ip\",\"value\":\"127.0.0.1\"},"
			       "{\"type\":\"ip\",\"value\":\"::1\"},"
			       "{\"type\":\"dns\",\"value\":\"localhost\"}]");
	SSL_CTX *context = must(SSL_CTX_new(TLS_server_method()));
	EVP_PKEY *key = must(EVP_EC_gen("P-256"));
	time_t now = time(NULL);
	X509 *cert = new_cert(key, NULL, now - 3600, now + TEN_YEARS);

	add_names(cert, identifiers);
	sign_cert(cert, tls, 0);
	SSL_CTX_use_certificate(context, cert);
	SSL_CTX_use_PrivateKey(context, key);
	X509_free(cert);
	EVP_PKEY_free(key);
	return context;
}

struct issuer *
issuer_new(const char *dir, struct err *err)
{
	CLEAN(issuer) struct issuer *issuer = xcalloc(1, sizeof(*issuer));

	make_authority(&issuer->root, "Scripted Root X1", NULL);
	make_authority(&issuer->root2, "Scripted Root X2", NULL);
	make_authority(&issuer->intermediate, "Scripted Intermediate E1", &issuer->root);
	make_authority(&issuer->tls, "Scripted TLS Root", NULL);
	issuer->cross = make_cross(&issuer->intermediate, &issuer->root2);
	issuer->context = make_context(&issuer->tls);
	if (write_cert(dir, "root.pem", issuer->root.cert, err) == -1 ||
	    write_cert(dir, "root2.pem", issuer->root2.cert, err) == -1 ||
	    write_cert(dir, "intermediate.pem", issuer->intermediate.cert, err) == -1 ||
	    write_cert(dir, "tls.pem", issuer->tls.cert, err) == -1)
		return NULL;
	return TAKE(issuer);
}

void
issuer_free(struct issuer *issuer)
{
	struct authority *all[4];

	if (issuer == NULL)
		return;
	all[0] = &issuer->root;
	all[1] = &issuer->root2;
	all[2] = &issuer->intermediate;
	all[3] = &issuer->tls;
	for (size_t i = 0; i < 4; i++) {
		X509_free(all[i]->cert);
		EVP_PKEY_free(all[i]->key);
	}
	X509_free(issuer->cross);
	SSL_CTX_free(issuer->context);
	free(issuer);
}

SSL_CTX *
issuer_tls(struct issuer *issuer)
{
	return issuer->context;
}

/* ---- chains ---- */

static X509 *
variant_leaf(struct issuer *issuer, X509 *leaf, const struct issue_variant *variant)
{
	X509 *cert = must(X509_dup(leaf));

	if (!variant->other_key && !variant->other_names && variant->not_after_days == 0)
		return cert;
	if (variant->other_key) {
		EVP_PKEY *key = must(EVP_EC_gen("P-256"));

		X509_set_pubkey(cert, key);
		EVP_PKEY_free(key);
	}
	if (variant->other_names) {
		CLEAN(json)
		struct json_object *names =
		    json_tokener_parse("[{\"type\":\"dns\",\"value\":\"other.example\"}]");
		int at = X509_get_ext_by_NID(cert, NID_subject_alt_name, -1);

		X509_EXTENSION_free(X509_delete_ext(cert, at));
		add_names(cert, names);
	}
	if (variant->not_after_days != 0) {
		X509_time_adj_ex(X509_getm_notBefore(cert), variant->not_before_days, 0,
		    NULL);
		X509_time_adj_ex(X509_getm_notAfter(cert), variant->not_after_days, 0,
		    NULL);
	}
	X509_sign(cert, issuer->intermediate.key, EVP_sha256());
	return cert;
}

static char *
pem_of(X509 *const *certs, size_t count)
{
	BIO *bio = must(BIO_new(BIO_s_mem()));
	char *bytes, *pem;
	long length;

	for (size_t i = 0; i < count; i++)
		PEM_write_bio_X509(bio, certs[i]);
	length = BIO_get_mem_data(bio, &bytes);
	pem = xstrndup(bytes, (size_t)length);
	BIO_free(bio);
	return pem;
}

char *
issuer_chain(struct issuer *issuer, X509 *leaf, const struct issue_variant *variant,
    bool alternate)
{
	size_t count = 1 + variant->times, last = count - 1;
	X509 **certs = xcalloc(count, sizeof(X509 *));
	char *pem;

	certs[0] = variant_leaf(issuer, leaf, variant);
	for (size_t i = 1; i < count; i++)
		certs[i] = alternate ? issuer->cross : issuer->intermediate.cert;
	if (variant->reversed) {
		X509 *first = certs[0];

		certs[0] = certs[last];
		certs[last] = first;
	}
	pem = variant->empty ? xstrdup("") : pem_of(certs, count);
	X509_free(certs[variant->reversed ? last : 0]);
	free(certs);
	return pem;
}

char *
issue_ari_id(X509 *leaf)
{
	const ASN1_OCTET_STRING *aki = X509_get0_authority_key_id(leaf);
	unsigned char *der = NULL;
	int length = i2d_ASN1_INTEGER(X509_get0_serialNumber(leaf), &der);
	CLEAN(string) char *issuer = NULL;
	CLEAN(string) char *serial = NULL;

	/* Tag and length are an octet each: our serials are short. */
	issuer =
	    base64url_encode(ASN1_STRING_get0_data(aki), (size_t)ASN1_STRING_length(aki));
	serial = base64url_encode(der + 2, (size_t)length - 2);
	OPENSSL_free(der);
	return xasprintf("%s.%s", issuer, serial);
}
