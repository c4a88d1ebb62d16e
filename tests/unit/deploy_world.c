/* SPDX-License-Identifier: ISC */
#include "tests/unit/deploy_world.h"

#include <event2/event.h>
#include <string.h>

#include "common/crypto/key.h"
#include "common/mem.h"
#include "daemon/crypto/cert.h"
#include "daemon/hook/hook.h"
#include "daemon/io/clock.h"
#include "daemon/io/probe.h"
#include "daemon/io/worker.h"
#include "daemon/renew/units.h"
#include "daemon/store/output.h"
#include "daemon/store/store.h"
#include "tests/unit/deploy_rig.h"
#include "tests/unit/unit.h"

#define SERVERS_MOST 8
#define NOT_AFTER    ((time_t)1780272000) /* 2026-06-01T00:00:00Z */

/* The clock has not begun with this program. */
#define CLOCK_FROM 86400000

#define NEW_LEAF "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define OLD_LEAF "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* One of each at a time: all are waited for one after the other. */
struct worker_task {
	bool open, running, worked, orphan;
	worker_fn *work, *done, *drop;
	void *arg;
};
struct unit_wait {
	bool open;
	char *unit;
	bus_done_fn *done;
	void *arg;
};
struct hook_run {
	bool open;
	hook_done_fn *done;
	void *arg;
};
struct probe {
	bool open;
	char *connect;
	probe_done_fn *done;
	void *arg;
};
struct event {
	bool open, pending;
	int64_t at;
	event_callback_fn fn;
	void *arg;
};

static struct worker_task task;
static struct unit_wait unit;
static struct hook_run hook;
static struct probe probe;
static struct event timer;
static struct rig_server servers[SERVERS_MOST];
static size_t n_servers;
static struct config *the_config;
static int held;

struct key {
	int unused;
};
static struct key the_key;

struct chain {
	unsigned version;
};
static struct chain the_chain;

void
world_begin(struct config *config)
{
	the_config = config;
	n_servers = 0;
	task = (struct worker_task){ 0 };
}

int
world_open(void)
{
	return held + task.open + unit.open + hook.open + probe.open + timer.open;
}

static bool
nothing_is_awaited(void)
{
	return !task.open && !unit.open && !hook.open && !probe.open && !timer.pending;
}

static bool
breaks(const char *what)
{
	return str_eq(rig.breaks, what);
}

/* ---- the clock ---- */

int64_t
clock_monotonic_ms(void)
{
	return CLOCK_FROM + rig.now;
}

struct event *
event_new(struct event_base *base, evutil_socket_t fd, short events, event_callback_fn fn,
    void *arg)
{
	assert_ptr_equal(base, WORLD_LOOP);
	assert_int_equal(fd, -1);
	assert_int_equal(events, 0);
	assert_false(timer.open);
	timer = (struct event){ .open = true, .fn = fn, .arg = arg };
	return &timer;
}

int
event_add(struct event *event, const struct timeval *in)
{
	assert_ptr_equal(event, &timer);
	assert_true(nothing_is_awaited());
	timer.pending = true;
	timer.at = rig.now + (int64_t)in->tv_sec * 1000 + in->tv_usec / 1000;
	return 0;
}

void
event_free(struct event *event)
{
	assert_ptr_equal(event, &timer);
	timer = (struct event){ 0 };
}

static void
end_pause(void)
{
	rig.now = timer.at;
	timer.pending = false;
	timer.fn(-1, EV_TIMEOUT, timer.arg);
}

/* ---- the worker ---- */

struct worker_task *
worker_start(struct worker *w, worker_fn *work, worker_fn *done, worker_fn *drop, void *arg)
{
	assert_ptr_equal(w, WORLD_WORKER);
	assert_true(nothing_is_awaited());
	task = (struct worker_task){ .open = true,
		.work = work,
		.done = done,
		.drop = drop,
		.arg = arg };
	return &task;
}

void
worker_task_free(struct worker_task *t)
{
	if (t == NULL)
		return;
	assert_ptr_equal(t, &task);
	assert_true(t->open);
	t->open = false;
	t->orphan = t->running && !t->worked;
	if (!t->orphan)
		t->drop(t->arg);
}

