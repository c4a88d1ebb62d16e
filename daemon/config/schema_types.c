/* SPDX-License-Identifier: ISC */
/* Readers of plain values: text, words, numbers, lists. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto/base64url.h"
#include "common/crypto/key.h"
#include "common/mem.h"
#include "common/str.h"
#include "daemon/config/schema.h"

bool
schema_read_text(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);

	ret->text = xstrdup(text);
	return text != NULL;
}

static bool
is_one_of(const char *text, const char *a, const char *b, const char *c)
{
	CLEAN(string) char *lower = str_lower(xstrdup(text));

	return str_eq(lower, a) || str_eq(lower, b) || str_eq(lower, c);
}

bool
schema_read_bool(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);

	if (text == NULL)
		return false;
	ret->flag = is_one_of(text, "true", "yes", "on");
	if (!node->quoted && (ret->flag || is_one_of(text, "false", "no", "off")))
		return true;
	return schema_problem(r, node, "\"%s\" has to be true or false%s", row->key,
	    node->quoted ? ", without quotes" : "");
}

/* "a, b or c" */
static char *
enumerate(const char *const *words)
{
	size_t n = strv_length(words);
	struct text t = { 0 };

	for (size_t i = 0; i < n; i++)
		text_add(&t, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " or ", words[i]);
	return text_take(&t);
}

static bool
refuse_word(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, const char *const *words)
{
	CLEAN(string) char *all = enumerate(words);

	return schema_problem(r, node, "\"%s\" is \"%.100s\", but can be %s only", row->key,
	    node->text, all);
}

bool
schema_read_word(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);

	if (text == NULL)
		return false;
	if (!strv_contains(row->words, text))
		return refuse_word(r, row, node, row->words);
	ret->text = xstrdup(text);
	return true;
}

bool
schema_read_either(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	CLEAN(string) char *word = NULL;
	union schema_value value = { 0 };

	if (!schema_read_word(r, row, node, &value))
		return false;
	word = value.text;
	ret->flag = str_eq(word, row->words[1]);
	return true;
}

bool
schema_read_log_level(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *names[LOG_LEVEL_COUNT + 1] = { NULL };
	const char *text = schema_text(r, row->key, node);

	if (text == NULL)
		return false;
	ret->log_level = log_level_find(text);
	if (ret->log_level != LOG_LEVEL_COUNT)
		return true;
	for (int level = 0; level < LOG_LEVEL_COUNT; level++)
		names[level] = log_level_name((enum log_level)level);
	return refuse_word(r, row, node, names);
}

bool
schema_read_key_type(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);

	if (text == NULL)
		return false;
	ret->key_type = key_type_find(text);
	if (ret->key_type != KEY_TYPE_COUNT)
		return true;
	if (is_one_of(text, "ml-dsa-44", "ml-dsa-65", "ml-dsa-87"))
		return schema_problem(r, node,
		    "key type %s comes with OpenSSL 3.5, and is not available in this "
		    "version",
		    text);
	return refuse_word(r, row, node, key_type_names());
}

bool
schema_read_base64url(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);

	if (text == NULL)
		return false;
	if (!base64url_is_token(text))
		return schema_problem(r, node,
		    "\"%s\" has to be base64url: letters, digits, \"-\" and \"_\"",
		    row->key);
	ret->text = xstrdup(text);
	return true;
}

/* ---- lists; one value may stand for a list of one ---- */

static size_t
count_items(const struct yaml_node *node)
{
	size_t n = 0;

	for (const struct yaml_node *one = node->first; one != NULL; one = one->next)
		n++;
	return node->kind == YAML_LIST ? n : 1;
}

char **
schema_read_list(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, schema_item_fn *item)
{
	const struct yaml_node *one = node->kind == YAML_LIST ? node->first : node;
	size_t n = count_items(node), good = 0;
	CLEAN(strv) char **list = NULL;

	if (schema_is_null(node))
		schema_problem(r, node, "\"%s\" has no value", row->key);
	else if (node->kind == YAML_MAP)
		schema_problem(r, node, "\"%s\" has to be a list of values, not a map",
		    row->key);
	if (schema_is_null(node) || node->kind == YAML_MAP)
		return NULL;
	/* Not with strv_add(), which counts what is there: a list may be long. */
	list = xcalloc(n + 1, sizeof(*list));
	for (size_t i = 0; i < n; i++, one = one->next) {
		list[good] = item(r, row, one);
		good += list[good] != NULL;
	}
	return good == n ? TAKE(list) : NULL;
}

static char *
read_item(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node)
{
	return xstrdup(schema_text(r, row->key, node));
}

/* Looked for as the user that reads the configuration: acmed is to run it. */
static bool
is_program(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return schema_problem(r, node, "\"%s\": cannot run %s: %m", row->key, path);
	if (!S_ISREG(st.st_mode))
		return schema_problem(r, node, "\"%s\": %s is no program", row->key, path);
	if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == -1)
		return schema_problem(r, node, "\"%s\": cannot run %s: %m", row->key, path);
	return true;
}

/* An argument vector: no shell will look for the program. */
bool
schema_read_command(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	CLEAN(strv) char **list = schema_read_list(r, row, node, read_item);

	if (list == NULL)
		return false;
	if (list[0] == NULL)
		return schema_problem(r, node, "\"%s\" must not be empty", row->key);
	if (list[0][0] != '/')
		return schema_problem(r, node,
		    "\"%s\" has to start with the absolute path of a program, not with "
		    "\"%.100s\"",
		    row->key, list[0]);
	if ((row->flags & SCHEMA_PROGRAM) != 0 && !is_program(r, row, node, list[0]))
		return false;
	ret->list = TAKE(list);
	return true;
}

static bool
has_only(const char *text, const char *more)
{
	static const char always[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789._-";

	for (; *text != '\0'; text++)
		if (strchr(always, *text) == NULL && strchr(more, *text) == NULL)
			return false;
	return true;
}

const char *
schema_name_fault(const char *name)
{
	if (name[0] == '\0')
		return "it is empty";
	if (strlen(name) > 200)
		return "it is longer than 200 bytes";
	if (name[0] == '.' || name[0] == '-')
		return "it starts with \".\" or \"-\"";
	if (!has_only(name, ""))
		return "only letters, digits, \".\", \"_\" and \"-\" may be in it";
	return NULL;
}

bool
schema_read_file_name(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);
	const char *fault = text != NULL ? schema_name_fault(text) : NULL;

	if (text == NULL)
		return false;
	if (fault != NULL)
		return schema_problem(r, node, "\"%.100s\" cannot be a name of a file: %s",
		    text, fault);
	ret->text = xstrdup(text);
	return true;
}

bool
schema_read_unit(const struct schema_reader *r, const struct schema_row *row,
    const struct yaml_node *node, union schema_value *ret)
{
	const char *text = schema_text(r, row->key, node);
	const char *dot = text != NULL ? strrchr(text, '.') : NULL;

	if (text == NULL)
		return false;
	if (dot == NULL || dot == text || dot[1] == '\0' || !has_only(text, "@:\\"))
		return schema_problem(r, node,
		    "\"%.100s\" is no name of a systemd unit, such as nginx.service", text);
	ret->text = xstrdup(text);
	return true;
}
