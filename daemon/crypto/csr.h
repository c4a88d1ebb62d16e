/* SPDX-License-Identifier: ISC */
/* csr - certificate requests (RFC 2986): the names as SANs, the subject empty. */
#ifndef ACMED_CSR_H
#define ACMED_CSR_H

#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"

struct key;

struct csr_options {
	const char *const *names; /* normalized identifiers, NULL-terminated */
	bool must_staple;
};

/* The DER, owned by the caller. */
unsigned char *csr_make(const struct key *key, const struct csr_options *options,
    size_t *length, struct err *err);

#endif
