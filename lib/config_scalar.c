#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "config_check.h"
#include "json.h"
#include "netaddr.h"
#include "redis.h"
#include "rule_check.h"

enum {
	STRING_MAX = 4096,      /* a path, a URL, a name */
	ID_MAX = 20,            /* digits of a 64-bit number and a sign */
	PROVIDER_NAME_MAX = 64, /* and of a label */
};

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

static bool
only(const char *text, const char *bytes)
{
	return *text != '\0' && text[strspn(text, bytes)] == '\0';
}

/* One line without control bytes. */
static bool
is_line(const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return *text != '\0' && strlen(text) <= STRING_MAX;
}

static bool
is_provider_name(const char *text)
{
	return only(text, LOWER UPPER DIGIT "_-") &&
	       strlen(text) <= PROVIDER_NAME_MAX;
}

static bool
is_model(const char *text)
{
	size_t length = strcspn(text, "/");
	char name[PROVIDER_NAME_MAX + 1] = "";

	if (!is_line(text) || text[strcspn(text, " ")] != '\0' ||
	    length >= sizeof name || text[length] == '\0' ||
	    text[length + 1] == '\0')
		return false;
	memcpy(name, text, length);
	return is_provider_name(name);
}

static bool
is_variable(const char *text)
{
	return only(text, UPPER DIGIT "_") && strchr(DIGIT, *text) == NULL;
}

static const char *
variable_wrong(const char *text, bool of_key)
{
	if (!is_variable(text))
		return "the NAME of an environment variable (capital letters, "
		       "digits and `_`), never a key itself";
	/* a key's variable is wiped from the environment */
	if (of_key && (strcmp(text, "PATH") == 0 || strcmp(text, "HOME") == 0))
		return "another variable: this one is no key's";
	return NULL;
}

static const char *
url_wrong(const char *text)
{
	size_t host;

	if (strncasecmp(text, "http://", 7) != 0 &&
	    strncasecmp(text, "https://", 8) != 0)
		return "a URL that begins with http:// or https://";
	text = strstr(text, "//") + 2;
	host = strcspn(text, "/?#\\");
	if (memchr(text, '@', host) != NULL)
		return "a URL without user name and password; name the "
		       "variable with the key instead";
	if (host == 0 || *text == ':' || strpbrk(text, " ?#\\") != NULL)
		return "a URL with a host and without spaces, `?` and `#`";
	return NULL;
}

static const char *
url_path_wrong(const char *text)
{
	if (*text != '/' || text[1] == '\0' || strstr(text, "//") != NULL ||
	    text[strspn(text, LOWER UPPER DIGIT "/._~-")] != '\0')
		return "a path that begins with /, of letters, digits and "
		       "`/._~-`";
	return NULL;
}

static const char *
id_wrong(const char *text)
{
	if (*text == '@')
		return "a numeric id: usernames change hands, ids do not "
		       "(the bot's log shows the id of whoever writes to it)";
	if (*text == '-')
		text++;
	if (!only(text, DIGIT) || strlen(text) > ID_MAX)
		return "a numeric id";
	return NULL;
}

static const char *
host_wrong(const char *text)
{
	struct netaddr_allow allow = {0};
	const char *problem = NULL;

	netaddr_allow_add(&allow, text, &problem);
	netaddr_allow_free(&allow);
	return problem != NULL
		   ? "a host, an address, host:port, or a network as 10.0.0.0/8"
		   : NULL;
}

static const char *
redis_wrong(const char *text)
{
	struct redis_url url;
	const char *wrong = redis_url_parse(text, &url);

	redis_url_free(&url);
	return wrong;
}

const char *
config_text_wrong(enum schema_type type, const char *text)
{
	if (type == SCHEMA_RULE)
		return *text != '\0' && strlen(text) <= RULE_TEXT_MAX
			   ? NULL
			   : "a jq expression of at most 8,192 bytes";
	if (!is_line(text))
		return "one line of at most 4,096 bytes that is not empty";
	switch (type) {
	case SCHEMA_URL: return url_wrong(text);
	case SCHEMA_URL_PATH: return url_path_wrong(text);
	case SCHEMA_ID: return id_wrong(text);
	case SCHEMA_NAME:
		if (strcmp(text, "local") == 0)
			return "another name: `local` is built in and has "
			       "nothing to set";
		return is_provider_name(text)
			   ? NULL
			   : "letters, digits, `_` and `-` alone";
	case SCHEMA_MODEL:
		return is_model(text) ? NULL
				      : "a model as PROVIDER/MODEL, as in "
					"`google/gemini-2.5-flash`";
	case SCHEMA_VARIABLE: return variable_wrong(text, true);
	case SCHEMA_TOOL_VARIABLE: return variable_wrong(text, false);
	case SCHEMA_PATH:
		return *text == '/' || strncmp(text, "~/", 2) == 0
			   ? NULL
			   : "a path that begins with / or ~/";
	case SCHEMA_PROGRAM:
		return *text != '-' && strchr(text, ' ') == NULL
			   ? NULL
			   : "the name or path of one program, without "
			     "arguments";
	case SCHEMA_HOST: return host_wrong(text);
	case SCHEMA_SHA256:
		return strlen(text) == 64 && only(text, DIGIT "abcdefABCDEF")
			   ? NULL
			   : "a SHA-256: 64 hexadecimal digits, in quotes";
	case SCHEMA_REDIS: return redis_wrong(text);
	case SCHEMA_LABEL:
		return is_provider_name(text)
			   ? NULL
			   : "a label of letters, digits, `_` and `-`";
	default: return NULL;
	}
}

