#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "buf.h"
#include "json.h"
#include "state.h"
#include "utf8.h"
#include "ws_transcript.h"
#include "xalloc.h"

enum {
	SESSIONS_MAX = 5000,   /* that are looked at for a list */
	OUTPUT_MAX = 4 * 1024, /* of a tool's result */
};

static const char suffix[] = ".ndjson";

static int64_t
milliseconds(const struct stat *st)
{
	return st->st_mtim.tv_sec * INT64_C(1000) +
	       st->st_mtim.tv_nsec / 1000000;
}

static char *
path_of(const char *session)
{
	char *name = state_name(session);
	char *path = state_path("sessions/%s%s", name, suffix);

	free(name);
	return path;
}

/* ---- one session */

/* The last bytes of a file, from the beginning of a line on. */
static void
read_tail(int fd, size_t most, struct buf *tail)
{
	struct stat st;
	const char *newline;
	bool cut;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return;
	cut = st.st_size > (off_t)most;
	if (cut && lseek(fd, st.st_size - (off_t)most, SEEK_SET) < 0)
		return;
	while (
	    tail->length < most && buf_read(tail, fd, most - tail->length) > 0)
		continue;
	if (!cut || tail->length == 0)
		return;
	newline = memchr(tail->data, '\n', tail->length);
	buf_drop(tail, newline != NULL ? (size_t)(newline - tail->data) + 1
				       : tail->length);
}

jv
ws_transcript_tail(const char *session, size_t most)
{
	char *path = path_of(session);
	int fd =
	    path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	struct buf tail = {0};
	jv lines = json_array();
	const char *at, *end;

	if (fd >= 0) {
		read_tail(fd, most, &tail);
		close(fd);
	}
	at = buf_string(&tail);
	for (end = at + tail.length; at < end;) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t length = (size_t)((newline ? newline : end) - at);
		jv line = json_parse(at, length, NULL);

		if (json_is_object(line))
			lines = json_append(lines, line);
		else
			jv_free(line);
		at += length + 1;
	}
	buf_free(&tail);
	free(path);
	return lines;
}

struct ws_transcript
ws_transcript_stat(const char *session)
{
	char *path = path_of(session);
	struct ws_transcript found = {0};
	struct stat st;

	if (path != NULL && stat(path, &st) == 0 && S_ISREG(st.st_mode))
		found = (struct ws_transcript){
		    .bytes = st.st_size, .changed = milliseconds(&st)};
	free(path);
	return found;
}

/* ---- all of them */

struct listed {
	char *session;
	int64_t bytes, changed;
};

