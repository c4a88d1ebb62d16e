/* SPDX-License-Identifier: ISC */
/*
 * tlsalpn01_cert - the certificate that answers a tls-alpn-01 challenge (RFC 8737, section
 * 3), and the name that the CA asks for it by.
 */
#ifndef ACMED_TLSALPN01_CERT_H
#define ACMED_TLSALPN01_CERT_H

#include <openssl/types.h>

#include "common/err.h"

struct key;

/* The server name of the CA's ClientHello: a DNS name as it is, an address as its name in
 * the reverse DNS, without a final dot (RFC 8738, section 6). A new string. */
char *tlsalpn01_server_name(const char *identifier);

/* Self-signed, good from a day ago for eight days, with the identifier as its only name
 * and the SHA-256 of the key authorization in a critical acmeIdentifier. The caller gives
 * it to X509_free(). */
X509 *tlsalpn01_cert(const char *identifier, const char *key_authorization,
    const struct key *key, struct err *err);

#endif
