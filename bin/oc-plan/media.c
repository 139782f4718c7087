#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "answer.h"
#include "json.h"

enum {
	READ_SIZE = 48 * 1024, /* a multiple of 3, so that pieces join */
};

static void
base64_add(struct buf *out, const unsigned char *in, size_t length)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	char *to;
	size_t i;

	buf_reserve(out, (length + 2) / 3 * 4);
	to = out->data + out->length;
	for (i = 0; i + 2 < length; i += 3) {
		*to++ = digit[in[i] >> 2];
		*to++ = digit[(in[i] & 0x03) << 4 | in[i + 1] >> 4];
		*to++ = digit[(in[i + 1] & 0x0f) << 2 | in[i + 2] >> 6];
		*to++ = digit[in[i + 2] & 0x3f];
	}
	if (i < length) {
		bool two = i + 1 < length;
		unsigned second = two ? in[i + 1] : 0;

		*to++ = digit[in[i] >> 2];
		*to++ = digit[(in[i] & 0x03U) << 4 | second >> 4];
		*to++ = two ? digit[(second & 0x0f) << 2] : '=';
		*to++ = '=';
	}
	buf_truncate(out, out->length + (length + 2) / 3 * 4);
}

/* Reads until `size` bytes or the end are there: -1 on failure. */
static ssize_t
read_full(int fd, unsigned char *into, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n = read(fd, into + have, size - have);

		if (n == 0)
			break;
		if (n > 0)
			have += (size_t)n;
		else if (errno != EINTR)
			return -1;
	}
	return (ssize_t)have;
}

static bool
base64_file(struct buf *out, int fd, size_t most)
{
	unsigned char piece[READ_SIZE];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) != 0)
		return false;
	if (!S_ISREG(st.st_mode)) {
		errno = EINVAL;
		return false;
	}
	errno = EFBIG;
	if (out->length > most ||
	    (uintmax_t)st.st_size > (most - out->length) / 4 * 3)
		return false;
	buf_reserve(out, ((size_t)st.st_size + 2) / 3 * 4);
	while ((n = read_full(fd, piece, sizeof piece)) > 0) {
		if (((size_t)n + 2) / 3 * 4 > most - out->length) {
			errno = EFBIG; /* it has grown meanwhile */
			return false;
		}
		base64_add(out, piece, (size_t)n);
	}
	return n == 0;
}

bool
media_base64(struct buf *out, const char *path, size_t most)
{
	size_t before = out->length;
	/* non-blocking: a pipe in the file's place must not hold us up */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int saved;
	bool ok;

	if (fd < 0)
		return false;
	ok = base64_file(out, fd, most);
	saved = errno;
	close(fd);
	if (!ok)
		buf_truncate(out, before);
	errno = saved;
	return ok;
}

bool
media_is_image(jv ref_media)
{
	/* what both kinds of provider take; others are refused with a 400 */
	static const char *const mimes[] = {
	    "image/png",
	    "image/jpeg",
	    "image/webp",
	};
	const char *mime = json_get_string(ref_media, "mime", "");

	if (json_get_string(ref_media, "path", "")[0] == '\0')
		return false;
	for (size_t i = 0; i < sizeof mimes / sizeof mimes[0]; i++)
		if (strcasecmp(mimes[i], mime) == 0)
			return true;
	return false;
}

void
media_note(struct buf *out, jv ref_media, bool images)
{
	for (int i = 0, n = json_length(ref_media); i < n; i++) {
		jv media = json_at(ref_media, i);
		const char *mime = json_get_string(media, "mime", "a file");
		bool image = media_is_image(media);

		if (!image || !images)
			buf_printf(out, "%s[%s: %s (%s)]",
			    out->length != 0 ? "\n" : "",
			    image ? "image left out, this model takes none"
				  : "attached file",
			    json_get_string(media, "path", "no path"), mime);
		jv_free(media);
	}
}
