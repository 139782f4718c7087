#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../../bin/oc-plan/answer.h"
#include "json.h"

enum { PLENTY = 1024 * 1024 };

static char path[64];

static int
make_file(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof path, "/tmp/test_media.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	return close(fd);
}

static int
remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void
fill(const void *bytes, size_t length)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static void
assert_base64(const char *bytes, const char *want)
{
	struct buf out = {0};

	fill(bytes, strlen(bytes));
	buf_add_string(&out, "x");
	assert_true(media_base64(&out, path, PLENTY));
	assert_string_equal(out.data + 1, want);
	assert_int_equal(out.length, strlen(want) + 1);
	buf_free(&out);
}

/* RFC 4648, 10. */
static void
test_vectors(void **state)
{
	(void)state;
	assert_base64("", "");
	assert_base64("f", "Zg==");
	assert_base64("fo", "Zm8=");
	assert_base64("foo", "Zm9v");
	assert_base64("foob", "Zm9vYg==");
	assert_base64("fooba", "Zm9vYmE=");
	assert_base64("foobar", "Zm9vYmFy");
	assert_base64("\xff\xfe\xfd\xfb\xef", "//79++8=");
}

static void
test_pieces_join(void **state)
{
	static unsigned char bytes[100001];
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(i * 31);
	fill(bytes, sizeof bytes);
	assert_true(media_base64(&out, path, PLENTY));
	assert_int_equal(out.length, 133336);
	/* padding stands at the end and nowhere else */
	assert_ptr_equal(
	    memchr(out.data, '=', out.length), out.data + out.length - 1);
	buf_free(&out);
}

static void
test_what_would_be_too_much_is_refused(void **state)
{
	struct buf out = {0};

	(void)state;
	fill("foobar", 6);
	buf_add_string(&out, "abc");
	assert_true(media_base64(&out, path, 11));
	buf_truncate(&out, 3);
	assert_false(media_base64(&out, path, 10));
	assert_int_equal(errno, EFBIG);
	assert_string_equal(out.data, "abc");
	assert_false(media_base64(&out, path, 2));
	buf_free(&out);
}

static void
test_only_regular_files_are_read(void **state)
{
	struct buf out = {0};

	(void)state;
	assert_false(media_base64(&out, "/tmp", PLENTY));
	assert_false(media_base64(&out, "/dev/zero", PLENTY));
	assert_false(media_base64(&out, "/nowhere/at/all", PLENTY));
	assert_int_equal(errno, ENOENT);
	assert_false(media_base64(&out, "", PLENTY));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_false(media_base64(&out, path, PLENTY));
	assert_int_equal(out.length, 0);
	buf_free(&out);
}

static void
assert_image(const char *mime, bool want)
{
	jv media = json_set_string(json_object(), "mime", mime);

	assert_false(media_is_image(media)); /* no path */
	media = json_set_string(media, "path", "/x");
	assert_int_equal(media_is_image(media), want);
	jv_free(media);
}

static void
test_kinds_of_images(void **state)
{
	(void)state;
	assert_image("image/png", true);
	assert_image("IMAGE/JPEG", true);
	assert_image("image/svg+xml", false);
	assert_image("image/png;x\",", false);
	assert_image("application/pdf", false);
	assert_image("", false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vectors),
	    cmocka_unit_test(test_pieces_join),
	    cmocka_unit_test(test_what_would_be_too_much_is_refused),
	    cmocka_unit_test(test_only_regular_files_are_read),
	    cmocka_unit_test(test_kinds_of_images),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
