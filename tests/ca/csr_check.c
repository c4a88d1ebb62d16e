/* SPDX-License-Identifier: ISC */
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "tests/ca/issue.h"

/* "dns:example.org", or "ip:" and the address in hex: one text for one name. */
static void
add_general_name(char ***list, const GENERAL_NAME *name)
{
	struct text t = { 0 };
	CLEAN(string) char *text = NULL;
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
	const unsigned char *bytes = ASN1_STRING_get0_data(value);
	int length = ASN1_STRING_length(value);

	if (type == GEN_DNS) {
		text_add(&t, "dns:%.*s", length, (const char *)bytes);
	} else if (type == GEN_IPADD) {
		text_add(&t, "ip:");
		for (int i = 0; i < length; i++)
			text_add(&t, "%02x", bytes[i]);
	} else {
		text_add(&t, "other");
	}
	text = text_take(&t);
	strv_add(list, str_lower(text));
}

static void
add_identifier(char ***list, struct json_object *identifier)
{
	const char *type = json_get_string(identifier, "type");
	const char *value = json_get_string(identifier, "value");
	ASN1_OCTET_STRING *octets;
	GENERAL_NAME *name;

	if (!str_eq(type, "ip")) {
		CLEAN(string) char *text = xasprintf("dns:%s", value);

		strv_add(list, str_lower(text));
		return;
	}
	octets = a2i_IPADDRESS(value);
	if (octets == NULL)
		return;
	name = must(GENERAL_NAME_new());
	GENERAL_NAME_set0_value(name, GEN_IPADD, octets);
	add_general_name(list, name);
	GENERAL_NAME_free(name);
}

static char **
names_of_request(X509_REQ *request)
{
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(request);
	GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
	char **list = NULL;

	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
		add_general_name(&list, sk_GENERAL_NAME_value(names, i));
	GENERAL_NAMES_free(names);
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return list;
}

static int
check_names(X509_REQ *request, struct json_object *identifiers, struct err *err)
{
	CLEAN(strv) char **asked = names_of_request(request);
	CLEAN(strv) char **ordered = NULL;

	for (size_t i = 0; i < json_object_array_length(identifiers); i++)
		add_identifier(&ordered, json_object_array_get_idx(identifiers, i));
	if (!strv_same_set((const char *const *)asked, (const char *const *)ordered)) {
		CLEAN(string) char *have = strv_join((const char *const *)asked, " ");

		return err_set(err, ERR_REFUSED,
		    "the names of the CSR are not those of the order: %s", have);
	}
	return 0;
}

EVP_PKEY *
issue_check_csr(const unsigned char *der, size_t length, struct json_object *identifiers,
    struct err *err)
{
	const unsigned char *p = der;
	X509_REQ *request = d2i_X509_REQ(NULL, &p, (long)length);
	EVP_PKEY *key = NULL;

	if (request == NULL || p != der + length)
		err_set(err, ERR_REFUSED, "the CSR cannot be parsed");
	else if (X509_REQ_get_version(request) != X509_REQ_VERSION_1)
		err_set(err, ERR_REFUSED, "the CSR is not of version 1");
	else if (X509_REQ_verify(request, X509_REQ_get0_pubkey(request)) != 1)
		err_set(err, ERR_REFUSED, "the CSR's signature does not hold");
	else if (check_names(request, identifiers, err) == 0)
		key = X509_REQ_get_pubkey(request);
	X509_REQ_free(request);
	return key;
}
