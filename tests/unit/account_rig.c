/* SPDX-License-Identifier: ISC */
#include "tests/unit/account_rig.h"

#include "tests/unit/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "daemon/acme/directory.h"
#include "daemon/crypto/jws.h"
#include "daemon/io/worker.h"
#include "daemon/store/store.h"

struct account_rig t;

/* ---- what is beside ---- */

char *
jws_sign(const struct key *key, const struct jws_header *header, const char *payload,
    struct err *err)
{
	(void)err;
	assert_non_null(key);
	return xasprintf("%s %s %s", header->kid ? header->kid : "jwk", header->nonce,
	    payload);
}

struct json_object *
jws_bind(const struct key *key, const struct jws_eab *eab, const char *url, struct err *err)
{
	CLEAN(string)
	char *text = xasprintf("%s %s %.*s %s", eab->kid, eab->alg, (int)eab->secret_length,
	    (const char *)eab->secret, url);

	assert_non_null(key);
	if (eab->secret_length < 3) {
		err_set(err, ERR_CONFIG, "eab.key: too short");
		return NULL;
	}
	return json_object_new_string(text);
}

struct config *
config_ref(struct config *c)
{
	t.references++;
	return c;
}

void
config_free(struct config *c)
{
	if (c != NULL)
		t.references--;
}

struct worker_task {
	struct event *turn;
	worker_fn *work;
	worker_fn *done;
	worker_fn *drop;
	void *arg;
};

static void
on_worker(evutil_socket_t fd, short what, void *arg)
{
	struct worker_task *task = arg;

	(void)fd;
	(void)what;
	t.tasks--;
	task->work(task->arg);
	task->done(task->arg);
	event_free(task->turn);
	free(task);
}

struct worker_task *
worker_start(struct worker *w, worker_fn *work, worker_fn *done, worker_fn *drop, void *arg)
{
	struct worker_task *task = xcalloc(1, sizeof(*task));

	assert_ptr_equal(w, &t);
	*task =
	    (struct worker_task){ .work = work, .done = done, .drop = drop, .arg = arg };
	t.tasks++;
	task->turn = must(event_new(h.loop, -1, 0, on_worker, task));
	event_active(task->turn, EV_TIMEOUT, 1);
	return task;
}

void
worker_task_free(struct worker_task *task)
{
	if (task == NULL)
		return;
	t.tasks--;
	task->drop(task->arg);
	event_free(task->turn);
	free(task);
}

/* The caller's own copy. */
static struct key *
copy_key(const struct key *key)
{
	struct err err = { 0 };
	size_t length;
	char *pem = key_save(key, KEY_PEM, &length, &err);
	struct key *copy = key_load(pem, length, NULL, NULL, &err);

	assert_non_null(copy);
	secret_free(pem, length);
	return copy;
}

struct key *
store_account_key(const struct store *s, const char *account, struct err *err)
{
	assert_ptr_equal(s, &t);
	assert_string_equal(account, "main");
	if (t.cannot_load.kind != ERR_NONE) {
		*err = t.cannot_load;
		errno = EBADMSG;
		return NULL;
	}
	if (t.stored_key != NULL)
		return copy_key(t.stored_key);
	err_set(err, ERR_SYSTEM, "no such file");
	errno = ENOENT;
	return NULL;
}

int
store_save_account_key(struct store *s, const char *account, const struct key *key,
    struct err *err)
{
	assert_ptr_equal(s, &t);
	text_add(&t.store, "save key of %s\n", account);
	if (t.cannot_save.kind != ERR_NONE) {
		*err = t.cannot_save;
		return -1;
	}
	assert_null(t.stored_key);
	t.stored_key = copy_key(key);
	return 0;
}

struct json_object *
store_account(const struct store *s, const char *account)
{
	struct err err = { 0 };

	assert_ptr_equal(s, &t);
	assert_string_equal(account, "main");
	return t.stored_json ? json_parse(t.stored_json, strlen(t.stored_json), &err)
			     : NULL;
}

int
store_save_account(struct store *s, const char *account, struct json_object *doc,
    struct err *err)
{
	assert_ptr_equal(s, &t);
	text_add(&t.store, "save account of %s\n", account);
	if (t.cannot_save.kind != ERR_NONE) {
		*err = t.cannot_save;
		return -1;
	}
	free(t.stored_json);
	t.stored_json = json_print(doc);
	return 0;
}

static void
log_sink(enum log_level level, const struct log_fields *fields, const char *line)
{
	(void)fields;
	if (level <= LOG_LEVEL_INFO)
		text_add(&t.log, "%s: %s\n", log_level_name(level), line);
}

/* ---- the rig ---- */

char *contacts[] = { (char *)(uintptr_t) "mailto:a@example.org", NULL };

char *
text_of(const char *s)
{
	return (char *)(uintptr_t)s;
}

struct account *
get_account(void)
{
	struct account *a = accounts_find(t.all, "main");

	assert_non_null(a);
	return a;
}

int
account_rig_set_up(void **state)
{
	struct account_deps deps;

	memset(&t, 0, sizeof(t));
	scripted_http_set_up(state);
	log_set_sink(log_sink);
	t.settings = (struct account_config){ .name = text_of("main"),
		.directory = text_of(DIRECTORY),
		.contact = contacts,
		.agree_tos = true,
		.key_type = KEY_EC_P256 };
	t.list[0] = &t.settings;
	t.config.accounts = t.list;
	t.config.n_accounts = 1;
	t.directories = directories_new(h.loop, h.http);
	deps = (struct account_deps){ .loop = h.loop,
		.worker = (struct worker *)(void *)&t,
		.store = (struct store *)(void *)&t,
		.directories = t.directories };
	t.all = accounts_new(&deps);
	accounts_set_config(t.all, &t.config);
	return 0;
}

int
account_rig_tear_down(void **state)
{
	accounts_free(t.all);
	directories_free(t.directories);
	key_free(t.stored_key);
	free(t.stored_json);
	text_clear(&t.store);
	text_clear(&t.log);
	log_set_sink(NULL);
	return scripted_http_tear_down(state) == 0 && t.references == 0 && t.tasks == 0
		   ? 0
		   : -1;
}

void
assert_text(struct text *text, const char *expected)
{
	assert_string_equal(text->s ? text->s : "", expected);
	text_clear(text);
}

void
on_done(const struct err *err, void *arg)
{
	struct waiter *w = arg;

	w->wait = NULL;
	w->calls++;
	w->err = err ? *err : (struct err){ 0 };
	if (w->again != NULL)
		w->wait = account_ready(TAKE(w->again), on_done, w);
}

void
assert_told(const struct waiter *w, const char *text)
{
	assert_int_equal(w->calls, 1);
	assert_string_equal(w->err.text, text);
}

static struct err
make_ready(void)
{
	struct waiter w = { 0 };

	w.wait = account_ready(get_account(), on_done, &w);
	assert_int_equal(w.calls, 0);
	scripted_http_run();
	assert_int_equal(w.calls, 1);
	assert_null(w.wait);
	return w.err;
}

void
assert_ready(void)
{
	struct err err = make_ready();

	assert_string_equal(err.text, "");
	assert_non_null(account_session(get_account()));
}

void
assert_not_ready(enum err_kind kind, const char *text)
{
	struct err err = make_ready();

	assert_string_equal(err.text, text);
	assert_int_equal(err.kind, kind);
	assert_null(account_session(get_account()));
	assert_null(account_url(get_account()));
}

void
store_a_key(void)
{
	struct err err = { 0 };

	t.stored_key = key_generate(KEY_EC_P256, &err);
	assert_non_null(t.stored_key);
}
