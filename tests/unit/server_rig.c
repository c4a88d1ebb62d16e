/* SPDX-License-Identifier: ISC */
#include "tests/unit/server_rig.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/unit/unit.h"

struct rig rig;

/* ---- in place of the system ---- */

int
endpoint_peer(int fd, struct endpoint_peer *ret, struct err *err)
{
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	if (rig.peer_unknown)
		return err_set(err, ERR_SYSTEM, "who the peer is: not known");
	*ret = rig.peer;
	return 0;
}

bool
endpoint_peer_in_group(int fd, const struct endpoint_peer *peer, gid_t gid)
{
	assert_true(fd >= 0);
	return gid != (gid_t)-1 && peer->gid == gid;
}

/* ---- the methods ---- */

static void
state_free(void *state)
{
	struct call **kept = state;

	*kept = NULL;
	rig.n_states--;
}

static void
run_watch(struct call *call)
{
	struct call **kept = &rig.kept[rig.n_kept++];

	assert_true(rig.n_kept <= RIG_KEPT);
	*kept = call;
	rig.n_states++;
	call_keep(call, kept, state_free);
	assert_ptr_equal(call_state(call), kept);
}

static struct json_object *
number(int n)
{
	struct json_object *doc = json_object_new_object();

	json_add_int(doc, "n", n);
	return doc;
}

static void
run_issue(struct call *call)
{
	if (call_wants_more(call)) {
		call_continue(call, number(1));
		call_continue(call, number(2));
	}
	call_reply(call, number(3));
}

static void
run_status(struct call *call)
{
	struct json_object *doc = json_object_new_object();
	CLEAN(string) char *filler = xcalloc(1, rig.reply_size + 1);

	memset(filler, 'x', rig.reply_size);
	json_add_string(doc, "filler", filler);
	call_reply(call, doc);
}

static void
run_other(struct call *call)
{
	struct json_object *doc = json_object_new_object();

	if (call_method(call) == METHOD_ping) {
		json_add_bool(doc, "pong", true);
		call_reply(call, doc);
	} else if (call_method(call) == METHOD_why) {
		rig.why_at = rig.n_runs;
		json_add_string(doc, "name", "a");
		call_error(call, "io.acmed.NoSuchCertificate", doc);
	} else {
		json_object_put(doc);
		call_reply(call, NULL);
	}
}

static void
run(struct call *call, void *arg)
{
	assert_ptr_equal(arg, &rig);
	assert_true(json_object_is_type(call_parameters(call), json_type_object));
	rig.n_runs++;
	switch (call_method(call)) {
	case METHOD_watch:
		run_watch(call);
		break;
	case METHOD_issue:
		run_issue(call);
		break;
	case METHOD_status:
		run_status(call);
		break;
	case METHOD_show:
		call_fail(call, &rig.failure);
		break;
	default:
		run_other(call);
		break;
	}
}

/* ---- clients ---- */

void
rig_run(int times)
{
	for (int i = 0; i < times; i++)
		event_base_loop(rig.loop, EVLOOP_NONBLOCK);
}

int
rig_connect(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", rig.path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	rig_run(2);
	return fd;
}

void
rig_send_bytes(int fd, const char *bytes, size_t length)
{
	for (int idle = 0; length > 0 && idle < 1000;) {
		ssize_t n = send(fd, bytes, length, MSG_NOSIGNAL);

		rig_run(1);
		if (n == -1 && errno == EAGAIN) {
			idle++;
			continue;
		}
		if (n == -1)
			return; /* the server has closed it */
		bytes += n;
		length -= (size_t)n;
	}
}

void
rig_send(int fd, const char *message)
{
	rig_send_bytes(fd, message, strlen(message) + 1);
}

/* One byte: 0, or -1 at the end of the connection. */
static int
read_byte(int fd, char *byte)
{
	for (int i = 0; i < 5000; i++) {
		ssize_t n = recv(fd, byte, 1, 0);

		if (n == 1)
			return 0;
		if (n == 0 || errno == ECONNRESET)
			return -1;
		rig_run(1);
		if (i > 100)
			poll(NULL, 0, 1);
	}
	fail_msg("no answer");
	return -1;
}

static char *
read_message(int fd)
{
	struct text t = { 0 };
	char byte;

	while (read_byte(fd, &byte) == 0) {
		if (byte == '\0')
			return text_take(&t);
		text_add_bytes(&t, &byte, 1);
	}
	assert_int_equal(t.length, 0);
	text_clear(&t);
	return NULL;
}

struct json_object *
rig_read(int fd)
{
	CLEAN(string) char *text = read_message(fd);
	struct err err = { 0 };

	return text ? json_parse(text, strlen(text), &err) : NULL;
}

void
rig_expect_reply(int fd, const char *text)
{
	CLEAN(string) char *message = read_message(fd);

	assert_non_null(message);
	assert_string_equal(message, text);
}

void
rig_expect_closed(int fd)
{
	CLEAN(string) char *message = read_message(fd);

	assert_null(message);
	close(fd);
}

void
rig_expect_alive(void)
{
	int fd = rig_connect();

	rig_send(fd, "{\"method\":\"io.acmed.Ping\"}");
	rig_expect_reply(fd, "{\"parameters\":{\"pong\":true}}");
	close(fd);
	rig_run(2);
}

/* ---- the beginning and the end ---- */

static int
listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

static void
no_log(enum log_level level, const struct log_fields *fields, const char *line)
{
	(void)level;
	(void)fields;
	(void)line;
}

int
rig_set_up(void **state)
{
	(void)state;
	rig = (struct rig){ .directory = "/tmp/acmed-test.XXXXXX" };
	log_set_sink(no_log);
	signal(SIGPIPE, SIG_IGN); /* as the daemon does */
	assert_non_null(mkdtemp(rig.directory));
	snprintf(rig.path, sizeof(rig.path), "%s/sock", rig.directory);
	rig.loop = must(event_base_new());
	rig.server = server_new(rig.loop, run, &rig);
	server_listen(rig.server, listen_at(rig.path));
	return 0;
}

int
rig_tear_down(void **state)
{
	(void)state;
	server_free(rig.server);
	assert_int_equal(rig.n_states, 0);
	event_base_free(rig.loop);
	unlink(rig.path);
	rmdir(rig.directory);
	log_set_sink(NULL);
	return 0;
}
