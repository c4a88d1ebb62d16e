/* SPDX-License-Identifier: ISC */
/* resources - accounts, orders, authorizations and certificates as a whole. */
#ifndef ACMED_CA_RESOURCES_H
#define ACMED_CA_RESOURCES_H

struct ari_window;
struct ca;
struct call;

/* What the path names, into the call; -1 and a reply where it is not there, or not the
 * account's that asks. */
int call_resolve(struct call *c);

void ari_window_clear(struct ari_window *w);

/* No account has ever been here; certificates stay. */
void resources_forget(struct ca *ca);

void resources_free(struct ca *ca);

#endif
