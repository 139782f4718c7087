#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "runbook_reader.h"
#include "utf8.h"
#include "xalloc.h"

/* Reads an AGENTS.md line by line into headings, prose and commands. */

enum {
	TITLE_MAX = 512, /* bytes of a heading that are kept */
};

static void
end_operation(struct runbook_reader *r)
{
	if (r->runbook->count > 0) {
		char *prose = buf_take(&r->prose);

		r->runbook->operation[r->runbook->count - 1].prose = prose;
	}
	buf_clear(&r->prose);
}

static void
begin_operation(struct runbook_reader *r, const struct runbook_line *title)
{
	struct runbook *b = r->runbook;
	struct runbook_operation *operation;
	struct buf clean = {0};

	end_operation(r);
	if (b->count == RUNBOOK_OPERATIONS_MAX) {
		r->full = true;
		return;
	}
	if ((b->count & (b->count - 1)) == 0)
		b->operation = xreallocarray(b->operation,
		    b->count == 0 ? 1 : b->count * 2, sizeof(*b->operation));
	operation = &b->operation[b->count++];
	runbook_clean(&clean, title->text,
	    utf8_floor(title->text, title->length, TITLE_MAX));
	*operation = (struct runbook_operation){
	    .title = buf_take(&clean), .line = title->number};
	r->bytes = title->length + 1;
	r->headed = title->length > 0;
	r->forbidden = runbook_forbids(operation->title, false);
	r->warned = r->in_list = false;
	r->above = ABOVE_HEADING;
	r->bare = true;
	r->block = BLOCK_NONE;
	r->carry = NULL;
	buf_clear(&r->comment);
}

struct runbook_operation *
reader_operation(struct runbook_reader *r)
{
	const struct runbook_line none = {.text = "", .number = r->number};

	if (r->runbook->count == 0) {
		size_t bytes = r->bytes;

		begin_operation(r, &none);
		r->bytes = bytes;
	}
	if (r->full || r->bytes > RUNBOOK_STANZA_MAX)
		return NULL;
	return &r->runbook->operation[r->runbook->count - 1];
}

void
reader_add_prose(struct runbook_reader *r, const char *text, size_t length)
{
	if (length == 0 || reader_operation(r) == NULL)
		return;
	if (r->prose.length > 0)
		buf_add_byte(&r->prose, ' ');
	runbook_clean(&r->prose, text, length);
}

bool
reader_may_classify(struct runbook_reader *r)
{
	return reader_operation(r) != NULL &&
	       r->classified++ < RUNBOOK_COMMANDS_MAX;
}

void
reader_add_command(struct runbook_reader *r, const char *text, size_t length,
    unsigned number, const char *label, const char *refused)
{
	struct runbook_operation *o = reader_operation(r);
	struct runbook_command *command;

	if (o == NULL || r->commands == RUNBOOK_COMMANDS_MAX)
		return;
	if ((o->count & (o->count - 1)) == 0)
		o->command = xreallocarray(o->command,
		    o->count == 0 ? 1 : o->count * 2, sizeof(*o->command));
	command = &o->command[o->count++];
	r->commands++;
	*command = (struct runbook_command){.line = number};
	if (label != NULL && *label != '\0') {
		struct buf clean = {0};

		runbook_clean(&clean, label, strlen(label));
		command->label = buf_take(&clean);
	}
	if (r->forbidden)
		runbook_command_refuse(
		    command, "its heading tells not to do it");
	else if (r->warned)
		runbook_command_refuse(
		    command, "the line above tells not to do it");
	else if (label != NULL && runbook_forbids(label, true))
		runbook_command_refuse(command, "its comment warns of it");
	if (refused != NULL)
		runbook_command_refuse(command, refused);
	runbook_command_read(command, text, length);
}

/* # to ######; takes the marks off. */
static bool
is_heading(const struct runbook_reader *r, struct runbook_line *line)
{
	struct runbook_line title = *line;
	size_t level = 0, n;

	if (line_indentation(&title) >= RUNBOOK_TAB)
		return false;
	line_trim(&title);
	while (level < title.length && title.text[level] == '#')
		level++;
	if (level == 0 || level > 6 ||
	    (level < title.length &&
		!isblank((unsigned char)title.text[level])))
		return false;
	if (level == 1 && r->above != ABOVE_BLANK)
		return false;
	title.text += level;
	title.length -= level;
	line_trim(&title);
	for (n = title.length; n > 0 && title.text[n - 1] == '#'; n--)
		;
	if (n == 0 || isblank((unsigned char)title.text[n - 1]))
		title.length = n;
	line_trim(&title);
	*line = title;
	return true;
}

/* A line of = or - below a paragraph of one line, this one. */
static bool
is_underlined(const struct runbook_reader *r, const struct runbook_line *line)
{
	struct runbook_line under = reader_following(r);
	char c = under.length > 0 ? *under.text : '\0';

	if ((c != '=' && c != '-') || line_indentation(line) >= RUNBOOK_TAB ||
	    (r->above != ABOVE_BLANK && r->above != ABOVE_HEADING) ||
	    strchr("#>|-*+=", *line->text) != NULL)
		return false;
	for (size_t i = 0; i < under.length; i++)
		if (under.text[i] != c)
			return false;
	return true;
}

