/* SPDX-License-Identifier: ISC */
#include "ctl/certfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/identifier.h"
#include "common/mem.h"

#define NAME_MOST 200 /* bytes: with ".yaml" it has to fit into a file's name */
#define BLANKS    " \t\r\n"

/* Those without help belong to accounts: issue says where those are set up. */
const struct option_info issue_options[] = {
	{ 'd', "domain", "DOMAIN", "a DNS name or IP address; may be given again" },
	{ 0, "name", "NAME", "of the certificate; default: the first domain" },
	{ 0, "account", "NAME", "the account to order with" },
	{ 0, "server", "URL", "the account at this CA, by URL or keyword" },
	{ 0, "cert-key-type", "TYPE", "ec:P-256, rsa:3072, ed25519, ..." },
	{ 0, "key-type", "TYPE", "the same, where --cert-key-type is not given" },
	{ 0, "cert-key", "FILE", "use this private key" },
	{ 0, "reuse-key", NULL, "keep the key when renewing" },
	{ 0, "csr", "FILE", "use this signing request" },
	{ 0, "challenge", "TYPE", "http-01, dns-01, tls-alpn-01, ..." },
	{ 0, "dns-hook", "COMMAND", "what puts DNS records in place; split at blanks" },
	{ 0, "profile", "PROFILE", "of the CA" },
	{ 0, "preferred-chain", "ISSUER",
	    "the chain with this issuer, where there is one" },
	{ 0, "not-after", "DURATION", "the lifetime to ask for" },
	{ 0, "must-staple", NULL, "ask for OCSP must-staple" },
	{ 0, "onion-key", "FILE", "of the onion service, for onion-csr-01" },
	{ 0, "tkauth-url", "URL", "the Token Authority, for tkauth-01" },
	{ 0, "tkauth-keytab", "FILE", "to log in to it" },
	{ 0, "jwtcc", "BASE64URL", "JWT claim constraints" },
	{ 0, "out", "FILE", "also put the certificate with its chain there" },
	{ 0, "deploy-reload", "UNIT", "reload this systemd unit afterwards" },
	{ 0, "deploy-run", "COMMAND", "run this afterwards; split at blanks, no shell" },
	{ 0, "dry-run", NULL, "print the file, change nothing" },
	{ 0, "account-key", "FILE", NULL },
	{ 0, "contact", "URI", NULL },
	{ 0, "agree-tos", NULL, NULL },
	{ 0, "eab-kid", "KID", NULL },
	{ 0, "eab-key", "KEY", NULL },
	{ 0, "eab-alg", "ALG", NULL },
	{ 0, "gssapi-keytab", "FILE", NULL },
	{ 0, "server-ca", "FILE", NULL },
	{ 0 },
};

enum form {
	FORM_TEXT,
	FORM_PATH, /* made absolute: the file stands elsewhere */
	FORM_FLAG,
	FORM_COMMAND, /* a list of words */
};

/* What becomes of options that may stand once. Rows of one parent stand together. */
static const struct row {
	const char *option;
	const char *parent; /* the key around it, or NULL */
	const char *before; /* the key */
	const char *after;
	enum form form;
} rows[] = {
	{ "cert-key-type", NULL, "key-type: ", "", FORM_TEXT },
	{ "cert-key", NULL, "key: ", "", FORM_PATH },
	{ "reuse-key", NULL, "reuse-key: ", "", FORM_FLAG },
	{ "csr", NULL, "csr: ", "", FORM_PATH },
	{ "challenge", NULL, "challenge: ", "", FORM_TEXT },
	{ "dns-hook", "dns-01", "hook: {command: ", "}", FORM_COMMAND },
	{ "profile", NULL, "profile: ", "", FORM_TEXT },
	{ "preferred-chain", NULL, "preferred-chain: ", "", FORM_TEXT },
	{ "not-after", NULL, "not-after: ", "", FORM_TEXT },
	{ "must-staple", NULL, "must-staple: ", "", FORM_FLAG },
	{ "onion-key", "onion", "key: ", "", FORM_PATH },
	{ "tkauth-url", "tkauth", "url: ", "", FORM_TEXT },
	{ "tkauth-keytab", "tkauth", "keytab: ", "", FORM_PATH },
	{ "jwtcc", "tkauth", "jwtcc: ", "", FORM_TEXT },
};

/* ---- values ---- */

