/* SPDX-License-Identifier: ISC */
#include "daemon/challenge/tlsalpn01_answer.h"

#include <openssl/ssl.h>
#include <search.h>
#include <string.h>

#include "common/crypto/key.h"
#include "common/crypto/openssl.h"
#include "common/mem.h"
#include "daemon/challenge/tlsalpn01_cert.h"

#define NAME_MAX_BYTES 255

/* RFC 8737, section 3: the one protocol, as ALPN has it, and as a list of one. */
#define PROTOCOL     "acme-tls/1"
#define PROTOCOL_LEN (sizeof(PROTOCOL) - 1)
static const unsigned char only_protocol[] = "\x00\x0b\x0a" PROTOCOL;

/* A name that is live. */
struct answer {
	char *server_name;
	char *identifier;
	char *key_authorization;
	X509 *cert;
	unsigned uses;
};

struct tlsalpn01_answers {
	SSL_CTX *context; /* NULL until there is something to answer */
	struct key *key;
	void *tree; /* of answers, by server name */
};

struct tlsalpn01_handshake {
	SSL *ssl;
	BIO *in; /* the SSL's own */
	BIO *out;
	char *name; /* NULL until the ClientHello is accepted */
};

static void
answer_free(struct answer *answer)
{
	free(answer->server_name);
	free(answer->identifier);
	free(answer->key_authorization);
	X509_free(answer->cert);
	free(answer);
}

static int
compare(const void *a, const void *b)
{
	const struct answer *x = a, *y = b;

	return strcmp(x->server_name, y->server_name);
}

/* The place in the tree, or NULL. */
static struct answer **
find(const struct tlsalpn01_answers *a, char *server_name)
{
	struct answer like = { .server_name = server_name };

	return tfind(&like, &a->tree, compare);
}

/* ---- the ClientHello ---- */

static size_t
number(const unsigned char *bytes)
{
	return (size_t)bytes[0] << 8 | bytes[1];
}

/* The one host name of the server_name extension (RFC 6066, section 3), in lower case. */
static bool
read_server_name(const unsigned char *bytes, size_t length, char out[NAME_MAX_BYTES + 1])
{
	size_t n;

	if (length < 5 || number(bytes) != length - 2 ||
	    bytes[2] != TLSEXT_NAMETYPE_host_name)
		return false;
	n = number(bytes + 3);
	if (n != length - 5 || n == 0 || n > NAME_MAX_BYTES ||
	    memchr(bytes + 5, 0, n) != NULL)
		return false;
	memcpy(out, bytes + 5, n);
	out[n] = '\0';
	str_lower(out);
	return true;
}

static struct answer *
find_asked(const struct tlsalpn01_answers *a, SSL *ssl)
{
	const unsigned char *bytes;
	size_t length;
	char name[NAME_MAX_BYTES + 1];
	struct answer **found;

	if (SSL_client_hello_get0_ext(ssl,
		TLSEXT_TYPE_application_layer_protocol_negotiation, &bytes, &length) != 1 ||
	    length != sizeof(only_protocol) - 1 ||
	    memcmp(bytes, only_protocol, length) != 0)
		return NULL;
	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &length) != 1 ||
	    !read_server_name(bytes, length, name))
		return NULL;
	found = find(a, name);
	return found != NULL ? *found : NULL;
}

/* A second ClientHello (RFC 8446, section 4.1.4) comes here, too. */
static int
on_client_hello(SSL *ssl, int *alert, void *arg)
{
	struct tlsalpn01_handshake *h = SSL_get_app_data(ssl);
	const struct answer *answer = find_asked(arg, ssl);

	(void)alert; /* is never sent */
	if (answer == NULL || SSL_use_certificate(ssl, answer->cert) != 1)
		return SSL_CLIENT_HELLO_ERROR;
	free(h->name);
	h->name = xstrdup(answer->identifier);
	return SSL_CLIENT_HELLO_SUCCESS;
}

static int
on_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_length,
    const unsigned char *in, unsigned in_length, void *arg)
{
	(void)ssl;
	(void)in;
	(void)in_length;
	(void)arg;
	*out = only_protocol + 3;
	*out_length = PROTOCOL_LEN;
	return SSL_TLSEXT_ERR_OK;
}

/* ---- what all handshakes have in common ---- */

/* No sessions to go on with, no second handshake, and what is quick of all there is: it is
 * not left to who asks what the answer costs. */
