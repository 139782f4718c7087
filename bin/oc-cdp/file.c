#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base64.h"
#include "file.h"
#include "io.h"
#include "json.h"
#include "xalloc.h"

enum {
	NAME_MAX_BYTES = 80, /* of a name that is made of a title */
	TRIES_MAX = 1000,
	PIECE = 3 * 1024,
};

/* Letters, digits, dots and hyphens; the rest becomes one hyphen. */
static void
add_name(struct buf *out, const char *text)
{
	size_t begin = out->length;

	for (; *text != '\0' && out->length - begin < NAME_MAX_BYTES; text++) {
		bool plain = (*text >= 'a' && *text <= 'z') ||
			     (*text >= 'A' && *text <= 'Z') ||
			     (*text >= '0' && *text <= '9') || *text == '_' ||
			     (*text == '.' && out->length > begin);

		if (plain)
			buf_add_byte(out, *text);
		else if (out->length > begin &&
			 out->data[out->length - 1] != '-')
			buf_add_byte(out, '-');
	}
	while (out->length > begin &&
	       strchr("-.", out->data[out->length - 1]) != NULL)
		buf_truncate(out, out->length - 1);
	if (out->length == begin)
		buf_add_string(out, "page");
}

/* The directory, which no link leads out of. */
static int
open_directory(const char *path, const char *below)
{
	int root, directory;

	if (!io_make_directories(path))
		return -1;
	root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	mkdirat(root, below, 0755);
	directory = openat(
	    root, below, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	close(root);
	return directory;
}

static void
take_suffix(struct buf *name, const char *suffix)
{
	size_t length = strlen(suffix);

	if (name->length > length &&
	    strcasecmp(name->data + name->length - length, suffix) == 0)
		buf_truncate(name, name->length - length);
}

struct file_out *
file_new(const char *root, const char *below, const char *name,
    const char *title, const char *suffix, struct buf *problem)
{
	const char *before = strcmp(below, ".") == 0 ? "" : below;
	const char *slash = *before == '\0' ? "" : "/";
	struct file_out *file = xcalloc(1, sizeof *file);
	int directory = open_directory(root, below);
	struct buf base = {0};
	char *one = NULL;

	file->fd = -1;
	add_name(&base, *name != '\0' ? name : title);
	take_suffix(&base, suffix);
	for (int i = 1; directory >= 0 && file->fd < 0 && i < TRIES_MAX; i++) {
		free(one);
		one = i == 1
			  ? xasprintf("%s%s", buf_string(&base), suffix)
			  : xasprintf("%s-%d%s", buf_string(&base), i, suffix);
		file->fd = openat(directory, one,
		    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (file->fd < 0 && errno != EEXIST)
			break;
	}
	if (file->fd < 0) {
		buf_printf(problem, "no file can be made in %s/%s: %s", root,
		    below, strerror(errno));
		free(file);
		file = NULL;
	} else {
		file->name = xasprintf("%s%s%s", before, slash, one);
		file->path = xasprintf("%s/%s", root, file->name);
	}
	if (directory >= 0)
		close(directory);
	free(one);
	buf_free(&base);
	return file;
}

struct file_out *
file_of(int fd)
{
	struct file_out *file = xcalloc(1, sizeof *file);

	file->fd = fd;
	return file;
}

bool
file_write(struct file_out *file, const void *data, size_t length)
{
	if (!io_write_all(file->fd, data, length))
		return false;
	file->written += length;
	return true;
}

bool
file_write_base64(struct file_out *file, const char *text, size_t length)
{
	unsigned char out[PIECE];
	size_t count = 0;

	for (size_t i = 0; i < length; i++) {
		int digit = base64_digit(text[i]);

		if (text[i] == '=') {
			/* two digits are one byte, three are two */
			for (size_t k = 1; k < file->rest_count; k++)
				out[count++] = (unsigned char)(file->rest[k - 1]
								   << (2 * k) |
							       file->rest[k] >>
								   (6 - 2 * k));
			file->rest_count = 0;
			continue;
		}
		if (digit < 0) {
			errno = EBADMSG;
			return false;
		}
		file->rest[file->rest_count++] = (unsigned char)digit;
		if (file->rest_count < 4)
			continue;
		for (size_t k = 1; k < 4; k++)
			out[count++] =
			    (unsigned char)(file->rest[k - 1] << (2 * k) |
					    file->rest[k] >> (6 - 2 * k));
		file->rest_count = 0;
		if (count + 6 > sizeof out) {
			if (!file_write(file, out, count))
				return false;
			count = 0;
		}
	}
	return file_write(file, out, count);
}

jv
file_media(const struct file_out *file, const char *mime, bool send)
{
	jv media = json_object();

	media = json_set_string(
	    media, "path", file->path != NULL ? file->path : "");
	media = json_set_string(media, "mime", mime);
	media = json_set_int(media, "bytes", (int64_t)file->written);
	if (send)
		media = json_set_bool(media, "send", true);
	return media;
}

void
file_free(struct file_out *file)
{
	if (file == NULL)
		return;
	if (file->name != NULL)
		close(file->fd);
	free(file->name);
	free(file->path);
	free(file);
}

void
file_discard(struct file_out *file)
{
	if (file != NULL && file->path != NULL)
		unlink(file->path);
	file_free(file);
}
