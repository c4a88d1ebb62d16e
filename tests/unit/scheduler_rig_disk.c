/* SPDX-License-Identifier: ISC */
/* The disk of the scheduler's world. */
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "daemon/crypto/cert.h"
#include "daemon/renew/state.h"
#include "daemon/store/store.h"
#include "tests/unit/scheduler_rig_internal.h"
#include "tests/unit/unit.h"

/* A version as it was read from the disk. */
struct chain {
	char name[64];
	unsigned version;
};

struct rig_disk rig_disks[RIG_DISKS];

struct rig_disk *
rig_disk(const char *name)
{
	struct rig_disk *d = rig_disks;

	while (d->name[0] != '\0' && !str_eq(d->name, name))
		d++;
	assert_true(d < rig_disks + RIG_DISKS - 1);
	if (d->name[0] == '\0')
		snprintf(d->name, sizeof(d->name), "%s", name);
	return d;
}

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

struct json_object *
store_document(const struct store *s, const char *name)
{
	return store_state(s, name);
}

int
store_save_document(struct store *s, const char *name, const char *text, struct err *err)
{
	(void)s;
	(void)err;
	state_set(&rig_disk(name)->state, text);
	return 0;
}

const char *
rig_saved(const char *name)
{
	return rig_disk(name)->state;
}

void
rig_put(const char *name, unsigned version, time_t not_before, time_t not_after)
{
	struct rig_disk *d = rig_disk(name);

	d->version = d->newest = version;
	d->of[version % RIG_VERSIONS] =
	    (struct rig_version){ .not_before = not_before, .not_after = not_after };
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

/* Every version that ever was is kept. */
unsigned *
store_versions(const struct store *s, const char *cert)
{
	unsigned n = rig_disk(cert)->newest;
	unsigned *list = xcalloc(n + 1, sizeof(*list));

	(void)s;
	for (unsigned i = 0; i < n; i++)
		list[i] = i + 1;
	return list;
}

static struct rig_version *
version_of(const char *name, unsigned version)
{
	return &rig_disk(name)->of[version % RIG_VERSIONS];
}

struct chain *
store_version(const struct store *s, const char *cert, unsigned version, struct key **key,
    struct err *err)
{
	struct chain *c;

	(void)s;
	assert_null(key);
	if (version == 0 || version_of(cert, version)->not_after == 0) {
		err_set(err, ERR_SYSTEM, "archive/%s/%04u: damaged", cert, version);
		return NULL;
	}
	c = xcalloc(1, sizeof(*c));
	snprintf(c->name, sizeof(c->name), "%s", cert);
	c->version = version;
	return c;
}

int
store_switch(struct store *s, const char *cert, unsigned version, struct err *err)
{
	(void)s;
	(void)err;
	rig_disk(cert)->version = version;
	rig_say("switch %s to %u", cert, version);
	return 0;
}

uint64_t
store_stamp(const struct store *s, const char *cert, unsigned version)
{
	(void)s;
	(void)cert;
	(void)version;
	return rig.stamp;
}

struct chain *
store_live(const struct store *s, const char *cert, struct key **key, struct err *err)
{
	struct chain *c = store_version(s, cert, rig_disk(cert)->version, key, err);

	rig.n_reads++;
	if (c == NULL)
		err_set(err, ERR_SYSTEM, "live/%s: %s", cert,
		    rig_disk(cert)->version > 0 ? "damaged" : "none");
	return c;
}

void
chain_free(struct chain *c)
{
	free(c);
}

/* As different as all that differ may be. */
static uint32_t
spread_of(const char *name)
{
	uint32_t spread = 2166136261;

	for (; rig.spreads && *name != '\0'; name++)
		spread = (spread ^ (unsigned char)*name) * 16777619;
	return rig.spreads ? spread * 2654435761U : 0;
}

struct cert_info *
rig_info(const char *name, unsigned version)
{
	const struct rig_version *v = version_of(name, version);
	const char *names[] = { name, v->has_www ? "www" : NULL, NULL };
	char serial[16], id[96], fingerprint[65];

	snprintf(serial, sizeof(serial), "%02x", version);
	snprintf(id, sizeof(id), "%s#%u", name, version);
	snprintf(fingerprint, sizeof(fingerprint), "%08x%056x", spread_of(name), version);
	return cert_info_copy(&(struct cert_info){ .names = (char **)names,
	    .serial = serial,
	    .issuer = (char *)"Rig",
	    .root = (char *)"Rig Root",
	    .ari_id = id,
	    .fingerprint = fingerprint,
	    .key_type = (char *)"ec:P-256",
	    .not_before = v->not_before,
	    .not_after = v->not_after,
	    .chain_length = 2,
	    .stamp = rig.stamp });
}

struct cert_info *
chain_info(const struct chain *c)
{
	return rig_info(c->name, c->version);
}

void
cert_info_free(struct cert_info *info)
{
	free(info);
}
