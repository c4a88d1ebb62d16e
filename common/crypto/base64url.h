/* SPDX-License-Identifier: ISC */
/* base64url - RFC 4648 section 5 without padding, as strict as protocol needs it. */
#ifndef ACMED_BASE64URL_H
#define ACMED_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

/* A new NUL-terminated string. */
char *base64url_encode(const void *bytes, size_t length);

/* Refuses padding, other alphabets, white space, a length of 4n+1 and spare bits that are
 * set. A new buffer with a NUL behind it, or NULL and ERR_PROTOCOL. */
unsigned char *base64url_decode(const char *text, size_t *length, struct err *err);

/* For what people paste (EAB keys): either alphabet, padding or none. */
unsigned char *base64_decode_any(const char *text, size_t *length, struct err *err);

/* Not empty, and nothing but the characters of the alphabet: tokens, nonces. */
bool base64url_is_token(const char *text);

#endif
