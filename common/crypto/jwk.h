/* SPDX-License-Identifier: ISC */
/* jwk - keys as JSON (RFC 7517, 7518, 8037) and their thumbprints (RFC 7638). */
#ifndef ACMED_JWK_H
#define ACMED_JWK_H

#include <openssl/types.h>

#include "common/err.h"

struct json_object;
struct key;

/* The public members, in lexicographic order. Owned by the caller. */
struct json_object *jwk_public(const struct key *key);

/* The same as text without blanks: what the thumbprint is made of. Borrowed. */
const char *jwk_public_text(const struct key *key);

/* With the private members. Its string form is a secret. */
struct json_object *jwk_private(const struct key *key, struct err *err);

/* A private key out of a JWK; missing RSA members are computed; the point of an EC key
 * has to fit its scalar. The caller owns the result. */
EVP_PKEY *jwk_to_evp(struct json_object *jwk, struct err *err);

/* A public key out of a JWK, for verifying. */
EVP_PKEY *jwk_public_to_evp(struct json_object *jwk, struct err *err);

/* 43 characters, owned by the caller. */
char *jwk_thumbprint(const struct key *key);

#endif
