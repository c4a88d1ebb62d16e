/* SPDX-License-Identifier: ISC */
#include "tests/ca/server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/crypto/key.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/ca/ca.h"
#include "tests/ca/faults.h"
#include "tests/ca/jws_check.h"
#include "tests/ca/resources.h"

#define BACKLOG     4096
#define LOG_MAX     200000  /* entries; older ones stay, newer ones are not kept */
#define BODY_MAX    1000000 /* before the JWS is looked at: its own limit is lower */
#define IDLE_S      3600    /* "hang" is to outlast every timeout of a client */
#define RAW_WAIT_MS 20      /* between looks at whether raw bytes have left */

/* A request whose answer is not, or not yet, evhttp's. */
struct held {
	TAILQ_ENTRY(held) entry;
	struct server *server;
	struct evhttp_request *http;
	struct reply reply;
	struct event *timer; /* NULL: never again */
};

struct server {
	struct ca *ca;
	struct evhttp *http;
	struct event *sweep;
	TAILQ_HEAD(, held) held;
	struct json_object *log;
	struct timeval started;
	long n_connections;
};

/* ---- connections ---- */

static struct bufferevent *
new_connection(struct event_base *loop, void *arg)
{
	struct server *s = arg;
	SSL *ssl = must(SSL_new(issuer_tls(s->ca->issuer)));
	struct bufferevent *bev;

	SSL_set_ex_data(ssl, 0, (void *)(intptr_t)++s->n_connections);
	bev = must(bufferevent_openssl_socket_new(loop, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
	    BEV_OPT_CLOSE_ON_FREE));
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

static struct bufferevent *
connection_of(struct evhttp_request *http)
{
	struct evhttp_connection *connection = evhttp_request_get_connection(http);

	return connection != NULL ? evhttp_connection_get_bufferevent(connection) : NULL;
}

static long
connection_number(struct evhttp_request *http)
{
	struct bufferevent *bev = connection_of(http);

	return bev == NULL
		   ? 0
		   : (long)(intptr_t)SSL_get_ex_data(bufferevent_openssl_get_ssl(bev), 0);
}

int
server_listen(struct evhttp *http, int *port, struct err *err)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)*port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(at);
	CLEAN(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd == -1)
		return err_set_errno(err, errno, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Connections inherit it: an answer is more than one TLS record. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&at, length) == -1 || listen(fd, BACKLOG) == -1 ||
	    getsockname(fd, (struct sockaddr *)&at, &length) == -1)
		return err_set_errno(err, errno, "127.0.0.1:%d", *port);
	*port = ntohs(at.sin_port);
	must(evhttp_accept_socket_with_handle(http, take_fd(&fd)));
	return 0;
}

/* ---- answers ---- */

static void
held_free(struct held *h)
{
	TAILQ_REMOVE(&h->server->held, h, entry);
	if (h->timer != NULL)
		event_free(h->timer);
	reply_clear(&h->reply);
	free(h);
}

static void
add_headers(struct evkeyvalq *out, const struct reply *r)
{
	if (r->type != NULL)
		evhttp_add_header(out, "Content-Type", r->type);
	if (r->headers == NULL)
		return;
	json_object_object_foreach (r->headers, name, value) {
		evhttp_add_header(out, name, json_object_get_string(value));
	}
}

static void
send_reply(struct evhttp_request *http, struct reply *r)
{
	add_headers(evhttp_request_get_output_headers(http), r);
	/* Where the client has gone meanwhile, this frees the request. */
	evhttp_send_reply(http, r->status, "Scripted", reply_body(r));
}

static void
shut(struct evhttp_request *http)
{
	struct bufferevent *bev = connection_of(http);

	/* The loop sees the end of it: freeing is not for callbacks of the connection. */
	if (bev != NULL)
		shutdown(bufferevent_getfd(bev), SHUT_RDWR);
}

static void
again_in(struct held *h, long ms)
{
	struct timeval in = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	event_add(h->timer, &in);
}

