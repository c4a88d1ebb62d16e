/* SPDX-License-Identifier: ISC */
/*
 * publish - the staged key, and how it becomes a generation.
 *
 * A generation is built as archive/CERT/.next and gets its number by one rename, so that
 * whatever has a number is whole; an old one loses its number (.old) before its files.
 * All files are written before the first is synced: the disk has less to do then.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto/key.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/crypto/cert.h"
#include "daemon/io/file.h"
#include "daemon/store/store.h"
#include "daemon/store/store_internal.h"

#define NEXT ".next"
#define OLD  ".old"

#define STAGED_END  ".pem"
#define FILE_MOST   ((size_t)128 * 1024)
#define NUMBER_MOST 999999999u

/* ---- staging: the key of the order under way ---- */

static char *
staged_name(const char *cert)
{
	return xasprintf("%s" STAGED_END, cert);
}

/* A broken one must not stand in the way of every order to come. */
static void
drop_staged(const struct store *s, const char *name, struct err *err)
{
	struct err why = *err;

	if (file_remove_tree(s->staging, name, err) == -1) {
		errno = EBADMSG;
		return;
	}
	log_warn("%s/staging: the staged key is damaged and was removed: %s", s->path,
	    why.text);
	layout_fail(err, ENOENT, name, "damaged, and was removed");
}

struct key *
store_staged_key(const struct store *s, const char *cert, struct err *err)
{
	CLEAN(string) char *name = staged_name(cert);
	struct key *key = layout_read_key(s->staging, name, err);
	int reason;

	if (key != NULL)
		return key;
	if (errno == EBADMSG)
		drop_staged(s, name, err);
	reason = errno;
	err_prefix(err, "%s/staging", s->path);
	errno = reason;
	return NULL;
}

int
store_stage_key(struct store *s, const char *cert, const struct key *key, struct err *err)
{
	CLEAN(string) char *name = staged_name(cert);
	size_t length;
	char *bytes = key_save(key, KEY_PEM, &length, err);
	int written;

	if (bytes == NULL)
		return err_prefix(err, "%s", name);
	written = file_replace(s->staging, name, 0600, bytes, length, err);
	if (written == -1 && errno == EISDIR) {
		struct err unused = { 0 };

		key_free(store_staged_key(s, cert, &unused)); /* which removes it */
		*err = (struct err){ 0 };
		written = file_replace(s->staging, name, 0600, bytes, length, err);
	}
	secret_free(bytes, length);
	return written == -1 ? err_prefix(err, "%s/staging", s->path) : 0;
}

int
store_unstage(struct store *s, const char *cert, struct err *err)
{
	CLEAN(string) char *name = staged_name(cert);

	if (file_remove_tree(s->staging, name, err) == -1)
		return err_prefix(err, "%s/staging", s->path);
	return 0;
}

static bool
is_same_file(int dir, const char *name, int other_dir, const char *other)
{
	struct stat one, two;

	return fstatat(dir, name, &one, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(other_dir, other, &two, 0) == 0 && one.st_dev == two.st_dev &&
	       one.st_ino == two.st_ino;
}

/* The same key is not enough: it may be the next order's, where keys are used again. */
void
publish_drop_staged(const struct store *s)
{
	struct err unused = { 0 };
	CLEAN(strv) char **names = layout_list(s->staging, &unused);

	for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
		CLEAN(string) char *live = NULL;

		if (!str_ends(names[i], STAGED_END))
			continue;
		live = xasprintf("%.*s/" KEY_FILE,
		    (int)(strlen(names[i]) - strlen(STAGED_END)), names[i]);
		/* The switch has to last before the order is forgotten. */
		if (is_same_file(s->staging, names[i], s->live, live) &&
		    file_sync_dir(s->live, &unused) == 0)
			unlinkat(s->staging, names[i], 0);
	}
}

/* ---- what lies in archive/CERT ---- */

struct archive {
	int dir;
	unsigned *numbers; /* of the generations, the newest first, a 0 behind the last */
	unsigned live;     /* what is in force before the switch; 0: none */
	bool has_next;     /* a crash has left it */
	bool has_old;
};

static void
archive_free_at(struct archive *a)
{
	fd_free_at(&a->dir);
	free(a->numbers);
}

static int
newest_first(const void *a, const void *b)
{
	unsigned left = *(const unsigned *)a, right = *(const unsigned *)b;

	return (left < right) - (left > right);
}

/* Where a generation is in force, archive/CERT is there for good, and need not be synced.
 */
