/* SPDX-License-Identifier: ISC */
#include "tests/unit/http_server.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/mem.h"
#include "common/str.h"

/* What is put into a connection's buffer at a time where there is no end to it. */
#define CHUNK ((size_t)64 * 1024)

struct client {
	struct http_server *server;
	struct bufferevent *stream;
	struct event *drip;
	const struct route *route; /* that is being answered, or NULL */
	LIST_ENTRY(client) link;
};

struct http_server {
	struct event_base *loop;
	struct evconnlistener *listener;
	const struct route *routes;
	unsigned connections;
	struct text received;
	LIST_HEAD(, client) clients;
};

static void
client_free(struct client *c)
{
	LIST_REMOVE(c, link);
	bufferevent_free(c->stream);
	event_free(c->drip);
	free(c);
}

static void
send_more(struct client *c)
{
	struct evbuffer *out = bufferevent_get_output(c->stream);
	const char *text = c->route->endless;

	while (evbuffer_get_length(out) < CHUNK)
		evbuffer_add(out, text, strlen(text));
}

static void
on_drip(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;

	(void)fd;
	(void)what;
	bufferevent_write(c->stream, "x", 1);
}

static void
on_sent(struct bufferevent *stream, void *arg)
{
	struct client *c = arg;

	(void)stream;
	if (c->route == NULL)
		return;
	if (c->route->after == ROUTE_CLOSE)
		client_free(c);
	else if (c->route->endless != NULL)
		send_more(c);
}

static const struct route *
find_route(struct http_server *s, const char *head)
{
	const char *path = strchr(head, ' ') + 1;
	size_t length = strcspn(path, " ");
	const struct route *r = s->routes;

	while (r->path != NULL &&
	       (strlen(r->path) != length || strncmp(r->path, path, length) != 0))
		r++;
	return r->path != NULL ? r : NULL;
}

static void
answer(struct client *c, const char *head)
{
	const struct timeval every = { .tv_usec = 200000 };

	c->route = find_route(c->server, head);
	if (c->route == NULL)
		return; /* never answered */
	bufferevent_write(c->stream, c->route->answer, strlen(c->route->answer));
	if (c->route->answer[0] == '\0') /* nothing to send: on_sent() has to be told */
		bufferevent_trigger(c->stream, EV_WRITE,
		    BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
	if (c->route->after == ROUTE_DRIP)
		event_add(c->drip, &every);
}

/* Head and body are here, or nothing is taken. */
static bool
take_request(struct client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->stream);
	size_t have = evbuffer_get_length(in), length;
	CLEAN(string) char *text = xstrndup((const char *)evbuffer_pullup(in, -1), have);
	const char *end = strstr(text, "\r\n\r\n");
	const char *announced = strstr(text, "Content-Length: ");

	if (end == NULL)
		return false;
	length = (size_t)(end - text) + 4;
	if (announced != NULL && announced < end)
		length += strtoul(announced + strlen("Content-Length: "), NULL, 10);
	if (have < length)
		return false;
	text_add_bytes(&c->server->received, text, length);
	evbuffer_drain(in, length);
	answer(c, text);
	return true;
}

static void
on_received(struct bufferevent *stream, void *arg)
{
	(void)stream;
	while (evbuffer_get_length(bufferevent_get_input(stream)) > 0 && take_request(arg))
		;
}

static void
on_closed(struct bufferevent *stream, short what, void *arg)
{
	(void)stream;
	(void)what;
	client_free(arg);
}

static void
on_client(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
    int length, void *arg)
{
	struct http_server *s = arg;
	struct client *c = xcalloc(1, sizeof(*c));

	(void)listener;
	(void)peer;
	(void)length;
	s->connections++;
	c->server = s;
	c->stream = must(bufferevent_socket_new(s->loop, fd, BEV_OPT_CLOSE_ON_FREE));
	c->drip = must(event_new(s->loop, -1, EV_PERSIST, on_drip, c));
	LIST_INSERT_HEAD(&s->clients, c, link);
	bufferevent_setcb(c->stream, on_received, on_sent, on_closed, c);
	bufferevent_enable(c->stream, EV_READ | EV_WRITE);
}

struct http_server *
http_server_new(struct event_base *loop, const struct route *routes)
{
	struct http_server *s = xcalloc(1, sizeof(*s));
	struct sockaddr_in address = { .sin_family = AF_INET };

	s->loop = loop;
	s->routes = routes;
	LIST_INIT(&s->clients);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->listener = must(evconnlistener_new_bind(loop, on_client, s,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, -1, (struct sockaddr *)&address,
	    sizeof(address)));
	return s;
}

void
http_server_free(struct http_server *s)
{
	struct client *c, *next;

	for (c = LIST_FIRST(&s->clients); c != NULL; c = next) {
		next = LIST_NEXT(c, link);
		client_free(c);
	}
	evconnlistener_free(s->listener);
	text_clear(&s->received);
	free(s);
}

int
http_server_port(const struct http_server *s)
{
	struct sockaddr_in address = { 0 };
	socklen_t length = sizeof(address);

	getsockname(evconnlistener_get_fd(s->listener), (struct sockaddr *)&address,
	    &length);
	return ntohs(address.sin_port);
}

unsigned
http_server_connections(const struct http_server *s)
{
	return s->connections;
}

const char *
http_server_received(struct http_server *s)
{
	return s->received.s != NULL ? s->received.s : "";
}
