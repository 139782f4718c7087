#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "runbook_parts.h"
#include "utf8.h"
#include "xalloc.h"

/*
 * A documented command line becomes literals and placeholders, or is refused
 * because nothing but a shell could run it as it is written.
 */

enum {
	PLACEHOLDER_MAX = 64, /* bytes of a <name>; also bounds the search */
};

/* One word, and for each byte of it whether a quote or backslash covered it. */
struct reading {
	struct runbook_command *command;
	const char *line;
	size_t at;
	struct buf text, quoted;
	bool in_word;
};

static const char *const shell_words[] = {"cd", "pushd", "popd", "export",
    "unset", "source", ".", "eval", "exec", "alias", "set", "shopt", "trap",
    "umask", "ulimit", "local", "declare", "typeset", "readonly", "read",
    "return", "exit", "if", "then", "else", "elif", "fi", "for", "while",
    "until", "do", "done", "case", "esac", "select", "function", "{", "}", "!",
    "[[", NULL};
bool
runbook_in_list(const char *const *list, const char *word, size_t length)
{
	for (; *list != NULL; list++)
		if (strlen(*list) == length && memcmp(*list, word, length) == 0)
			return true;
	return false;
}

void
runbook_command_refuse(struct runbook_command *command, const char *why)
{
	if (command->refused == NULL)
		command->refused = xstrdup(why);
}

void
runbook_clean(struct buf *out, const char *text, size_t length)
{
	size_t start = out->length;

	utf8_repair(out, text, length);
	for (size_t i = start; i < out->length; i++)
		if (iscntrl((unsigned char)out->data[i]))
			out->data[i] = out->data[i] == '\t' ? ' ' : '?';
}

/*
 * Characters that cannot be seen, or that turn the writing direction: what a
 * person reads in the list of grants must be what is granted.
 */
static bool
holds_invisible(const char *s)
{
	for (; (s = strpbrk(s, "\xc2\xe2\xef")) != NULL; s++) {
		if (s[0] == '\xc2' &&
		    ((unsigned char)s[1] <= 0xa0 || s[1] == '\xad'))
			return true; /* C1 controls, no-break space, hyphen */
		if (s[0] == '\xe2' && s[1] == '\x80' &&
		    (((unsigned char)s[2] >= 0x80 &&
			 (unsigned char)s[2] <= 0x8f) ||
			((unsigned char)s[2] >= 0xa8 &&
			    (unsigned char)s[2] <= 0xaf)))
			return true; /* blanks, zero width, bidi, separators */
		if (s[0] == '\xe2' && s[1] == '\x81' &&
		    (unsigned char)s[2] >= 0x9f && (unsigned char)s[2] <= 0xaf)
			return true; /* word joiner, isolates */
		if (strncmp(s, "\xef\xbb\xbf", 3) == 0)
			return true; /* byte order mark */
	}
	return false;
}

static bool
is_name_byte(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80 ||
	       strchr("_.:/@+-", c) != NULL;
}

static bool
is_name(const char *s, size_t length)
{
	bool blank = false;

	if (length == 0 || length > PLACEHOLDER_MAX ||
	    !(isalpha((unsigned char)s[0]) || (unsigned char)s[0] >= 0x80))
		return false;
	for (size_t i = 0; i < length; i++) {
		if (s[i] == '\0' || (s[i] != ' ' && !is_name_byte(s[i])) ||
		    (s[i] == ' ' && blank))
			return false;
		blank = s[i] == ' ';
	}
	return !blank;
}

/* The length of the <name> at `s`, with its brackets, or 0. */
static size_t
placeholder_length(const char *s)
{
	size_t most = strnlen(s, PLACEHOLDER_MAX + 2);
	const char *end = memchr(s, '>', most);

	if (*s != '<' || end == NULL || !is_name(s + 1, (size_t)(end - s) - 1))
		return 0;
	return (size_t)(end - s) + 1;
}

