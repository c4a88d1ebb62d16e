/* SPDX-License-Identifier: ISC */
#include "daemon/io/file_swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clean.h"
#include "daemon/io/file.h"

#define MODE (S_IRUSR | S_IWUSR)

/* A file of ours with this one name: nobody sees it change who has not opened it here. */
static bool
is_ours_alone(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_nlink == 1 && st->st_uid == geteuid();
}

/* ---- the spare ---- */

void
file_spare_drop(int dir, struct file_spare *spare)
{
	int errnum = errno;

	if (spare->there)
		unlinkat(dir, spare->name, 0);
	spare->there = false;
	errno = errnum;
}

/* What an earlier call has left. -1 where it is not what it was. */
static int
open_left(int dir, const struct file_spare *spare)
{
	CLEAN(fd)
	int fd = openat(dir, spare->name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1 || !is_ours_alone(&st))
		return -1;
	return take_fd(&fd);
}

static int
open_spare(int dir, struct file_spare *spare)
{
	int fd = spare->there ? open_left(dir, spare) : -1;

	if (fd != -1)
		return fd;
	if (unlinkat(dir, spare->name, 0) == -1 && errno != ENOENT)
		return -1;
	fd = openat(dir, spare->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    MODE);
	spare->there = fd != -1;
	return fd;
}

static int
write_over(int fd, const char *bytes, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t n = pwrite(fd, bytes + done, length - done, (off_t)done);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0) /* no file system should; trying on could be for ever */
			errno = EIO;
		if (n <= 0)
			return -1;
		done += (size_t)n;
	}
	return ftruncate(fd, (off_t)length);
}

/* The spare, with all of this in it, on disk. */
static int
fill_spare(int dir, struct file_spare *spare, const char *name, const void *bytes,
    size_t length, struct err *err)
{
	CLEAN(fd) int fd = open_spare(dir, spare);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1 ||
	    ((st.st_mode & 07777) != MODE && fchmod(fd, MODE) == -1) ||
	    write_over(fd, bytes, length) == -1)
		return file_fail(err, errno, "write", name);
	return file_sync(fd, name, err);
}

/* ---- the exchange ---- */

static int
put_in_place(int dir, const char *name, struct file_spare *spare)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && is_ours_alone(&st) &&
	    renameat2(dir, spare->name, dir, name, RENAME_EXCHANGE) == 0)
		return 0;
	if (renameat(dir, spare->name, dir, name) == -1)
		return -1;
	spare->there = false;
	return 0;
}

int
file_swap(int dir, const char *name, struct file_spare *spare, const void *bytes,
    size_t length, struct err *err)
{
	/* After a failure the spare goes: where the exchange is not on disk, it may be what
	 * will be found there under the other name, and must not be written over. */
	if (fill_spare(dir, spare, name, bytes, length, err) == -1) {
		file_spare_drop(dir, spare);
		return -1;
	}
	if (put_in_place(dir, name, spare) == -1) {
		file_fail(err, errno, "replace", name);
		file_spare_drop(dir, spare);
		return -1;
	}
	if (file_sync_dir(dir, err) == -1) {
		file_fail(err, errno, "replace", name);
		file_spare_drop(dir, spare);
		return -1;
	}
	return 0;
}
