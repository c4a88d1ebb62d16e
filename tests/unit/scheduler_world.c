/* SPDX-License-Identifier: ISC */
/* The world of the scheduler as far as it only has to be there. */
#include "tests/unit/scheduler_rig.h"

#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "daemon/acme/account.h"
#include "daemon/config/config.h"
#include "daemon/crypto/cert.h"
#include "daemon/io/random.h"
#include "daemon/renew/state.h"
#include "daemon/store/store.h"
#include "tests/unit/unit.h"

struct rig_config {
	struct config config; /* first */
	int references;
};

struct clock_timer rig_timer;
struct rig_disk rig_disks[RIG_DISKS];

static struct account accounts[] = { { "main", "https://ca.example/dir" },
	{ "other", "https://other.example/dir" } };

struct rig_disk *
rig_disk(const char *name)
{
	struct rig_disk *d = rig_disks;

	while (d->name[0] != '\0' && !str_eq(d->name, name))
		d++;
	assert_true(d < rig_disks + RIG_DISKS - 1);
	snprintf(d->name, sizeof(d->name), "%s", name);
	return d;
}

/* ---- clock and chance ---- */

time_t
clock_now(void)
{
	return rig.now;
}

struct clock_timer *
clock_timer_new(struct event_base *loop, clock_timer_fn *fn, void *arg)
{
	(void)loop;
	rig_timer = (struct clock_timer){ .fn = fn, .arg = arg };
	return &rig_timer;
}

void
clock_timer_set(struct clock_timer *t, time_t at)
{
	t->at = at;
}

void
clock_timer_free(struct clock_timer *t)
{
	t->fn = NULL;
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

/* "name@account/hash+www" */
static struct cert_config *
new_cert(const char *text)
{
	struct cert_config *cert = xcalloc(1, sizeof(*cert));
	struct cert_options *options = xcalloc(1, sizeof(*options));
	const char *hash = strchr(text, '/'), *account = strchr(text, '@');

	cert->name = xstrndup(text, strcspn(text, "@/+"));
	cert->hash = xstrdup(hash ? hash + 1 : "1");
	strv_add(&cert->names, cert->name);
	if (strchr(text, '+') != NULL)
		strv_add(&cert->names, "www");
	strv_add(&options->accounts, account ? "other" : "main");
	options->renew_ari = true;
	options->renew_before.percent = 33;
	options->keep_versions = 5;
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
	static struct account_config *list[] = { &account_configs[0], &account_configs[1] };
	struct config *c = xcalloc(1, sizeof(struct rig_config));
	CLEAN(string) char *copy = xstrdup(certs);
	char *save = NULL;

	c->concurrent_orders = rig.concurrent;
	c->concurrent_orders_per_account = rig.per_account;
	c->ari_poll_min = 60;
	c->ari_poll_max = DAY;
	c->accounts = list;
	c->n_accounts = COUNT(list);
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
		if (str_eq(accounts[i].name, name))
			return &accounts[i];
	return NULL;
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

struct directory *
account_directory(const struct account *a)
{
	return (struct directory *)a;
}

/* ---- disk ---- */

const char *
store_path(const struct store *s)
{
	(void)s;
	return "/var/lib/acmed";
}

struct json_object *
store_state(const struct store *s, const char *cert)
{
	const char *text = rig_disk(cert)->state;
	struct err err = { 0 };

	(void)s;
	return text ? json_parse(text, strlen(text), &err) : NULL;
}

int
store_save_state(struct store *s, const char *cert, const char *text, struct err *err)
{
	struct rig_disk *d = rig_disk(cert);

	(void)s;
	rig.n_saves++;
	if (rig.disk_is_full)
		return err_set(err, ERR_SYSTEM, "no space left on device");
	if (!rig.quiet)
		rig_say("save %s", cert);
	state_set(&d->state, text);
	return 0;
}

const char *
rig_saved(const char *name)
{
	return rig_disk(name)->state;
}

void
rig_save(const char *name, const char *state)
{
	state_set(&rig_disk(name)->state, state);
}

unsigned
store_live_version(const struct store *s, const char *cert)
{
	(void)s;
	return rig_disk(cert)->version;
}

struct chain *
store_live(const struct store *s, const char *cert, struct key **key, struct err *err)
{
	struct rig_disk *d = rig_disk(cert);

	(void)s;
	assert_null(key);
	if (d->version > 0 && d->not_after > 0)
		return (struct chain *)d;
	err_set(err, ERR_SYSTEM, "live/%s: %s", cert, d->version ? "damaged" : "none");
	return NULL;
}

void
chain_free(struct chain *c)
{
	(void)c;
}

struct cert_info *
chain_info(const struct chain *c)
{
	const struct rig_disk *d = (const struct rig_disk *)c;
	struct cert_info *info = xcalloc(1, sizeof(*info));

	strv_add(&info->names, d->name);
	if (d->has_www)
		strv_add(&info->names, "www");
	info->serial = xasprintf("%02x", d->version);
	info->ari_id = xasprintf("%s#%u", d->name, d->version);
	info->fingerprint = xstrdup("00000000ff");
	info->key_type = xstrdup("ec:P-256");
	info->not_before = d->not_before;
	info->not_after = d->not_after;
	return info;
}

void
cert_info_free(struct cert_info *info)
{
	if (info == NULL)
		return;
	strv_free(info->names);
	free(info->serial);
	free(info->ari_id);
	free(info->fingerprint);
	free(info->key_type);
	free(info);
}
