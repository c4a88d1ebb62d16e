/* SPDX-License-Identifier: ISC */
/* The CA, and all that is done to have something of it or to use what it gave. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto/base64url.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/acme/ari.h"
#include "daemon/config/config.h"
#include "daemon/crypto/cert.h"
#include "daemon/hook/hook.h"
#include "daemon/io/random.h"
#include "daemon/renew/deploy.h"
#include "daemon/renew/job.h"
#include "daemon/renew/scheduler.h"
#include "tests/bench/scale.h"

/* An order takes this many seconds, and up to as many more. */
#define ORDER_LEAST  3
#define ORDER_SPREAD 10

#define DEPLOY_TAKES 1

/* What it issued last, by the number of the certificate. */
struct issued {
	time_t not_before;
	unsigned generation;
};

static struct issued *issued;

static unsigned
number_of(const char *name)
{
	return (unsigned)strtoul(name + 1, NULL, 10);
}

void
ca_learn(const struct scheduler *s, size_t count)
{
	struct cert_look look;

	issued = xcalloc(count, sizeof(*issued));
	for (size_t i = 0; i < count; i++) {
		scheduler_look_at(s, i, &look);
		if (look.info == NULL)
			continue;
		issued[number_of(look.config->name)] =
		    (struct issued){ look.info->not_before, look.version };
	}
}

void
ca_forget(void)
{
	free(issued);
	issued = NULL;
}

/* ---- serial numbers ---- */

static unsigned char *
put(unsigned char *to, uint64_t value, int octets)
{
	while (octets-- > 0)
		*to++ = (unsigned char)(value >> (8 * octets));
	return to;
}

void
ca_serial(time_t not_before, unsigned number, unsigned generation,
    unsigned char serial[SERIAL_SIZE])
{
	unsigned char *to = put(serial, 3, 1); /* positive, and no leading zeros */

	to = put(to, (uint64_t)not_before, 8);
	to = put(to, number, 4);
	put(to, generation, 3);
}

/* When the certificate with this id began. */
static time_t
not_before_of(const char *cert_id)
{
	const char *text = cert_id + strcspn(cert_id, ".") + 1;
	struct err err = { 0 };
	size_t length = 0;
	unsigned char *serial = must(base64url_decode(text, &length, &err));
	uint64_t value = 0;

	for (int i = 1; i <= 8; i++)
		value = value << 8 | serial[i];
	free(serial);
	return (time_t)value;
}

/* ---- renewal information ---- */

struct ari_fetch {
	struct happening *happening;
	time_t not_before;
	ari_done_fn *done;
	void *arg;
};

/* Two days about two thirds of its life, as one large CA has it. */
static struct ari_window
window_of(time_t not_before)
{
	time_t middle = not_before + world.lifetime / 3 * 2;

	return (struct ari_window){ middle - DAY, middle + DAY };
}

time_t
ari_pick(const struct ari_window *w, uint32_t random)
{
	return w->start + (time_t)((uint64_t)(w->end - w->start - 1) * random / UINT32_MAX);
}

static void
count_poll(void)
{
	world.polls++;
	if (world.now >= world.minute + 60) {
		world.minute = world.now - (world.now - world.counted_from) % 60;
		world.polls_in_minute = 0;
	}
	if (++world.polls_in_minute > world.polls_most)
		world.polls_most = world.polls_in_minute;
}

static void
answer(void *arg)
{
	struct ari_fetch *f = arg;
	ari_done_fn *done = f->done;
	const struct ari_answer says = { .window = window_of(f->not_before),
		.retry_after = world.retry_after };

	arg = f->arg;
	free(f);
	done(&says, NULL, arg);
}

struct ari_fetch *
ari_fetch_start(struct directory *directory, const char *cert_id, ari_done_fn *done,
    void *arg)
{
	struct ari_fetch *f = xcalloc(1, sizeof(*f));

	(void)directory;
	count_poll();
	f->not_before = not_before_of(cert_id);
	f->done = done;
	f->arg = arg;
	f->happening = world_happens(world.now, answer, f);
	return f;
}

void
ari_fetch_free(struct ari_fetch *f)
{
	if (f == NULL)
		return;
	world_cancel(f->happening);
	free(f);
}

/* ---- orders ---- */

struct job {
	struct happening *happening;
	struct job_watcher watcher;
	struct account *account;
	struct config *config;
	const struct cert_config *cert;
	time_t started_at;
	int part;
};

static char *
hex(const unsigned char *octets, size_t length)
{
	struct text t = { 0 };

	for (size_t i = 0; i < length; i++)
		text_add(&t, "%02x", octets[i]);
	return text_take(&t);
}

/* As long as a real one's. */
static char *
fingerprint(void)
{
	unsigned char octets[32];

	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (unsigned char)random_u32();
	return hex(octets, sizeof(octets));
}

