/* SPDX-License-Identifier: ISC */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"

#define LINE_MAX_BYTES 8192 /* a hostile text in a message does not fill the journal */

static const struct {
	const char *name;
	int priority;
} levels[LOG_LEVEL_COUNT] = {
	[LOG_LEVEL_ERROR] = { "error", LOG_ERR },
	[LOG_LEVEL_WARN] = { "warn", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "info", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "debug", LOG_DEBUG },
	[LOG_LEVEL_TRACE] = { "trace", LOG_DEBUG },
};

/* Threads that compute (keys) log, too. */
static _Atomic(enum log_level) current_level = LOG_LEVEL_INFO;
static _Atomic(log_sink_fn *) current_sink;
static atomic_bool priorities;

static void
to_stderr(enum log_level level, const struct log_fields *fields, const char *line)
{
	struct text t = { 0 };
	ssize_t written;

	(void)fields;
	if (priorities)
		text_add(&t, "<%d>", levels[level].priority);
	text_add(&t, "%s\n", line);
	/* One write: lines of two threads do not mix. */
	do
		written = write(STDERR_FILENO, t.s, t.length);
	while (written == -1 && errno == EINTR);
	text_clear(&t);
}

void
log_sink_syslog(enum log_level level, const struct log_fields *fields, const char *line)
{
	(void)fields;
	syslog(LOG_DAEMON | levels[level].priority, "%s", line);
}

void
log_set_level(enum log_level level)
{
	current_level = level;
}

enum log_level
log_get_level(void)
{
	return current_level;
}

void
log_set_sink(log_sink_fn *sink)
{
	current_sink = sink;
}

void
log_set_priorities(bool on)
{
	priorities = on;
}

const char *
log_level_name(enum log_level level)
{
	return (unsigned)level < LOG_LEVEL_COUNT ? levels[level].name : "unknown";
}

enum log_level
log_level_find(const char *name)
{
	for (unsigned i = 0; i < LOG_LEVEL_COUNT; i++)
		if (str_eq(levels[i].name, name))
			return (enum log_level)i;
	return LOG_LEVEL_COUNT;
}

void
log_write(enum log_level level, const struct log_fields *fields, const char *fmt, ...)
{
	static const struct log_fields none = { 0 };
	CLEAN(string) char *raw = NULL;
	CLEAN(string) char *line = NULL;
	log_sink_fn *sink = current_sink;
	int saved = errno;
	va_list args;

	if ((unsigned)level >= LOG_LEVEL_COUNT || level > current_level)
		return;
	va_start(args, fmt);
	if (vasprintf(&raw, fmt, args) == -1)
		raw = xstrdup(fmt);
	va_end(args);
	line = str_printable(raw, LINE_MAX_BYTES);
	(sink != NULL ? sink : to_stderr)(level, fields != NULL ? fields : &none, line);
	errno = saved;
}
