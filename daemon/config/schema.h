/* SPDX-License-Identifier: ISC */
/*
 * schema - every key of the configuration, as one table: where it stands, what its value
 * is, and where that goes. Reading, defaults, copying, hashing, freeing and printing all
 * walk that table, so a new key is one row of it and one member of a struct.
 *
 * A reader never stops at a problem: what is wrong is added to `problems`, the target
 * stays as it was, and the next key is read.
 */
#ifndef ACMED_SCHEMA_H
#define ACMED_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config/config.h"
#include "daemon/config/yaml.h"

/* The maps that keys stand in. */
enum schema_section {
	SECTION_NONE,
	SECTION_MAIN, /* acmed.yaml: into struct config, as the sections under it */
	SECTION_CONTROL,
	SECTION_LOG,
	SECTION_HTTP01_SERVER,
	SECTION_TLS_ALPN01_SERVER,
	SECTION_METRICS,
	SECTION_LIMITS,
	SECTION_ARI_POLL,
	SECTION_ACCOUNT, /* into struct account_config */
	SECTION_EAB,
	SECTION_BUDGET,
	SECTION_CERT, /* into struct cert_draft, of which `defaults` is a part */
	SECTION_RENEW,
	SECTION_DNS01,
	SECTION_HOOK,
	SECTION_PROPAGATION,
	SECTION_DNS_PERSIST01,
	SECTION_HTTP01,
	SECTION_ONION,
	SECTION_TKAUTH,
	SECTION_OUTPUT,
	SECTION_DEPLOY,
	SECTION_VERIFY,
	SECTION_NOTIFY,
	SECTION_COUNT
};

/* A certificate while it is read. The options come first: `defaults` are just these. */
struct cert_draft {
	struct cert_options options;
	char *name;
	char **names;
};

enum schema_type {
	TYPE_APART,    /* read by config.c, which knows the order of things */
	TYPE_SECTION,  /* a map, see `inner` */
	TYPE_SECTIONS, /* a list of maps, each of them into a struct of `size` bytes */
	TYPE_BOOL,
	TYPE_EITHER, /* a bool: the second of two words */
	TYPE_TEXT,
	TYPE_WORD, /* one of `words` */
	TYPE_NUMBER,
	TYPE_DURATION,
	TYPE_TIMEOUT,  /* a duration, in milliseconds */
	TYPE_SHARE,    /* a duration, or a share of the lifetime */
	TYPE_LIFETIME, /* a duration, where there could be a share */
	TYPE_TIME,
	TYPE_WAIT, /* one of `words`, or a duration */
	TYPE_WINDOW,
	TYPE_LOG_LEVEL,
	TYPE_KEY_TYPE,
	TYPE_PATH,
	TYPE_SOCKET, /* the path of one */
	TYPE_FILE,   /* the path of a file that is there, or credential:NAME */
	TYPE_SECRET, /* text, or credential:NAME */
	TYPE_GROUP,
	TYPE_FILE_MODE,
	TYPE_COMMAND,
	TYPE_UNIT,
	TYPE_FILE_NAME,
	TYPE_BASE64URL,
	TYPE_DIRECTORY,
	TYPE_URL,
	TYPE_PROXY,
	TYPE_CONTACTS,
	TYPE_LISTEN,  /* addresses with ports */
	TYPE_ADDRESS, /* an address with a port, or the path of a socket */
	TYPE_CONNECT, /* a host with a port */
	TYPE_NAMES,
	TYPE_CHALLENGE,
	TYPE_ACCOUNT_NAMES,
	TYPE_COUNT
};

enum schema_flag {
	SCHEMA_REQUIRED = 1 << 0,
	SCHEMA_OWN = 1 << 1,    /* a certificate's own: not in `defaults` */
	SCHEMA_SECRET = 1 << 2, /* never printed */
	/* Checked, then nothing comes of it yet: a warning, unless it is the default. */
	SCHEMA_INERT = 1 << 3,
	SCHEMA_ONE_KEY = 1 << 4, /* each map of the list has one key and no more */
	SCHEMA_PROGRAM = 1 << 5, /* the program of the command has to be there */
};

#define SCHEMA_NOWHERE SIZE_MAX

struct schema_row {
	enum schema_section section;
	const char *key;
	enum schema_type type;
	size_t offset;      /* in the section's struct, or SCHEMA_NOWHERE */
	const char *absent; /* the default as one would write it; lists: with blanks */
	unsigned flags;
	enum schema_section inner;
	size_t size;              /* of a struct of TYPE_SECTIONS */
	const char *const *words; /* NULL-terminated */
	long least;               /* of numbers, and of durations in seconds */
	long most;
};

extern const struct schema_row schema_rows[];
extern const size_t schema_row_count;

/* "", "http-01.", ...: what to put before a key so that it is told from others. */
const char *schema_section_prefix(enum schema_section section);
const struct schema_row *schema_find(enum schema_section section, const char *key);

/* ---- reading ---- */

/* Where a key was set: over several files it may be set only once. */
struct schema_seen {
	const char *file;
	unsigned line;
	unsigned column;
};

