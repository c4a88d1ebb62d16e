/* SPDX-License-Identifier: ISC */
#include "daemon/daemon.h"

#include <event2/event.h>
#include <signal.h>
#include <sys/stat.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/acme/account.h"
#include "daemon/acme/directory.h"
#include "daemon/challenge/challenge.h"
#include "daemon/challenge/http01.h"
#include "daemon/challenge/tlsalpn01.h"
#include "daemon/config/config.h"
#include "daemon/control/handlers.h"
#include "daemon/control/place.h"
#include "daemon/control/server.h"
#include "daemon/daemon_internal.h"
#include "daemon/hook/hook.h"
#include "daemon/io/bus.h"
#include "daemon/io/clock.h"
#include "daemon/io/http.h"
#include "daemon/io/lag.h"
#include "daemon/io/memory.h"
#include "daemon/io/notify.h"
#include "daemon/io/probe.h"
#include "daemon/io/worker.h"
#include "daemon/renew/scheduler.h"
#include "daemon/renew/units.h"
#include "daemon/store/store.h"

/* Key generation and syncs side by side; more would only queue at the disk. */
#define WORKERS_MAX 4

/* Keys side by side that take seconds each. */
#define SLOW_WORKERS_MAX 2

/* Where much happens at a time (with many connections a CA may answer all of them at once),
 * the loop looks after this long for what has come meanwhile. */
#define TURN_MS 5

/* Hooks side by side. */
#define HOOKS_MAX 16

/* What has been learned gets this long to reach the disk when the daemon stops. */
#define STOP_MS 5000

/* After this much quiet what an issuance needed is given back. */
#define CALM_SECONDS 2

/* The status text looks at every certificate: not where there are very many. */
#define STATUS_CERTS_MAX 1000

/* ---- signals ---- */

static void
on_hangup(evutil_socket_t number, short what, void *arg)
{
	struct problems problems = { 0 };
	struct config_diff diff = { 0 };

	(void)number;
	(void)what;
	daemon_reload(&problems, &diff, arg);
	config_diff_clear(&diff);
	problems_clear(&problems);
}

static void
on_stop(evutil_socket_t number, short what, void *arg)
{
	struct acmed *d = arg;

	(void)what;
	log_info("stopping on %s", number == SIGTERM ? "SIGTERM" : "SIGINT");
	event_base_loopbreak(d->loop);
}

static void
on_user(evutil_socket_t number, short what, void *arg)
{
	struct acmed *d = arg;
	struct cert_look look;

	(void)number;
	(void)what;
	for (size_t i = 0; i < scheduler_count(d->scheduler); i++) {
		CLEAN(string) char *sentence = NULL;

		scheduler_look_at(d->scheduler, i, &look);
		sentence = decide_sentence(&look.decision, clock_now());
		log_info("%s: %s, %s", look.config->name, look.condition, sentence);
	}
}

static void
watch_signals(struct acmed *d)
{
	static const struct {
		int number;
		event_callback_fn fn;
	} signals[] = {
		{ SIGHUP, on_hangup },
		{ SIGTERM, on_stop },
		{ SIGINT, on_stop },
		{ SIGUSR1, on_user },
	};

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		d->signals[i] =
		    must(evsignal_new(d->loop, signals[i].number, signals[i].fn, d));
		event_add(d->signals[i], NULL);
	}
}

/* ---- what the service manager is told ---- */

static void
tell_status(evutil_socket_t fd, short what, void *arg)
{
	struct acmed *d = arg;
	size_t count = scheduler_count(d->scheduler);
	time_t next = count <= STATUS_CERTS_MAX ? scheduler_next(d->scheduler) : 0;
	char when[TIMEFMT_SIZE], certs[STR_COUNT_SIZE];

	(void)fd;
	(void)what;
	str_count(count, "certificate", certs);
	if (next == 0)
		notify_status("%s", certs);
	else
		notify_status("%s, next renewal %s", certs,
		    timefmt_relative(next, clock_now(), when));
}

static void
on_calm(evutil_socket_t fd, short what, void *arg)
{
	struct acmed *d = arg;

	(void)fd;
	(void)what;
	if (scheduler_running(d->scheduler) == 0)
		memory_give_back();
}

/* Once for all that happens within a second: it looks at every certificate. */
static void
on_event(const struct scheduler_event *event, void *arg)
{
	struct acmed *d = arg;
	struct timeval soon = { .tv_sec = 1 };
	struct timeval calm = { .tv_sec = CALM_SECONDS };

	if (event->type == EVENT_STEP)
		return;
	if (!event_pending(d->status, EV_TIMEOUT, NULL))
		event_add(d->status, &soon);
	event_add(d->calm, &calm);
}

static void
on_hit(const char *token, const char *peer, bool live, void *arg)
{
	(void)token;
	(void)arg;
	log_debug("http-01: answered %s%s", peer, live ? "" : " (no order of ours)");
}

static void
on_tlsalpn01_hit(const char *identifier, const char *peer, void *arg)
{
	(void)arg;
	log_debug("tls-alpn-01: answered %s about %s", peer, identifier);
}

/* ---- life ---- */

static struct event_base *
new_loop(void)
{
	struct event_config *config = must(event_config_new());
	const struct timeval turn = { .tv_usec = TURN_MS * 1000L };
	struct event_base *loop;

	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_set_max_dispatch_interval(config, &turn, -1, 0);
	loop = must(event_base_new_with_config(config));
	event_config_free(config);
	return loop;
}

