#ifndef OC_RUNBOOK_READER_H
#define OC_RUNBOOK_READER_H

#include "runbook_parts.h"

/*
 * The reader of an AGENTS.md and its lines, for runbook.c, runbook_line.c and
 * runbook_block.c alone.
 */

enum {
	RUNBOOK_TAB = 4, /* columns, as in Markdown */
};

/* What stands directly above the line in hand. */
enum above {
	ABOVE_BLANK,
	ABOVE_HEADING,
	ABOVE_COMMAND,  /* a command, a comment, or the end of a block */
	ABOVE_SENTENCE, /* prose that has come to an end */
	ABOVE_PROSE,    /* prose that may go on */
};

enum block {
	BLOCK_NONE,
	BLOCK_INDENTED,
	BLOCK_SHELL, /* fenced, a shell's */
	BLOCK_TEXT,  /* fenced, of no language */
	BLOCK_OTHER, /* fenced, another language: no commands */
};

struct runbook_line {
	const char *text; /* neither the line end nor a CR before it */
	size_t length;
	unsigned number;
};

struct runbook_reader {
	struct runbook *runbook;
	bool (*is_program)(const char *word);
	const char *text;
	size_t length, at;
	unsigned number;
	size_t commands;
	size_t classified; /* lines that were looked at as commands */
	size_t bytes;      /* of this stanza */
	bool full;         /* no more operations are taken */
	bool headed, forbidden;
	bool warned; /* the prose above tells not to */
	bool in_list, in_html_comment;
	enum above above;
	bool bare; /* nothing but blank lines since the heading */
	enum block block;
	char fence;
	size_t fence_length;
	bool prompts;      /* the block shows a prompt before commands */
	const char *carry; /* why lines of this block are no commands */
	struct buf prose, comment, uncommented, joined;
};

void line_trim(struct runbook_line *line);
size_t line_indentation(const struct runbook_line *line);
/* Takes a prompt off; false if there is none. */
bool line_take_prompt(struct runbook_line *line);

/* The line at *at, which moves behind it; false at the end. */
bool reader_peek(
    const struct runbook_reader *r, size_t *at, struct runbook_line *line);
/* Takes the next line. */
bool reader_next(struct runbook_reader *r, struct runbook_line *line);
/* The next line, trimmed and not taken; an empty one at the end. */
struct runbook_line reader_following(const struct runbook_reader *r);
/*
 * The line with those that continue it, in r->joined: backslash and newline
 * are taken out, and blanks at the beginning of the next become one where
 * that changes nothing.
 */
void reader_join(struct runbook_reader *r, struct runbook_line line);
/*
 * Takes what stands in <!-- --> out of the line, which then points into
 * r->uncommented.
 */
void reader_strip_html(struct runbook_reader *r, struct runbook_line *line);

/* The operation in hand; NULL where nothing more is taken into it. */
struct runbook_operation *reader_operation(struct runbook_reader *r);
void reader_add_prose(
    struct runbook_reader *r, const char *text, size_t length);
/*
 * Whether a line may still be taken as a command: programs are looked for on
 * disk, so the lines for which that is done are counted.
 */
bool reader_may_classify(struct runbook_reader *r);
/* label and refused may be NULL. */
void reader_add_command(struct runbook_reader *r, const char *text,
    size_t length, unsigned number, const char *label, const char *refused);

/* Whether the trimmed line closes the fence that is open. */
bool reader_closes_fence(
    const struct runbook_reader *r, const struct runbook_line *line);
/* Whether the line opens a fenced block; if so it is opened. */
bool reader_opens_fence(struct runbook_reader *r, struct runbook_line line);
void reader_fenced(struct runbook_reader *r, struct runbook_line line);
/* A line of a block, fenced or indented. */
void reader_block(struct runbook_reader *r, struct runbook_line line);
/* A comment of the stanza: "# label: command", or words about the next. */
void reader_comment(struct runbook_reader *r, struct runbook_line line);

#endif
