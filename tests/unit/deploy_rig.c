/* SPDX-License-Identifier: ISC */
/* needs: tests/unit/deploy_world.c */
#include "tests/unit/deploy_rig.h"

#include <string.h>

#include "common/mem.h"
#include "daemon/renew/units.h"
#include "daemon/store/store.h"
#include "tests/unit/deploy_world.h"
#include "tests/unit/unit.h"

#define MOST       8
#define STEPS_MOST 1000

struct rig rig;

static struct config config;
static struct cert_options options;
static char cert_name[] = "site";
static const struct cert_config cert = { .name = cert_name, .options = &options };

/* ---- the transcript ---- */

void
rig_expect(const char *transcript)
{
	CLEAN(string) char *text = text_take(&rig.transcript);

	assert_string_equal(text, transcript);
}

void
rig_forget(void)
{
	text_clear(&rig.transcript);
}

unsigned
rig_count(const char *what)
{
	const char *at = rig.transcript.s;
	unsigned n = 0;

	while (at != NULL && (at = strstr(at, what)) != NULL) {
		at += strlen(what);
		n++;
	}
	return n;
}

/* ---- what only has a name ---- */

const char *
store_path(const struct store *s)
{
	assert_ptr_equal(s, WORLD_STORE);
	return "/state";
}

const char *
bus_verb_name(enum bus_verb verb)
{
	return verb == BUS_RELOAD ? "reload" : verb == BUS_RESTART ? "restart" : "start";
}

/* ---- the configuration ---- */

void
rig_output(const char *path)
{
	assert_true(options.n_outputs < MOST);
	options.outputs[options.n_outputs++].path = xstrdup(path);
}

static struct deploy_config *
add_action(void)
{
	assert_true(options.n_deploy < MOST);
	return &options.deploy[options.n_deploy++];
}

void
rig_unit(enum bus_verb verb, const char *unit)
{
	struct deploy_config *action = add_action();

	if (verb == BUS_RELOAD)
		action->reload = xstrdup(unit);
	else if (verb == BUS_RESTART)
		action->restart = xstrdup(unit);
	else
		action->start = xstrdup(unit);
}

void
rig_queue(const char *entry)
{
	add_action()->queue = xstrdup(entry);
}

void
rig_hook(const char *program, const char *argument)
{
	struct deploy_config *action = add_action();

	strv_add(&action->run, program);
	if (argument != NULL)
		strv_add(&action->run, argument);
}

struct verify_config *
rig_verify(const char *connect)
{
	assert_true(options.n_verify < MOST);
	options.verify[options.n_verify].connect = xstrdup(connect);
	return &options.verify[options.n_verify++];
}

void
rig_all(void)
{
	rig_output("/srv/a.pem");
	rig_unit(BUS_RELOAD, "nginx.service");
	rig_queue("postfix");
	rig_hook("/bin/after", NULL);
	rig_verify("www.example:443");
	rig_server("www.example:443", "192.0.2.1:443");
	rig_server("www.example:443", "[2001:db8::1]:443")->new_from = 600;
}

static void
free_config(void)
{
	for (size_t i = 0; i < options.n_outputs; i++)
		free(options.outputs[i].path);
	for (size_t i = 0; i < options.n_deploy; i++) {
		free(options.deploy[i].reload);
		free(options.deploy[i].restart);
		free(options.deploy[i].start);
		free(options.deploy[i].queue);
		strv_free(options.deploy[i].run);
	}
	for (size_t i = 0; i < options.n_verify; i++)
		free(options.verify[i].connect);
	free(options.outputs);
	free(options.deploy);
	free(options.verify);
}

/* ---- the watcher ---- */

static void
on_step_told(const char *step, const char *detail, void *arg)
{
	assert_ptr_equal(arg, &rig);
	assert_non_null(rig.deploy); /* not before it has started, nor after its end */
	assert_string_equal(deploy_step(rig.deploy), step);
	text_add(&rig.transcript, "step %s %s\n", step, detail);
}

static void
on_done(const struct deploy_outcome *outcome, void *arg)
{
	assert_ptr_equal(arg, &rig);
	assert_non_null(rig.deploy);
	assert_false(rig.ended);
	rig.ended = true;
	if (outcome->err != NULL) {
		assert_int_not_equal(outcome->err->kind, ERR_NONE);
		rig.err = *outcome->err;
	}
	rig.verified = outcome->verified;
	rig.untouched = outcome->untouched;
	deploy_free(TAKE(rig.deploy));
}

/* ---- going on ---- */

void
rig_start(void)
{
	const struct deploy_deps deps = { .loop = WORLD_LOOP,
		.worker = WORLD_WORKER,
		.store = WORLD_STORE,
		.hooks = WORLD_HOOKS,
		.units = WORLD_UNITS,
		.prober = WORLD_PROBER };
	const struct deploy_watcher watcher = { .step = on_step_told,
		.done = on_done,
		.arg = &rig };
	char event[16] = ""; /* gone when it has started, as the structures are */

	memcpy(event, rig.request.event, strlen(rig.request.event));
	rig.request.event = event;
	rig.deploy = deploy_start(&deps, &rig.request, &watcher);
	rig.request.event = NULL;
	memset(event, 'x', sizeof(event));
	assert_string_equal(deploy_step(rig.deploy), "outputs");
}

bool
rig_step(void)
{
	return world_step();
}

void
rig_run(void)
{
	for (int i = 0; rig_step(); i++)
		assert_true(i < STEPS_MOST);
}

void
rig_succeeds(void)
{
	rig_start();
	rig_run();
	assert_true(rig.ended);
	assert_string_equal(rig.err.text, "");
	assert_int_equal(rig.err.kind, ERR_NONE);
}

void
rig_fails(enum err_kind kind, const char *text)
{
	rig_start();
	rig_run();
	assert_true(rig.ended);
	assert_string_equal(rig.err.text, text);
	assert_int_equal(rig.err.kind, kind);
	assert_false(rig.verified);
}

void
rig_end_orphan(void)
{
	world_end_orphan();
}

/* Nobody is waited for, and nothing is held. */
static void
check_nothing_is_left(void)
{
	assert_false(world_step());
	assert_int_equal(world_open(), 0);
}

int
rig_set_up(void **state)
{
	(void)state;
	rig = (struct rig){ .request = { .config = &config,
				.cert = &cert,
				.version = RIG_VERSION,
				.event = "renewed" } };
	options = (struct cert_options){ .outputs = xcalloc(MOST, sizeof(*options.outputs)),
		.deploy = xcalloc(MOST, sizeof(*options.deploy)),
		.verify = xcalloc(MOST, sizeof(*options.verify)) };
	world_begin(&config);
	return 0;
}

int
rig_tear_down(void **state)
{
	(void)state;
	deploy_free(TAKE(rig.deploy));
	world_end_orphan();
	check_nothing_is_left();
	free_config();
	text_clear(&rig.transcript);
	world_forget_hook();
	return 0;
}
