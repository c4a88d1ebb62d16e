/* SPDX-License-Identifier: ISC */
#include "daemon/io/probe.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/clock.h"
#include "daemon/io/probe_internal.h"
#include "daemon/io/starttls.h"

#define PATIENCE_MS  10000
#define AT_ONCE_MOST 16
#define HOST_MOST    253 /* a name as it is written */

/* ---- requests ---- */

static bool
is_address(const char *host)
{
	unsigned char octets[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, host, octets) == 1 ||
	       inet_pton(AF_INET6, host, octets) == 1;
}

/* A name or an address: nothing that could mean something in XML, or end a line. */
static bool
is_host(const char *host)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
	size_t length = strlen(host);

	if (is_address(host))
		return true;
	return length > 0 && length <= HOST_MOST && strspn(host, allowed) == length;
}

static bool
parse_port(const char *text, uint16_t *ret)
{
	size_t n = strlen(text);
	unsigned long port;

	if (n == 0 || n > 5 || strspn(text, "0123456789") != n)
		return false;
	port = strtoul(text, NULL, 10);
	*ret = (uint16_t)port;
	return port > 0 && port <= UINT16_MAX;
}

/* The host without brackets, owned by the caller; NULL where there is none. Brackets are
 * for IPv6 addresses, and those need them. */
static char *
parse_connect(const char *connect, uint16_t *port)
{
	const char *colon = strrchr(connect, ':');
	bool in_brackets = connect[0] == '[';
	CLEAN(string) char *host = NULL;
	size_t length;

	if (colon == NULL || !parse_port(colon + 1, port))
		return NULL;
	length = (size_t)(colon - connect);
	if (in_brackets && (length < 3 || connect[length - 1] != ']'))
		return NULL;
	host = in_brackets ? xstrndup(connect + 1, length - 2) : xstrndup(connect, length);
	if (in_brackets != (strchr(host, ':') != NULL) || !is_host(host))
		return NULL;
	return TAKE(host);
}

static int
check_starttls(const char *name, struct err *err)
{
	const char *nearest;

	if (name == NULL || starttls_is_dialect(name))
		return 0;
	nearest = str_nearest(name, starttls_dialects());
	if (nearest != NULL)
		return err_set(err, ERR_CONFIG,
		    "no STARTTLS dialect is called \"%s\"; did you mean \"%s\"?", name,
		    nearest);
	return err_set(err, ERR_CONFIG, "no STARTTLS dialect is called \"%s\"", name);
}

int
probe_check(const struct probe_request *request, struct err *err)
{
	uint16_t port;
	CLEAN(string) char *host = parse_connect(request->connect, &port);

	if (host == NULL)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is not a host and a port: write example.com:443 or "
		    "[2001:db8::1]:443",
		    request->connect);
	if (request->sni != NULL && (!is_host(request->sni) || is_address(request->sni)))
		return err_set(err, ERR_CONFIG, "\"%s\" is no name of a host",
		    request->sni);
	return check_starttls(request->starttls, err);
}

/* As it stands in a ClientHello: no final dot, and never an address (RFC 6066 section 3).
 */
static char *
server_name(const char *sni, const char *host)
{
	const char *name = sni != NULL ? sni : host;
	size_t length = strlen(name);

	if (is_address(name))
		return NULL;
	return xstrndup(name, length > 1 && name[length - 1] == '.' ? length - 1 : length);
}

/* ---- what ends ---- */

static void
wake_waiting(struct prober *p)
{
	static const struct timeval now = { 0 };

	if (!TAILQ_EMPTY(&p->waiting) && p->n_running < AT_ONCE_MOST)
		event_add(p->turn, &now);
}

static void
drop_contact(struct contact *c)
{
	struct probe *pr = c->probe;
	struct prober *p = pr->prober;

	pr->contacts[c->index] = NULL;
	pr->left--;
	contact_free(c);
	if (p->n_running == 0) { /* some 100 KiB that only a handshake needs */
		probe_tls_setup_free(p->tls);
		p->tls = NULL;
	}
	wake_waiting(p);
}

