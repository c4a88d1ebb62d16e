/* SPDX-License-Identifier: ISC */
/* record - the files that are replaced as a whole: accounts/NAME and state/CERT.json. */
#include <errno.h>
#include <string.h>

#include "common/crypto/key.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/io/file.h"
#include "daemon/io/file_swap.h"
#include "daemon/store/store.h"
#include "daemon/store/store_internal.h"

#define KEY_NAME     "account.key"
#define ACCOUNT_NAME "account.json"
#define STATE_END    ".json"

#define STATE_MOST ((size_t)1024 * 1024) /* what layout_read_json() takes */

/* NULL where there is none. One that is damaged is moved aside; one that cannot be read
 * now (no descriptors, a disk error) stays where it is. */
static struct json_object *
read_record(const struct store *s, int dir, const char *folder, const char *name)
{
	struct err err = { 0 };
	struct json_object *doc = layout_read_json(dir, name, &err);

	if (doc == NULL && errno == EBADMSG)
		layout_set_aside(s, dir, folder, name, err.text);
	else if (doc == NULL && errno != ENOENT)
		log_warn("%s/%s/%s", s->path, folder, err.text);
	return doc;
}

/* ---- accounts ---- */

struct key *
store_account_key(const struct store *s, const char *account, struct err *err)
{
	struct key *key = NULL;
	int dir, reason;

	dir = layout_open(s->accounts, account, err);
	if (dir == -1) {
		reason = errno;
		err_prefix(err, "%s/accounts", s->path);
		errno = reason;
		return NULL;
	}
	key = layout_read_key(dir, KEY_NAME, err);
	reason = errno;
	if (key == NULL)
		err_prefix(err, "%s/accounts/%s", s->path, account);
	close(dir);
	errno = reason;
	return key;
}

static int
save_in_account(struct store *s, const char *account, const char *name, const char *bytes,
    size_t length, struct err *err)
{
	CLEAN(fd) int dir = layout_make_dir(s->accounts, account, err);

	if (dir == -1)
		return err_prefix(err, "%s/accounts", s->path);
	if (file_replace(dir, name, 0600, bytes, length, err) == -1)
		return err_prefix(err, "%s/accounts/%s", s->path, account);
	return 0;
}

int
store_save_account_key(struct store *s, const char *account, const struct key *key,
    struct err *err)
{
	size_t length;
	char *bytes = key_save(key, KEY_PEM, &length, err);
	int saved;

	if (bytes == NULL)
		return -1;
	saved = save_in_account(s, account, KEY_NAME, bytes, length, err);
	secret_free(bytes, length);
	return saved;
}

struct json_object *
store_account(const struct store *s, const char *account)
{
	CLEAN(string) char *folder = xasprintf("accounts/%s", account);
	struct err err = { 0 };
	CLEAN(fd) int dir = layout_open(s->accounts, account, &err);

	if (dir == -1) {
		if (errno != ENOENT)
			log_warn("%s/accounts/%s", s->path, err.text);
		return NULL;
	}
	return read_record(s, dir, folder, ACCOUNT_NAME);
}

int
store_save_account(struct store *s, const char *account, struct json_object *doc,
    struct err *err)
{
	CLEAN(string) char *text = json_print(doc);

	return save_in_account(s, account, ACCOUNT_NAME, text, strlen(text), err);
}

/* ---- state ---- */

struct json_object *
store_state(const struct store *s, const char *cert)
{
	CLEAN(string) char *name = xasprintf("%s" STATE_END, cert);

	return read_record(s, s->state, "state", name);
}

/* Of a state nothing is secret, and an order saves it several times. */
static int
replace_state(struct store *s, const char *name, const char *text, size_t length,
    struct err *err)
{
	static const char *const names[SPARES_MAX] = { ".0.new", ".1.new", ".2.new",
		".3.new" };

	for (size_t i = 0; i < SPARES_MAX; i++) {
		int replaced;

		if (atomic_exchange(&s->spare_taken[i], true))
			continue;
		s->spares[i].name = names[i];
		replaced = file_swap(s->state, name, &s->spares[i], text, length, err);
		atomic_store(&s->spare_taken[i], false);
		return replaced;
	}
	return file_replace(s->state, name, 0600, text, length, err);
}

void
record_drop_spares(struct store *s)
{
	for (size_t i = 0; i < SPARES_MAX; i++)
		file_spare_drop(s->state, &s->spares[i]);
}

int
store_save_state(struct store *s, const char *cert, const char *text, struct err *err)
{
	CLEAN(string) char *name = xasprintf("%s" STATE_END, cert);
	size_t length = strlen(text);

	if (length > STATE_MOST)
		return err_set(err, ERR_SYSTEM, "%s/state/%s: %zu bytes are too many",
		    s->path, name, length);
	if (replace_state(s, name, text, length, err) == -1)
		return err_prefix(err, "%s/state", s->path);
	return 0;
}

char **
store_state_names(const struct store *s)
{
	struct err err = { 0 };
	char **names = layout_list(s->state, &err);
	size_t kept = 0;

	if (names == NULL) {
		log_warn("%s/state: %s", s->path, err.text);
		return xcalloc(1, sizeof(*names));
	}
	for (size_t i = 0; names[i] != NULL; i++) {
		size_t length = strlen(names[i]);

		if (names[i][0] != '.' && str_ends(names[i], STATE_END)) {
			names[i][length - strlen(STATE_END)] = '\0';
			names[kept++] = names[i];
		} else {
			free(names[i]);
		}
	}
	names[kept] = NULL;
	return names;
}
