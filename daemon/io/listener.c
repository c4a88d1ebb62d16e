/* SPDX-License-Identifier: ISC */
#include "daemon/io/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/mem.h"
#include "daemon/io/clock.h"

#define BACKLOG       1024
#define AT_ONCE       64    /* then others on the loop have their turn */
#define STARVED_MS    100   /* until it tries again */
#define LOG_EVERY_MS  60000 /* or a flood would fill the log */
#define RESERVED_MOST 32    /* for the CA, hooks, publishing */

struct listener {
	int fd;
	listener_accept_fn *accept;
	void *arg;
	struct event *readable;
	struct event *starved;
	bool paused;     /* by the owner */
	bool is_starved; /* of descriptors: the timer runs */
	bool logged;     /* at logged_ms */
	int64_t logged_ms;
	int first_reserved; /* the descriptor; a lower one shows that there is room */
};

/* ---- addresses ---- */

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

static bool
parse_port(const char *text, in_port_t *ret)
{
	unsigned port = 0;
	size_t n = strlen(text);

	if (n == 0 || n > 5 || strspn(text, "0123456789") != n)
		return false;
	for (; *text != '\0'; text++)
		port = port * 10 + (unsigned)(*text - '0');
	*ret = htons((in_port_t)port);
	return port <= 65535;
}

static bool
parse_address(const char *text, union address *ret)
{
	const char *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	size_t n = colon != NULL ? (size_t)(colon - text) : 0;
	in_port_t port;

	if (n < 2 || n >= sizeof(host) || !parse_port(colon + 1, &port))
		return false;
	memcpy(host, text, n);
	host[n] = '\0';

	memset(ret, 0, sizeof(*ret));
	if (host[0] != '[') {
		ret->in.sin_family = AF_INET;
		ret->in.sin_port = port;
		return inet_pton(AF_INET, host, &ret->in.sin_addr) == 1;
	}
	if (host[n - 1] != ']')
		return false;
	host[n - 1] = '\0';
	ret->in6.sin6_family = AF_INET6;
	ret->in6.sin6_port = port;
	return inet_pton(AF_INET6, host + 1, &ret->in6.sin6_addr) == 1;
}

static int
bind_error(const char *address, const union address *parsed, struct err *err)
{
	/* Both families have the port at the same place. */
	int errnum = errno;
	unsigned port = ntohs(parsed->in.sin_port);

	if (errnum == EADDRINUSE)
		return err_set(err, ERR_SYSTEM,
		    "%s is in use by another program; \"ss -ltnp\" shows which", address);
	if (errnum == EACCES && port < 1024)
		return err_set(err, ERR_SYSTEM,
		    "%s: no permission for ports below 1024: give the service "
		    "CAP_NET_BIND_SERVICE, or pass the socket from the service manager",
		    address);
	if (errnum == EADDRNOTAVAIL)
		return err_set(err, ERR_CONFIG, "%s: this host does not have that address",
		    address);
	if (errnum == EAFNOSUPPORT)
		return err_set(err, ERR_CONFIG, "%s: this host has no %s", address,
		    parsed->sa.sa_family == AF_INET6 ? "IPv6" : "IPv4");
	return err_set_errno(err, errnum, "%s", address);
}

int
listener_bind(const char *address, struct err *err)
{
	static const int on = 1;
	CLEAN(fd) int fd = -1;
	union address parsed;
	bool six;

	if (!parse_address(address, &parsed))
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is not an address and a port: write 0.0.0.0:80 or [::]:80",
		    address);
	six = parsed.sa.sa_family == AF_INET6;

	fd = socket(parsed.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return bind_error(address, &parsed, err);
	/* Without REUSEADDR a restart would wait for old connections; without V6ONLY [::]
	 * would take 0.0.0.0, too. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    (six && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == -1) ||
	    bind(fd, &parsed.sa, six ? sizeof(parsed.in6) : sizeof(parsed.in)) == -1 ||
	    listen(fd, BACKLOG) == -1)
		return bind_error(address, &parsed, err);
	return take_fd(&fd);
}

/* ---- accepting ---- */

static void
starve(struct listener *l, const char *why)
{
	static const struct timeval wait = { .tv_usec = STARVED_MS * 1000L };
	int64_t now = clock_monotonic_ms();

	l->is_starved = true;
	event_del(l->readable);
	event_add(l->starved, &wait);
	if (l->logged && now - l->logged_ms < LOG_EVERY_MS)
		return;
	l->logged = true;
	l->logged_ms = now;
	log_warn("new connections have to wait: %s", why);
}

/* What concerns the one connection only: accept(2), "Error handling". */
static bool
is_passing(int errnum)
{
	switch (errnum) {
	case EINTR:
	case ECONNABORTED:
	case EPERM:
	case EPROTO:
	case ENOPROTOOPT:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
		return true;
	default:
		return false;
	}
}

/* False where there is no use in going on. */
static bool
accept_one(struct listener *l)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t length = sizeof(peer);
	int fd =
	    accept4(l->fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1) {
		if (is_passing(errno))
			return true;
		if (errno != EAGAIN && errno != EWOULDBLOCK)
			starve(l, strerror(errno));
		return false;
	}
	/* The kernel gives the lowest that is free: all below this one are taken. */
	if (fd >= l->first_reserved) {
		close(fd);
		starve(l, "the last descriptors are kept for other work");
		return false;
	}
	l->accept(fd, (const struct sockaddr *)&peer, l->arg);
	return true;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	for (int i = 0; i < AT_ONCE && !l->paused; i++)
		if (!accept_one(l))
			return;
}

static void
on_starved(evutil_socket_t fd, short what, void *arg)
{
	struct listener *l = arg;

	(void)fd;
	(void)what;
	l->is_starved = false;
	if (!l->paused)
		event_add(l->readable, NULL);
}

void
listener_pause(struct listener *l)
{
	l->paused = true;
	event_del(l->readable);
}

void
listener_resume(struct listener *l)
{
	l->paused = false;
	if (!l->is_starved)
		event_add(l->readable, NULL);
}

/* A quarter of a small table, RESERVED_MOST of a usual one. */
static int
first_reserved(void)
{
	struct rlimit limit;
	rlim_t reserved = RESERVED_MOST;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur > INT_MAX)
		return INT_MAX;
	if (reserved > limit.rlim_cur / 4)
		reserved = limit.rlim_cur / 4;
	return (int)(limit.rlim_cur - reserved);
}

struct listener *
listener_new(struct event_base *loop, int fd, listener_accept_fn *accept, void *arg)
{
	static const int on = 1;
	struct listener *l = xcalloc(1, sizeof(*l));

	l->fd = fd;
	l->accept = accept;
	l->arg = arg;
	l->first_reserved = first_reserved();
	/* It may come from somebody else. */
	(void)evutil_make_socket_nonblocking(fd);
	(void)evutil_make_socket_closeonexec(fd);
	/* Handed on to what is accepted. On a Unix socket it fails, and is not needed. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

	l->readable = must(event_new(loop, fd, EV_READ | EV_PERSIST, on_readable, l));
	l->starved = must(evtimer_new(loop, on_starved, l));
	event_add(l->readable, NULL);
	return l;
}

void
listener_free(struct listener *l)
{
	if (l == NULL)
		return;
	event_free(l->readable);
	event_free(l->starved);
	close(l->fd);
	free(l);
}
