#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "json.h"
#include "parts.h"
#include "utf8.h"
#include "xalloc.h"

static const char empty_reply[] = "(The reply is empty.)";

void
parts_free(struct parts *parts)
{
	for (size_t i = 0; i < parts->media_count; i++) {
		free(parts->media[i].path);
		free(parts->media[i].name);
	}
	free(parts->media);
	free(parts->part);
	rich_free(&parts->rich);
	*parts = (struct parts){0};
}

static struct part *
add_part(struct parts *parts, enum part_kind kind)
{
	parts->part =
	    xreallocarray(parts->part, parts->count + 1, sizeof *parts->part);
	parts->part[parts->count] = (struct part){.kind = kind};
	return &parts->part[parts->count++];
}

/* ---- files */

int
parts_open(const struct media *media)
{
	struct stat st;
	int fd =
	    open(media->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (uint64_t)st.st_size == media->size)
		return fd;
	close(fd);
	errno = EFBIG;
	return -1;
}

/*
 * The real path of a file below the workspace: NULL when it is not there or
 * outside of it.  The caller frees it.
 */
static char *
find_file(const char *workspace, const char *path)
{
	char *root = realpath(workspace, NULL), *whole, *real;
	size_t length;

	if (root == NULL)
		return NULL;
	length = strlen(root);
	whole = *path == '/' ? xstrdup(path) : xasprintf("%s/%s", root, path);
	real = realpath(whole, NULL);
	free(whole);
	if (real != NULL &&
	    (strncmp(real, root, length) != 0 || real[length] != '/')) {
		free(real);
		real = NULL;
	}
	free(root);
	return real;
}

static bool
is_image(const char *mime, uint64_t size)
{
	return size <= PARTS_IMAGE_MAX && (strcmp(mime, "image/png") == 0 ||
					      strcmp(mime, "image/jpeg") == 0 ||
					      strcmp(mime, "image/webp") == 0);
}

static const char *
base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* Why a file cannot be sent; NULL: it was added. */
static const char *
add_media(struct parts *parts, jv ref_media, const char *workspace)
{
	const char *path = json_get_string(ref_media, "path", "");
	const char *mime = json_get_string(ref_media, "mime", "");
	char *real = *path != '\0' ? find_file(workspace, path) : NULL;
	const char *problem = NULL;
	struct stat st;

	if (real == NULL)
		return "it is not in the workspace";
	if (stat(real, &st) != 0 || !S_ISREG(st.st_mode))
		problem = "it is no file";
	else if (access(real, R_OK) != 0)
		problem = "it cannot be read";
	else if (st.st_size == 0)
		problem = "it is empty";
	else if (st.st_size > PARTS_FILE_MAX)
		problem = "it is larger than 50 MB";
	if (problem != NULL) {
		free(real);
		return problem;
	}
	parts->media = xreallocarray(
	    parts->media, parts->media_count + 1, sizeof *parts->media);
	parts->media[parts->media_count++] = (struct media){
	    .path = real,
	    .name = xstrdup(base_name(real)),
	    .size = (uint64_t)st.st_size,
	    .image = is_image(mime, (uint64_t)st.st_size),
	};
	return NULL;
}

/* All files; what is to be told about the others goes into `note`. */
static void
gather_media(
    struct parts *parts, jv ref_reply, const char *workspace, struct buf *note)
{
	jv media = json_get(ref_reply, "media");

	for (int i = 0, n = json_length(media); i < n; i++) {
		jv one = json_at(media, i);
		const char *problem = add_media(parts, one, workspace);
		const char *name =
		    base_name(json_get_string(one, "path", "(no name)"));

		if (problem != NULL)
			buf_printf(note,
			    "\n\n(The file %s could not be sent: %s.)", name,
			    problem);
		jv_free(one);
	}
	jv_free(media);
}

static size_t
images_from(const struct parts *parts, size_t first)
{
	size_t n = 0;

	while (first + n < parts->media_count && n < PARTS_ALBUM_MAX &&
	       parts->media[first + n].image)
		n++;
	return n;
}

static void
add_media_parts(struct parts *parts)
{
	struct part *part;

	for (size_t i = 0; i < parts->media_count; i += part->count) {
		size_t images = images_from(parts, i);

		part = add_part(parts, images > 1    ? PART_ALBUM
				       : images == 1 ? PART_IMAGE
						     : PART_FILE);
		part->media = i;
		part->count = images > 1 ? images : 1;
	}
}

/* ---- all of it */

static void
add_text_parts(struct parts *parts)
{
	struct chunk piece;
	size_t position = 0;

	while (chunk_next(&parts->rich, &position,
	    CHUNK_MESSAGE_UNITS - PARTS_MARK_UNITS, &piece))
		add_part(parts, PART_TEXT)->text = piece;
}

/* Whether the files are one message and the text is short enough for it. */
static bool
add_captioned(struct parts *parts)
{
	struct chunk piece;

	if (parts->media_count == 0 ||
	    (parts->media_count > 1 &&
		images_from(parts, 0) != parts->media_count) ||
	    !chunk_single(
		&parts->rich, CHUNK_CAPTION_UNITS - PARTS_MARK_UNITS, &piece))
		return false;
	add_media_parts(parts);
	parts->part[0].text = piece;
	return true;
}

static void
read_text(struct parts *parts, jv ref_reply, const struct buf *note)
{
	const char *text = json_as_string(ref_reply, NULL);
	struct buf all = {0};

	if (text == NULL)
		text = json_get_string(ref_reply, "text", "");
	markdown_read(&parts->rich, text, strlen(text));
	if (note->length == 0)
		return;
	/* a file's name is not Markdown */
	utf8_repair(&all, note->data, note->length);
	buf_add(&parts->rich.text, all.data, all.length);
	buf_free(&all);
}

void
parts_make(
    struct parts *parts, jv ref_reply, const char *workspace, bool caption)
{
	struct buf note = {0};

	*parts = (struct parts){0};
	gather_media(parts, ref_reply, workspace, &note);
	read_text(parts, ref_reply, &note);
	buf_free(&note);
	if (caption && add_captioned(parts))
		return;
	add_text_parts(parts);
	add_media_parts(parts);
	if (parts->count > 0)
		return;
	rich_free(&parts->rich);
	rich_plain(&parts->rich, empty_reply, strlen(empty_reply));
	add_text_parts(parts);
}

void
parts_split(struct parts *parts, size_t part)
{
	struct part whole;

	if (part >= parts->count || parts->part[part].kind == PART_FILE ||
	    parts->part[part].kind == PART_TEXT)
		return; /* a ledger that was made of another reply */
	whole = parts->part[part];
	for (size_t i = 0; i < whole.count; i++) {
		struct part *one = add_part(parts, PART_FILE);

		one->media = whole.media + i;
		one->count = 1;
		if (i == 0)
			one->text = whole.text;
	}
}
