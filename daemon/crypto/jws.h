/* SPDX-License-Identifier: ISC */
/* jws - the signed envelope of ACME requests (RFC 8555 section 6.2, RFC 7515). */
#ifndef ACMED_JWS_H
#define ACMED_JWS_H

#include <stddef.h>

#include "common/err.h"

struct json_object;
struct key;

struct jws_header {
	const char *url;
	const char *nonce; /* NULL: none (the inner JWS of a key change) */
	const char *kid;   /* NULL: the public key itself, as `jwk` */
};

/* The flattened serialization as text, owned by the caller. `payload` is JSON text, or ""
 * for POST-as-GET. */
char *jws_sign(const struct key *key, const struct jws_header *header, const char *payload,
    struct err *err);

/* An external account binding (RFC 8555, section 7.3.4): the public JWK of `key`, MACed
 * with the decoded secret. alg: HS256, HS384, HS512. Owned by the caller. */
struct jws_eab {
	const char *kid;
	const char *alg;
	const void *secret;
	size_t secret_length;
};
struct json_object *jws_bind(const struct key *key, const struct jws_eab *eab,
    const char *new_account_url, struct err *err);

#endif
