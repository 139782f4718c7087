#ifndef OC_CDP_TOOLS_H
#define OC_CDP_TOOLS_H

#include <stdbool.h>
#include "job.h"

/* "dry_run:browser_click" asks what would become of a call. */
#define DRY_RUN "dry_run:"

/* By the name in a call, or NULL.  *dry: it is only asked for. */
const struct tool *tool_find(const char *name, bool *dry);
/* Writes the declarations, one a line. */
void tools_declare(void);

/*
 * Whether the call is one that may be made at all, by its arguments: what a
 * dry run says.  False with the reason; *denied: it is not permitted.
 */
bool tool_permits(
    const struct tool *tool, jv ref_args, struct buf *why, bool *denied);

#define JSON_STRING  "{\"type\":\"string\"}"
#define JSON_INTEGER "{\"type\":\"integer\"}"
#define JSON_BOOLEAN "{\"type\":\"boolean\"}"
#define JSON_OBJECT(properties, required)                  \
	"{\"type\":\"object\",\"properties\":{" properties \
	"},\"required\":[" required "]}"

/* In tool_open.c, tool_read.c, tool_act.c, tool_wait.c and tool_file.c. */
extern const struct tool tool_open, tool_back, tool_tabs, tool_close;
extern const struct tool tool_snapshot, tool_text, tool_evaluate;
extern const struct tool tool_click, tool_type, tool_select, tool_press,
    tool_wait;
extern const struct tool tool_screenshot, tool_pdf;

#endif
