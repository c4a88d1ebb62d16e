/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>

#include "common/crypto/jwk.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/acme/account_internal.h"
#include "daemon/acme/session.h"
#include "daemon/io/clock.h"
#include "daemon/io/file.h"
#include "daemon/io/worker.h"
#include "daemon/store/store.h"

#define KEY_FILE_MAX 65536

/* ---- the key ---- */

struct key_task {
	struct account *account; /* for done() only */
	struct store *store;
	char *name;
	char *path;
	enum key_type type;
	struct key *key;
	struct json_object *saved; /* account.json */
	struct err err;
};

static void
key_task_free(void *arg)
{
	struct key_task *t = arg;

	key_free(t->key);
	json_object_put(t->saved);
	free(t->name);
	free(t->path);
	free(t);
}

static struct key *
load_key_file(const char *path, struct err *err)
{
	size_t length;
	char *bytes = file_read(AT_FDCWD, path, KEY_FILE_MAX, &length, err);
	struct key *key = NULL;

	if (bytes == NULL)
		return NULL;
	key = key_load(bytes, length, NULL, NULL, err);
	secret_free(bytes, length);
	if (key == NULL)
		err_prefix(err, "%s", path);
	return key;
}

/* On a worker. */
static void
get_key(void *arg)
{
	struct key_task *t = arg;

	t->saved = store_account(t->store, t->name);
	if (t->path != NULL) {
		t->key = load_key_file(t->path, &t->err);
		return;
	}
	errno = 0;
	t->key = store_account_key(t->store, t->name, &t->err);
	if (t->key != NULL || errno != ENOENT)
		return;
	t->err = (struct err){ 0 };
	t->key = key_generate(t->type, &t->err);
	if (t->key != NULL &&
	    store_save_account_key(t->store, t->name, t->key, &t->err) == -1) {
		key_free(t->key);
		t->key = NULL;
	}
}

/* The URL that was saved counts only for this CA and this key. */
static const char *
saved_url(const struct account *a, struct json_object *saved)
{
	if (a->settings->url != NULL)
		return a->settings->url;
	if (!str_eq(json_get_string(saved, "directory"), a->settings->directory) ||
	    !str_eq(json_get_string(saved, "thumbprint"), a->thumbprint))
		return NULL;
	return json_get_string(saved, "url");
}

static void
on_key(void *arg)
{
	struct key_task *t = arg;
	struct account *a = t->account;

	a->task = NULL;
	if (t->key == NULL) {
		account_step_failed(a, &t->err);
	} else {
		a->key = TAKE(t->key);
		a->thumbprint = jwk_thumbprint(a->key);
		a->session = session_new(a->directory, a->key);
		a->url = xstrdup(saved_url(a, t->saved));
		if (a->url != NULL)
			session_set_account(a->session, a->url);
		account_step_ended(a, ACCOUNT_DIRECTORY);
	}
	key_task_free(t);
}

void
account_start_key(struct account *a)
{
	struct key_task *t = xcalloc(1, sizeof(*t));

	t->account = a;
	t->store = a->deps->store;
	t->name = xstrdup(a->settings->name);
	t->path = xstrdup(a->settings->key);
	t->type = a->settings->key_type;
	a->task = worker_start(a->deps->worker, get_key, on_key, key_task_free, t);
}

/* ---- account.json ---- */

struct save_task {
	struct account *account; /* for done() only */
	struct store *store;
	char *name;
	struct json_object *doc;
	struct err err;
};

static void
save_task_free(void *arg)
{
	struct save_task *t = arg;

	json_object_put(t->doc);
	free(t->name);
	free(t);
}

/* On a worker. */
static void
save_account(void *arg)
{
	struct save_task *t = arg;

	store_save_account(t->store, t->name, t->doc, &t->err);
}

static void
on_saved(void *arg)
{
	struct save_task *t = arg;
	struct account *a = t->account;

	a->task = NULL;
	if (t->err.kind != ERR_NONE) {
		/* No harm: the CA finds the account by its key the next time, too. */
		log_warn("account %s: %s", a->settings->name, t->err.text);
	}
	account_step_ended(a, ACCOUNT_READY);
	save_task_free(t);
}

void
account_start_save(struct account *a)
{
	struct save_task *t = xcalloc(1, sizeof(*t));

	t->account = a;
	t->store = a->deps->store;
	t->name = xstrdup(a->settings->name);
	t->doc = json_object_new_object();
	json_add_string(t->doc, "directory", a->settings->directory);
	json_add_string(t->doc, "url", a->url);
	json_add_string(t->doc, "thumbprint", a->thumbprint);
	json_add_strings(t->doc, "contact", (const char *const *)a->settings->contact);
	json_add_time(t->doc, "registered", clock_now());
	a->task = worker_start(a->deps->worker, save_account, on_saved, save_task_free, t);
}
