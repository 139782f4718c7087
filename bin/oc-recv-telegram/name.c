#include <ctype.h>
#include <string.h>
#include "buf.h"
#include "name.h"
#include "utf8.h"

enum {
	NAME_MAX_BYTES = 80,
	EXTENSION_MAX = 10, /* with its dot; a longer one is none */
};

char *
name_clean(const char *name)
{
	struct buf clean = {.data = NULL};
	size_t length, extension;
	const char *dot;

	for (; *name != '\0'; name++) {
		unsigned char c = (unsigned char)*name;

		if (isalnum(c) || c >= 0x80 || strchr("._-+=@", c) != NULL)
			buf_add_byte(&clean, *name);
		else
			buf_add_byte(&clean, '_');
	}
	length = strspn(buf_string(&clean), ".-");
	buf_drop(&clean, length);
	if (clean.length == 0)
		buf_add_string(&clean, "file");
	if (clean.length <= NAME_MAX_BYTES)
		return buf_take(&clean);
	dot = strrchr(clean.data, '.');
	extension = dot != NULL ? strlen(dot) : 0;
	if (extension > EXTENSION_MAX)
		extension = 0;
	length =
	    utf8_floor(clean.data, clean.length, NAME_MAX_BYTES - extension);
	memmove(clean.data + length, clean.data + clean.length - extension,
	    extension);
	buf_truncate(&clean, length + extension);
	return buf_take(&clean);
}
