/* SPDX-License-Identifier: ISC */
/*
 * identifier - what a certificate is for: a DNS name or an IP address, in the one
 * spelling that an order, a CSR and a comparison need (RFC 8555 section 7.1.4, RFC 8738).
 */
#ifndef ACMED_IDENTIFIER_H
#define ACMED_IDENTIFIER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

enum identifier_type {
	IDENTIFIER_DNS,
	IDENTIFIER_IP,
};

/* Of a spelling that identifier_normalize() returned. */
enum identifier_type identifier_type(const char *name);
const char *identifier_type_name(enum identifier_type type); /* "dns", "ip" */
bool identifier_is_wildcard(const char *name);

/* Lower case, A-labels (IDNA2008, RFC 5891), no final dot, a wildcard only as the whole
 * first label, at least two labels; RFC 5952 text for IPv6. A new string, or NULL and an
 * ERR_CONFIG that says what is wrong with it. */
char *identifier_normalize(const char *text, struct err *err);

/* A CA's spelling equals ours: case does not count. */
bool identifier_equal(const char *a, const char *b);

/* 4 or 16 octets of an IP identifier; 0 where it is none. */
size_t identifier_octets(const char *name, unsigned char out[16]);

#endif
