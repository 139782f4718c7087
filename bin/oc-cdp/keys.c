#include <ctype.h>
#include <string.h>
#include <strings.h>
#include "json.h"
#include "keys.h"
#include "utf8.h"

/* The keys that people name, with Windows' codes, which Chromium wants. */
static const struct key {
	const char *name, *text;
	int code;
} keys[] = {
    {"Enter", "\r", 13},
    {"Tab", NULL, 9},
    {"Escape", NULL, 27},
    {"Backspace", NULL, 8},
    {"Delete", NULL, 46},
    {"Insert", NULL, 45},
    {"Space", " ", 32},
    {"Home", NULL, 36},
    {"End", NULL, 35},
    {"PageUp", NULL, 33},
    {"PageDown", NULL, 34},
    {"ArrowLeft", NULL, 37},
    {"ArrowUp", NULL, 38},
    {"ArrowRight", NULL, 39},
    {"ArrowDown", NULL, 40},
    {"F1", NULL, 112},
    {"F2", NULL, 113},
    {"F3", NULL, 114},
    {"F4", NULL, 115},
    {"F5", NULL, 116},
    {"F6", NULL, 117},
    {"F7", NULL, 118},
    {"F8", NULL, 119},
    {"F9", NULL, 120},
    {"F10", NULL, 121},
    {"F11", NULL, 122},
    {"F12", NULL, 123},
};

static const struct {
	const char *name;
	int bit;
} modifiers[] = {
    {"Alt+", 1},
    {"Control+", 2},
    {"Ctrl+", 2},
    {"Meta+", 4},
    {"Shift+", 8},
};

static int
take_modifiers(const char **name)
{
	int bits = 0;

	for (size_t i = 0; i < sizeof modifiers / sizeof *modifiers; i++) {
		size_t length = strlen(modifiers[i].name);

		if (strncasecmp(*name, modifiers[i].name, length) != 0 ||
		    (*name)[length] == '\0')
			continue;
		bits |= modifiers[i].bit;
		*name += length;
		i = (size_t)-1; /* they come in any order */
	}
	return bits;
}

static jv
make(const char *type, const char *key, const char *code, int number, int bits)
{
	jv event = json_set_string(json_object(), "type", type);

	event = json_set_string(event, "key", key);
	if (code != NULL)
		event = json_set_string(event, "code", code);
	if (number != 0)
		event = json_set_int(event, "windowsVirtualKeyCode", number);
	return json_set_int(event, "modifiers", bits);
}

bool
keys_event(const char *name, jv *down, jv *up)
{
	enum { SHIFT = 8 };
	int bits = take_modifiers(&name), number = 0;
	const char *text = NULL, *key = name, *code = NULL;
	char letter[] = "KeyA";

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (strcasecmp(keys[i].name, name) == 0) {
			key = keys[i].code == 32 ? " " : keys[i].name;
			code = keys[i].name;
			number = keys[i].code;
			text = keys[i].text;
		}
	if (code == NULL) {
		size_t length = strlen(name);

		if (length == 0 || utf8_sequence(name, length) != length)
			return false;
		text = name;
		if (length == 1 && isalnum((unsigned char)*name))
			number = toupper((unsigned char)*name);
		letter[3] = (char)number;
		if (length == 1 && isalpha((unsigned char)*name))
			code = letter;
	}
	if ((bits & ~SHIFT) != 0)
		text = NULL; /* a command, and no text */
	*down = make(
	    text != NULL ? "keyDown" : "rawKeyDown", key, code, number, bits);
	if (text != NULL)
		*down = json_set_string(*down, "text", text);
	*up = make("keyUp", key, code, number, bits);
	return true;
}
