/* SPDX-License-Identifier: ISC */
#include "tests/unit/tls_server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "tests/unit/certs.h"

/* What is put into a connection's buffer at a time where there is no end to it. */
#define CHUNK 4096

struct client {
	struct tls_server *server;
	evutil_socket_t fd;
	struct bufferevent *stream;
	SSL *ssl;
	const struct tls_turn *turn; /* the next */
	LIST_ENTRY(client) link;
};

struct tls_server {
	struct event_base *loop;
	struct evconnlistener *listener;
	SSL_CTX *context;
	struct tls_plan plan;
	unsigned connections, open;
	struct text heard;
	size_t data;
	char name[256];
	LIST_HEAD(, client) clients;
};

/* ---- identities ---- */

static void
check(bool held)
{
	if (!held)
		abort();
}

void
tls_identity_make(struct tls_identity *identity, const char *type)
{
	static const char *const names[] = { "example.org", NULL };
	unsigned char digest[32];
	unsigned length = 0;
	time_t now = time(NULL);

	identity->key = strcmp(type, "EC") == 0 ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
	identity->cert = test_cert(identity->key, "Test Leaf", NULL, "Test Leaf", names,
	    now - 86400, now + 86400);
	check(X509_digest(identity->cert, EVP_sha256(), digest, &length) == 1);
	for (unsigned i = 0; i < length; i++)
		snprintf(identity->fingerprint + 2 * i, 3, "%02x", digest[i]);
}

void
tls_identity_clear(struct tls_identity *identity)
{
	X509_free(identity->cert);
	EVP_PKEY_free(identity->key);
}

/* ---- one connection ---- */

static void
client_free(struct client *c)
{
	LIST_REMOVE(c, link);
	c->server->open--;
	bufferevent_free(c->stream);
	SSL_free(c->ssl);
	close(c->fd);
	free(c);
}

static void
on_data(struct bufferevent *stream, void *arg)
{
	struct client *c = arg;
	struct evbuffer *in = bufferevent_get_input(stream);

	c->server->data += evbuffer_get_length(in);
	evbuffer_drain(in, evbuffer_get_length(in));
}

static void
on_event(struct bufferevent *stream, short what, void *arg)
{
	(void)stream;
	if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
		client_free(arg);
	ERR_clear_error();
}

static void
shake(struct client *c)
{
	bufferevent_free(c->stream); /* and the socket stays */
	c->ssl = must(SSL_new(c->server->context));
	c->stream = must(bufferevent_openssl_socket_new(c->server->loop, c->fd, c->ssl,
	    BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_DEFER_CALLBACKS));
	bufferevent_setcb(c->stream, on_data, NULL, on_event, c);
	bufferevent_enable(c->stream, EV_READ | EV_WRITE);
}

static void
talk_on(struct client *c)
{
	struct evbuffer *out = bufferevent_get_output(c->stream);
	const char *text = c->server->plan.endless;

	while (evbuffer_get_length(out) < CHUNK)
		evbuffer_add(out, text, strlen(text));
}

static bool
is_last(const struct tls_turn *turn)
{
	return turn == NULL || (turn->hears.length == 0 && turn->says.length == 0);
}

/* All that was to be said has been sent. */
static void
on_sent(struct bufferevent *stream, void *arg)
{
	struct client *c = arg;

	(void)stream;
	if (!is_last(c->turn))
		return;
	switch (c->server->plan.end) {
	case TLS_SHAKES:
		shake(c);
		return;
	case TLS_CLOSES:
		client_free(c);
		return;
	case TLS_TALKS_ON:
		talk_on(c);
		return;
	case TLS_IS_SILENT:
		return;
	}
}

static void
take_turns(struct client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->stream);
	bool said = false;

	while (!is_last(c->turn)) {
		const struct tls_bytes *hears = &c->turn->hears;

		if (hears->length > 0 &&
		    evbuffer_search(in, hears->at, hears->length, NULL).pos == -1)
			break;
		text_add_bytes(&c->server->heard, evbuffer_pullup(in, -1),
		    evbuffer_get_length(in));
		evbuffer_drain(in, evbuffer_get_length(in));
		bufferevent_write(c->stream, c->turn->says.at, c->turn->says.length);
		said = said || c->turn->says.length > 0;
		c->turn++;
	}
	if (is_last(c->turn) && !said)
		on_sent(c->stream, c);
}

