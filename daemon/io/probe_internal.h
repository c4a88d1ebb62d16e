/* SPDX-License-Identifier: ISC */
/* probe_internal - what the files of probe share. Nobody else includes it. */
#ifndef ACMED_PROBE_INTERNAL_H
#define ACMED_PROBE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "daemon/io/probe.h"
#include "daemon/io/resolve.h"

struct contact;
struct event;
struct probe_tls;
struct probe_tls_setup;

TAILQ_HEAD(contact_list, contact);
TAILQ_HEAD(probe_list, probe);

struct prober {
	struct event_base *loop;
	struct event *turn; /* a contact that waits may begin */
	struct resolver *resolver;
	struct probe_tls_setup *tls; /* NULL while there are no contacts */
	long patience_ms;
	size_t n_running;
	struct contact_list running;
	struct contact_list waiting;
	struct probe_list probes;
};

struct probe {
	struct prober *prober; /* NULL where that was freed before */
	bool calling;          /* `done`, which may free us */
	char *host;
	uint16_t port;
	char *starttls; /* or NULL */
	char *sni;      /* or NULL */
	struct err err;
	struct event *late; /* for a request that is wrong */
	struct resolve *resolve;
	struct contact *contacts[RESOLVE_MOST]; /* NULL: ended */
	struct probe_seen *seen;                /* NULL until there are addresses */
	size_t n;
	size_t left; /* contacts */
	probe_done_fn *done;
	void *arg;
	TAILQ_ENTRY(probe) link;
};

/* A contact has ended: its entry in `seen` says how. It is gone afterwards, and the probe
 * may be. */
void probe_contact_ended(struct contact *c);

/* ---- probe_contact.c: one address ---- */

enum contact_at {
	CONTACT_WAITS,
	CONTACT_CONNECTS,
	CONTACT_TALKS, /* in the clear */
	CONTACT_SHAKES /* hands, for TLS */
};

struct contact {
	struct probe *probe;
	size_t index; /* in its lists */
	struct resolve_address to;
	enum contact_at at;
	int fd;
	struct event *ready; /* the socket is */
	struct event *late;
	struct starttls *talk;
	struct probe_tls *tls;
	int64_t begun_ms;
	TAILQ_ENTRY(contact) link;
};

/* At the end of those who wait. */
struct contact *contact_new(struct probe *pr, size_t index,
    const struct resolve_address *to);
void contact_free(struct contact *c);

/* May end it at once. */
void contact_begin(struct contact *c);

/* ---- probe_tls.c: the handshake ---- */

enum probe_tls_result {
	PROBE_TLS_READS, /* wait for the socket, then step again */
	PROBE_TLS_WRITES,
	PROBE_TLS_DONE,
	PROBE_TLS_FAILED,
};

struct probe_tls_setup *probe_tls_setup_new(void);
void probe_tls_setup_free(struct probe_tls_setup *setup);

/* The descriptor stays the caller's. */
struct probe_tls *probe_tls_new(struct probe_tls_setup *setup, int fd, const char *sni);
void probe_tls_free(struct probe_tls *tls);

/* Fills `fingerprint` on PROBE_TLS_DONE, `err` on PROBE_TLS_FAILED. */
enum probe_tls_result probe_tls_step(struct probe_tls *tls,
    char fingerprint[PROBE_FINGERPRINT_SIZE], struct err *err);

#endif
