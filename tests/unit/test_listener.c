/* SPDX-License-Identifier: ISC */
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/listener.h"

static struct {
	int accepted;
	sa_family_t family;
	struct listener *pausing; /* paused by the callback */
	int logged;
	char line[256];
} t;

static void
on_accept(int fd, const struct sockaddr *peer, void *arg)
{
	assert_ptr_equal(arg, &t);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	t.accepted++;
	t.family = peer->sa_family;
	if (t.pausing != NULL)
		listener_pause(t.pausing);
	close(fd);
}

static void
sink(enum log_level level, const struct log_fields *fields, const char *line)
{
	(void)level;
	(void)fields;
	t.logged++;
	snprintf(t.line, sizeof(t.line), "%s", line);
}

static int
set_up(void **state)
{
	memset(&t, 0, sizeof(t));
	log_set_sink(sink);
	*state = must(event_base_new());
	return 0;
}

static int
tear_down(void **state)
{
	event_base_free(*state);
	log_set_sink(NULL);
	return 0;
}

static void
run_ms(struct event_base *loop, int ms)
{
	for (int i = 0; i < ms; i++) {
		event_base_loop(loop, EVLOOP_NONBLOCK);
		poll(NULL, 0, 1);
	}
}

static int
bind_loopback(struct sockaddr_in *ret)
{
	socklen_t length = sizeof(*ret);
	struct err err = { 0 };
	int fd = listener_bind("127.0.0.1:0", &err);

	assert_string_equal(err.text, "");
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret, &length), 0);
	assert_int_not_equal(ret->sin_port, 0);
	return fd;
}

static int
dial(const struct sockaddr_in *in)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	assert_int_not_equal(fd, -1);
	(void)connect(fd, (const struct sockaddr *)in, sizeof(*in));
	return fd;
}

static void
test_what_is_not_an_address_is_said_to_be(void **state)
{
	static const char *const cases[] = {
		"",
		":",
		":80",
		"80",
		"*:80",
		"localhost:80",
		"0.0.0.0",
		"0.0.0.0:",
		"0.0.0.0:http",
		"0.0.0.0:65536",
		"0.0.0.0:000080",
		"0.0.0.0:-1",
		"0.0.0.0:+8",
		"0.0.0.0: 8",
		"0.0.0.0:80 ",
		" 0.0.0.0:80",
		"0.0.0:80",
		"0.0.0.256:80",
		"::1:80",
		"[::1:80",
		"::1]:80",
		"[]:80",
		"[:80",
		"[::1]",
		"[::1]80",
		"[127.0.0.1]:80",
		"[::1%lo]:80",
		"[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = { 0 };
		char text[256];

		snprintf(text, sizeof(text),
		    "\"%s\" is not an address and a port: write 0.0.0.0:80 or [::]:80",
		    cases[i]);
		assert_int_equal(listener_bind(cases[i], &err), -1);
		assert_int_equal(err.kind, ERR_CONFIG);
		assert_string_equal(err.text, text);
	}
}

static void
test_the_error_says_what_to_do(void **state)
{
	struct sockaddr_in in;
	int fd = bind_loopback(&in);
	struct err err = { 0 };
	char address[64];
	char text[128];

	(void)state;
	snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(in.sin_port));
	snprintf(text, sizeof(text),
	    "%s is in use by another program; \"ss -ltnp\" shows which", address);
	assert_int_equal(listener_bind(address, &err), -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_string_equal(err.text, text);
	close(fd);

	assert_int_equal(listener_bind("192.0.2.1:0", &err), -1);
	assert_string_equal(err.text, "192.0.2.1:0: this host does not have that address");
}

/* In a child: root gives up what would let it. */
static void
test_a_privileged_port_needs_a_capability(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		struct err err = { 0 };
		bool as_expected;

		if (geteuid() == 0 && setuid(65534) == -1)
			_exit(0);
		as_expected =
		    listener_bind("127.0.0.1:80", &err) != -1 ||
		    str_eq(err.text,
			"127.0.0.1:80: no permission for ports below 1024: give the "
			"service CAP_NET_BIND_SERVICE, or pass the socket from the "
			"service manager") ||
		    str_eq(err.text, "127.0.0.1:80 is in use by another program; \"ss "
				     "-ltnp\" shows which");
		_exit(as_expected ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
test_ipv6_does_not_take_ipv4(void **state)
{
	struct sockaddr_in6 in6;
	socklen_t length = sizeof(in6);
	struct err err = { 0 };
	int six = listener_bind("[::]:0", &err);
	char address[32];
	int four;

	(void)state;
	if (six == -1) { /* a host may have no IPv6, and then this is said */
		assert_string_equal(err.text, "[::]:0: this host has no IPv6");
		return;
	}
	assert_int_equal(getsockname(six, (struct sockaddr *)&in6, &length), 0);
	snprintf(address, sizeof(address), "0.0.0.0:%u", ntohs(in6.sin6_port));
	four = listener_bind(address, &err);
	assert_int_not_equal(four, -1);
	close(four);
	close(six);
}

static void
test_connections_are_handed_over(void **state)
{
	struct event_base *loop = *state;
	struct sockaddr_in in;
	struct listener *l = listener_new(loop, bind_loopback(&in), on_accept, &t);
	int fds[100];

	for (size_t i = 0; i < COUNT(fds); i++)
		fds[i] = dial(&in);
	run_ms(loop, 20);
	assert_int_equal(t.accepted, COUNT(fds));
	assert_int_equal(t.family, AF_INET);
	for (size_t i = 0; i < COUNT(fds); i++)
		close(fds[i]);
	listener_free(l);
}

static void
test_a_unix_socket_is_accepted_on_as_well(void **state)
{
	struct event_base *loop = *state;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(un);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0); /* blocking: listener_new() sees to it */
	int client = socket(AF_UNIX, SOCK_STREAM, 0);
	struct listener *l;

	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(sa_family_t)), 0);
	getsockname(fd, (struct sockaddr *)&un, &length); /* an abstract name */
	assert_int_equal(listen(fd, 8), 0);
	l = listener_new(loop, fd, on_accept, &t);
	assert_int_equal(connect(client, (struct sockaddr *)&un, length), 0);
	run_ms(loop, 5);
	assert_int_equal(t.accepted, 1);
	assert_int_equal(t.family, AF_UNIX);
	close(client);
	listener_free(l);
}

