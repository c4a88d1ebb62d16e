/* SPDX-License-Identifier: ISC */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json.h"
#include "common/mem.h"
#include "common/str.h"
#include "ctl/cmd.h"

#define SENTENCE_MOST 4096 /* bytes of what the daemon says about one failure */

typedef void say_fn(struct json_object *parameters, struct text *sentence);

/* ---- one function an error: what failed, and what to do ---- */

/* A member as a printable text; "?" where it is absent. */
static void
add_member(struct text *t, struct json_object *parameters, const char *key)
{
	const char *value = json_get_string(parameters, key);
	CLEAN(string)
	char *clean = str_printable(value != NULL ? value : "?", SENTENCE_MOST);

	text_add(t, "%s", clean);
}

static void
say_no_such_certificate(struct json_object *parameters, struct text *t)
{
	text_add(t, "there is no certificate \"");
	add_member(t, parameters, "name");
	text_add(t, "\"; \"acmectl status\" lists those there are");
}

static void
say_no_such_account(struct json_object *parameters, struct text *t)
{
	text_add(t, "there is no account \"");
	add_member(t, parameters, "name");
	text_add(t, "\"; \"acmectl config show\" lists those there are");
}

static void
say_busy(struct json_object *parameters, struct text *t)
{
	add_member(t, parameters, "name");
	text_add(t, ": an order is under way already; \"acmectl watch ");
	add_member(t, parameters, "name");
	text_add(t, "\" follows it");
}

static void
say_invalid_config(struct json_object *parameters, struct text *t)
{
	struct json_object *problems = json_get_array(parameters, "problems");
	size_t n = 0;

	for (size_t i = 0; problems != NULL && i < json_object_array_length(problems); i++)
		if (!json_get_bool(json_object_array_get_idx(problems, i), "warning",
			false))
			n++;
	text_add(t,
	    "the configuration has %zu problem%s; correct %s, the old one stays in force",
	    n, n == 1 ? "" : "s", n == 1 ? "it" : "them");
}

/* "; www.example.com: no address (dns)" for each. */
static void
add_subproblems(struct text *t, struct json_object *list)
{
	for (size_t i = 0; list != NULL && i < json_object_array_length(list); i++) {
		struct json_object *sub = json_object_array_get_idx(list, i);
		struct json_object *identifier = json_get_object(sub, "identifier");

		text_add(t, "; ");
		if (identifier != NULL) {
			add_member(t, identifier, "value");
			text_add(t, ": ");
		}
		add_member(t, sub, "detail");
		text_add(t, " (");
		add_member(t, sub, "type");
		text_add(t, ")");
	}
}

/* What a person can do about the types that people meet. */
static const struct {
	const char *type;
	const char *advice;
} advices[] = {
	{ "connection", "check that the CA can reach this host at that name" },
	{ "unauthorized", "check what answers the challenge at that name" },
	{ "incorrectResponse", "check what answers the challenge at that name" },
	{ "tls", "check what answers TLS at that name" },
	{ "dns", "check the DNS records of that name" },
	{ "caa", "let the CAA records of that name allow the CA" },
	{ "rejectedIdentifier", "take the name out, or use another CA" },
	{ "unsupportedIdentifier", "take the name out, or use another CA" },
	{ "externalAccountRequired", "give the account its eab: in the configuration" },
	{ "invalidContact", "correct the account's contact: in the configuration" },
	{ "unsupportedContact", "correct the account's contact: in the configuration" },
	{ "badCSR", "try another key-type:" },
	{ "invalidProfile", "correct the certificate's profile:" },
	{ "rateLimited", "acmed tries again when the CA allows it" },
};

static void
add_advice(struct text *t, const char *type)
{
	const char *colon = type != NULL ? strrchr(type, ':') : NULL;

	if (colon != NULL)
		type = colon + 1; /* of the whole URN */
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++)
		if (str_eq(advices[i].type, type))
			text_add(t, "; %s", advices[i].advice);
}

