/* SPDX-License-Identifier: ISC */
/* The configuration: put in force at the start, and again by SIGHUP and `acmectl reload`.
 */
#include "common/mem.h"
#include "common/str.h"
#include "daemon/acme/account.h"
#include "daemon/challenge/http01.h"
#include "daemon/challenge/tlsalpn01.h"
#include "daemon/config/config.h"
#include "daemon/control/place.h"
#include "daemon/daemon_internal.h"
#include "daemon/io/clock.h"
#include "daemon/io/http.h"
#include "daemon/io/notify.h"
#include "daemon/renew/scheduler.h"
#include "daemon/store/store.h"

/* About renewal, and others beside orders: requests at a time. */
#define QUESTIONS 16

void
daemon_log_problems(const struct problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		CLEAN(string) char *line = problem_print(&problems->list[i]);

		if (problems->list[i].warning)
			log_warn("%s", line);
		else
			log_error("%s", line);
	}
}

/* The thumbprint that any well-formed token is answered with. */
static void
on_default_key(const struct err *err, void *arg)
{
	struct acmed *d = arg;
	const char *name = d->config->n_accounts ? d->config->accounts[0]->name : NULL;
	struct account *account = name ? accounts_find(d->accounts, name) : NULL;

	d->default_key = NULL;
	if (err != NULL)
		log_warn("http-01: only live tokens are answered: %s", err->text);
	http01_set_default(d->http01,
	    err == NULL && account != NULL ? account_thumbprint(account) : NULL);
}

static void
set_default_answer(struct acmed *d)
{
	const struct config *config = d->config;

	if (config->http01_live_only || config->n_accounts == 0) {
		http01_set_default(d->http01, NULL);
		return;
	}
	/* A reload is no reason not to answer for a moment: the old one holds until then.
	 */
	d->default_key =
	    account_load_key(accounts_find(d->accounts, config->accounts[0]->name),
		on_default_key, d);
}

/* Orders that may run at a time must not wait for one another at a CA that speaks no
 * HTTP/2, nor for questions about renewal. */
static void
set_connections(struct acmed *d)
{
	http_set_connections(d->http, d->config->concurrent_orders + QUESTIONS);
}

void
daemon_use_config(struct acmed *d, struct config *config)
{
	bool level = d->config == NULL || d->config->log_level != config->log_level;

	/* It waits at an account that may go now. */
	account_wait_free(TAKE(d->default_key));
	config_free(d->config);
	d->config = config;
	if (level) /* or what `acmectl log-level` said would be undone */
		log_set_level(d->options->log_level != LOG_LEVEL_COUNT
				  ? d->options->log_level
				  : config->log_level);
	set_connections(d);
	accounts_set_config(d->accounts, config);
	scheduler_set_config(d->scheduler, config);
	place_set_groups(d->place, config);
	set_default_answer(d);
}

static void
warn_of_restart(struct problems *problems, const struct acmed *d, const struct config *next)
{
	const struct config *old = d->config;

	if (!str_eq(old->state_dir, next->state_dir) ||
	    !str_eq(old->control_socket, next->control_socket) ||
	    !str_eq(old->log_target, next->log_target) ||
	    !strv_same_set((const char *const *)old->http01_listen,
		(const char *const *)next->http01_listen) ||
	    (tlsalpn01_listens(d->tlsalpn01) &&
		!strv_same_set((const char *const *)old->tls_alpn01_listen,
		    (const char *const *)next->tls_alpn01_listen)))
		problems_warn(problems, next->file, 1, 1,
		    "one of state-dir, control.socket, http-01.listen, tls-alpn-01.listen "
		    "and log.target has changed: that takes effect at the next start");
}

static void
tell_reloaded(struct acmed *d, const struct config_diff *diff)
{
	CLEAN(string)
	char *text = xasprintf("%zu added, %zu changed, %zu removed",
	    strv_length((const char *const *)diff->added),
	    strv_length((const char *const *)diff->changed),
	    strv_length((const char *const *)diff->removed));
	const struct scheduler_event event = { .type = EVENT_RELOADED,
		.at = clock_now(),
		.text = text };

	log_info("configuration reloaded: %s", text);
	scheduler_tell(d->scheduler, &event);
}

int
daemon_reload(struct problems *problems, struct config_diff *diff, void *arg)
{
	struct acmed *d = arg;
	struct config *next;
	char errors[STR_COUNT_SIZE];

	notify_reloading();
	next = config_load(d->options->config, problems);
	if (next != NULL) {
		warn_of_restart(problems, d, next);
		daemon_listen_more(d, next, problems);
	}
	daemon_log_problems(problems);
	if (next == NULL) {
		log_error("the configuration has %s, the old one stays in force",
		    str_count(problems->errors, "error", errors));
		notify_ready();
		return -1;
	}
	config_compare(d->config, next, diff);
	daemon_use_config(d, next);
	tell_reloaded(d, diff);
	notify_ready();
	return 0;
}

struct config *
daemon_load(struct problems *problems, void *arg)
{
	struct acmed *d = arg;

	return config_load(d->options->config, problems);
}

bool
daemon_has_files(const char *name, void *arg)
{
	struct acmed *d = arg;

	return store_live_version(d->store, name) > 0;
}
