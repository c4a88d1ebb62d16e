/* SPDX-License-Identifier: ISC */
#include "daemon/renew/decide.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/mem.h"
#include "common/str.h"
#include "common/timefmt.h"
#include "daemon/config/config.h"
#include "daemon/renew/state.h"
#include "daemon/renew/window.h"

#define HOUR 3600
#define DAY  86400

/* Certificates of fewer days are renewed at half of their life, as Let's Encrypt asks. */
#define SHORT_LIFETIME ((time_t)10 * DAY)

/* No failure is paused for longer: what says so is damaged, or from a wrong clock. */
#define PAUSE_MAX ((time_t)2 * DAY)

/* So many rapid renewals in a row may be meant. */
#define RAPID_FREE 2

/* With a tenth of its life left no failure of ours pauses for longer; and there are some
 * tries left for what lives for a day. */
#define LATE_PAUSE_MAX ((time_t)6 * HOUR)
#define LATE_PAUSE_MIN ((time_t)60)
#define LATE_TRIES     8

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

/* A thousand windows that moved into the past together are not ordered together. */
static void
spread_incident(const struct decide_input *in, struct decision *d)
{
	const struct state_ari *ari = &in->state->ari;
	time_t apart = (time_t)((uint64_t)in->incident_spread * in->spread / UINT32_MAX);
	char at[TIMEFMT_SIZE];

	if (!has_window(in) || ari->moved_at == 0 || ari->moved_at > in->now)
		return;
	because(d, "incident", "the CA moved the window forward, seen %s: an incident",
	    timefmt_rfc3339(ari->moved_at, at));
	if (d->act_at >= ari->moved_at + apart)
		return;
	d->act_at = ari->moved_at + apart;
	d->settled_by = "incident";
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
	if (d->poll_at < in->poll_from)
		d->poll_at = in->poll_from;
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
	d->settled_by = "rapid";
	because(d, "rapid", "issued %u times in quick succession: not again before %s",
	    s->rapid + 1, timefmt_rfc3339(d->act_at, at));
}

static time_t
late_pause(const struct decide_input *in, time_t late)
{
	time_t pause = (in->not_after - late) / LATE_TRIES;

	if (pause > LATE_PAUSE_MAX)
		return LATE_PAUSE_MAX;
	return pause > LATE_PAUSE_MIN ? pause : LATE_PAUSE_MIN;
}

/* Not before then after a failure. With little life left a pause that the CA did not ask
 * for ends early; with none left there is nothing to save by that. */
static time_t
retry_instant(const struct decide_input *in)
{
	const struct cert_state *s = in->state;
	time_t late = in->have_cert ? decide_floor(in->not_before, in->not_after) : 0;
	time_t latest;

	if (late == 0 || s->retry_firm || s->retry_at <= late ||
	    s->failed_at >= in->not_after)
		return s->retry_at;
	latest = (s->failed_at > late ? s->failed_at : late) + late_pause(in, late);
	return s->retry_at < latest ? s->retry_at : latest;
}

static void
not_before_retry(const struct decide_input *in, struct decision *d)
{
	const struct cert_state *s = in->state;
	time_t retry_at = retry_instant(in);
	char at[TIMEFMT_SIZE];

	if (s->failures == 0)
		return;
	because(d, "failed", "failed %u time%s, last %s: %s", s->failures,
	    s->failures == 1 ? "" : "s", timefmt_rfc3339(s->failed_at, at),
	    s->error ? s->error : "");
	if (s->page != NULL)
		because(d, "page", "the CA wants a person to visit %s", s->page);
	if (retry_at <= d->act_at || s->failed_at > in->now ||
	    s->retry_at > in->now + PAUSE_MAX)
		return;
	d->act_at = retry_at;
	d->settled_by = "backoff";
	because(d, "backoff", "the last attempt failed, the next one is not before %s",
	    timefmt_rfc3339(retry_at, at));
}

static void
not_while_held(const struct decide_input *in, struct decision *d)
{
	for (size_t i = 0; i < in->n_holds; i++) {
		const struct decide_hold *hold = &in->holds[i];

		if (hold->until <= in->now)
			continue;
		if (d->act_at < hold->until) {
			d->act_at = hold->until;
			d->settled_by = hold->code;
		}
		if (hold->binds && d->hand_at < hold->until)
			d->hand_at = hold->until;
		because(d, hold->code, "%s", hold->text);
	}
}

/* ---- into use ---- */

bool
decide_is_deployable(const struct cert_options *options)
{
	return options->n_outputs + options->n_deploy + options->n_verify > 0;
}

/* A window of the administrator holds a renewal, but neither the first certificate, nor
 * one that ends soon, nor what the CA wants replaced now. */
