/* SPDX-License-Identifier: ISC */
/*
 * probe - which certificate an endpoint serves, at each of its addresses.
 *
 * Connects, says what it takes to get TLS (starttls.h), shakes hands, notes the leaf, and
 * closes. Nothing is trusted and nothing is told: the chain is not verified, no key of
 * ours takes part, and no byte is sent behind the handshake but its end. Whoever asked
 * compares the fingerprint with that of the certificate that should be there.
 *
 * OpenSSL is here for the TLS handshake alone; what certificates say is read in
 * daemon/crypto. SIGPIPE has to be ignored.
 */
#ifndef ACMED_PROBE_H
#define ACMED_PROBE_H

#include <netinet/in.h>
#include <stddef.h>

#include "common/clean.h"
#include "common/err.h"

struct event_base;
struct probe;
struct prober;

#define PROBE_ADDRESS_SIZE     (INET6_ADDRSTRLEN + 8)
#define PROBE_FINGERPRINT_SIZE 65

struct probe_request {
	const char *connect;  /* "mail.example.com:25", "[2001:db8::1]:443" */
	const char *starttls; /* of starttls_dialects(); NULL: TLS begins at once */
	const char *sni;      /* NULL: the host, unless that is an address */
};

/* What one address serves. */
struct probe_seen {
	char address[PROBE_ADDRESS_SIZE]; /* "192.0.2.1:443", "[2001:db8::1]:443" */
	/* SHA-256 of the leaf, hex, lower case, as in struct cert_info; "" on failure. */
	char fingerprint[PROBE_FINGERPRINT_SIZE];
	/* ERR_SYSTEM: this host cannot reach it at all, it has no IPv6, say. ERR_NETWORK:
	 * refused, closed, or not in time. ERR_PROTOCOL: no STARTTLS, or no TLS. */
	struct err err;
};

/* An entry for each address and no err; or none, and why nobody could be asked: the request
 * makes no sense (ERR_CONFIG), or the host has no address (see resolve.h). Both are gone
 * when the call returns. */
typedef void probe_done_fn(const struct probe_seen *seen, size_t n, const struct err *err,
    void *arg);

/* At most 16 connections at a time, the others wait; 10 s for each, 10 s for the name. */
struct prober *prober_new(struct event_base *loop);

/* Probes that are left call nobody any more, and may still be freed. */
void prober_free(struct prober *p);
DEFINE_CLEAN(prober, struct prober);

/* For tests: instead of each 10 s. */
void prober_set_patience(struct prober *p, long ms);

/* 0, or an ERR_CONFIG that says what is wrong with it. */
int probe_check(const struct probe_request *request, struct err *err);

/* Copies what it needs. Calls back once, from the loop, never before this has returned. */
struct probe *probe_start(struct prober *p, const struct probe_request *request,
    probe_done_fn *done, void *arg);

/* Before the call: it will not come. The handle is gone after it. */
void probe_free(struct probe *pr);
DEFINE_CLEAN(probe, struct probe);

#endif
