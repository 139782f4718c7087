#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "runbook_reader.h"
#include "xalloc.h"

/* Fenced and indented blocks, and the comment lines of stanzas. */

void
reader_comment(struct runbook_reader *r, struct runbook_line line)
{
	const char *why = NULL, *colon;
	enum runbook_plain plain = RUNBOOK_PLAIN_PROSE;
	struct runbook_line rest;
	char *label, *command;

	while (line.length > 0 && *line.text == '#') {
		line.text++;
		line.length--;
	}
	line_trim(&line);
	buf_clear(&r->comment);
	runbook_clean(&r->comment, line.text, line.length);
	r->above = ABOVE_COMMAND;
	r->bare = false;
	colon = memmem(line.text, line.length, ": ", 2);
	if (colon == NULL || colon == line.text || r->block == BLOCK_OTHER) {
		reader_add_prose(r, line.text, line.length);
		return;
	}
	rest = (struct runbook_line){.text = colon + 1,
	    .length = line.length - (size_t)(colon + 1 - line.text)};
	line_trim(&rest);
	label = xstrndup(line.text, (size_t)(colon - line.text));
	command = xstrndup(rest.text, rest.length);
	if (strlen(command) == rest.length && reader_may_classify(r))
		plain = runbook_plain(command, false, r->is_program, &why);
	if (plain != RUNBOOK_PLAIN_PROSE) {
		line.length = (size_t)(colon - line.text);
		reader_add_command(
		    r, command, rest.length, line.number, label, why);
		buf_clear(&r->comment);
	}
	reader_add_prose(r, line.text, line.length);
	free(label);
	free(command);
}

void
reader_block(struct runbook_reader *r, struct runbook_line line)
{
	const char *carry, *refused = r->carry;
	bool prompt;

	line_trim(&line);
	if (line.length == 0) {
		buf_clear(&r->comment);
		return;
	}
	if (*line.text == '#') {
		if (line.length > 1 && line.text[1] == '!')
			r->carry = "it is a line of a script, not a command";
		else
			reader_comment(r, line);
		return;
	}
	prompt = line_take_prompt(&line);
	if (r->prompts && !prompt)
		return;
	reader_join(r, line);
	if (r->joined.length == 0 || !reader_may_classify(r))
		return;
	carry = runbook_carries_on(r->joined.data);
	if (r->block != BLOCK_SHELL && refused == NULL &&
	    !runbook_begins_with_program(r->joined.data, r->is_program)) {
		if (!islower((unsigned char)*r->joined.data) && carry == NULL) {
			reader_add_prose(r, r->joined.data, r->joined.length);
			return;
		}
		refused = "no program of this name was found here";
	}
	reader_add_command(r, r->joined.data, r->joined.length, line.number,
	    buf_string(&r->comment), refused);
	buf_clear(&r->comment);
	if (r->carry == NULL)
		r->carry = carry;
	r->above = ABOVE_COMMAND;
	r->bare = false;
}

static enum block
block_of_info(const char *info, size_t length)
{
	static const char *const of_shells[] = {
	    "sh", "bash", "shell", "console", "zsh", NULL};
	size_t n = 0;

	while (n < length && !isblank((unsigned char)info[n]) && info[n] != '{')
		n++;
	if (runbook_in_list(of_shells, info, n))
		return BLOCK_SHELL;
	if (n == 0 || (n == 4 && memcmp(info, "text", 4) == 0))
		return length == 0 || n != 0 ? BLOCK_TEXT : BLOCK_OTHER;
	return BLOCK_OTHER;
}

/* Whether a line of the fenced block that begins here shows a prompt. */
static bool
block_has_prompts(const struct runbook_reader *r)
{
	size_t at = r->at;
	struct runbook_line line;

	while (reader_peek(r, &at, &line)) {
		line_trim(&line);
		if (reader_closes_fence(r, &line))
			return false;
		if (line_take_prompt(&line))
			return true;
	}
	return false;
}

bool
reader_opens_fence(struct runbook_reader *r, struct runbook_line line)
{
	size_t n = 0;
	char c;

	line_trim(&line);
	c = line.length > 0 ? *line.text : '\0';
	if (c != '`' && c != '~')
		return false;
	while (n < line.length && line.text[n] == c)
		n++;
	if (n < 3 ||
	    (c == '`' && memchr(line.text + n, '`', line.length - n) != NULL))
		return false;
	r->fence = c;
	r->fence_length = n;
	line.text += n;
	line.length -= n;
	line_trim(&line);
	(void)reader_operation(r);
	r->block = block_of_info(line.text, line.length);
	r->prompts = r->block != BLOCK_OTHER && block_has_prompts(r);
	r->carry = NULL;
	buf_clear(&r->comment);
	return true;
}

void
reader_fenced(struct runbook_reader *r, struct runbook_line line)
{
	struct runbook_line trimmed = line;

	line_trim(&trimmed);
	if (reader_closes_fence(r, &trimmed)) {
		r->block = BLOCK_NONE;
		r->fence_length = 0;
		r->carry = NULL;
		r->warned = false;
		r->above = ABOVE_COMMAND;
		r->bare = false;
		buf_clear(&r->comment);
	} else if (r->block == BLOCK_OTHER) {
		reader_add_prose(r, trimmed.text, trimmed.length);
	} else {
		reader_block(r, line);
	}
}