static int
open_archive(struct archive *a, const struct store *s, const char *cert, struct err *err)
{
	CLEAN(strv) char **names = NULL;
	size_t count = 0;

	a->live = store_live_version(s, cert);
	a->dir = a->live != 0 ? file_open_dir(s->archive, cert, 0700, err)
			      : layout_make_dir(s->archive, cert, err);
	names = a->dir != -1 ? layout_list(a->dir, err) : NULL;
	if (names == NULL) {
		err_prefix(err, "%s/archive", s->path);
		return -1;
	}
	a->numbers = xcalloc(strv_length((const char *const *)names) + 1, sizeof(unsigned));
	for (size_t i = 0; names[i] != NULL; i++) {
		a->has_next |= str_eq(names[i], NEXT);
		a->has_old |= str_eq(names[i], OLD);
		a->numbers[count] = number_parse(names[i]);
		if (a->numbers[count] != 0)
			count++;
	}
	qsort(a->numbers, count, sizeof(*a->numbers), newest_first);
	return 0;
}

/* Never one that was used, and never one below that in force. */
static int
next_number(const struct archive *a, unsigned live, unsigned *ret, struct err *err)
{
	unsigned highest = a->numbers[0] > live ? a->numbers[0] : live;

	if (highest >= NUMBER_MOST)
		return err_set(err, ERR_SYSTEM, "there is no number after %u", highest);
	*ret = highest + 1;
	return 0;
}

/* ---- building ---- */

/* The files of a generation, written and not synced. */
struct files {
	struct {
		const char *name;
		int fd;
	} list[4];
	size_t count;
};

static void
files_free_at(struct files *f)
{
	for (size_t i = 0; i < f->count; i++)
		close(f->list[i].fd);
}

static int
add_file(struct files *f, int dir, const char *name, const char *text, size_t length,
    struct err *err)
{
	int fd = file_write(dir, name, 0600, text, length, err);

	if (fd == -1)
		return -1;
	f->list[f->count].name = name;
	f->list[f->count++].fd = fd;
	return 0;
}

/* A file that has this content already, and is on disk, under one more name. False where
 * there is none, or no such thing as a second name. */
static bool
link_same(int dir, const char *from, int next, const char *name, const char *text,
    size_t length)
{
	struct err unused = { 0 };
	size_t found_length = 0;
	char *found;
	bool same;

	if (linkat(dir, from, next, name, 0) == -1)
		return false;
	found = layout_read(next, name, FILE_MOST, &found_length, &unused);
	same = found != NULL && found_length == length && memcmp(found, text, length) == 0;
	if (found != NULL)
		secret_free(found, found_length);
	if (!same)
		unlinkat(next, name, 0);
	return same;
}

/* The staged file, unless a later order has staged another key; it stays staged until the
 * end. */
static int
add_key(struct files *f, const struct store *s, const char *cert, int next,
    const struct key *key, struct err *err)
{
	CLEAN(string) char *staged = staged_name(cert);
	size_t length;
	char *bytes = key_save(key, KEY_PEM, &length, err);
	int added = 0;

	if (bytes == NULL)
		return err_prefix(err, KEY_FILE);
	if (!link_same(s->staging, staged, next, KEY_FILE, bytes, length))
		added = add_file(f, next, KEY_FILE, bytes, length, err);
	secret_free(bytes, length);
	return added;
}

/* What follows the leaf is mostly what followed the one before. */
static int
add_rest(struct files *f, const struct archive *a, int next, const char *rest,
    struct err *err)
{
	CLEAN(string)
	char *before = xasprintf("%s/" REST_FILE, number_print(a->numbers[0]).text);

	if (link_same(a->dir, before, next, REST_FILE, rest, strlen(rest)))
		return 0;
	return add_file(f, next, REST_FILE, rest, strlen(rest), err);
}

static int
add_chain(struct files *f, const struct archive *a, int next, const struct chain *chain,
    struct err *err)
{
	CLEAN(string) char *leaf = chain_leaf_pem(chain);
	CLEAN(string) char *rest = chain_rest_pem(chain);
	CLEAN(string) char *all = xasprintf("%s%s", leaf, rest);

	if (add_file(f, next, LEAF_FILE, leaf, strlen(leaf), err) == -1 ||
	    add_rest(f, a, next, rest, err) == -1)
		return -1;
	return add_file(f, next, CHAIN_FILE, all, strlen(all), err);
}

/* archive/CERT/.next with all files in it, on disk. */
static int
build_next(const struct archive *a, const struct store *s, const char *cert,
    const struct pair *pair, struct err *err)
{
	CLEAN(files) struct files files = { .count = 0 };
	CLEAN(fd) int next = -1;

	if (a->has_next && file_remove_tree(a->dir, NEXT, err) == -1)
		return -1;
	next = layout_new_dir(a->dir, NEXT, err);
	if (next == -1)
		return -1;
	if (add_key(&files, s, cert, next, pair->key, err) == -1 ||
	    add_chain(&files, a, next, pair->chain, err) == -1)
		return err_prefix(err, NEXT);
	for (size_t i = 0; i < files.count; i++) {
		if (file_sync(files.list[i].fd, files.list[i].name, err) == -1)
			return err_prefix(err, NEXT);
	}
	return file_sync_dir(next, err) == -1 ? err_prefix(err, NEXT) : 0;
}

