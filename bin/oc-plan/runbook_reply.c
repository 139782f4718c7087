#include <string.h>
#include "runbook_reply.h"
#include "utf8.h"

enum {
	LISTED = 20, /* operations named in one reply */
	OFFERED = 5, /* to choose from */
	TITLE_SHOWN = 120,
	COMMAND_SHOWN = 200,
};

static void
add_code(struct buf *out, const char *text)
{
	size_t length = strlen(text);

	buf_add_byte(out, '`');
	if (length > COMMAND_SHOWN) {
		buf_add(out, text, utf8_floor(text, length, COMMAND_SHOWN));
		buf_add_string(out, " ...");
	} else {
		buf_add(out, text, length);
	}
	buf_add_byte(out, '`');
}

static void
add_title(struct buf *out, const char *title)
{
	if (*title == '\0')
		title = "before the first heading";
	buf_add(out, title, utf8_floor(title, strlen(title), TITLE_SHOWN));
}

static void
add_line(struct buf *out, const struct runbook_operation *o,
    const struct runbook_command *c)
{
	buf_add_string(out, "- ");
	add_title(out, o->title);
	if (c->label != NULL && strlen(c->label) <= TITLE_SHOWN)
		buf_printf(out, ", %s", c->label);
	buf_add_string(out, ": ");
	add_code(out, c->text);
	buf_add_byte(out, '\n');
}

void
runbook_list(struct buf *out, const struct runbook *runbook)
{
	size_t listed = 0, more = 0;

	for (size_t i = 0; i < runbook->count; i++) {
		const struct runbook_operation *o = &runbook->operation[i];

		for (size_t k = 0; k < o->count; k++) {
			if (o->command[k].refused != NULL)
				continue;
			if (listed == LISTED) {
				more++;
				continue;
			}
			if (listed++ == 0)
				buf_add_string(out,
				    "These are the operations in AGENTS.md:\n");
			add_line(out, o, &o->command[k]);
		}
	}
	if (more > 0)
		buf_printf(out, "and %zu more.\n", more);
	if (listed == 0)
		buf_add_string(out,
		    "The workspace has no AGENTS.md that documents a command. "
		    "Write one, with a heading and the command below it:\n\n"
		    "```\n## Restart the music player\n"
		    "systemctl restart mpd\n```\n\n"
		    "Then ask for it: \"restart the music player\".\n");
}

void
runbook_offer(struct buf *out, const struct ranking *ranking)
{
	double least = ranking->choice[0].score / 2;

	buf_add_string(out, "More than one operation could be meant:\n");
	for (size_t i = 0; i < ranking->count && i < OFFERED &&
			   ranking->choice[i].score >= least;
	     i++)
		add_line(out, ranking->choice[i].operation,
		    ranking->choice[i].command);
	buf_add_string(out, "Say it in the words of the one that you want.\n");
}

void
runbook_name(struct buf *out, const struct choice *choice)
{
	buf_add_byte(out, '"');
	add_title(out, choice->operation->title);
	buf_add_string(out, "\": ");
	add_code(out, choice->command->text);
	buf_add_byte(out, '\n');
}
