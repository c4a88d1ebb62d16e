/* SPDX-License-Identifier: ISC */
/*
 * certs - certificates for tests, made on the spot. Functions that return PEM text give it
 * to the caller. Whatever goes wrong ends the test.
 */
#ifndef ACMED_TEST_CERTS_H
#define ACMED_TEST_CERTS_H

#include <openssl/types.h>
#include <time.h>

struct key;

/* What a CA would send: a leaf for this key and these names (DNS names and addresses), and
 * the intermediate certificate that issued it. The topmost issuer is "Test Root". */
char *test_chain_pem(const struct key *leaf_key, const char *const *names,
    time_t not_before, time_t not_after);

/* The root that issued the intermediate: alone in a file it is what clients trust. */
char *test_root_pem(void);

/* ---- for what no CA would send ---- */

/* A certificate of any relation. An `issuer_key` of NULL: signed by its own key. `names`
 * may be NULL: without the extension. The caller owns it. */
X509 *test_cert(EVP_PKEY *key, const char *subject, EVP_PKEY *issuer_key,
    const char *issuer, const char *const *names, time_t not_before, time_t not_after);

/* The list ends with NULL; its certificates are freed. */
char *test_pem(X509 *first, ...) __attribute__((sentinel));

#endif
