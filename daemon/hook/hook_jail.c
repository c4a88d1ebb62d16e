/* SPDX-License-Identifier: ISC */
/*
 * Landlock has no rule that denies: what is not allowed is denied, and a rule allows all
 * that is below a directory. So reading is allowed below every directory beside a hidden
 * one, beside the one above it, and so on up to the root, and for the files there.
 *
 * Only the contents of files are ruled: to forbid listing a hidden directory would forbid
 * listing those above it, the root among them, because a rule for one of these would be
 * one for all below. Writing, removing, executing and so on stay as they are.
 *
 * The kernel looks at the directories that a file is really in: a symbolic link,
 * /proc/1/root or another name for a directory above lead nowhere. It does not see that the
 * same files are mounted at a second place.
 *
 * This runs between fork() and execve(), hence no opendir(), no malloc() and no log.
 */
#include "daemon/hook/hook_jail.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clean.h"
#include "common/log.h"

/* What <linux/landlock.h> says, which is younger than some of the systems that this is
 * built on. The numbers of the calls are the same on every architecture. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif
#define CREATE_VERSION    1U
#define RULE_PATH_BENEATH 1
#define ACCESS_READ_FILE  (UINT64_C(1) << 2)
#define ACCESS_REFER      (UINT64_C(1) << 13) /* to rename into another directory */
#define VERSION_REFER     2 /* before, a process with any rule may not do that at all */

struct ruleset {
	uint64_t handled;
};

struct beneath {
	uint64_t allowed;
	int32_t dir;
} __attribute__((packed));

/* As getdents64() writes them. */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

#define HIDDEN_MAX 16384
#define ABOVE_MAX  256

struct place {
	dev_t device;
	ino_t inode;
};

struct jail {
	int rules;
	struct place hidden[HIDDEN_MAX];
	size_t n_hidden;
	struct place above[ABOVE_MAX]; /* the directories above these */
	bool allowed[ABOVE_MAX];       /* what is in them */
	size_t n_above;
};

/* Too big for a stack. Only a child touches it, which is another program in a moment. */
static struct jail the_jail;

int
jail_version(void)
{
	static bool said;
	long version =
	    syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, CREATE_VERSION);

	if (version > 0)
		return (int)version;
	if (!said)
		log_warn(
		    "this kernel has no Landlock (%s): hooks can read the keys of acmed",
		    strerror(errno));
	said = true;
	return 0;
}

static bool
look_up(int fd, struct place *ret, mode_t *mode)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return false;
	*ret = (struct place){ st.st_dev, st.st_ino };
	*mode = st.st_mode;
	return true;
}

/* The index, or n. */
static size_t
find(const struct place *list, size_t n, const struct place *p)
{
	size_t i = 0;

	while (i < n && (list[i].inode != p->inode || list[i].device != p->device))
		i++;
	return i;
}

static bool
contains(const struct place *list, size_t n, const struct place *p)
{
	return find(list, n, p) < n;
}

/* Failing makes a thing unreadable, never the other way round. */
static void
allow(const struct jail *j, int fd, uint64_t access)
{
	const struct beneath rule = { .allowed = access, .dir = fd };

	syscall(SYS_landlock_add_rule, j->rules, RULE_PATH_BENEATH, &rule, 0U);
}

/* ---- what is beside ---- */

static void
allow_entry(const struct jail *j, int dir, const char *name)
{
	CLEAN(fd) int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct place p;
	mode_t mode;

	if (fd == -1 || !look_up(fd, &p, &mode) || S_ISLNK(mode))
		return;
	if (contains(j->hidden, j->n_hidden, &p) || contains(j->above, j->n_above, &p))
		return;
	allow(j, fd, ACCESS_READ_FILE);
}

