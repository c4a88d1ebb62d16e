/* SPDX-License-Identifier: ISC */
/* Whose turn it is: orders, account by account, and questions about renewal. */
#include "common/crypto/key.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/acme/account.h"
#include "daemon/config/config.h"
#include "daemon/io/clock.h"
#include "daemon/renew/scheduler_internal.h"

/* Questions about renewal under way at once: they share one connection to a CA. */
#define POLLS_AT_ONCE 16

/* So far down its queue a lane looks for one that may start. */
#define LOOK_AT 16

/* Orders of an account that wait for a key that takes seconds. */
#define KEYS_AT_ONCE 2

/* ---- lanes ---- */

static struct lane *
lane_of(struct scheduler *s, const char *account)
{
	struct lane *lane;

	TAILQ_FOREACH (lane, &s->lanes, entry) {
		if (str_eq(lane->account, account))
			return lane;
	}
	lane = xcalloc(1, sizeof(*lane));
	lane->account = xstrdup(account);
	TAILQ_INIT(&lane->active);
	for (size_t i = 0; i < 2; i++) {
		TAILQ_INIT(&lane->urgent[i]);
		TAILQ_INIT(&lane->usual[i]);
	}
	TAILQ_INSERT_TAIL(&s->lanes, lane, entry);
	return lane;
}

void
scheduler_free_lanes(struct scheduler *s)
{
	struct lane *lane, *next;

	for (lane = TAILQ_FIRST(&s->lanes); lane != NULL; lane = next) {
		next = TAILQ_NEXT(lane, entry);
		free(lane->account);
		free(lane);
	}
}

/* Some CAs return the order that is under way to whoever orders the same names. */
static bool
has_twin(const struct lane *lane, const struct managed *m)
{
	const struct managed *other;

	TAILQ_FOREACH (other, &lane->active, entry) {
		if (strv_same_set((const char *const *)other->config->names,
			(const char *const *)m->config->names))
			return true;
	}
	return false;
}

static struct managed *
first_of(const struct lane *lane, const struct managed_queue *queue)
{
	struct managed *m;
	int looked = 0;

	TAILQ_FOREACH (m, queue, entry) {
		if (looked++ == LOOK_AT)
			break;
		if (!has_twin(lane, m))
			return m;
	}
	return NULL;
}

/* Does one more order that waits for its key leave enough room to those that do not? */
static bool
may_make_key(const struct lane *lane)
{
	const struct managed *m;
	int n = 0;

	TAILQ_FOREACH (m, &lane->active, entry) {
		if (m->slow_key && m->job != NULL && str_eq(job_step(m->job), "key"))
			n++;
	}
	return n < KEYS_AT_ONCE;
}

static struct managed *
next_of(const struct lane *lane)
{
	bool key = may_make_key(lane);
	struct managed *m = key ? first_of(lane, &lane->urgent[1]) : NULL;

	if (m == NULL)
		m = first_of(lane, &lane->urgent[0]);
	if (m == NULL && key)
		m = first_of(lane, &lane->usual[1]);
	return m != NULL ? m : first_of(lane, &lane->usual[0]);
}

/* ---- orders ---- */

static struct managed_queue *
queue_of(struct managed *m)
{
	return &(m->urgent ? m->lane->urgent : m->lane->usual)[m->slow_key ? 1 : 0];
}

void
scheduler_leave(struct scheduler *s, struct managed *m)
{
	(void)s;
	if (!m->waiting)
		return;
	TAILQ_REMOVE(queue_of(m), m, entry);
	m->waiting = false;
	m->lane = NULL;
}

static void
start(struct scheduler *s, struct lane *lane, struct managed *m)
{
	m->lane = lane;
	TAILQ_INSERT_TAIL(&lane->active, m, entry);
	lane->running++;
	s->running++;
	managed_start_job(m);
}

static bool
has_room(const struct scheduler *s, const struct lane *lane)
{
	return s->running < s->config->concurrent_orders &&
	       lane->running < s->config->concurrent_orders_per_account;
}

/* Since it came to wait the CA may have failed, a budget may have been used up, another
 * account may have got its turn: then it has to be decided about anew. */
static bool
may_start(struct scheduler *s, struct managed *m)
{
	struct account *account = accounts_find(s->deps.accounts, m->lane->account);
	struct ca *ca = scheduler_find_ca(s, account_directory_url(account));
	enum breaker_answer answer =
	    ca != NULL ? breaker_ask(&ca->breaker, clock_now()) : BREAKER_GO;

	if (!str_eq(managed_account(m), m->lane->account) || !managed_wants_order(m) ||
	    (answer == BREAKER_HOLD && m->wish == WISH_NONE))
		return false;
	if (answer == BREAKER_PROBE) {
		breaker_begin_probe(&ca->breaker);
		m->probes = ca;
	}
	return true;
}

/* Begins one of the lane; false where there is none to begin. */
static bool
serve(struct scheduler *s, struct lane *lane)
{
	struct managed *m = has_room(s, lane) ? next_of(lane) : NULL;
	bool may;

	if (m == NULL)
		return false;
	may = may_start(s, m);
	scheduler_leave(s, m);
	if (may)
		start(s, lane, m);
	else
		scheduler_wake_at(s, m, 1); /* from the loop, or many would go deep */
	return true;
}

/* One of each account in turn, so that none stands in others' way. */
void
scheduler_drain(struct scheduler *s)
{
	struct lane *lane = TAILQ_FIRST(&s->lanes);

	while (lane != NULL && s->running < s->config->concurrent_orders) {
		if (!serve(s, lane)) {
			lane = TAILQ_NEXT(lane, entry);
			continue;
		}
		TAILQ_REMOVE(&s->lanes, lane, entry);
		TAILQ_INSERT_TAIL(&s->lanes, lane, entry);
		lane = TAILQ_FIRST(&s->lanes);
	}
}

void
scheduler_enqueue(struct scheduler *s, struct managed *m)
{
	if (m->job != NULL || m->waiting)
		return;
	m->lane = lane_of(s, managed_account(m));
	m->waiting = true;
	m->urgent = m->state.ari.moved_at != 0 || m->wish != WISH_NONE;
	m->slow_key = key_type_is_slow(m->config->options->key_type);
	TAILQ_INSERT_TAIL(queue_of(m), m, entry);
	scheduler_drain(s);
}

void
scheduler_job_ended(struct scheduler *s, struct managed *m)
{
	TAILQ_REMOVE(&m->lane->active, m, entry);
	m->lane->running--;
	s->running--;
	m->lane = NULL;
}

/* ---- questions about renewal ---- */

static void
serve_polls(struct scheduler *s)
{
	struct managed *m;

	while (s->polling < POLLS_AT_ONCE && (m = TAILQ_FIRST(&s->polls)) != NULL) {
		scheduler_leave_polls(s, m);
		if (managed_poll_now(m))
			s->polling++;
		else
			scheduler_wake_at(s, m, 1);
	}
}

void
scheduler_enqueue_poll(struct scheduler *s, struct managed *m)
{
	m->poll_waiting = true;
	TAILQ_INSERT_TAIL(&s->polls, m, poll_entry);
	serve_polls(s);
}

void
scheduler_leave_polls(struct scheduler *s, struct managed *m)
{
	if (!m->poll_waiting)
		return;
	TAILQ_REMOVE(&s->polls, m, poll_entry);
	m->poll_waiting = false;
}

void
scheduler_poll_ended(struct scheduler *s)
{
	s->polling--;
	serve_polls(s);
}
