/* SPDX-License-Identifier: ISC */
#include "tests/unit/probe_rig.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/resolve.h"

struct probe_rig t;

/* ---- instead of resolve.c ---- */

struct resolver {
	struct event_base *loop;
};

struct resolve {
	char *host;
	uint16_t port;
	struct event *event;
	resolve_done_fn *done;
	void *arg;
	bool calling;
};

static size_t
add_address(const char *text, int port, struct resolve_address *ret)
{
	char whole[64];
	int length = sizeof(ret->address);

	if (port == 0)
		snprintf(whole, sizeof(whole), "%s", text);
	else
		snprintf(whole, sizeof(whole), strchr(text, ':') ? "[%s]:%d" : "%s:%d",
		    text, port);
	memset(ret, 0, sizeof(*ret));
	if (evutil_parse_sockaddr_port(whole, (struct sockaddr *)&ret->address, &length) ==
	    -1)
		return 0;
	ret->length = (socklen_t)length;
	return 1;
}

static size_t
read_addresses(struct resolve_address list[RESOLVE_MOST])
{
	CLEAN(string) char *copy = xstrdup(t.addresses);
	char *rest = NULL;
	size_t n = 0;

	for (char *one = strtok_r(copy, " ", &rest); one != NULL;
	     one = strtok_r(NULL, " ", &rest))
		n += add_address(one, 0, &list[n]);
	return n;
}

static void
resolve_destroy(struct resolve *q)
{
	event_free(q->event);
	free(q->host);
	free(q);
}

static void
on_answer(evutil_socket_t fd, short what, void *arg)
{
	struct resolve *q = arg;
	struct resolve_address list[RESOLVE_MOST];
	struct err err = { 0 };
	size_t n = add_address(q->host, q->port, &list[0]);

	(void)fd;
	(void)what;
	if (n == 0 && !str_eq(q->host, "nowhere.test"))
		n = read_addresses(list);
	if (n == 0)
		err_set(&err, ERR_NETWORK, "%s: there is no such host", q->host);
	q->calling = true;
	q->done(n > 0 ? list : NULL, n, n > 0 ? NULL : &err, q->arg);
	resolve_destroy(q);
}

struct resolve *
resolve_start(struct resolver *r, const char *host, uint16_t port, resolve_done_fn *done,
    void *arg)
{
	static const struct timeval now = { 0 };
	struct resolve *q = xcalloc(1, sizeof(*q));

	q->host = xstrdup(host);
	q->port = port;
	q->done = done;
	q->arg = arg;
	q->event = event_new(r->loop, -1, 0, on_answer, q);
	event_add(q->event, &now);
	return q;
}

void
resolve_free(struct resolve *q)
{
	if (q != NULL && !q->calling)
		resolve_destroy(q);
}

struct resolver *
resolver_new(struct event_base *loop)
{
	struct resolver *r = xcalloc(1, sizeof(*r));

	r->loop = loop;
	return r;
}

void
resolver_free(struct resolver *r)
{
	free(r);
}

void
resolver_set_patience(struct resolver *r, long ms)
{
	(void)r;
	(void)ms;
}

/* ---- instead of the C library's ---- */

int
connect(int fd, const struct sockaddr *address, socklen_t length)
{
	int (*real)(int, const struct sockaddr *, socklen_t) =
	    (__typeof__(real))dlsym(RTLD_NEXT, "connect");

	t.n_connected++;
	if (t.never_connect != 0)
		dup3(t.never_connect, fd, O_CLOEXEC);
	errno = t.never_connect != 0 ? EINPROGRESS : t.refuse_connect;
	return errno != 0 ? -1 : real(fd, address, length);
}

/* ---- before and after ---- */

int
group_set_up(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	tls_identity_make(&t.ec, "EC");
	tls_identity_make(&t.rsa, "RSA");
	return 0;
}

int
group_tear_down(void **state)
{
	(void)state;
	tls_identity_clear(&t.ec);
	tls_identity_clear(&t.rsa);
	return 0;
}

