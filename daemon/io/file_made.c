/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "daemon/io/file.h"

int
file_open_made(int dir, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dir, name, flags);

	if (fd == -1 && errno == EACCES && fchmodat(dir, name, S_IRWXU, 0) == 0)
		fd = openat(dir, name, flags);
	return fd;
}
