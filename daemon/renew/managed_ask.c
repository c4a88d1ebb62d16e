/* SPDX-License-Identifier: ISC */
/* What a person wants of one certificate. */
#include "common/log.h"
#include "common/mem.h"
#include "common/timefmt.h"
#include "daemon/io/clock.h"
#include "daemon/renew/scheduler_internal.h"

int
managed_ask(struct managed *m, enum scheduler_ask ask, struct err *err)
{
	const struct state_hold *hold = &m->state.hold;

	if (m->job != NULL || m->waiting || m->wish != WISH_NONE || m->rollback != NULL)
		return err_set(err, ERR_BUSY, "%s: an order is under way", m->config->name);
	if (ask == ASK_NOW && hold->on && (hold->until == 0 || hold->until > clock_now()))
		return err_set(err, ERR_REFUSED,
		    "%s is on hold%s%s: run \"acmectl resume %s\" first", m->config->name,
		    hold->why ? ", " : "", hold->why ? hold->why : "", m->config->name);
	m->wish = ask == ASK_NOW ? WISH_NOW : WISH_IF_DUE;
	m->asked = false;
	managed_stop_poll(m);
	/* Begun by the loop: whoever asks may want to subscribe first. */
	scheduler_wake_at(m->scheduler, m, 1);
	return 0;
}

void
managed_hold(struct managed *m, time_t until, const char *why)
{
	char at[TIMEFMT_SIZE];

	m->state.hold.on = true;
	m->state.hold.until = until;
	state_set(&m->state.hold.why, why);
	if (m->job == NULL)
		managed_cancel(m, "it was put on hold");
	log_info("%s: on hold until %s", m->config->name,
	    until ? timefmt_rfc3339(until, at) : "somebody says so");
	managed_tell(m, EVENT_HELD, NULL, why ? why : "on hold", NULL);
	managed_save(m);
	scheduler_wake_at(m->scheduler, m, 1);
}

void
managed_resume(struct managed *m)
{
	m->state.hold.on = false;
	m->state.hold.until = 0;
	state_set(&m->state.hold.why, NULL);
	log_info("%s: no longer on hold", m->config->name);
	managed_tell(m, EVENT_RESUMED, NULL, "no longer on hold", NULL);
	managed_save(m);
	scheduler_wake_at(m->scheduler, m, 1);
}
