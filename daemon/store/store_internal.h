/* SPDX-License-Identifier: ISC */
/* store_internal - what the files of this folder share. */
#ifndef ACMED_STORE_INTERNAL_H
#define ACMED_STORE_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "daemon/io/file_swap.h"

struct chain;
struct json_object;
struct key;

#define SPARES_MAX 4 /* as many as are written at a time */

/* Open directories, so that nothing depends on what a path means later. */
struct store {
	char *path;
	int dir;
	int accounts;
	int archive;
	int live;
	int staging;
	int state;
	int hooks; /* the home of other people's programs */
	int lock;
	struct file_spare spares[SPARES_MAX]; /* in `state` */
	atomic_bool spare_taken[SPARES_MAX];
};

/* ---- layout.c ---- */

/* errno after a failure: ENOENT where it is missing, EBADMSG where what lies there is
 * damaged (trying again will not mend it), something else where it could not be read. */

/* "NAME: is WHAT", or what errno says where `what` is NULL; errno is set. */
int layout_fail(struct err *err, int errnum, const char *name, const char *what);

/* A directory that exists, and is no symbolic link. */
int layout_open(int dir, const char *name, struct err *err);

/* A regular file that is no symbolic link; its mode is tightened to 0600. */
char *layout_read(int dir, const char *name, size_t most, size_t *length, struct err *err);

struct key *layout_read_key(int dir, const char *name, struct err *err);

/* The same, of a JSON object. */
struct json_object *layout_read_json(int dir, const char *name, struct err *err);

/* Puts NAME where NAME.damaged says what it is, and says so in the log. */
void layout_set_aside(const struct store *s, int dir, const char *folder, const char *name,
    const char *why);

/* Makes the directory and sees to it that it is still there after a power cut. */
int layout_make_dir(int dir, const char *name, struct err *err);

/* The names in a directory, in no order; "." and ".." left out. */
char **layout_list(int dir, struct err *err);

/* Makes a directory that must not exist: opened, and not synced. */
int layout_new_dir(int dir, const char *name, struct err *err);

/* What file_replace(), file_swap() and file_switch_link() leave behind when they are
 * killed. */
void layout_remove_leftovers(int dir);

/* ---- record.c ---- */

/* The files that saving states has left for the next time. */
void record_drop_spares(struct store *s);

/* ---- generation.c ---- */

#define KEY_FILE   "privkey.pem"
#define LEAF_FILE  "cert.pem"
#define REST_FILE  "chain.pem"
#define CHAIN_FILE "fullchain.pem"

/* The name of a generation: at least four digits, more where four do not do. */
struct number {
	char text[16];
};

struct number number_print(unsigned n);

/* 0 for whatever number_print() would not have written. */
unsigned number_parse(const char *s);

/* What live/CERT points to. 0, and errno as layout.c sets it, where it says nothing that we
 * would have written. */
unsigned generation_live(const struct store *s, const char *cert, struct err *err);

/* All files of it, checked against each other; NULL and an err where one is missing or
 * damaged. `key` may be NULL. */
struct chain *generation_load(const struct store *s, const char *cert, unsigned n,
    struct key **key, struct err *err);

/* ---- publish.c ---- */

/* Makes live/CERT point to it, for good. */
int publish_switch_live(const struct store *s, const char *cert, unsigned n,
    struct err *err);

/* Staged keys that are in force: a crash came before they were removed. */
void publish_drop_staged(const struct store *s);

#endif
