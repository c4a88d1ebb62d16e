/* SPDX-License-Identifier: ISC */
#include "daemon/control/server.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <sys/queue.h>

#include "common/frame.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/control/peer.h"
#include "daemon/control/service.h"
#include "daemon/io/clock.h"
#include "daemon/io/listener.h"

#define CONNECTIONS_MAX 64
#define UNREAD_MAX      (1024UL * 1024)

/* A message that was begun is whole within this, or its sender is gone. */
#define MESSAGE_SECONDS 60

/* What a stranger may say takes less. */
#define STRANGER_MAX 4096

/* Strangers can fill the table, but not the log. */
#define LOG_EVERY_MS 60000

struct connection;

struct call {
	struct connection *connection;
	enum method method;
	struct json_object *message;
	struct json_object *parameters; /* borrowed from the message, or `empty` */
	struct json_object *empty;
	bool more;
	bool oneway;
	void *state;
	void (*state_free)(void *);
};

struct connection {
	TAILQ_ENTRY(connection) entry;
	struct server *server;
	struct bufferevent *stream;
	struct event *late; /* a message is half there */
	struct event *turn; /* to look for the next message, from the loop */
	struct call *call;  /* being answered */
	enum peer_rank rank;
	bool closing; /* once all is written, or when the loop comes round again */
};

struct server {
	struct event_base *loop;
	server_run_fn *run;
	void *arg;
	struct peer_groups groups;
	struct listener *listener;
	TAILQ_HEAD(, connection) connections; /* the oldest first */
	size_t count;
	int64_t logged_ms; /* that it was full; 0: never */
};

static void connection_free(struct connection *c);

static size_t
unwritten(const struct connection *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->stream));
}

/* With a timer of 0: others on the loop have their turn before. */
static void
turn_later(struct connection *c)
{
	struct timeval now = { 0 };

	event_add(c->turn, &now);
}

/* ---- writing ---- */

static void
send_message(struct connection *c, struct json_object *message)
{
	size_t length;
	CLEAN(string) char *bytes = frame_print(message, &length);

	bufferevent_write(c->stream, bytes, length);
}

static void
call_free(struct call *call)
{
	if (call == NULL)
		return;
	if (call->state_free != NULL)
		call->state_free(call->state);
	json_object_put(call->message);
	json_object_put(call->empty);
	free(call);
}

/* The connection is ready for its next message, when the loop comes round again. */
static void
call_end(struct call *call)
{
	struct connection *c = call->connection;

	c->call = NULL;
	call_free(call);
	turn_later(c);
}

static void
answer(struct call *call, const char *error, struct json_object *parameters, bool continues)
{
	struct json_object *message = json_object_new_object();

	json_add_string(message, "error", error);
	json_object_object_add(message, "parameters",
	    parameters ? parameters : json_object_new_object());
	if (continues)
		json_add_bool(message, "continues", true);
	if (!call->oneway && !call->connection->closing)
		send_message(call->connection, message);
	json_object_put(message);
}

/* ---- calls ---- */

enum method
call_method(const struct call *call)
{
	return call->method;
}

struct json_object *
call_parameters(const struct call *call)
{
	return call->parameters;
}

bool
call_wants_more(const struct call *call)
{
	return call->more;
}

void
call_keep(struct call *call, void *state, void (*state_free)(void *))
{
	call->state = state;
	call->state_free = state_free;
}

void *
call_state(const struct call *call)
{
	return call->state;
}

/* A reader that does not read is not worth the memory. */
void
call_continue(struct call *call, struct json_object *parameters)
{
	struct connection *c = call->connection;

	answer(call, NULL, parameters, true);
	if (unwritten(c) > UNREAD_MAX && !c->closing) {
		log_info("control: a client does not read, dropped");
		c->closing = true;
		turn_later(c);
	}
}

void
call_reply(struct call *call, struct json_object *parameters)
{
	answer(call, NULL, parameters, false);
	call_end(call);
}

void
call_error(struct call *call, const char *name, struct json_object *parameters)
{
	answer(call, name, parameters, false);
	call_end(call);
}

