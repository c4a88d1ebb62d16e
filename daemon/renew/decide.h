/* SPDX-License-Identifier: ISC */
/*
 * decide - what is to be done about a certificate, when, and why. One pure function: no
 * clock, no disk, no chance. The scheduler, `status`, `why` and `renew` all read its
 * result, and nothing decides again.
 */
#ifndef ACMED_DECIDE_H
#define ACMED_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct cert_options;
struct cert_state;

/* An instant for what is not to happen as things stand. */
#define DECIDE_NEVER ((time_t)253402300799) /* 9999-12-31T23:59:59Z */

/* What keeps an order from being placed, beside the certificate's own history. */
struct decide_hold {
	const char *code; /* "hold", "clock", "budget", "breaker" */
	time_t until;     /* DECIDE_NEVER: nobody knows */
	bool binds;       /* also one who asks for what is due */
	const char *text;
};

struct decide_input {
	time_t now;
	const struct cert_options *options;
	const struct cert_state *state;
	bool have_cert;      /* a whole pair is in force */
	const char *damage;  /* why there is none, or NULL */
	const char *changed; /* what the configuration wants otherwise, or NULL */
	const char *ari_id;  /* of the certificate in force, or NULL */
	bool ari_askable;    /* the CA that issued it is one of our accounts' */
	time_t not_before;
	time_t not_after;
	uint32_t spread; /* anything that differs from certificate to certificate */
	bool running;    /* an order is under way */
	bool unfinished; /* one of an earlier run can be gone on with */
	const struct decide_hold *holds;
	size_t n_holds;
	unsigned version;        /* of the generation in force */
	const char *config_hash; /* of the settings of now */
	bool deploying;
	time_t incident_spread; /* seconds: renewals of an incident are this far apart at
				   most */
	time_t poll_from;       /* it is not asked about before; 0: nothing is in the way */
};

enum decide_action {
	DECIDE_ISSUE, /* there is none that could be used */
	DECIDE_RENEW,
	DECIDE_ACTION_COUNT
};

struct decide_reason {
	const char *code; /* stable, for programs: "window", "backoff", ... */
	char text[1408];  /* for people: may have all of an error in it */
};

#define DECIDE_REASONS_MAX 24

struct decision {
	enum decide_action action;
	time_t due_at;      /* when it is right by the certificate alone */
	time_t act_at;      /* when it is done: not before failures and holds allow it */
	time_t hand_at;     /* when it is done where somebody asks: failures do not count */
	time_t poll_at;     /* when the CA is asked for renewal information; 0: never */
	time_t deploy_at;   /* when the generation in force goes into use; 0: it has */
	time_t expiring_at; /* from then on somebody should look; 0: there is none */
	bool deploy_check;  /* only what does not fit the settings has to be done */
	const char *settled_by; /* the reason for act_at, where it is not due_at's */
	size_t n_reasons;
	struct decide_reason reasons[DECIDE_REASONS_MAX];
};

void decide(const struct decide_input *in, struct decision *ret);

const char *decide_action_name(enum decide_action action); /* "issue", "renew" */

/* "renewed 2026-05-01T12:00:00Z (in 12 d): the CA suggests ...", owned by the caller. */
char *decide_sentence(const struct decision *d, time_t now);

/* Whether there is anything to do with a new version. */
bool decide_is_deployable(const struct cert_options *options);

/* Below this much remaining life a certificate is renewed whatever the CA suggests. */
time_t decide_floor(time_t not_before, time_t not_after);

/* A certificate that is replaced before it is this old counts as rapid: after some of
 * those in a row something is wrong, and a CA does not issue without end. */
time_t decide_rapid(time_t not_before, time_t not_after);

#endif
