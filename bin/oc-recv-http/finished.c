#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "archive.h"
#include "buf.h"
#include "finished.h"
#include "io.h"
#include "json.h"

enum { JOURNAL_MAX = 64 * 1024 * 1024 };

/* The last line that finished it, or null. */
static jv
find_end(const struct buf *journal)
{
	const char *at = buf_string(journal), *stop = at + journal->length;
	jv end = json_null();

	while (at < stop) {
		const char *newline = memchr(at, '\n', (size_t)(stop - at));
		size_t length =
		    (size_t)((newline != NULL ? newline : stop) - at);
		jv line = json_null();

		/* most lines are long and none of these: not parsed */
		if (memmem(at, length, "\"end\"", 5) != NULL)
			line = json_parse(at, length, NULL);
		if (strcmp(json_get_string(line, "event", ""), "end") == 0) {
			jv_free(end);
			end = line;
		} else {
			jv_free(line);
		}
		at += length + 1;
	}
	return end;
}

bool
finished_find(const char *id, jv *turn)
{
	char *path = archive_path(id);
	struct buf journal = {0};
	jv end = json_null();
	bool found;

	if (path != NULL && io_read_file(AT_FDCWD, path, JOURNAL_MAX, &journal))
		end = find_end(&journal);
	buf_free(&journal);
	free(path);
	found = json_is_object(end);
	if (found) {
		*turn = json_set_string(json_object(), "id", id);
		*turn = json_set(*turn, "reply", json_get(end, "reply"));
		*turn = json_set(*turn, "error", json_get(end, "error"));
	}
	jv_free(end);
	return found;
}
