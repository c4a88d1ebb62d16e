/* SPDX-License-Identifier: ISC */
/*
 * store - the state directory (docs/ARCHITECTURE.md has its picture).
 *
 * Only one process at a time holds it. Whatever is written is written to a new file,
 * synced, renamed, and its directory synced: after a crash at any instant `live/CERT` is
 * a whole pair, old or new. Functions that write block, and are called on worker threads;
 * they touch nothing but their arguments and the disk, so they may run side by side for
 * different certificates. Names are those of the configuration, which has checked them.
 */
#ifndef ACMED_STORE_H
#define ACMED_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/clean.h"
#include "common/err.h"

struct store;
struct key;
struct chain;
struct cert_info;
struct json_object;

/* Makes what is missing, takes the lock (an err names its holder), tightens the modes of
 * the directories, removes the temporary files that a crash left. It does not go through
 * the archive: the files of a certificate have their modes tightened when they are read,
 * and what a crash left there is removed by the next store_publish(). What is staged
 * and not in force stays, an order may be resumed with it. */
struct store *store_open(const char *state_dir, struct err *err);
void store_close(struct store *s);
static inline void
store_free(struct store *s)
{
	store_close(s);
}
DEFINE_CLEAN(store, struct store);

const char *store_path(const struct store *s);

/* ---- accounts/NAME: account.key, account.json ---- */

/* NULL and errno ENOENT where there is none. */
struct key *store_account_key(const struct store *s, const char *account, struct err *err);
int store_save_account_key(struct store *s, const char *account, const struct key *key,
    struct err *err);
/* What was saved, or NULL. A damaged file is moved aside, and the log says so. */
struct json_object *store_account(const struct store *s, const char *account);
int store_save_account(struct store *s, const char *account, struct json_object *doc,
    struct err *err);

/* ---- live/CERT and archive/CERT/NNNN ---- */

/* The pair in force; NULL and an err where there is none or it is damaged (key and chain
 * are read through one open directory, so they always match). `key` may be NULL. */
struct chain *store_live(const struct store *s, const char *cert, struct key **key,
    struct err *err);

/* The number of the generation in force; 0 where there is none. */
unsigned store_live_version(const struct store *s, const char *cert);

/* Of the files of a generation: as long as it stays the same nobody has written to them,
 * replaced them, or changed their modes. Some stat() calls; 0 where one is missing, or is
 * not as acmed makes them. */
uint64_t store_stamp(const struct store *s, const char *cert, unsigned version);

/* The numbers of the generations that are there and whole, ascending; 0 ends it. Owned by
 * the caller. Reads all of them. */
unsigned *store_versions(const struct store *s, const char *cert);

/* The pair of a given generation, as store_live(). */
struct chain *store_version(const struct store *s, const char *cert, unsigned version,
    struct key **key, struct err *err);

/* Switches `live` to that generation, once it was seen to be whole. What was in force stays
 * in the archive, and the next publication takes a number above all that exist. Blocks. */
int store_switch(struct store *s, const char *cert, unsigned version, struct err *err);

/* ---- an order under way: STATE-DIR/staging/CERT.pem ---- */

/* Puts the key of the order to come on disk, in place of what an earlier attempt left. */
int store_stage_key(struct store *s, const char *cert, const struct key *key,
    struct err *err);

/* NULL and errno ENOENT where no key is staged. A damaged one is removed, and counts as
 * none. */
struct key *store_staged_key(const struct store *s, const char *cert, struct err *err);
int store_unstage(struct store *s, const char *cert, struct err *err);

/* This key (which was staged) and this chain become a generation, `live` is switched to
 * it, and of the generations `keep` stay: it, what was in force before, then the newest
 * (1: it alone). The caller has checked the chain; that it fits the key is checked again.
 * *version is its number. After a failure `live` is what it was, and the key is still
 * staged: call it again. */
struct pair {
	const struct key *key;
	const struct chain *chain;
};
int store_publish(struct store *s, const char *cert, const struct pair *pair, unsigned keep,
    unsigned *version, struct err *err);

/* ---- state/CERT.json ---- */

/* What was saved, or NULL. A damaged file is moved aside, and the log says so. */
struct json_object *store_state(const struct store *s, const char *cert);

/* `text` is the document. */
int store_save_state(struct store *s, const char *cert, const char *text, struct err *err);

/* The names of all certificates that have a state file. Owned by the caller. */
char **store_state_names(const struct store *s);

/* ---- NAME.json: what is remembered of all certificates together ---- */

/* As store_state() and store_save_state(); `name` with its ending. */
struct json_object *store_document(const struct store *s, const char *name);
int store_save_document(struct store *s, const char *name, const char *text,
    struct err *err);

/* ---- deploy-queue/ENTRY: what root is asked to do ---- */

/* Adds the certificate to the entry, a line each: from then on it is there until a script
 * outside of acmed has taken it. Names as the configuration has them. Blocks. */
int store_queue_deploy(struct store *s, const char *entry, const char *cert,
    struct err *err);

#endif
