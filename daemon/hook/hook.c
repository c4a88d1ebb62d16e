/* SPDX-License-Identifier: ISC */
#include "daemon/hook/hook.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/hook/hook_internal.h"
#include "daemon/io/clock.h"

#define TIMEOUT_DEFAULT 300  /* seconds */
#define END_MS          2000 /* for what is killed at the end of the daemon */
#define TAIL_MAX        1024 /* octets of standard error for the error message */

/* What it gets unless it is given another. */
#define STANDARD_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define STANDARD_LANG "LANG=C.UTF-8"

/* ---- one of them ---- */

/* Adds "NAME=value" where no entry has that name. */
static void
add_variable(char ***environment, const char *variable)
{
	size_t length = strcspn(variable, "=") + 1;

	for (char **e = *environment; e != NULL && *e != NULL; e++)
		if (strncmp(*e, variable, length) == 0)
			return;
	strv_add(environment, variable);
}

static char **
make_environment(const struct hook_request *request, const char *home)
{
	CLEAN(string) char *home_variable = xasprintf("HOME=%s", home);
	char **environment = strv_copy(request->environment);

	add_variable(&environment, STANDARD_PATH);
	add_variable(&environment, STANDARD_LANG);
	add_variable(&environment, home_variable);
	return environment;
}

static struct hook_run *
run_new(struct hooks *h, const struct hook_request *request)
{
	struct hook_run *r = xcalloc(1, sizeof(*r));

	r->hooks = h;
	r->label = xstrdup(request->label);
	r->command = strv_copy(request->command);
	r->home = xstrdup(request->home != NULL ? request->home : "/");
	r->environment = make_environment(request, r->home);
	r->hidden = strv_copy(request->hidden);
	r->timeout = request->timeout > 0 ? request->timeout : TIMEOUT_DEFAULT;
	r->keeper = (struct keeper){ .control = -1 };
	r->out = (struct stream){ .run = r, .fd = -1 };
	r->errors = (struct stream){ .run = r, .fd = -1 };
	r->output.most = HOOK_OUTPUT_MAX;
	r->tail.most = TAIL_MAX;
	return r;
}

static void
free_event(struct event *event)
{
	if (event != NULL)
		event_free(event);
}

static void
close_stream(struct stream *s)
{
	free_event(s->event);
	fd_free_at(&s->fd);
}

void
run_destroy(struct hook_run *r)
{
	free_event(r->control);
	free_event(r->timer);
	fd_free_at(&r->keeper.control);
	close_stream(&r->out);
	close_stream(&r->errors);
	output_clear(&r->output);
	output_clear(&r->tail);
	free(r->label);
	strv_free(r->command);
	free(r->home);
	strv_free(r->environment);
	strv_free(r->hidden);
	free(r);
}

/* ---- all of them ---- */

/* One at a time: its `done`, where it cannot be started, may free everything. */
static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct hooks *h = arg;
	struct hook_run *r = TAILQ_FIRST(&h->waiting);

	(void)fd;
	(void)what;
	if (r == NULL || h->n_running >= h->most)
		return;
	TAILQ_REMOVE(&h->waiting, r, link);
	TAILQ_INSERT_TAIL(&h->running, r, link);
	h->n_running++;
	r->at = RUN_RUNS;
	hooks_next(h);
	run_begin(r);
}

void
hooks_next(struct hooks *h)
{
	if (!TAILQ_EMPTY(&h->waiting) && h->n_running < h->most)
		event_active(h->turn, EV_TIMEOUT, 0);
}

struct hook_run *
hook_start(struct hooks *h, const struct hook_request *request, hook_done_fn *done,
    void *arg)
{
	struct hook_run *r = run_new(h, request);

	r->done = done;
	r->arg = arg;
	TAILQ_INSERT_TAIL(&h->waiting, r, link);
	hooks_next(h);
	return r;
}

void
hook_run_free(struct hook_run *r)
{
	if (r == NULL)
		return;
	if (r->at != RUN_WAITS) {
		run_cancel(r);
		return;
	}
	TAILQ_REMOVE(&r->hooks->waiting, r, link);
	run_destroy(r);
}

/* Whether children of ours can be told from those of who was this process before. */
static bool
has_no_child(void)
{
	siginfo_t info;

	return getpid() != 1 && waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1;
}

/* Ignored, as whoever started us may have left it, nobody could be waited for. */
static void
heed_children(void)
{
	const struct sigaction standard = { .sa_handler = SIG_DFL };
	struct sigaction now;

	if (sigaction(SIGCHLD, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
		sigaction(SIGCHLD, &standard, NULL);
}

struct hooks *
hooks_new(struct event_base *loop, unsigned most_at_once)
{
	struct hooks *h = xcalloc(1, sizeof(*h));

	h->loop = loop;
	h->most = most_at_once > 0 ? most_at_once : 1;
	TAILQ_INIT(&h->waiting);
	TAILQ_INIT(&h->running);
	h->turn = must(evtimer_new(loop, on_turn, h));
	heed_children();
	h->only_ours = has_no_child();
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	return h;
}

static struct hook_run *
take_first(struct run_list *list)
{
	struct hook_run *r = TAILQ_FIRST(list);

	if (r != NULL)
		TAILQ_REMOVE(list, r, link);
	return r;
}

void
hooks_free(struct hooks *h)
{
	int64_t until_ms = clock_monotonic_ms() + END_MS;
	struct hook_run *r;

	if (h == NULL)
		return;
	while ((r = take_first(&h->waiting)) != NULL)
		run_destroy(r);
	TAILQ_FOREACH (r, &h->running, link)
		run_kill(r);
	while ((r = take_first(&h->running)) != NULL) {
		run_wait(r, until_ms);
		run_destroy(r);
	}
	free_event(h->sweep);
	event_free(h->turn);
	free(h);
}
