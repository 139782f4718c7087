#include <jq.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "buf.h"
#include "json.h"
#include "log.h"
#include "rule.h"
#include "rule_check.h"
#include "utf8.h"
#include "xalloc.h"

struct rule {
	jq_state *jq;
	char *text;
};

enum { ERROR_MAX = 300 }; /* bytes of a message of libjq's that are shown */

/*
 * What libjq 1.6 does wrong, put right before the rule: strftime aborts on a
 * number that is no time, indices("") never ends, a split by a pattern reads
 * behind the end of the text.  On one line, so that the line numbers of the
 * rule's own errors stay right.
 */
static const char prelude[] =
    "def rule_strftime($f): strftime($f); "
    "def strftime($f): (if type == \"number\" then gmtime else . end)"
    " | rule_strftime($f); "
    "def rule_strflocaltime($f): strflocaltime($f); "
    "def strflocaltime($f): (if type == \"number\" then localtime else . end)"
    " | rule_strflocaltime($f); "
    "def todate: strftime(\"%Y-%m-%dT%H:%M:%SZ\"); "
    "def todateiso8601: todate; def date: todate; "
    "def rule_indices($i): indices($i); "
    "def indices($i): if $i == \"\" then null else rule_indices($i) end; "
    "def index($i): indices($i) | .[0]; "
    "def rindex($i): indices($i) | .[-1:][0]; "
    "def split($a; $b): error(\"split by a pattern is not for rules\"); ";

/*
 * libjq sees this environment and no other.  Where HOME is not set it might
 * ask for the user's, to load ~/.jq; below /dev/null there is no file.
 */
static char **
hide_environment(void)
{
	static char home[] = "HOME=/dev/null";
	static char *hidden[] = {home, NULL};
	char **own = environ;

	environ = hidden;
	return own;
}

/* Keeps the first message of several: the others only count them. */
static void
on_compile_error(void *arg, jv own_message)
{
	char **error = arg;

	if (*error == NULL)
		*error = xstrdup(json_as_string(own_message, "not jq"));
	jv_free(own_message);
}

/* Takes a part out of the text, if it is there. */
static void
take_out(char *text, const char *part)
{
	char *at = strstr(text, part);

	if (at != NULL)
		memmove(at, at + strlen(part), strlen(at + strlen(part)) + 1);
}

/* libjq's message for people who did not start a shell. */
static char *
plain(char *error)
{
	if (error == NULL)
		return xstrdup("not jq");
	error[strcspn(error, "\n")] = '\0';
	take_out(error, "jq: error: ");
	take_out(error, " (Unix shell quoting issues?)");
	take_out(error, " at <top-level>");
	if (*error != '\0' && error[strlen(error) - 1] == ':')
		error[strlen(error) - 1] = '\0';
	return error;
}

struct rule *
rule_compile(const char *text, char **error)
{
	struct rule *rule;
	char **environment, *program;
	bool ok;

	*error = rule_check(text);
	if (*error != NULL)
		return NULL;
	rule = xcalloc(1, sizeof *rule);
	program = xasprintf("%s%s", prelude, text);
	environment = hide_environment();
	rule->jq = jq_init();
	if (rule->jq == NULL)
		fatal(EX_OSERR, "out of memory (jq)");
	jq_set_attr(rule->jq, json_string("JQ_LIBRARY_PATH"), json_array());
	jq_set_error_cb(rule->jq, on_compile_error, error);
	ok = jq_compile(rule->jq, program);
	environ = environment;
	free(program);
	if (!ok) {
		jq_teardown(&rule->jq);
		free(rule);
		*error = plain(*error);
		return NULL;
	}
	free(*error);
	*error = NULL;
	jq_set_error_cb(rule->jq, NULL, NULL);
	rule->text = xstrdup(text);
	return rule;
}

void
rule_free(struct rule *rule)
{
	if (rule == NULL)
		return;
	jq_teardown(&rule->jq);
	free(rule->text);
	free(rule);
}

/* Puts "…" for what stands between the first `from` and the last `to`. */
static void
hide(struct buf *message, char from, char to)
{
	char *first = strchr(message->data, from);
	char *last = strrchr(message->data, to);
	struct buf hidden = {0};

	if (first == NULL || last <= first)
		return;
	buf_add(&hidden, message->data, (size_t)(first + 1 - message->data));
	buf_add_string(&hidden, "\xe2\x80\xa6");
	buf_add_string(&hidden, last);
	buf_free(message);
	*message = hidden;
}

/*
 * What went wrong while a rule ran, without the values that libjq quotes:
 * they are a person's text, and messages go to the log.
 */
static char *
describe(const struct rule *rule, jv ref_message)
{
	struct buf message = {0};
	char *quote;

	buf_add_string(
	    &message, json_as_string(ref_message, "an error that is no text"));
	hide(&message, '(', ')');
	quote = strchr(message.data, '"');
	/* a key that the rule itself names is the best hint there is */
	if (quote != NULL) {
		size_t length = strcspn(quote + 1, "\"");
		char *key = xstrndup(quote + 1, length);

		if (quote[1 + length] == '\0' || quote[2 + length] != '\0' ||
		    strstr(rule->text, key) == NULL)
			hide(&message, '"', '"');
		free(key);
	}
	if (message.length > ERROR_MAX)
		buf_truncate(&message,
		    utf8_floor(message.data, message.length, ERROR_MAX));
	return buf_take(&message);
}

jv
rule_result(struct rule *rule, jv own_input, char **error)
{
	char **environment = hide_environment();
	jv result;

	jq_start(rule->jq, own_input, 0);
	result = jq_next(rule->jq);
	/* let go of the input, or the caller's next change copies it */
	jq_start(rule->jq, json_null(), 0);
	environ = environment;
	*error = NULL;
	if (!jv_is_valid(result) && jv_invalid_has_msg(jv_copy(result))) {
		jv message = jv_invalid_get_msg(jv_copy(result));

		*error = describe(rule, message);
		jv_free(message);
	}
	return result;
}

bool
rule_holds(struct rule *rule, jv own_input, char **error)
{
	jv result = rule_result(rule, own_input, error);
	bool holds = !json_is_null(result) && json_as_bool(result, true);

	jv_free(result);
	return holds;
}
