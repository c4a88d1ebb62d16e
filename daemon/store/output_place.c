/* SPDX-License-Identifier: ISC */
#include "daemon/store/output_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/file.h"
#include "daemon/io/random.h"
#include "daemon/store/store_internal.h"

/* ".LEAF.0123456789abcdef.acmed-new" */
#define TEMPORARY_END    ".acmed-new"
#define TEMPORARY_DIGITS 16

/* ---- on the way ---- */

static int
fail_enter(const struct output_place *p, const char *name, int errnum, struct err *err)
{
	struct stat st;
	bool there = fstatat(p->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;

	if (errnum == ENOENT)
		return err_set(err, ERR_SYSTEM,
		    "the directory %s does not exist, and acmed does not make it",
		    p->dir_path);
	if (there && S_ISLNK(st.st_mode))
		return err_set(err, ERR_SYSTEM,
		    "%s is a symbolic link, and none is followed here: give the path that "
		    "it leads to",
		    p->dir_path);
	return file_fail(err, errnum, "open", p->dir_path);
}

/* Who can write to a directory can put another in the place of one that is in it. */
static int
check_way(const struct output_place *p, struct err *err)
{
	struct stat st;

	if (fstat(p->dir, &st) == -1)
		return file_fail(err, errno, "read", p->dir_path);
	if ((st.st_mode & (S_IWOTH | S_ISVTX)) != S_IWOTH)
		return 0;
	return err_set(err, ERR_SYSTEM,
	    "everybody can write to %s: acmed puts nothing there (chmod o-w %s mends it)",
	    p->dir_path, p->dir_path);
}

static int
enter(struct output_place *p, const char *name, struct err *err)
{
	int fd = openat(p->dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd == -1)
		return fail_enter(p, name, errno, err);
	fd_free_at(&p->dir);
	p->dir = fd;
	return check_way(p, err);
}

/* From one component to the next, the last one into p->leaf. */
static int
walk(struct output_place *p, const char *path, struct err *err)
{
	const char *rest = path + strspn(path, "/");

	for (;;) {
		size_t length = strcspn(rest, "/");
		const char *next = rest + length + strspn(rest + length, "/");

		if (length >= sizeof(p->leaf))
			return file_fail(err, ENAMETOOLONG, "open", path);
		memcpy(p->leaf, rest, length);
		p->leaf[length] = '\0';
		if (*next == '\0')
			return 0;
		free(p->dir_path);
		p->dir_path = xstrndup(path, (size_t)(rest - path) + length);
		if (enter(p, p->leaf, err) == -1)
			return -1;
		rest = next;
	}
}

/* ---- the place ---- */

static bool
is_path_of_file(const char *path)
{
	const char *slash = strrchr(path, '/');

	return path[0] == '/' && !str_eq(slash, "/") && !str_eq(slash, "/.") &&
	       !str_eq(slash, "/..");
}

/* What lies there now, and whether somebody else might replace what we put there. */
static int
check_there(const struct output_place *p, uid_t owner, struct err *err)
{
	struct stat dir, st;
	bool there;

	if (fstat(p->dir, &dir) == -1)
		return file_fail(err, errno, "read", p->dir_path);
	there = fstatat(p->dir, p->leaf, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!there && errno != ENOENT)
		return file_fail(err, errno, "read", p->leaf);
	if (there && S_ISLNK(st.st_mode))
		return err_set(err, ERR_SYSTEM,
		    "is a symbolic link, and none is followed here: remove it, or give the "
		    "path that it leads to");
	if (there && !S_ISREG(st.st_mode))
		return err_set(err, ERR_SYSTEM,
		    "is no regular file, and is not replaced by one");
	if (there && (dir.st_mode & S_IWOTH) && st.st_uid != geteuid() &&
	    st.st_uid != owner)
		return err_set(err, ERR_SYSTEM,
		    "everybody can write to %s, and the file there belongs to user %lu",
		    p->dir_path, (unsigned long)st.st_uid);
	return 0;
}

int
output_place_open(struct output_place *p, const char *path, uid_t owner, struct err *err)
{
	int fd;

	if (!is_path_of_file(path))
		return err_set(err, ERR_CONFIG, "is not the absolute path of a file");
	p->dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	p->dir_path = xstrdup("/");
	if (p->dir == -1)
		return file_fail(err, errno, "open", p->dir_path);
	if (walk(p, path, err) == -1)
		return -1;
	/* One that can be listed and synced. */
	fd = openat(p->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return file_fail(err, errno, "open", p->dir_path);
	fd_free_at(&p->dir);
	p->dir = fd;
	return check_there(p, owner, err);
}

void
output_place_close(struct output_place *p)
{
	fd_free_at(&p->dir);
	free(p->dir_path);
}

/* ---- names beside it ---- */

char *
output_place_temporary(const struct output_place *p)
{
	unsigned high = random_u32(), low = random_u32();

	return xasprintf(".%s.%08x%08x" TEMPORARY_END, p->leaf, high, low);
}

static bool
is_temporary(const struct output_place *p, const char *name)
{
	size_t length = strlen(p->leaf);

	if (name[0] != '.' || !str_starts(name + 1, p->leaf) || name[1 + length] != '.')
		return false;
	name += 1 + length + 1;
	return strspn(name, "0123456789abcdef") == TEMPORARY_DIGITS &&
	       str_eq(name + TEMPORARY_DIGITS, TEMPORARY_END);
}

/* What cannot be removed does no harm to the write that follows. */
void
output_place_tidy(const struct output_place *p)
{
	struct err ignored = { 0 };
	CLEAN(strv) char **names = layout_list(p->dir, &ignored);

	for (char **name = names; name != NULL && *name != NULL; name++) {
		if (is_temporary(p, *name))
			unlinkat(p->dir, *name, 0);
	}
}