static void
go_on_with_task(void)
{
	if (!task.running) {
		task.running = true;
	} else if (!task.worked) {
		task.work(task.arg);
		task.worked = true;
	} else {
		task.open = false;
		task.done(task.arg);
	}
}

void
world_end_orphan(void)
{
	if (!task.orphan)
		return;
	task.orphan = false;
	task.work(task.arg);
	task.drop(task.arg);
}

/* ---- the configuration, the store ---- */

struct config *
config_ref(struct config *c)
{
	assert_ptr_equal(c, the_config);
	held++;
	return c;
}

void
config_free(struct config *c)
{
	if (c == NULL)
		return;
	assert_ptr_equal(c, the_config);
	held--;
}

struct chain *
store_version(const struct store *s, const char *name, unsigned version, struct key **key,
    struct err *err)
{
	assert_ptr_equal(s, WORLD_STORE);
	assert_int_equal(version, RIG_VERSION);
	text_add(&rig.transcript, "read %s/%u\n", name, version);
	if (rig.no_version) {
		err_set(err, ERR_SYSTEM, "/state/archive/%s/%04u: is not whole", name,
		    version);
		return NULL;
	}
	held += 2;
	*key = &the_key;
	the_chain.version = version;
	return &the_chain;
}

void
chain_free(struct chain *c)
{
	if (c != NULL)
		held--;
}

void
key_free(struct key *k)
{
	if (k != NULL)
		held--;
}

struct cert_info *
chain_info(const struct chain *c)
{
	struct cert_info *info = xcalloc(1, sizeof(*info));

	assert_ptr_equal(c, &the_chain);
	held++;
	info->fingerprint = xstrdup(NEW_LEAF);
	info->not_after = NOT_AFTER;
	strv_add(&info->names, "a.example");
	strv_add(&info->names, "*.b.example");
	return info;
}

void
cert_info_free(struct cert_info *info)
{
	if (info == NULL)
		return;
	held--;
	strv_free(info->names);
	free(info->fingerprint);
	free(info);
}

int
store_queue_deploy(struct store *s, const char *entry, const char *name, struct err *err)
{
	assert_ptr_equal(s, WORLD_STORE);
	text_add(&rig.transcript, "queue %s %s\n", entry, name);
	if (breaks(entry))
		return err_set(err, ERR_SYSTEM, "/state/deploy-queue: %s: no room", entry);
	return 0;
}

/* ---- outputs ---- */

static void
check_pair(const struct output_pair *pair)
{
	assert_ptr_equal(pair->key, &the_key);
	assert_ptr_equal(pair->chain, &the_chain);
}

bool
output_is_current(const struct output_config *output, const struct output_pair *pair)
{
	check_pair(pair);
	return rig.current != NULL && strstr(rig.current, output->path) != NULL;
}

int
output_write(const struct output_config *output, const struct output_pair *pair,
    struct err *err)
{
	check_pair(pair);
	text_add(&rig.transcript, "write %s\n", output->path);
	if (breaks(output->path))
		return err_set(err, ERR_SYSTEM, "%s: no room", output->path);
	return 0;
}

/* ---- units: an err lives as long as the call ---- */

struct unit_wait *
units_ask(struct units *u, enum bus_verb verb, const char *name, bus_done_fn *done,
    void *arg)
{
	assert_ptr_equal(u, WORLD_UNITS);
	assert_true(nothing_is_awaited());
	text_add(&rig.transcript, "%s %s\n", bus_verb_name(verb), name);
	unit = (struct unit_wait){ true, xstrdup(name), done, arg };
	return &unit;
}

void
unit_wait_free(struct unit_wait *w)
{
	if (w == NULL)
		return;
	assert_ptr_equal(w, &unit);
	assert_true(w->open);
	w->open = false;
	free(w->unit);
}

static void
end_unit(void)
{
	CLEAN(string) char *name = TAKE(unit.unit);
	struct err err = { 0 };

	unit.open = false;
	if (breaks(name))
		err_set(&err, ERR_SYSTEM, "%s: it failed", name);
	unit.done(breaks(name) ? &err : NULL, unit.arg);
	memset(&err, 0xff, sizeof(err));
}

/* ---- hooks ---- */