static SSL_CTX *
new_context(struct tlsalpn01_answers *a)
{
	SSL_CTX *context = must(SSL_CTX_new(TLS_server_method()));

	SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(context, 0);
	SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
					 SSL_OP_NO_COMPRESSION |
					 SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_num_tickets(context, 0);
	SSL_CTX_set_max_early_data(context, 0);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_quiet_shutdown(context, 1);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_ciphersuites(context,
	    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
	SSL_CTX_set_cipher_list(context,
	    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
	    "ECDHE-ECDSA-CHACHA20-POLY1305");
	/* There are builds of OpenSSL without the first. */
	if (SSL_CTX_set1_groups_list(context, "X25519:P-256") != 1)
		SSL_CTX_set1_groups_list(context, "P-256");
	SSL_CTX_set_client_hello_cb(context, on_client_hello, a);
	SSL_CTX_set_alpn_select_cb(context, on_protocols, NULL);
	ERR_clear_error();
	return context;
}

static int
prepare(struct tlsalpn01_answers *a, struct err *err)
{
	if (a->context != NULL)
		return 0;
	a->key = key_generate(KEY_EC_P256, err);
	if (a->key == NULL)
		return -1;
	a->context = new_context(a);
	must(SSL_CTX_use_PrivateKey(a->context, key_evp(a->key)) == 1 ? a : NULL);
	return 0;
}

/* ---- names ---- */

int
tlsalpn01_answers_put(struct tlsalpn01_answers *a, const char *identifier,
    const char *key_authorization, struct err *err)
{
	CLEAN(string) char *server_name = tlsalpn01_server_name(identifier);
	struct answer **found = find(a, server_name);
	struct answer *added;
	X509 *cert;

	if (found != NULL && !str_eq((*found)->key_authorization, key_authorization))
		return err_set(err, ERR_BUSY, "another order proves %s at this time",
		    identifier);
	if (found != NULL) {
		(*found)->uses++;
		return 0;
	}
	if (prepare(a, err) == -1)
		return -1;
	cert = tlsalpn01_cert(identifier, key_authorization, a->key, err);
	if (cert == NULL)
		return -1;
	added = xcalloc(1, sizeof(*added));
	added->server_name = TAKE(server_name);
	added->identifier = xstrdup(identifier);
	added->key_authorization = xstrdup(key_authorization);
	added->cert = cert;
	added->uses = 1;
	must(tsearch(added, &a->tree, compare));
	return 0;
}

static void
take_out(struct tlsalpn01_answers *a, struct answer *answer)
{
	tdelete(answer, &a->tree, compare);
	answer_free(answer);
}

void
tlsalpn01_answers_remove(struct tlsalpn01_answers *a, const char *identifier,
    const char *key_authorization)
{
	CLEAN(string) char *server_name = tlsalpn01_server_name(identifier);
	struct answer **found = find(a, server_name);

	if (found == NULL || !str_eq((*found)->key_authorization, key_authorization))
		return;
	if (--(*found)->uses == 0)
		take_out(a, *found);
}

bool
tlsalpn01_answers_any(const struct tlsalpn01_answers *a)
{
	return a->tree != NULL;
}

struct tlsalpn01_answers *
tlsalpn01_answers_new(void)
{
	return xcalloc(1, sizeof(struct tlsalpn01_answers));
}

void
tlsalpn01_answers_free(struct tlsalpn01_answers *a)
{
	if (a == NULL)
		return;
	while (a->tree != NULL)
		take_out(a, *(struct answer **)a->tree);
	SSL_CTX_free(a->context);
	key_free(a->key);
	free(a);
}

/* ---- a handshake ---- */

enum tlsalpn01_state
tlsalpn01_look(const unsigned char *bytes, size_t length)
{
	/* Of a record: type, version, length; of the message in it: type, length. */
	bool good =
	    (length < 1 || bytes[0] == SSL3_RT_HANDSHAKE) &&
	    (length < 2 || bytes[1] == SSL3_VERSION_MAJOR) &&
	    (length < 5 || (number(bytes + 3) >= SSL3_HM_HEADER_LENGTH &&
			       number(bytes + 3) <= TLSALPN01_HELLO_MAX)) &&
	    (length < 6 || bytes[5] == SSL3_MT_CLIENT_HELLO) &&
	    (length < 9 || (bytes[6] == 0 && number(bytes + 7) <= TLSALPN01_HELLO_MAX));

	if (!good)
		return TLSALPN01_REFUSED;
	if (length < TLSALPN01_HEADER || length - TLSALPN01_HEADER < number(bytes + 3))
		return TLSALPN01_MORE;
	return TLSALPN01_DONE;
}

struct tlsalpn01_handshake *
tlsalpn01_handshake_new(struct tlsalpn01_answers *a)
{
	struct tlsalpn01_handshake *h = xcalloc(1, sizeof(*h));

	h->ssl = must(SSL_new(a->context));
	h->in = must(BIO_new(BIO_s_mem()));
	h->out = must(BIO_new(BIO_s_mem()));
	SSL_set_bio(h->ssl, h->in, h->out);
	SSL_set_app_data(h->ssl, h);
	SSL_set_accept_state(h->ssl);
	return h;
}

void
tlsalpn01_handshake_free(struct tlsalpn01_handshake *h)
{
	if (h == NULL)
		return;
	SSL_free(h->ssl);
	free(h->name);
	free(h);
}

static void
take_output(struct tlsalpn01_handshake *h, struct text *out)
{
	char *bytes;
	long length = BIO_get_mem_data(h->out, &bytes);

	if (length > 0)
		text_add_bytes(out, bytes, (size_t)length);
	BIO_reset(h->out);
}

enum tlsalpn01_state
tlsalpn01_handshake_feed(struct tlsalpn01_handshake *h, const void *bytes, size_t length,
    struct text *out)
{
	enum tlsalpn01_state state = TLSALPN01_REFUSED;
	int r;

	ERR_clear_error();
	BIO_write(h->in, bytes, (int)length);
	r = SSL_do_handshake(h->ssl);
	if (r == 1)
		state = TLSALPN01_DONE;
	else if (SSL_get_error(h->ssl, r) == SSL_ERROR_WANT_READ)
		state = TLSALPN01_MORE;
	ERR_clear_error(); /* curl and libevent read this queue, too */
	if (state != TLSALPN01_REFUSED)
		take_output(h, out);
	return state;
}

const char *
tlsalpn01_handshake_name(const struct tlsalpn01_handshake *h)
{
	return h->name;
}
