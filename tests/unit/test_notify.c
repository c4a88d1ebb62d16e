/* SPDX-License-Identifier: ISC */
/*
 * The service manager is this file: a datagram socket as $NOTIFY_SOCKET, descriptors from
 * 3 on, and sd_journal_sendv() in the place of libsystemd's. What changes the environment
 * or the descriptors runs in a child.
 */
#include "tests/unit/unit.h"

#define SD_JOURNAL_SUPPRESS_LOCATION

#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-journal.h>
#include <time.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/clock.h"
#include "daemon/io/notify.h"

static struct {
	char sent[1024]; /* to the journal, a line each */
	int result;
	int logged;
} t;

time_t
clock_now(void)
{
	return 0;
}

int64_t
clock_monotonic_ms(void)
{
	return 5000;
}

int
sd_journal_sendv(const struct iovec *iov, int n)
{
	t.sent[0] = '\0';
	for (int i = 0; i < n; i++) {
		size_t used = strlen(t.sent);

		snprintf(t.sent + used, sizeof(t.sent) - used, "%.*s|", (int)iov[i].iov_len,
		    (const char *)iov[i].iov_base);
	}
	return t.result;
}

static void
sink(enum log_level level, const struct log_fields *fields, const char *line)
{
	(void)level;
	(void)fields;
	(void)line;
	t.logged++;
}

/* Runs it in a child, where it may do to the process what it likes. */
static void
in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define NEED(condition)                                                          \
	do {                                                                     \
		if (!(condition)) {                                              \
			(void)fprintf(stderr, "%s:%d: %s\n", __func__, __LINE__, \
			    #condition);                                         \
			_exit(1);                                                \
		}                                                                \
	} while (0)

/* A manager's socket, named in the environment. */
static int
be_told(void)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int length;

	length = snprintf(un.sun_path, sizeof(un.sun_path), "@acmed-notify-%d", getpid());
	setenv("NOTIFY_SOCKET", un.sun_path, 1);
	un.sun_path[0] = '\0';
	NEED(
	    bind(fd, (struct sockaddr *)&un,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length)) == 0);
	return fd;
}

static bool
told(int fd, const char *expected)
{
	char text[512];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	if (n == -1)
		return false;
	text[n] = '\0';
	return strcmp(text, expected) == 0;
}

static void
tell_states(void)
{
	int fd = be_told();
	char *many = xcalloc(1, 5000);

	notify_ready();
	NEED(told(fd, "READY=1"));
	notify_reloading();
	NEED(told(fd, "RELOADING=1\nMONOTONIC_USEC=5001000"));
	notify_stopping();
	NEED(told(fd, "STOPPING=1"));
	notify_status("%d certificates, %s", 3, "all well");
	NEED(told(fd, "STATUS=3 certificates, all well"));
	notify_status("%s", "busy\nREADY=1\x1b[0m");
	NEED(told(fd, "STATUS=busy READY=1?[0m"));
	memset(many, 'x', 4999);
	notify_status("%s", many);
	NEED(recv(fd, many, 4999, MSG_DONTWAIT) < 300);
	free(many);
}

static void
test_the_manager_is_told(void **state)
{
	(void)state;
	in_child(tell_states);
}

static void
tell_nobody(void)
{
	struct event_base *loop = must(event_base_new());
	struct notify *n;
	int fds[4];

	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("LISTEN_FDS");
	n = notify_new(loop);
	notify_ready();
	notify_reloading();
	notify_stopping();
	notify_status("nobody hears");
	NEED(notify_take_sockets("http", fds, 4) == 0);
	NEED(event_base_loop(loop, EVLOOP_NONBLOCK) == 1); /* no events: no watchdog */
	notify_free(n);
	notify_free(NULL);
	event_base_free(loop);
}

static void
test_without_a_manager_nothing_happens(void **state)
{
	(void)state;
	in_child(tell_nobody);
}

