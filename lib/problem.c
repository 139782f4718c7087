#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include "log.h"
#include "problem.h"
#include "utf8.h"

void
problem_add(struct problems *problems, unsigned line, unsigned column,
    const char *format, ...)
{
	va_list ap;
	char *text;
	int n;

	if (++problems->count > PROBLEMS_MAX + 1)
		return;
	if (problems->count == PROBLEMS_MAX + 1) {
		buf_printf(problems->out,
		    "%s: more is wrong; correct these first\n", problems->name);
		return;
	}
	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0)
		fatal(EX_OSERR, "out of memory (formatting)");
	buf_printf(problems->out, "%s:%u:%u: %s\n", problems->name, line,
	    column, text);
	free(text);
}

const char *
problem_quote(char out[PROBLEM_QUOTE_SIZE], const char *text)
{
	enum { SHOWN = PROBLEM_QUOTE_SIZE - 6 }; /* two marks, "…" and NUL */
	size_t length = strlen(text);
	size_t cut = utf8_floor(text, length, SHOWN);
	size_t n;

	n = (size_t)snprintf(out, PROBLEM_QUOTE_SIZE, "`%.*s%s`", (int)cut,
	    text, cut < length ? "\xe2\x80\xa6" : "");
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)out[i] < 0x20 || out[i] == 0x7f)
			out[i] = '?';
	return out;
}
