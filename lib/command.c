#include <string.h>
#include <strings.h>
#include "command.h"

static const struct {
	const char *name;
	enum command command;
	bool overtakes;
} commands[] = {
    {"help", COMMAND_HELP, true},
    {"start", COMMAND_HELP, true},
    {"new", COMMAND_NEW, false},
    {"reset", COMMAND_RESET, false},
    {"stop", COMMAND_STOP, true},
    {"status", COMMAND_STATUS, true},
    {"model", COMMAND_MODEL, true},
    {"usage", COMMAND_USAGE, true},
    {"whoami", COMMAND_WHOAMI, true},
    {"compact", COMMAND_COMPACT, false},
    {"approve", COMMAND_APPROVE, false}, /* it begins a turn */
    {"deny", COMMAND_DENY, true},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static const char blanks[] = " \t\r\n";

enum command
command_parse(const char *text, const char **argument)
{
	size_t length, word;

	*argument = "";
	text += strspn(text, blanks);
	if (*text++ != '/')
		return COMMAND_NONE;
	length = strcspn(text, blanks);
	word = strcspn(text, "@");
	if (word > length)
		word = length;
	for (int i = 0; i < COMMANDS; i++) {
		if (strlen(commands[i].name) != word ||
		    strncasecmp(commands[i].name, text, word) != 0)
			continue;
		*argument = text + length + strspn(text + length, blanks);
		return commands[i].command;
	}
	return COMMAND_NONE;
}

const char *
command_name(enum command command)
{
	for (int i = 0; i < COMMANDS; i++)
		if (commands[i].command == command)
			return commands[i].name;
	return "";
}

bool
command_overtakes(enum command command)
{
	for (int i = 0; i < COMMANDS; i++)
		if (commands[i].command == command)
			return commands[i].overtakes;
	return false;
}