static void
on_heard(struct bufferevent *stream, void *arg)
{
	struct client *c = arg;

	(void)stream;
	if (!is_last(c->turn))
		take_turns(c);
}

static void
on_client(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
    int length, void *arg)
{
	struct tls_server *s = arg;
	struct client *c = xcalloc(1, sizeof(*c));

	(void)listener;
	(void)peer;
	(void)length;
	s->connections++;
	s->open++;
	c->server = s;
	c->fd = fd;
	c->turn = s->plan.turns;
	c->stream = must(bufferevent_socket_new(s->loop, fd, 0));
	LIST_INSERT_HEAD(&s->clients, c, link);
	bufferevent_setcb(c->stream, on_heard, on_sent, on_event, c);
	bufferevent_enable(c->stream, EV_READ | EV_WRITE);
	take_turns(c);
}

/* ---- all of them ---- */

static int
on_name(SSL *ssl, int *alert, void *arg)
{
	struct tls_server *s = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	snprintf(s->name, sizeof(s->name), "%s", name != NULL ? name : "");
	if (!s->plan.refuses_name)
		return SSL_TLSEXT_ERR_OK;
	*alert = SSL_AD_HANDSHAKE_FAILURE;
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static SSL_CTX *
make_context(struct tls_server *s)
{
	SSL_CTX *context = must(SSL_CTX_new(TLS_server_method()));
	const struct tls_identity *identity = s->plan.identity;

	check(SSL_CTX_use_certificate(context, identity->cert) == 1);
	check(SSL_CTX_use_PrivateKey(context, identity->key) == 1);
	if (s->plan.version != 0) {
		SSL_CTX_set_min_proto_version(context, s->plan.version);
		SSL_CTX_set_max_proto_version(context, s->plan.version);
		SSL_CTX_set_security_level(context, 0); /* for versions of old */
	}
	if (s->plan.wants_cert)
		SSL_CTX_set_verify(context,
		    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_tlsext_servername_callback(context, on_name);
	SSL_CTX_set_tlsext_servername_arg(context, s);
	return context;
}

struct tls_server *
tls_server_new(struct event_base *loop, const char *address, const struct tls_plan *plan)
{
	struct tls_server *s = xcalloc(1, sizeof(*s));
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	bool six = strchr(address, ':') != NULL;

	check(inet_pton(six ? AF_INET6 : AF_INET, address,
		  six ? (void *)&in6.sin6_addr : (void *)&in.sin_addr) == 1);
	s->loop = loop;
	s->plan = *plan;
	LIST_INIT(&s->clients);
	s->listener = evconnlistener_new_bind(loop, on_client, s,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 64,
	    six ? (struct sockaddr *)&in6 : (struct sockaddr *)&in,
	    six ? sizeof(in6) : sizeof(in));
	if (s->listener == NULL) {
		free(s);
		return NULL;
	}
	if (plan->identity != NULL)
		s->context = make_context(s);
	return s;
}

void
tls_server_free(struct tls_server *s)
{
	if (s == NULL)
		return;
	while (!LIST_EMPTY(&s->clients))
		client_free(LIST_FIRST(&s->clients));
	evconnlistener_free(s->listener);
	SSL_CTX_free(s->context);
	text_clear(&s->heard);
	free(s);
}

int
tls_server_port(const struct tls_server *s)
{
	struct sockaddr_in6 address = { 0 }; /* both families have the port at one place */
	socklen_t length = sizeof(address);

	getsockname(evconnlistener_get_fd(s->listener), (struct sockaddr *)&address,
	    &length);
	return ntohs(address.sin6_port);
}

unsigned
tls_server_connections(const struct tls_server *s)
{
	return s->connections;
}

unsigned
tls_server_open(const struct tls_server *s)
{
	return s->open;
}

const char *
tls_server_heard(const struct tls_server *s)
{
	return s->heard.s != NULL ? s->heard.s : "";
}

size_t
tls_server_data(const struct tls_server *s)
{
	return s->data;
}

const char *
tls_server_name(const struct tls_server *s)
{
	return s->name;
}
