/* SPDX-License-Identifier: ISC */
#include "tests/unit/http01_rig.h"

#include <arpa/inet.h>
#include <dirent.h>
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

struct http01_rig t;

time_t
clock_now(void)
{
	return 1735787045;
}

int64_t
clock_monotonic_ms(void)
{
	return t.now_ms;
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

static void
on_hit(const char *token, const char *peer, bool live, void *arg)
{
	size_t used = strlen(t.hits);

	assert_ptr_equal(arg, &t);
	snprintf(t.hits + used, sizeof(t.hits) - used, "%.4s %s %s;", token, peer,
	    live ? "live" : "default");
	if (live)
		http01_remove(t.http01, OTHER); /* a callback may do that */
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
	http01_listen(t.http01, fd);
}

int
set_up(void **state)
{
	(void)state;
	memset(&t, 0, sizeof(t));
	t.descriptors = count_descriptors();
	t.now_ms = 1000000;
	t.loop = must(event_base_new());
	t.http01 = http01_new(t.loop);
	http01_on_hit(t.http01, on_hit, &t);
	listen_on("127.0.0.1:0");
	return 0;
}

int
tear_down(void **state)
{
	(void)state;
	http01_free(t.http01);
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
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

char *
hear(int fd, int patience_ms, bool *ended)
{
	static char text[65536];
	size_t length = 0;

	*ended = false;
	for (int waited = 0; waited < patience_ms && !*ended; waited++) {
		ssize_t n;

		run();
		n = recv(fd, text + length, sizeof(text) - 1 - length, MSG_DONTWAIT);
		if (n > 0) {
			length += (size_t)n;
			waited = 0;
		} else if (n == 0) {
			*ended = true;
		} else {
			poll(NULL, 0, 1);
		}
	}
	text[length] = '\0';
	return text;
}

void
expect_closed(int fd, const char *text)
{
	bool ended;

	assert_string_equal(hear(fd, 2000, &ended), text);
	assert_true(ended);
	close(fd);
	run();
}

void
expect_open(int fd, const char *text)
{
	bool ended;

	assert_string_equal(hear(fd, 50, &ended), text);
	assert_false(ended);
}

void
expect_counts(uint64_t served, uint64_t refused, uint64_t dropped, size_t connections)
{
	struct http01_counts counts;

	http01_count(t.http01, &counts);
	assert_int_equal(counts.served, served);
	assert_int_equal(counts.refused, refused);
	assert_int_equal(counts.dropped, dropped);
	assert_int_equal(counts.connections, connections);
}

void
exchange(const char *request, const char *answer)
{
	int fd = dial();

	say(fd, request);
	expect_closed(fd, answer);
}
