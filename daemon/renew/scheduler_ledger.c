/* SPDX-License-Identifier: ISC */
/* What the CAs allow: counted as it is used, and kept over restarts. */
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/config/config.h"
#include "daemon/io/clock.h"
#include "daemon/io/worker.h"
#include "daemon/renew/scheduler_internal.h"
#include "daemon/store/store.h"

#define FILE_NAME "ledger.json"

/* Failed validations are counted by the hour. */
#define FAILED_PER ((time_t)3600)

/* Everything is written each time: with many entries less often. What a crash loses is
 * counted by the CA. */
#define SAVE_SECONDS     2
#define ENTRIES_A_SECOND 10
#define SAVE_SECONDS_MAX 600

struct ledger_save {
	struct scheduler *scheduler;
	struct clock_timer *timer;
	struct worker_task *task;
	struct ledger_writer writer;
	bool dirty;
	bool writing; /* a piece a second, where there are many */
};

struct written {
	struct ledger_save *save; /* for done() only */
	struct store *store;
	char *text;
	struct err err;
};

struct ledger_budget
scheduler_budget(const struct scheduler *s, enum ledger_kind kind, const char *account)
{
	const struct account_config *a = config_account(s->config, account);

	if (kind == LEDGER_FAILED)
		return (struct ledger_budget){ s->config->failed_validations_per_name,
			FAILED_PER };
	if (a == NULL)
		return (struct ledger_budget){ 0 };
	if (kind == LEDGER_ORDERS)
		return (struct ledger_budget){ a->budget_orders, a->budget_orders_per };
	return (struct ledger_budget){ a->budget_duplicates, a->budget_duplicates_per };
}

/* ---- saving ---- */

static void
written_free(void *arg)
{
	struct written *w = arg;

	free(w->text);
	free(w);
}

static void
write_it(void *arg)
{
	struct written *w = arg;

	store_save_document(w->store, FILE_NAME, w->text, &w->err);
}

static void
save_soon(struct ledger_save *save)
{
	time_t pause = SAVE_SECONDS +
		       (time_t)(ledger_count(save->scheduler->ledger) / ENTRIES_A_SECOND);
	bool planned = save->dirty;

	save->dirty = true;
	if (!planned && !save->writing && save->task == NULL)
		clock_timer_set(save->timer,
		    clock_now() + (pause < SAVE_SECONDS_MAX ? pause : SAVE_SECONDS_MAX));
}

static void
on_written(void *arg)
{
	struct written *w = arg;
	struct ledger_save *save = w->save;

	save->task = NULL;
	if (w->err.kind != ERR_NONE)
		log_error("%s: %s", FILE_NAME, w->err.text);
	written_free(w);
	if (save->dirty) {
		save->dirty = false;
		save_soon(save);
	}
}

/* Some of it; true: all has been handed to the worker. */
static bool
write_some(struct ledger_save *save)
{
	struct scheduler *s = save->scheduler;
	struct written *w;

	save->writing = !ledger_write(s->ledger, clock_now(), &save->writer);
	if (save->writing)
		return false;
	w = xcalloc(1, sizeof(*w));
	w->save = save;
	w->store = s->deps.job.store;
	w->text = text_take(&save->writer.text);
	save->writer = (struct ledger_writer){ 0 };
	save->task =
	    worker_start(s->deps.job.worker, write_it, on_written, written_free, w);
	return true;
}

static void
save_now(bool stepped, void *arg)
{
	struct ledger_save *save = arg;

	(void)stepped; /* the instant may be a year off: it is written at once */
	if (save->task != NULL || (!save->dirty && !save->writing))
		return;
	save->dirty = save->dirty && save->writing;
	if (!write_some(save))
		clock_timer_set(save->timer, clock_now() + 1);
}

bool
scheduler_is_saving_ledger(const struct scheduler *s)
{
	struct ledger_save *save = s->ledger_save;

	while (save->task == NULL && (save->dirty || save->writing))
		save_now(false, save);
	return save->task != NULL;
}

/* ---- counting ---- */

void
scheduler_take(struct scheduler *s, enum ledger_kind kind, const char *who,
    const char *account, const char *what)
{
	struct ledger_budget budget = scheduler_budget(s, kind, account);

	if (budget.limit == 0)
		return;
	ledger_take(s->ledger, kind, who, what, budget, clock_now());
	save_soon(s->ledger_save);
}

/* ---- life ---- */

void
scheduler_load_ledger(struct scheduler *s)
{
	CLEAN(json) struct json_object *doc = store_document(s->deps.job.store, FILE_NAME);

	s->ledger = ledger_new();
	ledger_read(s->ledger, doc, clock_now());
	s->ledger_save = xcalloc(1, sizeof(*s->ledger_save));
	s->ledger_save->scheduler = s;
	s->ledger_save->timer = clock_timer_new(s->deps.job.loop, save_now, s->ledger_save);
}

void
scheduler_free_ledger(struct scheduler *s)
{
	worker_task_free(s->ledger_save->task);
	clock_timer_free(s->ledger_save->timer);
	text_clear(&s->ledger_save->writer.text);
	free(s->ledger_save);
	ledger_free(s->ledger);
}