static int
compare(const void *a, const void *b)
{
	const struct listed *left = a, *right = b;

	if (left->changed != right->changed)
		return left->changed > right->changed ? -1 : 1;
	return strcmp(left->session, right->session);
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The session of a file's name, or NULL. */
static char *
session_of(const char *file, size_t length)
{
	struct buf name = {0};
	bool right = length != 0 && memchr(file, '~', length) == NULL;

	for (size_t i = 0; right && i < length; i++) {
		int high = -1, low = -1;

		if (file[i] != '%') {
			buf_add_byte(&name, file[i]);
			continue;
		}
		if (i + 2 < length) {
			high = hex_digit(file[i + 1]);
			low = hex_digit(file[i + 2]);
		}
		right = high >= 0 && low >= 0 && high + low != 0;
		buf_add_byte(&name, (char)(high * 16 + low));
		i += 2;
	}
	if (right && utf8_valid(buf_string(&name), name.length))
		return buf_take(&name);
	buf_free(&name);
	return NULL;
}

static bool
look_at(int directory, const char *file, struct listed *out)
{
	size_t length = strlen(file), tail = sizeof suffix - 1;
	struct stat st;

	if (file[0] == '.' || length <= tail ||
	    strcmp(file + length - tail, suffix) != 0 ||
	    fstatat(directory, file, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
	    !S_ISREG(st.st_mode))
		return false;
	*out = (struct listed){.session = session_of(file, length - tail),
	    .bytes = st.st_size,
	    .changed = milliseconds(&st)};
	return out->session != NULL;
}

jv
ws_transcript_sessions(void)
{
	char *path = state_path("sessions");
	DIR *directory = path != NULL ? opendir(path) : NULL;
	struct listed *list = xcalloc(SESSIONS_MAX, sizeof *list);
	struct dirent *entry;
	jv all = json_array();
	size_t count = 0;

	while (directory != NULL && count < SESSIONS_MAX &&
	       (entry = readdir(directory)) != NULL)
		count += look_at(dirfd(directory), entry->d_name, &list[count]);
	if (directory != NULL)
		closedir(directory);
	qsort(list, count, sizeof *list, compare);
	for (size_t i = 0; i < count; i++) {
		jv one =
		    json_set_string(json_object(), "session", list[i].session);

		one = json_set_int(one, "bytes", list[i].bytes);
		all = json_append(
		    all, json_set_int(one, "changed", list[i].changed));
		free(list[i].session);
	}
	free(list);
	free(path);
	return all;
}

/* ---- messages */

static jv
text_part(const char *text, size_t most)
{
	size_t length = strlen(text);
	jv part = json_set_string(json_object(), "type", "text");

	return json_set(part, "text",
	    json_string_sized(text, utf8_floor(text, length, most)));
}

static jv
add_calls(jv own_parts, jv ref_line)
{
	jv calls = json_get(ref_line, "calls");

	for (int i = 0, n = json_length(calls); i < n; i++) {
		jv call = json_at(calls, i), part;

		part = json_set_string(json_object(), "type", "toolCall");
		part = json_set(part, "id", json_get(call, "id"));
		part = json_set(part, "name", json_get(call, "name"));
		part = json_set(part, "arguments", json_get(call, "args"));
		own_parts = json_append(own_parts, part);
		jv_free(call);
	}
	jv_free(calls);
	return own_parts;
}

/* The name of the tool of a call, from the messages before its result. */
static jv
tool_name(jv ref_names, const char *call)
{
	jv name = json_get(ref_names, call);

	if (json_is_string(name))
		return name;
	jv_free(name);
	return json_string("tool");
}

static jv
remember_names(jv own_names, jv ref_line)
{
	jv calls = json_get(ref_line, "calls");

	for (int i = 0, n = json_length(calls); i < n; i++) {
		jv call = json_at(calls, i);

		own_names = json_set(own_names, json_get_string(call, "id", ""),
		    json_get(call, "name"));
		jv_free(call);
	}
	jv_free(calls);
	return own_names;
}

static jv
make_message(jv ref_line, jv ref_names)
{
	const char *role = json_get_string(ref_line, "role", "");
	const char *text = json_get_string(ref_line, "text", "");
	jv message = json_object(), parts = json_array();

	message =
	    json_set_int(message, "timestamp", json_get_int(ref_line, "at", 0));
	if (strcmp(role, "tool") == 0) {
		const char *call = json_get_string(ref_line, "call", "");

		message = json_set_string(message, "role", "toolResult");
		message = json_set_string(message, "toolCallId", call);
		message =
		    json_set(message, "toolName", tool_name(ref_names, call));
		message = json_set_bool(
		    message, "isError", !json_get_bool(ref_line, "ok", true));
		text = json_get_string(ref_line, "output", "");
		parts = json_append(parts, text_part(text, OUTPUT_MAX));
	} else {
		message = json_set_string(message, "role", role);
		if (*text != '\0')
			parts =
			    json_append(parts, text_part(text, strlen(text)));
		parts = add_calls(parts, ref_line);
	}
	return json_set(message, "content", parts);
}

jv
ws_transcript_messages(jv ref_lines, int most)
{
	int count = json_length(ref_lines);
	jv messages = json_array(), names = json_object();

	for (int i = 0; i < count; i++) {
		jv line = json_at(ref_lines, i);

		names = remember_names(names, line);
		if (i >= count - most)
			messages =
			    json_append(messages, make_message(line, names));
		jv_free(line);
	}
	jv_free(names);
	return messages;
}

/* ---- what it cost */

jv
ws_transcript_spent(jv ref_lines)
{
	jv spent = json_object();

	for (int i = json_length(ref_lines) - 1; i >= 0; i--) {
		jv line = json_at(ref_lines, i);
		jv model = json_get(line, "model");
		bool last = json_is_string(model);

		if (last) {
			spent = json_set(spent, "model", json_copy(model));
			spent =
			    json_set(spent, "usage", json_get(line, "usage"));
		}
		jv_free(model);
		jv_free(line);
		if (last)
			break;
	}
	return spent;
}
