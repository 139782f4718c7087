#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io.h"
#include "output.h"
#include "state.h"
#include "utf8.h"
#include "xalloc.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

enum {
	MARK_ROOM = 512, /* of the text, for the line about what is left out */
	SCAN_MAX = 4096, /* files looked at when old ones are removed */
};

void
output_init(struct output *output, size_t most, int root, const char *turn,
    const char *call)
{
	char *identity = xasprintf("%s-%s", turn, call);
	char *name = state_name(identity);

	if (most < OUTPUT_LEAST)
		most = OUTPUT_LEAST;
	*output = (struct output){.most = most, .root = root, .fd = -1};
	output->name = xasprintf(".openclaw/output/%s.txt", name);
	free(name);
	free(identity);
}

void
output_free(struct output *output)
{
	buf_free(&output->head);
	free(output->tail);
	free(output->name);
	if (output->fd >= 0)
		close(output->fd);
	*output = (struct output){.fd = -1};
}

/* ---- saving */

/* A directory below `at`, made if need be, never through a link. */
static int
open_directory(int at, const char *name)
{
	if (mkdirat(at, name, 0700) != 0 && errno != EEXIST)
		return -1;
	return openat(
	    at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int
open_output_directory(int root)
{
	int above, directory, saved;

	above = root >= 0 ? open_directory(root, ".openclaw") : -1;
	if (above < 0)
		return -1;
	directory = open_directory(above, "output");
	saved = errno;
	close(above);
	errno = saved;
	return directory;
}

struct saved_file {
	struct timespec at;
	char *name;
};

static int
older_first(const void *a, const void *b)
{
	const struct saved_file *x = a, *y = b;

	if (x->at.tv_sec != y->at.tv_sec)
		return x->at.tv_sec < y->at.tv_sec ? -1 : 1;
	return (x->at.tv_nsec > y->at.tv_nsec) -
	       (x->at.tv_nsec < y->at.tv_nsec);
}

/* Removes the oldest ones, so that a new one makes OUTPUT_FILES_MAX. */
static void
remove_old(int directory)
{
	struct saved_file *file = xcalloc(SCAN_MAX, sizeof *file);
	int again = openat(directory, ".", O_RDONLY | O_CLOEXEC);
	DIR *dir = again >= 0 ? fdopendir(again) : NULL;
	size_t count = 0, surplus;
	struct dirent *entry;
	struct stat st;

	while (
	    dir != NULL && count < SCAN_MAX && (entry = readdir(dir)) != NULL) {
		if (fstatat(directory, entry->d_name, &st,
			AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		file[count].at = st.st_mtim;
		file[count++].name = xstrdup(entry->d_name);
	}
	qsort(file, count, sizeof *file, older_first);
	surplus = count < OUTPUT_FILES_MAX ? 0 : count - OUTPUT_FILES_MAX + 1;
	for (size_t i = 0; i < count; i++) {
		if (i < surplus)
			unlinkat(directory, file[i].name, 0);
		free(file[i].name);
	}
	free(file);
	if (dir != NULL)
		closedir(dir);
	else if (again >= 0)
		close(again);
}

static void
save(struct output *output, const char *data, size_t length)
{
	if (output->fd < 0 || output->saved >= OUTPUT_SAVED_MAX)
		return;
	if (length > OUTPUT_SAVED_MAX - output->saved)
		length = (size_t)(OUTPUT_SAVED_MAX - output->saved);
	if (io_write_all(output->fd, data, length)) {
		output->saved += length;
		return;
	}
	/* What is there already only takes the room that was missing. */
	output->save_error = errno;
	close(output->fd);
	output->fd = -1;
	unlinkat(output->root, output->name, 0);
}

/* Makes the file, with what is in memory so far as its beginning. */
static void
start_saving(struct output *output)
{
	int directory = open_output_directory(output->root);
	const char *name = strrchr(output->name, '/') + 1;

	if (directory < 0) {
		output->save_error = errno;
		return;
	}
	unlinkat(directory, name, 0);
	remove_old(directory);
	output->fd = openat(directory, name,
	    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (output->fd < 0)
		output->save_error = errno;
	close(directory);
	save(output, buf_string(&output->head), output->head.length);
}

/* ---- collecting */

static size_t
tail_size(const struct output *output)
{
	return output->most / 2;
}

/* The ring begins where the head ends: byte n after that is at n % size. */
static void
add_tail(struct output *output, const char *data, size_t length)
{
	size_t size = tail_size(output), at;
	uint64_t before = output->total - output->head.length;

	if (length > size) {
		before += length - size;
		data += length - size;
		length = size;
	}
	at = (size_t)(before % size);
	if (length > size - at) {
		memcpy(output->tail + at, data, size - at);
		memcpy(output->tail, data + size - at, length - (size - at));
	} else {
		memcpy(output->tail + at, data, length);
	}
}

void
output_add(struct output *output, const char *data, size_t length)
{
	size_t room = output->most - output->head.length;

	if (output->tail == NULL) {
		size_t n = length < room ? length : room;

		buf_add(&output->head, data, n);
		output->total += n;
		data += n;
		length -= n;
	}
	if (length == 0)
		return;
	if (output->tail == NULL) {
		output->tail = xmalloc(tail_size(output));
		start_saving(output);
	}
	save(output, data, length);
	add_tail(output, data, length);
	output->total += length;
}

/* ---- the text of the result */

/*
 * The next character of the raw bytes as the result shows it: how many raw
 * bytes it takes, and its text.
 */
static size_t
next_character(
    const char *raw, size_t length, const char **text, size_t *text_length)
{
	size_t n = utf8_sequence(raw, length);
	unsigned char c = (unsigned char)raw[0];

	*text = raw;
	*text_length = n;
	if (n == 1 &&
	    ((c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != 0x1b) ||
		c == 0x7f))
		n = 0;
	if (n != 0)
		return n;
	*text = REPLACEMENT;
	*text_length = sizeof REPLACEMENT - 1;
	for (n = 1;
	     c >= 0x80 && n < length && ((unsigned char)raw[n] & 0xc0) == 0x80;)
		n++;
	return n;
}

/* Appends at most `budget` bytes of text; the raw bytes that went into it. */
static size_t
add_prefix(struct buf *out, const char *raw, size_t length, size_t budget)
{
	size_t at = 0;

	while (at < length) {
		const char *text;
		size_t n, text_length;

		n = next_character(raw + at, length - at, &text, &text_length);
		if (text_length > budget)
			break;
		buf_add(out, text, text_length);
		budget -= text_length;
		at += n;
	}
	return at;
}

static size_t
shown_length(const char *raw, size_t length)
{
	size_t shown = 0, text_length;
	const char *text;

	for (size_t at = 0; at < length; shown += text_length)
		at +=
		    next_character(raw + at, length - at, &text, &text_length);
	return shown;
}

/* The same from the end: where the part that fits begins. */
static size_t
suffix_start(const char *raw, size_t length, size_t budget)
{
	size_t at = 0, shown, text_length;
	const char *text;

	/* the cut may have split a character */
	while (at < length && ((unsigned char)raw[at] & 0xc0) == 0x80)
		at++;
	shown = shown_length(raw + at, length - at);
	for (; shown > budget; shown -= text_length)
		at +=
		    next_character(raw + at, length - at, &text, &text_length);
	return at;
}

/* The last bytes in one piece. */
static void
straighten_tail(const struct output *output, struct buf *tail)
{
	size_t size = tail_size(output), at;
	uint64_t after = output->total - output->head.length;

	if (after < size) {
		/* the head's end belongs to the tail too */
		size_t missing = size - (size_t)after;

		buf_add(tail, output->head.data + output->head.length - missing,
		    missing);
		buf_add(tail, output->tail, (size_t)after);
		return;
	}
	at = (size_t)(after % size);
	buf_add(tail, output->tail + at, size - at);
	buf_add(tail, output->tail, at);
}

static void
add_mark(const struct output *output, struct buf *text, uint64_t cut)
{
	buf_printf(text, "\n[%" PRIu64 " of %" PRIu64 " bytes left out here",
	    cut, output->total);
	if (output->save_error != 0)
		buf_printf(text,
		    "; the whole output could not be saved (%s): %s",
		    output->name, strerror(output->save_error));
	else if (output->saved < output->total)
		buf_printf(text, "; the first %" PRIu64 " bytes are in %s",
		    output->saved, output->name);
	else
		buf_printf(text, "; all of it is in %s", output->name);
	buf_add_string(text, "]\n");
}

uint64_t
output_text(struct output *output, struct buf *text)
{
	const char *head = buf_string(&output->head);
	size_t length = output->head.length, budget, start;
	struct buf tail = {0};
	uint64_t from, cut;

	if (output->tail == NULL &&
	    shown_length(head, length) <= output->most) {
		add_prefix(text, head, length, output->most);
		return 0;
	}
	if (output->tail == NULL) {
		/* it fits as it is, but not once its rubbish is replaced */
		start_saving(output);
		buf_add(&tail, head + length / 2, length - length / 2);
	} else {
		straighten_tail(output, &tail);
	}
	budget = (output->most - MARK_ROOM) / 2;
	start = suffix_start(tail.data, tail.length, budget);
	from = output->total - tail.length + start;
	if (from < length)
		length = (size_t)from;
	cut = from - add_prefix(text, head, length, budget);
	if (cut != 0)
		add_mark(output, text, cut);
	add_prefix(text, tail.data + start, tail.length - start, budget);
	buf_free(&tail);
	return cut;
}
