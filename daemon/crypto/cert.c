/* SPDX-License-Identifier: ISC */
#include "daemon/crypto/cert.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/crypto/key.h"
#include "common/crypto/openssl.h"
#include "common/identifier.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/crypto/certparts.h"

#define PEM_MOST   131072
#define NAMES_MOST 1000 /* CAs stop at 100; comparing takes the product */
#define NAMES_TOLD 5    /* of those that differ: a message is no list */
#define START_LATE 3600 /* an hour of grace for clocks that are behind the CA's */

OPENSSL_CLEAN(x509, X509, X509_free);

void
chain_free(struct chain *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->length; i++)
		X509_free(c->certs[i]);
	free(c);
}

/* ---- reading ---- */

static const char begin_line[] = "-----BEGIN CERTIFICATE-----";
static const char end_line[] = "-----END CERTIFICATE-----";

/* PEM text that is still to be read. */
struct rest {
	const char *s;
	size_t length;
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
at(const struct rest *rest, const char *text)
{
	size_t length = strlen(text);

	return rest->length >= length && memcmp(rest->s, text, length) == 0;
}

static void
skip(struct rest *rest, size_t length)
{
	rest->s += length;
	rest->length -= length;
}

static int
refuse_text(const struct rest *rest, struct err *err)
{
	static const char begin[] = "-----BEGIN ";
	CLEAN(string) char *label = NULL;
	CLEAN(string) char *shown = NULL;
	size_t room;

	if (!at(rest, begin))
		return err_set(err, ERR_PROTOCOL,
		    "there is something else than certificates in PEM");
	room = rest->length - strlen(begin);
	label = xstrndup(rest->s + strlen(begin), room < 40 ? room : 40);
	shown = str_printable(label, strcspn(label, "-\r\n"));
	return err_set(err, ERR_PROTOCOL, "there is a \"%s\" among the certificates",
	    shown);
}

static X509 *
read_der(const unsigned char *der, size_t length, bool leaf, struct err *err)
{
	const unsigned char *end = der;
	CLEAN(x509)
	X509 *cert =
	    leaf ? cert_read(der, length, &end) : d2i_X509(NULL, &end, (long)length);

	if (cert == NULL) {
		err_set(err, ERR_PROTOCOL, "not valid: %s", openssl_reason());
		return NULL;
	}
	ERR_clear_error(); /* a key that OpenSSL does not know is no error to it */
	if (end != der + length) {
		err_set(err, ERR_PROTOCOL, "something else follows it");
		return NULL;
	}
	return TAKE(cert);
}

/* What follows the leaf is the same from one certificate to the next, and reading its key
 * is most of the work: the last few are kept. */
static struct {
	pthread_mutex_t lock;
	struct {
		X509 *cert;
		unsigned char *der;
		size_t length;
	} list[4];
	size_t next;
} known = { .lock = PTHREAD_MUTEX_INITIALIZER };

static X509 *
find_known(const unsigned char *der, size_t length)
{
	X509 *found = NULL;

	pthread_mutex_lock(&known.lock);
	for (size_t i = 0; i < sizeof(known.list) / sizeof(known.list[0]); i++) {
		if (known.list[i].length == length &&
		    memcmp(known.list[i].der, der, length) == 0)
			found = known.list[i].cert;
	}
	if (found != NULL)
		X509_up_ref(found);
	pthread_mutex_unlock(&known.lock);
	return found;
}

static void
keep_known(X509 *cert, const unsigned char *der, size_t length)
{
	size_t i;

	X509_up_ref(cert);
	pthread_mutex_lock(&known.lock);
	i = known.next++ % (sizeof(known.list) / sizeof(known.list[0]));
	X509_free(known.list[i].cert);
	free(known.list[i].der);
	known.list[i].cert = cert;
	known.list[i].der = xmemdup(der, length);
	known.list[i].length = length;
	pthread_mutex_unlock(&known.lock);
}

static X509 *
read_issuer(const unsigned char *der, size_t length, struct err *err)
{
	X509 *cert = length > 0 ? find_known(der, length) : NULL;

	if (cert != NULL)
		return cert;
	cert = read_der(der, length, false, err);
	if (cert != NULL)
		keep_known(cert, der, length);
	return cert;
}

static X509 *
read_body(const char *body, size_t length, bool leaf, struct err *err)
{
	CLEAN(string) char *text = xcalloc(length + 1, 1);
	unsigned char *der;
	size_t n = 0;
	X509 *cert;

	for (size_t i = 0; i < length; i++) {
		if (!is_blank(body[i]))
			text[n++] = body[i];
	}
	der = base64_decode_any(text, &n, err);
	if (der == NULL) {
		err->kind = ERR_PROTOCOL;
		return NULL;
	}
	cert = leaf ? read_der(der, n, true, err) : read_issuer(der, n, err);
	free(der);
	return cert;
}

static int
read_block(struct chain *c, struct rest *rest, struct err *err)
{
	const char *body = rest->s + strlen(begin_line), *end;

	if (!at(rest, begin_line))
		return refuse_text(rest, err);
	if (c->length == CHAIN_MOST)
		return err_set(err, ERR_PROTOCOL, "more than %d certificates", CHAIN_MOST);
	skip(rest, strlen(begin_line));
	end = memmem(rest->s, rest->length, end_line, strlen(end_line));
	if (end == NULL)
		return err_set(err, ERR_PROTOCOL, "certificate %zu has no end",
		    c->length + 1);
	c->certs[c->length] = read_body(body, (size_t)(end - body), c->length == 0, err);
	if (c->certs[c->length] == NULL)
		return err_prefix(err, "certificate %zu", c->length + 1);
	c->length++;
	skip(rest, (size_t)(end - body) + strlen(end_line));
	return 0;
}

struct chain *
chain_parse(const char *pem, size_t length, struct err *err)
{
	CLEAN(chain) struct chain *c = NULL;
	struct rest rest = { pem, length };

	if (length > PEM_MOST) {
		err_set(err, ERR_PROTOCOL, "certificates of more than 128 KiB");
		return NULL;
	}
	if (memchr(pem, '\0', length) != NULL) {
		refuse_text(&(struct rest){ "", 0 }, err);
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	for (;;) {
		while (rest.length > 0 && is_blank(rest.s[0]))
			skip(&rest, 1);
		if (rest.length == 0)
			break;
		if (read_block(c, &rest, err) == -1)
			return NULL;
	}
	if (c->length == 0) {
		err_set(err, ERR_PROTOCOL, "no certificate");
		return NULL;
	}
	return TAKE(c);
}

/* ---- writing ---- */

static char *
print(const struct chain *c, size_t from, size_t to)
{
	CLEAN(bio) BIO *bio = must(BIO_new(BIO_s_mem()));
	char *text = NULL;
	long length;

	for (size_t i = from; i < to; i++) {
		if (PEM_write_bio_X509(bio, c->certs[i]) != 1)
			must_pointer(NULL, "PEM_write_bio_X509");
	}
	length = BIO_get_mem_data(bio, &text);
	return xstrndup(length > 0 ? text : "", (size_t)length);
}

char *
chain_leaf_pem(const struct chain *c)
{
	return print(c, 0, 1);
}

char *
chain_rest_pem(const struct chain *c)
{
	return print(c, 1, c->length);
}

char *
chain_pem(const struct chain *c)
{
	return print(c, 0, c->length);
}

/* ---- checks: the key ---- */

bool
chain_has_key(const struct chain *c, const struct key *key)
{
	return cert_has_key(c->certs[0], key);
}

static int
check_key(const struct chain *c, const struct key *key, struct err *err)
{
	if (cert_has_key(c->certs[0], key))
		return 0;
	for (size_t i = 1; i < c->length; i++) {
		if (cert_has_key(c->certs[i], key))
			return err_set(err, ERR_PROTOCOL,
			    "the chain is in the wrong order: certificate %zu is for the "
			    "key",
			    i + 1);
	}
	return err_set(err, ERR_PROTOCOL, "the certificate is for another key");
}

/* CAs do not use these, and reading them has been made to loop (CVE-2022-0778). */
static int
check_parameters(const struct chain *c, struct err *err)
{
	for (size_t i = 0; i < c->length; i++) {
		EVP_PKEY *pkey = X509_get0_pubkey(c->certs[i]);
		int is_explicit = 0;

		if (i == 0 && cert_key_is_plain(c->certs[i])) /* and ours, by now */
			continue;
		if (pkey == NULL) {
			ERR_clear_error();
			return err_set(err, ERR_PROTOCOL,
			    "certificate %zu has a key of an unknown kind", i + 1);
		}
		if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_EC)
			continue;
		if (EVP_PKEY_get_int_param(pkey,
			OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
			&is_explicit) != 1 ||
		    is_explicit)
			return err_set(err, ERR_PROTOCOL,
			    "certificate %zu has explicit curve parameters", i + 1);
	}
	return 0;
}

/* ---- checks: the names ---- */

static bool
contains(const char *const *list, const char *name)
{
	if (strv_contains(list, name))
		return true;
	for (; *list != NULL; list++) {
		if (identifier_equal(*list, name))
			return true;
	}
	return false;
}

/* The names of `list` that `other` has not, as text; NULL: there are none. */
static char *
difference(const char *const *list, const char *const *other)
{
	struct text t = { 0 };
	size_t n = 0;

	for (; *list != NULL; list++) {
		if (contains(other, *list))
			continue;
		if (++n <= NAMES_TOLD)
			text_add(&t, "%s%.80s", n > 1 ? ", " : "", *list);
	}
	if (n > NAMES_TOLD)
		text_add(&t, " and %zu more", n - NAMES_TOLD);
	return n > 0 ? text_take(&t) : NULL;
}

static int
check_names(X509 *leaf, const char *const *wanted, struct err *err)
{
	size_t n_others = 0, n;
	CLEAN(strv) char **names = cert_names(leaf, &n_others);
	CLEAN(string) char *missing = NULL;
	CLEAN(string) char *extra = NULL;

	n = strv_length((const char *const *)names);
	if (n > NAMES_MOST)
		return err_set(err, ERR_PROTOCOL, "the certificate has %zu names", n);
	missing = difference(wanted, (const char *const *)names);
	extra = difference((const char *const *)names, wanted);
	if (missing != NULL && extra != NULL)
		return err_set(err, ERR_PROTOCOL,
		    "the certificate lacks %s, and has %s, which nobody asked for", missing,
		    extra);
	if (missing != NULL)
		return err_set(err, ERR_PROTOCOL, "the certificate lacks %s", missing);
	if (extra != NULL)
		return err_set(err, ERR_PROTOCOL,
		    "the certificate has %s, which nobody asked for", extra);
	if (n_others > 0)
		return err_set(err, ERR_PROTOCOL,
		    "the certificate has %zu names that are neither DNS names nor "
		    "addresses",
		    n_others);
	return 0;
}

/* ---- checks: the time ---- */

static int
check_time(const X509 *leaf, time_t now, struct err *err)
{
	time_t start = cert_time(X509_get0_notBefore(leaf));
	time_t end = cert_time(X509_get0_notAfter(leaf));
	char text[TIMEFMT_SIZE];

	if (end <= now)
		return err_set(err, ERR_PROTOCOL, "the certificate expired at %s",
		    timefmt_rfc3339(end, text));
	if (start > now + START_LATE)
		return err_set(err, ERR_PROTOCOL, "the certificate is not valid before %s",
		    timefmt_rfc3339(start, text));
	return 0;
}

/* ---- checks: the order ---- */

static int
check_link(const struct chain *c, size_t i, struct err *err)
{
	X509 *cert = c->certs[i], *issuer = c->certs[i + 1];
	const X509_NAME *wanted = X509_get_issuer_name(cert);
	const X509_NAME *name = X509_get_subject_name(issuer);
	CLEAN(string) char *wanted_text = NULL;
	CLEAN(string) char *text = NULL;

	if (X509_NAME_cmp(wanted, name) != 0) {
		wanted_text = cert_name_text(wanted);
		text = cert_name_text(name);
		return err_set(err, ERR_PROTOCOL,
		    "certificate %zu was issued by \"%.80s\", but \"%.80s\" follows", i + 1,
		    wanted_text, text);
	}
	if (!cert_signed_by(cert, X509_get0_pubkey(issuer)))
		return err_set(err, ERR_PROTOCOL,
		    "the signature of certificate %zu is not by certificate %zu", i + 1,
		    i + 2);
	return 0;
}

int
chain_check(const struct chain *c, const struct key *key, const char *const *names,
    time_t now, struct err *err)
{
	if (check_key(c, key, err) == -1 || check_parameters(c, err) == -1 ||
	    check_names(c->certs[0], names, err) == -1 ||
	    check_time(c->certs[0], now, err) == -1)
		return -1;
	/* What the topmost says of its issuer is up to the clients' roots. */
	for (size_t i = 0; i + 1 < c->length; i++) {
		if (check_link(c, i, err) == -1)
			return -1;
	}
	return 0;
}