/* Off the list, with all that is under way. What was seen can still be read. */
static void
probe_stop(struct probe *pr)
{
	if (pr->prober == NULL || pr->calling)
		return;
	TAILQ_REMOVE(&pr->prober->probes, pr, link);
	resolve_free(TAKE(pr->resolve));
	for (size_t i = 0; i < pr->n; i++) {
		if (pr->contacts[i] != NULL)
			drop_contact(pr->contacts[i]);
	}
	if (pr->late != NULL)
		event_free(TAKE(pr->late));
}

static void
probe_destroy(struct probe *pr)
{
	free(pr->host);
	free(pr->starttls);
	free(pr->sni);
	free(pr->seen);
	free(pr);
}

static void
probe_end(struct probe *pr, const struct err *err)
{
	probe_stop(pr);
	pr->calling = true;
	pr->done(err == NULL ? pr->seen : NULL, err == NULL ? pr->n : 0, err, pr->arg);
	probe_destroy(pr);
}

void
probe_contact_ended(struct contact *c)
{
	struct probe *pr = c->probe;
	const struct probe_seen *seen = &pr->seen[c->index];

	log_debug("probe: %s: %s after %lld ms", seen->address,
	    seen->err.kind == ERR_NONE ? seen->fingerprint : seen->err.text,
	    (long long)(clock_monotonic_ms() - c->begun_ms));
	drop_contact(c);
	if (pr->left == 0)
		probe_end(pr, NULL);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct probe *pr = arg;

	(void)fd;
	(void)what;
	probe_end(pr, &pr->err);
}

/* ---- what begins ---- */

static void
on_resolved(const struct resolve_address *list, size_t n, const struct err *err, void *arg)
{
	struct probe *pr = arg;

	pr->resolve = NULL;
	if (err != NULL) {
		probe_end(pr, err);
		return;
	}
	pr->n = pr->left = n;
	pr->seen = xcalloc(n, sizeof(*pr->seen));
	for (size_t i = 0; i < n; i++)
		pr->contacts[i] = contact_new(pr, i, &list[i]);
	wake_waiting(pr->prober);
}

/* One at a time: it may end at once, and whoever is told may free all of this. */
static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval now = { 0 };
	struct prober *p = arg;
	struct contact *c = TAILQ_FIRST(&p->waiting);

	(void)fd;
	(void)what;
	if (c == NULL || p->n_running >= AT_ONCE_MOST)
		return;
	if (TAILQ_NEXT(c, link) != NULL)
		event_add(p->turn, &now);
	contact_begin(c);
}

struct probe *
probe_start(struct prober *p, const struct probe_request *request, probe_done_fn *done,
    void *arg)
{
	static const struct timeval now = { 0 };
	struct probe *pr = xcalloc(1, sizeof(*pr));

	pr->prober = p;
	pr->done = done;
	pr->arg = arg;
	TAILQ_INSERT_TAIL(&p->probes, pr, link);
	if (probe_check(request, &pr->err) == -1) {
		pr->late = must(evtimer_new(p->loop, on_late, pr));
		event_add(pr->late, &now);
		return pr;
	}
	pr->host = parse_connect(request->connect, &pr->port);
	pr->starttls = xstrdup(request->starttls);
	pr->sni = server_name(request->sni, pr->host);
	pr->resolve = resolve_start(p->resolver, pr->host, pr->port, on_resolved, pr);
	return pr;
}

void
probe_free(struct probe *pr)
{
	if (pr == NULL || pr->calling) /* then it is freed in a moment anyway */
		return;
	probe_stop(pr);
	probe_destroy(pr);
}

/* ---- all of them ---- */

struct prober *
prober_new(struct event_base *loop)
{
	struct prober *p = xcalloc(1, sizeof(*p));

	p->loop = loop;
	p->patience_ms = PATIENCE_MS;
	p->resolver = resolver_new(loop);
	p->turn = must(evtimer_new(loop, on_turn, p));
	TAILQ_INIT(&p->running);
	TAILQ_INIT(&p->waiting);
	TAILQ_INIT(&p->probes);
	return p;
}

void
prober_set_patience(struct prober *p, long ms)
{
	p->patience_ms = ms;
	resolver_set_patience(p->resolver, ms);
}

void
prober_free(struct prober *p)
{
	struct probe *pr;

	if (p == NULL)
		return;
	while ((pr = TAILQ_FIRST(&p->probes)) != NULL) {
		probe_stop(pr);
		pr->prober = NULL;
	}
	resolver_free(p->resolver);
	event_free(p->turn);
	free(p);
}
