/* SPDX-License-Identifier: ISC */
#include "daemon/control/peer.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clean.h"
#include "common/endpoint.h"
#include "common/mem.h"

int
peer_identify(int fd, const struct peer_groups *groups, enum peer_rank *ret,
    struct err *err)
{
	struct endpoint_peer peer;

	if (endpoint_peer(fd, &peer, err) == -1)
		return -1;
	if (peer.uid == 0 || peer.uid == geteuid() ||
	    endpoint_peer_in_group(fd, &peer, groups->change))
		*ret = PEER_CHANGER;
	else if (endpoint_peer_in_group(fd, &peer, groups->read))
		*ret = PEER_READER;
	else
		*ret = PEER_STRANGER;
	return 0;
}

bool
peer_may_call(enum peer_rank rank, enum method method)
{
	bool changes = (method_info[method].flags & METHOD_CHANGES) != 0;

	return rank >= (changes ? PEER_CHANGER : PEER_READER);
}

void
peer_turn_away(int fd, int connections)
{
	CLEAN(string)
	char *answer = xasprintf("{\"error\":\"" METHOD_INTERFACE ".Failed\","
				 "\"parameters\":{\"detail\":\"acmed has %d connections "
				 "open, which is all it takes; try again later\"}}",
	    connections);

	/* Where that does not fit, the closed connection has to do. */
	(void)send(fd, answer, strlen(answer) + 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
}
