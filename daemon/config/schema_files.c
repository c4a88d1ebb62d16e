/* SPDX-License-Identifier: ISC */
/* Readers of what the host has: files, credentials, groups. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/config_internal.h"
#include "daemon/io/file.h"

#define CREDENTIAL      "credential:"
#define CREDENTIAL_MOST (64UL * 1024)
#define GROUP_MOST      (64UL * 1024) /* bytes of one group's entry */

char *
config_path(const char *directory, const char *path)
{
	if (path[0] == '/')
		return xstrdup(path);
	if (str_starts(path, "./"))
		path += 2;
	return xasprintf("%s%s%s", directory, str_ends(directory, "/") ? "" : "/", path);
}

char *
config_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

/* The path of a credential that the service manager passed on; NULL and a problem where
 * there is none. */
static char *
credential_path(const struct schema_reader *r, const struct yaml_node *node,
    const char *name)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	const char *fault = schema_name_fault(name);

	if (fault != NULL)
		schema_problem(r, node, "\"%.100s\" cannot name a credential: %s",
		    node->text, fault);
	else if (directory == NULL || directory[0] != '/')
		schema_problem(r, node,
		    "\"%s\" needs $CREDENTIALS_DIRECTORY, which systemd sets where the "
		    "unit "
		    "has LoadCredential=%s",
		    node->text, name);
	else
		return config_path(directory, name);
	return NULL;
}

static char *
path_of(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, bool credentials)
{
	const char *text = schema_text(r, row->key, node);

	if (text == NULL)
		return NULL;
	if (credentials && str_starts(text, CREDENTIAL))
		return credential_path(r, node, text + strlen(CREDENTIAL));
	return config_path(r->directory, text);
}

bool
schema_read_path(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	ret->text = path_of(r, row, node, false);
	return ret->text != NULL;
}

bool
schema_read_socket(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	CLEAN(string) char *path = path_of(r, row, node, false);
	size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1;

	if (path == NULL)
		return false;
	if (strlen(path) > most)
		return schema_problem(r, node,
		    "\"%s\" is longer than the %zu bytes that a socket's path may have",
		    row->key, most);
	ret->text = TAKE(path);
	return true;
}

bool
schema_read_file(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	CLEAN(string) char *path = path_of(r, row, node, true);
	CLEAN(fd) int fd = -1;
	struct stat st;

	if (path == NULL)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1 || fstat(fd, &st) == -1)
		return schema_problem(r, node, "\"%s\": cannot read %s: %m", row->key,
		    path);
	if (!S_ISREG(st.st_mode))
		return schema_problem(r, node, "\"%s\": %s is no file", row->key, path);
	ret->text = TAKE(path);
	return true;
}

static char *
read_credential(const struct schema_reader *r, const struct yaml_node *node,
    const char *name)
{
	CLEAN(string) char *path = credential_path(r, node, name);
	struct err err = { 0 };
	char *text;
	size_t length = 0;

	if (path == NULL)
		return NULL;
	text = file_read(AT_FDCWD, path, CREDENTIAL_MOST, &length, &err);
	if (text == NULL) {
		schema_problem(r, node, "credential \"%s\": %s", name, err.text);
		return NULL;
	}
	/* People make these with echo. */
	while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
		text[--length] = '\0';
	if (length > 0 && strlen(text) == length)
		return text;
	schema_problem(r, node, "credential \"%s\" is empty, or no text", name);
	secret_free(text, length);
	return NULL;
}

/* Written in plain text it is as secret as the file. */
static void
check_secrecy(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node)
{
	struct stat st;

	if (stat(r->file, &st) == 0 && (st.st_mode & S_IROTH) != 0)
		schema_warn(r, node,
		    "everybody may read this file, and \"%s\" is a secret; run: chmod o-r "
		    "%s, "
		    "or write credential:NAME",
		    row->key, r->file);
}

bool
schema_read_secret(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);

	if (text == NULL)
		return false;
	if (str_starts(text, CREDENTIAL)) {
		ret->text = read_credential(r, node, text + strlen(CREDENTIAL));
		return ret->text != NULL;
	}
	check_secrecy(r, row, node);
	ret->text = xstrdup(text);
	return true;
}

/* A warning only: the configuration may be checked on another host, and without the
 * group fewer people may use the socket, not more. */
bool
schema_read_group(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);
	CLEAN(string) char *buffer = NULL;
	struct group group, *found = NULL;

	if (text == NULL)
		return false;
	buffer = xcalloc(GROUP_MOST, 1);
	if (getgrnam_r(text, &group, buffer, GROUP_MOST, &found) != ERANGE && found == NULL)
		schema_warn(r, node, "there is no group \"%.100s\" on this host", text);
	ret->text = xstrdup(text);
	return true;
}

bool
schema_read_mode(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);
	size_t length = text != NULL ? strlen(text) : 0;

	if (text == NULL)
		return false;
	if (length < 3 || length > 4 || strspn(text, "01234567") != length ||
	    (length == 4 && text[0] != '0'))
		return schema_problem(r, node,
		    "\"%s\" has to be a file mode in octal digits, such as \"0640\"",
		    row->key);
	ret->text = xstrdup(text);
	return true;
}
