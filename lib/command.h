#ifndef OC_COMMAND_H
#define OC_COMMAND_H

#include <stdbool.h>

/*
 * Chat commands: what a person types to the gateway itself, not to the model.
 */
enum command {
	COMMAND_NONE, /* no command: the model's */
	COMMAND_HELP,
	COMMAND_NEW,
	COMMAND_RESET,
	COMMAND_STOP,
	COMMAND_STATUS,
	COMMAND_MODEL,
	COMMAND_USAGE,
	COMMAND_WHOAMI,
	COMMAND_COMPACT,
	COMMAND_APPROVE,
	COMMAND_DENY,
};

/*
 * What a message's text is: "/new", "/new@some_bot", "/model x/y", in any
 * case of letters, with blanks around it.  *argument is the rest without the
 * blanks before it ("" if none; it points into the text).  "/start", which
 * Telegram sends first, is help.  Anything else, "/etc/passwd" say, is
 * COMMAND_NONE.
 */
enum command command_parse(const char *text, const char **argument);

/* "status"; "" for none. */
const char *command_name(enum command command);

/* Whether it is answered while a turn of its session runs. */
bool command_overtakes(enum command command);

#endif
