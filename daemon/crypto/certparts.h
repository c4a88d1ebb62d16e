/* SPDX-License-Identifier: ISC */
/* certparts - what cert.c and certinfo.c share. */
#ifndef ACMED_CERTPARTS_H
#define ACMED_CERTPARTS_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct key;

#define CHAIN_MOST 10

struct chain {
	X509 *certs[CHAIN_MOST]; /* the leaf first */
	size_t length;
};

/* A leaf out of DER; `end` is behind it. Where its key is plain it is not understood, only
 * to be compared: X509_get0_pubkey() gives NULL. NULL and openssl_reason() for what is no
 * certificate. */
X509 *cert_read(const unsigned char *der, size_t length, const unsigned char **end);

/* Whether it has a key of Ed25519, or on a curve that we know, by its name. */
bool cert_key_is_plain(const X509 *cert);

const char *cert_key_name(const X509 *cert); /* "ec:P-256", ..., "unknown" */
bool cert_has_key(const X509 *cert, const struct key *key);

/* Whether it is signed by this key, which may be NULL. Names do not count. */
bool cert_signed_by(const X509 *cert, EVP_PKEY *issuer);

/* The DNS names and addresses of the certificate; how many other or broken names it has.
 */
char **cert_names(const X509 *cert, size_t *n_others);

/* The CN, else the O, else "". */
char *cert_name_text(const X509_NAME *name);

/* 0 where there is no such time. */
time_t cert_time(const ASN1_TIME *time);

#endif
