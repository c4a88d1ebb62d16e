/* SPDX-License-Identifier: ISC */
/* Asking the endpoints until they serve the new leaf. */
#include "common/str.h"
#include "daemon/config/config.h"
#include "daemon/io/clock.h"
#include "daemon/io/probe.h"
#include "daemon/renew/deploy_internal.h"

/* A server that has just been told to reload may serve the old leaf for some seconds. */
#define VERIFY_MS 60000

#define SHOWN 16 /* digits of a fingerprint: enough to tell two apart */

/* Looks at an endpoint come after 0.25 s, and then further apart, to 10 s. */
static int64_t
pause_before(unsigned looks)
{
	return looks < 6 ? (int64_t)250 << looks : 10000;
}

/* "127.0.0.1:443 serves another certificate, ab12..." */
static void
tell_other(struct err *err, const struct probe_seen *seen)
{
	if (*seen->fingerprint != '\0')
		err_set(err, ERR_SYSTEM, "%s serves another certificate, %.*s...",
		    seen->address, SHOWN, seen->fingerprint);
	else
		err_set(err, seen->err.kind, "%s: %s", seen->address, seen->err.text);
}

/* Every address that this host can reach has to serve it, and one at least. */
static bool
all_serve(const struct deploy *d, const struct probe_seen *seen, size_t n, struct err *err)
{
	size_t good = 0;

	for (size_t i = 0; i < n; i++) {
		if (str_eq(seen[i].fingerprint, d->fingerprint)) {
			good++;
			continue;
		}
		tell_other(err, &seen[i]);
		/* No route from here: others may have one, but we cannot tell. */
		if (*seen[i].fingerprint != '\0' || seen[i].err.kind != ERR_SYSTEM)
			return false;
	}
	return good > 0;
}

static void
not_served(struct deploy *d, const struct err *err)
{
	const struct verify_config *v = &d->cert->options->verify[d->endpoint];
	int64_t left = d->verify_from + VERIFY_MS - clock_monotonic_ms();
	int64_t pause = pause_before(d->looks);

	/* The last look comes when the time is up. */
	if (left > 0) {
		d->looks++;
		deploy_later(d, pause < left ? pause : left);
		return;
	}
	d->err = *err;
	err_prefix(&d->err, "verify %s", v->connect);
	deploy_ended(d);
}

static void
on_probe(const struct probe_seen *seen, size_t n, const struct err *err, void *arg)
{
	struct deploy *d = arg;
	struct err failed = { 0 };

	d->probe = NULL;
	if (err != NULL) {
		not_served(d, err);
		return;
	}
	if (!all_serve(d, seen, n, &failed)) {
		not_served(d, &failed);
		return;
	}
	d->endpoint++;
	d->looks = 0;
	d->verify_from = 0;
	deploy_verify(d);
}

void
deploy_verify(struct deploy *d)
{
	const struct cert_options *options = d->cert->options;
	const struct verify_config *v;
	struct probe_request request;

	if (d->endpoint == options->n_verify) {
		deploy_ended(d);
		return;
	}
	v = &options->verify[d->endpoint];
	request = (struct probe_request){ .connect = v->connect,
		.starttls = v->starttls,
		.sni = v->sni };
	if (d->verify_from == 0) {
		d->verify_from = clock_monotonic_ms();
		deploy_tell(d, "verify", v->connect);
	}
	d->probe = probe_start(d->deps.prober, &request, on_probe, d);
}
