/* SPDX-License-Identifier: ISC */
/* jws_check - is a request signed as RFC 8555 section 6.2 wants it? Nonces, too. */
#ifndef ACMED_CA_JWS_CHECK_H
#define ACMED_CA_JWS_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/clean.h"
#include "common/err.h"

struct call;
struct json_object;
struct key;

/* The parts of a flattened JWS. */
struct jws {
	struct json_object *header;
	char *signed_text; /* protected "." payload */
	char *payload;     /* decoded, NUL-terminated */
	size_t payload_length;
	unsigned char *signature;
	size_t signature_length;
};

struct jws *jws_open(struct json_object *doc, struct err *err);
void jws_free(struct jws *jws);
DEFINE_CLEAN(jws, struct jws);

/* The header's `jwk`, the caller's. */
struct key *jws_key(const struct jws *jws, struct err *err);

/* alg fits the key, and the signature holds. */
int jws_verify(const struct jws *jws, const struct key *key, struct err *err);
int jws_verify_mac(const struct jws *jws, const void *secret, size_t length,
    struct err *err);

/* All of a POST request; fills payload, account and key of the call. On -1 the reply says
 * what is wrong. */
int jws_check(struct call *c);

/* ---- nonces: a number with a MAC, good once ---- */

struct nonces;

struct nonces *nonces_new(void);
void nonces_free(struct nonces *n);
char *nonces_make(struct nonces *n); /* the caller's */
bool nonces_use(struct nonces *n, const char *text);

#endif
