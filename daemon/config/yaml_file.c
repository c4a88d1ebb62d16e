/* SPDX-License-Identifier: ISC */
/* Configuration files: whose they are, how large, then what is in them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "daemon/config/yaml.h"

#define SIZE_MOST (1024L * 1024)

/* Who writes these files decides what runs as us. */
static void
check_owner(const char *path, const struct stat *st, struct problems *problems)
{
	if (st->st_uid != 0 && st->st_uid != geteuid())
		problems_add(problems, path, 1, 1,
		    "the file belongs to user %lu; it has to be root's, or that of the "
		    "user "
		    "acmed runs as (%lu)",
		    (unsigned long)st->st_uid, (unsigned long)geteuid());
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		problems_add(problems, path, 1, 1,
		    "others than its owner may write this file; run: chmod go-w %s", path);
}

static char *
read_all(int fd, size_t size, size_t *length)
{
	CLEAN(string) char *text = xcalloc(size + 1, 1);
	size_t have = 0;

	while (have < size) {
		ssize_t n = read(fd, text + have, size - have);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return NULL;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	*length = have;
	return TAKE(text);
}

struct yaml_node *
yaml_load(const char *path, struct problems *problems)
{
	/* Not to wait for the other end of a FIFO. */
	CLEAN(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	CLEAN(string) char *text = NULL;
	size_t length = 0;
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1) {
		problems_add(problems, path, 1, 1, "cannot read this file: %m");
		return NULL;
	}
	if (!S_ISREG(st.st_mode)) {
		problems_add(problems, path, 1, 1, "not a regular file");
		return NULL;
	}
	check_owner(path, &st, problems);
	if (st.st_size > SIZE_MOST) {
		problems_add(problems, path, 1, 1,
		    "larger than 1 MiB; spread it over several files");
		return NULL;
	}
	text = read_all(fd, (size_t)st.st_size, &length);
	if (text == NULL) {
		problems_add(problems, path, 1, 1, "cannot read this file: %m");
		return NULL;
	}
	return yaml_parse(path, text, length, problems);
}
