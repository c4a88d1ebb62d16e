/* SPDX-License-Identifier: ISC */
/* A clock in doubt: CAs are asked for the time until it is trusted again. */
#include "common/log.h"
#include "common/mem.h"
#include "daemon/acme/account.h"
#include "daemon/acme/directory.h"
#include "daemon/io/clock.h"
#include "daemon/renew/scheduler_internal.h"

#define ASK_SECONDS 300

struct doubt {
	struct scheduler *scheduler;
	struct clock_timer *timer;
	struct directory_wait *wait;
	bool on;
	size_t next; /* the account whose CA is asked */
};

/* Only the Date of its answer is of interest, and that has been seen by now. */
static void
on_answer(const struct err *err, void *arg)
{
	struct doubt *d = arg;

	d->wait = NULL;
	if (err != NULL)
		log_debug("asking for the time: %s", err->text);
	if (clock_doubt() == NULL)
		clock_timer_set(d->timer, 1);
}

/* One CA at a time, or the clock of one that is wrong itself would be the last word. */
static void
ask(struct doubt *d)
{
	const struct config *config = d->scheduler->config;
	const char *name;
	struct account *account;

	if (d->wait != NULL || config == NULL || config->n_accounts == 0)
		return;
	name = config->accounts[d->next++ % config->n_accounts]->name;
	account = accounts_find(d->scheduler->deps.accounts, name);
	directory_forget(account_directory(account));
	d->wait = directory_load(account_directory(account), on_answer, d);
}

static void
on_time(bool stepped, void *arg)
{
	struct doubt *d = arg;

	if (!d->on)
		return;
	if (clock_doubt() == NULL) {
		d->on = false;
		log_info("the clock is trusted again");
		scheduler_wake_all(d->scheduler);
		return;
	}
	(void)stepped;
	ask(d);
	clock_timer_set(d->timer, clock_now() + ASK_SECONDS);
}

void
scheduler_look_at_clock(struct scheduler *s)
{
	const char *doubt = s->doubt->on ? NULL : clock_doubt();

	if (doubt == NULL)
		return;
	s->doubt->on = true;
	log_warn("the clock is in doubt, nothing is ordered: %s", doubt);
	clock_timer_set(s->doubt->timer, 1); /* what a CA said may be what is wrong */
}

void
scheduler_load_doubt(struct scheduler *s)
{
	s->doubt = xcalloc(1, sizeof(*s->doubt));
	s->doubt->scheduler = s;
	s->doubt->timer = clock_timer_new(s->deps.job.loop, on_time, s->doubt);
}

void
scheduler_free_doubt(struct scheduler *s)
{
	directory_wait_free(s->doubt->wait);
	clock_timer_free(s->doubt->timer);
	free(s->doubt);
}
