/* SPDX-License-Identifier: ISC */
/* With which account a certificate is ordered, and what keeps it from that. */
#include <stdarg.h>
#include <stdio.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/acme/account.h"
#include "daemon/crypto/cert.h"
#include "daemon/io/clock.h"
#include "daemon/renew/scheduler_internal.h"

/* So often in a row it fails before another account of the list has its turn. */
#define TRIES_EACH 3

/* A CA that is given up in favour of another is tried again after so long. */
#define UNTRIED_SECONDS 3600

/* While the one that tries a CA is under way, the others look so often what came of it. */
#define PROBE_SECONDS 15

/* A clock in doubt is looked at again after this long. */
#define DOUBT_SECONDS 300

/* ---- which account ---- */

/* What nobody else has tried for an hour is tried by the next one who would like to have
 * it, or it would never be well again. */
static bool
is_failing(const struct managed *m, const char *name)
{
	struct account *a = accounts_find(m->scheduler->deps.accounts, name);
	const struct ca *ca =
	    a ? scheduler_find_ca(m->scheduler, account_directory_url(a)) : NULL;
	time_t now = clock_now();

	if (ca == NULL || !breaker_is_failing(&ca->breaker))
		return false;
	return breaker_ask(&ca->breaker, now - UNTRIED_SECONDS) != BREAKER_PROBE;
}

const char *
managed_account(const struct managed *m)
{
	char **list = m->config->options->accounts;
	size_t n = strv_length((const char *const *)list);
	size_t first = m->state.failures / TRIES_EACH % n;

	/* An order that was begun is gone on with where it was placed. */
	if (managed_order(m) != NULL && !is_failing(m, m->state.order_account))
		for (size_t i = 0; i < n; i++)
			if (str_eq(list[i], m->state.order_account))
				return list[i];
	for (size_t i = 0; i < n; i++)
		if (!is_failing(m, list[(first + i) % n]))
			return list[(first + i) % n];
	return list[first];
}

/* ---- what keeps it ---- */

static void add(struct managed_holds *h, const struct decide_hold *hold, const char *fmt,
    ...) PRINTF(3, 4);

static void
add(struct managed_holds *h, const struct decide_hold *hold, const char *fmt, ...)
{
	va_list args;

	if (h->count == MANAGED_HOLDS)
		return;
	va_start(args, fmt);
	vsnprintf(h->texts[h->count], sizeof(h->texts[0]), fmt, args);
	va_end(args);
	h->list[h->count] = *hold;
	h->list[h->count].text = h->texts[h->count];
	h->count++;
}

static void
by_person(const struct managed *m, struct managed_holds *h)
{
	const struct state_hold *s = &m->state.hold;
	struct decide_hold hold = { .code = "hold",
		.until = s->until ? s->until : DECIDE_NEVER,
		.binds = true };
	char at[TIMEFMT_SIZE];

	if (s->on)
		add(h, &hold, "on hold until %s%s%s",
		    s->until ? timefmt_rfc3339(s->until, at) : "\"acmectl resume\"",
		    s->why ? ": " : "", s->why ? s->why : "");
}

static void
by_clock(struct managed_holds *h, time_t now)
{
	const char *doubt = clock_doubt();
	struct decide_hold hold = { .code = "clock",
		.until = now + DOUBT_SECONDS,
		.binds = true };

	if (doubt != NULL)
		add(h, &hold, "nothing is ordered while the clock is in doubt: %s", doubt);
}

static void
by_breaker(const struct managed *m, const char *account, struct managed_holds *h,
    time_t now)
{
	struct account *a = accounts_find(m->scheduler->deps.accounts, account);
	const struct ca *ca =
	    a ? scheduler_find_ca(m->scheduler, account_directory_url(a)) : NULL;
	struct decide_hold hold = { .code = "breaker" };
	char at[TIMEFMT_SIZE];

	if (ca == NULL || m->probes == ca || breaker_ask(&ca->breaker, now) != BREAKER_HOLD)
		return;
	hold.until =
	    ca->breaker.probe_at > now ? ca->breaker.probe_at : now + PROBE_SECONDS;
	add(h, &hold, "%s failed %u time%s in a row: one order tries it %s", ca->directory,
	    ca->breaker.failures, ca->breaker.failures == 1 ? "" : "s",
	    timefmt_rfc3339(hold.until, at));
}