/* Whether `text` is one of the words in "one|two". */
static bool
is_word(const char *text, const char *words)
{
	size_t length = strlen(text);

	for (; *words != '\0'; words += *words == '|') {
		size_t n = strcspn(words, "|");

		if (n == length && strncmp(words, text, n) == 0)
			return true;
		words += n;
	}
	return false;
}

static jv
wrong_kind(const char *expected, const struct yamldoc_node *node,
    const char *advice, struct problems *problems)
{
	problem_add(problems, node->line, node->column,
	    "expected %s, found %s; %s", expected,
	    yamldoc_kind_name(node->kind), advice);
	return json_null();
}

static jv
check_bool(const struct yamldoc_node *node, struct problems *problems)
{
	if (node->kind != YAMLDOC_BOOL)
		return wrong_kind("true or false", node,
		    "write true or false, without quotes", problems);
	return json_bool(strcasecmp(node->text, "true") == 0);
}

static jv
check_number(const struct schema_key *row, const struct yamldoc_node *node,
    struct problems *problems)
{
	bool whole = row->type == SCHEMA_INT;
	double value;

	if (node->kind != YAMLDOC_INT && (whole || node->kind != YAMLDOC_FLOAT))
		return wrong_kind(whole ? "a whole number" : "a number", node,
		    node->kind == YAMLDOC_STRING
			? "write digits alone, without quotes"
			: "write a number",
		    problems);
	if (!yamldoc_number(node, &value) || value < (double)row->low ||
	    value > (double)row->high) {
		problem_add(problems, node->line, node->column,
		    "out of range; write a number from %lld to %lld",
		    (long long)row->low, (long long)row->high);
		return json_null();
	}
	return json_number(value);
}

/* Keys and URLs may hold what nobody else should read. */
static bool
may_be_shown(enum schema_type type)
{
	return type != SCHEMA_VARIABLE && type != SCHEMA_TOOL_VARIABLE &&
	       type != SCHEMA_URL && type != SCHEMA_REDIS;
}

static jv
check_text(const struct schema_key *row, const struct yamldoc_node *node,
    struct problems *problems)
{
	char quoted[PROBLEM_QUOTE_SIZE];
	const char *wrong;

	if (row->type == SCHEMA_ID && node->kind == YAMLDOC_INT &&
	    id_wrong(node->text) == NULL)
		return json_string(node->text);
	if (node->kind != YAMLDOC_STRING)
		return wrong_kind("text", node,
		    node->text != NULL && node->kind != YAMLDOC_NULL
			? "put it in quotes"
			: "write a text, or leave the key out",
		    problems);
	if (row->type == SCHEMA_WORD && !is_word(node->text, row->words)) {
		problem_add(problems, node->line, node->column,
		    "%s is none of the words that are known here; write one "
		    "of %s",
		    problem_quote(quoted, node->text), row->words);
		return json_null();
	}
	wrong = config_text_wrong(row->type, node->text);
	if (wrong != NULL) {
		bool show = may_be_shown(row->type) && is_line(node->text);

		problem_add(problems, node->line, node->column,
		    "%s%sexpected %s",
		    show ? problem_quote(quoted, node->text) : "",
		    show ? ": " : "", wrong);
		return json_null();
	}
	return json_string(node->text);
}

jv
config_scalar(const struct schema_key *row, const struct yamldoc_node *node,
    struct problems *problems)
{
	switch (row->type) {
	case SCHEMA_BOOL: return check_bool(node, problems);
	case SCHEMA_INT:
	case SCHEMA_NUMBER: return check_number(row, node, problems);
	default: return check_text(row, node, problems);
	}
}