static void
build(struct acmed *d)
{
	d->notify = notify_new(d->loop);
	d->worker = worker_new(d->loop, WORKERS_MAX);
	d->slow_worker = worker_new(d->loop, SLOW_WORKERS_MAX);
	d->http = http_new(d->loop);
	d->directories = directories_new(d->loop, d->http);
	d->accounts = accounts_new(&(struct account_deps){ .loop = d->loop,
	    .worker = d->worker,
	    .store = d->store,
	    .directories = d->directories });
	d->http01 = http01_new(d->loop);
	http01_on_hit(d->http01, on_hit, d);
	d->tlsalpn01 = tlsalpn01_new(d->loop);
	tlsalpn01_on_hit(d->tlsalpn01, on_tlsalpn01_hit, d);
	d->servers = (struct challenge_servers){ .loop = d->loop,
		.http01 = d->http01,
		.tlsalpn01 = d->tlsalpn01 };
	d->hooks = hooks_new(d->loop, HOOKS_MAX);
	d->bus = bus_new(d->loop);
	d->units = units_new(d->loop, d->bus);
	d->prober = prober_new(d->loop);
	d->scheduler =
	    scheduler_new(&(struct scheduler_deps){ .job = { .loop = d->loop,
							.worker = d->worker,
							.slow_worker = d->slow_worker,
							.store = d->store,
							.servers = &d->servers },
		.deploy = { .loop = d->loop,
		    .worker = d->worker,
		    .store = d->store,
		    .hooks = d->hooks,
		    .units = d->units,
		    .prober = d->prober },
		.accounts = d->accounts });
	d->status = must(evtimer_new(d->loop, tell_status, d));
	d->calm = must(evtimer_new(d->loop, on_calm, d));
	d->subscription = scheduler_subscribe(d->scheduler, on_event, d);
	d->handlers = (struct handlers){ .scheduler = d->scheduler,
		.started_at = clock_now(),
		.lag = &d->lag,
		.reload = daemon_reload,
		.load = daemon_load,
		.has_files = daemon_has_files,
		.reload_arg = d };
	d->server = server_new(d->loop, handlers_run, &d->handlers);
	d->place = place_new(d->server);
}

/* Orders in flight are left to the next start; what is being written is waited for. */
static void
finish_saving(struct acmed *d)
{
	int64_t until_ms = clock_monotonic_ms() + STOP_MS;
	struct timeval tick = { .tv_usec = 50000 };

	while (scheduler_is_saving(d->scheduler) && clock_monotonic_ms() < until_ms) {
		event_base_loopexit(d->loop, &tick);
		event_base_loop(d->loop, EVLOOP_ONCE);
	}
}

static void
tear_down(struct acmed *d)
{
	place_free(d->place);
	server_free(d->server);
	account_wait_free(d->default_key);
	subscription_free(d->subscription);
	scheduler_free(d->scheduler);
	prober_free(d->prober);
	units_free(d->units);
	bus_free(d->bus);
	hooks_free(d->hooks);
	tlsalpn01_free(d->tlsalpn01);
	http01_free(d->http01);
	accounts_free(d->accounts);
	directories_free(d->directories);
	http_free(d->http);
	/* After all who have tasks there, before what those use. */
	worker_free(d->slow_worker);
	worker_free(d->worker);
	store_close(d->store);
	for (size_t i = 0; i < sizeof(d->signals) / sizeof(d->signals[0]); i++)
		if (d->signals[i] != NULL)
			event_free(d->signals[i]);
	if (d->status != NULL)
		event_free(d->status);
	if (d->calm != NULL)
		event_free(d->calm);
	notify_free(d->notify);
	config_free(d->config);
	if (d->loop != NULL)
		event_base_free(d->loop);
}

static void
set_log_target(const struct config *config)
{
	const char *target = config->log_target;
	bool under_journal = notify_under_journal();

	if (str_eq(target, "journal") || (str_eq(target, "auto") && under_journal))
		log_set_sink(notify_journal_sink);
	else if (str_eq(target, "syslog"))
		log_set_sink(log_sink_syslog);
	else
		log_set_priorities(under_journal);
}

static int
start(struct acmed *d, struct config *config, struct err *err)
{
	d->store = store_open(config->state_dir, err);
	if (d->store == NULL)
		return -1;
	d->loop = new_loop();
	build(d);
	watch_signals(d);
	daemon_use_config(d, config_ref(config));
	if (daemon_listen(d, err) == -1 || place_listen(d->place, config, err) == -1)
		return -1;
	return 0;
}

int
daemon_run(const struct daemon_options *options)
{
	struct acmed d = { .options = options };
	struct problems problems = { 0 };
	CLEAN(config) struct config *config = config_load(options->config, &problems);
	struct err err = { 0 };
	char certs[STR_COUNT_SIZE], accounts[STR_COUNT_SIZE];

	if (config != NULL)
		set_log_target(config);
	daemon_log_problems(&problems);
	problems_clear(&problems);
	if (config == NULL)
		return DAEMON_EXIT_CONFIG;
	umask(0077);
	if (start(&d, config, &err) == -1) {
		log_error("%s", err.text);
		d.failed = true;
	} else {
		log_info("acmed %s: %s, %s", PACKAGE_VERSION,
		    str_count(config->n_certs, "certificate", certs),
		    str_count(config->n_accounts, "account", accounts));
		notify_ready();
		tell_status(-1, 0, &d);
		lag_loop(d.loop, &d.lag);
		notify_stopping();
		finish_saving(&d);
	}
	tear_down(&d);
	return d.failed ? 1 : 0;
}