/* Where the directory cannot be listed, nothing can be found that would be allowed. */
static void
allow_entries(const struct jail *j, int fd)
{
	CLEAN(fd) int dir = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_Alignas(struct entry) char buffer[8192];
	long n;

	if (dir == -1)
		return;
	while ((n = syscall(SYS_getdents64, dir, buffer, sizeof(buffer))) > 0)
		for (long at = 0; at < n;) {
			const struct entry *e = (const struct entry *)(buffer + at);

			at += e->length;
			if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0)
				allow_entry(j, dir, e->name);
		}
}

/* ---- the way up ---- */

/* What is done with each directory above a hidden one; not 0: no further. */
typedef int step_fn(struct jail *j, int fd, const struct place *p);

/* 0 at the root, or what a step returned; -1 and errno. Takes the descriptor. */
static int
climb(struct jail *j, int dir, step_fn *step)
{
	CLEAN(fd) int fd = dir;
	struct place p, above;
	int result = 0;
	mode_t mode;

	if (!look_up(fd, &p, &mode))
		return -1;
	while (result == 0) {
		int next = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		close(fd);
		fd = next;
		if (fd == -1 || !look_up(fd, &above, &mode))
			return -1;
		if (contains(&p, 1, &above))
			return 0;
		p = above;
		result = step(j, fd, &p);
	}
	return result;
}

static int
stop_at_hidden(struct jail *j, int fd, const struct place *p)
{
	(void)fd;
	return contains(j->hidden, j->n_hidden, p) ? 1 : 0;
}

static int
note_above(struct jail *j, int fd, const struct place *p)
{
	(void)fd;
	if (contains(j->above, j->n_above, p))
		return 0;
	if (j->n_above == ABOVE_MAX) {
		errno = E2BIG;
		return -1;
	}
	j->above[j->n_above++] = *p;
	return 0;
}

static int
allow_beside(struct jail *j, int fd, const struct place *p)
{
	size_t i = find(j->above, j->n_above, p);

	/* One that was not there before is from somebody who moves directories now. */
	if (i == j->n_above || j->allowed[i])
		return 0;
	j->allowed[i] = true;
	allow_entries(j, fd);
	return 0;
}

/* ---- all of them ---- */

static int
note_hidden(struct jail *j, char *const *hidden)
{
	for (size_t i = 0; hidden[i] != NULL; i++) {
		CLEAN(fd) int fd = -1;
		mode_t mode;

		if (j->n_hidden == HIDDEN_MAX) {
			errno = E2BIG;
			return -1;
		}
		fd = open(hidden[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd == -1 && errno == ENOENT)
			continue; /* nothing to hide */
		if (fd == -1 || !look_up(fd, &j->hidden[j->n_hidden], &mode))
			return -1;
		j->n_hidden++;
	}
	return 0;
}

/* One that is within another is hidden with it: beside it, nothing is to be allowed. */
static int
climb_from_all(struct jail *j, char *const *hidden, step_fn *step)
{
	for (size_t i = 0; hidden[i] != NULL; i++) {
		int fd = open(hidden[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		int result;

		if (fd == -1 && errno == ENOENT)
			continue;
		if (fd == -1)
			return -1;
		result = climb(j, fcntl(fd, F_DUPFD_CLOEXEC, 0), stop_at_hidden);
		if (result == 0)
			result = climb(j, fd, step);
		else
			close(fd);
		if (result == -1)
			return -1;
	}
	return 0;
}

int
jail_enter(char *const *hidden, int version)
{
	const uint64_t refer = version >= VERSION_REFER ? ACCESS_REFER : 0;
	const struct ruleset rules = { .handled = ACCESS_READ_FILE | refer };
	struct jail *j = &the_jail;
	int root;

	if (version == 0)
		return 0;
	j->rules = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0U);
	if (j->rules == -1 || note_hidden(j, hidden) == -1 ||
	    climb_from_all(j, hidden, note_above) == -1 ||
	    climb_from_all(j, hidden, allow_beside) == -1)
		return -1;
	if (j->n_hidden == 0)
		return 0;
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (refer != 0 && root != -1)
		allow(j, root, refer);
	return (int)syscall(SYS_landlock_restrict_self, j->rules, 0U);
}