static void
say_acme_problem(struct json_object *parameters, struct text *t)
{
	const char *detail = json_get_string(parameters, "detail");
	const char *type = json_get_string(parameters, "type");
	const char *instance = json_get_string(parameters, "instance");
	CLEAN(string) char *shown = NULL;

	add_member(t, parameters, detail != NULL ? "detail" : "title");
	/* The daemon's sentences have it in them. */
	shown = type != NULL && *type != '\0' ? xasprintf("(%s)", type) : NULL;
	if (shown != NULL && (detail == NULL || strstr(detail, shown) == NULL)) {
		text_add(t, " (");
		add_member(t, parameters, "type");
		text_add(t, ")");
	}
	add_subproblems(t, json_get_array(parameters, "subproblems"));
	add_advice(t, type);
	if (instance != NULL && *instance != '\0') {
		text_add(t, "; see ");
		add_member(t, parameters, "instance");
	}
}

static void
say_network(struct json_object *parameters, struct text *t)
{
	add_member(t, parameters, "detail");
	text_add(t, "; acmed tries again by itself");
}

static void
say_hook_failed(struct json_object *parameters, struct text *t)
{
	const char *output = json_get_string(parameters, "output");

	text_add(t, "the hook ");
	add_member(t, parameters, "command");
	text_add(t, " failed with status %d", (int)json_get_int(parameters, "status", -1));
	if (output != NULL && *output != '\0') {
		text_add(t, ": ");
		add_member(t, parameters, "output");
	}
}

static void
say_not_permitted(struct json_object *parameters, struct text *t)
{
	(void)parameters;
	text_add(t, "the daemon does not let you do that; become root, or a member of the "
		    "group under \"control:\" in its configuration");
}

static void
say_invalid_argument(struct json_object *parameters, struct text *t)
{
	add_member(t, parameters, "name");
	text_add(t, ": ");
	add_member(t, parameters, "detail");
}

static void
say_failed(struct json_object *parameters, struct text *t)
{
	add_member(t, parameters, "detail");
}

static void
say_other_version(struct json_object *parameters, struct text *t)
{
	(void)parameters;
	text_add(t, "the daemon is of another version than acmectl " PACKAGE_VERSION
		    "; restart it if it was upgraded");
}

#define VARLINK "org.varlink.service."

static const struct {
	const char *error;
	say_fn *say;
	int status;
	bool of_subject; /* the sentence is about ctl->subject */
} refusals[] = {
	{ "io.acmed.NoSuchCertificate", say_no_such_certificate, STATUS_NOT_FOUND, false },
	{ "io.acmed.NoSuchAccount", say_no_such_account, STATUS_NOT_FOUND, false },
	{ "io.acmed.Busy", say_busy, STATUS_FAILED, false },
	{ "io.acmed.InvalidConfig", say_invalid_config, STATUS_FAILED, false },
	{ "io.acmed.AcmeProblem", say_acme_problem, STATUS_FAILED, true },
	{ "io.acmed.Network", say_network, STATUS_FAILED, true },
	{ "io.acmed.HookFailed", say_hook_failed, STATUS_FAILED, true },
	{ "io.acmed.NotPermitted", say_not_permitted, STATUS_NOT_PERMITTED, false },
	{ "io.acmed.InvalidArgument", say_invalid_argument, STATUS_USAGE, false },
	{ "io.acmed.Failed", say_failed, STATUS_FAILED, true },
	{ VARLINK "PermissionDenied", say_not_permitted, STATUS_NOT_PERMITTED, false },
	{ VARLINK "InterfaceNotFound", say_other_version, STATUS_FAILED, false },
	{ VARLINK "MethodNotFound", say_other_version, STATUS_FAILED, false },
	{ VARLINK "MethodNotImplemented", say_other_version, STATUS_FAILED, false },
	{ VARLINK "InvalidParameter", say_other_version, STATUS_FAILED, false },
	{ VARLINK "ExpectedMore", say_other_version, STATUS_FAILED, false },
};

/* ---- saying it ---- */

void
ctl_print_json(struct ctl *ctl, struct json_object *value)
{
	CLEAN(string) char *text = json_print(value);

	fprintf(ctl->screen.out, "%s\n", text);
	fflush(ctl->screen.out);
}

static void
print_sentence(struct ctl *ctl, const char *sentence)
{
	progress_hide(&ctl->progress);
	fflush(ctl->screen.out);
	fprintf(stderr, "acmectl: %s\n", sentence);
}

