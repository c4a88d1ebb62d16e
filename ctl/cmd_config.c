/* SPDX-License-Identifier: ISC */
/*
 * cmd_config - config show, and config check, which is acmed's: it alone reads YAML.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "ctl/cmd.h"

#ifndef SBINDIR
#define SBINDIR "/usr/sbin"
#endif

#define OUTPUT_MOST \
	((size_t)1 << 20) /* bytes; 100,000 problems are no better than 10,000 */

int
cmd_config_show(struct ctl *ctl)
{
	CLEAN(json) struct json_object *parameters = must(json_object_new_object());
	CLEAN(json) struct json_object *reply = NULL;
	struct json_object *config;
	int status;

	if (ctl->args.n_words > 0)
		json_add_string(parameters, "name", ctl->args.words[0]);
	status = ctl_call(ctl, METHOD_config_show, TAKE(parameters), &reply);
	if (status != STATUS_DONE)
		return status;
	config = json_get_object(reply, "config");
	if (config == NULL)
		return ctl_fail(ctl, STATUS_FAILED,
		    "the daemon's answer has no config; it is of another version");
	if (ctl->json)
		ctl_print_json(ctl, reply);
	else
		render_object(&ctl->screen, config);
	return STATUS_DONE;
}

/* ---- where acmed is ---- */

/* In `directory`/`below`; NULL where no program is there. */
static char *
program_at(const char *directory, const char *below)
{
	CLEAN(string) char *path = xasprintf("%s%s/acmed", directory, below);

	return access(path, X_OK) == 0 ? TAKE(path) : NULL;
}

/* Beside acmectl first: the two belong together. Else the name, for PATH. */
static char *
find_acmed(void)
{
	char here[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", here, sizeof(here) - 1);
	char *found = NULL;
	char *slash;

	here[length > 0 ? length : 0] = '\0';
	slash = strrchr(here, '/');
	if (slash != NULL) {
		*slash = '\0';
		found = program_at(here, "/../sbin");
		if (found == NULL)
			found = program_at(here, "");
	}
	if (found == NULL)
		found = program_at(SBINDIR, "");
	return found != NULL ? found : xstrdup("acmed");
}

/* ---- its answer as JSON ---- */

/* Behind the file's name: ":LINE:COLUMN: "; NULL where there is no such. A name may hold
 * colons itself. */
static const char *
find_position(const char *line, int *line_number, int *column, const char **text)
{
	for (const char *c = strchr(line, ':'); c != NULL; c = strchr(c + 1, ':')) {
		int used = 0;

		/* NOLINTNEXTLINE(cert-err34-c): nine digits fit into an int */
		sscanf(c, ":%9d:%9d: %n", line_number, column, &used);
		if (used > 0) {
			*text = c + used;
			return c;
		}
	}
	return NULL;
}

/* "FILE:LINE:COLUMN: TEXT", with "warning: " before some texts; another line is all text,
 * or NULL where those do not count. */
static struct json_object *
parse_problem(const char *line, bool others)
{
	struct json_object *problem;
	const char *text = line;
	int line_number = 0, column = 0;
	const char *position = find_position(line, &line_number, &column, &text);
	bool warning = str_starts(text, "warning: ");

	if (position == NULL && !others)
		return NULL;
	problem = must(json_object_new_object());
	if (position != NULL) {
		CLEAN(string) char *file = xstrndup(line, (size_t)(position - line));

		json_add_string(problem, "file", file);
		json_add_int(problem, "line", line_number);
		json_add_int(problem, "column", column);
	}
	json_add_bool(problem, "warning", warning);
	json_add_string(problem, "text", warning ? text + strlen("warning: ") : text);
	return problem;
}

static struct json_object *
parse_output(char *output, bool others)
{
	struct json_object *problems = must(json_object_new_array());
	char *rest = output;
	char *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		struct json_object *problem =
		    *line != '\0' ? parse_problem(line, others) : NULL;

		if (problem != NULL)
			json_object_array_add(problems, problem);
	}
	return problems;
}

static int
print_check(struct ctl *ctl, char *output, bool valid)
{
	CLEAN(json) struct json_object *parameters = must(json_object_new_object());
	CLEAN(json) struct json_object *error = NULL;

	json_object_object_add(parameters, "problems", parse_output(output, !valid));
	if (valid) {
		ctl_print_json(ctl, parameters);
		return STATUS_DONE;
	}
	error = must(json_object_new_object());
	json_add_string(error, "error", METHOD_INTERFACE ".InvalidConfig");
	json_object_object_add(error, "parameters", TAKE(parameters));
	ctl_print_json(ctl, error);
	return STATUS_FAILED;
}

/* ---- running it ---- */

static char *
read_all(int fd)
{
	struct text text = { 0 };
	char bytes[4096];
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			break;
		/* Read on, keep no more: the child must not meet a closed pipe. */
		if (text.length < OUTPUT_MOST)
			text_add_bytes(&text, bytes, (size_t)n);
	}
	return text_take(&text);
}

/* Both of its outputs into `fd`. */
static int
spawn_into(int fd, char *const *argv, const char *program, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int error = posix_spawn_file_actions_init(&actions);

	if (error != 0)
		return error;
	error = posix_spawn_file_actions_adddup2(&actions, fd, STDOUT_FILENO);
	if (error == 0)
		error = posix_spawn_file_actions_adddup2(&actions, fd, STDERR_FILENO);
	if (error == 0)
		error = posix_spawnp(pid, program, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

static int
could_not_run(struct ctl *ctl, const char *program, int error)
{
	return ctl_fail(ctl, STATUS_FAILED,
	    "%s, which checks configurations, cannot be run: %s; install it, or put it "
	    "into "
	    "PATH",
	    program, strerror(error));
}

static int
check_to_json(struct ctl *ctl, const char *program, char *const *argv)
{
	CLEAN(string) char *output = NULL;
	int ends[2], status, error;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return ctl_fail(ctl, STATUS_FAILED, "pipe: %s", strerror(errno));
	error = spawn_into(ends[1], argv, program, &pid);
	close(ends[1]);
	if (error == 0)
		output = read_all(ends[0]);
	close(ends[0]);
	if (error != 0)
		return could_not_run(ctl, program, error);
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return could_not_run(ctl, program, errno);
	/* 0 and 1 are its answers; with another status it did not come to look. */
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
		return ctl_fail(ctl, STATUS_FAILED, "%s failed: %s", program, output);
	return print_check(ctl, output, WEXITSTATUS(status) == 0);
}

/* Without --json acmed takes our place: what it prints and how it ends is the answer. */
int
cmd_config_check(struct ctl *ctl)
{
	CLEAN(string) char *program = find_acmed();
	CLEAN(string)
	char *file = xstrdup(ctl->args.n_words > 0 ? ctl->args.words[0] : ctl->config);
	char name[] = "acmed", check[] = "--check", config[] = "-c";
	char *const argv[] = { name, check, config, file, NULL };

	if (ctl->json)
		return check_to_json(ctl, program, argv);
	fflush(ctl->screen.out);
	signal(SIGPIPE, SIG_DFL);
	execvp(program, argv);
	return could_not_run(ctl, program, errno);
}
