#ifndef OC_LOG_H
#define OC_LOG_H

#include <stdbool.h>

/*
 * One line a thing that a person should know, on standard error, in one
 * write(2) so that the lines of a chain of programs never interleave:
 *
 *	2026-11-22T10:36:32.208Z warn oc-send[81]: telegram: 429, waiting 3 s
 *
 * On a terminal, where the time and the pid would be in a person's way, it is
 * "oc-send: telegram: 429, waiting 3 s".  Control bytes and broken UTF-8 in
 * the message are replaced, and a message longer than LOG_LINE_MAX is cut.
 * No text of a message of the person's and no secret goes into a log.
 */
enum { LOG_LINE_MAX = 2048 };

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/*
 * Sets the program's name (kept, not copied) and reads the level from
 * OC_LOG (error, warn, info or debug; info if unset or anything else).  Comes
 * first in main: it also sees to it that descriptors 0 to 2 are open.
 */
void log_init(const char *program);
const char *log_program(void);
bool log_enabled(enum log_level level);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Logs an error and ends the program with a status from <sysexits.h>. */
_Noreturn void fatal(int status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * For wrong usage: prints the message and "try 'PROGRAM -h'", and ends with
 * EX_USAGE.
 */
_Noreturn void usage_error(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
