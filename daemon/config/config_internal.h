/* SPDX-License-Identifier: ISC */
/* config_internal - what the files of config share while they load one. */
#ifndef ACMED_CONFIG_INTERNAL_H
#define ACMED_CONFIG_INTERNAL_H

#include "common/pool.h"
#include "daemon/config/config.h"
#include "daemon/config/schema.h"

/* Options that any number of certificates point to. */
struct shared_options {
	struct schema_hash hash;
	struct cert_options options;
};

/* A configuration with what its readers need not see. */
struct config_owned {
	struct config config; /* first: the one is the other */
	unsigned references;
	struct cert_options defaults;
	struct shared_options **shared;
	size_t n_shared;
	struct pool pool; /* for the certificates, and the names of their files */
};

/* acmed.yaml, or a file that it includes. */
struct main_file {
	char *path; /* as problems name it */
	char *directory;
	struct yaml_node *tree;
};

struct loader {
	struct config_owned *owned;
	struct problems *problems;
	struct main_file *files;
	size_t n_files;
	bool *warned;             /* a row each */
	struct schema_seen *seen; /* a row each, of acmed.yaml */
	struct schema_seen *seen_defaults;
	bool told_no_account;
	void *names;   /* a tree of the certificates, by name */
	void *options; /* a tree of the shared options, by hash */
	void *claims;  /* a tree of the outputs, by path */
};

struct schema_reader config_reader(const struct loader *l, const char *file,
    const char *directory);

/* config_main.c: acmed.yaml and what it includes. False where it cannot be read at all. */
bool config_load_main(struct loader *l, const char *path);

/* config_account.c */
void config_load_accounts(struct loader *l, const struct main_file *file);
void config_account_free(struct account_config *account);

/* config_cert.c: one file of certificates; the directory of them. */
void config_load_defaults(struct loader *l, const struct main_file *file);
void config_load_certs(struct loader *l);

/* config_challenge.c: complains where the challenges cannot do for the names. `names` and
 * `place` are the nodes of the names and of what to warn at. */
void config_check_challenges(const struct schema_reader *r, const char *cert,
    const struct cert_draft *draft, const struct yaml_node *names,
    const struct yaml_node *place);

/* config_output.c: complains of what the map says of outputs, which has been read; of those
 * that another certificate has, too; the end of looking for such. */
void config_check_outputs(const struct schema_reader *r, const struct cert_options *options,
    const struct yaml_node *map);
void config_claim_outputs(struct loader *l, const struct schema_reader *r,
    const struct cert_config *cert, const struct yaml_node *map);
void config_claims_free(struct loader *l);

/* "dir/file" of an absolute directory; a path that is absolute as it is. */
char *config_path(const char *directory, const char *path);
char *config_directory_of(const char *path);

#endif