static void
quote_character(struct text *t, uint32_t c, const char *bytes, size_t length)
{
	if (c == '"' || c == '\\')
		text_add(t, "\\%c", (char)c);
	else if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 ||
		 c == 0xFEFF || c == 0xFFFE || c == 0xFFFF)
		text_add(t, "\\u%04x", (unsigned)c);
	else
		text_add_bytes(t, bytes, length);
}

/* As a double-quoted scalar of YAML, which means the same whatever is in it. */
static int
quote(struct text *t, const char *s, struct err *err)
{
	size_t left = strlen(s);

	text_add(t, "\"");
	while (left > 0) {
		uint32_t c = 0;
		size_t n = str_utf8(s, left, &c);

		if (n == 0)
			return err_set(err, ERR_CONFIG, "the value is not UTF-8");
		quote_character(t, c, s, n);
		s += n;
		left -= n;
	}
	text_add(t, "\"");
	return 0;
}

static int
quote_path(struct text *t, const char *path, struct err *err)
{
	CLEAN(string) char *here = NULL;
	CLEAN(string) char *absolute = NULL;

	if (*path == '\0')
		return err_set(err, ERR_CONFIG, "the path is empty");
	if (*path == '/')
		return quote(t, path, err);
	here = getcwd(NULL, 0);
	if (here == NULL)
		return err_set_errno(err, errno, "the current directory");
	absolute = xasprintf("%s/%s", here, path);
	return quote(t, absolute, err);
}

/* ["program", "argument"]; the program may be given relative to where we are. */
static int
quote_command(struct text *t, const char *command, struct err *err)
{
	const char *word = command + strspn(command, BLANKS);
	bool first = true;

	if (*word == '\0')
		return err_set(err, ERR_CONFIG, "the command is empty");
	text_add(t, "[");
	while (*word != '\0') {
		CLEAN(string) char *copy = xstrndup(word, strcspn(word, BLANKS));
		bool is_path = first && strchr(copy, '/') != NULL;

		text_add(t, "%s", first ? "" : ", ");
		if ((is_path ? quote_path(t, copy, err) : quote(t, copy, err)) == -1)
			return -1;
		word += strlen(copy);
		word += strspn(word, BLANKS);
		first = false;
	}
	text_add(t, "]");
	return 0;
}

static int
add_value(struct text *t, enum form form, const char *value, struct err *err)
{
	switch (form) {
	case FORM_TEXT:
		return quote(t, value, err);
	case FORM_PATH:
		return quote_path(t, value, err);
	case FORM_COMMAND:
		return quote_command(t, value, err);
	case FORM_FLAG:
		text_add(t, "true");
		return 0;
	}
	return 0;
}

/* ---- the file ---- */

static int
add_rows(const struct args *args, struct text *t, struct err *err)
{
	const char *parent = NULL;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		const char *option = row->option;

		if (str_eq(option, "cert-key-type") && !args_has(args, option))
			option = "key-type";
		if (!args_has(args, option))
			continue;
		if (row->parent != NULL && !str_eq(row->parent, parent))
			text_add(t, "%s:\n", row->parent);
		parent = row->parent;
		text_add(t, "%s%s", parent != NULL ? "  " : "", row->before);
		if (add_value(t, row->form, args_value(args, option), err) == -1)
			return err_prefix(err, "--%s", option);
		text_add(t, "%s\n", row->after);
	}
	return 0;
}

static int
add_outputs(const struct args *args, struct text *t, struct err *err)
{
	bool first = true;

	for (size_t i = 0; i < args->n_given; i++) {
		if (!str_eq(args->given[i].option->name, "out"))
			continue;
		text_add(t, "%s  - {path: ", first ? "outputs:\n" : "");
		if (quote_path(t, args->given[i].value, err) == -1)
			return err_prefix(err, "--out");
		text_add(t, ", format: fullchain}\n");
		first = false;
	}
	return 0;
}

/* In the order of the command line, which is the order of their running. */
static int
add_deploy(const struct args *args, struct text *t, struct err *err)
{
	bool first = true;

	for (size_t i = 0; i < args->n_given; i++) {
		const struct args_given *given = &args->given[i];
		bool run = str_eq(given->option->name, "deploy-run");

		if (!run && !str_eq(given->option->name, "deploy-reload"))
			continue;
		text_add(t, "%s  - %s: ", first ? "deploy:\n" : "", run ? "run" : "reload");
		if (add_value(t, run ? FORM_COMMAND : FORM_TEXT, given->value, err) == -1)
			return err_prefix(err, "--%s", given->option->name);
		text_add(t, "\n");
		first = false;
	}
	return 0;
}