/* {"error": ..., "parameters": ...}, as the daemon would have put it. */
static void
print_error_json(struct ctl *ctl, const char *error, struct json_object *parameters)
{
	CLEAN(json) struct json_object *doc = must(json_object_new_object());

	if (!ctl->json)
		return;
	json_add_string(doc, "error", error);
	json_object_object_add(doc, "parameters",
	    parameters != NULL ? json_object_get(parameters)
			       : must(json_object_new_object()));
	ctl_print_json(ctl, doc);
}

int
ctl_fail(struct ctl *ctl, int status, const char *fmt, ...)
{
	static const char *const errors[] = {
		[STATUS_FAILED] = "acmectl.Failed",
		[STATUS_USAGE] = "acmectl.Usage",
		[STATUS_UNREACHABLE] = "acmectl.Unreachable",
		[STATUS_NOT_PERMITTED] = "acmectl.NotPermitted",
		[STATUS_NOT_FOUND] = "acmectl.NotFound",
	};
	CLEAN(json) struct json_object *parameters = must(json_object_new_object());
	CLEAN(string) char *clean = NULL;
	char *sentence = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&sentence, fmt, args) == -1)
		sentence = NULL;
	va_end(args);
	clean = str_printable(sentence != NULL ? sentence : fmt, SENTENCE_MOST);
	free(sentence);

	print_sentence(ctl, clean);
	json_add_string(parameters, "detail", clean);
	print_error_json(ctl, errors[status], parameters);
	return status;
}

void
ctl_print_problems(struct json_object *problems)
{
	for (size_t i = 0; problems != NULL && i < json_object_array_length(problems);
	     i++) {
		struct json_object *problem = json_object_array_get_idx(problems, i);
		struct text line = { 0 };

		add_member(&line, problem, "file");
		text_add(&line, ":%d:%d: ", (int)json_get_int(problem, "line", 0),
		    (int)json_get_int(problem, "column", 0));
		if (json_get_bool(problem, "warning", false))
			text_add(&line, "warning: ");
		add_member(&line, problem, "text");
		fprintf(stderr, "%s\n", line.s);
		text_clear(&line);
	}
}

/* The subject in front, where the daemon has not put it there itself. */
static void
print_subject_sentence(struct ctl *ctl, const char *sentence)
{
	CLEAN(string) char *clean = str_printable(ctl->subject, SENTENCE_MOST);
	CLEAN(string) char *whole = NULL;

	const char *rest = text_without_name(clean, sentence);

	/* "NAME is on hold" names it, too. */
	if (ctl->reached == NULL && text_is_first_word(sentence, clean)) {
		print_sentence(ctl, sentence);
		return;
	}
	if (ctl->reached == NULL)
		whole = xasprintf("%s: %s", clean, rest);
	else
		whole = xasprintf("%s: %s, but not in use: %s", clean, ctl->reached, rest);
	print_sentence(ctl, whole);
}

int
ctl_refused(struct ctl *ctl, struct json_object *message)
{
	struct json_object *parameters = json_get_object(message, "parameters");
	const char *error = json_get_string(message, "error");
	struct text sentence = { 0 };
	bool of_subject = false;
	int status = STATUS_FAILED;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (!str_eq(refusals[i].error, error))
			continue;
		/* What is in force by now is no longer the CA's affair. */
		if (refusals[i].of_subject && ctl->reached != NULL)
			say_failed(parameters, &sentence);
		else
			refusals[i].say(parameters, &sentence);
		status = refusals[i].status;
		of_subject = refusals[i].of_subject;
	}
	if (sentence.s == NULL) {
		text_add(&sentence, "the daemon answers with an error: ");
		add_member(&sentence, message, "error");
	}
	progress_hide(&ctl->progress);
	ctl_print_problems(json_get_array(parameters, "problems"));
	if (of_subject && ctl->subject != NULL)
		print_subject_sentence(ctl, sentence.s);
	else
		print_sentence(ctl, sentence.s);
	print_error_json(ctl, error, parameters);
	text_clear(&sentence);
	return status;
}
