/* SPDX-License-Identifier: ISC */
#include "daemon/io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clean.h"
#include "common/mem.h"

/* What acmed makes is three levels deep; only a hostile tree is deeper than this. */
#define DEPTH_MAX 32

/* ---- what went wrong ---- */

/* -1, and errno is still `errnum`. `what` is a verb: "write". */
static int
fail(struct err *err, int errnum, const char *what, const char *name)
{
	switch (errnum) {
	case ENOSPC:
		err_set(err, ERR_SYSTEM,
		    "cannot %s %s: no space left on the device (see df and df -i)", what,
		    name);
		break;
	case EDQUOT:
		err_set(err, ERR_SYSTEM, "cannot %s %s: the disk quota is used up", what,
		    name);
		break;
	case EROFS:
		err_set(err, ERR_SYSTEM,
		    "cannot %s %s: the file system is read-only (where a systemd unit "
		    "makes "
		    "it so, add the directory to its ReadWritePaths=)",
		    what, name);
		break;
	case EACCES:
		err_set(err, ERR_SYSTEM, "cannot %s %s: permission denied to user id %u",
		    what, name, (unsigned)geteuid());
		break;
	default:
		err_set_errno(err, errnum, "cannot %s %s", what, name);
	}
	errno = errnum;
	return -1;
}

int
file_fail(struct err *err, int errnum, const char *what, const char *name)
{
	return fail(err, errnum, what, name);
}

