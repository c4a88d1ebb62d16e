/* SPDX-License-Identifier: ISC */
/*
 * state - what is remembered of a certificate over restarts: the order in flight, the
 * renewal information and the instant drawn from it, what failed and when to try again.
 * As plain values, and as the JSON of state/CERT.json.
 */
#ifndef ACMED_STATE_H
#define ACMED_STATE_H

#include <stdbool.h>
#include <time.h>

#include "common/err.h"

struct json_object;

/* What the CA suggested, for the certificate with this id only. */
struct state_ari {
	char *cert_id; /* NULL: nothing known */
	time_t start;  /* 0: no window */
	time_t end;
	time_t drawn;     /* the instant picked from this window; kept while it stays */
	time_t polled_at; /* the last answer */
	time_t next_poll;
	unsigned errors; /* in a row */
	char *error;     /* the last, or NULL */
	char *explanation;
	bool unsupported; /* the CA has none */
	time_t moved_at;  /* when the window jumped forward: an incident; 0: it did not */
};

/* How far the generation in force has come on its way into use. */
enum deploy_stage {
	DEPLOY_STAGE_NONE,     /* nothing was done, or nothing is known */
	DEPLOY_STAGE_DEPLOYED, /* all was done that the configuration wants */
	DEPLOY_STAGE_VERIFIED, /* and the endpoints serve it */
	DEPLOY_STAGE_COUNT
};

/* "none", "deployed", "verified" */
const char *deploy_stage_name(enum deploy_stage stage);

struct state_deploy {
	unsigned version; /* the generation that this is about; 0: none */
	enum deploy_stage stage;
	char *config;      /* the hash of the settings that it was done under */
	char *event;       /* why: "issued", "renewed", "rolled-back" */
	bool urgent;       /* no window holds it: an incident, or a person's wish */
	time_t old_ends;   /* when what serves until then expires; 0: nothing does */
	time_t done_at;    /* 0: not yet */
	unsigned failures; /* in a row */
	time_t failed_at;
	time_t retry_at; /* not before; 0 where nothing failed */
	char *error;
};

/* No orders meanwhile. */
struct state_hold {
	bool on;
	time_t until; /* 0: until somebody says so */
	char *why;    /* or NULL: a person's wish */
};

struct cert_state {
	char *order_url; /* in flight; NULL: none */
	char *order_account;
	char *order_config; /* the hash of the settings that it was placed with */
	struct state_ari ari;
	char *replaces_refused; /* the certificate id for which never to send it again */
	unsigned failures;      /* in a row */
	time_t failed_at;
	time_t retry_at; /* not before; 0 where nothing failed */
	bool retry_firm; /* the CA said so itself */
	enum err_kind kind;
	char *failed_with; /* the account of it */
	bool rehearse;     /* at the CA's test directory, before it is tried again */
	char *page;        /* where the CA wants a person to go, or NULL */
	char *problem;
	char *error;
	time_t issued_at;
	char *issued_by; /* directory URL */
	char *serial;    /* of what we issued last */
	unsigned rapid;  /* in a row, each close on the one before: see decide_rapid() */
	struct state_deploy deploy;
	struct state_hold hold;
	unsigned told; /* troubles that notify hooks know of: see managed_alert.c */
};

void state_clear(struct cert_state *s);

/* Members that are missing or wrong count as absent: a damaged state costs a poll, not a
 * certificate. */
void state_read(struct cert_state *s, struct json_object *doc);
struct json_object *state_to_json(const struct cert_state *s);

/* Strings of a state are replaced by copies. */
void state_set(char **field, const char *value);
void state_ari_clear(struct state_ari *ari);
void state_deploy_clear(struct state_deploy *deploy);

#endif