struct schema_reader {
	const char *file;      /* as problems name it */
	const char *directory; /* relative paths start here */
	struct problems *problems;
	bool *warned;             /* a row each: told once a load, not once a certificate */
	struct schema_seen *seen; /* a row each; NULL where one file says it all */
	bool is_defaults;         /* of all certificates: their own keys have no place */
	const struct config *config; /* as far as it is known: its accounts */
};

/* Puts the defaults of the section, and of those in it, into the target. */
void schema_absent(const struct schema_reader *r, enum schema_section section,
    void *target);

/* Puts what the map says into the target. A NULL target: checks only. */
void schema_read(const struct schema_reader *r, enum schema_section section,
    const struct yaml_node *map, void *target);

/* Adds a problem at the place of the node. False, so that readers can return it. */
bool schema_problem(const struct schema_reader *r, const struct yaml_node *node,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void schema_warn(const struct schema_reader *r, const struct yaml_node *node,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* `~`, `null` or nothing at all behind the colon. */
bool schema_is_null(const struct yaml_node *node);

/* The text of a scalar: not empty, no control characters. NULL and a problem otherwise;
 * `what` is the key it belongs to. */
const char *schema_text(const struct schema_reader *r, const char *what,
    const struct yaml_node *node);

/* Why it cannot be the name of a directory of ours, or NULL. */
const char *schema_name_fault(const char *name);

/* ---- values ---- */

/* What a row's offset points to. */
enum schema_storage {
	STORAGE_NONE,
	STORAGE_BOOL,
	STORAGE_TEXT,
	STORAGE_LIST,
	STORAGE_NUMBER,
	STORAGE_SECONDS,
	STORAGE_MILLISECONDS,
	STORAGE_SHARE,
	STORAGE_KEY_TYPE,
	STORAGE_LOG_LEVEL,
	STORAGE_RULES,
	STORAGE_SECTIONS,
	STORAGE_COUNT
};

/* The two members of struct cert_options, side by side. */
struct challenge_rules {
	struct challenge_rule *list;
	size_t count;
};

/* The same for a list of structs, such as outputs and n_outputs. */
struct schema_sections {
	void *list;
	size_t count;
};

union schema_value {
	bool flag;
	char *text;
	char **list;
	unsigned number;
	time_t seconds;
	long milliseconds;
	struct config_share share;
	enum key_type key_type;
	enum log_level log_level;
	struct challenge_rules rules;
	struct schema_sections sections;
};

typedef bool schema_read_fn(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret);

struct schema_type_info {
	schema_read_fn *read; /* NULL for those that are walked */
	enum schema_storage storage;
};

extern const struct schema_type_info schema_types[TYPE_COUNT];

/* Takes over the value; frees what was there. */
void schema_store(const struct schema_row *row, union schema_value *value, void *target);
void schema_drop(const struct schema_row *row, union schema_value *value);
void schema_fetch(const struct schema_row *row, const void *target,
    union schema_value *ret);

/* The struct of one item of a row of TYPE_SECTIONS. */
void *schema_item(const struct schema_row *row, const struct schema_sections *sections,
    size_t index);

/* 128 bits that differ where the settings do; not against an adversary. */
struct schema_hash {
	uint64_t high;
	uint64_t low;
};

#define SCHEMA_HASH_START \
	((struct schema_hash){ UINT64_C(0xCBF29CE484222325), UINT64_C(0x9E3779B97F4A7C15) })

void schema_hash_bytes(struct schema_hash *hash, const void *bytes, size_t length);
void schema_hash_list(struct schema_hash *hash, const char *const *list);

/* All of these leave out what is a certificate's own. */
void schema_hash(enum schema_section section, const void *target, struct schema_hash *hash);
void schema_copy(enum schema_section section, const void *from, void *to);
void schema_clear(enum schema_section section, void *target);

/* A list whose items `item` reads (NULL and a problem otherwise); one value is a list of
 * one. NULL where any of them is wrong. */
typedef char *schema_item_fn(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node);
char **schema_read_list(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, schema_item_fn *item);

/* ---- the readers of the types ---- */

schema_read_fn schema_read_directory, schema_read_url, schema_read_proxy,
    schema_read_contacts;
schema_read_fn schema_read_listen, schema_read_address, schema_read_connect;
schema_read_fn schema_read_path, schema_read_socket, schema_read_file, schema_read_secret;
schema_read_fn schema_read_group, schema_read_mode, schema_read_file_name, schema_read_unit;
schema_read_fn schema_read_number, schema_read_duration, schema_read_timeout;
schema_read_fn schema_read_share, schema_read_lifetime, schema_read_time, schema_read_wait;
schema_read_fn schema_read_window, schema_read_bool, schema_read_either, schema_read_text;
schema_read_fn schema_read_word, schema_read_log_level, schema_read_key_type;
schema_read_fn schema_read_command, schema_read_base64url;
schema_read_fn schema_read_names, schema_read_challenge, schema_read_account_names;

#endif
