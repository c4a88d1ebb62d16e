/* SPDX-License-Identifier: ISC */
/* What is known of the CAs: whether they answer, and whether they have an incident. */
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/acme/account.h"
#include "daemon/crypto/cert.h"
#include "daemon/io/clock.h"
#include "daemon/io/random.h"
#include "daemon/renew/scheduler_internal.h"

/* All certificates of a CA are asked about within this many seconds of an incident. */
#define INCIDENT_ASK 60

/* Windows that move while an incident is looked into are part of it. */
#define INCIDENT_LASTS 3600

struct ca *
scheduler_find_ca(const struct scheduler *s, const char *directory)
{
	struct ca *ca;

	TAILQ_FOREACH (ca, &s->cas, entry) {
		if (str_eq(ca->directory, directory))
			return ca;
	}
	return NULL;
}

struct ca *
scheduler_ca(struct scheduler *s, const char *directory)
{
	struct ca *ca = scheduler_find_ca(s, directory);

	if (ca != NULL)
		return ca;
	ca = xcalloc(1, sizeof(*ca));
	ca->directory = xstrdup(directory);
	TAILQ_INSERT_TAIL(&s->cas, ca, entry);
	return ca;
}

void
scheduler_free_cas(struct scheduler *s)
{
	struct ca *ca, *next;

	for (ca = TAILQ_FIRST(&s->cas); ca != NULL; ca = next) {
		next = TAILQ_NEXT(ca, entry);
		free(ca->directory);
		free(ca);
	}
}

/* ---- whether it answers ---- */

/* It was not reached, or it is ill: not where it only wants one of ours to wait. */
static bool
speaks_of_the_ca(const struct err *err)
{
	return err->kind == ERR_NETWORK || err->status >= 500;
}

/* Those that failed because of it are tried again soon, a few at a time. */
static void
wake_those_of(struct scheduler *s, const char *directory)
{
	time_t now = clock_now();

	for (size_t i = 0; i < s->count; i++) {
		struct managed *m = s->list[i];
		struct account *account =
		    accounts_find(s->deps.accounts, managed_account(m));

		if (account == NULL || !str_eq(account_directory_url(account), directory))
			continue;
		if (m->state.failures > 0 && m->state.kind == ERR_NETWORK)
			m->state.retry_at = now + random_u32() % 30;
		if (m->job == NULL && !m->waiting)
			scheduler_wake_at(s, m, 1);
	}
}

void
scheduler_ca_said(struct scheduler *s, const char *directory, const struct err *err)
{
	struct ca *ca = scheduler_ca(s, directory);
	char at[TIMEFMT_SIZE];

	if (err == NULL || !speaks_of_the_ca(err)) {
		if (err != NULL && err->kind != ERR_REFUSED && err->kind != ERR_BUSY)
			return; /* it may not even have been asked */
		if (!breaker_worked(&ca->breaker))
			return;
		log_info("%s answers again", directory);
		wake_those_of(s, directory);
		return;
	}
	if (breaker_failed(&ca->breaker, err, clock_now(), random_u32()))
		log_warn("%s fails, nothing more is asked of it until %s: %s", directory,
		    timefmt_rfc3339(ca->breaker.probe_at, at), err->text);
}

/* ---- an incident ---- */

static bool
has_incident(const struct ca *ca, time_t now)
{
	return ca != NULL && ca->incident_at != 0 && ca->incident_at <= now &&
	       now < ca->incident_at + INCIDENT_LASTS;
}

/* All in the same minute. */
static void
ask_soon(struct managed *m, time_t now)
{
	m->state.ari.next_poll = now + random_u32() % INCIDENT_ASK;
}

void
scheduler_recall_incidents(struct scheduler *s)
{
	time_t now = clock_now();

	for (size_t i = 0; i < s->count; i++) {
		const struct cert_state *state = &s->list[i]->state;
		struct ca *ca = state->ari.moved_at != 0 && state->issued_by != NULL
				    ? scheduler_ca(s, state->issued_by)
				    : NULL;

		if (ca != NULL && ca->incident_at < state->ari.moved_at)
			ca->incident_at = state->ari.moved_at;
	}
	for (size_t i = 0; i < s->count; i++) {
		struct managed *m = s->list[i];
		const struct ca *ca = scheduler_find_ca(s, m->state.issued_by);

		if (has_incident(ca, now) && m->state.ari.polled_at < ca->incident_at)
			ask_soon(m, now);
	}
}

void
scheduler_incident(struct scheduler *s, struct managed *first)
{
	struct ca *ca = scheduler_ca(s, first->state.issued_by);
	time_t now = clock_now();
	size_t n = 0;
	CLEAN(string) char *text = NULL, *others = NULL;

	if (has_incident(ca, now))
		return;
	ca->incident_at = now;
	for (size_t i = 0; i < s->count; i++) {
		struct managed *m = s->list[i];

		if (m == first || !str_eq(m->state.issued_by, ca->directory))
			continue;
		ask_soon(m, now);
		if (m->job == NULL && !m->waiting && m->ari == NULL && !m->poll_waiting)
			scheduler_wake_at(s, m, 1);
		n++;
	}
	others = n > 0 ? xasprintf(": it is asked about all %zu others that it issued", n)
		       : xstrdup("");
	text = xasprintf("%s moved a renewal window forward%s%s%s", ca->directory,
	    first->state.ari.explanation ? ", see " : "",
	    first->state.ari.explanation ? first->state.ari.explanation : "", others);
	log_warn("%s: incident: %s", first->config->name, text);
	managed_tell(first, EVENT_INCIDENT, NULL, text, NULL);
}
