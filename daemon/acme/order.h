/* SPDX-License-Identifier: ISC */
/*
 * order - one certificate from newOrder to the chain (RFC 8555, section 7.4), as a table
 * of named steps. Nothing here knows keys or files; what has to survive a crash is handed
 * to the watcher before the order goes on.
 *
 * The watcher is called from the loop, never before order_start() has returned; `done`
 * once and last. Freeing the order earlier cancels it without a call.
 */
#ifndef ACMED_ORDER_H
#define ACMED_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "common/clean.h"
#include "common/err.h"

struct account;
struct cert_config;
struct challenge_servers;
struct event_base;
struct order;

struct order_request {
	struct event_base *loop;
	struct account *account;        /* a reference is taken */
	const struct cert_config *cert; /* names and challenges; outlives the order */
	const struct challenge_servers *servers; /* outlives the order */
	const unsigned char *csr;                /* DER, copied */
	size_t csr_length;
	const char *url;      /* of an order to go on with, or NULL; copied */
	const char *replaces; /* RFC 9773 section 5, or NULL; copied */
	time_t not_after;     /* asked of the CA; 0: as it likes */
	bool rehearse;        /* ends when all names are proved; without csr and url */
};

struct order_outcome {
	const char
	    *pem; /* NULL: see err, which is NULL too after a rehearsal that went well */
	size_t pem_length;
	const struct err *err;
	bool replaces_refused; /* never send it again for this certificate */
	bool order_lost;       /* the CA's order is of no use any more */
};

struct order_watcher {
	void (*step)(const char *step, const char *detail, void *arg);
	/* Put the URL on disk, then call order_recorded(), now or later. */
	void (*record)(const char *url, void *arg);
	void (*done)(const struct order_outcome *outcome, void *arg);
	void *arg;
};

struct order *order_start(const struct order_request *request,
    const struct order_watcher *watcher);
void order_recorded(struct order *o, const struct err *err);
void order_free(struct order *o);
DEFINE_CLEAN(order, struct order);

/* The step it stands at, for people: "validate". */
const char *order_step(const struct order *o);
const char *order_url(const struct order *o); /* or NULL */

#endif
