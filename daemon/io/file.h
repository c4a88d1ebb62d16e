/* SPDX-License-Identifier: ISC */
/*
 * file - reading and replacing files so that neither a crash nor a symbolic link of
 * somebody else's does harm. All of it blocks: writing belongs on a worker thread.
 *
 * `dir` is an open directory (or AT_FDCWD), `name` relative to it; no component of
 * `name` may be a symbolic link unless a function says so.
 */
#ifndef ACMED_FILE_H
#define ACMED_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/err.h"

/* Opens (making it where it is missing, with exactly `mode`; tightening it where it is
 * wider) a directory for the calls below. -1 and an err otherwise. On the way to an
 * absolute `name`, which is the administrator's, symbolic links are followed. */
int file_open_dir(int dir, const char *name, mode_t mode, struct err *err);

/* Opens a directory that was just made, also where a umask kept its maker out. -1 and
 * errno otherwise. */
int file_open_made(int dir, const char *name);

/* The whole of a regular file of at most `most` bytes, NUL behind it; *length may be
 * NULL. Follows symbolic links. NULL and an err otherwise; where the file is missing
 * err->kind is ERR_SYSTEM and errno is ENOENT. */
char *file_read(int dir, const char *name, size_t most, size_t *length, struct err *err);

/* A new file that must not exist, with exactly this mode: written, open, and not synced,
 * which file_sync() does. A failure leaves no file. */
int file_write(int dir, const char *name, mode_t mode, const void *bytes, size_t length,
    struct err *err);
int file_sync(int fd, const char *name, struct err *err);

/* Old content or new content, whatever happens: a temporary file beside it, synced,
 * renamed over `name`, the directory synced. */
int file_replace(int dir, const char *name, mode_t mode, const void *bytes, size_t length,
    struct err *err);

int file_sync_dir(int dir, struct err *err);

int file_rename(int dir, const char *from, const char *to, struct err *err);

/* Points the symbolic link `name` at `target` by one rename; the directory is synced. */
int file_switch_link(int dir, const char *name, const char *target, struct err *err);

/* A directory with all that is in it, no symbolic link followed. Missing is fine. */
int file_remove_tree(int dir, const char *name, struct err *err);

/* -1 with an err that says how to mend it (read-only file system, no space), for those who
 * cannot do with the calls above; errno is `errnum` afterwards. `what` is a verb. */
int file_fail(struct err *err, int errnum, const char *what, const char *name);

#endif