static struct cert_info *
issue(const struct cert_config *cert, const struct issued *now)
{
	unsigned char octets[SERIAL_SIZE];
	CLEAN(string) char *serial = NULL;
	CLEAN(string) char *base64 = NULL;
	CLEAN(string) char *id = NULL;
	CLEAN(string) char *digest = fingerprint();

	ca_serial(now->not_before, number_of(cert->name), now->generation, octets);
	serial = hex(octets, sizeof(octets));
	base64 = base64url_encode(octets, sizeof(octets));
	id = xasprintf("AYhVZ0EieqIKwIm3BRVqNklVwIg.%s", base64);
	return cert_info_copy(&(struct cert_info){ .names = cert->names,
	    .serial = serial,
	    .issuer = (char *)"Bench Intermediate E7",
	    .root = (char *)"Bench Root X1",
	    .ari_id = id,
	    .fingerprint = digest,
	    .key_type = (char *)"ec:P-256",
	    .not_before = now->not_before,
	    .not_after = now->not_before + world.lifetime,
	    .chain_length = 2,
	    .stamp = 1 });
}

static void
note_issuance(time_t replaced, time_t ordered)
{
	struct ari_window window = window_of(replaced);

	world.issued++;
	world.early += ordered < window.start;
	world.late += ordered >= window.end;
	world.expired += world.now >= replaced + world.lifetime;
	if (ordered - window.end > world.latest)
		world.latest = ordered - window.end;
}

static void
end_well(struct job *j)
{
	struct issued *is = &issued[number_of(j->cert->name)];
	struct job_outcome outcome = { 0 };

	note_issuance(is->not_before, j->started_at);
	is->not_before = world.now - HOUR;
	outcome.version = ++is->generation;
	outcome.info = issue(j->cert, is);
	j->watcher.done(&outcome, j->watcher.arg);
}

static void
end_badly(struct job *j)
{
	static const enum err_kind kinds[] = { ERR_REFUSED, ERR_PROTOCOL, ERR_SYSTEM };
	struct err err = { 0 };

	world.failed++;
	err_set(&err, kinds[random_u32() % 3], "order: no luck");
	if (err.kind == ERR_REFUSED)
		snprintf(err.about, sizeof(err.about), "%s", j->cert->names[0]);
	j->watcher.done(&(struct job_outcome){ .err = &err, .order_lost = true },
	    j->watcher.arg);
}

/* Placed, recorded, and in the end. */
static void
go_on(void *arg)
{
	struct job *j = arg;

	if (j->part++ == 0) {
		CLEAN(string)
		char *url = xasprintf("https://ca.example/acme/order/%s/%zu", j->cert->name,
		    world.orders);

		j->happening = world_happens(world.now + ORDER_LEAST +
						 random_u32() % (ORDER_SPREAD + 1),
		    go_on, j);
		j->watcher.record(url, j->watcher.arg);
		return;
	}
	j->happening = NULL;
	world.running--;
	if (random_u32() % 100 < world.fail_percent)
		end_badly(j);
	else
		end_well(j);
}

struct job *
job_start(const struct job_deps *deps, const struct job_request *request,
    const struct job_watcher *watcher)
{
	struct job *j = xcalloc(1, sizeof(*j));

	(void)deps;
	j->watcher = *watcher;
	j->account = request->account;
	j->config = config_ref(request->config);
	j->cert = request->cert;
	j->started_at = world.now;
	j->happening = world_happens(world.now, go_on, j);
	world.orders++;
	if (++world.running > world.most_running)
		world.most_running = world.running;
	return j;
}

void
job_free(struct job *j)
{
	if (j == NULL)
		return;
	if (j->happening != NULL) {
		world_cancel(j->happening);
		world.running--;
	}
	config_free(j->config);
	free(j);
}

void
job_recorded(struct job *j, const struct err *err)
{
	(void)j;
	(void)err;
}

const char *
job_step(const struct job *j)
{
	(void)j;
	return "validate";
}

time_t
job_started_at(const struct job *j)
{
	return j->started_at;
}

const struct account *
job_account(const struct job *j)
{
	return j->account;
}

/* ---- into use ---- */

struct deploy {
	struct happening *happening;
	struct deploy_watcher watcher;
};

static void
deployed(void *arg)
{
	struct deploy *d = arg;

	d->happening = NULL;
	d->watcher.done(&(struct deploy_outcome){ 0 }, d->watcher.arg);
}

struct deploy *
deploy_start(const struct deploy_deps *deps, const struct deploy_request *request,
    const struct deploy_watcher *watcher)
{
	struct deploy *d = xcalloc(1, sizeof(*d));

	(void)deps;
	(void)request;
	d->watcher = *watcher;
	d->happening = world_happens(world.now + DEPLOY_TAKES, deployed, d);
	return d;
}

void
deploy_free(struct deploy *d)
{
	if (d == NULL)
		return;
	world_cancel(d->happening);
	free(d);
}

const char *
deploy_step(const struct deploy *d)
{
	(void)d;
	return "reload";
}

struct hook_run *
hook_start(struct hooks *h, const struct hook_request *request, hook_done_fn *done,
    void *arg)
{
	(void)h;
	(void)request;
	(void)done;
	(void)arg;
	return NULL;
}
