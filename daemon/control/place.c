/* SPDX-License-Identifier: ISC */
#include "daemon/control/place.h"

#include <grp.h>

#include "common/endpoint.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/config/config.h"
#include "daemon/control/server.h"
#include "daemon/io/notify.h"

struct place {
	struct server *server;
	struct endpoint_access access;
	char *path; /* NULL: not there, or not made by us */
};

static gid_t
group_id(const char *name)
{
	const struct group *group = name ? getgrnam(name) : NULL;

	if (name != NULL && group == NULL)
		log_warn("control: there is no group \"%s\" on this system", name);
	return group ? group->gr_gid : (gid_t)-1;
}

/* A socket file has one group. Where two may connect, the file system lets everyone do so:
 * who it is and what they may do is the server's to tell, in any case. */
void
place_set_groups(struct place *p, const struct config *config)
{
	gid_t group = group_id(config->control_group);
	gid_t read_group = group_id(config->control_read_group);
	struct err err = { 0 };

	server_set_groups(p->server, group, read_group);
	p->access.group = group;
	p->access.everyone = read_group != (gid_t)-1;
	if (p->path != NULL && endpoint_set_access(p->path, &p->access, &err) == -1)
		log_warn("control.socket: %s", err.text);
}

int
place_listen(struct place *p, const struct config *config, struct err *err)
{
	int fd;

	if (notify_take_sockets("control", &fd, 1) == 0) {
		fd = endpoint_listen(config->control_socket, &p->access, err);
		if (fd == -1)
			return err_prefix(err, "control.socket");
		p->path = xstrdup(config->control_socket);
	}
	server_listen(p->server, fd);
	return 0;
}

struct place *
place_new(struct server *server)
{
	struct place *p = xcalloc(1, sizeof(*p));

	p->server = server;
	p->access.group = (gid_t)-1;
	return p;
}

void
place_free(struct place *p)
{
	if (p == NULL)
		return;
	free(p->path);
	free(p);
}
