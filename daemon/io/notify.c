/* SPDX-License-Identifier: ISC */
#include "daemon/io/notify.h"

#define SD_JOURNAL_SUPPRESS_LOCATION /* it would be this file's, each time */

#include <event2/event.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/clock.h"

#define STATUS_MOST 256

/* ---- the watchdog ---- */

struct notify {
	struct event *watchdog; /* NULL where nobody watches */
};

static void
on_watchdog(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	sd_notify(0, "WATCHDOG=1");
}

/* ---- sockets that were passed: the process's, so they are kept for the process ---- */

static struct {
	bool taken;
	size_t count;
	char **names;
	int *fds; /* -1: handed out */
} passed;

static void
take_passed(void)
{
	int n;

	if (passed.taken)
		return;
	passed.taken = true;
	/* Unset, or a hook would believe that they are its own. */
	n = sd_listen_fds_with_names(1, &passed.names);
	if (n <= 0)
		return;
	passed.count = (size_t)n;
	passed.fds = xcalloc(passed.count, sizeof(int));
	for (int i = 0; i < n; i++)
		passed.fds[i] = SD_LISTEN_FDS_START + i;
}

/* Whatever the unit says, what we get must not block and must be what we accept on. */
static bool
prepare(int fd, const char *name)
{
	int flags = fcntl(fd, F_GETFL);

	if (sd_is_socket(fd, AF_UNSPEC, SOCK_STREAM, 1) <= 0 || flags == -1 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == -1) {
		log_warn("descriptor %d, passed as \"%s\", is no listening stream socket",
		    fd, name);
		close(fd);
		return false;
	}
	return true;
}

size_t
notify_take_sockets(const char *name, int *fds, size_t room)
{
	size_t n = 0;

	take_passed();
	for (size_t i = 0; i < passed.count && n < room; i++) {
		if (passed.fds[i] == -1 || !str_eq(passed.names[i], name))
			continue;
		if (prepare(passed.fds[i], name))
			fds[n++] = passed.fds[i];
		passed.fds[i] = -1;
	}
	return n;
}

/* ---- what the manager is told ---- */

void
notify_ready(void)
{
	sd_notify(0, "READY=1");
}

void
notify_reloading(void)
{
	/* Rounded up: it has to be later than the microsecond of the signal. */
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	    (clock_monotonic_ms() + 1) * 1000);
}

void
notify_stopping(void)
{
	sd_notify(0, "STOPPING=1");
}

void
notify_status(const char *fmt, ...)
{
	CLEAN(string) char *printable = NULL;
	char text[STATUS_MOST];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	/* A line break in it would begin another message. */
	printable = str_printable(text, STATUS_MOST);
	sd_notifyf(0, "STATUS=%s", printable);
}

/* ---- the journal ---- */

void
notify_journal_sink(enum log_level level, const struct log_fields *fields, const char *line)
{
	static const int priorities[LOG_LEVEL_COUNT] = {
		[LOG_LEVEL_ERROR] = LOG_ERR,
		[LOG_LEVEL_WARN] = LOG_WARNING,
		[LOG_LEVEL_INFO] = LOG_INFO,
		[LOG_LEVEL_DEBUG] = LOG_DEBUG,
		[LOG_LEVEL_TRACE] = LOG_DEBUG,
	};
	const struct {
		const char *name;
		const char *value;
	} sent[] = {
		{ "MESSAGE", line },
		{ "SYSLOG_IDENTIFIER", "acmed" },
		{ "ACMED_CERT", fields->cert },
		{ "ACMED_ACCOUNT", fields->account },
		{ "ACMED_ORDER", fields->order },
		{ "ACMED_STEP", fields->step },
		{ "ACMED_PROBLEM", fields->problem },
		{ "MESSAGE_ID", fields->message_id },
	};
	struct iovec iov[1 + sizeof(sent) / sizeof(sent[0])];
	int n = 0;

	iov[n++].iov_base = xasprintf("PRIORITY=%d", priorities[level]);
	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
		if (sent[i].value != NULL)
			iov[n++].iov_base = xasprintf("%s=%s", sent[i].name, sent[i].value);
	for (int i = 0; i < n; i++)
		iov[i].iov_len = strlen(iov[i].iov_base);

	if (sd_journal_sendv(iov, n) < 0)
		(void)fprintf(stderr, "<%d>%s\n", priorities[level], line);
	for (int i = 0; i < n; i++)
		free(iov[i].iov_base);
}

bool
notify_under_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char text[48];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) == -1)
		return false;
	(void)snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(stream, text) == 0;
}

/* ---- */

struct notify *
notify_new(struct event_base *loop)
{
	struct notify *n = xcalloc(1, sizeof(*n));
	struct timeval interval;
	uint64_t usec = 0;

	/* Now, before the first child could inherit them. */
	take_passed();
	if (sd_watchdog_enabled(0, &usec) <= 0)
		return n;
	usec = usec / 2 > 0 ? usec / 2 : 1;
	interval.tv_sec = (time_t)(usec / 1000000);
	interval.tv_usec = (suseconds_t)(usec % 1000000);
	n->watchdog = must(event_new(loop, -1, EV_PERSIST, on_watchdog, n));
	event_add(n->watchdog, &interval);
	return n;
}

void
notify_free(struct notify *n)
{
	if (n == NULL)
		return;
	if (n->watchdog != NULL)
		event_free(n->watchdog);
	free(n);
}