static int
add_head(const char *name, const char *const *domains, const char *account, struct text *t,
    struct err *err)
{
	text_add(t, "name: ");
	if (quote(t, name, err) == -1)
		return -1;
	text_add(t, "\nnames:\n");
	for (; *domains != NULL; domains++) {
		text_add(t, "  - ");
		if (quote(t, *domains, err) == -1)
			return -1;
		text_add(t, "\n");
	}
	if (account == NULL)
		return 0;
	text_add(t, "account: ");
	if (quote(t, account, err) == -1)
		return err_prefix(err, "--account");
	text_add(t, "\n");
	return 0;
}

int
certfile_print(const struct args *args, const char *name, const char *const *domains,
    const char *account, struct text *ret, struct err *err)
{
	struct text t = { 0 };

	if (add_head(name, domains, account, &t, err) == -1 ||
	    add_rows(args, &t, err) == -1 || add_outputs(args, &t, err) == -1 ||
	    add_deploy(args, &t, err) == -1) {
		text_clear(&t);
		return -1;
	}
	*ret = t;
	return 0;
}

/* ---- names ---- */

static int
add_domain(char ***domains, const char *text, struct err *err)
{
	CLEAN(string) char *domain = identifier_normalize(text, err);

	if (domain == NULL)
		return -1;
	if (!strv_contains((const char *const *)*domains, domain))
		strv_add(domains, domain);
	return 0;
}

char **
certfile_domains(const struct args *args, struct err *err)
{
	CLEAN(strv) char **given = args_values(args, "domain");
	CLEAN(strv) char **domains = NULL;

	for (char **d = given; d != NULL && *d != NULL; d++)
		if (add_domain(&domains, *d, err) == -1)
			return NULL;
	for (size_t i = 0; i < args->n_words; i++)
		if (add_domain(&domains, args->words[i], err) == -1)
			return NULL;
	if (domains == NULL)
		err_set(err, ERR_CONFIG, "no domain was given");
	return TAKE(domains);
}

/* Whatever the locale calls a letter. */
static bool
is_safe_name(const char *name)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._-";
	size_t length = strlen(name);

	return length > 0 && length <= NAME_MOST && strspn(name, safe) == length &&
	       *name != '.' && *name != '-';
}

char *
certfile_name(const struct args *args, const char *first_domain, struct err *err)
{
	CLEAN(string) char *name = xstrdup(args_value(args, "name"));

	if (name == NULL) {
		name =
		    xstrdup(first_domain + (identifier_is_wildcard(first_domain) ? 2 : 0));
		for (char *c = name; *c != '\0'; c++)
			if (*c == ':') /* of an IPv6 address */
				*c = '-';
	}
	if (is_safe_name(name))
		return TAKE(name);
	err_set(err, ERR_CONFIG,
	    "--name: letters, digits, \".\", \"_\" and \"-\", at most %d, neither \".\" "
	    "nor "
	    "\"-\" first",
	    NAME_MOST);
	return NULL;
}

/* ---- on disk ---- */

static int
write_all(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t n = write(fd, text, left);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		text += n;
		left -= (size_t)n;
	}
	return 0;
}

static int
sync_directory(const char *directory)
{
	CLEAN(fd) int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd == -1 ? -1 : fsync(fd);
}

/* link(), unlike rename(), leaves alone what has the name already. */
static int
publish(int fd, const char *from, const char *to, const char *text)
{
	if (write_all(fd, text) == -1 || fchmod(fd, 0644) == -1 || fsync(fd) == -1)
		return -1;
	return link(from, to);
}

int
certfile_write(const char *directory, const char *path, const char *text, bool *exists,
    struct err *err)
{
	CLEAN(string) char *unfinished = xasprintf("%s/.acmectl-XXXXXX", directory);
	CLEAN(fd) int fd = mkostemp(unfinished, O_CLOEXEC);
	int error;

	*exists = false;
	if (fd == -1)
		return err_set_errno(err, errno, "%s", directory);
	error = publish(fd, unfinished, path, text) == -1 ? errno : 0;
	unlink(unfinished);
	if (error == 0 && sync_directory(directory) == -1) {
		error = errno;
		unlink(path);
	}
	*exists = error == EEXIST;
	return error == 0 ? 0 : err_set_errno(err, error, "%s", path);
}
