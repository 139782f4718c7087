#include <stdlib.h>
#include <string.h>
#include "answerid.h"
#include "buf.h"
#include "ulid.h"
#include "utf8.h"
#include "xalloc.h"

static const char prefix[] = "resp_";
enum {
	PREFIX = sizeof prefix - 1,
	HEAD = PREFIX + ULID_SIZE - 1,
	KEY_MAX = 1024,
};

char *
answerid_make(const char *ulid, const char *key)
{
	struct buf id = {0};

	buf_printf(&id, "%s%s", prefix, ulid);
	for (; *key != '\0'; key++)
		buf_printf(&id, "%02x", (unsigned char)*key);
	return buf_take(&id);
}

char *
answerid_key(const char *id)
{
	size_t length = strlen(id);
	struct buf key = {0};

	if (length <= HEAD || length > HEAD + 2 * KEY_MAX ||
	    (length - HEAD) % 2 != 0 || strncmp(id, prefix, PREFIX) != 0 ||
	    strspn(id + HEAD, "0123456789abcdef") != length - HEAD)
		return NULL;
	for (const char *at = id + HEAD; *at != '\0'; at += 2) {
		const char pair[] = {at[0], at[1], '\0'};

		buf_add_byte(&key, (char)strtoul(pair, NULL, 16));
	}
	if (memchr(key.data, '\0', key.length) == NULL &&
	    utf8_valid(key.data, key.length))
		return buf_take(&key);
	buf_free(&key);
	return NULL;
}
