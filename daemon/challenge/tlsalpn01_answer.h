/* SPDX-License-Identifier: ISC */
/*
 * tlsalpn01_answer - the answers of tlsalpn01, as bytes: which names are live, and one TLS
 * handshake at a time, in memory (RFC 8737, section 3).
 *
 * Nothing is answered but a ClientHello that offers the protocol acme-tls/1, and it alone,
 * for a name that is live: whatever OpenSSL would say to another is not for the peer.
 */
#ifndef ACMED_TLSALPN01_ANSWER_H
#define ACMED_TLSALPN01_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/clean.h"
#include "common/err.h"
#include "common/str.h"

struct tlsalpn01_answers;
struct tlsalpn01_handshake;

/* Cheap: the key and what TLS needs are made for the first name, and kept. */
struct tlsalpn01_answers *tlsalpn01_answers_new(void);

/* The handshakes have been freed before. */
void tlsalpn01_answers_free(struct tlsalpn01_answers *a);
DEFINE_CLEAN(tlsalpn01_answers, struct tlsalpn01_answers);

/* As tlsalpn01_put() and tlsalpn01_remove(). */
int tlsalpn01_answers_put(struct tlsalpn01_answers *a, const char *identifier,
    const char *key_authorization, struct err *err);
void tlsalpn01_answers_remove(struct tlsalpn01_answers *a, const char *identifier,
    const char *key_authorization);
bool tlsalpn01_answers_any(const struct tlsalpn01_answers *a);

enum tlsalpn01_state {
	TLSALPN01_MORE,    /* what came so far is right, and not all */
	TLSALPN01_DONE,    /* the handshake is over, the challenge has been answered */
	TLSALPN01_REFUSED, /* to be closed without a word */
};

/* A ClientHello is a few hundred bytes, with keys against quantum computers two thousand.
 */
#define TLSALPN01_HELLO_MAX  16384
#define TLSALPN01_HEADER     5 /* of a record */
#define TLSALPN01_RECORD_MAX (TLSALPN01_HEADER + TLSALPN01_HELLO_MAX)

/* Whether a handshake may begin with these bytes: DONE when the first record is whole. It
 * needs no memory, so that who sends half of one costs next to none. */
enum tlsalpn01_state tlsalpn01_look(const unsigned char *bytes, size_t length);

/* Some name has to be live. */
struct tlsalpn01_handshake *tlsalpn01_handshake_new(struct tlsalpn01_answers *a);
void tlsalpn01_handshake_free(struct tlsalpn01_handshake *h);
DEFINE_CLEAN(tlsalpn01_handshake, struct tlsalpn01_handshake);

/* What has come goes in, what is to be sent is added to `out`. */
enum tlsalpn01_state tlsalpn01_handshake_feed(struct tlsalpn01_handshake *h,
    const void *bytes, size_t length, struct text *out);

/* The identifier that was asked for, when the handshake is done. */
const char *tlsalpn01_handshake_name(const struct tlsalpn01_handshake *h);

#endif
