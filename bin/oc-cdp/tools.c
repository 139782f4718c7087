#include <string.h>
#include "json.h"
#include "record.h"
#include "tools.h"
#include "url.h"

static const struct tool *const tools[] = {&tool_open, &tool_snapshot,
    &tool_click, &tool_type, &tool_select, &tool_press, &tool_wait, &tool_text,
    &tool_screenshot, &tool_pdf, &tool_evaluate, &tool_back, &tool_tabs,
    &tool_close};

const struct tool *
tool_find(const char *name, bool *dry)
{
	*dry = strncmp(name, DRY_RUN, strlen(DRY_RUN)) == 0;
	if (*dry)
		name += strlen(DRY_RUN);
	for (size_t i = 0; i < sizeof tools / sizeof *tools; i++)
		if (strcmp(tools[i]->name, name) == 0)
			return tools[i];
	return NULL;
}

void
tools_declare(void)
{
	for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
		const struct tool *tool = tools[i];
		jv one = json_set_string(json_object(), "name", tool->name);

		one = json_set_string(one, "description", tool->description);
		one = json_set(one, "parameters",
		    json_parse(
			tool->parameters, strlen(tool->parameters), NULL));
		record_write(one);
		jv_free(one);
	}
}

bool
tool_permits(
    const struct tool *tool, jv ref_args, struct buf *why, bool *denied)
{
	struct buf url = {0};
	const char *problem = NULL;

	*denied = false;
	if (tool == &tool_open)
		problem = url_check(
		    json_get_string(ref_args, "url", ""), &url, denied);
	buf_free(&url);
	if (problem == NULL)
		return true;
	buf_printf(why, "not an address that can be opened: %s", problem);
	return false;
}