/* evhttp does not hear of what is written past it, nor take it for an answer's end. */
static void
take_over(struct bufferevent *bev)
{
	bufferevent_data_cb on_read;
	bufferevent_event_cb on_event;
	void *arg;

	bufferevent_getcb(bev, &on_read, NULL, &on_event, &arg);
	bufferevent_setcb(bev, on_read, NULL, on_event, arg);
	bufferevent_enable(bev, EV_WRITE);
}

/* Some, then more of the raw bytes; the connection's end when all have left. */
static void
send_raw(struct held *h, struct bufferevent *bev)
{
	struct evbuffer *out = bufferevent_get_output(bev);
	struct evbuffer *body = reply_body(&h->reply);

	take_over(bev);
	if (h->reply.drip_ms > 0 && evbuffer_get_length(body) > 0) {
		evbuffer_remove_buffer(body, out, 1);
		again_in(h, h->reply.drip_ms);
	} else if (evbuffer_get_length(body) > 0 || evbuffer_get_length(out) > 0) {
		evbuffer_add_buffer(out, body);
		again_in(h, RAW_WAIT_MS);
	} else {
		shut(h->http);
	}
}

static void
on_held(evutil_socket_t fd, short what, void *arg)
{
	struct held *h = arg;
	struct bufferevent *bev = connection_of(h->http);

	(void)fd;
	(void)what;
	if (h->reply.end == REPLY_SEND) {
		send_reply(h->http, &h->reply);
		held_free(h);
	} else if (bev != NULL && h->reply.end == REPLY_RAW) {
		send_raw(h, bev);
	} else if (bev != NULL && h->reply.end == REPLY_CLOSE) {
		shut(h->http);
	}
}

/* A client that has given up leaves its request to us. */
static void
on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct server *s = arg;
	struct held *h, *next;

	(void)fd;
	(void)what;
	for (h = TAILQ_FIRST(&s->held); h != NULL; h = next) {
		next = TAILQ_NEXT(h, entry);
		if (connection_of(h->http) != NULL)
			continue;
		evhttp_request_free(h->http);
		held_free(h);
	}
}

/* Takes over the reply. */
static void
answer(struct server *s, struct evhttp_request *http, struct reply *r)
{
	long delay = s->ca->options.latency_ms + r->delay_ms;
	struct held *h;

	if (r->end == REPLY_SEND && delay == 0) {
		send_reply(http, r);
		reply_clear(r);
		return;
	}
	h = xcalloc(1, sizeof(*h));
	h->server = s;
	h->http = http;
	h->reply = *r;
	*r = (struct reply){ 0 };
	h->timer = must(evtimer_new(s->ca->loop, on_held, h));
	TAILQ_INSERT_TAIL(&s->held, h, entry);
	if (h->reply.end != REPLY_HANG)
		again_in(h, delay);
}

/* ---- requests ---- */

static int
route(struct call *c)
{
	const char *path = evhttp_request_get_uri(c->http);
	enum evhttp_cmd_type method = evhttp_request_get_command(c->http);
	const struct endpoint *e;

	for (e = endpoints; e->name != NULL; e++) {
		bool prefix = str_ends(e->path, "/");

		if (prefix ? str_starts(path, e->path) : str_eq(path, e->path))
			break;
	}
	if (e->name == NULL)
		return reply_problem(&c->reply, 404, "malformed", "no such path");
	c->endpoint = e;
	c->id = path + strlen(e->path);
	if ((e->auth == AUTH_NONE) == (method == EVHTTP_REQ_POST))
		return reply_problem(&c->reply, 405, "malformed", "not this method");
	return 0;
}

static void
carry_out(struct call *c)
{
	struct fault *fault;

	if (route(c) == -1)
		return;
	if (c->endpoint->auth != AUTH_NONE && (jws_check(c) == -1 || call_resolve(c) == -1))
		return;
	fault = faults_take(c->ca->faults, c);
	if (fault == NULL || !fault_before(fault, c))
		c->endpoint->handle(c);
	if (fault != NULL)
		fault_after(fault, c);
}

static void
add_nonce(struct call *c)
{
	CLEAN(string) char *nonce = NULL;

	if (c->endpoint == NULL || c->reply.no_nonce ||
	    (c->endpoint->auth == AUTH_NONE && c->endpoint->handle != handle_new_nonce))
		return;
	nonce = nonces_make(c->ca->nonces);
	reply_header(&c->reply, "Replay-Nonce", "%s", nonce);
}

