/* SPDX-License-Identifier: ISC */
/*
 * fake_systemd - as much of systemd's D-Bus interface as acmed speaks to, on the bus of
 * $DBUS_SYSTEM_BUS_ADDRESS, with units that do what a file says.
 *
 *	fake_systemd UNITS JOBS		prints "ready"
 *
 * UNITS has a line for each unit, and is read again before every call; a unit that it does
 * not name does not exist. A changed file begins anew: all counters are 0 again.
 *
 *	nginx.service active
 *	name state [fail=N] [result=WORD] [delay=MS] [denied] [interactive] [early] [hangs]
 *		[noreload] [strange]
 *
 * The state is systemd's ActiveState; fail=N: the next N jobs end with the result
 *("failed") and all after them well; delay: of a job; denied, interactive: what polkit does
 *to those who may not; early: the end of a job is told before its name; hangs: never;
 *noreload: it cannot be reloaded; strange: answers that are not systemd's.
 *
 * JOBS gets a line for each job that began: "reload nginx.service".
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/str.h"

#define NAME       "org.freedesktop.systemd1"
#define PATH       "/org/freedesktop/systemd1"
#define MANAGER    "org.freedesktop.systemd1.Manager"
#define UNITS_MOST 64

struct unit {
	char *name;
	char *state;
	char *result;
	unsigned fail;
	unsigned delay_ms;
	bool denied;
	bool interactive;
	bool early;
	bool hangs;
	bool noreload;
	bool strange;
};

struct job {
	uint32_t id;
	char *path;
	char *unit_name;
	char *result;
};

static struct {
	const char *units_file;
	const char *jobs_file;
	char *text; /* of the units, as last read */
	struct unit units[UNITS_MOST];
	size_t n_units;
	uint32_t n_jobs;
	sd_bus *bus;
	sd_event *event;
	sd_bus_track *subscribers;
} t;

static void
die(const char *what, int r)
{
	fprintf(stderr, "fake_systemd: %s: %s\n", what, strerror(r < 0 ? -r : r));
	exit(1);
}

static int
need(const char *what, int r)
{
	if (r < 0)
		die(what, r);
	return r;
}

/* ---- the units ---- */