/* For a name that could not be opened as a directory: says where a link is the reason. */
static int
fail_dir(struct err *err, int errnum, int dir, const char *leaf, const char *name)
{
	struct stat st;

	if ((errnum != ENOTDIR && errnum != ELOOP) ||
	    fstatat(dir, leaf, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return fail(err, errnum, "open", name);
	if (S_ISLNK(st.st_mode))
		err_set(err, ERR_SYSTEM,
		    "cannot open %s: %s is a symbolic link, and none is followed here",
		    name, leaf);
	else
		err_set(err, ERR_SYSTEM, "cannot open %s: %s is no directory", name, leaf);
	errno = errnum;
	return -1;
}

/* ---- where it is ---- */

/* A name taken apart: the directory it is in, opened, and its last component. */
struct place {
	const char *name; /* all of it, for people */
	int dir;
	int opened; /* `dir` where it is ours to close, or -1 */
	char leaf[NAME_MAX + 1];
};

static void
place_free_at(struct place *p)
{
	fd_free_at(&p->opened);
}

/* The next component of *rest into p->leaf; *rest behind it and its slashes. */
static int
next_component(struct place *p, const char **rest, struct err *err)
{
	size_t length = strcspn(*rest, "/");

	if (length >= sizeof(p->leaf))
		return fail(err, ENAMETOOLONG, "open", p->name);
	memcpy(p->leaf, *rest, length);
	p->leaf[length] = '\0';
	*rest += length;
	*rest += strspn(*rest, "/");
	return 0;
}

/* Into the directory p->leaf, which is no symbolic link. One step at a time, so that it
 * works on kernels and in sandboxes without openat2(). */
static int
enter(struct place *p, int flags, struct err *err)
{
	int fd = openat(p->dir, p->leaf, O_PATH | O_DIRECTORY | O_CLOEXEC | flags);

	if (fd == -1)
		return fail_dir(err, errno, p->dir, p->leaf, p->name);
	fd_free_at(&p->opened);
	p->dir = p->opened = fd;
	return 0;
}

/* `follow` is 0 or O_NOFOLLOW, for all but the last component. */
static int
place_find(struct place *p, int dir, const char *name, int follow, struct err *err)
{
	const char *rest = name + strspn(name, "/");

	*p = (struct place){ .name = name, .dir = dir, .opened = -1 };
	if (rest != name) {
		p->leaf[0] = '/';
		if (enter(p, 0, err) == -1)
			return -1;
	}
	if (next_component(p, &rest, err) == -1)
		return -1;
	while (*rest != '\0') {
		if (enter(p, follow, err) == -1 || next_component(p, &rest, err) == -1)
			return -1;
	}
	if (p->leaf[0] == '\0')
		return fail(err, ENOENT, "open", name);
	return 0;
}

/* ---- directories ---- */

static int
sync_fd(int fd)
{
	int result;

	do
		result = fsync(fd);
	while (result == -1 && errno == EINTR);
	return result;
}

int
file_sync_dir(int dir, struct err *err)
{
	CLEAN(fd) int fd = -1;

	if (sync_fd(dir) == 0)
		return 0;
	/* `dir` may be of the kind that fsync() refuses (O_PATH, AT_FDCWD). */
	if (errno == EBADF)
		fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || sync_fd(fd) == -1)
		return fail(err, errno, "sync", "the directory");
	return 0;
}

/* One that was just made gets its mode and is made to last; an older one is tightened. */
static int
settle_dir(const struct place *p, int fd, bool made, mode_t mode, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return fail(err, errno, "read", p->name);
	if (!made)
		mode &= st.st_mode;
	if ((st.st_mode & 07777) != mode && fchmod(fd, mode) == -1)
		return fail(err, errno, "set the mode of", p->name);
	if (made && (sync_fd(fd) == -1 || file_sync_dir(p->dir, err) == -1))
		return fail(err, errno, "make", p->name);
	return 0;
}

int
file_open_dir(int dir, const char *name, mode_t mode, struct err *err)
{
	CLEAN(place) struct place p = { .opened = -1 };
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	CLEAN(fd) int fd = -1;
	bool made = false;

	if (place_find(&p, dir, name, name[0] == '/' ? 0 : O_NOFOLLOW, err) == -1)
		return -1;
	fd = openat(p.dir, p.leaf, flags);
	if (fd == -1 && errno == ENOENT) {
		made = mkdirat(p.dir, p.leaf, mode & S_IRWXU) == 0;
		if (!made && errno != EEXIST)
			return fail(err, errno, "make", name);
		fd = made ? file_open_made(p.dir, p.leaf) : openat(p.dir, p.leaf, flags);
	}
	if (fd == -1)
		return fail_dir(err, errno, p.dir, p.leaf, name);
	if (settle_dir(&p, fd, made, mode, err) == -1)
		return -1;
	return take_fd(&fd);
}

/* ---- reading ---- */

/* Like realloc(), but leaves no copy of what may be a key behind. */
static char *
grow(char *bytes, size_t length, size_t room)
{
	char *larger = xcalloc(1, room);

	memcpy(larger, bytes, length);
	secret_free(bytes, length);
	return larger;
}

/* All of the file, or a byte more than `most`. NULL and errno otherwise. */
static char *
read_all(int fd, size_t most, size_t expected, size_t *length)
{
	size_t room = (expected < most ? expected : most) + 2, have = 0;
	char *bytes = xcalloc(1, room);
	ssize_t n;

	do {
		if (room - have < 2) {
			room = room < SIZE_MAX / 2 ? 2 * room : SIZE_MAX;
			bytes = grow(bytes, have, room);
		}
		n = read(fd, bytes + have, room - 1 - have);
		have += n > 0 ? (size_t)n : 0;
	} while (have <= most && (n > 0 || (n == -1 && errno == EINTR)));
	if (n == -1) {
		secret_free(bytes, have);
		return NULL;
	}
	bytes[have] = '\0';
	*length = have;
	return bytes;
}

char *
file_read(int dir, const char *name, size_t most, size_t *length, struct err *err)
{
	/* A named pipe must not hold us up. */
	CLEAN(fd) int fd = openat(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	size_t have;
	char *bytes;

	if (fd == -1 || fstat(fd, &st) == -1) {
		fail(err, errno, "read", name);
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		err_set(err, ERR_SYSTEM, "cannot read %s: it is no regular file", name);
		errno = EINVAL;
		return NULL;
	}
	bytes = read_all(fd, most, (size_t)st.st_size, &have);
	if (bytes == NULL) {
		fail(err, errno, "read", name);
		return NULL;
	}
	if (have > most) {
		secret_free(bytes, have);
		err_set(err, ERR_SYSTEM, "cannot read %s: it is larger than %zu bytes",
		    name, most);
		errno = EFBIG;
		return NULL;
	}
	if (length != NULL)
		*length = have;
	return bytes;
}

/* ---- writing ---- */

static int
write_all(int fd, const char *bytes, size_t length)
{
	ssize_t n;

	while (length > 0) {
		n = write(fd, bytes, length);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno =
			    EIO; /* no file system should; trying on could be for ever */
		if (n <= 0)
			return -1;
		bytes += n;
		length -= (size_t)n;
	}
	return 0;
}

/* A new file `leaf` in p->dir, open. The mode before the content: a key is never readable
 * for others, not for an instant. */
static int
write_new(const struct place *p, const char *leaf, mode_t mode, const void *bytes,
    size_t length)
{
	CLEAN(fd)
	int fd = openat(p->dir, leaf, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    S_IRUSR | S_IWUSR);
	int errnum;

	if (fd == -1)
		return -1;
	if (fchmod(fd, mode) == 0 && write_all(fd, bytes, length) == 0)
		return take_fd(&fd);
	errnum = errno;
	unlinkat(p->dir, leaf, 0);
	errno = errnum;
	return -1;
}

int
file_write(int dir, const char *name, mode_t mode, const void *bytes, size_t length,
    struct err *err)
{
	CLEAN(place) struct place p = { .opened = -1 };
	int fd;

	if (place_find(&p, dir, name, O_NOFOLLOW, err) == -1)
		return -1;
	fd = write_new(&p, p.leaf, mode, bytes, length);
	return fd == -1 ? fail(err, errno, "write", name) : fd;
}

int
file_sync(int fd, const char *name, struct err *err)
{
	return sync_fd(fd) == -1 ? fail(err, errno, "write", name) : 0;
}

/* Puts what was made as `temporary` where it belongs, for good. */
static int
put_in_place(const struct place *p, const char *temporary, struct err *err)
{
	int errnum;

	if (renameat(p->dir, temporary, p->dir, p->leaf) == -1) {
		errnum = errno;
		unlinkat(p->dir, temporary, 0);
		return fail(err, errnum, "replace", p->name);
	}
	if (file_sync_dir(p->dir, err) == -1)
		return fail(err, errno, "replace", p->name);
	return 0;
}

/* The place of `name`, and a name beside it, free, what a crash has left there removed. */
static int
prepare(struct place *p, int dir, const char *name, char temporary[NAME_MAX + 1],
    struct err *err)
{
	if (place_find(p, dir, name, O_NOFOLLOW, err) == -1)
		return -1;
	if (snprintf(temporary, NAME_MAX + 1, ".%s.new", p->leaf) > NAME_MAX)
		return fail(err, ENAMETOOLONG, "write", name);
	if (unlinkat(p->dir, temporary, 0) == -1 && errno != ENOENT)
		return fail(err, errno, "replace", name);
	return 0;
}

int
file_replace(int dir, const char *name, mode_t mode, const void *bytes, size_t length,
    struct err *err)
{
	CLEAN(place) struct place p = { .opened = -1 };
	CLEAN(fd) int fd = -1;
	char temporary[NAME_MAX + 1];
	int errnum;

	if (prepare(&p, dir, name, temporary, err) == -1)
		return -1;
	fd = write_new(&p, temporary, mode, bytes, length);
	if (fd == -1)
		return fail(err, errno, "write", name);
	if (file_sync(fd, name, err) == -1) {
		errnum = errno;
		unlinkat(p.dir, temporary, 0);
		errno = errnum;
		return -1;
	}
	return put_in_place(&p, temporary, err);
}

int
file_switch_link(int dir, const char *name, const char *target, struct err *err)
{
	CLEAN(place) struct place p = { .opened = -1 };
	char temporary[NAME_MAX + 1];

	if (prepare(&p, dir, name, temporary, err) == -1)
		return -1;
	if (symlinkat(target, p.dir, temporary) == -1)
		return fail(err, errno, "write", name);
	return put_in_place(&p, temporary, err);
}

int
file_rename(int dir, const char *from, const char *to, struct err *err)
{
	CLEAN(place) struct place p = { .opened = -1 };
	CLEAN(place) struct place q = { .opened = -1 };

	if (place_find(&p, dir, from, O_NOFOLLOW, err) == -1 ||
	    place_find(&q, dir, to, O_NOFOLLOW, err) == -1)
		return -1;
	if (renameat(p.dir, p.leaf, q.dir, q.leaf) == -1)
		return fail(err, errno, "rename", from);
	return 0;
}

/* ---- removing ---- */

static int remove_below(int dir, const char *leaf, int depth);

static int
remove_listed(DIR *listing, int depth)
{
	struct dirent *entry;

	while ((errno = 0, entry = readdir(listing)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (remove_below(dirfd(listing), entry->d_name, depth) == -1)
			return -1;
	}
	return errno == 0 ? 0 : -1;
}

static int
remove_content(int dir, const char *leaf, int depth)
{
	int fd = openat(dir, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *listing = fd != -1 ? must(fdopendir(fd)) : NULL;
	int result, errnum;

	if (listing == NULL)
		return -1;
	result = remove_listed(listing, depth);
	errnum = errno;
	closedir(listing);
	errno = errnum;
	return result;
}

/* -1 and errno where something stays. */
static int
remove_below(int dir, const char *leaf, int depth)
{
	int errnum;

	if (unlinkat(dir, leaf, 0) == 0 || errno == ENOENT)
		return 0;
	/* Linux says EISDIR, POSIX EPERM, which may have other reasons. */
	errnum = errno;
	if ((errnum != EISDIR && errnum != EPERM) || depth == 0)
		return -1;
	if (remove_content(dir, leaf, depth - 1) == -1) {
		errno = errno == ENOTDIR ? errnum : errno;
		return -1;
	}
	return unlinkat(dir, leaf, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : -1;
}

int
file_remove_tree(int dir, const char *name, struct err *err)
{
	CLEAN(place) struct place p = { .opened = -1 };
	struct err missing;

	if (place_find(&p, dir, name, O_NOFOLLOW, &missing) == -1) {
		if (errno == ENOENT)
			return 0;
		*err = missing;
		return -1;
	}
	if (remove_below(p.dir, p.leaf, DEPTH_MAX) == -1)
		return fail(err, errno, "remove", name);
	return 0;
}
