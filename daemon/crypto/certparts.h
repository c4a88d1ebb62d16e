/* SPDX-License-Identifier: ISC */
/* certparts - what cert.c and certinfo.c share. */
#ifndef ACMED_CERTPARTS_H
#define ACMED_CERTPARTS_H

#include <openssl/types.h>
#include <stddef.h>
#include <time.h>

#define CHAIN_MOST 10

struct chain {
	X509 *certs[CHAIN_MOST]; /* the leaf first */
	size_t length;
};

/* The DNS names and addresses of the certificate; how many other or broken names it has.
 */
char **cert_names(const X509 *cert, size_t *n_others);

/* The CN, else the O, else "". */
char *cert_name_text(const X509_NAME *name);

/* 0 where there is no such time. */
time_t cert_time(const ASN1_TIME *time);

#endif
