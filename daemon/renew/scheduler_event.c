/* SPDX-License-Identifier: ISC */
/* Who is told what happens. */
#include "common/mem.h"
#include "daemon/renew/scheduler_internal.h"

struct subscription {
	TAILQ_ENTRY(subscription) entry;
	struct scheduler *scheduler;
	scheduler_event_fn *fn;
	void *arg;
};

const char *
event_type_name(enum event_type type)
{
	static const char *const names[EVENT_TYPE_COUNT] = {
		[EVENT_STEP] = "step",
		[EVENT_ISSUED] = "issued",
		[EVENT_RENEWED] = "renewed",
		[EVENT_KEPT] = "kept",
		[EVENT_FAILED] = "failed",
		[EVENT_DEPLOYED] = "deployed",
		[EVENT_VERIFIED] = "verified",
		[EVENT_DEPLOY_FAILED] = "deploy-failed",
		[EVENT_ROLLED_BACK] = "rolled-back",
		[EVENT_ARI] = "ari",
		[EVENT_INCIDENT] = "incident",
		[EVENT_EXPIRING] = "expiring",
		[EVENT_RECOVERED] = "recovered",
		[EVENT_HELD] = "held",
		[EVENT_RESUMED] = "resumed",
		[EVENT_RELOADED] = "reloaded",
	};

	return names[type];
}

struct subscription *
scheduler_subscribe(struct scheduler *s, scheduler_event_fn *fn, void *arg)
{
	struct subscription *sub = xcalloc(1, sizeof(*sub));

	*sub = (struct subscription){ .scheduler = s, .fn = fn, .arg = arg };
	TAILQ_INSERT_TAIL(&s->subscriptions, sub, entry);
	return sub;
}

void
subscription_free(struct subscription *sub)
{
	if (sub == NULL)
		return;
	TAILQ_REMOVE(&sub->scheduler->subscriptions, sub, entry);
	free(sub);
}

/* A subscriber may free itself, and only itself. */
void
scheduler_tell(struct scheduler *s, const struct scheduler_event *event)
{
	struct subscription *sub, *next;

	for (sub = TAILQ_FIRST(&s->subscriptions); sub != NULL; sub = next) {
		next = TAILQ_NEXT(sub, entry);
		sub->fn(event, sub->arg);
	}
}
