/* SPDX-License-Identifier: ISC */
/*
 * queue - what root is asked to do: deploy-queue/ENTRY has the names of certificates, a
 * line each. systemd/acmed-run-deploy-queue takes entries away, by renaming them.
 *
 * A file is in the queue from the first moment as a whole: it is written elsewhere, and
 * renamed. Nothing is lost whatever happens in between: an entry that is taken while a
 * certificate is being added to it comes again, with all its lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/file.h"
#include "daemon/store/store.h"
#include "daemon/store/store_internal.h"

#define QUEUE "deploy-queue"

/* Of a hundred thousand certificates; the other side reads as much. */
#define ENTRY_MOST ((size_t)4 * 1024 * 1024)

/* Several certificates may have the same entry, each on a thread of its own. */
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;

/* What root's script would refuse must not get into its way. */
static int
check_name(const char *name, struct err *err)
{
	size_t length = strlen(name);

	if (length > 0 && length <= 200 && name[0] != '.' && name[0] != '-' &&
	    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			 "0123456789._-") == length)
		return 0;
	return err_set(err, ERR_CONFIG, "\"%.100s\" cannot be in the deploy queue", name);
}

/* What waits already into *ret, NULL where nothing does. What is no list is replaced, but
 * what cannot be read just now is not, or certificates would be forgotten. */
static int
read_entry(const struct store *s, int queue, const char *entry, char **ret, struct err *err)
{
	struct err why = { 0 };
	size_t length;
	CLEAN(string) char *text = layout_read(queue, entry, ENTRY_MOST, &length, &why);

	if (text != NULL && strlen(text) == length) {
		*ret = TAKE(text);
		return 0;
	}
	if (text == NULL && errno == ENOENT)
		return 0;
	if (text == NULL && errno != EBADMSG) {
		*err = why;
		return -1;
	}
	log_warn("%s/" QUEUE "/%s: is no list of certificates, and is replaced", s->path,
	    entry);
	return file_remove_tree(queue, entry, err);
}

static bool
has_line(const char *text, const char *line)
{
	size_t length = strlen(line);

	for (;;) {
		size_t here = strcspn(text, "\n");

		if (here == length && memcmp(text, line, length) == 0)
			return true;
		if (text[here] == '\0')
			return false;
		text += here + 1;
	}
}

/* The file as it is to be. */
static char *
add_line(const char *text, const char *line)
{
	const char *before = text != NULL ? text : "";
	const char *end = before[0] == '\0' || str_ends(before, "\n") ? "" : "\n";

	return xasprintf("%s%s%s\n", before, end, line);
}

/* Beside the queue, where nobody waits for files. */
static int
write_beside(const struct store *s, const char *name, const char *text, struct err *err)
{
	CLEAN(fd) int fd = -1;

	if (file_remove_tree(s->staging, name, err) == -1)
		return -1;
	fd = file_write(s->staging, name, 0600, text, strlen(text), err);
	if (fd == -1)
		return -1;
	return file_sync(fd, name, err);
}

static int
put_entry(const struct store *s, int queue, const char *entry, const char *text,
    struct err *err)
{
	CLEAN(string) char *name = xasprintf("." QUEUE ".%s.new", entry);

	if (write_beside(s, name, text, err) == -1)
		return -1;
	if (renameat(s->staging, name, queue, entry) == -1) {
		file_fail(err, errno, "replace", entry);
		unlinkat(s->staging, name, 0);
		return -1;
	}
	return file_sync_dir(queue, err);
}

static int
add_cert(const struct store *s, const char *entry, const char *cert, struct err *err)
{
	CLEAN(fd) int queue = layout_make_dir(s->dir, QUEUE, err);
	CLEAN(string) char *before = NULL;
	CLEAN(string) char *after = NULL;

	if (queue == -1 || read_entry(s, queue, entry, &before, err) == -1)
		return -1;
	if (before != NULL && has_line(before, cert))
		after = TAKE(before);
	else
		after = add_line(before, cert);
	return put_entry(s, queue, entry, after, err);
}

int
store_queue_deploy(struct store *s, const char *entry, const char *cert, struct err *err)
{
	int added;

	if (check_name(entry, err) == -1 || check_name(cert, err) == -1)
		return -1;
	pthread_mutex_lock(&queue_lock);
	added = add_cert(s, entry, cert, err);
	pthread_mutex_unlock(&queue_lock);
	return added == -1 ? err_prefix(err, "%s/" QUEUE, s->path) : 0;
}
