/* SPDX-License-Identifier: ISC */
#include "ctl/client.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/frame.h"
#include "common/json.h"
#include "common/mem.h"
#include "common/timefmt.h"

#define READ_SIZE ((size_t)16384)
#define TICK_MS   1000

struct client {
	int fd;
	char *bytes; /* read, and not yet taken as a message */
	size_t length;
	size_t room;
	long long heard_ms; /* when the last byte came, or the call was sent */
};

static long long
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

struct client *
client_new(int fd)
{
	struct client *c = xcalloc(1, sizeof(*c));

	c->fd = fd;
	return c;
}

void
client_free(struct client *c)
{
	if (c == NULL)
		return;
	close(c->fd);
	free(c->bytes);
	free(c);
}

/* ---- sending ---- */

static int
send_all(int fd, const char *bytes, size_t length, struct err *err)
{
	while (length > 0) {
		ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		/* What it said before it hung up is read later, and says more. */
		if (n == -1 && errno == EPIPE)
			return 0;
		if (n == -1)
			return err_set(err, ERR_NETWORK,
			    "the daemon did not take the call: %s", strerror(errno));
		bytes += n;
		length -= (size_t)n;
	}
	return 0;
}

int
client_send(struct client *c, const char *method, struct json_object *parameters, bool more,
    struct err *err)
{
	CLEAN(json) struct json_object *message = must(json_object_new_object());
	CLEAN(string) char *bytes = NULL;
	size_t length;

	json_add_string(message, "method", method);
	if (parameters != NULL)
		json_object_object_add(message, "parameters", json_object_get(parameters));
	if (more)
		json_add_bool(message, "more", true);
	bytes = frame_print(message, &length);
	c->heard_ms = now_ms();
	return send_all(c->fd, bytes, length, err);
}

/* ---- receiving ---- */

static enum client_result
sort_message(struct json_object *message, struct json_object **ret, struct err *err)
{
	struct json_object *parameters = json_get_object(message, "parameters");

	if (!json_object_is_type(message, json_type_object)) {
		err_set(err, ERR_PROTOCOL, "the daemon's answer is not an object");
		return CLIENT_FAILED;
	}
	if (json_object_object_get_ex(message, "error", NULL)) {
		*ret = json_object_get(message);
		return CLIENT_REFUSED;
	}
	*ret = parameters != NULL ? json_object_get(parameters)
				  : must(json_object_new_object());
	return json_get_bool(message, "continues", false) ? CLIENT_MORE : CLIENT_REPLY;
}

/* A message of what was read so far. False where there is none yet. */
static bool
take_message(struct client *c, enum client_result *result, struct json_object **ret,
    struct err *err)
{
	CLEAN(json) struct json_object *message = NULL;
	size_t used = 0;

	if (c->length == 0)
		return false;
	switch (frame_next(c->bytes, c->length, &used, &message, err)) {
	case FRAME_INCOMPLETE:
		return false;
	case FRAME_BROKEN:
		err_prefix(err, "the daemon's answer makes no sense");
		*result = CLIENT_FAILED;
		return true;
	case FRAME_MESSAGE:
		break;
	}
	c->length -= used;
	memmove(c->bytes, c->bytes + used, c->length);
	*result = sort_message(message, ret, err);
	return true;
}

static int
read_more(struct client *c, struct err *err)
{
	ssize_t n;

	if (c->room - c->length < READ_SIZE) {
		c->room = c->length + 2 * READ_SIZE;
		c->bytes = xrealloc(c->bytes, c->room, 1);
	}
	do {
		n = recv(c->fd, c->bytes + c->length, READ_SIZE, 0);
	} while (n == -1 && errno == EINTR);
	if (n == -1 && errno != ECONNRESET)
		return err_set(err, ERR_NETWORK, "the connection to the daemon broke: %s",
		    strerror(errno));
	if (n <= 0)
		return err_set(err, ERR_NETWORK,
		    "the daemon ended the connection; was it stopped or restarted?");
	c->length += (size_t)n;
	c->heard_ms = now_ms();
	return 0;
}

/* For poll(): until the silence is too long, a second at most with `ticks`. */
static int
time_to_wait(const struct client *c, int silence_s, bool ticks)
{
	long long left = -1;

	if (silence_s > 0) {
		left = c->heard_ms + silence_s * 1000LL - now_ms();
		if (left < 0)
			left = 0;
	}
	if (ticks && (left == -1 || left > TICK_MS))
		left = TICK_MS;
	return left > INT_MAX ? INT_MAX : (int)left;
}

static bool
is_silent(const struct client *c, int silence_s)
{
	return silence_s > 0 && now_ms() - c->heard_ms >= silence_s * 1000LL;
}

/* CLIENT_MORE: bytes are there. */
static enum client_result
wait_for_bytes(struct client *c, int silence_s, bool ticks, struct err *err)
{
	/* Whoever waits for events must notice that the pipe to `head` was closed. */
	struct pollfd fds[] = { { .fd = c->fd, .events = POLLIN },
		{ .fd = STDOUT_FILENO, .events = 0 } };
	char duration[TIMEFMT_SIZE];

	for (;;) {
		int n = poll(fds, 2, time_to_wait(c, silence_s, ticks));

		if (n == -1 && errno != EINTR) {
			err_set_errno(err, errno, "poll");
			return CLIENT_FAILED;
		}
		if (n > 0 && fds[0].revents != 0)
			return CLIENT_MORE;
		if (n > 0 && (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
			return CLIENT_UNREAD;
		if (is_silent(c, silence_s))
			break;
		if (n == 0 && ticks)
			return CLIENT_TICK;
	}
	err_set(err, ERR_NETWORK,
	    "no answer from the daemon for %s; --timeout gives it longer",
	    timefmt_duration(silence_s, duration));
	return CLIENT_FAILED;
}

enum client_result
client_next(struct client *c, int silence_s, bool ticks, struct json_object **ret,
    struct err *err)
{
	enum client_result result;

	while (!take_message(c, &result, ret, err)) {
		result = wait_for_bytes(c, silence_s, ticks, err);
		if (result != CLIENT_MORE)
			return result;
		if (read_more(c, err) == -1)
			return CLIENT_FAILED;
	}
	return result;
}
