/* SPDX-License-Identifier: ISC */
/*
 * config - what the administrator wants: immutable once loaded, shared by counting
 * references. A configuration exists only if the whole of it is valid.
 *
 * All strings are owned by the configuration. Certificates with equal settings share one
 * `struct cert_options`, so that a hundred thousand of them stay small.
 */
#ifndef ACMED_CONFIG_H
#define ACMED_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "common/clean.h"
#include "common/crypto/key.h"
#include "common/log.h"
#include "daemon/config/yaml.h"

enum challenge_type {
	CHALLENGE_HTTP_01,
	CHALLENGE_TLS_ALPN_01,
	CHALLENGE_DNS_01,
	CHALLENGE_DNS_ACCOUNT_01,
	CHALLENGE_DNS_PERSIST_01,
	CHALLENGE_ONION_CSR_01,
	CHALLENGE_TKAUTH_01,
	CHALLENGE_AUTO,
	CHALLENGE_TYPE_COUNT
};

/* "http-01", ... as RFC 8555 and its kin write it; COUNT where there is no such. */
const char *challenge_type_name(enum challenge_type type);
enum challenge_type challenge_type_find(const char *name);

struct account_config {
	char *name;
	char *directory; /* URL, keywords replaced */
	char *staging;   /* URL of the same CA's test directory, or NULL */
	char **contact;
	bool agree_tos;
	enum key_type key_type;
	char *key; /* path, or NULL: STATE-DIR/accounts/NAME/account.key */
	char *url; /* or NULL: looked up by the key */
	char *eab_kid;
	char *eab_key; /* the decoded-by-nobody text; a secret */
	char *eab_alg;
	char *gssapi_keytab;
	char *trust;
	char *proxy;
	long timeout_ms;
	/* What the CA allows, 0: without a limit that we know of. Let's Encrypt's own where
	 * the directory is its. */
	unsigned budget_orders;       /* new orders of the account... */
	time_t budget_orders_per;     /* ...in so many seconds */
	unsigned budget_duplicates;   /* certificates of the same names... */
	time_t budget_duplicates_per; /* ...in so many seconds */
};

/* A duration, or a share of the certificate's lifetime. */
struct config_share {
	time_t seconds; /* 0: see percent */
	int percent;
};

/* The challenge of the names that match the pattern; the first match wins. */
struct challenge_rule {
	char *pattern; /* "*" matches all */
	enum challenge_type type;
};

/* A copy of the pair for a server that wants it elsewhere, or in another form. */
enum output_format {
	OUTPUT_FULLCHAIN,
	OUTPUT_CERT,
	OUTPUT_CHAIN,
	OUTPUT_KEY,
	OUTPUT_COMBINED, /* key, then fullchain */
	OUTPUT_PKCS12,
	OUTPUT_DER, /* of the leaf */
	OUTPUT_FORMAT_COUNT
};

struct output_config {
	char *path;
	char *format; /* a word of the table, see output_format_find() */
	char *owner;  /* a user's name or number, or NULL: as the daemon makes it */
	char *group;
	char *mode;     /* octal, or NULL: 0600 where a key is in it, 0644 otherwise */
	char *password; /* of pkcs12; a secret, or NULL: none */
};

enum output_format output_format_find(const char *name); /* COUNT: no such */

/* What is done with a new version: exactly one member is set. */
struct deploy_config {
	char *reload; /* units */
	char *restart;
	char *start;
	char *queue; /* a name for the deploy queue */
	char **run;  /* a command */
};

/* Where the new leaf must be served. */
struct verify_config {
	char *connect;  /* host:port */
	char *starttls; /* or NULL: TLS from the start */
	char *sni;      /* or NULL: the host, unless it is an address */
};

struct notify_config {
	char **run;
};

struct cert_options {
	char **accounts; /* names, at least one, tried in order */
	struct challenge_rule *rules;
	size_t n_rules;
	enum key_type key_type;
	bool reuse_key;
	char *profile;
	char *preferred_chain;
	struct config_share not_after; /* 0 and 0: as the CA likes */
	bool must_staple;
	bool renew_ari;
	struct config_share renew_before;
	unsigned keep_versions;
	bool bootstrap_self_signed;
	struct output_config *outputs;
	size_t n_outputs;
	struct deploy_config *deploy;
	size_t n_deploy;
	char *deploy_window; /* see renew/window.h, or NULL: at any time */
	struct verify_config *verify;
	size_t n_verify;
	bool rollback_on_failure;
	struct notify_config *notify;
	size_t n_notify;
};

struct cert_config {
	char *name;
	char **names; /* normalized; the first is the first of the file */
	const struct cert_options *options;
	const char *file; /* where it stands */
	unsigned line;
	char *hash; /* hex of all its settings: equal means unchanged */
};

struct config {
	char *file; /* absolute */
	char *state_dir;
	char *cert_dir;
	char *control_socket;
	char *control_group;      /* NULL: none */
	char *control_read_group; /* NULL: none */
	enum log_level log_level;
	char *log_target; /* auto, journal, syslog, stderr */
	char **http01_listen;
	bool http01_live_only;
	char **tls_alpn01_listen;
	char *metrics_listen; /* or NULL */
	unsigned concurrent_orders;
	unsigned concurrent_orders_per_account;
	unsigned failed_validations_per_name;
	time_t ari_poll_min;
	time_t ari_poll_max;
	struct account_config **accounts; /* in the order of the file */
	size_t n_accounts;
	struct cert_config **certs; /* sorted by name */
	size_t n_certs;
};

/* Reads everything. NULL where there are errors; warnings are in `problems` either way.
 * The caller owns one reference. */
struct config *config_load(const char *path, struct problems *problems);
struct config *config_ref(struct config *c);
void config_free(struct config *c); /* gives a reference back */
DEFINE_CLEAN(config, struct config);

const struct account_config *config_account(const struct config *c, const char *name);
const struct cert_config *config_cert(const struct config *c, const char *name);

/* Which challenge the configuration wants for a name of the certificate. */
enum challenge_type config_challenge(const struct cert_config *cert, const char *name);

/* Whether a certificate has this challenge for any name. */
bool config_uses(const struct config *c, enum challenge_type type);

/* What `next` has that `old` has not, and the other way round. Lists of names, owned by
 * the caller, NULL where empty. `old` may be NULL. */
struct config_diff {
	char **added;
	char **changed;
	char **removed;
};
void config_compare(const struct config *old, const struct config *next,
    struct config_diff *ret);
void config_diff_clear(struct config_diff *diff);

struct json_object;
/* The effective values, without secrets; of one certificate where `cert` is not NULL. */
struct json_object *config_to_json(const struct config *c, const struct cert_config *cert);

#endif
