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

	if (old->drawn != 0)
		return window->end < old->start &&
		       old->start - window->start > lifetime / 20;
	return window->end <= clock_now() &&
	       window->end < m->info->not_before + lifetime / 2;
}

/* RFC 9773, section 4.2: an instant of the window, drawn once for each window. */
static void
take_window(struct managed *m, const struct ari_answer *answer)
{
	struct state_ari *ari = &m->state.ari;
	CLEAN(string) char *page = NULL;
	bool forward;

	ari->unsupported = false;
	if (ari->drawn != 0 && ari->start == answer->window.start &&
	    ari->end == answer->window.end)
		return;
	forward = jumped_forward(m, &answer->window);
	ari->start = answer->window.start;
	ari->end = answer->window.end;
	ari->drawn = ari_pick(&answer->window, random_u32());
	if (answer->explanation != NULL)
		page = str_printable(answer->explanation, 500);
	state_set(&ari->explanation, page);
	tell_window(m);
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

static void
on_ari(const struct ari_answer *answer, const struct err *err, void *arg)
{
	struct managed *m = arg;
	struct state_ari *ari = &m->state.ari;
	time_t now = clock_now();

	m->ari = NULL;
	m->asked = true;
	m->probes = false;
	scheduler_ca_said(m->scheduler, m->state.issued_by, err);
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
		    now + clamp_poll(m, answer && answer->retry_after ? answer->retry_after
								      : POLL_DEFAULT);
		if (answer != NULL)
			take_window(m, answer);
	}
	managed_save(m);
	scheduler_poll_ended(m->scheduler);
	managed_think(m);
}

void
managed_poll_now(struct managed *m)
{
	struct account *issuer = managed_issuer(m);
	struct ca *ca = scheduler_find_ca(m->scheduler, m->state.issued_by);

	if (ca != NULL && breaker_ask(&ca->breaker, clock_now()) == BREAKER_PROBE) {
		breaker_begin_probe(&ca->breaker);
		m->probes = true;
	}
	m->ari = ari_fetch_start(account_directory(issuer), m->info->ari_id, on_ari, m);
}

/* While its CA fails nobody asks: the one order or question that tries it does. */
void
managed_start_poll(struct managed *m)
{
	struct ca *ca = scheduler_find_ca(m->scheduler, m->state.issued_by);
	time_t now = clock_now();

	if (ca != NULL && m->wish == WISH_NONE &&
	    breaker_ask(&ca->breaker, now) == BREAKER_HOLD) {
		m->state.ari.next_poll =
		    (ca->breaker.probe_at > now ? ca->breaker.probe_at : now) + 1 +
		    random_u32() % 60;
		scheduler_wake_at(m->scheduler, m, m->state.ari.next_poll);
		return;
	}
	scheduler_wake_at(m->scheduler, m, 0);
	scheduler_enqueue_poll(m->scheduler, m);
}

void
managed_stop_poll(struct managed *m)
{
	scheduler_leave_polls(m->scheduler, m);
	if (m->ari == NULL)
		return;
	ari_fetch_free(TAKE(m->ari));
	scheduler_poll_ended(m->scheduler);
}