static void
set_word(struct unit *u, const char *word)
{
	const struct {
		const char *word;
		bool *flag;
	} flags[] = {
		{ "denied", &u->denied },
		{ "interactive", &u->interactive },
		{ "early", &u->early },
		{ "hangs", &u->hangs },
		{ "noreload", &u->noreload },
		{ "strange", &u->strange },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (str_eq(word, flags[i].word)) {
			*flags[i].flag = true;
			return;
		}
	if (str_starts(word, "fail=")) {
		u->fail = (unsigned)strtoul(word + 5, NULL, 10);
	} else if (str_starts(word, "delay=")) {
		u->delay_ms = (unsigned)strtoul(word + 6, NULL, 10);
	} else if (str_starts(word, "result=")) {
		free(u->result);
		u->result = xstrdup(word + 7);
	} else {
		fprintf(stderr, "fake_systemd: \"%s\" is not known\n", word);
		exit(1);
	}
}

static void
add_unit(char *line)
{
	struct unit *u = &t.units[t.n_units];
	char *rest = NULL, *name = strtok_r(line, " ", &rest), *word;

	if (name == NULL || t.n_units == UNITS_MOST)
		return;
	t.n_units++;
	u->name = xstrdup(name);
	word = strtok_r(NULL, " ", &rest);
	u->state = xstrdup(word != NULL ? word : "active");
	u->result = xstrdup("failed");
	while ((word = strtok_r(NULL, " ", &rest)) != NULL)
		set_word(u, word);
}

static void
forget_units(void)
{
	for (size_t i = 0; i < t.n_units; i++) {
		free(t.units[i].name);
		free(t.units[i].state);
		free(t.units[i].result);
	}
	memset(t.units, 0, sizeof(t.units));
	t.n_units = 0;
}

static char *
read_units(void)
{
	CLEAN(stream) FILE *f = fopen(t.units_file, "re");
	struct text text = { 0 };
	char buffer[4096];
	size_t n;

	if (f == NULL)
		die(t.units_file, errno);
	while ((n = fread(buffer, 1, sizeof(buffer), f)) > 0)
		text_add_bytes(&text, buffer, n);
	return text_take(&text);
}

static struct unit *
find_unit(const char *name)
{
	CLEAN(string) char *text = read_units();
	CLEAN(string) char *lines = NULL;
	char *rest = NULL;

	if (!str_eq(text, t.text)) {
		forget_units();
		lines = xstrdup(text);
		for (char *line = strtok_r(lines, "\n", &rest); line != NULL;
		     line = strtok_r(NULL, "\n", &rest))
			add_unit(line);
		free(t.text);
		t.text = TAKE(text);
	}
	for (size_t i = 0; i < t.n_units; i++)
		if (str_eq(t.units[i].name, name))
			return &t.units[i];
	return NULL;
}

/* ---- jobs ---- */

static void
write_job(const char *verb, const char *unit)
{
	CLEAN(string) char *line = xasprintf("%s %s\n", verb, unit);
	CLEAN(fd)
	int fd = open(t.jobs_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd == -1 || write(fd, line, strlen(line)) != (ssize_t)strlen(line))
		die(t.jobs_file, errno);
}

static void
job_free(struct job *j)
{
	free(j->path);
	free(j->unit_name);
	free(j->result);
	free(j);
}

/* As systemd does it: nobody is told who has not subscribed. */
static void
tell_end(struct job *j)
{
	if (sd_bus_track_count(t.subscribers) > 0)
		need("JobRemoved", sd_bus_emit_signal(t.bus, PATH, MANAGER, "JobRemoved",
				       "uoss", j->id, j->path, j->unit_name, j->result));
	job_free(j);
}

static int
on_job_end(sd_event_source *source, uint64_t at, void *arg)
{
	(void)at;
	sd_event_source_unref(source);
	tell_end(arg);
	return 0;
}

static struct job *
job_new(struct unit *u)
{
	struct job *j = xcalloc(1, sizeof(*j));

	j->id = ++t.n_jobs;
	j->path = xasprintf(PATH "/job/%" PRIu32, j->id);
	j->unit_name = xstrdup(u->name);
	if (u->fail > 0) {
		u->fail--;
		j->result = xstrdup(u->result);
		return j;
	}
	j->result = xstrdup("done");
	free(u->state);
	u->state = xstrdup("active");
	return j;
}

static int
begin_job(sd_bus_message *m, struct unit *u, const char *verb)
{
	struct job *j = job_new(u);
	CLEAN(string) char *path = xstrdup(j->path);
	sd_event_source *source;

	write_job(verb, u->name);
	if (u->early) {
		tell_end(j);
		return sd_bus_reply_method_return(m, "o", path);
	}
	if (u->hangs)
		job_free(j);
	else
		need("a timer",
		    sd_event_add_time_relative(t.event, &source, CLOCK_MONOTONIC,
			(uint64_t)u->delay_ms * 1000, 1, on_job_end, j));
	return sd_bus_reply_method_return(m, "o", path);
}

static const struct {
	const char *member;
	const char *verb;
} verbs[] = {
	{ "ReloadUnit", "reload" },
	{ "RestartUnit", "restart" },
	{ "StartUnit", "start" },
};

static const char *
verb_of(const char *member)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (str_eq(verbs[i].member, member))
			return verbs[i].verb;
	return "";
}

static int
on_unit_verb(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	const char *verb = verb_of(sd_bus_message_get_member(m));
	const char *name, *mode;
	struct unit *u;

	(void)arg;
	need("a call", sd_bus_message_read(m, "ss", &name, &mode));
	u = find_unit(name);
	if (u == NULL)
		return sd_bus_error_setf(error, NAME ".NoSuchUnit", "Unit %s not found.",
		    name);
	if (u->denied)
		return sd_bus_error_setf(error, SD_BUS_ERROR_ACCESS_DENIED,
		    "Permission denied");
	if (u->interactive)
		return sd_bus_error_setf(error,
		    SD_BUS_ERROR_INTERACTIVE_AUTHORIZATION_REQUIRED,
		    "Interactive authentication required.");
	if (u->noreload && str_eq(verb, "reload"))
		return sd_bus_error_setf(error, NAME ".JobTypeNotApplicable",
		    "Job type reload is not applicable for unit %s.", name);
	if (!str_eq(mode, "replace"))
		return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
		    "Job mode %s invalid", mode);
	return begin_job(m, u, verb);
}