static void
note(struct server *s, const struct call *c)
{
	struct json_object *entry;
	enum evhttp_cmd_type method = evhttp_request_get_command(c->http);
	struct timeval now, since;

	if (json_object_array_length(s->log) >= LOG_MAX)
		return;
	evutil_gettimeofday(&now, NULL);
	evutil_timersub(&now, &s->started, &since);
	entry = json_object_new_object();
	json_add_string(entry, "endpoint",
	    c->endpoint != NULL ? c->endpoint->name : "none");
	json_add_string(entry, "method",
	    method == EVHTTP_REQ_POST   ? "POST"
	    : method == EVHTTP_REQ_HEAD ? "HEAD"
					: "GET");
	json_add_string(entry, "path", evhttp_request_get_uri(c->http));
	json_add_int(entry, "status", c->reply.end == REPLY_SEND ? c->reply.status : 0);
	json_add_int(entry, "connection", connection_number(c->http));
	json_add_int(entry, "at_ms", since.tv_sec * 1000 + since.tv_usec / 1000);
	json_add_string(entry, "replaces", json_get_string(c->payload, "replaces"));
	json_add_string(entry, "fault", c->fault);
	json_object_array_add(s->log, entry);
}

static void
on_request(struct evhttp_request *http, void *arg)
{
	struct server *s = arg;
	struct call c = { .ca = s->ca, .http = http, .id = "", .polls = -1 };

	c.url = xasprintf("%s%s", s->ca->base, evhttp_request_get_uri(http));
	carry_out(&c);
	if (c.reply.end == REPLY_SEND)
		add_nonce(&c);
	note(s, &c);
	answer(s, http, &c.reply);
	json_object_put(c.payload);
	key_free(c.key);
	free(c.url);
}

/* ---- from outside ---- */

struct server *
server_new(struct ca *ca, int *port, struct err *err)
{
	struct server *s = xcalloc(1, sizeof(*s));
	struct timeval second = { .tv_sec = 1 };

	s->ca = ca;
	s->log = json_object_new_array();
	TAILQ_INIT(&s->held);
	evutil_gettimeofday(&s->started, NULL);
	s->http = must(evhttp_new(ca->loop));
	evhttp_set_allowed_methods(s->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST |
						EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
						EVHTTP_REQ_DELETE);
	evhttp_set_max_body_size(s->http, BODY_MAX);
	evhttp_set_max_headers_size(s->http, 65536);
	evhttp_set_timeout(s->http, IDLE_S);
	evhttp_set_bevcb(s->http, new_connection, s);
	evhttp_set_gencb(s->http, on_request, s);
	s->sweep = must(event_new(ca->loop, -1, EV_PERSIST, on_sweep, s));
	event_add(s->sweep, &second);
	if (server_listen(s->http, port, err) == -1) {
		server_free(s);
		return NULL;
	}
	return s;
}

void
server_free(struct server *s)
{
	struct held *h, *next;

	if (s == NULL)
		return;
	on_sweep(-1, 0, s);
	for (h = TAILQ_FIRST(&s->held); h != NULL; h = next) {
		next = TAILQ_NEXT(h, entry);
		held_free(h);
	}
	evhttp_free(s->http);
	event_free(s->sweep);
	json_object_put(s->log);
	free(s);
}

struct json_object *
server_log(const struct server *s, const char *at)
{
	struct json_object *list;

	if (at == NULL)
		return json_object_get(s->log);
	list = json_object_new_array();
	for (size_t i = 0; i < json_object_array_length(s->log); i++) {
		struct json_object *entry = json_object_array_get_idx(s->log, i);

		if (str_eq(json_get_string(entry, "endpoint"), at))
			json_object_array_add(list, json_object_get(entry));
	}
	return list;
}

void
server_clear_log(struct server *s)
{
	json_object_put(s->log);
	s->log = json_object_new_array();
	evutil_gettimeofday(&s->started, NULL);
}
