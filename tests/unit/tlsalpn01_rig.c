/* SPDX-License-Identifier: ISC */
#include "tests/unit/tlsalpn01_rig.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"
#include "daemon/io/clock.h"
#include "daemon/io/listener.h"
#include "daemon/io/memory.h"

#define PATIENCE_MS 2000

struct tlsalpn01_rig t;

/* ---- what it stands in for ---- */

time_t
clock_now(void)
{
	return time(NULL);
}

int64_t
clock_monotonic_ms(void)
{
	return t.now_ms;
}

void
memory_give_back(void)
{
	t.given_back++;
}

/* ---- the server ---- */

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

static void
on_hit(const char *identifier, const char *peer, void *arg)
{
	size_t used = strlen(t.hits);

	assert_ptr_equal(arg, &t);
	snprintf(t.hits + used, sizeof(t.hits) - used, "%s %s;", identifier, peer);
	if (t.removes != NULL) /* a callback may do that */
		tlsalpn01_remove(t.server, t.removes, "KEY.AUTHORIZATION");
}

void
listen_on(const char *address)
{
	struct sockaddr_in in;
	socklen_t length = sizeof(in);
	struct err err = { 0 };
	int fd = listener_bind(address, &err);

	assert_string_equal(err.text, "");
	assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &length), 0);
	t.port = in.sin_port;
	tlsalpn01_listen(t.server, fd);
}

void
put(const char *identifier)
{
	struct err err = { 0 };

	assert_int_equal(tlsalpn01_put(t.server, identifier, "KEY.AUTHORIZATION", &err), 0);
}

int
set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.descriptors = count_descriptors();
	t.now_ms = 1000000;
	t.loop = must(event_base_new());
	t.server = tlsalpn01_new(t.loop);
	tlsalpn01_on_hit(t.server, on_hit, &t);
	assert_false(tlsalpn01_listens(t.server));
	listen_on("127.0.0.1:0");
	assert_true(tlsalpn01_listens(t.server));
	put("a.example");
	return 0;
}

int
tear_down(void **state)
{
	(void)state;
	tlsalpn01_free(t.server);
	event_base_free(t.loop);
	assert_int_equal(count_descriptors(), t.descriptors);
	return 0;
}

void
run(void)
{
	for (int i = 0; i < 3; i++)
		assert_int_not_equal(event_base_loop(t.loop, EVLOOP_NONBLOCK), -1);
}

/* ---- connections ---- */

int
dial_from(const char *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(inet_pton(AF_INET, address, &in.sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	in.sin_port = t.port;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

int
dial(void)
{
	return dial_from("127.0.0.1");
}

void
say(int fd, const void *bytes, size_t length)
{
	assert_int_equal(send(fd, bytes, length, MSG_NOSIGNAL), length);
}

/* A reset is an end, too: we may have said more than was read. */
size_t
hear(int fd, void *bytes, size_t room, bool *ended)
{
	*ended = false;
	for (int waited = 0; waited < PATIENCE_MS; waited++) {
		ssize_t n;

		run();
		n = recv(fd, bytes, room, MSG_DONTWAIT);
		if (n > 0)
			return (size_t)n;
		if (n == 0 || errno == ECONNRESET) {
			*ended = true;
			return 0;
		}
		poll(NULL, 0, 1);
	}
	return 0;
}

void
expect_closed(int fd)
{
	char bytes[4096];
	bool ended;

	assert_int_equal(hear(fd, bytes, sizeof(bytes), &ended), 0);
	assert_true(ended);
	close(fd);
}

bool
is_open(int fd)
{
	char byte;

	run();
	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == -1 && errno == EAGAIN;
}

/* ---- handshakes ---- */

size_t
make_hello(const char *name, unsigned char *out, size_t room)
{
	const struct alpn_hello hello = { .name = name, .protocols = ACME_TLS_1 };
	struct alpn_client client;
	size_t n;

	alpn_client_open(&client, &hello);
	n = alpn_client_says(&client, out, room);
	alpn_client_close(&client);
	assert_in_range(n, 100, room - 1);
	return n;
}

void
expect_answer(int fd, const struct alpn_hello *hello)
{
	unsigned char bytes[4096];
	struct alpn_client client;
	bool ended = false;

	alpn_client_open(&client, hello);
	while (!ended) {
		size_t n = alpn_client_says(&client, bytes, sizeof(bytes));

		if (n > 0)
			say(fd, bytes, n);
		n = hear(fd, bytes, sizeof(bytes), &ended);
		assert_true(ended || n > 0);
		if (n > 0)
			alpn_client_hears(&client, bytes, n);
	}
	assert_true(client.done);
	alpn_client_close(&client);
	close(fd);
}

void
expect_counts(uint64_t served, uint64_t refused, uint64_t dropped)
{
	struct tlsalpn01_counts counts;

	tlsalpn01_count(t.server, &counts);
	assert_int_equal(counts.served, served);
	assert_int_equal(counts.refused, refused);
	assert_int_equal(counts.dropped, dropped);
}

void
expect_here(size_t waiting, size_t answered)
{
	struct tlsalpn01_counts counts;

	run();
	tlsalpn01_count(t.server, &counts);
	assert_int_equal(counts.waiting, waiting);
	assert_int_equal(counts.answered, answered);
}