void
world_forget_hook(void)
{
	free(TAKE(rig.environment));
	free(TAKE(rig.command));
	free(TAKE(rig.label));
	free(TAKE(rig.home));
	free(TAKE(rig.hidden));
}

struct hook_run *
hook_start(struct hooks *h, const struct hook_request *request, hook_done_fn *done,
    void *arg)
{
	assert_ptr_equal(h, WORLD_HOOKS);
	assert_true(nothing_is_awaited());
	world_forget_hook();
	rig.environment = strv_join(request->environment, "\n");
	rig.command = strv_join(request->command, " ");
	rig.label = xstrdup(request->label);
	rig.home = xstrdup(request->home);
	rig.hidden = strv_join(request->hidden, " ");
	rig.timeout = request->timeout;
	text_add(&rig.transcript, "run %s\n", rig.command);
	hook = (struct hook_run){ true, done, arg };
	return &hook;
}

void
hook_run_free(struct hook_run *r)
{
	if (r == NULL)
		return;
	assert_ptr_equal(r, &hook);
	assert_true(r->open);
	r->open = false;
}

static void
end_hook(void)
{
	const struct hook_result result = { .output = "" };
	struct err err = { 0 };

	hook.open = false;
	if (breaks(rig.command))
		err_set(&err, ERR_HOOK, "%s: it ended with status 3", rig.label);
	hook.done(&result, breaks(rig.command) ? &err : NULL, hook.arg);
	memset(&err, 0xff, sizeof(err));
}

/* ---- endpoints ---- */

struct rig_server *
rig_server(const char *connect, const char *address)
{
	struct rig_server *s = &servers[n_servers];

	assert_true(n_servers < SERVERS_MOST);
	*s = (struct rig_server){ .connect = connect, .address = address };
	n_servers++;
	return s;
}

struct probe *
probe_start(struct prober *p, const struct probe_request *request, probe_done_fn *done,
    void *arg)
{
	assert_ptr_equal(p, WORLD_PROBER);
	assert_true(nothing_is_awaited());
	if (!rig.quiet)
		text_add(&rig.transcript, "%lld ms: ask %s%s%s%s%s\n", (long long)rig.now,
		    request->connect, request->starttls ? " starttls " : "",
		    request->starttls ? request->starttls : "", request->sni ? " for " : "",
		    request->sni ? request->sni : "");
	probe = (struct probe){ true, xstrdup(request->connect), done, arg };
	return &probe;
}

void
probe_free(struct probe *pr)
{
	if (pr == NULL)
		return;
	assert_ptr_equal(pr, &probe);
	assert_true(pr->open);
	pr->open = false;
	free(pr->connect);
}

static struct probe_seen
look_at(const struct rig_server *s)
{
	struct probe_seen seen = { 0 };
	const char *leaf = rig.now >= s->new_from ? NEW_LEAF : OLD_LEAF;

	snprintf(seen.address, sizeof(seen.address), "%s", s->address);
	if (rig.now < s->fails_until)
		err_set(&seen.err, s->fails, "it fails");
	else
		memcpy(seen.fingerprint, leaf, sizeof(NEW_LEAF));
	return seen;
}

static void
end_probe(void)
{
	struct probe_seen seen[SERVERS_MOST];
	struct err err = { 0 };
	CLEAN(string) char *connect = TAKE(probe.connect);
	size_t n = 0;

	probe.open = false;
	rig.now += rig.probe_takes;
	for (size_t i = 0; i < n_servers; i++) {
		if (str_eq(servers[i].connect, connect))
			seen[n++] = look_at(&servers[i]);
	}
	if (n == 0)
		err_set(&err, ERR_NETWORK, "%s: it has no address", connect);
	probe.done(n > 0 ? seen : NULL, n, n > 0 ? NULL : &err, probe.arg);
	memset(seen, 0xff, sizeof(seen));
	memset(&err, 0xff, sizeof(err));
}

/* ---- going on ---- */

bool
world_step(void)
{
	if (task.open)
		go_on_with_task();
	else if (unit.open)
		end_unit();
	else if (hook.open)
		end_hook();
	else if (probe.open)
		end_probe();
	else if (timer.pending)
		end_pause();
	else
		return false;
	return true;
}
