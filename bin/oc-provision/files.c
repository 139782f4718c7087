#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "io.h"
#include "json.h"
#include "provision.h"
#include "runbook.h"

enum {
	FILE_MAX = 16 * 1024 * 1024, /* a ConfigMap holds one */
};

static bool
ends_in(const char *text, const char *end)
{
	size_t length = strlen(text), tail = strlen(end);

	return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* A runbook that is cut off or rubbish would take the agent's permissions. */
static bool
read_input(const char *path, struct buf *into, const char **why)
{
	if (ends_in(path, ".md"))
		return text_read(path, RUNBOOK_TEXT_MAX, into, why);
	if (io_read_file(AT_FDCWD, path, FILE_MAX, into))
		return true;
	*why = strerror(errno);
	return false;
}

static void
copy(const char *from, const char *to, struct report *report)
{
	struct buf text = {0};
	const char *why = NULL;
	bool replaced;

	if (!read_input(from, &text, &why))
		report_problem(
		    report, "%s: %s; %s stays as it is", from, why, to);
	else if (!file_put(to, &text, 0600, &replaced))
		report_problem(report, "%s: %s; it was to be a copy of %s", to,
		    strerror(errno), from);
	buf_free(&text);
}

void
files_copy(const struct config *config, struct report *report)
{
	jv files = config_get(config, "provision.files");

	for (int i = 0; i < json_length(files); i++) {
		jv file = json_at(files, i);
		char *from =
			 config_expand_home(json_get_string(file, "from", "")),
		     *to = config_expand_home(json_get_string(file, "to", ""));

		copy(from, to, report);
		free(from);
		free(to);
		jv_free(file);
	}
	jv_free(files);
}
