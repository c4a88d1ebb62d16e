/* SPDX-License-Identifier: ISC */
/* Asking the CA that issued a certificate when it wants it renewed (RFC 9773). */
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/acme/account.h"
#include "daemon/acme/ari.h"
#include "daemon/acme/retry.h"
#include "daemon/crypto/cert.h"
#include "daemon/io/clock.h"
#include "daemon/io/random.h"
#include "daemon/renew/scheduler_internal.h"

/* With more certificates than these an answer like the one before is not put on disk: it
 * would be busy with that, and a start spreads what seems to be overdue. */
#define SAVED_EACH 1000

/* Asking again where the CA did not say when, and after it failed for good. */
#define POLL_DEFAULT ((time_t)6 * 3600)

static time_t
clamp_poll(const struct managed *m, time_t pause)
{
	const struct config *config = m->scheduler->config;

	if (pause < config->ari_poll_min)
		return config->ari_poll_min;
	return pause > config->ari_poll_max ? config->ari_poll_max : pause;
}

/* What was asked about together would be for ever: up to a tenth later, and never earlier
 * than the CA wants it. */
static time_t
spread_poll(time_t pause)
{
	return pause + (time_t)((uint64_t)(pause / 10) * random_u32() / UINT32_MAX);
}

static void
tell_window(struct managed *m)
{
	const struct state_ari *ari = &m->state.ari;
	char start[TIMEFMT_SIZE], end[TIMEFMT_SIZE], drawn[TIMEFMT_SIZE];
	CLEAN(string)
	char *text = xasprintf("the CA suggests renewal from %s to %s, drawn: %s%s%s",
	    timefmt_rfc3339(ari->start, start), timefmt_rfc3339(ari->end, end),
	    timefmt_rfc3339(ari->drawn, drawn), ari->explanation ? ", see " : "",
	    ari->explanation ? ari->explanation : "");

	log_info("%s: %s", m->config->name, text);
	managed_tell(m, EVENT_ARI, NULL, text, NULL);
}

/* A window that comes earlier than it was, or that is over before anything was known of
 * it while the certificate is young: the CA wants it replaced. Where a CA moves a window
 * by a little, it only smooths its load. */
static bool
jumped_forward(const struct managed *m, const struct ari_window *window)
{
	const struct state_ari *old = &m->state.ari;
	time_t lifetime = m->info->not_after - m->info->not_before;
	time_t now = clock_now();

	if (old->drawn != 0)
		return window->end < old->start &&
		       (window->end <= now || old->start - window->start > lifetime / 20);
	return window->end <= now && window->end < m->info->not_before + lifetime / 2;
}

/* RFC 9773, section 4.2: an instant of the window, drawn once for each window. */
static void
take_window(struct managed *m, const struct ari_answer *answer)
{
	struct state_ari *ari = &m->state.ari;
	CLEAN(string) char *page = NULL;
	bool forward, back;

	ari->unsupported = false;
	if (ari->drawn != 0 && ari->start == answer->window.start &&
	    ari->end == answer->window.end)
		return;
	forward = jumped_forward(m, &answer->window);
	back = answer->window.start > ari->start;
	ari->start = answer->window.start;
	ari->end = answer->window.end;
	ari->drawn = ari_pick(&answer->window, random_u32());
	if (answer->explanation != NULL)
		page = str_printable(answer->explanation, 500);
	state_set(&ari->explanation, page);
	tell_window(m);
	if (back && !forward)
		ari->moved_at = 0; /* it thought better of it */
	if (!forward)
		return;
	ari->moved_at = clock_now();
	scheduler_incident(m->scheduler, m);
}

