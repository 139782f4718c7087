#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "commands.h"
#include "io.h"
#include "json.h"
#include "utf8.h"
#include "xalloc.h"

volatile sig_atomic_t lines_interrupted;

static void
on_signal(int number)
{
	(void)number;
	lines_interrupted = 1;
}

void
lines_catch_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

int
lines_read(int (*each)(void *arg, const char *line, size_t length), void *arg)
{
	bool prompt = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
	int status = EX_OK, one;
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	for (;;) {
		if (prompt)
			(void)io_write_all(STDERR_FILENO, "> ", 2);
		n = getline(&line, &size, stdin);
		if (n < 0 || lines_interrupted)
			break;
		while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
			n--;
		if (n == 0)
			continue;
		one = each(arg, line, (size_t)n);
		if (one != EX_OK)
			status = one;
		if (one == INTERRUPTED)
			break;
	}
	if (prompt)
		(void)io_write_all(STDERR_FILENO, "\n", 1);
	free(line);
	return status;
}

char *
lines_plain(const char *text)
{
	struct buf plain = {0};

	utf8_plain(&plain, text, strlen(text));
	return plain.data != NULL ? buf_take(&plain) : xstrdup("");
}

/* A reply may be a string as well as an object. */
static void
add_reply(struct buf *out, jv ref_reply)
{
	const char *text = json_as_string(ref_reply, NULL);
	jv media;

	if (text == NULL)
		text = json_get_string(ref_reply, "text", "");
	buf_add_string(out, text);
	media = json_get(ref_reply, "media");
	for (int i = 0, n = json_length(media); i < n; i++) {
		jv one = json_at(media, i);

		buf_printf(
		    out, "\n[file] %s", json_get_string(one, "path", ""));
		jv_free(one);
	}
	jv_free(media);
}

void
reply_print(jv ref_turn, bool json)
{
	struct buf out = {0}, plain = {0};
	jv reply = json_get(ref_turn, "reply");

	if (json)
		json_write(&out, ref_turn);
	else
		add_reply(&out, reply);
	if (out.length == 0 || out.data[out.length - 1] != '\n')
		buf_add_byte(&out, '\n');
	if (isatty(STDOUT_FILENO)) {
		utf8_plain(&plain, out.data, out.length);
		io_write_stdout(plain.data, plain.length);
	} else {
		io_write_stdout(out.data, out.length);
	}
	jv_free(reply);
	buf_free(&plain);
	buf_free(&out);
}
