#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>
#include "charset.h"
#include "child.h"
#include "clock.h"
#include "confine.h"
#include "extract.h"
#include "html.h"
#include "io.h"
#include "log.h"
#include "utf8.h"

enum {
	CPU_S = 3,        /* 2 MB of ordinary HTML take 0.05 s */
	MEMORY_MB = 1024, /* address space, the shared objects included */
	STEP = 16 * 1024, /* what is read between two writes */
	SNIFF_MAX = 512,
};

static bool
ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), n = strlen(end);

	return length >= n && strcmp(text + length - n, end) == 0;
}

/* For answers without a type, and those that are called plain bytes. */
static enum extract_kind
kind_by_content(const char *body, size_t length)
{
	static const char *const signs[] = {
	    "<!doctype html", "<html", "<head", "<body", "<title"};

	while (length > 0 && strchr(" \t\r\n", *body) != NULL && *body != '\0')
		body++, length--;
	for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++)
		if (length >= strlen(signs[i]) &&
		    strncasecmp(body, signs[i], strlen(signs[i])) == 0)
			return EXTRACT_HTML;
	if (length > SNIFF_MAX)
		length = utf8_floor(body, length, SNIFF_MAX);
	return memchr(body, '\0', length) == NULL && utf8_valid(body, length)
		   ? EXTRACT_TEXT
		   : EXTRACT_NONE;
}

enum extract_kind
extract_kind(const struct extract_input *input)
{
	static const char *const text[] = {"application/json",
	    "application/javascript", "application/ecmascript",
	    "application/x-javascript", "application/x-ndjson",
	    "application/yaml", "application/x-yaml", "application/toml",
	    "application/sql", "application/x-sh",
	    "application/x-www-form-urlencoded", "application/graphql"};
	const char *type = input->type;

	if (strcmp(type, "text/html") == 0 ||
	    strcmp(type, "application/xhtml+xml") == 0)
		return EXTRACT_HTML;
	if (strcmp(type, "text/xml") == 0 ||
	    strcmp(type, "application/xml") == 0 || ends_with(type, "+xml"))
		return EXTRACT_XML;
	if (strncmp(type, "text/", 5) == 0 || ends_with(type, "+json") ||
	    ends_with(type, "+yaml"))
		return EXTRACT_TEXT;
	for (size_t i = 0; i < sizeof text / sizeof text[0]; i++)
		if (strcmp(type, text[i]) == 0)
			return EXTRACT_TEXT;
	if (type[0] == '\0' || strcmp(type, "application/octet-stream") == 0 ||
	    strcmp(type, "unknown/unknown") == 0)
		return kind_by_content(input->body, input->length);
	return EXTRACT_NONE;
}

static enum charset_from
charset_source(enum extract_kind kind)
{
	return kind == EXTRACT_HTML  ? CHARSET_HTML
	       : kind == EXTRACT_XML ? CHARSET_XML
				     : CHARSET_PLAIN;
}

/* From here on nothing is opened: see confine_pure_filter. */
static void
convert(struct charset *charset, struct html *html,
    const struct extract_input *input,
    void (*flush)(struct buf *out, void *arg), void *arg)
{
	struct buf text = {.data = NULL}, out = {.data = NULL};

	charset_convert(charset, input->body, input->length, &text);
	for (size_t at = 0; at < text.length && html != NULL; at += STEP) {
		size_t left = text.length - at;

		html_feed(html, text.data + at, left < STEP ? left : STEP);
		html_take(html, &out);
		flush(&out, arg);
	}
	if (html != NULL) {
		html_end(html);
		html_take(html, &out);
	}
	flush(html != NULL ? &out : &text, arg);
	buf_free(&text);
	buf_free(&out);
}

static void
extract(const struct extract_input *input, enum extract_kind kind,
    bool confined, void (*flush)(struct buf *out, void *arg), void *arg)
{
	struct charset *charset = charset_open(
	    input->charset, charset_source(kind), input->body, input->length);
	struct html *html = kind == EXTRACT_HTML ? html_new(input->url) : NULL;

	if (confined)
		confine_pure_filter();
	convert(charset, html, input, flush, arg);
	html_free(html);
	charset_close(charset);
}

void
extract_here(const struct extract_input *input, enum extract_kind kind,
    void (*flush)(struct buf *out, void *arg), void *arg)
{
	extract(input, kind, false, flush, arg);
}

/* ---- the child */

static void
limit(__rlimit_resource_t resource, rlim_t value)
{
	struct rlimit limits = {.rlim_cur = value, .rlim_max = value};

	setrlimit(resource, &limits);
}

static void
write_out(struct buf *out, void *arg)
{
	int fd = *(const int *)arg;

	if (!io_write_all(fd, out->data, out->length))
		_exit(EX_IOERR); /* the parent has enough */
	buf_clear(out);
}

static _Noreturn void
run_child(
    const struct extract_input *input, enum extract_kind kind, int write_end)
{
	int out;

	/* our connections and whatever else is open are none of its business */
	out = dup2(write_end, STDOUT_FILENO);
	close(STDIN_FILENO);
	if (out < 0 || close_range(STDERR_FILENO + 1, ~0U, 0) != 0)
		_exit(EX_OSERR);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, CPU_S);
#ifndef OC_SANITIZED
	limit(RLIMIT_AS, (rlim_t)MEMORY_MB << 20);
#endif
	extract(input, kind, true, write_out, &out);
	_exit(EX_OK);
}

/* ---- the parent */

/* False when there is more than `most`, or the deadline has passed. */
static bool
collect(int fd, size_t most, int64_t deadline_ms, struct buf *out)
{
	ssize_t n = 1;

	while (n > 0) {
		int64_t left = deadline_ms - clock_mono_ms();
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int ready = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready <= 0)
			return false;
		n = buf_read(out, fd, STEP);
		if (out->length > most) {
			buf_truncate(
			    out, utf8_floor(out->data, out->length, most));
			return false;
		}
	}
	return n == 0;
}

bool
extract_confined(const struct extract_input *input, enum extract_kind kind,
    size_t most, int64_t deadline_ms, struct buf *out)
{
	int ends[2], status;
	bool whole;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0 || (pid = fork()) < 0)
		fatal(EX_OSERR, "fork: %s", strerror(errno));
	if (pid == 0)
		run_child(input, kind, ends[1]);
	close(ends[1]);
	whole = collect(ends[0], most, deadline_ms, out);
	close(ends[0]);
	if (!whole)
		kill(pid, SIGKILL);
	status = child_wait(pid);
	/* a limit may have cut it in the middle of a character */
	if (!utf8_valid(buf_string(out), out->length))
		buf_truncate(
		    out, utf8_floor(out->data, out->length, out->length));
	return whole && status == 0;
}