static void
poll_failed(struct managed *m, const struct err *err)
{
	struct state_ari *ari = &m->state.ari;
	time_t pause = POLL_DEFAULT;

	if (!str_eq(ari->error, err->text))
		log_warn("%s: %s", m->config->name, err->text);
	state_set(&ari->error, err->text);
	ari->errors++;
	if ((err->kind == ERR_NETWORK || err->kind == ERR_BUSY) &&
	    retry_attempt(err, ari->errors) < pause)
		pause = retry_attempt(err, ari->errors);
	ari->next_poll = clock_now() + clamp_poll(m, random_jitter(pause, 20));
}

/* Numbers only: the strings may be gone, and change with these. */
static bool
says_otherwise(const struct state_ari *before, const struct state_ari *ari)
{
	return ari->start != before->start || ari->end != before->end ||
	       ari->drawn != before->drawn || ari->moved_at != before->moved_at ||
	       ari->unsupported != before->unsupported || ari->errors != before->errors;
}

static void
on_ari(const struct ari_answer *answer, const struct err *err, void *arg)
{
	struct managed *m = arg;
	struct state_ari *ari = &m->state.ari;
	const struct state_ari before = *ari;
	bool news = m->unsaved || !str_eq(ari->cert_id, m->info->ari_id);
	time_t now = clock_now();

	m->ari = NULL;
	m->asked = true;
	scheduler_ca_said(m->scheduler, m->state.issued_by, err);
	managed_stop_probing(m);
	if (!str_eq(ari->cert_id, m->info->ari_id)) {
		state_ari_clear(ari);
		ari->cert_id = xstrdup(m->info->ari_id);
	}
	ari->polled_at = now;
	if (err != NULL) {
		poll_failed(m, err);
	} else {
		state_set(&ari->error, NULL);
		ari->errors = 0;
		ari->unsupported = answer == NULL;
		ari->next_poll =
		    now + spread_poll(clamp_poll(m, answer && answer->retry_after
							? answer->retry_after
							: POLL_DEFAULT));
		if (answer != NULL)
			take_window(m, answer);
	}
	if (news || says_otherwise(&before, ari) || m->scheduler->count <= SAVED_EACH)
		managed_save(m);
	scheduler_poll_ended(m->scheduler);
	managed_think(m);
}

/* Of the CA that issued it, for this one. */
static enum breaker_answer
ask_breaker(const struct managed *m, const struct ca *ca)
{
	enum breaker_answer answer =
	    ca != NULL ? breaker_ask(&ca->breaker, clock_now()) : BREAKER_GO;

	return answer == BREAKER_HOLD && m->wish != WISH_NONE ? BREAKER_GO : answer;
}

bool
managed_poll_now(struct managed *m)
{
	struct account *issuer = managed_issuer(m);
	struct ca *ca = scheduler_find_ca(m->scheduler, m->state.issued_by);
	enum breaker_answer answer = ask_breaker(m, ca);

	if (issuer == NULL || answer == BREAKER_HOLD)
		return false;
	if (answer == BREAKER_PROBE) {
		breaker_begin_probe(&ca->breaker);
		m->probes = ca;
	}
	m->ari = ari_fetch_start(account_directory(issuer), m->info->ari_id, on_ari, m);
	return true;
}

/* While its CA fails nobody asks: the one order or question that tries it does. */
time_t
managed_start_poll(struct managed *m)
{
	struct ca *ca = scheduler_find_ca(m->scheduler, m->state.issued_by);
	time_t now = clock_now();

	if (ask_breaker(m, ca) == BREAKER_HOLD) {
		m->state.ari.next_poll =
		    (ca->breaker.probe_at > now ? ca->breaker.probe_at : now) + 1 +
		    random_u32() % 60;
		return m->state.ari.next_poll;
	}
	scheduler_enqueue_poll(m->scheduler, m);
	return 0;
}

void
managed_stop_poll(struct managed *m)
{
	scheduler_leave_polls(m->scheduler, m);
	if (m->ari == NULL)
		return;
	ari_fetch_free(TAKE(m->ari));
	managed_stop_probing(m);
	scheduler_poll_ended(m->scheduler);
}
