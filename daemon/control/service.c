/* SPDX-License-Identifier: ISC */
#include "daemon/control/service.h"

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/control/server.h"

static void
service_error(struct call *call, const char *name, const char *key, const char *value)
{
	struct json_object *doc = json_object_new_object();

	json_add_string(doc, key, value);
	call_error(call, name, doc);
}

static void
invalid_parameter(struct call *call, const char *parameter)
{
	service_error(call, "org.varlink.service.InvalidParameter", "parameter", parameter);
}

static void
get_info(struct call *call)
{
	static const char *const interfaces[] = { "org.varlink.service", METHOD_INTERFACE,
		NULL };
	struct json_object *doc = json_object_new_object();

	json_add_string(doc, "vendor", "acmed");
	json_add_string(doc, "product", "acmed");
	json_add_string(doc, "version", PACKAGE_VERSION);
	json_add_string(doc, "url", PACKAGE_BUGREPORT);
	json_add_strings(doc, "interfaces", interfaces);
	call_reply(call, doc);
}

static const char service_interface_text[] =
    "# What every Varlink service says about itself.\n"
    "interface org.varlink.service\n\n"
    "method GetInfo() -> (\n  vendor: string,\n  product: string,\n  version: string,\n"
    "  url: string,\n  interfaces: []string\n)\n\n"
    "method GetInterfaceDescription(interface: string) -> (description: string)\n\n"
    "error InterfaceNotFound (interface: string)\n"
    "error MethodNotFound (method: string)\n"
    "error MethodNotImplemented (method: string)\n"
    "error InvalidParameter (parameter: string)\n"
    "error PermissionDenied ()\n"
    "error ExpectedMore ()\n";

static void
get_description(struct call *call)
{
	const char *name = json_get_string(call_parameters(call), "interface");
	struct json_object *doc;

	if (name == NULL) {
		invalid_parameter(call, "interface");
		return;
	}
	if (!str_eq(name, METHOD_INTERFACE) && !str_eq(name, "org.varlink.service")) {
		service_error(call, "org.varlink.service.InterfaceNotFound", "interface",
		    name);
		return;
	}
	doc = json_object_new_object();
	json_add_string(doc, "description",
	    str_eq(name, METHOD_INTERFACE) ? method_interface_text
					   : service_interface_text);
	call_reply(call, doc);
}

void
service_no_method(struct call *call, const char *method)
{
	CLEAN(string) char *safe = str_printable(method, 200);

	service_error(call, "org.varlink.service.MethodNotFound", "method", safe);
}

/* The member that is not what it has to be, or NULL. */
static const char *
misfit(struct json_object *message)
{
	static const struct {
		const char *name;
		enum json_type type;
	} members[] = {
		{ "parameters", json_type_object },
		{ "more", json_type_boolean },
		{ "oneway", json_type_boolean },
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (!json_fits(message, members[i].name, members[i].type))
			return members[i].name;
	return NULL;
}

bool
service_run(struct call *call, struct json_object *message)
{
	const char *method = json_get_string(message, "method");
	const char *wrong = misfit(message);

	if (wrong != NULL)
		invalid_parameter(call, wrong);
	else if (str_eq(method, "org.varlink.service.GetInfo"))
		get_info(call);
	else if (str_eq(method, "org.varlink.service.GetInterfaceDescription"))
		get_description(call);
	else
		return false;
	return true;
}
