/* SPDX-License-Identifier: ISC */
/* The ports that CAs come to: passed by the service manager, or bound. */
#include "common/log.h"
#include "common/str.h"
#include "daemon/challenge/http01.h"
#include "daemon/challenge/tlsalpn01.h"
#include "daemon/config/config.h"
#include "daemon/daemon_internal.h"
#include "daemon/io/listener.h"
#include "daemon/io/notify.h"

/* Sockets of one name that a service manager passes. */
#define SOCKETS_MAX 16

/* A web server may have this port: it is asked for only where it is needed. */
static const char *const tlsalpn01_usual[] = { "0.0.0.0:443", "[::]:443", NULL };

struct port {
	const char *key;  /* of the configuration */
	const char *name; /* of the sockets that are passed */
	void (*listen)(struct acmed *d, int fd);
};

static void
http01_takes(struct acmed *d, int fd)
{
	http01_listen(d->http01, fd);
}

static void
tlsalpn01_takes(struct acmed *d, int fd)
{
	tlsalpn01_listen(d->tlsalpn01, fd);
}

static const struct port http01_port = { "http-01.listen", "http", http01_takes };
static const struct port tlsalpn01_port = { "tls-alpn-01.listen", "tls-alpn",
	tlsalpn01_takes };

/* One family may be missing on this host, all of them not. A port that somebody else has
 * is a failure: a CA would come there, too. */
static int
bind_all(struct acmed *d, const struct port *port, const char *const *addresses,
    struct err *err)
{
	size_t n = 0;

	for (const char *const *one = addresses; one != NULL && *one != NULL; one++) {
		int fd = listener_bind(*one, err);

		if (fd != -1) {
			port->listen(d, fd);
			n++;
		} else if (err->kind == ERR_CONFIG && (one[1] != NULL || n > 0)) {
			log_warn("%s: %s", port->key, err->text);
		} else {
			return err_prefix(err, "%s", port->key);
		}
	}
	return 0;
}

/* How many there were. */
static size_t
take_passed(struct acmed *d, const struct port *port)
{
	int fds[SOCKETS_MAX];
	size_t n = notify_take_sockets(port->name, fds, SOCKETS_MAX);

	for (size_t i = 0; i < n; i++)
		port->listen(d, fds[i]);
	return n;
}

static int
bind_tlsalpn01(struct acmed *d, const struct config *config, struct err *err)
{
	const char *const *addresses = (const char *const *)config->tls_alpn01_listen;

	if (addresses == NULL && config_uses(config, CHALLENGE_TLS_ALPN_01))
		addresses = tlsalpn01_usual;
	return bind_all(d, &tlsalpn01_port, addresses, err);
}

int
daemon_listen(struct acmed *d, struct err *err)
{
	const struct config *config = d->config;

	if (take_passed(d, &http01_port) == 0 &&
	    bind_all(d, &http01_port, (const char *const *)config->http01_listen, err) ==
		-1)
		return -1;
	if (take_passed(d, &tlsalpn01_port) > 0 || bind_tlsalpn01(d, config, err) == 0)
		return 0;
	if (config->tls_alpn01_listen != NULL)
		return -1;
	/* Nobody has asked for the port by name, and other certificates need none. */
	log_error("%s; names that are to be proved by tls-alpn-01 cannot be", err->text);
	return 0;
}

void
daemon_listen_more(struct acmed *d, const struct config *next, struct problems *problems)
{
	struct err err = { 0 };

	if (!tlsalpn01_listens(d->tlsalpn01) && bind_tlsalpn01(d, next, &err) == -1)
		problems_warn(problems, next->file, 1, 1, "%s", err.text);
}