static bool
plain_at(const struct reading *r, size_t at, const char *text)
{
	size_t length = strlen(text);

	return at + length <= r->text.length &&
	       memcmp(r->text.data + at, text, length) == 0 &&
	       memchr(r->quoted.data + at, 1, length) == NULL;
}

static const char *
shell_reason(const struct reading *r, size_t i)
{
	const char *t = r->text.data;

	switch (t[i]) {
	case '|': return "it has a pipe (|), which needs a shell";
	case '<':
	case '>': return "it has a redirection (< or >), which needs a shell";
	case '&':
	case ';': return "it is more than one command (& or ;)";
	case '$':
	case '`': return "it has a variable or a substitution ($ or `)";
	case '(':
	case ')': return "it has parentheses, which need a shell";
	case '*':
	case '?':
	case '[': return "it has a file pattern (* ? [), which needs a shell";
	case '~':
		if (i == 0 || t[i - 1] == '=' || t[i - 1] == ':')
			return "it has ~, which needs a shell; write the path";
		return NULL;
	case '{':
		if (memchr(t, ',', r->text.length) != NULL ||
		    memmem(t, r->text.length, "..", 2) != NULL)
			return "it has braces, which need a shell";
		if (i + 1 < r->text.length && isalpha((unsigned char)t[i + 1]))
			return "{name} is no placeholder here: write <name>";
		return NULL;
	default: return NULL;
	}
}

/* Why the bytes from..to of the word are more than plain text, or NULL. */
static const char *
syntax_problem(const struct reading *r, size_t from, size_t to)
{
	const char *why = NULL;

	for (size_t i = from; i < to && why == NULL; i++)
		if (!r->quoted.data[i])
			why = shell_reason(r, i);
	return why;
}

static struct runbook_part *
add_part(struct reading *r, enum runbook_part_kind kind, const char *text,
    size_t length)
{
	struct runbook_command *c = r->command;
	struct runbook_part *part;

	if (c->count == WORDS_MAX) {
		runbook_command_refuse(c, "it has too many words");
		return NULL;
	}
	/* grown by doubling; the count itself says when */
	if ((c->count & (c->count - 1)) == 0)
		c->part = xreallocarray(c->part,
		    c->count == 0 ? 1 : c->count * 2, sizeof(*c->part));
	part = &c->part[c->count++];
	*part = (struct runbook_part){
	    .kind = kind,
	    .text = xstrndup(text, length),
	};
	return part;
}

static const char *
read_more(struct reading *r)
{
	size_t n = r->command->count;

	if (n == 0 || (r->command->part[n - 1].kind != RUNBOOK_ONE &&
			  r->command->part[n - 1].kind != RUNBOOK_OPTIONAL))
		return "its ... does not follow a placeholder";
	add_part(r, RUNBOOK_MORE, "...", 3);
	return NULL;
}

static void
add_placeholder(struct reading *r, enum runbook_part_kind kind,
    const char *name, size_t length, size_t prefix, size_t suffix)
{
	bool more = length > 3 && memcmp(name + length - 3, "...", 3) == 0;
	struct runbook_part *part =
	    add_part(r, kind, name, more ? length - 3 : length);

	if (part == NULL)
		return;
	part->prefix = xstrndup(r->text.data, prefix);
	part->suffix = xstrndup(r->text.data + suffix, r->text.length - suffix);
	if (more)
		read_more(r);
}

/* [name], the whole word. */
static const char *
read_optional(struct reading *r)
{
	const char *t = r->text.data, *name = t + 1;
	size_t n = r->text.length, length;

	if (memchr(t, ']', n) == NULL)
		return "a group of several words in [ ] is not understood: "
		       "document each form by itself";
	if (!plain_at(r, n - 1, "]"))
		return shell_reason(r, 0);
	length = n - 2;
	if (placeholder_length(name) == length) {
		name++;
		length -= 2;
	}
	if (!is_name(name, length))
		return "what stands in [ ] is not understood: one name, as in "
		       "[file]";
	add_placeholder(r, RUNBOOK_OPTIONAL, name, length, 0, n);
	return NULL;
}

