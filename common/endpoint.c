/* SPDX-License-Identifier: ISC */
#include "common/endpoint.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clean.h"
#include "common/mem.h"

#define BACKLOG 64

static int
fill_address(struct sockaddr_un *address, const char *path, struct err *err)
{
	size_t length = strlen(path);

	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (length == 0)
		return err_set(err, ERR_CONFIG, "the path of the socket is empty");
	if (length >= sizeof(address->sun_path))
		return err_set(err, ERR_CONFIG, "%s: %zu characters at most", path,
		    sizeof(address->sun_path) - 1);
	memcpy(address->sun_path, path, length);
	return 0;
}

static int
connect_to(int fd, const struct sockaddr_un *address)
{
	int r;

	do
		r = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	while (r == -1 && errno == EINTR);
	return r;
}

int
endpoint_connect(const char *path, struct err *err)
{
	CLEAN(fd) int fd = -1;
	struct sockaddr_un address;

	if (fill_address(&address, path, err) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return err_set_errno(err, errno, "socket");
	if (connect_to(fd, &address) == 0)
		return take_fd(&fd);
	switch (errno) {
	case ENOENT:
		return err_set(err, ERR_SYSTEM, "%s: no such socket, acmed is not running",
		    path);
	case ECONNREFUSED:
		return err_set(err, ERR_SYSTEM, "%s: nobody listens, acmed is not running",
		    path);
	case EACCES:
		return err_set(err, ERR_SYSTEM, "%s: no permission to talk to acmed", path);
	default:
		return err_set_errno(err, errno, "%s", path);
	}
}

/* ---- listening ---- */

static int
make_directory(const char *path, struct err *err)
{
	if (mkdir(path, 0755) == 0) {
		/* Whatever the umask. */
		if (chmod(path, 0755) == -1)
			return err_set_errno(err, errno, "%s", path);
		return 0;
	}
	return errno == EEXIST ? 0 : err_set_errno(err, errno, "%s", path);
}

static int
make_parents(const char *path, struct err *err)
{
	CLEAN(string) char *parent = xstrdup(path);
	struct stat st;

	for (char *slash = strchr(parent + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		/* A read-only file system says EROFS before EEXIST. */
		if (stat(parent, &st) == -1 && make_directory(parent, err) == -1)
			return -1;
		*slash = '/';
	}
	return 0;
}

/* Nothing is at the path afterwards, or it is an error. */
static int
clear_path(const struct sockaddr_un *address, struct err *err)
{
	const char *path = address->sun_path;
	CLEAN(fd) int fd = -1;
	struct stat st;

	if (lstat(path, &st) == -1)
		return errno == ENOENT ? 0 : err_set_errno(err, errno, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ERR_CONFIG, "%s: something that is no socket is there",
		    path);
	/* Non-blocking: EAGAIN comes from a listener that is busy, but alive. */
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return err_set_errno(err, errno, "socket");
	if (connect_to(fd, address) == 0 || errno == EAGAIN)
		return err_set(err, ERR_SYSTEM, "%s: another process listens there", path);
	if (errno != ECONNREFUSED)
		return err_set_errno(err, errno, "%s: a socket is there", path);
	if (unlink(path) == -1 && errno != ENOENT)
		return err_set_errno(err, errno, "%s: removing the old socket", path);
	return 0;
}

int
endpoint_set_access(const char *path, const struct endpoint_access *access, struct err *err)
{
	if (access->group != (gid_t)-1 && lchown(path, (uid_t)-1, access->group) == -1)
		return err_set_errno(err, errno, "%s: giving it to group %u", path,
		    access->group);
	if (chmod(path, access->everyone ? 0666 : 0660) == -1)
		return err_set_errno(err, errno, "%s", path);
	return 0;
}

/* Nobody can connect before listen(): by then the mode is what it has to be. */
static int
open_to(int fd, const char *path, const struct endpoint_access *access, struct err *err)
{
	if (endpoint_set_access(path, access, err) == -1)
		return -1;
	if (listen(fd, BACKLOG) == -1)
		return err_set_errno(err, errno, "%s", path);
	return 0;
}

int
endpoint_listen(const char *path, const struct endpoint_access *access, struct err *err)
{
	CLEAN(fd) int fd = -1;
	struct sockaddr_un address;

	if (fill_address(&address, path, err) == -1 || make_parents(path, err) == -1 ||
	    clear_path(&address, err) == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return err_set_errno(err, errno, "socket");
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == -1)
		return err_set_errno(err, errno, "%s", path);
	if (open_to(fd, path, access, err) == -1) {
		unlink(path);
		return -1;
	}
	return take_fd(&fd);
}

/* ---- who is there ---- */

int
endpoint_peer(int fd, struct endpoint_peer *ret, struct err *err)
{
	struct ucred credentials = { 0 };
	socklen_t length = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == -1)
		return err_set_errno(err, errno, "who the peer is");
	/* Of a socket without a peer the kernel says: uid and gid -1. */
	if (length != sizeof(credentials) || credentials.uid == (uid_t)-1)
		return err_set(err, ERR_SYSTEM, "who the peer is: not known");
	*ret = (struct endpoint_peer){
		.uid = credentials.uid,
		.gid = credentials.gid,
		.pid = credentials.pid,
	};
	return 0;
}

/* The supplementary groups of the peer, owned by the caller. */
static gid_t *
peer_groups(int fd, size_t *n)
{
	socklen_t length = 32 * sizeof(gid_t);
	gid_t *groups = xcalloc(1, length);

	/* Where there is no room for them, the kernel says how much they need. */
	while (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) == -1) {
		if (errno != ERANGE) {
			length = 0;
			break;
		}
		groups = xrealloc(groups, 1, length);
	}
	*n = length / sizeof(gid_t);
	return groups;
}

bool
endpoint_peer_in_group(int fd, const struct endpoint_peer *peer, gid_t gid)
{
	bool found = peer->gid == gid;
	gid_t *groups;
	size_t n;

	if (gid == (gid_t)-1)
		return false;
	groups = peer_groups(fd, &n);
	for (size_t i = 0; i < n; i++)
		found = found || groups[i] == gid;
	free(groups);
	return found;
}