static size_t
count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

int
set_up(void **state)
{
	(void)state;
	t.n_servers = 0;
	t.addresses[0] = '\0';
	t.waiting = 0;
	t.frees_prober = false;
	t.refuse_connect = t.never_connect = 0;
	t.n_connected = 0;
	t.descriptors = count_descriptors();
	t.loop = must(event_base_new());
	t.prober = prober_new(t.loop);
	prober_set_patience(t.prober, 60000); /* machines are slow */
	return 0;
}

int
tear_down(void **state)
{
	(void)state;
	prober_free(t.prober);
	while (t.n_servers > 0)
		tls_server_free(t.servers[--t.n_servers]);
	assert_int_equal(event_base_loop(t.loop, EVLOOP_NONBLOCK), 1); /* no events */
	event_base_free(t.loop);
	assert_int_equal(count_descriptors(), t.descriptors);
	return 0;
}

/* ---- servers ---- */

bool
serve_at(const char *address, const struct tls_plan *plan)
{
	struct tls_server *s = tls_server_new(t.loop, address, plan);
	size_t used = strlen(t.addresses);

	if (s == NULL)
		return false;
	assert_true(t.n_servers < RIG_SERVERS);
	t.servers[t.n_servers++] = s;
	snprintf(t.addresses + used, sizeof(t.addresses) - used,
	    strchr(address, ':') != NULL ? "%s[%s]:%d" : "%s%s:%d", used > 0 ? " " : "",
	    address, tls_server_port(s));
	return true;
}

struct tls_server *
serve(const struct tls_plan *plan)
{
	assert_true(serve_at("127.0.0.1", plan));
	return t.servers[t.n_servers - 1];
}

/* ---- probes ---- */

static void
done(const struct probe_seen *seen, size_t n, const struct err *err, void *arg)
{
	struct asked *a = arg;

	a->calls++;
	assert_true(n <= RIG_SEEN);
	assert_true((n == 0) == (err != NULL));
	for (size_t i = 0; i < n; i++) {
		a->seen[i] = seen[i];
		assert_true(
		    (seen[i].fingerprint[0] == '\0') == (seen[i].err.kind != ERR_NONE));
	}
	a->n = n;
	if (err != NULL)
		a->err = *err;
	probe_free(a->handle); /* a callback may do that */
	a->handle = NULL;
	probe_free(a->frees);
	if (t.frees_prober)
		prober_free(TAKE(t.prober));
	if (--t.waiting == 0)
		event_base_loopbreak(t.loop);
}

void
begin(struct asked *a, const struct probe_request *request)
{
	memset(a, 0, sizeof(*a));
	t.waiting++;
	a->handle = probe_start(t.prober, request, done, a);
	assert_int_equal(a->calls, 0);
}

void
wait_for_all(void)
{
	assert_true(t.waiting > 0);
	assert_int_not_equal(event_base_dispatch(t.loop), -1);
	assert_int_equal(t.waiting, 0);
}

void
ask(struct asked *a, const struct probe_request *request)
{
	begin(a, request);
	wait_for_all();
	assert_int_equal(a->calls, 1);
}

void
expect_leaf(const char *starttls, const struct tls_identity *identity)
{
	const struct probe_request request = { "example.org:1", starttls, NULL };
	struct asked a;

	ask(&a, &request);
	assert_string_equal(a.err.text, "");
	assert_int_equal(a.n, 1);
	assert_string_equal(a.seen[0].err.text, "");
	assert_string_equal(a.seen[0].fingerprint, identity->fingerprint);
	assert_string_equal(a.seen[0].address, t.addresses);
}

void
expect_err(const char *starttls, enum err_kind kind, const char *text)
{
	const struct probe_request request = { "example.org:1", starttls, NULL };
	struct asked a;

	ask(&a, &request);
	assert_int_equal(a.n, 1);
	assert_string_equal(a.seen[0].err.text, text);
	assert_int_equal(a.seen[0].err.kind, kind);
	assert_string_equal(a.seen[0].fingerprint, "");
}