/* A word with a <name> at `at`. */
static const char *
read_one(struct reading *r, size_t at, size_t length)
{
	const char *t = r->text.data, *name = t + at + 1, *why;
	size_t end = at + length;

	if (memchr(t + end, '<', r->text.length - end) != NULL)
		return "it has two placeholders in one word";
	if (at == 0 && end < r->text.length && isalnum((unsigned char)t[end]))
		return "it could be a redirection (<), which needs a shell";
	if (memchr(name, ' ', length - 2) != NULL && r->text.length != length)
		return "it has a placeholder of several words inside a word";
	why = syntax_problem(r, 0, at);
	if (why == NULL)
		why = syntax_problem(r, end, r->text.length);
	if (why == NULL)
		add_placeholder(r, RUNBOOK_ONE, name, length - 2, at, end);
	return why;
}

static const char *
read_literal(struct reading *r)
{
	const char *t = r->text.data, *why;
	size_t n = r->text.length;

	why = syntax_problem(r, 0, n);
	for (size_t i = 0; why == NULL && i < n; i++)
		if (t[i] == '<' && placeholder_length(t + i) != 0)
			why = "it has a <placeholder> in quotes: write it "
			      "without";
	if (why == NULL)
		add_part(r, RUNBOOK_LITERAL, t != NULL ? t : "", n);
	return why;
}

static const char *
read_word(struct reading *r)
{
	size_t n = r->text.length, before = r->command->count;
	const char *why = NULL, *open;
	bool more = false;

	buf_reserve(&r->text, 1); /* an empty word ('') has data, too */
	if (n == 3 && plain_at(r, 0, "..."))
		return read_more(r);
	if (n > 3 && plain_at(r, n - 3, "...") &&
	    (plain_at(r, n - 4, ">") || plain_at(r, n - 4, "]"))) {
		more = true;
		n -= 3;
		buf_truncate(&r->text, n);
		buf_truncate(&r->quoted, n);
	}
	open = n != 0 ? memchr(r->text.data, '<', n) : NULL;
	if (plain_at(r, 0, "["))
		why = read_optional(r);
	else if (open != NULL && placeholder_length(open) != 0 &&
		 plain_at(r, (size_t)(open - r->text.data), "<"))
		why = read_one(
		    r, (size_t)(open - r->text.data), placeholder_length(open));
	else
		why = read_literal(r);
	if (why == NULL && more && r->command->count > before)
		why = read_more(r);
	return why;
}

static const char *
end_word(struct reading *r)
{
	const char *why;

	if (!r->in_word)
		return NULL;
	why = read_word(r);
	buf_clear(&r->text);
	buf_clear(&r->quoted);
	r->in_word = false;
	return why;
}

static void
take(struct reading *r, size_t count, char quoted)
{
	for (size_t i = 0; i < count; i++)
		buf_add_byte(&r->quoted, quoted);
	buf_add(&r->text, r->line + r->at, count);
	r->at += count;
	r->in_word = true;
}

static const char *
take_quotes(struct reading *r)
{
	char quote = r->line[r->at++];

	r->in_word = true;
	while (r->line[r->at] != quote) {
		char c = r->line[r->at];

		if (c == '\0')
			return "a quotation is not closed";
		if (c == '\t')
			return "it holds a tab that looks like a blank";
		if (quote == '"' && c == '\\' && r->line[r->at + 1] != '\0' &&
		    strchr("$`\"\\", r->line[r->at + 1]) != NULL) {
			r->at++;
			take(r, 1, 1);
			continue;
		}
		/* these two act inside double quotes as well */
		take(r, 1, !(quote == '"' && (c == '$' || c == '`')));
	}
	r->at++;
	return NULL;
}

