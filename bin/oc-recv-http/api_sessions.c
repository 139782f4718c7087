#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "api_parts.h"
#include "buf.h"
#include "json.h"
#include "state.h"
#include "timeline.h"
#include "transcript.h"
#include "xalloc.h"

enum {
	SESSIONS_MAX = 5000, /* that are looked at for a list */
	PAGE = 50,
	PAGE_MAX = 200,
	TAIL_MAX = 512 * 1024, /* of a transcript */
	OUTPUT_MAX = 2 * 1024,
};

static const char ending[] = ".ndjson";

/* ---- the list */

struct listed {
	char *file; /* without its ending */
	int64_t bytes, changed;
};

static int
compare(const void *a, const void *b)
{
	const struct listed *left = a, *right = b;

	if (left->changed != right->changed)
		return left->changed > right->changed ? -1 : 1;
	return strcmp(left->file, right->file);
}

static struct listed *
read_list(size_t *count)
{
	char *path = state_path("sessions");
	DIR *directory = path != NULL ? opendir(path) : NULL;
	struct listed *list = xcalloc(SESSIONS_MAX, sizeof *list);
	struct dirent *entry;
	struct stat st;

	*count = 0;
	while (directory != NULL && (entry = readdir(directory)) != NULL &&
	       *count < SESSIONS_MAX) {
		size_t length = strlen(entry->d_name);
		size_t tail = sizeof ending - 1;

		if (entry->d_name[0] == '.' || length <= tail ||
		    strcmp(entry->d_name + length - tail, ending) != 0 ||
		    fstatat(dirfd(directory), entry->d_name, &st,
			AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		list[(*count)++] = (struct listed){
		    .file = xstrndup(entry->d_name, length - tail),
		    .bytes = st.st_size,
		    .changed = st.st_mtim.tv_sec * INT64_C(1000) +
			       st.st_mtim.tv_nsec / 1000000};
	}
	if (directory != NULL)
		closedir(directory);
	free(path);
	qsort(list, *count, sizeof *list, compare);
	return list;
}

/* One whose name was cut is known by its file alone. */
static jv
describe(const char *file, int64_t bytes, int64_t changed)
{
	char *session = api_decode(file, strlen(file));
	jv one = json_set_string(json_object(), "session",
	    session != NULL && strchr(file, '~') == NULL ? session : file);

	one = json_set_int(one, "bytes", bytes);
	one = json_set_int(one, "tokens", bytes / TRANSCRIPT_BYTES_PER_TOKEN);
	free(session);
	return json_set_int(one, "changed", changed);
}

void
api_sessions(struct request *request, void *arg)
{
	size_t most = api_number(request, "limit", PAGE, PAGE_MAX), count;
	size_t from = api_number(request, "offset", 0, SESSIONS_MAX);
	struct listed *list = read_list(&count);
	jv page = json_array(), all;

	(void)arg;
	for (size_t i = from; i < count && i < from + most; i++)
		page = json_append(page,
		    describe(list[i].file, list[i].bytes, list[i].changed));
	for (size_t i = 0; i < count; i++)
		free(list[i].file);
	free(list);
	all = json_set(json_object(), "sessions", page);
	all = json_set_int(all, "count", (int64_t)count);
	request_answer(request, 200, all);
}

/* ---- one session */

static jv
pick_text(jv own, jv ref_line, const char *key, size_t most)
{
	const char *text = json_get_string(ref_line, key, NULL);

	return text != NULL ? json_set(own, key, timeline_cut(text, most))
			    : own;
}

/* What a person wants to see of a line. */
static jv
pick(jv ref_line)
{
	static const char *const keys[] = {"turn", "at", "role", "model",
	    "calls", "call", "ok", "exit", "ms", "media"};
	jv one = json_object();

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (json_has(ref_line, keys[i]))
			one =
			    json_set(one, keys[i], json_get(ref_line, keys[i]));
	one = pick_text(one, ref_line, "text", TIMELINE_REPLY_MAX);
	return pick_text(one, ref_line, "output", OUTPUT_MAX);
}

/* The last lines of a file that has `size` bytes; *cut: there are more. */
static jv
read_tail(int fd, int64_t size, size_t most, bool *cut)
{
	struct buf text = {0};
	jv lines = json_array();
	size_t at;

	*cut = size > TAIL_MAX;
	if (*cut)
		(void)lseek(fd, size - TAIL_MAX, SEEK_SET);
	while (text.length < TAIL_MAX &&
	       buf_read(&text, fd, TAIL_MAX - text.length) > 0)
		continue;
	/* backwards over the newlines, until there are enough */
	for (at = text.length; at > 0; at--)
		if (text.data[at - 1] == '\n' && at != text.length &&
		    most-- == 1)
			break;
	if (at == 0 && *cut)
		at = strcspn(text.data, "\n") + 1;
	*cut = *cut || at != 0;
	while (at < text.length) {
		size_t length = strcspn(text.data + at, "\n");
		jv line = json_parse(text.data + at, length, NULL);

		if (json_is_object(line))
			lines = json_append(lines, pick(line));
		jv_free(line);
		at += length + 1;
	}
	buf_free(&text);
	return lines;
}

/* As state_name makes the key a file name, or the file's name itself. */
static int
open_session(const char *key, char **file)
{
	char *path;
	int fd;

	*file = state_name(key);
	path = state_path("sessions/%s%s", *file, ending);
	fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	free(path);
	if (fd >= 0 || strchr(key, '/') != NULL || key[0] == '.')
		return fd;
	free(*file);
	*file = xstrdup(key);
	path = state_path("sessions/%s%s", *file, ending);
	fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	free(path);
	return fd;
}

void
api_session(struct request *request, void *arg)
{
	const char *rest = request_rest(request);
	char *key = api_decode(rest, strlen(rest)), *file = NULL;
	size_t most = api_number(request, "limit", PAGE, PAGE_MAX);
	int fd = key != NULL ? open_session(key, &file) : -1;
	struct stat st;
	bool cut = false;
	jv all, lines;

	(void)arg;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		lines = read_tail(fd, st.st_size, most, &cut);
		all = describe(file, st.st_size,
		    st.st_mtim.tv_sec * INT64_C(1000) +
			st.st_mtim.tv_nsec / 1000000);
		all = json_set(all, "entries", lines);
		request_answer(request, 200, json_set_bool(all, "cut", cut));
	} else {
		api_not_found(request);
	}
	if (fd >= 0)
		close(fd);
	free(file);
	free(key);
}
