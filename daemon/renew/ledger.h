/* SPDX-License-Identifier: ISC */
/*
 * ledger - what each CA still allows, so that acmed holds before the CA refuses. CAs
 * count with token buckets: `limit` at once, then one more each `per / limit` seconds. An
 * entry is one bucket, kept as the instant at which it will be full again; one that is
 * full is none. Without a clock; each call is O(1).
 *
 * The CA counts when it has the request, or, of certificates, when it issues: what is
 * taken here no earlier than that is never more than the CA's bucket has.
 */
#ifndef ACMED_LEDGER_H
#define ACMED_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "common/clean.h"
#include "common/str.h"

struct json_object;
struct ledger;

enum ledger_kind {
	LEDGER_ORDERS,     /* who: the account; what: "" */
	LEDGER_DUPLICATES, /* who: the directory's URL; what: ledger_set_key() */
	LEDGER_FAILED,     /* validations; who: the account; what: the name */
	LEDGER_KIND_COUNT
};

/* A limit of 0, or no seconds: without limit. */
struct ledger_budget {
	unsigned limit;
	time_t per; /* seconds, at most LEDGER_PER_MAX */
};

/* Longer periods count as this. */
#define LEDGER_PER_MAX ((time_t)366 * 86400)

struct ledger *ledger_new(void);
void ledger_free(struct ledger *l);
DEFINE_CLEAN(ledger, struct ledger);

/* `who` and `what` are compared byte for byte; NULL is "". An entry that is emptier than
 * empty is one of before the clock was set back, or before the budget grew: the first of
 * these that sees it counts it as empty from `now` on. */

/* The instant from which one more is allowed: `now` where it is already. */
time_t ledger_next(const struct ledger *l, enum ledger_kind kind, const char *who,
    const char *what, struct ledger_budget b, time_t now);

/* One was used. Also where it was not allowed: the bucket is empty then. */
void ledger_take(struct ledger *l, enum ledger_kind kind, const char *who, const char *what,
    struct ledger_budget b, time_t now);

/* How many are allowed now; UINT_MAX without limit. */
unsigned ledger_left(const struct ledger *l, enum ledger_kind kind, const char *who,
    const char *what, struct ledger_budget b, time_t now);

/* Entries held; those that have become full go when room is needed. */
size_t ledger_count(const struct ledger *l);

/* 32 hexadecimal digits that are the same for the same set of names, in whatever order
 * and case. Owned by the caller. Not made to withstand an adversary. */
char *ledger_set_key(const char *const *names);

/* ---- on disk: {"entries":[{"kind":"orders","who":...,"what":...,"until":...}]} ---- */

/* The text of it is made in pieces, as there may be very many: a writer begins as { 0 }.
 * True: w->text is the document, and the caller's. Instants are whole seconds, rounded
 * up. What is taken meanwhile may be in it or not. */
struct ledger_writer {
	struct text text;
	size_t next; /* of its own, as the following */
	size_t placing;
};
bool ledger_write(const struct ledger *l, time_t now, struct ledger_writer *w);

/* Adds what is there; of two entries for the same the later one counts. What is wrong, is
 * past, or is further ahead than any period is left out. */
void ledger_read(struct ledger *l, struct json_object *doc, time_t now);

#endif
