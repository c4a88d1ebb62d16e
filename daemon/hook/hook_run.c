/* SPDX-License-Identifier: ISC */
/* hook_run - one hook from its beginning to its end. */
#include <errno.h>
#include <event2/event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "daemon/hook/hook_internal.h"
#include "daemon/hook/hook_jail.h"
#include "daemon/io/clock.h"

#define WARNED_MS 5000 /* from SIGTERM to SIGKILL */
#define OUTPUT_MS 500  /* for the last output, from who still has the pipes */
#define KILLED_MS 5000 /* what has not died by then waits for a disk */

/* Octets of output to read before others on the loop have their turn, and at the very end,
 * when it is more than any pipe holds. */
#define SLICE      ((size_t)32 * 1024)
#define AT_ONCE    ((size_t)128 * 1024)
#define AT_THE_END ((size_t)4 * 1024 * 1024)

static void
set_timer(struct hook_run *r, enum run_at at, int64_t ms)
{
	const struct timeval length = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000) };

	r->at = at;
	event_add(r->timer, &length);
}

/* ---- the end ---- */

static void
tell(struct hook_run *r, bool forget)
{
	CLEAN(string) char *output = output_text(&r->output);
	hook_done_fn *done = r->done;
	void *arg = r->arg;
	struct err err = { 0 };
	bool failed = end_error(r, &err) == -1;
	const struct hook_result result = {
		.exit_status =
		    r->ended && WIFEXITED(r->status) ? WEXITSTATUS(r->status) : -1,
		.signal = r->ended && WIFSIGNALED(r->status) ? WTERMSIG(r->status) : 0,
		.timed_out = r->timed_out,
		.output = output,
		.output_lost = output_lost(&r->output),
	};
	struct hooks *h = r->hooks;

	end_log(r, output);
	if (r->at != RUN_STUCK)
		h->n_running--;
	r->done = NULL;
	r->at = RUN_STUCK;
	if (forget) {
		TAILQ_REMOVE(&h->running, r, link);
		run_destroy(r);
	}
	hooks_next(h);
	/* It may free all that is left. */
	if (done != NULL)
		done(&result, failed ? &err : NULL, arg);
}

/* The end of the socket: the keeper has left, and nothing else is left to wait for. */
static void
bury(struct hook_run *r)
{
	int status = 0;

	/* It has closed all its descriptors: the rest takes it no time. */
	while (waitpid(r->keeper.pid, &status, 0) == -1 && errno == EINTR)
		;
	r->kept = false;
	if (WIFSIGNALED(status))
		strays_sweep(r->hooks, r->keeper.hook);
	if (r->ended || r->no_start.kind != ERR_NONE)
		return;
	if (WIFSIGNALED(status))
		err_set(&r->no_start, ERR_SYSTEM,
		    "the process that looked after it was killed by signal %d",
		    WTERMSIG(status));
	else
		err_set_errno(&r->no_start, WEXITSTATUS(status), "cannot start a process");
}

/* ---- output ---- */

/* Reads about `most` octets. False at its end. */
static bool
read_stream(struct stream *s, size_t most)
{
	struct hook_run *r = s->run;
	char buffer[SLICE];
	size_t total = 0;

	while (total < most) {
		ssize_t n = read(s->fd, buffer, sizeof(buffer));

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return true;
		if (n <= 0)
			return false;
		output_add(&r->output, buffer, (size_t)n);
		if (s == &r->errors)
			output_add(&r->tail, buffer, (size_t)n);
		total += (size_t)n;
	}
	return true;
}

static void
on_output(evutil_socket_t fd, short what, void *arg)
{
	struct stream *s = arg;
	struct hook_run *r = s->run;

	(void)fd;
	(void)what;
	if (read_stream(s, AT_ONCE))
		return;
	event_free(TAKE(s->event));
	/* Nobody is left who could write: no reason to wait for them. */
	if (r->at == RUN_ENDED && r->out.event == NULL && r->errors.event == NULL)
		run_kill(r);
}

/* ---- what the keeper says ---- */

static void
fail(struct hook_run *r, const struct keeper_message *message)
{
	const char *command = r->command[0];
	int errnum = message->value;

	switch (message->stage) {
	case STAGE_PROCESS:
		err_set_errno(&r->no_start, errnum, "cannot start a process");
		return;
	case STAGE_HOME:
		err_set_errno(&r->no_start, errnum, "cannot work in %s", r->home);
		return;
	case STAGE_JAIL:
		err_set_errno(&r->no_start, errnum, "cannot hide files from it");
		return;
	case STAGE_COMMAND:
		break;
	}
	if (errnum == ENOENT && access(command, F_OK) == 0)
		err_set(&r->no_start, ERR_SYSTEM,
		    "cannot run %s: the interpreter in its first line does not exist",
		    command);
	else if (errnum == ENOEXEC)
		err_set(&r->no_start, ERR_SYSTEM,
		    "cannot run %s: it is no program, or a script that does not begin with "
		    "\"#!\" and an interpreter",
		    command);
	else
		err_set_errno(&r->no_start, errnum, "cannot run %s", command);
}