static void
fail_with_problem(struct call *call, const struct err *err)
{
	struct json_object *doc = json_object_new_object();

	json_add_string(doc, "type", err->problem);
	json_add_string(doc, "title", err_kind_name(err->kind));
	json_add_string(doc, "detail", err->text);
	json_add_int(doc, "status", err->status);
	json_add_string(doc, "instance", err->instance);
	json_object_object_add(doc, "subproblems", json_object_new_array());
	call_error(call, METHOD_INTERFACE ".AcmeProblem", doc);
}

void
call_fail(struct call *call, const struct err *err)
{
	struct json_object *doc;

	if (*err->problem != '\0') {
		fail_with_problem(call, err);
		return;
	}
	doc = json_object_new_object();
	json_add_string(doc, "detail", err->text);
	call_error(call,
	    err->kind == ERR_NETWORK ? METHOD_INTERFACE ".Network"
				     : METHOD_INTERFACE ".Failed",
	    doc);
}

/* ---- dispatch ---- */

static void
dispatch(struct call *call)
{
	struct connection *c = call->connection;
	const char *method = json_get_string(call->message, "method");

	if (service_run(call, call->message))
		return;
	call->method = method_find(method ? method : "");
	if (call->method == METHOD_COUNT) {
		service_no_method(call, method ? method : "");
		return;
	}
	if (!peer_may_call(c->rank, call->method)) {
		call_error(call, METHOD_INTERFACE ".NotPermitted", NULL);
		return;
	}
	c->server->run(call, c->server->arg);
}

static void
begin_call(struct connection *c, struct json_object *message)
{
	struct call *call = xcalloc(1, sizeof(*call));

	call->connection = c;
	call->message = message;
	call->empty = json_object_new_object();
	call->parameters = json_get_object(message, "parameters");
	if (call->parameters == NULL)
		call->parameters = call->empty;
	call->more = json_get_bool(message, "more", false);
	call->oneway = json_get_bool(message, "oneway", false);
	c->call = call;
	dispatch(call);
}

/* ---- reading ---- */

static void
broken(struct connection *c, const struct err *err)
{
	if (c->rank > PEER_STRANGER)
		log_info("control: %s, connection closed", err->text);
	c->closing = true;
	turn_later(c);
}

/* Takes the next message, when the one before was answered and the answer is written: or
 * somebody who asks and never reads would have us keep all the answers. */
static void
look_for_message(struct connection *c)
{
	struct evbuffer *in = bufferevent_get_input(c->stream);
	size_t length = evbuffer_get_length(in);
	const char *bytes = (const char *)evbuffer_pullup(in, -1);
	struct timeval limit = { .tv_sec = MESSAGE_SECONDS };
	struct json_object *message = NULL;
	struct err err = { 0 };
	size_t used = 0;

	if (c->call != NULL || c->closing || unwritten(c) > 0)
		return;
	switch (frame_next(length ? bytes : "", length, &used, &message, &err)) {
	case FRAME_MESSAGE:
		event_del(c->late);
		evbuffer_drain(in, used);
		begin_call(c, message);
		break;
	case FRAME_INCOMPLETE:
		if (length > 0 && !event_pending(c->late, EV_TIMEOUT, NULL))
			event_add(c->late, &limit);
		break;
	case FRAME_BROKEN:
	default:
		broken(c, &err);
		break;
	}
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	if (c->closing)
		connection_free(c);
	else
		look_for_message(c);
}

static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct connection *c = arg;

	(void)fd;
	(void)what;
	if (c->rank > PEER_STRANGER)
		log_info("control: half a message and nothing more, connection closed");
	connection_free(c);
}

static void
on_bytes(struct bufferevent *stream, void *arg)
{
	(void)stream;
	look_for_message(arg);
}

static void
on_written(struct bufferevent *stream, void *arg)
{
	(void)stream;
	on_turn(-1, 0, arg);
}

