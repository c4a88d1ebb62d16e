/* SPDX-License-Identifier: ISC */
/*
 * tls_server - a server on a loopback address, on the same loop as its client: says in the
 * clear what it was told to say, and then shakes hands, or does what it should not.
 */
#ifndef ACMED_TLS_SERVER_H
#define ACMED_TLS_SERVER_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct tls_server;

struct tls_identity {
	X509 *cert;
	EVP_PKEY *key;
	char fingerprint[65];
};

/* "EC" or "RSA". */
void tls_identity_make(struct tls_identity *identity, const char *type);
void tls_identity_clear(struct tls_identity *identity);

struct tls_bytes {
	const char *at;
	size_t length;
};
#define TLS_BYTES(literal)                   \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

/* When it has heard this, which may be nothing, it says that. */
struct tls_turn {
	struct tls_bytes hears, says;
};

enum tls_end {
	TLS_SHAKES,
	TLS_CLOSES,
	TLS_IS_SILENT,
	TLS_TALKS_ON, /* says `endless` over and over */
};

struct tls_plan {
	const struct tls_turn *turns; /* NULL: none; the last has nothing to hear or say */
	enum tls_end end;
	const char *endless;
	const struct tls_identity *identity;
	bool refuses_name; /* by an alert */
	bool wants_cert;   /* of the client's, or there is an alert */
	int version;       /* TLS1_2_VERSION: no other; 0: any */
};

/* NULL where there is no such address here. */
struct tls_server *tls_server_new(struct event_base *loop, const char *address,
    const struct tls_plan *plan);
void tls_server_free(struct tls_server *s);

int tls_server_port(const struct tls_server *s);
unsigned tls_server_connections(const struct tls_server *s); /* so far */
unsigned tls_server_open(const struct tls_server *s);

/* What was heard in the clear, as text; how many bytes came after a handshake; the server
 * name of the last one, "" where there was none. */
const char *tls_server_heard(const struct tls_server *s);
size_t tls_server_data(const struct tls_server *s);
const char *tls_server_name(const struct tls_server *s);

#endif
