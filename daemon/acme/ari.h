/* SPDX-License-Identifier: ISC */
/*
 * ari - renewal information (RFC 9773): when a CA suggests that a certificate be renewed.
 */
#ifndef ACMED_ARI_H
#define ACMED_ARI_H

#include <stdint.h>
#include <time.h>

#include "common/clean.h"
#include "common/err.h"

struct ari_fetch;
struct directory;
struct json_object;

struct ari_window {
	time_t start;
	time_t end; /* after start */
};

struct ari_answer {
	struct ari_window window;
	time_t retry_after;      /* seconds; 0 where the CA did not say */
	const char *explanation; /* a page for people, or NULL */
};

/* ---- pure: section 4.2 ---- */

int ari_parse(struct json_object *doc, struct ari_answer *ret, struct err *err);

/* The instant of the window that `random` stands for: 0 the start, UINT32_MAX the last
 * second before the end. */
time_t ari_pick(const struct ari_window *w, uint32_t random);

/* ---- asking ---- */

/* Both NULL: the CA has no renewal information. */
typedef void ari_done_fn(const struct ari_answer *answer, const struct err *err, void *arg);

/* Calls back once, from the loop, never before it has returned; not at all once freed. */
struct ari_fetch *ari_fetch_start(struct directory *directory, const char *cert_id,
    ari_done_fn *done, void *arg);
void ari_fetch_free(struct ari_fetch *f);
DEFINE_CLEAN(ari_fetch, struct ari_fetch);

#endif
