#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include "buf.h"
#include "io.h"
#include "log.h"
#include "state.h"
#include "state_format.h"

enum { FORMAT_FILE_MAX = 32 }; /* a number and a newline */

static void
check_number(const char *path, struct buf *text)
{
	const char *problem;
	long long number;

	if (text->length != 0 && text->data[text->length - 1] == '\n')
		buf_truncate(text, text->length - 1);
	number = strtonum(buf_string(text), 1, STATE_FORMAT, &problem);
	if (problem == NULL)
		return;
	number = strtonum(buf_string(text), 1, INT32_MAX, &problem);
	if (problem != NULL)
		fatal(EX_CONFIG, "%s: does not hold the number of a format",
		    path);
	fatal(EX_CONFIG,
	    "%s: the state is of format %lld and this version knows formats "
	    "up to %d; nothing was changed; install the newer version again, "
	    "or set OC_STATE to another directory",
	    path, number, STATE_FORMAT);
}

void
state_check_format(void)
{
	char *path = state_path("format"), text[FORMAT_FILE_MAX];
	struct buf found = {0};
	int n;

	if (path == NULL)
		fatal(EX_CONFIG,
		    "there is nowhere to keep state: set OC_STATE or HOME");
	if (io_read_file(AT_FDCWD, path, FORMAT_FILE_MAX, &found)) {
		check_number(path, &found);
	} else if (errno != ENOENT) {
		fatal(errno == EFBIG ? EX_CONFIG : EX_NOINPUT, "%s: %s", path,
		    strerror(errno));
	} else {
		n = snprintf(text, sizeof text, "%d\n", STATE_FORMAT);
		if (!io_make_directories(state_directory()) ||
		    !io_replace_file(path, text, (size_t)n))
			fatal(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	}
	buf_free(&found);
	free(path);
}
