/* SPDX-License-Identifier: ISC */
#include "daemon/store/store_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clean.h"
#include "common/crypto/key.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/file.h"

#define KEY_MOST ((size_t)64 * 1024) /* what key_load() takes */

/* A state document is some kilobytes, an account's less. */
#define JSON_MOST ((size_t)1024 * 1024)

/* Nothing of ours lies deeper below what is opened here. */
#define DEPTH_MOST 3

/* Of whatever lies there: no link is followed, no device or reader is waited for. */
#define OPEN_ONLY (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static const char *
kind_of_file(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFLNK:
		return "a symbolic link";
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a named pipe";
	default:
		return "no regular file";
	}
}

int
layout_fail(struct err *err, int errnum, const char *name, const char *what)
{
	if (what == NULL && errnum == ENOENT)
		what = "missing";
	if (what != NULL)
		err_set(err, ERR_SYSTEM, "%s: is %s", name, what);
	else
		err_set_errno(err, errnum, "%s", name);
	errno = errnum;
	return -1;
}

/* A directory that others may enter is closed, and all that lies in it: whoever opened it
 * with chmod -R opened the keys as well. */
static void
tighten(int dir, unsigned depth)
{
	struct err ignored = { 0 };
	CLEAN(strv) char **names = NULL;
	struct stat st;

	if (fstat(dir, &st) == -1 || (st.st_mode & 07077) == 0)
		return;
	if (fchmod(dir, 0700) == -1) {
		log_warn("a directory's mode %04o cannot be tightened: %s",
		    (unsigned)st.st_mode & 07777, strerror(errno));
		return;
	}
	names = layout_list(dir, &ignored);
	for (char **name = names; name != NULL && *name != NULL; name++) {
		CLEAN(fd) int fd = openat(dir, *name, OPEN_ONLY);

		if (fd == -1 || fstat(fd, &st) == -1)
			continue;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MOST)
			tighten(fd, depth + 1);
		else if (S_ISREG(st.st_mode) && (st.st_mode & 07177) != 0)
			fchmod(fd, 0600);
	}
}

int
layout_open(int dir, const char *name, struct err *err)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1 && (errno == ENOTDIR || errno == ELOOP))
		return layout_fail(err, EBADMSG, name, "no directory");
	if (fd == -1)
		return layout_fail(err, errno, name, NULL);
	tighten(fd, 0);
	return fd;
}

/* Only acmed can write in these directories, so what was checked stays so. */
static int
check_plain(int dir, const char *name, size_t most, struct err *err)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return layout_fail(err, errno, name, NULL);
	if (!S_ISREG(st.st_mode))
		return layout_fail(err, EBADMSG, name, kind_of_file(st.st_mode));
	if (st.st_size > (off_t)most)
		return layout_fail(err, EBADMSG, name, "far too large");
	if ((st.st_mode & 07177) != 0 && fchmodat(dir, name, 0600, 0) == -1)
		log_warn("%s: its mode %04o cannot be tightened: %s", name,
		    (unsigned)st.st_mode & 07777, strerror(errno));
	return 0;
}

char *
layout_read(int dir, const char *name, size_t most, size_t *length, struct err *err)
{
	if (check_plain(dir, name, most, err) == -1)
		return NULL;
	return file_read(dir, name, most, length, err);
}

struct key *
layout_read_key(int dir, const char *name, struct err *err)
{
	size_t length;
	char *bytes = layout_read(dir, name, KEY_MOST, &length, err);
	struct key *key = NULL;

	if (bytes == NULL)
		return NULL;
	if (length == 0)
		layout_fail(err, EBADMSG, name, "empty");
	else if ((key = key_load(bytes, length, NULL, NULL, err)) == NULL)
		err_prefix(err, "%s", name);
	secret_free(bytes, length);
	if (key == NULL)
		errno = EBADMSG;
	return key;
}

struct json_object *
layout_read_json(int dir, const char *name, struct err *err)
{
	CLEAN(json) struct json_object *doc = NULL;
	CLEAN(string) char *text = NULL;
	size_t length;

	text = layout_read(dir, name, JSON_MOST, &length, err);
	if (text == NULL)
		return NULL;
	doc = json_parse(text, length, err);
	if (doc != NULL && !json_object_is_type(doc, json_type_object)) {
		err_set(err, ERR_PROTOCOL, "is no JSON object");
		json_free(TAKE(doc));
	}
	if (doc == NULL) {
		err_prefix(err, "%s", name);
		errno = EBADMSG;
	}
	return TAKE(doc);
}

void
layout_set_aside(const struct store *s, int dir, const char *folder, const char *name,
    const char *why)
{
	CLEAN(string) char *aside = xasprintf("%s.damaged", name);
	struct err err = { 0 };

	/* What an earlier damage left may be a directory: rename() alone does not do. */
	file_remove_tree(dir, aside, &err);
	if (file_rename(dir, name, aside, &err) == -1)
		log_warn("%s/%s/%s; it cannot be moved aside: %s", s->path, folder, why,
		    err.text);
	else
		log_warn("%s/%s/%s; moved aside as %s", s->path, folder, why, aside);
}

int
layout_make_dir(int dir, const char *name, struct err *err)
{
	CLEAN(fd) int fd = file_open_dir(dir, name, 0700, err);

	/* Not only when it is new: the attempt that made it may not have come this far. */
	if (fd == -1 || file_sync_dir(dir, err) == -1)
		return -1;
	return take_fd(&fd);
}

int
layout_new_dir(int dir, const char *name, struct err *err)
{
	CLEAN(fd) int fd = -1;

	if (mkdirat(dir, name, 0700) == -1)
		return file_fail(err, errno, "make", name);
	fd = file_open_made(dir, name);
	if (fd == -1 || fchmod(fd, 0700) == -1) /* a umask may have taken bits away */
		return file_fail(err, errno, "make", name);
	return take_fd(&fd);
}

/* Takes over `fd`. */
static DIR *
open_stream(int fd)
{
	DIR *stream = fd == -1 ? NULL : fdopendir(fd);

	if (stream == NULL && fd != -1)
		close(fd);
	return stream;
}

/* Not strv_add(): there may be a hundred thousand of them. */
static char **
read_names(DIR *stream)
{
	size_t count = 0, room = 16;
	char **names = xcalloc(room, sizeof(*names));
	struct dirent *entry;

	while (errno = 0, (entry = readdir(stream)) != NULL) {
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		if (count + 1 == room) {
			room *= 2;
			names = xrealloc(names, room, sizeof(*names));
		}
		names[count++] = xstrdup(entry->d_name);
		names[count] = NULL;
	}
	return names;
}

char **
layout_list(int dir, struct err *err)
{
	CLEAN(strv) char **names = NULL;
	DIR *stream;
	int failure;

	/* A second description of the directory: its place in it is its own. */
	stream = open_stream(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (stream == NULL) {
		err_set_errno(err, errno, "cannot list the directory");
		return NULL;
	}
	names = read_names(stream);
	failure = errno;
	closedir(stream);
	if (failure != 0) {
		err_set_errno(err, failure, "cannot list the directory");
		return NULL;
	}
	return TAKE(names);
}

/* Temporary names are fixed, the next write replaces them: this is for what has no next
 * write, and because keys should not lie about. */
void
layout_remove_leftovers(int dir)
{
	DIR *stream = open_stream(openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct dirent *entry;

	if (stream == NULL)
		return;
	while ((entry = readdir(stream)) != NULL) {
		if (entry->d_name[0] == '.' && str_ends(entry->d_name, ".new"))
			unlinkat(dir, entry->d_name, 0);
	}
	closedir(stream);
}
