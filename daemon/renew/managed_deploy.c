/* SPDX-License-Identifier: ISC */
/* Putting the generation in force into use: when it is tried again, what is said of it. */
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/crypto/cert.h"
#include "daemon/io/clock.h"
#include "daemon/io/random.h"
#include "daemon/renew/deploy.h"
#include "daemon/renew/scheduler_internal.h"

#define MINUTE ((time_t)60)
#define HOUR   (60 * MINUTE)

void
managed_new_deploy(struct managed *m, const char *event, time_t old_ends, bool urgent)
{
	struct state_deploy *s = &m->state.deploy;

	state_deploy_clear(s);
	s->version = m->version;
	s->event = xstrdup(event);
	s->old_ends = old_ends;
	s->urgent = urgent;
}

/* From a minute, doubling, to an hour: a server that is down comes back. */
static time_t
pause_after(unsigned failures)
{
	return failures < 7 ? MINUTE << (failures < 1 ? 0 : failures - 1) : HOUR;
}

static void
on_step(const char *step, const char *detail, void *arg)
{
	struct managed *m = arg;

	/* From here on the outputs fit, and a check would find nothing to do: but the
	 * servers do not know of them until the whole of it was done. */
	if (str_eq(step, "outputs") && m->state.deploy.stage != DEPLOY_STAGE_NONE) {
		m->state.deploy.stage = DEPLOY_STAGE_NONE;
		managed_save(m);
	}
	managed_tell(m, EVENT_STEP, step, detail, NULL);
}

static void
deploy_succeeded(struct managed *m, const struct deploy_outcome *outcome)
{
	struct state_deploy *s = &m->state.deploy;
	const struct log_fields fields = { .cert = m->config->name };
	const char *text = outcome->verified ? "in use, and seen to be served" : "in use";

	s->stage = outcome->verified ? DEPLOY_STAGE_VERIFIED : DEPLOY_STAGE_DEPLOYED;
	state_set(&s->config, m->config->hash);
	s->failures = 0;
	s->retry_at = 0;
	state_set(&s->error, NULL);
	if (!outcome->untouched || s->done_at == 0)
		s->done_at = clock_now();
	log_write(LOG_LEVEL_INFO, &fields, "%s: %s", m->config->name, text);
	managed_tell(m, outcome->verified ? EVENT_VERIFIED : EVENT_DEPLOYED, NULL, text,
	    NULL);
}

/* Not what was in use, under other settings. What was put back itself is not put back, and
 * what has expired serves nobody. */
static bool
wants_rollback(const struct managed *m)
{
	const struct state_deploy *s = &m->state.deploy;

	return m->config->options->rollback_on_failure && s->stage == DEPLOY_STAGE_NONE &&
	       s->done_at == 0 && m->version > 1 && str_eq(s->event, "renewed") &&
	       (s->old_ends == 0 || s->old_ends > clock_now());
}

static void
deploy_failed(struct managed *m, const struct err *err)
{
	struct state_deploy *s = &m->state.deploy;
	const struct log_fields fields = { .cert = m->config->name };
	time_t now = clock_now();
	CLEAN(string) char *why = NULL;
	struct err failed = { 0 };
	char when[TIMEFMT_SIZE];

	s->failures++;
	s->failed_at = now;
	s->retry_at = now + random_jitter(pause_after(s->failures), 20);
	state_set(&s->error, err->text);
	log_write(LOG_LEVEL_ERROR, &fields, "%s: not in use, tried again in %s: %s",
	    m->config->name, timefmt_duration(s->retry_at - now, when), err->text);
	/* Whoever waits for the new version has his answer, whatever becomes of the old. */
	managed_tell(m, EVENT_DEPLOY_FAILED, NULL, err->text, err);
	if (!wants_rollback(m))
		return;
	why = xasprintf("put back, because the new version %u failed: %s", m->version,
	    err->text);
	if (managed_rollback(m, 0, why, &failed) == -1)
		log_error("%s: %s", m->config->name, failed.text);
}

static void
on_deployed(const struct deploy_outcome *outcome, void *arg)
{
	struct managed *m = arg;
	CLEAN(deploy) struct deploy *d = TAKE(m->deploy);

	(void)d;
	if (outcome->err == NULL)
		deploy_succeeded(m, outcome);
	else
		deploy_failed(m, outcome->err);
	managed_alert(m);
	managed_save(m);
	managed_think(m);
}

void
managed_start_deploy(struct managed *m, bool check)
{
	struct scheduler *s = m->scheduler;
	struct deploy_request request = { .config = s->config,
		.cert = m->config,
		.version = m->version,
		.check = check };
	const struct deploy_watcher watcher = { .step = on_step,
		.done = on_deployed,
		.arg = m };

	if (m->state.deploy.version != m->version)
		managed_new_deploy(m, "issued", 0, true);
	request.event = m->state.deploy.event ? m->state.deploy.event : "issued";
	m->deploy = deploy_start(&s->deps.deploy, &request, &watcher);
}
