/* SPDX-License-Identifier: ISC */
#include "daemon/acme/account_internal.h"

#include <string.h>

#include "common/crypto/base64url.h"
#include "common/crypto/key.h"
#include "common/json.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/acme/directory.h"
#include "daemon/acme/session.h"
#include "daemon/crypto/jws.h"
#include "daemon/io/worker.h"
#include "daemon/store/store.h"

static void account_go(struct account *a);

/* ---- the engine ---- */

/* The first who waits for what has been reached, or for anything where a step failed. */
static struct account_wait *
next_to_tell(struct account *a)
{
	struct account_wait *w;

	TAILQ_FOREACH (w, &a->waits, entry) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it leaves the list first */
		if (a->at >= w->until || a->err.kind != ERR_NONE)
			return w;
	}
	return NULL;
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
	struct account *a = account_ref(arg);
	struct account_wait *w;

	(void)fd;
	(void)what;
	while (!a->busy && (w = next_to_tell(a)) != NULL) {
		account_done_fn *done = w->done;
		void *done_arg = w->arg;
		struct err err = a->at >= w->until ? (struct err){ 0 } : a->err;

		account_wait_free(w);
		done(err.kind == ERR_NONE ? NULL : &err, done_arg);
	}
	if (!a->busy && !TAILQ_EMPTY(&a->waits))
		account_go(a);
	account_free(a);
}

void
account_step_ended(struct account *a, enum account_at next)
{
	a->busy = false;
	a->at = next;
	a->ready = a->ready || next == ACCOUNT_READY;
	event_active(a->turn, EV_TIMEOUT, 1);
}

void
account_step_failed(struct account *a, const struct err *err)
{
	a->err = *err;
	err_prefix(&a->err, "account %s", a->settings->name);
	a->busy = false;
	event_active(a->turn, EV_TIMEOUT, 1);
}

/* ---- the directory ---- */

static void
on_directory(const struct err *err, void *arg)
{
	struct account *a = arg;

	a->directory_wait = NULL;
	if (err != NULL)
		account_step_failed(a, err);
	else
		account_step_ended(a, a->url != NULL ? ACCOUNT_READY : ACCOUNT_REGISTER);
}

/* ---- newAccount (RFC 8555, section 7.3) ---- */

static int
add_binding(struct account *a, struct json_object *payload, struct err *err)
{
	const struct account_config *settings = a->settings;
	struct jws_eab eab = { .kid = settings->eab_kid, .alg = settings->eab_alg };
	const char *url = directory_get(a->directory, "newAccount");
	unsigned char *secret;
	struct json_object *binding;

	if (eab.alg == NULL)
		eab.alg = "HS256";
	secret = base64_decode_any(settings->eab_key, &eab.secret_length, err);
	if (secret == NULL)
		return err_prefix(err, "eab.key");
	eab.secret = secret;
	binding = jws_bind(a->key, &eab, url, err);
	secret_free(secret, eab.secret_length);
	if (binding == NULL)
		return -1;
	json_object_object_add(payload, "externalAccountBinding", binding);
	return 0;
}

/* What the CA will want, said before it has to. */
static int
check_terms(struct account *a, struct err *err)
{
	struct json_object *meta = directory_meta(a->directory);
	const char *terms = json_get_string(meta, "termsOfService");
	CLEAN(string) char *shown = str_printable(terms ? terms : "", 160);

	if (!a->settings->agree_tos && terms != NULL)
		return err_set(err, ERR_CONFIG,
		    "the CA has terms of service (%s): read them, then set agree-tos: true",
		    shown);
	if (json_get_bool(meta, "externalAccountRequired", false) &&
	    a->settings->eab_kid == NULL)
		return err_set(err, ERR_CONFIG,
		    "the CA wants an external account: get a key id and a key from it, "
		    "and set eab: {kid: …, key: …}");
	return 0;
}

static struct json_object *
account_payload(struct account *a, struct err *err)
{
	CLEAN(json) struct json_object *payload = json_object_new_object();

	if (check_terms(a, err) == -1)
		return NULL;
	json_add_bool(payload, "termsOfServiceAgreed", a->settings->agree_tos);
	if (strv_length((const char *const *)a->settings->contact) > 0)
		json_add_strings(payload, "contact",
		    (const char *const *)a->settings->contact);
	if (a->settings->eab_kid != NULL && add_binding(a, payload, err) == -1)
		return NULL;
	return TAKE(payload);
}

static void
on_account(const struct session_reply *reply, const struct err *failure, void *arg)
{
	struct account *a = arg;
	struct err err = { 0 };

	a->request = NULL;
	if (failure != NULL) {
		err = *failure;
		err_prefix(&err, "newAccount");
		account_step_failed(a, &err);
		return;
	}
	if (*reply->location == '\0') {
		err_set(&err, ERR_PROTOCOL, "newAccount: no Location in the answer");
		account_step_failed(a, &err);
		return;
	}
	a->url = xstrdup(reply->location);
	session_set_account(a->session, a->url);
	log_info("account %s: %s at %s as %s", a->settings->name,
	    reply->status == 201 ? "registered" : "found", a->settings->directory, a->url);
	account_step_ended(a, ACCOUNT_SAVE);
}

