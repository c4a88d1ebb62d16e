/* SPDX-License-Identifier: ISC */
#include "daemon/renew/decide.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/config/config.h"
#include "daemon/renew/state.h"

#define HOUR 3600
#define DAY  86400

/* Certificates of fewer days are renewed at half of their life, as Let's Encrypt asks. */
#define SHORT_LIFETIME ((time_t)10 * DAY)

/* No failure is paused for longer: what says so is damaged, or from a wrong clock. */
#define PAUSE_MAX ((time_t)2 * DAY)

/* So many rapid renewals in a row may be meant. */
#define RAPID_FREE 2

static void because(struct decision *d, const char *code, const char *fmt, ...)
    PRINTF(3, 4);

static void
because(struct decision *d, const char *code, const char *fmt, ...)
{
	struct decide_reason *r;
	va_list args;

	if (d->n_reasons == DECIDE_REASONS_MAX)
		return;
	r = &d->reasons[d->n_reasons++];
	r->code = code;
	va_start(args, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, args);
	va_end(args);
}

/* Clocks differ: a certificate may end before the CA says it begins. */
static time_t
lifetime_of(time_t not_before, time_t not_after)
{
	return not_after > not_before ? not_after - not_before : 0;
}

time_t
decide_floor(time_t not_before, time_t not_after)
{
	time_t lifetime = lifetime_of(not_before, not_after);
	time_t left = lifetime / 10;

	/* A tenth of a certificate of six days would leave no night to mend anything. */
	if (left < DAY)
		left = DAY < lifetime / 4 ? DAY : lifetime / 4;
	return not_after - left;
}

time_t
decide_rapid(time_t not_before, time_t not_after)
{
	time_t tenth = lifetime_of(not_before, not_after) / 10;

	return tenth < DAY ? tenth : DAY;
}

/* Without renewal information: this much before the end. */
static time_t
remaining_wanted(const struct cert_options *options, time_t lifetime)
{
	const struct config_share *before = &options->renew_before;
	time_t wanted = before->seconds;
	time_t most = lifetime / 3 * 2;

	if (wanted == 0) {
		wanted = lifetime * before->percent / 100;
		if (lifetime < SHORT_LIFETIME && wanted < lifetime / 2)
			wanted = lifetime / 2;
	}
	/* 99%, or 30 days of 31, would renew a new one at once, and the next one, too. */
	return wanted < most ? wanted : most;
}

static void
by_dates(const struct decide_input *in, struct decision *d)
{
	time_t lifetime = lifetime_of(in->not_before, in->not_after);
	time_t remaining = remaining_wanted(in->options, lifetime);
	/* A hundredth of the life apart, or certificates of one day stay together for ever.
	 */
	time_t apart = (time_t)((uint64_t)(lifetime / 100) * in->spread / UINT32_MAX);
	char left[TIMEFMT_SIZE];

	d->due_at = in->not_after - remaining + apart;
	because(d, "dates",
	    "without renewal information it is renewed %s before it expires",
	    timefmt_duration(remaining - apart, left));
}

static void
by_window(const struct decide_input *in, struct decision *d)
{
	const struct state_ari *ari = &in->state->ari;
	char start[TIMEFMT_SIZE], end[TIMEFMT_SIZE], drawn[TIMEFMT_SIZE];

	d->due_at = ari->drawn;
	because(d, "window", "the CA suggests %s to %s; drawn from it: %s",
	    timefmt_rfc3339(ari->start, start), timefmt_rfc3339(ari->end, end),
	    timefmt_rfc3339(ari->drawn, drawn));
	if (ari->explanation != NULL)
		because(d, "explanation", "the CA explains: %s", ari->explanation);
}

/* What is known about the window belongs to the certificate in force. */
static bool
has_window(const struct decide_input *in)
{
	return in->options->renew_ari && str_eq(in->state->ari.cert_id, in->ari_id) &&
	       in->ari_id != NULL && in->state->ari.drawn != 0;
}

static void
when_to_renew(const struct decide_input *in, struct decision *d)
{
	time_t floor = decide_floor(in->not_before, in->not_after);
	char at[TIMEFMT_SIZE];

	if (has_window(in))
		by_window(in, d);
	else
		by_dates(in, d);
	if (d->due_at > floor) {
		d->due_at = floor;
		because(d, "floor", "not later than %s, when little of its life is left",
		    timefmt_rfc3339(floor, at));
	}
	if (in->not_after <= in->now)
		because(d, "expired", "it expired %s", timefmt_rfc3339(in->not_after, at));
}

