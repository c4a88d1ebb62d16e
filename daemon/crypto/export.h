/* SPDX-License-Identifier: ISC */
/* export - a pair in the forms that are not PEM: DER of the leaf, and PKCS#12 (RFC 7292).
 */
#ifndef ACMED_EXPORT_H
#define ACMED_EXPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct chain;
struct key;

/* A new buffer, owned by the caller. */
char *export_der(const struct chain *chain, size_t *length);

/* Key, leaf and what follows it, encrypted by AES-256-CBC with a key out of the password
 * (PBKDF2), named after the first name of the leaf. A password of NULL is the empty one.
 * A new buffer, to be given to secret_free(). */
char *export_pkcs12(const struct key *key, const struct chain *chain, const char *password,
    size_t *length, struct err *err);

/* Whether these bytes are what export_pkcs12() would make, salts and names aside. They may
 * be anybody's: what would take long to decrypt is none of ours, and not tried. */
bool export_is_pkcs12(const char *bytes, size_t length, const char *password,
    const struct key *key, const struct chain *chain);

#endif
