/* SPDX-License-Identifier: ISC */
/*
 * starttls - what is said in the clear before TLS may begin, in ten protocols: from the
 * first byte to the server's go-ahead, no more.
 *
 * Bytes in, bytes out: no socket, no clock. A server may say 8 KiB in lines (tags,
 * messages) of 1 KiB at most. Whatever follows the go-ahead in the clear is an error: who
 * sits in between could have put it there (CVE-2011-0411). So is what comes before its
 * question.
 */
#ifndef ACMED_STARTTLS_H
#define ACMED_STARTTLS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/clean.h"
#include "common/err.h"

struct starttls;

#define STARTTLS_MOST      8192
#define STARTTLS_LINE_MOST 1024

enum starttls_result {
	STARTTLS_MORE,    /* send the output, then wait for more */
	STARTTLS_GO,      /* TLS begins now */
	STARTTLS_REFUSED, /* for good: an ERR_PROTOCOL that quotes the server */
};

/* "smtp", "lmtp", ...: all there are, and a NULL. */
const char *const *starttls_dialects(void);
bool starttls_is_dialect(const char *name);

/* `domain`: whose service is asked for. `self`: what we are called: "[192.0.2.1]" or
 * "[IPv6:2001:db8::1]" (RFC 5321 section 4.1.3). Neither has a character that a name or
 * an address has not. NULL where there is no such dialect. */
struct starttls *starttls_new(const char *dialect, const char *domain, const char *self);
void starttls_free(struct starttls *s);
DEFINE_CLEAN(starttls, struct starttls);

/* What has to be sent now: at the beginning, and after each STARTTLS_MORE. NULL where there
 * is nothing. Good until the next call. */
const void *starttls_output(const struct starttls *s, size_t *length);

/* What the server has said. */
enum starttls_result starttls_feed(struct starttls *s, const void *bytes, size_t n,
    struct err *err);

#endif