static void
when_to_poll(const struct decide_input *in, struct decision *d)
{
	const struct state_ari *ari = &in->state->ari;
	bool same = str_eq(ari->cert_id, in->ari_id);
	char at[TIMEFMT_SIZE];

	if (!in->options->renew_ari) {
		because(d, "ari-off",
		    "renewal information is switched off (renew.ari: false)");
		return;
	}
	if (in->ari_id == NULL || !in->ari_askable) {
		because(d, "ari-none", "%s",
		    in->ari_id == NULL
			? "the certificate names no key of its issuer: no renewal "
			  "information"
			: "the CA that issued it is none of the configuration: not asked");
		return;
	}
	if (in->not_after <= in->now)
		return; /* RFC 9773: no use in asking after expiry */
	/* An answer from the future is one of before the clock was set back. */
	d->poll_at = same && ari->next_poll > 0 && ari->polled_at <= in->now
			 ? ari->next_poll
			 : in->now;
	if (same && ari->unsupported)
		because(d, "ari-unsupported", "the CA has no renewal information");
	if (same && ari->error != NULL)
		because(d, "ari-error", "asking the CA failed %u time%s: %s", ari->errors,
		    ari->errors == 1 ? "" : "s", ari->error);
	because(d, "poll", "the CA is asked again %s", timefmt_rfc3339(d->poll_at, at));
}

/* A window that is always in the past, names that the CA writes in its own way: whatever
 * has it issued again and again. */
static void
not_too_often(const struct decide_input *in, struct decision *d)
{
	const struct cert_state *s = in->state;
	time_t most = decide_rapid(in->not_before, in->not_after);
	time_t pause = HOUR;
	char at[TIMEFMT_SIZE];

	if (!in->have_cert || s->rapid < RAPID_FREE || s->issued_at > in->now)
		return;
	for (unsigned i = RAPID_FREE; i < s->rapid && pause < most; i++)
		pause *= 2;
	if (pause > most)
		pause = most;
	if (s->issued_at + pause <= d->act_at)
		return;
	d->act_at = s->issued_at + pause;
	because(d, "rapid", "issued %u times in quick succession: not again before %s",
	    s->rapid + 1, timefmt_rfc3339(d->act_at, at));
}

static void
not_before_retry(const struct decide_input *in, struct decision *d)
{
	const struct cert_state *s = in->state;
	char at[TIMEFMT_SIZE];

	if (s->failures == 0)
		return;
	because(d, "failed", "failed %u time%s, last %s: %s", s->failures,
	    s->failures == 1 ? "" : "s", timefmt_rfc3339(s->failed_at, at),
	    s->error ? s->error : "");
	if (s->retry_at <= d->act_at || s->failed_at > in->now ||
	    s->retry_at > in->now + PAUSE_MAX)
		return;
	d->act_at = s->retry_at;
	because(d, "backoff", "the last attempt failed, the next one is not before %s",
	    timefmt_rfc3339(s->retry_at, at));
}

void
decide(const struct decide_input *in, struct decision *ret)
{
	struct decision *d = ret;

	d->n_reasons = 0;
	d->poll_at = 0;
	d->due_at = in->now;
	d->action = in->have_cert ? DECIDE_RENEW : DECIDE_ISSUE;
	if (in->running)
		because(d, "running", "an order is under way");
	if (!in->have_cert)
		because(d, "none", "there is no certificate yet%s%s",
		    in->damage ? " that could be used: " : "",
		    in->damage ? in->damage : "");
	else
		when_to_renew(in, d);
	if (in->have_cert && in->changed != NULL) {
		d->due_at = in->now;
		because(d, "changed", "the configuration wants another one: %s",
		    in->changed);
	}
	if (in->have_cert && in->unfinished && !in->running) {
		d->due_at = in->now;
		because(d, "order", "an order that was begun is not finished");
	}
	if (in->have_cert)
		when_to_poll(in, d);
	d->act_at = d->due_at;
	not_too_often(in, d);
	not_before_retry(in, d);
}

const char *
decide_action_name(enum decide_action action)
{
	static const char *const names[DECIDE_ACTION_COUNT] = {
		[DECIDE_ISSUE] = "issue",
		[DECIDE_RENEW] = "renew",
	};

	return names[action];
}

/* The reason that settled the instant: the last one that could. */
static const struct decide_reason *
deciding(const struct decision *d)
{
	static const char *const settling[] = { "backoff", "rapid", "changed", "order",
		"none", "floor", "window", "dates", NULL };

	for (const char *const *code = settling; *code != NULL; code++)
		for (size_t i = 0; i < d->n_reasons; i++)
			if (str_eq(d->reasons[i].code, *code))
				return &d->reasons[i];
	return NULL;
}

char *
decide_sentence(const struct decision *d, time_t now)
{
	const struct decide_reason *why = deciding(d);
	const char *verb = d->action == DECIDE_ISSUE ? "to be issued" : "to be renewed";
	char at[TIMEFMT_SIZE], relative[TIMEFMT_SIZE];

	if (d->n_reasons > 0 && str_eq(d->reasons[0].code, "running"))
		return xstrdup("an order is under way");
	if (d->act_at <= now)
		return xasprintf("%s now: %s", verb, why ? why->text : "it is due");
	return xasprintf("%s %s (%s): %s", verb, timefmt_rfc3339(d->act_at, at),
	    timefmt_relative(d->act_at, now, relative), why ? why->text : "");
}
