#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "report.h"
#include "state.h"
#include "xalloc.h"

struct report {
	char *role;
	jv problems, before;
};

struct report *
report_new(const char *role)
{
	struct report *report = xcalloc(1, sizeof *report);

	report->role = xstrdup(role);
	report->problems = json_array();
	report->before = json_array();
	return report;
}

void
report_free(struct report *report)
{
	if (report == NULL)
		return;
	free(report->role);
	jv_free(report->problems);
	jv_free(report->before);
	free(report);
}

void
report_begin(struct report *report)
{
	jv_free(report->before);
	report->before = report->problems;
	report->problems = json_array();
}

static bool
holds(jv ref_list, const char *text)
{
	bool found = false;

	for (int i = 0; i < json_length(ref_list) && !found; i++) {
		jv one = json_at(ref_list, i);

		found = strcmp(json_as_string(one, ""), text) == 0;
		jv_free(one);
	}
	return found;
}

void
report_problem(struct report *report, const char *format, ...)
{
	char text[LOG_LINE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (!holds(report->before, text))
		log_warn("%s", text);
	report->problems = json_append_string(report->problems, text);
}

static bool
write_file(const struct report *report, const char *directory)
{
	char *path = xasprintf("%s/provision.%s.json", directory, report->role);
	jv value = json_set_int(json_object(), "at", clock_now_ms());
	char *text;
	bool ok;

	value = json_set(value, "problems", json_copy(report->problems));
	text = json_text(value);
	ok = io_make_directories(directory) &&
	     io_replace_file(path, text, strlen(text));
	if (!ok)
		log_warn("%s: %s", path, strerror(errno));
	free(text);
	free(path);
	jv_free(value);
	return ok;
}

bool
report_end(struct report *report)
{
	char *directory = state_path("run");

	if (directory != NULL)
		write_file(report, directory);
	free(directory);
	if (json_length(report->before) > 0 &&
	    json_length(report->problems) == 0)
		log_info("what was wrong is mended");
	return json_length(report->problems) == 0;
}