static int
give_number(int dir, unsigned n, struct err *err)
{
	if (file_rename(dir, NEXT, number_print(n).text, err) == -1)
		return -1;
	return file_sync_dir(dir, err);
}

/* ---- switching ---- */

int
publish_switch_live(const struct store *s, const char *cert, unsigned n, struct err *err)
{
	CLEAN(string) char *target = xasprintf("../archive/%s/%04u", cert, n);
	struct err found = { 0 };

	/* A link is replaced by one rename; a directory that somebody put there is not. */
	if (generation_live(s, cert, &found) == 0 && errno == EBADMSG)
		layout_set_aside(s, s->live, "live", cert, found.text);
	if (file_switch_link(s->live, cert, target, err) == -1)
		return err_prefix(err, "%s/live", s->path);
	return 0;
}

/* After a failure: room on a disk that may be full, and no keys that nobody needs. What
 * cannot be removed now is removed by the next attempt, or pruned. */
static void
discard(const struct store *s, const char *cert, int dir, unsigned n)
{
	struct err unused = { 0 };

	file_remove_tree(dir, NEXT, &unused);
	if (n != 0 && store_live_version(s, cert) != n)
		file_remove_tree(dir, number_print(n).text, &unused);
}

static int
remove_generation(int dir, unsigned n, struct err *err)
{
	if (file_rename(dir, number_print(n).text, OLD, err) == -1)
		return -1;
	return file_remove_tree(dir, OLD, err);
}

/* As if it were the newest. */
static void
put_first(unsigned *numbers, unsigned n)
{
	size_t i = 0;

	while (numbers[i] != 0 && numbers[i] != n)
		i++;
	if (numbers[i] == 0)
		return;
	memmove(numbers + 1, numbers, i * sizeof(*numbers));
	numbers[0] = n;
}

/* What is in force now is not among the numbers of `a`, and counts as one to keep. */
static int
prune(const struct archive *a, unsigned keep, struct err *err)
{
	int pruned = a->has_old ? file_remove_tree(a->dir, OLD, err) : 0;

	for (size_t i = 0; pruned == 0 && a->numbers[i] != 0; i++) {
		if (i + 1 >= keep)
			pruned = remove_generation(a->dir, a->numbers[i], err);
	}
	return pruned;
}

/* The pair is in force: what fails from here on is no failure of the publication. None of
 * it is synced: a key that is still staged after a crash does no harm. */
static void
tidy_up(struct store *s, const char *cert, struct archive *a, unsigned keep)
{
	struct err err = { 0 };

	/* What was in force until now need not be the newest: a rollback may have switched
	 * back to it. It is what the next one would go back to, and the last to be removed.
	 */
	put_first(a->numbers, a->live);
	if (store_unstage(s, cert, &err) == -1)
		log_warn("%s: cannot remove the staged key: %s", cert, err.text);
	if (prune(a, keep, &err) == -1)
		log_warn("%s: cannot remove old generations: %s/archive/%s: %s", cert,
		    s->path, cert, err.text);
}

/* archive/CERT/NNNN, whole and on disk. */
static int
make_generation(const struct store *s, const char *cert, const struct archive *a,
    const struct pair *pair, unsigned *n, struct err *err)
{
	if (build_next(a, s, cert, pair, err) == 0 &&
	    next_number(a, a->live, n, err) == 0 && give_number(a->dir, *n, err) == 0)
		return 0;
	return err_prefix(err, "%s/archive/%s", s->path, cert);
}

int
store_publish(struct store *s, const char *cert, const struct pair *pair, unsigned keep,
    unsigned *version, struct err *err)
{
	CLEAN(archive) struct archive a = { .dir = -1 };
	unsigned n = 0;

	if (!chain_has_key(pair->chain, pair->key))
		return err_set(err, ERR_PROTOCOL,
		    "the certificate is not for the staged key");
	if (open_archive(&a, s, cert, err) == -1)
		return -1;
	if (make_generation(s, cert, &a, pair, &n, err) == -1 ||
	    publish_switch_live(s, cert, n, err) == -1) {
		discard(s, cert, a.dir, n);
		return -1;
	}
	tidy_up(s, cert, &a, keep);
	*version = n;
	return 0;
}