static bool
is_list_item(const struct runbook_line *line)
{
	size_t n = 0;

	if (line->length > 1 && strchr("-*+", *line->text) != NULL &&
	    isblank((unsigned char)line->text[1]))
		return true;
	while (n < line->length && isdigit((unsigned char)line->text[n]))
		n++;
	return n > 0 && n + 1 < line->length &&
	       (line->text[n] == '.' || line->text[n] == ')') &&
	       isblank((unsigned char)line->text[n + 1]);
}

static void
prose_line(struct runbook_reader *r, const struct runbook_line *line)
{
	char *text = xstrndup(line->text, line->length);

	reader_add_prose(r, line->text, line->length);
	/* holds for what follows at once: the paragraph or a block below it */
	r->warned = runbook_forbids(text, false);
	r->above = strchr(".:!?", line->text[line->length - 1]) != NULL
		       ? ABOVE_SENTENCE
		       : ABOVE_PROSE;
	r->bare = false;
	buf_clear(&r->comment);
	free(text);
}

static void
blank_line(struct runbook_reader *r)
{
	/* "never run:" and a blank line still speak of the block below */
	if (r->above == ABOVE_COMMAND)
		r->warned = false;
	r->above = ABOVE_BLANK;
	r->carry = NULL;
	buf_clear(&r->comment);
}

static void
plain_line(struct runbook_reader *r, struct runbook_line line)
{
	enum runbook_plain plain = RUNBOOK_PLAIN_PROSE;
	const char *why = NULL, *refused = r->carry;
	struct runbook_line next = reader_following(r);
	bool prompt, alone;

	line_trim(&line);
	alone = r->bare && (next.length == 0 || *next.text == '#');
	prompt = line_take_prompt(&line);
	reader_join(r, line);
	if (r->joined.length == 0) { /* a backslash and nothing after it */
		blank_line(r);
		return;
	}
	if (strlen(r->joined.data) == r->joined.length &&
	    reader_may_classify(r))
		plain = runbook_plain(
		    r->joined.data, alone || prompt, r->is_program, &why);
	if (plain == RUNBOOK_PLAIN_COMMAND && r->above == ABOVE_PROSE) {
		plain = RUNBOOK_PLAIN_DOUBTFUL;
		why = "it could go on with the sentence above it: leave a "
		      "line free between them";
	}
	if (plain == RUNBOOK_PLAIN_PROSE) {
		line.text = r->joined.data;
		line.length = r->joined.length;
		prose_line(r, &line);
		return;
	}
	if (plain == RUNBOOK_PLAIN_DOUBTFUL) {
		reader_add_prose(r, r->joined.data, r->joined.length);
		refused = refused != NULL ? refused : why;
	}
	reader_add_command(r, r->joined.data, r->joined.length, line.number,
	    buf_string(&r->comment), refused);
	buf_clear(&r->comment);
	if (r->carry == NULL)
		r->carry = runbook_carries_on(r->joined.data);
	r->above = ABOVE_COMMAND;
	r->bare = false;
}

static void
open_line(struct runbook_reader *r, struct runbook_line line)
{
	struct runbook_line trimmed = line, heading = line;
	size_t columns = line_indentation(&line);

	line_trim(&trimmed);
	trimmed.number = heading.number = line.number;
	if (trimmed.length == 0) {
		blank_line(r);
		return;
	}
	if (columns == 0)
		r->in_list = is_list_item(&trimmed);
	else
		r->in_list = r->in_list || is_list_item(&trimmed);
	if (reader_opens_fence(r, line))
		return;
	if (is_heading(r, &heading)) {
		begin_operation(r, &heading);
	} else if (is_underlined(r, &trimmed) && columns < RUNBOOK_TAB) {
		struct runbook_line under;

		reader_next(r, &under);
		begin_operation(r, &trimmed);
	} else if (*trimmed.text == '#' && columns < RUNBOOK_TAB) {
		reader_comment(r, trimmed);
	} else if (columns >= RUNBOOK_TAB && r->headed && !r->in_list &&
		   (r->above <= ABOVE_HEADING || r->block == BLOCK_INDENTED)) {
		r->block = BLOCK_INDENTED;
		reader_block(r, line);
		return;
	} else {
		r->block = BLOCK_NONE;
		plain_line(r, line);
	}
	r->block = BLOCK_NONE;
}

void
runbook_parse(struct runbook *runbook, const char *text, size_t length,
    bool (*is_program)(const char *word))
{
	struct runbook_reader r = {
	    .runbook = runbook,
	    .is_program = is_program != NULL ? is_program : runbook_is_program,
	    .text = text,
	    .length = length < RUNBOOK_TEXT_MAX ? length : RUNBOOK_TEXT_MAX,
	};
	struct runbook_line line;

	*runbook = (struct runbook){0};
	if (r.length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.at = 3;
	while (!r.full && reader_next(&r, &line)) {
		if (r.fence_length > 0) {
			reader_fenced(&r, line);
			continue;
		}
		reader_strip_html(&r, &line);
		open_line(&r, line);
	}
	if (!r.full)
		end_operation(&r);
	buf_free(&r.prose);
	buf_free(&r.comment);
	buf_free(&r.uncommented);
	buf_free(&r.joined);
}

void
runbook_free(struct runbook *runbook)
{
	for (size_t i = 0; i < runbook->count; i++) {
		struct runbook_operation *o = &runbook->operation[i];

		for (size_t j = 0; j < o->count; j++)
			runbook_command_free(&o->command[j]);
		free(o->command);
		free(o->title);
		free(o->prose);
	}
	free(runbook->operation);
	*runbook = (struct runbook){0};
}
