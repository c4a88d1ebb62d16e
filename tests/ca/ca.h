/* SPDX-License-Identifier: ISC */
/*
 * ca - a CA for tests: RFC 8555 with renewal information (RFC 9773), strict about what it
 * is sent, and scripted at run time to answer what a real CA cannot be made to answer.
 *
 * One thread, one loop. Everything that was ever made is kept until the end, found by its
 * number: nothing is looked for.
 */
#ifndef ACMED_CA_H
#define ACMED_CA_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include "tests/ca/issue.h"
#include "tests/ca/reply.h"

struct ca;
struct evhttp;
struct evhttp_request;
struct event_base;
struct faults;
struct json_object;
struct key;
struct nonces;
struct server;

struct ca_options {
	const char *dir;
	int port, manage_port; /* 0: a free one */
	int http_port;         /* where http-01 is fetched from, at 127.0.0.1 */
	bool no_validate;
	long validity;   /* seconds */
	long latency_ms; /* of every reply */
	long poll_after; /* Retry-After of what is not done yet; -1: none */
	long processing; /* polls that an order stays so */
	long ari_start;  /* seconds after a certificate's notBefore; both 0: about 2/3 */
	long ari_end;
	long ari_retry_after;
	char *eab_kid; /* NULL: no external account binding wanted */
	unsigned char *eab_key;
	size_t eab_key_length;
};

/* ---- what the CA knows ---- */

struct account {
	size_t id;
	char *url;
	struct key *key;
	char *thumbprint;
	struct json_object *contact; /* or NULL */
	bool deactivated;
	bool forgotten; /* as if it had never been */
};

enum challenge_kind { CHALLENGE_HTTP, CHALLENGE_DNS, CHALLENGE_ALPN, CHALLENGE_KINDS };

struct authz {
	size_t id;
	size_t order; /* its number */
	struct account *account;
	struct json_object *identifier; /* {type, value}, the value without "*." */
	bool wildcard;
	char *status; /* of the authorization: pending, valid, invalid, ... */
	char token[44];
	int tried;                 /* enum challenge_kind, or -1 */
	bool processing;           /* it is being looked at */
	struct json_object *error; /* of the challenge that was tried, or NULL */
	time_t validated;
};

struct order {
	size_t id;
	struct account *account;
	struct json_object *identifiers;
	struct authz **authz;
	size_t n_authz;
	char *status;
	char *profile;
	char *replaces;
	time_t expires, not_before, not_after; /* 0: not asked for */
	long polls;                            /* that it stays in processing */
	struct certificate *certificate;
	struct json_object *error;
};

struct ari_window {
	time_t start, end;
	char *retry_after; /* literally; NULL: the CA's usual */
	char *explanation;
};

struct certificate {
	size_t id;
	struct order *order;
	X509 *leaf;
	char *ari_id;
	time_t not_before, not_after;
	bool revoked;
	struct order *replacement; /* that names it as what it replaces, or NULL */
	struct ari_window window;  /* set by a test; start 0: computed */
};

struct ca {
	struct ca_options options;
	struct event_base *loop;
	struct issuer *issuer;
	struct faults *faults;
	struct nonces *nonces;
	struct server *server;
	struct evhttp *manage;
	LIST_HEAD(, fetch) fetches; /* of http-01, under way */
	char *base;                 /* https://127.0.0.1:PORT */
	struct account **accounts;
	size_t n_accounts;
	struct json_object *thumbprints; /* thumbprint: account number */
	struct authz **authz;
	size_t n_authz;
	struct order **orders;
	size_t n_orders;
	struct certificate **certificates;
	size_t n_certificates;
	struct json_object *ari_ids; /* ari id: certificate number */
};

/* ---- a request under way ---- */

struct endpoint;

struct call {
	struct ca *ca;
	struct evhttp_request *http;
	const struct endpoint *endpoint; /* NULL: no such path */
	char *url;
	const char *id; /* what follows the endpoint's path, or "" */
	/* as the JWS says */
	struct json_object *payload; /* NULL: the empty string */
	struct account *account;     /* kid */
	struct key *key;             /* jwk */
	/* as the path says */
	struct order *order;
	struct authz *authz;
	enum challenge_kind challenge;
	struct certificate *certificate;
	/* as a fault says */
	const char *fault; /* its name, for the log */
	const struct issue_variant *variant;
	long polls; /* -1: none said */
	bool born_ready;
	struct reply reply;
};

enum endpoint_auth {
	AUTH_NONE, /* GET or HEAD */
	AUTH_KID,
	AUTH_JWK,
	AUTH_EITHER,
};

enum endpoint_payload {
	PAYLOAD_NONE,   /* POST-as-GET */
	PAYLOAD_OBJECT, /* some members */
	PAYLOAD_EMPTY,  /* {} */
	PAYLOAD_ANY,    /* an object, or POST-as-GET */
};

enum endpoint_about {
	ABOUT_NOTHING,
	ABOUT_ACCOUNT,
	ABOUT_ORDER,
	ABOUT_AUTHZ,
	ABOUT_CHALLENGE,
	ABOUT_CERTIFICATE,
};

struct endpoint {
	const char *name;
	const char *path; /* ends in "/" where an id follows */
	enum endpoint_auth auth;
	enum endpoint_payload payload;
	enum endpoint_about about;
	void (*handle)(struct call *call); /* fills call->reply */
};

extern const struct endpoint endpoints[]; /* ends with a NULL name */
const struct endpoint *endpoint_find(const char *name);

/* ---- handlers and what they share ---- */

void handle_directory(struct call *c);
void handle_new_nonce(struct call *c);
void handle_new_account(struct call *c);
void handle_account(struct call *c);
void handle_key_change(struct call *c);
void handle_new_order(struct call *c);
void handle_order(struct call *c);
void handle_finalize(struct call *c);
void handle_authz(struct call *c);
void handle_challenge(struct call *c);
void handle_certificate(struct call *c);
void handle_renewal_info(struct call *c);
void handle_revoke(struct call *c);

/* By its URL, by its ARI id; NULL where there is none. */
struct account *account_find(struct ca *ca, const char *url);
struct certificate *certificate_find(struct ca *ca, const char *ari_id);

/* The order's status, brought up to its authorizations'. */
const char *order_status(struct order *o);

/* The identifiers that a request is about, borrowed; NULL: none. */
struct json_object *call_identifiers(const struct call *c);

/* Sets a string that is owned. */
void set_string(char **at, const char *value);

/* Fetches the http-01 answer for the authorization and settles it. */
void validate_http(struct ca *ca, struct authz *a);
void validate_stop(struct ca *ca);
void authz_settle(struct authz *a, const char *problem, const char *detail);

#endif