static const char *
read_words(struct reading *r)
{
	const char *why = NULL;

	while (why == NULL && r->line[r->at] != '\0') {
		char c = r->line[r->at];
		size_t n = c == '<' ? placeholder_length(r->line + r->at) : 0;

		if (c == ' ' || c == '\t') {
			why = end_word(r);
			r->at++;
		} else if (c == '#' && !r->in_word) {
			break;
		} else if (c == '\'' || c == '"') {
			why = take_quotes(r);
		} else if (c == '\\') {
			if (r->line[++r->at] == '\0')
				return "it ends in a backslash";
			if (r->line[r->at] == '\t')
				return "it holds a tab that looks like a blank";
			take(r, 1, 1);
		} else {
			take(r, n > 0 ? n : 1, 0);
		}
	}
	return why != NULL ? why : end_word(r);
}

static size_t
name_length(const char *line)
{
	size_t n = 0;

	while (isalnum((unsigned char)line[n]) || line[n] == '_')
		n++;
	return isdigit((unsigned char)line[0]) ? 0 : n;
}

static const char *
check_line(const char *line, size_t length)
{
	size_t first = strcspn(line, " \t"), name = name_length(line);

	if (length > WORDS_LINE_MAX)
		return "it is too long";
	for (size_t i = 0; i < length; i++)
		if (iscntrl((unsigned char)line[i]) && line[i] != '\t')
			return "it holds a control byte";
	if (!utf8_valid(line, length))
		return "it is not UTF-8";
	if (holds_invisible(line))
		return "it holds a character that cannot be seen, perhaps a "
		       "no-break space from a web page: type it anew";
	if (runbook_in_list(shell_words, line, first))
		return "it begins with a word of the shell itself";
	if (name != 0 && line[name] == '=')
		return "it sets a variable, which needs a shell";
	return NULL;
}

const char *
runbook_carries_on(const char *line)
{
	size_t first = strcspn(line, " \t"), name = name_length(line);
	char quote = '\0';

	if (runbook_in_list(shell_words, line, first) ||
	    (name != 0 && (line[name] == '=' || line[name] == '(')))
		return "a line above it in its block changes what it means: "
		       "put both into a script and document that";
	for (const char *p = line; *p != '\0'; p++) {
		if (*p == '\\' && quote != '\'' && p[1] != '\0')
			p++;
		else if (quote != '\0')
			quote = *p == quote ? '\0' : quote;
		else if (*p == '#' && (p == line || p[-1] == ' '))
			break;
		else if (*p == '\'' || *p == '"')
			quote = *p;
		else if (strncmp(p, "<<", 2) == 0)
			return "it follows a here document (<<)";
	}
	return quote != '\0' ? "it follows a quotation that is not closed"
			     : NULL;
}

void
runbook_command_read(
    struct runbook_command *command, const char *line, size_t length)
{
	struct reading r = {.command = command};
	struct buf clean = {0};
	const char *why;
	char *copy;

	while (
	    length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t'))
		length--;
	runbook_clean(&clean, line, length);
	command->text = buf_take(&clean);
	copy = xmalloc(length + 1);
	memcpy(copy, line, length);
	copy[length] = '\0';
	r.line = copy;
	why = check_line(copy, length);
	if (why == NULL)
		why = read_words(&r);
	if (why == NULL)
		why = runbook_risk(command);
	if (why != NULL)
		runbook_command_refuse(command, why);
	buf_free(&r.text);
	buf_free(&r.quoted);
	free(copy);
}

void
runbook_command_free(struct runbook_command *command)
{
	for (size_t i = 0; i < command->count; i++) {
		free(command->part[i].text);
		free(command->part[i].prefix);
		free(command->part[i].suffix);
	}
	free(command->part);
	free(command->text);
	free(command->label);
	free(command->refused);
	*command = (struct runbook_command){0};
}