static void
start_register(struct account *a)
{
	struct err err = { 0 };
	CLEAN(json) struct json_object *payload = account_payload(a, &err);
	const struct session_call call = { .resource = "newAccount",
		.payload = payload,
		.with_jwk = true };

	if (payload == NULL)
		account_step_failed(a, &err);
	else
		a->request = session_post(a->session, &call, on_account, a);
}

/* Begins the step that is due. */
static void
account_go(struct account *a)
{
	a->busy = true;
	a->err = (struct err){ 0 };
	switch (a->at) {
	case ACCOUNT_KEY:
		account_start_key(a);
		break;
	case ACCOUNT_DIRECTORY:
		a->directory_wait = directory_load(a->directory, on_directory, a);
		break;
	case ACCOUNT_REGISTER:
		start_register(a);
		break;
	case ACCOUNT_SAVE:
		account_start_save(a);
		break;
	case ACCOUNT_READY:
	default:
		account_step_ended(a, ACCOUNT_READY);
		break;
	}
}

/* ---- waiting ---- */

static struct account_wait *
wait_until(struct account *a, enum account_at until, account_done_fn *done, void *arg)
{
	struct account_wait *w = xcalloc(1, sizeof(*w));

	*w =
	    (struct account_wait){ .account = a, .until = until, .done = done, .arg = arg };
	if (!a->busy && a->at == ACCOUNT_READY && until == ACCOUNT_READY)
		a->at = ACCOUNT_DIRECTORY; /* which may have aged since */
	if (!a->busy && a->at < until)
		a->err = (struct err){ 0 };
	TAILQ_INSERT_TAIL(&a->waits, w, entry);
	if (!a->busy)
		event_active(a->turn, EV_TIMEOUT, 1);
	return w;
}

struct account_wait *
account_load_key(struct account *a, account_done_fn *done, void *arg)
{
	return wait_until(a, ACCOUNT_DIRECTORY, done, arg);
}

struct account_wait *
account_ready(struct account *a, account_done_fn *done, void *arg)
{
	return wait_until(a, ACCOUNT_READY, done, arg);
}

void
account_wait_free(struct account_wait *w)
{
	if (w == NULL)
		return;
	TAILQ_REMOVE(&w->account->waits, w, entry);
	free(w);
}

/* ---- accounts ---- */

struct account *
account_ref(struct account *a)
{
	if (a != NULL)
		a->references++;
	return a;
}

void
account_free(struct account *a)
{
	struct account_wait *w, *next;

	if (a == NULL || --a->references > 0)
		return;
	for (w = TAILQ_FIRST(&a->waits); w != NULL; w = next) {
		next = TAILQ_NEXT(w, entry);
		free(w);
	}
	worker_task_free(a->task);
	directory_wait_free(a->directory_wait);
	session_request_free(a->request);
	session_free(a->session);
	key_free(a->key);
	event_free(a->turn);
	if (a->own != NULL)
		free(a->own->name);
	free(a->own);
	config_free(a->config);
	free(a->thumbprint);
	free(a->url);
	free(a);
}

struct account *
account_new(const struct account_deps *deps, struct config *config,
    const struct account_config *settings)
{
	struct account *a = xcalloc(1, sizeof(*a));
	const struct http_peer peer = { .trust = settings->trust,
		.proxy = settings->proxy,
		.timeout_ms = settings->timeout_ms };

	a->deps = deps;
	a->references = 1;
	a->config = config_ref(config);
	a->settings = settings;
	a->directory = directory_find(deps->directories, settings->directory, &peer);
	a->turn = must(event_new(deps->loop, -1, 0, on_turn, a));
	TAILQ_INIT(&a->waits);
	return a;
}

struct account *
account_new_staging(const struct account_deps *deps, struct config *config,
    const struct account_config *settings)
{
	struct account_config *own = xcalloc(1, sizeof(*own));
	struct account *a;

	own->name = xasprintf("%s@staging", settings->name);
	own->directory = settings->staging;
	own->contact = settings->contact;
	own->agree_tos = settings->agree_tos;
	own->key_type = settings->key_type;
	own->trust = settings->trust;
	own->proxy = settings->proxy;
	own->timeout_ms = settings->timeout_ms;
	a = account_new(deps, config, own);
	a->own = own;
	return a;
}

const char *
account_name(const struct account *a)
{
	return a->settings->name;
}

const char *
account_directory_url(const struct account *a)
{
	return a->settings->directory;
}

struct directory *
account_directory(const struct account *a)
{
	return a->directory;
}

const char *
account_thumbprint(const struct account *a)
{
	return a->thumbprint;
}

struct session *
account_session(const struct account *a)
{
	return a->ready ? a->session : NULL;
}

const char *
account_url(const struct account *a)
{
	return a->ready ? a->url : NULL;
}