static void
by_budget(const struct managed *m, enum ledger_kind kind, const char *account,
    const char *what, struct managed_holds *h)
{
	static const char *const nouns[] = { [LEDGER_ORDERS] = "orders of account",
		[LEDGER_DUPLICATES] = "certificates of just these names from",
		[LEDGER_FAILED] = "failed validations of" };
	struct scheduler *s = m->scheduler;
	struct ledger_budget budget = scheduler_budget(s, kind, account);
	const struct account_config *a = config_account(s->config, account);
	const char *who = kind == LEDGER_DUPLICATES && a ? a->directory : account;
	struct decide_hold hold = { .code = "budget", .binds = true };
	time_t now = clock_now();
	char at[TIMEFMT_SIZE], per[TIMEFMT_SIZE];

	if (budget.limit == 0)
		return;
	hold.until = ledger_next(s->ledger, kind, who, what, budget, now);
	if (hold.until > now)
		add(h, &hold, "%u %s %s within %s are used up, the next is %s",
		    budget.limit, nouns[kind], kind == LEDGER_FAILED ? what : who,
		    timefmt_duration(budget.per, per), timefmt_rfc3339(hold.until, at));
}

static void
by_ledger(const struct managed *m, const char *account, struct managed_holds *h)
{
	CLEAN(string) char *set = NULL;

	/* An order that was placed is no further one. */
	if (ledger_count(m->scheduler->ledger) == 0 ||
	    (managed_order(m) != NULL && str_eq(m->state.order_account, account)))
		return;
	set = ledger_set_key((const char *const *)m->config->names);
	by_budget(m, LEDGER_ORDERS, account, "", h);
	by_budget(m, LEDGER_DUPLICATES, account, set, h);
	for (char **name = m->config->names; *name != NULL && h->count < MANAGED_HOLDS;
	     name++)
		by_budget(m, LEDGER_FAILED, account, *name, h);
}

/* ---- what is left ---- */

static unsigned
left_of(const struct managed *m, enum ledger_kind kind, struct ledger_budget budget)
{
	const char *account = managed_account(m);
	const struct account_config *a = config_account(m->scheduler->config, account);
	struct ledger *ledger = m->scheduler->ledger;
	time_t now = clock_now();
	unsigned least = budget.limit;
	CLEAN(string) char *set = NULL;

	if (kind == LEDGER_ORDERS)
		return ledger_left(ledger, kind, account, "", budget, now);
	if (kind == LEDGER_DUPLICATES) {
		set = ledger_set_key((const char *const *)m->config->names);
		return ledger_left(ledger, kind, a ? a->directory : "", set, budget, now);
	}
	for (char **name = m->config->names; *name != NULL; name++) {
		unsigned left = ledger_left(ledger, kind, account, *name, budget, now);

		if (left < least)
			least = left;
	}
	return least;
}

size_t
managed_budgets(const struct managed *m, struct cert_budget *ret)
{
	static const char *const nouns[LEDGER_KIND_COUNT] = { [LEDGER_ORDERS] = "orders",
		[LEDGER_DUPLICATES] = "certificates of the same names",
		[LEDGER_FAILED] = "failed validations of a name" };
	const char *account = managed_account(m);
	size_t n = 0;

	for (int kind = 0; kind < LEDGER_KIND_COUNT; kind++) {
		struct ledger_budget b =
		    scheduler_budget(m->scheduler, (enum ledger_kind)kind, account);

		if (b.limit == 0)
			continue;
		ret[n++] = (struct cert_budget){ .what = nouns[kind],
			.limit = b.limit,
			.left = left_of(m, (enum ledger_kind)kind, b),
			.per = b.per };
	}
	return n;
}

void
managed_holds(const struct managed *m, struct managed_holds *ret)
{
	const char *account = managed_account(m);
	time_t now = clock_now();

	ret->count = 0;
	by_person(m, ret);
	by_clock(ret, now);
	by_breaker(m, account, ret, now);
	by_ledger(m, account, ret);
}
