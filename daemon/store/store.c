/* SPDX-License-Identifier: ISC */
#include "daemon/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/file.h"
#include "daemon/store/store_internal.h"

/* ---- the directory itself ---- */

/* It, and only it, may be reached through symbolic links: the administrator's, or those
 * of systemd's StateDirectory=. */
static int
open_root(const char *path, struct err *err)
{
	int fd;

	if (mkdir(path, 0700) == 0) {
		if (chmod(path, 0700) == -1) /* a umask may have taken bits away */
			return err_set_errno(err, errno, "%s", path);
	} else if (errno == ENOENT) {
		return err_set(err, ERR_CONFIG,
		    "%s: the directory that is to hold it does not exist", path);
	} else if (errno != EEXIST) {
		return file_fail(err, errno, "make", path);
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return err_set_errno(err, errno, "%s", path);
	return fd;
}

static int
check_root(const struct store *s, struct err *err)
{
	struct stat st;

	if (fstat(s->dir, &st) == -1)
		return err_set_errno(err, errno, "%s", s->path);
	if (faccessat(s->dir, ".", W_OK, AT_EACCESS) == -1 && errno == EROFS)
		return file_fail(err, errno, "write to", s->path);
	if ((st.st_mode & 07077) != 0 && fchmod(s->dir, 0700) == -1)
		return err_set_errno(err, errno,
		    "%s: belongs to user %lu, and its mode %04o cannot be tightened",
		    s->path, (unsigned long)st.st_uid, (unsigned)st.st_mode & 07777);
	if (faccessat(s->dir, ".", R_OK | W_OK | X_OK, AT_EACCESS) == -1)
		return err_set_errno(err, errno,
		    "%s: belongs to user %lu, and cannot be written by user %lu", s->path,
		    (unsigned long)st.st_uid, (unsigned long)geteuid());
	return 0;
}

/* ---- the lock: a process that ends, however it ends, has given it back ---- */

/* What the lock file says is for people only; the kernel knows who holds it. */
static int
refuse_second(const struct store *s, struct err *err)
{
	char pid[16] = "";
	ssize_t got = pread(s->lock, pid, sizeof(pid) - 1, 0);
	size_t digits = strspn(pid, "0123456789");

	if (got <= 0 || digits == 0)
		return err_set(err, ERR_CONFIG,
		    "%s/lock: another acmed uses this state directory", s->path);
	pid[digits] = '\0';
	return err_set(err, ERR_CONFIG,
	    "%s/lock: another acmed (pid %s) uses this state directory", s->path, pid);
}

static void
write_pid(int fd)
{
	CLEAN(string) char *line = xasprintf("%ld\n", (long)getpid());
	size_t length = strlen(line);

	/* In this order the file is never empty, and a full disk is no reason to stop. */
	if (pwrite(fd, line, length, 0) == (ssize_t)length &&
	    ftruncate(fd, (off_t)length) == -1)
		return;
}

static int
take_lock(struct store *s, struct err *err)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;

	s->lock = openat(s->dir, "lock",
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
	if (s->lock == -1 || fstat(s->lock, &st) == -1)
		return err_set_errno(err, errno, "%s/lock", s->path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CONFIG, "%s/lock: is no regular file", s->path);
	if ((st.st_mode & 07777) != 0600 && fchmod(s->lock, 0600) == -1)
		return err_set_errno(err, errno, "%s/lock", s->path);
	if (fcntl(s->lock, F_OFD_SETLK, &whole) == -1) {
		if (errno == EAGAIN || errno == EACCES)
			return refuse_second(s, err);
		return err_set_errno(err, errno, "%s/lock: cannot be locked", s->path);
	}
	write_pid(s->lock);
	return 0;
}

/* ---- opening ---- */

static int
open_parts(struct store *s, struct err *err)
{
	struct {
		const char *name;
		int *fd;
	} parts[] = {
		{ "accounts", &s->accounts },
		{ "archive", &s->archive },
		{ "live", &s->live },
		{ "staging", &s->staging },
		{ "state", &s->state },
		{ "hooks", &s->hooks },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct err ignored = { 0 };
		/* This closes to others what lies in it, too. */
		CLEAN(fd) int there = layout_open(s->dir, parts[i].name, &ignored);

		(void)there;
		*parts[i].fd = file_open_dir(s->dir, parts[i].name, 0700, err);
		if (*parts[i].fd == -1)
			return -1;
	}
	return file_sync_dir(s->dir, err);
}

static void
remove_leftovers(const struct store *s)
{
	struct err err = { 0 };
	CLEAN(strv) char **accounts = layout_list(s->accounts, &err);

	layout_remove_leftovers(s->live);
	layout_remove_leftovers(s->staging);
	layout_remove_leftovers(s->state);
	publish_drop_staged(s);
	for (size_t i = 0; accounts != NULL && accounts[i] != NULL; i++) {
		CLEAN(fd) int dir = layout_open(s->accounts, accounts[i], &err);

		if (dir != -1)
			layout_remove_leftovers(dir);
	}
}

struct store *
store_open(const char *state_dir, struct err *err)
{
	CLEAN(store) struct store *s = xcalloc(1, sizeof(*s));

	*s = (struct store){ xstrdup(state_dir), .dir = -1, .accounts = -1, .archive = -1,
		.live = -1, .staging = -1, .state = -1, .hooks = -1, .lock = -1 };
	s->dir = open_root(state_dir, err);
	if (s->dir == -1 || check_root(s, err) == -1 || take_lock(s, err) == -1)
		return NULL;
	if (open_parts(s, err) == -1) {
		err_prefix(err, "%s", state_dir);
		return NULL;
	}
	remove_leftovers(s);
	return TAKE(s);
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	record_drop_spares(s);
	fd_free_at(&s->state);
	fd_free_at(&s->staging);
	fd_free_at(&s->hooks);
	fd_free_at(&s->live);
	fd_free_at(&s->archive);
	fd_free_at(&s->accounts);
	fd_free_at(&s->lock); /* the lock goes last: nothing of ours is open any more */
	fd_free_at(&s->dir);
	free(s->path);
	free(s);
}

const char *
store_path(const struct store *s)
{
	return s->path;
}
