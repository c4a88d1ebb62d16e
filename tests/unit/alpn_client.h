/* SPDX-License-Identifier: ISC */
/* alpn_client - a CA's side of tls-alpn-01, in memory: bytes out, bytes in. */
#ifndef ACMED_ALPN_CLIENT_H
#define ACMED_ALPN_CLIENT_H

#include "tests/unit/unit.h"

#include <openssl/ssl.h>
#include <stdbool.h>

#define ACME_TLS_1 \
	"\x0a"     \
	"acme-tls/1"

/* What the ClientHello says; { .name = "a.example", .protocols = ACME_TLS_1 } is right. */
struct alpn_hello {
	const char *name;      /* NULL: no SNI */
	const char *protocols; /* as ALPN has them, NULL: none */
	int version;           /* only this one; 0: 1.2 and 1.3 */
	const char *groups;    /* NULL: the usual ones */
};

struct alpn_client {
	SSL_CTX *context;
	SSL *ssl;
	BIO *in;
	BIO *out;
	bool done;
};

void alpn_client_open(struct alpn_client *c, const struct alpn_hello *hello);
void alpn_client_close(struct alpn_client *c);

/* What it has to say now: at most `room` bytes, how many. */
size_t alpn_client_says(struct alpn_client *c, unsigned char *out, size_t room);
void alpn_client_hears(struct alpn_client *c, const void *bytes, size_t length);

#endif