static void
test_while_it_is_paused_they_wait(void **state)
{
	struct event_base *loop = *state;
	struct sockaddr_in in;
	struct listener *l = listener_new(loop, bind_loopback(&in), on_accept, &t);
	int fds[3];

	t.pausing = l;
	for (size_t i = 0; i < COUNT(fds); i++)
		fds[i] = dial(&in);
	run_ms(loop, 20);
	assert_int_equal(t.accepted, 1);
	t.pausing = NULL;
	listener_resume(l);
	run_ms(loop, 20);
	assert_int_equal(t.accepted, COUNT(fds));
	for (size_t i = 0; i < COUNT(fds); i++)
		close(fds[i]);
	listener_free(l);
}

static double
cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Takes every descriptor there is, but `free` of them. */
static size_t
exhaust(int *fds, size_t room, size_t free)
{
	size_t n = 0;

	while (n < room && (fds[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) != -1)
		n++;
	assert_in_range(n, free, room - 1);
	while (free-- > 0)
		close(fds[--n]);
	return n;
}

static void
starve_and_recover(struct event_base *loop, size_t free, const char *line)
{
	static int hoard[64];
	struct sockaddr_in in;
	struct rlimit before;
	struct rlimit low;
	struct listener *l;
	struct timeval half_second = { .tv_usec = 500000 };
	double cpu;
	size_t n;
	int client;

	getrlimit(RLIMIT_NOFILE, &before);
	low = before;
	low.rlim_cur = 48;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	l = listener_new(loop, bind_loopback(&in), on_accept, &t);
	client = dial(&in);
	n = exhaust(hoard, COUNT(hoard), free);

	cpu = cpu_seconds();
	event_base_loopexit(loop, &half_second);
	event_base_dispatch(loop);
	assert_int_equal(t.accepted, 0);
	assert_int_equal(t.logged, 1);
	assert_string_equal(t.line, line);
	assert_true(cpu_seconds() - cpu < 0.1);

	while (n > 0)
		close(hoard[--n]);
	close(client);
	client = dial(&in);
	event_base_loopexit(loop, &half_second);
	event_base_dispatch(loop);
	assert_in_range(t.accepted, 1, 2);
	assert_int_equal(t.logged, 1);
	close(client);
	listener_free(l);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void
test_without_descriptors_it_pauses_and_goes_on(void **state)
{
	starve_and_recover(*state, 0, "new connections have to wait: Too many open files");
}

static void
test_the_last_descriptors_are_not_for_connections(void **state)
{
	starve_and_recover(*state, 4,
	    "new connections have to wait: the last descriptors are kept for other work");
}

static void
test_a_broken_socket_does_not_spin(void **state)
{
	struct event_base *loop = *state;
	struct timeval half_second = { .tv_usec = 500000 };
	struct listener *l;
	int pair[2];
	double cpu;

	/* Readable, but nothing to accept on. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(write(pair[1], "x", 1), 1);
	l = listener_new(loop, pair[0], on_accept, &t);
	cpu = cpu_seconds();
	event_base_loopexit(loop, &half_second);
	event_base_dispatch(loop);
	assert_true(cpu_seconds() - cpu < 0.1);
	assert_int_equal(t.logged, 1);
	assert_string_equal(t.line, "new connections have to wait: Invalid argument");
	close(pair[1]);
	listener_free(l);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_what_is_not_an_address_is_said_to_be),
		TEST(test_the_error_says_what_to_do),
		TEST(test_a_privileged_port_needs_a_capability),
		TEST(test_ipv6_does_not_take_ipv4),
		TEST(test_connections_are_handed_over),
		TEST(test_a_unix_socket_is_accepted_on_as_well),
		TEST(test_while_it_is_paused_they_wait),
		TEST(test_without_descriptors_it_pauses_and_goes_on),
		TEST(test_the_last_descriptors_are_not_for_connections),
		TEST(test_a_broken_socket_does_not_spin),
	};

	return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
