/* SPDX-License-Identifier: ISC */
/* endpoints - the one list of what can be asked of the CA; the directory is made of it. */
#include <event2/http.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/ca/ca.h"

const struct endpoint endpoints[] = {
	{ "directory", "/directory", AUTH_NONE, PAYLOAD_NONE, ABOUT_NOTHING,
	    handle_directory },
	{ "newNonce", "/new-nonce", AUTH_NONE, PAYLOAD_NONE, ABOUT_NOTHING,
	    handle_new_nonce },
	{ "newAccount", "/new-account", AUTH_JWK, PAYLOAD_OBJECT, ABOUT_NOTHING,
	    handle_new_account },
	{ "account", "/account/", AUTH_KID, PAYLOAD_ANY, ABOUT_ACCOUNT, handle_account },
	{ "keyChange", "/key-change", AUTH_KID, PAYLOAD_OBJECT, ABOUT_NOTHING,
	    handle_key_change },
	{ "newOrder", "/new-order", AUTH_KID, PAYLOAD_OBJECT, ABOUT_NOTHING,
	    handle_new_order },
	{ "order", "/order/", AUTH_KID, PAYLOAD_NONE, ABOUT_ORDER, handle_order },
	{ "authz", "/authz/", AUTH_KID, PAYLOAD_ANY, ABOUT_AUTHZ, handle_authz },
	{ "challenge", "/challenge/", AUTH_KID, PAYLOAD_EMPTY, ABOUT_CHALLENGE,
	    handle_challenge },
	{ "finalize", "/finalize/", AUTH_KID, PAYLOAD_OBJECT, ABOUT_ORDER,
	    handle_finalize },
	{ "certificate", "/certificate/", AUTH_KID, PAYLOAD_NONE, ABOUT_CERTIFICATE,
	    handle_certificate },
	{ "renewalInfo", "/renewal-info/", AUTH_NONE, PAYLOAD_NONE, ABOUT_NOTHING,
	    handle_renewal_info },
	{ "revokeCert", "/revoke-cert", AUTH_EITHER, PAYLOAD_OBJECT, ABOUT_NOTHING,
	    handle_revoke },
	{ .name = NULL },
};

const struct endpoint *
endpoint_find(const char *name)
{
	for (const struct endpoint *e = endpoints; e->name != NULL; e++)
		if (str_eq(e->name, name))
			return e;
	return NULL;
}

void
handle_directory(struct call *c)
{
	static const char *const listed[] = { "newNonce", "newAccount", "newOrder",
		"revokeCert", "keyChange", "renewalInfo", NULL };
	struct json_object *doc = json_object_new_object();
	struct json_object *meta = json_object_new_object();
	struct json_object *profiles = json_object_new_object();

	for (size_t i = 0; listed[i] != NULL; i++) {
		const char *path = endpoint_find(listed[i])->path;
		size_t length = strlen(path);
		CLEAN(string) char *url = NULL;

		/* renewalInfo is a prefix, here without the slash that follows it. */
		if (path[length - 1] == '/')
			length--;
		url = xasprintf("%s%.*s", c->ca->base, (int)length, path);
		json_add_string(doc, listed[i], url);
	}
	/* A member that nobody knows, as Let's Encrypt has it. */
	json_add_string(doc, "Zk3xR0w", "https://community.example/t/random-key/1");
	json_add_string(profiles, "default", "What it says");
	json_add_string(profiles, "shortlived", "");
	json_object_object_add(meta, "profiles", profiles);
	json_add_string(meta, "termsOfService", "https://ca.example/terms");
	if (c->ca->options.eab_kid != NULL)
		json_add_bool(meta, "externalAccountRequired", true);
	json_object_object_add(doc, "meta", meta);
	reply_json(&c->reply, 200, doc);
}

void
handle_new_nonce(struct call *c)
{
	bool get = evhttp_request_get_command(c->http) == EVHTTP_REQ_GET;

	/* RFC 8555, section 7.2. */
	reply_text(&c->reply, get ? 204 : 200, NULL, NULL);
	reply_header(&c->reply, "Cache-Control", "no-store");
}
