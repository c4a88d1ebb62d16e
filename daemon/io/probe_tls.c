/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "daemon/io/probe_internal.h"

struct probe_tls_setup {
	SSL_CTX *context;
};

struct probe_tls {
	SSL *ssl;
	bool was_asked; /* for a certificate of ours */
};

/* ---- what all handshakes have in common ---- */

static int
accept_any(X509_STORE_CTX *store, void *arg)
{
	(void)store;
	(void)arg;
	return 1;
}

static int
give_none(SSL *ssl, X509 **cert, EVP_PKEY **key)
{
	struct probe_tls *tls = SSL_get_app_data(ssl);

	(void)cert;
	(void)key;
	tls->was_asked = true;
	return 0;
}

struct probe_tls_setup *
probe_tls_setup_new(void)
{
	struct probe_tls_setup *setup = xcalloc(1, sizeof(*setup));
	SSL_CTX *context = must(SSL_CTX_new(TLS_client_method()));

	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_cert_verify_callback(context, accept_any, NULL);
	SSL_CTX_set_client_cert_cb(context, give_none);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	setup->context = context;
	return setup;
}

void
probe_tls_setup_free(struct probe_tls_setup *setup)
{
	if (setup == NULL)
		return;
	SSL_CTX_free(setup->context);
	free(setup);
}

/* ---- one handshake ---- */

struct probe_tls *
probe_tls_new(struct probe_tls_setup *setup, int fd, const char *sni)
{
	struct probe_tls *tls = xcalloc(1, sizeof(*tls));

	tls->ssl = must(SSL_new(setup->context));
	SSL_set_app_data(tls->ssl, tls);
	SSL_set_fd(tls->ssl, fd);
	if (sni != NULL)
		SSL_set_tlsext_host_name(tls->ssl, sni);
	ERR_clear_error();
	return tls;
}

void
probe_tls_free(struct probe_tls *tls)
{
	if (tls == NULL)
		return;
	SSL_free(tls->ssl);
	free(tls);
}

static bool
take_fingerprint(const SSL *ssl, char fingerprint[PROBE_FINGERPRINT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	const X509 *leaf = SSL_get0_peer_certificate(ssl);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned length = 0;

	if (leaf == NULL || X509_digest(leaf, EVP_sha256(), digest, &length) != 1 ||
	    length * 2 + 1 != PROBE_FINGERPRINT_SIZE)
		return false;
	for (size_t i = 0; i < length; i++) {
		fingerprint[2 * i] = digits[digest[i] >> 4];
		fingerprint[2 * i + 1] = digits[digest[i] & 15];
	}
	fingerprint[PROBE_FINGERPRINT_SIZE - 1] = '\0';
	return true;
}

/* A server that wants a certificate of ours may send us away for having none. By then it
 * has shown its own, and that the key to it is there. */
static bool
is_sent_away(const struct probe_tls *tls, unsigned long code)
{
	return tls->was_asked && ERR_GET_LIB(code) == ERR_LIB_SSL &&
	       ERR_GET_REASON(code) >= SSL_AD_REASON_OFFSET;
}

static enum probe_tls_result
explain(int errnum, unsigned long code, struct err *err)
{
	const char *reason = ERR_reason_error_string(code);

	if (code == 0 && errnum != 0)
		err_set(err, ERR_NETWORK, "the TLS handshake: %s", strerror(errnum));
	else if (code == 0 || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		err_set(err, ERR_NETWORK,
		    "the server closed the connection during the TLS handshake");
	else if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER)
		err_set(err, ERR_PROTOCOL, "what the server says is not TLS");
	else
		err_set(err, ERR_PROTOCOL, "the TLS handshake: %s",
		    reason != NULL ? reason : "unknown reason");
	return PROBE_TLS_FAILED;
}

static enum probe_tls_result
finish(struct probe_tls *tls, char fingerprint[PROBE_FINGERPRINT_SIZE], struct err *err)
{
	if (take_fingerprint(tls->ssl, fingerprint))
		return PROBE_TLS_DONE;
	err_set(err, ERR_PROTOCOL, "the server has shown no certificate");
	return PROBE_TLS_FAILED;
}

enum probe_tls_result
probe_tls_step(struct probe_tls *tls, char fingerprint[PROBE_FINGERPRINT_SIZE],
    struct err *err)
{
	enum probe_tls_result result;
	unsigned long code;
	int r, errnum;

	ERR_clear_error();
	errno = 0;
	r = SSL_connect(tls->ssl);
	errnum = errno;
	switch (SSL_get_error(tls->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return PROBE_TLS_READS;
	case SSL_ERROR_WANT_WRITE:
		return PROBE_TLS_WRITES;
	case SSL_ERROR_NONE:
		result = finish(tls, fingerprint, err);
		SSL_shutdown(tls->ssl);
		break;
	default:
		code = ERR_peek_error();
		result = is_sent_away(tls, code) ? finish(tls, fingerprint, err)
						 : explain(errnum, code, err);
	}
	ERR_clear_error();
	return result;
}
