/* SPDX-License-Identifier: ISC */
#include "daemon/renew/found.h"

#include <stdlib.h>

#include "common/json.h"
#include "common/mem.h"
#include "daemon/crypto/cert.h"
#include "daemon/renew/facts.h"
#include "daemon/store/store.h"

static uint64_t
stamp_of(const struct store *store, const char *cert, unsigned version)
{
	return version != 0 ? store_stamp(store, cert, version) : 0;
}

/* The pair in force, as it lies on disk: nothing else says that a certificate is there. */
void
found_read_pair(struct found *f, const struct store *store, const char *cert)
{
	unsigned before = store_live_version(store, cert);
	uint64_t stamp = stamp_of(store, cert, before);
	struct err err = { 0 };
	CLEAN(chain) struct chain *chain = store_live(store, cert, NULL, &err);

	f->version = store_live_version(store, cert);
	if (chain != NULL) {
		f->info = chain_info(chain);
		f->info->stamp = f->version == before ? stamp : 0;
	} else if (f->version > 0) {
		f->damage = xstrdup(err.text);
	}
}

/* Where no file of it was touched since it was read last. */
static bool
is_untouched(const struct cert_info *info, const struct store *store, const char *cert,
    unsigned version)
{
	return info != NULL && info->stamp == stamp_of(store, cert, version);
}

void
found_read(struct found *f, const struct store *store, const char *cert)
{
	CLEAN(json) struct json_object *doc = store_state(store, cert);
	CLEAN(cert_info) struct cert_info *facts = NULL;

	state_read(&f->state, doc);
	f->version = store_live_version(store, cert);
	facts = facts_read(doc, f->version);
	if (is_untouched(facts, store, cert, f->version)) {
		f->info = TAKE(facts);
		f->unread = true;
	} else {
		found_read_pair(f, store, cert);
	}
}

void
found_clear(struct found *f)
{
	state_clear(&f->state);
	cert_info_free(f->info);
	free(f->damage);
	*f = (struct found){ 0 };
}
