/* SPDX-License-Identifier: ISC */
/* Telling whoever wants to know of trouble, by notify hooks: once for each change. */
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/config/config.h"
#include "daemon/crypto/cert.h"
#include "daemon/hook/hook.h"
#include "daemon/io/clock.h"
#include "daemon/renew/scheduler_internal.h"
#include "daemon/store/store.h"

#define NOTIFY_TIMEOUT 60

static const char *const names[ALERT_COUNT] = {
	[ALERT_FAILED] = "failed",
	[ALERT_EXPIRING] = "expiring",
	[ALERT_DEPLOY_FAILED] = "deploy-failed",
	[ALERT_INCIDENT] = "incident",
};

/* ---- what is the matter ---- */

static unsigned
troubles(const struct managed *m, time_t now)
{
	unsigned bits = 0;

	if (m->state.failures > 0)
		bits |= 1U << ALERT_FAILED;
	if (m->info != NULL && now >= decide_floor(m->info->not_before, m->info->not_after))
		bits |= 1U << ALERT_EXPIRING;
	if (m->state.deploy.version == m->version && m->state.deploy.failures > 0)
		bits |= 1U << ALERT_DEPLOY_FAILED;
	/* A new version mends nothing before it is in use. */
	if (m->state.deploy.stage == DEPLOY_STAGE_NONE &&
	    decide_is_deployable(m->config->options))
		bits |= m->state.told & 1U << ALERT_DEPLOY_FAILED;
	if (m->state.ari.moved_at != 0)
		bits |= 1U << ALERT_INCIDENT;
	return bits;
}

static char *
describe(const struct managed *m, enum alert alert)
{
	char at[TIMEFMT_SIZE];

	switch (alert) {
	case ALERT_FAILED:
		return xstrdup(m->state.error ? m->state.error : "an order failed");
	case ALERT_EXPIRING:
		return xasprintf("it expires %s, and has not been renewed",
		    timefmt_rfc3339(m->info->not_after, at));
	case ALERT_DEPLOY_FAILED:
		return xstrdup(m->state.deploy.error ? m->state.deploy.error
						     : "it could not be put into use");
	case ALERT_INCIDENT:
	case ALERT_COUNT:
	default:
		return xasprintf("the CA moved its renewal window forward%s%s",
		    m->state.ari.explanation ? ", see " : "",
		    m->state.ari.explanation ? m->state.ari.explanation : "");
	}
}

/* ---- telling ---- */

static void
on_hook(const struct hook_result *result, const struct err *err, void *arg)
{
	(void)result;
	(void)arg;
	if (err != NULL)
		log_warn("%s", err->text);
}

static char **
environment(const struct managed *m, const char *event, const char *text)
{
	CLEAN(string)
	char *all = strv_join((const char *const *)m->config->names, " ");
	char at[TIMEFMT_SIZE];
	char **list = NULL;

	strv_addf(&list, "ACMED_EVENT=%s", event);
	strv_addf(&list, "ACMED_CERT=%s", m->config->name);
	strv_addf(&list, "ACMED_NAMES=%s", all);
	strv_addf(&list, "ACMED_TEXT=%s", text);
	if (m->info != NULL)
		strv_addf(&list, "ACMED_NOT_AFTER=%s",
		    timefmt_rfc3339(m->info->not_after, at));
	return list;
}

static void
run_hooks(struct managed *m, const char *event, const char *text)
{
	const struct cert_options *options = m->config->options;
	CLEAN(strv) char **list = environment(m, event, text);
	CLEAN(string)
	char *home = xasprintf("%s/hooks", store_path(m->scheduler->deps.job.store));

	for (size_t i = 0; i < options->n_notify; i++) {
		CLEAN(string)
		char *label = xasprintf("%s: notify hook %s", m->config->name,
		    options->notify[i].run[0]);
		const struct hook_request request = { .label = label,
			.command = (const char *const *)options->notify[i].run,
			.environment = (const char *const *)list,
			.home = home,
			.timeout = NOTIFY_TIMEOUT };

		hook_start(m->scheduler->deps.deploy.hooks, &request, on_hook, NULL);
	}
}

static void
alert(struct managed *m, enum alert alert)
{
	CLEAN(string) char *text = describe(m, alert);

	run_hooks(m, names[alert], text);
	if (alert == ALERT_EXPIRING)
		managed_tell(m, EVENT_EXPIRING, NULL, text, NULL);
}

bool
managed_alert(struct managed *m)
{
	unsigned now = troubles(m, clock_now());
	unsigned before = m->state.told;

	if (now == before)
		return false;
	m->state.told = now;
	for (unsigned i = 0; i < ALERT_COUNT; i++)
		if ((now & ~before & 1U << i) != 0)
			alert(m, (enum alert)i);
	if (now == 0) {
		run_hooks(m, "recovered", "it is well again");
		managed_tell(m, EVENT_RECOVERED, NULL, "it is well again", NULL);
	}
	return true;
}
