/* SPDX-License-Identifier: ISC */
/*
 * found - what lies on disk of a certificate when acmed comes to it: its state, and the
 * pair in force. Functions block, and touch nothing but their arguments and the disk: they
 * may run on a worker thread.
 */
#ifndef ACMED_FOUND_H
#define ACMED_FOUND_H

#include "common/clean.h"
#include "daemon/renew/state.h"

struct cert_info;
struct store;

struct found {
	struct cert_state state;
	struct cert_info *info; /* of the pair in force, or NULL */
	char *damage;           /* why there is none that could be used, or NULL */
	unsigned version;       /* of the generation in force, 0: none */
	bool unread; /* the pair itself was not read: its files are what they were */
};

/* All of it. */
void found_read(struct found *f, const struct store *store, const char *cert);

/* The pair alone, read whatever the state says of it. */
void found_read_pair(struct found *f, const struct store *store, const char *cert);

void found_clear(struct found *f);
static inline void
found_free_at(struct found *f)
{
	found_clear(f);
}

#endif
