/* SPDX-License-Identifier: ISC */
/*
 * manage - what tests say to the CA, by plain HTTP on a port of its own:
 *
 *	POST /faults    a list of rules (faults.h); [] ends them all
 *	GET  /log       what was asked; /log?at=newOrder: of one endpoint
 *	GET  /count     how many requests that is, as text; ?at= likewise
 *	POST /ari       {start, end, retry_after, explanationURL, name}: the window of all
 *	                certificates there are, or of those for a name. Instants are
 *	                RFC 3339 or seconds from now; {} gives the usual windows back
 *	GET  /state     {accounts, orders, certificates}
 *	GET  /tokens    {name: token} of the authorizations that are pending
 *	POST /forget    no account has ever been here
 *	POST /reset     no faults, no log, the usual windows
 */
#ifndef ACMED_CA_MANAGE_H
#define ACMED_CA_MANAGE_H

#include "common/err.h"

struct ca;
struct evhttp;

/* Listens on 127.0.0.1:*port; 0: any, and says which. */
struct evhttp *manage_new(struct ca *ca, int *port, struct err *err);

#endif
