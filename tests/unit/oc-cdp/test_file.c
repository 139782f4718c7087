#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "file.h"
#include "io.h"
#include "json.h"

static char root[] = "/tmp/oc-test-file-XXXXXX";

static int
make_root(void **state)
{
	(void)state;
	return mkdtemp(root) != NULL ? 0 : -1;
}

static int
remove_root(void **state)
{
	char command[200];

	(void)state;
	snprintf(command, sizeof command, "%s/browser", root);
	rmdir(command);
	rmdir(root);
	return 0;
}

static void
assert_name(const char *name, const char *title, const char *want)
{
	struct buf problem = {0};
	struct file_out *file =
	    file_new(root, "browser", name, title, ".pdf", &problem);

	assert_non_null(file);
	assert_string_equal(file->name, want);
	file_discard(file);
	buf_free(&problem);
}

static void
test_names(void **state)
{
	struct buf problem = {0};
	struct file_out *first, *second;

	(void)state;
	assert_name(
	    "", "A title: with/slashes", "browser/A-title-with-slashes.pdf");
	assert_name("../../etc/passwd", "", "browser/etc-passwd.pdf");
	assert_name("report.pdf", "", "browser/report.pdf");
	assert_name("", "\xe4\xb8\xad\xe6\x96\x87", "browser/page.pdf");
	assert_name("...", "", "browser/page.pdf");
	first = file_new(root, "browser", "x", "", ".pdf", &problem);
	second = file_new(root, "browser", "x", "", ".pdf", &problem);
	assert_string_equal(second->name, "browser/x-2.pdf");
	file_discard(first);
	file_discard(second);
}

static void
test_base64_in_pieces(void **state)
{
	static const char text[] = "aGVsbG8gd29ybGQhIQ=="; /* hello world!! */

	(void)state;
	for (size_t piece = 1; piece < sizeof text; piece++) {
		struct buf problem = {0}, back = {0};
		struct file_out *file =
		    file_new(root, "browser", "x", "", ".bin", &problem);

		for (size_t i = 0; i < sizeof text - 1; i += piece)
			assert_true(file_write_base64(file, text + i,
			    piece < sizeof text - 1 - i ? piece
							: sizeof text - 1 - i));
		assert_int_equal(file->written, 13);
		assert_true(io_read_file(AT_FDCWD, file->path, 100, &back));
		assert_string_equal(buf_string(&back), "hello world!!");
		buf_free(&back);
		file_discard(file);
	}
}

static void
test_no_base64(void **state)
{
	struct buf problem = {0};
	struct file_out *file =
	    file_new(root, "browser", "x", "", ".bin", &problem);

	(void)state;
	assert_false(file_write_base64(file, "ab*d", 4));
	assert_int_equal(errno, EBADMSG);
	file_discard(file);
}

static void
test_no_link_leads_out(void **state)
{
	struct buf problem = {0};
	char path[200];

	(void)state;
	snprintf(path, sizeof path, "%s/browser", root);
	rmdir(path);
	assert_int_equal(symlink("/tmp", path), 0);
	assert_null(file_new(root, "browser", "x", "", ".bin", &problem));
	assert_non_null(strstr(buf_string(&problem), "browser"));
	unlink(path);
	buf_free(&problem);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_base64_in_pieces),
	    cmocka_unit_test(test_no_base64),
	    cmocka_unit_test(test_no_link_leads_out),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
