#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "clock.h"
#include "log.h"
#include "utf8.h"

static const char *program = "openclaw";
static enum log_level threshold = LOG_INFO;

static const char *const level_name[] = {"error", "warn", "info", "debug"};

/*
 * A standard descriptor that is closed would be taken by the next file or
 * socket, and records would go there.  The wrong way round, so that its use
 * is still told as an error.
 */
static void
occupy_standard_descriptors(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
			_exit(EX_OSERR);
}

void
log_init(const char *name)
{
	const char *wanted = getenv("OC_LOG");

	occupy_standard_descriptors();
	program = name;
	for (unsigned i = 0; wanted != NULL && i <= LOG_DEBUG; i++)
		if (strcmp(wanted, level_name[i]) == 0)
			threshold = (enum log_level)i;
}

const char *
log_program(void)
{
	return program;
}

bool
log_enabled(enum log_level level)
{
	return level <= threshold;
}

/*
 * Makes `line` safe to show: no control bytes but its final newline, and
 * UTF-8 throughout.
 */
static void
sanitize(char *line, size_t length)
{
	for (size_t i = 0; i < length;) {
		size_t n = utf8_sequence(line + i, length - i);

		/* C1 controls are two bytes, 0xc2 0x80 to 0xc2 0x9f */
		if (n == 2 && (unsigned char)line[i] == 0xc2 &&
		    (unsigned char)line[i + 1] < 0xa0)
			line[i + 1] = line[i] = '?';
		else if (n == 0 || (unsigned char)line[i] < 0x20 ||
			 line[i] == 0x7f)
			line[i] = '?';
		i += n != 0 ? n : 1;
	}
}

static void
write_line(const char *line, size_t length)
{
	ssize_t n;

	do
		n = write(STDERR_FILENO, line, length);
	while (n < 0 && errno == EINTR);
	/* A log that cannot be written has nowhere to complain. */
}

static void __attribute__((format(printf, 2, 0)))
log_line(enum log_level level, const char *format, va_list ap)
{
	char line[LOG_LINE_MAX], now[CLOCK_RFC3339_SIZE];
	int saved = errno, head, body;
	size_t length;

	if (!log_enabled(level))
		return;
	if (isatty(STDERR_FILENO))
		head = snprintf(line, sizeof line, "%s: ", program);
	else
		head = snprintf(line, sizeof line,
		    "%s %s %s[%ld]: ", clock_rfc3339(clock_now_ms(), now),
		    level_name[level], program, (long)getpid());
	length = head < 0 ? 0 : (size_t)head;
	body = vsnprintf(line + length, sizeof line - length - 1, format, ap);
	if (body > 0)
		length += (size_t)body;
	if (length > sizeof line - 2)
		length = utf8_floor(line, sizeof line - 2, sizeof line - 2);
	sanitize(line, length);
	line[length++] = '\n';
	write_line(line, length);
	errno = saved;
}

void
log_error(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_line(LOG_ERROR, format, ap);
	va_end(ap);
}

void
log_warn(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_line(LOG_WARN, format, ap);
	va_end(ap);
}

void
log_info(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_line(LOG_INFO, format, ap);
	va_end(ap);
}

void
log_debug(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_line(LOG_DEBUG, format, ap);
	va_end(ap);
}

_Noreturn void
fatal(int status, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_line(LOG_ERROR, format, ap);
	va_end(ap);
#ifdef OC_SANITIZED
	/* What is not freed on this way out is no leak to be told of. */
	fflush(NULL);
	_exit(status);
#else
	exit(status);
#endif
}

_Noreturn void
usage_error(const char *format, ...)
{
	char message[LOG_LINE_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(message, sizeof message, format, ap);
	va_end(ap);
	fatal(EX_USAGE, "%s; try '%s -h'", message, program);
}
