/* SPDX-License-Identifier: ISC */
/* Telling of a certificate, and saving its state: one write at a time. */
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/io/clock.h"
#include "daemon/io/worker.h"
#include "daemon/renew/facts.h"
#include "daemon/renew/scheduler_internal.h"
#include "daemon/store/store.h"

void
managed_tell(struct managed *m, enum event_type type, const char *step, const char *text,
    const struct err *err)
{
	const struct scheduler_event event = { .type = type,
		.at = clock_now(),
		.name = m->config->name,
		.step = step,
		.text = text,
		.err = err };

	scheduler_tell(m->scheduler, &event);
}

/* A disk that is full is not full for ever. */
#define AGAIN_SECONDS 600

struct save {
	struct managed *managed; /* for done() only */
	struct store *store;
	char *name;
	char *text;
	bool for_job;
	struct err err;
};

static void
save_free(void *arg)
{
	struct save *s = arg;

	free(s->name);
	free(s->text);
	free(s);
}

static void
save_work(void *arg)
{
	struct save *s = arg;

	store_save_state(s->store, s->name, s->text, &s->err);
}

static void
on_saved(void *arg)
{
	struct save *s = arg;
	struct managed *m = s->managed;
	const struct err *err = s->err.kind ? &s->err : NULL;

	m->saving = NULL;
	if (err != NULL) {
		log_error("%s: %s", m->config->name, err->text);
		m->save_at = clock_now() + AGAIN_SECONDS;
		scheduler_wake_at(m->scheduler, m, 1);
	}
	/* Not where the job was replaced meanwhile, and the one of now has a URL to save.
	 */
	if (s->for_job && !m->record_waits && m->job != NULL)
		job_recorded(m->job, err);
	if (m->save_again) {
		m->save_again = false;
		managed_save(m);
	}
	save_free(s);
}

void
managed_save(struct managed *m)
{
	CLEAN(json) struct json_object *doc = NULL;
	struct save *s;

	if (m->saving != NULL) {
		m->save_again = true;
		return;
	}
	m->unsaved = false;
	m->save_at = 0;
	doc = state_to_json(&m->state);
	facts_to_json(doc, m->info, m->version);
	s = xcalloc(1, sizeof(*s));
	s->managed = m;
	s->store = m->scheduler->deps.job.store;
	s->name = xstrdup(m->config->name);
	s->text = json_print(doc);
	s->for_job = m->record_waits;
	m->record_waits = false;
	m->saving =
	    worker_start(m->scheduler->deps.job.worker, save_work, on_saved, save_free, s);
}
