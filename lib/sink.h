#ifndef OC_SINK_H
#define OC_SINK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Where turns go: to a program that runs beside us and answers each line with
 * the turn's id once the turn is safe, or to standard output, which is taken
 * to be safe at once.
 */
struct sink;

enum { SINK_POLLFDS = 2 };

/*
 * `argv` is the program, or NULL for standard output.  `confirmed` is called
 * for each id.  A program that cannot be started is fatal (EX_UNAVAILABLE).
 */
struct sink *sink_open(
    char *const *argv, void (*confirmed)(const char *id, void *arg), void *arg);

/* Hands over a turn's line, with its newline. */
void sink_write(
    struct sink *sink, const char *id, const char *line, size_t length);

/* The descriptor of the program's input, for other loops than poll(2); or -1. */
int sink_output(const struct sink *sink);

/* Fills in what to wait for; sink_work then does what became possible. */
void sink_prepare(const struct sink *sink, struct pollfd fds[SINK_POLLFDS]);
/* A program that ends before its input does is fatal (EX_UNAVAILABLE). */
void sink_work(struct sink *sink, const struct pollfd fds[SINK_POLLFDS]);

/*
 * Writes what is left, lets the program come to its end, and reads its last
 * answers: for at most `most_ms`.
 */
void sink_close(struct sink *sink, int most_ms);

#endif
