#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "config_check.h"

enum { KEY_MAX = 40 }; /* longer than any key that is known */

/* How many single-letter changes and swaps make one word the other. */
static size_t
distance(const char *a, size_t n, const char *b, size_t m)
{
	size_t row[KEY_MAX + 1][KEY_MAX + 1];

	for (size_t i = 0; i <= n; i++)
		for (size_t j = 0; j <= m; j++) {
			size_t best;

			if (i == 0 || j == 0) {
				row[i][j] = i + j;
				continue;
			}
			best = row[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			if (row[i - 1][j] + 1 < best)
				best = row[i - 1][j] + 1;
			if (row[i][j - 1] + 1 < best)
				best = row[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] &&
			    row[i - 2][j - 2] + 1 < best)
				best = row[i - 2][j - 2] + 1;
			row[i][j] = best;
		}
	return row[n][m];
}

/* The known key that is most like it, or false when none is near. */
static bool
nearest(const char *key, const char *path, struct buf *found)
{
	size_t position = 0, length = strlen(key), best = SIZE_MAX;
	struct buf name = {0};

	if (length > KEY_MAX)
		return false;
	while (schema_child(path, &position, &name)) {
		size_t n;

		if (name.length > KEY_MAX)
			continue;
		n = distance(key, length, name.data, name.length);
		if (n < best && n <= 1 + length / 4) {
			best = n;
			buf_clear(found);
			buf_add(found, name.data, name.length);
		}
	}
	buf_free(&name);
	return best != SIZE_MAX;
}

/* "a, b, c": the keys that are known in the object. */
static void
list_keys(const char *path, struct buf *list)
{
	struct buf name = {0}, last = {0};
	size_t position = 0;

	while (schema_child(path, &position, &name)) {
		if (strcmp(buf_string(&name), buf_string(&last)) == 0)
			continue;
		buf_printf(list, "%s%s", list->length != 0 ? ", " : "",
		    buf_string(&name));
		buf_clear(&last);
		buf_add(&last, name.data, name.length);
	}
	buf_free(&name);
	buf_free(&last);
}

/* Whether a key of this name would hold a secret: apiKey, bot_token. */
static bool
names_secret(const char *key)
{
	static const char *const part[] = {"token", "secret", "password",
	    "passwd", "passphrase", "credential", "apikey", "privatekey",
	    "accesskey"};
	char flat[KEY_MAX + 1];
	size_t n = 0;

	for (; *key != '\0' && n < KEY_MAX; key++)
		if (isalnum((unsigned char)*key))
			flat[n++] = (char)tolower((unsigned char)*key);
	flat[n] = '\0';
	for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
		if (strstr(flat, part[i]) != NULL)
			return true;
	return n > 3 && strcmp(flat + n - 3, "key") == 0;
}

void
config_unknown_key(const struct yamldoc_node *key,
    const struct yamldoc_node *value, const char *path,
    struct problems *problems)
{
	char quoted[PROBLEM_QUOTE_SIZE];
	struct buf other = {0};

	problem_quote(quoted, key->text);
	if (value->kind == YAMLDOC_STRING && names_secret(key->text))
		problem_add(problems, key->line, key->column,
		    "%s looks like a secret, which must not be in this file; "
		    "put it into its environment variable, or into a file "
		    "that <NAME>_FILE names (see openclaw.yaml(5), SECRETS)",
		    quoted);
	else if (nearest(key->text, path, &other))
		problem_add(problems, key->line, key->column,
		    "unknown key %s; did you mean `%s`?", quoted,
		    buf_string(&other));
	else {
		list_keys(path, &other);
		problem_add(problems, key->line, key->column,
		    "unknown key %s; known here: %s", quoted,
		    buf_string(&other));
	}
	buf_free(&other);
}
