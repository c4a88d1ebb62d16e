/* SPDX-License-Identifier: ISC */
/*
 * issue - the CA's keys and what they sign. A root with an intermediate below it, made at
 * start; a second root that signs the same intermediate, for the alternate chain; and a
 * root of its own for the TLS certificate of the CA's own server.
 */
#ifndef ACMED_CA_ISSUE_H
#define ACMED_CA_ISSUE_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "common/clean.h"
#include "common/err.h"

struct issuer;
struct json_object;

/* Writes root.pem, root2.pem, intermediate.pem and tls.pem (what a client has to trust
 * to speak to the CA) into `dir`. */
struct issuer *issuer_new(const char *dir, struct err *err);
void issuer_free(struct issuer *issuer);
DEFINE_CLEAN(issuer, struct issuer);

/* For the CA's own server: 127.0.0.1, ::1, localhost. Borrowed. */
SSL_CTX *issuer_tls(struct issuer *issuer);

/* What is wrong with the chain that is served. */
struct issue_variant {
	const char *name; /* the fault's name; NULL: as it should be */
	bool other_key;
	bool other_names;
	int not_before_days; /* from now on; both 0: as in the leaf */
	int not_after_days;
	bool empty;
	bool reversed;
	unsigned times; /* so often the intermediate */
};

extern const struct issue_variant issue_as_it_should;
const struct issue_variant *issue_variant_find(const char *name);

struct issue {
	EVP_PKEY *key;                   /* the subject's */
	struct json_object *identifiers; /* [{type, value}] */
	const unsigned char *serial;
	size_t serial_length;
	time_t not_before;
	time_t not_after;
};

X509 *issuer_sign(struct issuer *issuer, const struct issue *issue, struct err *err);

/* The chain below the first or, if `alternate`, the second root, as PEM, the caller's. A
 * faulty leaf is made anew with the key, names, serial and times of `leaf`. */
char *issuer_chain(struct issuer *issuer, X509 *leaf, const struct issue_variant *variant,
    bool alternate);

/* RFC 9773 section 4.1: the name of a certificate; the caller's. */
char *issue_ari_id(X509 *leaf);

/* The DER of a request: its signature holds and its SANs are these identifiers. The key
 * is the caller's. */
EVP_PKEY *issue_check_csr(const unsigned char *der, size_t length,
    struct json_object *identifiers, struct err *err);

#endif
