/* SPDX-License-Identifier: ISC */
/* The world of the scheduler as far as it only has to be there. */
#include <stdlib.h>
#include <string.h>

#include "common/crypto/key.h"
#include "common/json.h"
#include "common/mem.h"
#include "daemon/acme/account.h"
#include "daemon/acme/directory.h"
#include "daemon/config/config.h"
#include "daemon/crypto/cert.h"
#include "daemon/io/random.h"
#include "daemon/renew/state.h"
#include "daemon/store/store.h"
#include "tests/unit/scheduler_rig_internal.h"
#include "tests/unit/unit.h"

struct rig_config {
	struct config config; /* first */
	int references;
};

struct clock_timer rig_timers[RIG_TIMERS];

static struct account accounts[] = { { "main", "https://ca.example/dir" },
	{ "other", "https://other.example/dir" } };

/* ---- clock and chance ---- */

time_t
clock_now(void)
{
	return rig.now;
}

const char *
clock_doubt(void)
{
	return rig.doubt;
}

void
clock_hint_not_before(time_t not_before)
{
	rig.not_before = not_before > rig.not_before ? not_before : rig.not_before;
}

void
clock_hint_date(time_t date, const char *who)
{
	(void)date;
	(void)who;
	fail(); /* nobody here hears of it */
}

struct clock_timer *
clock_timer_new(struct event_base *loop, clock_timer_fn *fn, void *arg)
{
	struct clock_timer *t = rig_timers;

	(void)loop;
	while (t->fn != NULL)
		t++;
	assert_true(t < rig_timers + RIG_TIMERS);
	*t = (struct clock_timer){ .fn = fn, .arg = arg };
	return t;
}

void
clock_timer_set(struct clock_timer *t, time_t at)
{
	t->at = at;
}

void
clock_timer_free(struct clock_timer *t)
{
	*t = (struct clock_timer){ 0 };
}

uint32_t
random_u32(void)
{
	return rig.random;
}

int64_t
random_jitter(int64_t value, int percent)
{
	assert_in_range(percent, 1, 50);
	return value + value * rig.jitter / 100;
}

/* ---- configuration ---- */

struct config *
config_ref(struct config *c)
{
	((struct rig_config *)c)->references++;
	return c;
}

static void
free_cert(struct cert_config *cert)
{
	strv_free(cert->options->accounts);
	free((void *)cert->options);
	strv_free(cert->names);
	free(cert->name);
	free(cert->hash);
	free(cert);
}

void
config_free(struct config *c)
{
	if (c == NULL || --((struct rig_config *)c)->references > 0)
		return;
	rig.n_configs--;
	for (size_t i = 0; i < c->n_certs; i++)
		free_cert(c->certs[i]);
	free(c->certs);
	free(c);
}

const struct cert_config *
config_cert(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->n_certs; i++)
		if (str_eq(c->certs[i]->name, name))
			return c->certs[i];
	return NULL;
}

static struct deploy_config deploys = { .reload = (char *)"nginx.service" };
static struct verify_config verifies = { .connect = (char *)"a.example:443" };
static char *tell_me[] = { (char *)"tell-me", NULL };
static struct notify_config notifies = { .run = tell_me };

/* "main,other" */
static char **
accounts_of(const char *text)
{
	size_t length = text != NULL ? strcspn(text, "/+") : 0;
	CLEAN(string)
	char *copy = xstrndup(length > 0 ? text : "main", length ? length : 4);
	char **list = NULL;
	char *save = NULL;

	for (char *one = strtok_r(copy, ",", &save); one; one = strtok_r(NULL, ",", &save))
		strv_add(&list, one);
	return list;
}

static void
set_options(struct cert_options *options)
{
	options->deploy = rig.deploys ? &deploys : NULL;
	options->n_deploy = rig.deploys;
	options->verify = rig.verifies ? &verifies : NULL;
	options->n_verify = rig.verifies;
	options->notify = rig.notifies ? &notifies : NULL;
	options->n_notify = rig.notifies;
	options->rollback_on_failure = rig.rolls_back;
	options->deploy_window = (char *)rig.deploy_window;
	options->renew_ari = !rig.ari_off;
	options->renew_before.percent = 33;
	options->keep_versions = 5;
}