static void
on_hangup(struct bufferevent *stream, short what, void *arg)
{
	struct connection *c = arg;
	struct timeval limit = { .tv_sec = MESSAGE_SECONDS };

	(void)stream;
	/* Who has said all may still wait for the answer to it. */
	if ((what & BEV_EVENT_EOF) && c->call == NULL && !c->closing && unwritten(c) > 0) {
		c->closing = true;
		event_add(c->late, &limit);
		return;
	}
	connection_free(c);
}

/* ---- connections ---- */

static void
connection_free(struct connection *c)
{
	TAILQ_REMOVE(&c->server->connections, c, entry);
	c->server->count--;
	call_free(c->call);
	event_free(c->late);
	event_free(c->turn);
	bufferevent_free(c->stream);
	free(c);
}

/* The oldest of those who may least gives way to one who may more. */
static bool
make_room(struct server *s, enum peer_rank rank)
{
	struct connection *c, *least = NULL;

	TAILQ_FOREACH (c, &s->connections, entry)
		if (least == NULL || c->rank < least->rank)
			least = c;
	if (least == NULL || least->rank >= rank)
		return false;
	connection_free(least);
	return true;
}

static void
turn_away(struct server *s, int fd)
{
	int64_t now = clock_monotonic_ms();

	peer_turn_away(fd, CONNECTIONS_MAX);
	if (s->logged_ms != 0 && now - s->logged_ms < LOG_EVERY_MS)
		return;
	s->logged_ms = now;
	log_info("control: %d connections are open, others are refused", CONNECTIONS_MAX);
}

static void
connection_new(struct server *s, int fd, enum peer_rank rank)
{
	struct connection *c = xcalloc(1, sizeof(*c));

	c->server = s;
	c->rank = rank;
	c->stream = must(bufferevent_socket_new(s->loop, fd, BEV_OPT_CLOSE_ON_FREE));
	c->late = must(evtimer_new(s->loop, on_late, c));
	c->turn = must(event_new(s->loop, -1, 0, on_turn, c));
	TAILQ_INSERT_TAIL(&s->connections, c, entry);
	s->count++;
	/* One byte more than a message may have, so that a longer one is seen to be. */
	bufferevent_setwatermark(c->stream, EV_READ, 0,
	    rank == PEER_STRANGER ? STRANGER_MAX : FRAME_MAX + 2);
	bufferevent_setcb(c->stream, on_bytes, on_written, on_hangup, c);
	bufferevent_enable(c->stream, EV_READ | EV_WRITE);
}

static void
on_accept(int fd, const struct sockaddr *address, void *arg)
{
	struct server *s = arg;
	struct err err = { 0 };
	enum peer_rank rank;

	(void)address;
	if (peer_identify(fd, &s->groups, &rank, &err) == -1) {
		log_info("control: %s", err.text);
		close(fd);
	} else if (s->count >= CONNECTIONS_MAX && !make_room(s, rank)) {
		turn_away(s, fd);
	} else {
		connection_new(s, fd, rank);
	}
}

/* ---- the server ---- */

struct server *
server_new(struct event_base *loop, server_run_fn *run, void *arg)
{
	struct server *s = xcalloc(1, sizeof(*s));

	s->loop = loop;
	s->run = run;
	s->arg = arg;
	s->groups = (struct peer_groups){ (gid_t)-1, (gid_t)-1 };
	TAILQ_INIT(&s->connections);
	return s;
}

void
server_listen(struct server *s, int fd)
{
	s->listener = listener_new(s->loop, fd, on_accept, s);
}

void
server_set_groups(struct server *s, gid_t group, gid_t read_group)
{
	struct connection *c;
	struct err ignored = { 0 };

	s->groups = (struct peer_groups){ group, read_group };
	/* Who is here may be somebody else now. */
	TAILQ_FOREACH (c, &s->connections, entry)
		if (peer_identify(bufferevent_getfd(c->stream), &s->groups, &c->rank,
			&ignored) == -1)
			c->rank = PEER_STRANGER;
}

void
server_free(struct server *s)
{
	struct connection *c, *next;

	if (s == NULL)
		return;
	listener_free(s->listener);
	for (c = TAILQ_FIRST(&s->connections); c != NULL; c = next) {
		next = TAILQ_NEXT(c, entry);
		connection_free(c);
	}
	free(s);
}
