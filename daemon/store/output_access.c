/* SPDX-License-Identifier: ISC */
/* output_access - whom an output is to belong to, and who may read it. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/config.h"
#include "daemon/io/file.h"
#include "daemon/store/output_place.h"

/* A group of some ten thousand members fits. */
#define BUFFER_LEAST ((size_t)1024)
#define BUFFER_MOST  ((size_t)1024 * 1024)

#define UNCHANGED 0xffffffffu /* what chown() takes for "as it is" */

/* ---- names to numbers ---- */

static bool
is_number(const char *s)
{
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

static int
parse_number(const char *s, unsigned *ret, struct err *err)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(s, &end, 10);
	if (errno != 0 || n >= UNCHANGED)
		return err_set(err, ERR_CONFIG, "there is no user or group number %.40s",
		    s);
	*ret = (unsigned)n;
	return 0;
}

/* 0, and *found says whether there is one; ERANGE and the like otherwise. */
typedef int lookup_fn(const char *name, char *buffer, size_t size, bool *found,
    unsigned *ret);

static int
look_up_user(const char *name, char *buffer, size_t size, bool *found, unsigned *ret)
{
	struct passwd user, *p = NULL;
	int failure = getpwnam_r(name, &user, buffer, size, &p);

	*found = p != NULL;
	if (p != NULL)
		*ret = p->pw_uid;
	return failure;
}

static int
look_up_group(const char *name, char *buffer, size_t size, bool *found, unsigned *ret)
{
	struct group group, *p = NULL;
	int failure = getgrnam_r(name, &group, buffer, size, &p);

	*found = p != NULL;
	if (p != NULL)
		*ret = p->gr_gid;
	return failure;
}

/* "user" or "group" as `what`; NULL as `name` is "as it is". */
static int
find_number(const char *what, const char *name, lookup_fn *look_up, unsigned *ret,
    struct err *err)
{
	size_t size = BUFFER_LEAST;
	int failure = ERANGE;
	bool found = false;

	*ret = UNCHANGED;
	if (name == NULL)
		return 0;
	if (is_number(name))
		return parse_number(name, ret, err);
	for (; failure == ERANGE && size <= BUFFER_MOST; size *= 2) {
		CLEAN(string) char *buffer = xcalloc(size, 1);

		failure = look_up(name, buffer, size, &found, ret);
	}
	if (found)
		return 0;
	/* Of one that is unknown some sources of names say ENOENT. */
	if (failure != 0 && failure != ENOENT)
		return err_set_errno(err, failure, "cannot look up %s %.100s", what, name);
	return err_set(err, ERR_CONFIG, "there is no %s %.100s on this host", what, name);
}

int
output_access_find(struct output_access *a, const struct output_config *output,
    bool has_key, struct err *err)
{
	unsigned owner, group;

	if (find_number("user", output->owner, look_up_user, &owner, err) == -1 ||
	    find_number("group", output->group, look_up_group, &group, err) == -1)
		return -1;
	a->owner = owner;
	a->group = group;
	a->mode = has_key ? 0600 : 0644;
	if (output->mode != NULL)
		a->mode = (mode_t)strtoul(output->mode, NULL, 8) & 0777;
	return 0;
}

/* ---- given, and asked for ---- */

bool
output_access_fits(const struct output_access *a, const struct stat *st)
{
	return (a->owner == UNCHANGED || a->owner == st->st_uid) &&
	       (a->group == UNCHANGED || a->group == st->st_gid) &&
	       (st->st_mode & 07777) == a->mode;
}

static int
refuse_group(const char *group, int errnum, struct err *err)
{
	if (errnum != EPERM && errnum != EINVAL)
		return file_fail(err, errnum, "give to its group", "the new file");
	return err_set(err, ERR_SYSTEM,
	    "user %lu must not give a file to group %.100s: make it a member of that group "
	    "(SupplementaryGroups= in acmed.service), or have root do it by \"queue\" "
	    "under "
	    "\"deploy\"",
	    (unsigned long)geteuid(), group);
}

static int
refuse_owner(const char *owner, int errnum, struct err *err)
{
	if (errnum != EPERM && errnum != EINVAL)
		return file_fail(err, errnum, "give to its owner", "the new file");
	return err_set(err, ERR_SYSTEM,
	    "user %lu must not give a file to user %.100s: use \"group\" and \"mode\" "
	    "instead of \"owner\", or have root do it by \"queue\" under \"deploy\"",
	    (unsigned long)geteuid(), owner);
}

/* In this order: a wide mode is never seen together with the wrong group, and a file that
 * was given away is not changed any more. */
int
output_access_give(const struct output_access *a, const struct output_config *output,
    int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return file_fail(err, errno, "read", "the new file");
	if (a->group != UNCHANGED && a->group != st.st_gid &&
	    fchown(fd, (uid_t)UNCHANGED, a->group) == -1)
		return refuse_group(output->group, errno, err);
	if (fchmod(fd, a->mode) == -1)
		return file_fail(err, errno, "set the mode of", "the new file");
	if (a->owner != UNCHANGED && a->owner != st.st_uid &&
	    fchown(fd, a->owner, (gid_t)UNCHANGED) == -1)
		return refuse_owner(output->owner, errno, err);
	return 0;
}
