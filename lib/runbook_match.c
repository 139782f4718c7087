#include <string.h>
#include "runbook_parts.h"
#include "utf8.h"

static bool
holds_control(const char *s, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < ' ' || c == 0x7f)
			return true;
		/* U+0080 to U+009F, the second set of control characters */
		if (c == 0xc2 && i + 1 < length &&
		    (unsigned char)s[i + 1] < 0xa0)
			return true;
	}
	return false;
}

/*
 * Whether an argument may stand for a part.  Without `strict` a placeholder
 * takes what it must not: only its prefix and suffix count.
 */
static bool
fits(const struct runbook_part *part, const char *argument, bool strict)
{
	size_t length = strlen(argument), prefix, suffix;

	if (part->kind == RUNBOOK_LITERAL)
		return strcmp(part->text, argument) == 0;
	prefix = strlen(part->prefix);
	suffix = strlen(part->suffix);
	if (length < prefix + suffix ||
	    memcmp(argument, part->prefix, prefix) != 0 ||
	    memcmp(argument + length - suffix, part->suffix, suffix) != 0)
		return false;
	if (!strict)
		return true;
	if (length == prefix + suffix || argument[prefix] == '-')
		return false;
	return utf8_valid(argument, length) && !holds_control(argument, length);
}

/*
 * The parts are a regular expression over words, and this runs it without
 * going back: `state` holds every part that may come next, and each argument
 * is looked at once for each of them.
 */
static void
skip_optional(const struct runbook_command *c, bool *state)
{
	for (size_t i = 0; i < c->count; i++)
		if (state[i] && (c->part[i].kind == RUNBOOK_OPTIONAL ||
				    c->part[i].kind == RUNBOOK_MORE))
			state[i + 1] = true;
}

static bool
command_matches(const struct runbook_command *c, char *const *argv, size_t argc,
    bool strict)
{
	bool now[WORDS_MAX + 1] = {true}, next[WORDS_MAX + 1];

	if (c->refused != NULL || c->count == 0 || argc == 0 ||
	    argc > WORDS_MAX || !fits(&c->part[0], argv[0], strict))
		return false;
	for (size_t a = 0; a < argc; a++) {
		bool any = false;

		memset(next, 0, sizeof(next));
		skip_optional(c, now);
		for (size_t i = 0; i < c->count; i++) {
			bool more = c->part[i].kind == RUNBOOK_MORE;

			if (!now[i] ||
			    !fits(&c->part[more ? i - 1 : i], argv[a], strict))
				continue;
			next[more ? i : i + 1] = any = true;
		}
		if (!any)
			return false;
		memcpy(now, next, sizeof(now));
	}
	skip_optional(c, now);
	return now[c->count];
}

static const struct runbook_command *
find(const struct runbook *runbook, char *const *argv, size_t argc, bool strict)
{
	for (size_t i = 0; i < runbook->count; i++) {
		const struct runbook_operation *o = &runbook->operation[i];

		for (size_t j = 0; j < o->count; j++)
			if (command_matches(&o->command[j], argv, argc, strict))
				return &o->command[j];
	}
	return NULL;
}

const struct runbook_command *
runbook_match(const struct runbook *runbook, char *const *argv, size_t argc)
{
	return find(runbook, argv, argc, true);
}

char *const *
runbook_bad_argument(
    const struct runbook *runbook, char *const *argv, size_t argc)
{
	const struct runbook_command *c = find(runbook, argv, argc, false);

	for (size_t a = 0; c != NULL && a < argc; a++) {
		bool any = false;

		for (size_t i = 0; i < c->count && !any; i++)
			any = c->part[i].kind != RUNBOOK_MORE &&
			      fits(&c->part[i], argv[a], true);
		if (!any)
			return argv + a;
	}
	return NULL;
}