static void
wait_for_window(const struct decide_input *in, struct decision *d)
{
	const char *window = in->options->deploy_window;
	time_t opens = window_next(window, d->deploy_at);
	const struct state_deploy *s = &in->state->deploy;
	time_t lifetime = lifetime_of(in->not_before, in->not_after);
	time_t late = decide_floor(s->old_ends - lifetime, s->old_ends);
	char at[TIMEFMT_SIZE];

	if (opens <= d->deploy_at || late <= d->deploy_at || s->urgent ||
	    s->version != in->version || !str_eq(s->event, "renewed"))
		return;
	because(d, "deploy-window", "it goes into use in the window \"%s\", which opens %s",
	    window, timefmt_rfc3339(opens, at));
	d->deploy_at = opens < late ? opens : late;
}

static void
after_deploy_failed(const struct decide_input *in, struct decision *d)
{
	const struct state_deploy *s = &in->state->deploy;
	char at[TIMEFMT_SIZE];

	because(d, "deploy-failed", "putting it into use failed %u time%s, last %s: %s",
	    s->failures, s->failures == 1 ? "" : "s", timefmt_rfc3339(s->failed_at, at),
	    s->error ? s->error : "");
	if (s->failed_at <= in->now && s->retry_at <= in->now + PAUSE_MAX &&
	    s->retry_at > d->deploy_at)
		d->deploy_at = s->retry_at;
}

static void
when_to_deploy(const struct decide_input *in, struct decision *d)
{
	const struct state_deploy *s = &in->state->deploy;
	bool known = s->version == in->version;
	char at[TIMEFMT_SIZE];

	if (!in->have_cert || !decide_is_deployable(in->options))
		return;
	if (in->deploying)
		because(d, "deploying", "it is being put into use");
	if (known && s->stage != DEPLOY_STAGE_NONE && str_eq(s->config, in->config_hash)) {
		because(d, "deployed", "%s %s",
		    s->stage == DEPLOY_STAGE_VERIFIED ? "in use, and seen to be served,"
						      : "in use",
		    timefmt_rfc3339(s->done_at, at));
		return;
	}
	d->deploy_check = known && s->stage != DEPLOY_STAGE_NONE;
	d->deploy_at = in->now;
	if (known && s->failures > 0)
		after_deploy_failed(in, d);
	wait_for_window(in, d);
	if (!in->deploying)
		because(d, "not-deployed", "not in use yet; that is done %s",
		    timefmt_rfc3339(d->deploy_at, at));
}

void
decide(const struct decide_input *in, struct decision *ret)
{
	struct decision *d = ret;

	d->n_reasons = 0;
	d->poll_at = d->deploy_at = d->expiring_at = 0;
	d->deploy_check = false;
	d->settled_by = NULL;
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
	if (in->have_cert) {
		when_to_poll(in, d);
		d->expiring_at = decide_floor(in->not_before, in->not_after);
	}
	d->act_at = d->due_at;
	d->hand_at = d->due_at;
	if (in->have_cert)
		spread_incident(in, d);
	not_too_often(in, d);
	not_before_retry(in, d);
	not_while_held(in, d);
	when_to_deploy(in, d);
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

static const struct decide_reason *
find_reason(const struct decision *d, const char *code)
{
	for (size_t i = 0; i < d->n_reasons; i++)
		if (str_eq(d->reasons[i].code, code))
			return &d->reasons[i];
	return NULL;
}

/* The reason that settled the instant: the last one that could. */
static const struct decide_reason *
deciding(const struct decision *d)
{
	static const char *const settling[] = { "changed", "order", "none", "floor",
		"window", "dates", NULL };
	const struct decide_reason *found =
	    d->settled_by ? find_reason(d, d->settled_by) : NULL;

	for (const char *const *code = settling; found == NULL && *code != NULL; code++)
		found = find_reason(d, *code);
	return found;
}

char *
decide_sentence(const struct decision *d, time_t now)
{
	const struct decide_reason *why = deciding(d);
	const char *verb = d->action == DECIDE_ISSUE ? "to be issued" : "to be renewed";
	char at[TIMEFMT_SIZE], relative[TIMEFMT_SIZE];

	if (d->n_reasons > 0 && str_eq(d->reasons[0].code, "running"))
		return xstrdup("an order is under way");
	if (d->act_at >= DECIDE_NEVER)
		return xasprintf("nothing: %s", why ? why->text : "");
	if (d->act_at <= now)
		return xasprintf("%s now: %s", verb, why ? why->text : "it is due");
	return xasprintf("%s %s (%s): %s", verb, timefmt_rfc3339(d->act_at, at),
	    timefmt_relative(d->act_at, now, relative), why ? why->text : "");
}