/* "name@account/hash+www" */
static struct cert_config *
new_cert(const char *text)
{
	struct cert_config *cert = xcalloc(1, sizeof(*cert));
	struct cert_options *options = xcalloc(1, sizeof(*options));
	const char *hash = strchr(text, '/'), *account = strchr(text, '@');

	cert->name = xstrndup(text, strcspn(text, "@/+"));
	cert->hash = xstrdup(hash ? hash + 1 : "1");
	strv_add(&cert->names, rig.same_names ? "same" : cert->name);
	if (strchr(text, '+') != NULL)
		strv_add(&cert->names, "www");
	options->accounts = accounts_of(rig.accounts ? "main,other"
					: account    ? account + 1
						     : NULL);
	set_options(options);
	if (rig.slow != NULL && strstr(rig.slow, cert->name) != NULL)
		options->key_type = KEY_RSA_4096;
	cert->options = options;
	return cert;
}

struct config *
rig_config(const char *certs)
{
	static struct account_config account_configs[] = {
		{ .name = (char *)"main", .directory = (char *)"https://ca.example/dir" },
		{ .name = (char *)"other",
		    .directory = (char *)"https://other.example/dir" },
	};
	static struct account_config *list[COUNT(account_configs)];
	struct config *c = xcalloc(1, sizeof(struct rig_config));
	CLEAN(string) char *copy = xstrdup(certs);
	char *save = NULL;

	c->concurrent_orders = rig.concurrent;
	c->concurrent_orders_per_account = rig.per_account;
	c->failed_validations_per_name = rig.failed_validations;
	for (size_t i = 0; i < COUNT(list); i++) {
		account_configs[i].budget_orders = rig.orders;
		account_configs[i].budget_orders_per = 3 * HOUR;
		account_configs[i].budget_duplicates = rig.duplicates;
		account_configs[i].budget_duplicates_per = 7 * DAY;
		if (!str_eq(account_configs[i].name, rig.gone))
			list[c->n_accounts++] = &account_configs[i];
	}
	c->accounts = list;
	c->ari_poll_min = 60;
	c->ari_poll_max = DAY;
	c->certs = xcalloc(RIG_DISKS, sizeof(*c->certs));
	for (char *one = strtok_r(copy, " ", &save); one; one = strtok_r(NULL, " ", &save))
		c->certs[c->n_certs++] = new_cert(one);
	rig.n_configs++;
	return config_ref(c);
}

/* ---- accounts ---- */

struct account *
accounts_find(struct accounts *all, const char *name)
{
	(void)all;
	for (size_t i = 0; i < COUNT(accounts); i++)
		if (str_eq(accounts[i].name, name) && !str_eq(name, rig.gone))
			return &accounts[i];
	return NULL;
}

bool
rig_is_down(const struct account *a)
{
	return rig.down != NULL && strstr(rig.down, a->name) != NULL;
}

struct account *
accounts_find_staging(struct accounts *all, const char *name)
{
	static struct account staging = { "main@staging", "https://staging.example/dir" };

	(void)all;
	return rig.has_staging && str_eq(name, "main") ? &staging : NULL;
}

const char *
account_name(const struct account *a)
{
	return a->name;
}

const char *
account_directory_url(const struct account *a)
{
	return a->directory;
}

void
directory_forget(struct directory *d)
{
	(void)d;
}

struct directory_wait *
directory_load(struct directory *d, directory_done_fn *done, void *arg)
{
	(void)done;
	(void)arg;
	rig_say("ask %s for the time", ((struct account *)d)->name);
	return NULL;
}

void
directory_wait_free(struct directory_wait *w)
{
	(void)w;
}

struct directory *
account_directory(const struct account *a)
{
	return (struct directory *)a;
}