static void
hear(struct hook_run *r, const struct keeper_message *message)
{
	switch (message->event) {
	case KEEPER_STARTED:
		r->keeper.hook = message->value;
		return;
	case KEEPER_FAILED:
		fail(r, message);
		return;
	case KEEPER_ENDED:
		r->ended = true;
		r->status = message->value;
		if (r->at != RUN_KILLED && r->at != RUN_STUCK)
			set_timer(r, RUN_ENDED, OUTPUT_MS);
		if (r->at == RUN_ENDED && r->out.event == NULL && r->errors.event == NULL)
			run_kill(r);
		return;
	case KEEPER_LEFT:
		r->left = (unsigned)message->value;
		return;
	}
}

/* All that there is. False at the end: the keeper is gone. */
static bool
hear_all(struct hook_run *r)
{
	struct keeper_message message;
	ssize_t n;

	do {
		n = recv(r->keeper.control, &message, sizeof(message), MSG_DONTWAIT);
		if (n == (ssize_t)sizeof(message))
			hear(r, &message);
		/* A command that it did not wait for is told once, before what it said. */
	} while (n > 0 || (n == -1 && (errno == EINTR || errno == ECONNRESET)));
	return n == -1 && errno == EAGAIN;
}

static void
on_control(evutil_socket_t fd, short what, void *arg)
{
	struct hook_run *r = arg;

	(void)fd;
	(void)what;
	if (hear_all(r))
		return;
	bury(r);
	/* Who wrote has gone, so this is all. */
	if (r->out.event != NULL)
		read_stream(&r->out, AT_THE_END);
	if (r->errors.event != NULL)
		read_stream(&r->errors, AT_THE_END);
	tell(r, true);
}

/* ---- time ---- */

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct hook_run *r = arg;

	(void)fd;
	(void)what;
	/* What came at the same time counts: one that has ended is not late. */
	if (!hear_all(r) || event_pending(r->timer, EV_TIMEOUT, NULL))
		return;
	switch (r->at) {
	case RUN_RUNS:
		r->timed_out = true;
		keeper_tell(&r->keeper, KEEPER_TERM);
		set_timer(r, RUN_WARNED, WARNED_MS);
		return;
	case RUN_WARNED:
	case RUN_ENDED:
		run_kill(r);
		return;
	case RUN_KILLED:
		tell(r, false);
		return;
	case RUN_WAITS:
	case RUN_STUCK:
		return;
	}
}

void
run_kill(struct hook_run *r)
{
	if (r->at == RUN_KILLED || r->at == RUN_STUCK)
		return;
	keeper_tell(&r->keeper, KEEPER_KILL);
	set_timer(r, RUN_KILLED, KILLED_MS);
}

void
run_cancel(struct hook_run *r)
{
	r->done = NULL;
	if (r->at == RUN_RUNS) {
		log_info("%s: cancelled", r->label);
		keeper_tell(&r->keeper, KEEPER_TERM);
		set_timer(r, RUN_WARNED, WARNED_MS);
	} else if (r->at == RUN_ENDED) {
		run_kill(r);
	}
}

void
run_wait(struct hook_run *r, int64_t until_ms)
{
	struct pollfd control = { .fd = r->keeper.control, .events = POLLIN };

	while (r->kept) {
		int64_t left = until_ms - clock_monotonic_ms();

		if (!hear_all(r))
			bury(r);
		else if (left <= 0)
			return;
		else
			poll(&control, 1, (int)left);
	}
}

/* ---- the beginning ---- */

static void
watch_stream(struct stream *s, int fd)
{
	struct event_base *loop = s->run->hooks->loop;

	s->fd = fd;
	s->event = must(event_new(loop, fd, EV_READ | EV_PERSIST, on_output, s));
	event_add(s->event, NULL);
}

void
run_begin(struct hook_run *r)
{
	const struct keeper_order order = { .command = r->command,
		.environment = r->environment,
		.home = r->home,
		.hidden = r->hidden,
		.abi = r->hidden != NULL ? jail_version() : 0 };
	struct event_base *loop = r->hooks->loop;

	r->started_ms = clock_monotonic_ms();
	if (keeper_start(&order, &r->keeper, &r->no_start) == -1) {
		tell(r, true);
		return;
	}
	r->kept = true;
	log_info("%s: starts", r->label);
	watch_stream(&r->out, r->keeper.out);
	watch_stream(&r->errors, r->keeper.errors);
	r->control =
	    must(event_new(loop, r->keeper.control, EV_READ | EV_PERSIST, on_control, r));
	event_add(r->control, NULL);
	r->timer = must(evtimer_new(loop, on_timer, r));
	set_timer(r, RUN_RUNS, (int64_t)r->timeout * 1000);
}
