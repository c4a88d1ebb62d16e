/* SPDX-License-Identifier: ISC */
/* hook_end - how a hook ended, in words. */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/hook/hook_internal.h"
#include "daemon/io/clock.h"

#define LAST_LINES_MAX 200

/* Of the output, in the log. */
#define LOG_LINES_MAX 100
#define LOG_LINE_MAX  500

static const struct {
	int number;
	const char *name;
} signal_names[] = {
	{ SIGABRT, "SIGABRT" },
	{ SIGALRM, "SIGALRM" },
	{ SIGBUS, "SIGBUS" },
	{ SIGFPE, "SIGFPE" },
	{ SIGHUP, "SIGHUP" },
	{ SIGILL, "SIGILL" },
	{ SIGINT, "SIGINT" },
	{ SIGKILL, "SIGKILL" },
	{ SIGPIPE, "SIGPIPE" },
	{ SIGQUIT, "SIGQUIT" },
	{ SIGSEGV, "SIGSEGV" },
	{ SIGSYS, "SIGSYS" },
	{ SIGTERM, "SIGTERM" },
	{ SIGTRAP, "SIGTRAP" },
	{ SIGUSR1, "SIGUSR1" },
	{ SIGUSR2, "SIGUSR2" },
	{ SIGXCPU, "SIGXCPU" },
	{ SIGXFSZ, "SIGXFSZ" },
};

static char *
describe_signal(int number)
{
	for (size_t i = 0; i < sizeof(signal_names) / sizeof(signal_names[0]); i++)
		if (signal_names[i].number == number)
			return xasprintf("ended by %s", signal_names[i].name);
	return xasprintf("ended by signal %d", number);
}

static char *
describe_status(int status)
{
	if (status == 126)
		return xstrdup("exit status 126: a command in it could not be run");
	if (status == 127)
		return xstrdup("exit status 127: a command in it was not found");
	return xasprintf("exit status %d", status);
}

char *
end_describe(const struct hook_run *r)
{
	CLEAN(string) char *how = NULL;

	if (r->no_start.kind != ERR_NONE)
		return xstrdup(r->no_start.text);
	if (!r->ended)
		return xstrdup("cannot be killed, and is left to itself");
	how = WIFSIGNALED(r->status) ? describe_signal(WTERMSIG(r->status))
				     : describe_status(WEXITSTATUS(r->status));
	if (r->timed_out)
		return xasprintf("exceeded its time limit of %lld s, %s",
		    (long long)r->timeout, how);
	return TAKE(how);
}

int
end_error(const struct hook_run *r, struct err *err)
{
	bool started = r->no_start.kind == ERR_NONE;
	CLEAN(string) char *how = NULL;
	CLEAN(string) char *last = NULL;

	if (started && r->ended && r->status == 0 && !r->timed_out)
		return 0;
	how = end_describe(r);
	last = output_last_lines(&r->tail, LAST_LINES_MAX);
	return err_set(err, started ? ERR_HOOK : ERR_SYSTEM, "%s: %s%s%s", r->label, how,
	    last[0] != '\0' ? ": " : "", last);
}

/* ---- the log ---- */

/* Where the last so many lines begin. */
static const char *
last_lines(const char *text, unsigned lines)
{
	const char *s = text + strlen(text);

	if (s > text && s[-1] == '\n')
		s--;
	while (s > text && (s[-1] != '\n' || --lines > 0))
		s--;
	return s;
}

static void
log_output(const struct hook_run *r, const char *text)
{
	const char *line = last_lines(text, LOG_LINES_MAX);
	size_t before = (size_t)(line - text) + output_lost(&r->output);

	if (before > 0)
		log_debug("%s: | (%zu octets of output before this)", r->label, before);
	while (*line != '\0') {
		size_t length = strcspn(line, "\n");
		CLEAN(string)
		char *shown =
		    str_printable(line, length < LOG_LINE_MAX ? length : LOG_LINE_MAX);

		log_debug("%s: | %s%s", r->label, shown,
		    length > LOG_LINE_MAX ? "..." : "");
		line += length;
		line += *line == '\n';
	}
}

void
end_log(const struct hook_run *r, const char *text)
{
	CLEAN(string) char *how = end_describe(r);
	int64_t ms = clock_monotonic_ms() - r->started_ms;

	if (log_get_level() >= LOG_LEVEL_DEBUG)
		log_output(r, text);
	log_info("%s: %s, after %" PRId64 ".%03d s", r->label, how, ms / 1000,
	    (int)(ms % 1000));
	if (r->left > 0)
		log_info("%s: processes that it left and that were killed: %u", r->label,
		    r->left);
}