static void
feed_watchdog(void)
{
	struct event_base *loop = must(event_base_new());
	int fd = be_told();
	struct timespec begin;
	struct timespec end;
	struct notify *n;

	setenv("WATCHDOG_USEC", "100000", 1);
	unsetenv("WATCHDOG_PID");
	n = notify_new(loop);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (int i = 0; i < 2; i++) {
		event_base_loop(loop, EVLOOP_ONCE);
		NEED(told(fd, "WATCHDOG=1"));
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	NEED((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000 >
	     90);
	notify_free(n);
	event_base_free(loop);
}

static void
test_the_watchdog_is_fed_at_half_its_interval(void **state)
{
	(void)state;
	in_child(feed_watchdog);
}

/* A listening Unix socket, blocking and inherited as a manager would pass it. */
static void
listening_at(int at)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	NEED(bind(fd, (struct sockaddr *)&un, sizeof(sa_family_t)) == 0);
	NEED(listen(fd, 8) == 0);
	if (fd != at) {
		NEED(dup2(fd, at) == at);
		close(fd);
	}
}

static void
pass_sockets(const char *names, int count)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", getpid());
	setenv("LISTEN_PID", text, 1);
	snprintf(text, sizeof(text), "%d", count);
	setenv("LISTEN_FDS", text, 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

static void
take_sockets(void)
{
	int fds[8] = { 0 };

	for (int fd = 3; fd <= 8; fd++)
		listening_at(fd);
	NEED(dup2(STDERR_FILENO, 6) == 6); /* not a socket */
	close(7);
	NEED(socket(AF_INET, SOCK_DGRAM, 0) == 7);
	pass_sockets("http:control:http:http:http:http", 6);
	log_set_sink(sink);

	NEED(notify_take_sockets("metrics", fds, 8) == 0);
	NEED(getenv("LISTEN_FDS") == NULL && getenv("LISTEN_FDNAMES") == NULL);
	NEED(notify_take_sockets("http", fds, 1) == 1 && fds[0] == 3);
	NEED(notify_take_sockets("http", fds, 8) == 2 && fds[0] == 5 && fds[1] == 8);
	NEED(t.logged == 2 && fcntl(6, F_GETFD) == -1 && fcntl(7, F_GETFD) == -1);
	NEED(notify_take_sockets("http", fds, 8) == 0);
	NEED(notify_take_sockets("control", fds, 8) == 1 && fds[0] == 4);
	for (int fd = 3; fd <= 5; fd++) {
		NEED(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		NEED(fcntl(fd, F_GETFL) & O_NONBLOCK);
	}
}

static void
test_sockets_are_taken_by_name_and_once(void **state)
{
	(void)state;
	in_child(take_sockets);
}

static void
inherit_nothing(void)
{
	struct event_base *loop;
	struct notify *n;

	listening_at(3);
	pass_sockets("http", 1);
	loop = must(event_base_new());
	n = notify_new(loop);
	NEED(getenv("LISTEN_PID") == NULL);
	NEED(fcntl(3, F_GETFD) & FD_CLOEXEC);
	notify_free(n);
	event_base_free(loop);
}

static void
test_children_do_not_inherit_what_nobody_took(void **state)
{
	(void)state;
	in_child(inherit_nothing);
}

static void
test_the_journal_gets_the_fields_that_are_set(void **state)
{
	static const struct log_fields none = { 0 };
	static const struct log_fields all = {
		.cert = "example.org",
		.account = "main",
		.order = "https://ca/order/1",
		.step = "validate",
		.problem = "connection",
		.message_id = "0123456789abcdef0123456789abcdef",
	};
	static const int priorities[LOG_LEVEL_COUNT] = { 3, 4, 6, 7, 7 };

	(void)state;
	notify_journal_sink(LOG_LEVEL_INFO, &all, "example.org: a line");
	assert_string_equal(t.sent,
	    "PRIORITY=6|MESSAGE=example.org: a line|SYSLOG_IDENTIFIER=acmed|"
	    "ACMED_CERT=example.org|ACMED_ACCOUNT=main|ACMED_ORDER=https://ca/order/1|"
	    "ACMED_STEP=validate|ACMED_PROBLEM=connection|"
	    "MESSAGE_ID=0123456789abcdef0123456789abcdef|");
	for (int level = 0; level < LOG_LEVEL_COUNT; level++) {
		char expected[96];

		notify_journal_sink((enum log_level)level, &none, "x");
		snprintf(expected, sizeof(expected),
		    "PRIORITY=%d|MESSAGE=x|SYSLOG_IDENTIFIER=acmed|", priorities[level]);
		assert_string_equal(t.sent, expected);
	}
}

static void
lose_the_journal(void)
{
	static const struct log_fields none = { 0 };
	char text[64] = "";
	int ends[2];

	NEED(pipe(ends) == 0);
	NEED(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
	t.result = -ENOTCONN;
	notify_journal_sink(LOG_LEVEL_WARN, &none, "still said");
	NEED(read(ends[0], text, sizeof(text) - 1) > 0);
	NEED(str_eq(text, "<4>still said\n"));
}

static void
test_without_the_journal_stderr_gets_the_line(void **state)
{
	(void)state;
	in_child(lose_the_journal);
}

static void
compare_streams(void)
{
	struct stat st;
	char text[64];

	unsetenv("JOURNAL_STREAM");
	NEED(!notify_under_journal());
	setenv("JOURNAL_STREAM", "", 1);
	NEED(!notify_under_journal());
	setenv("JOURNAL_STREAM", "1:2", 1);
	NEED(!notify_under_journal());
	NEED(fstat(STDERR_FILENO, &st) == 0);
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", text, 1);
	NEED(notify_under_journal());
	close(STDERR_FILENO);
	NEED(!notify_under_journal());
}

static void
test_the_journal_is_known_by_its_stream(void **state)
{
	(void)state;
	in_child(compare_streams);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_manager_is_told),
		cmocka_unit_test(test_without_a_manager_nothing_happens),
		cmocka_unit_test(test_the_watchdog_is_fed_at_half_its_interval),
		cmocka_unit_test(test_sockets_are_taken_by_name_and_once),
		cmocka_unit_test(test_children_do_not_inherit_what_nobody_took),
		cmocka_unit_test(test_the_journal_gets_the_fields_that_are_set),
		cmocka_unit_test(test_without_the_journal_stderr_gets_the_line),
		cmocka_unit_test(test_the_journal_is_known_by_its_stream),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