static int
on_load_unit(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	CLEAN(string) char *path = NULL;
	const char *name;

	(void)arg;
	need("a call", sd_bus_message_read(m, "s", &name));
	if (strchr(name, '.') == NULL)
		return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
		    "Unit name %s is not valid.", name);
	need("a path", sd_bus_path_encode(PATH "/unit", name, &path));
	return sd_bus_reply_method_return(m, "o", path);
}

static int
on_subscribe(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	(void)arg;
	if (sd_bus_track_count_sender(t.subscribers, m) > 0)
		return sd_bus_error_setf(error, NAME ".AlreadySubscribed",
		    "Client is already subscribed.");
	need("a subscriber", sd_bus_track_add_sender(t.subscribers, m));
	return sd_bus_reply_method_return(m, NULL);
}

/* Before libsystemd makes sure of what the answer looks like. */
static int
on_any(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	const char *name;
	struct unit *u;

	(void)arg;
	(void)error;
	if (*verb_of(sd_bus_message_get_member(m)) == '\0')
		return 0;
	need("a call", sd_bus_message_read(m, "s", &name));
	need("a call", sd_bus_message_rewind(m, 1));
	u = find_unit(name);
	if (u == NULL || !u->strange)
		return 0;
	need("an answer", sd_bus_reply_method_return(m, "i", 42));
	return 1;
}

static const sd_bus_vtable manager_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Subscribe", "", "", on_subscribe, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("LoadUnit", "s", "o", on_load_unit, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("ReloadUnit", "ss", "o", on_unit_verb, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("RestartUnit", "ss", "o", on_unit_verb, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_METHOD("StartUnit", "ss", "o", on_unit_verb, SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_SIGNAL("JobRemoved", "uoss", 0),
	SD_BUS_VTABLE_END,
};

/* ---- a unit's properties ---- */

static int
get_state(sd_bus *bus, const char *path, const char *interface, const char *property,
    sd_bus_message *reply, void *arg, sd_bus_error *error)
{
	CLEAN(string) char *name = NULL;
	struct unit *u;

	(void)bus;
	(void)interface;
	(void)arg;
	(void)error;
	need("a unit's path", sd_bus_path_decode(path, PATH "/unit", &name));
	u = find_unit(name);
	if (str_eq(property, "LoadState"))
		return sd_bus_message_append(reply, "s",
		    u != NULL ? "loaded" : "not-found");
	return sd_bus_message_append(reply, "s", u != NULL ? u->state : "inactive");
}

static const sd_bus_vtable unit_vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_PROPERTY("ActiveState", "s", get_state, 0, 0),
	SD_BUS_PROPERTY("LoadState", "s", get_state, 0, 0),
	SD_BUS_VTABLE_END,
};

static int
find_object(sd_bus *bus, const char *path, const char *interface, void *arg, void **found,
    sd_bus_error *error)
{
	(void)bus;
	(void)path;
	(void)interface;
	(void)error;
	*found = arg;
	return 1;
}

/* ---- */

static int
on_lost(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	(void)m;
	(void)arg;
	(void)error;
	sd_event_exit(t.event, 0);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: fake_systemd UNITS JOBS\n");
		return 2;
	}
	t.units_file = argv[1];
	t.jobs_file = argv[2];
	need("an event loop", sd_event_new(&t.event));
	need("the bus", sd_bus_open_system(&t.bus));
	need("the bus", sd_bus_attach_event(t.bus, t.event, 0));
	need("a list", sd_bus_track_new(t.bus, &t.subscribers, NULL, NULL));
	need("the manager",
	    sd_bus_add_object_vtable(t.bus, NULL, PATH, MANAGER, manager_vtable, NULL));
	need("the units", sd_bus_add_fallback_vtable(t.bus, NULL, PATH "/unit",
			      NAME ".Unit", unit_vtable, find_object, &t));
	need("the end", sd_bus_match_signal(t.bus, NULL, "org.freedesktop.DBus.Local",
			    "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
			    "Disconnected", on_lost, NULL));
	need("a filter", sd_bus_add_filter(t.bus, NULL, on_any, NULL));
	need("the name", sd_bus_request_name(t.bus, NAME, 0));
	printf("ready\n");
	fflush(stdout);
	need("the loop", sd_event_loop(t.event));
	sd_bus_track_unref(t.subscribers);
	sd_bus_flush_close_unref(t.bus);
	sd_event_unref(t.event);
	forget_units();
	free(t.text);
	return 0;
}
