#ifndef OC_USAGE_H
#define OC_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>

/*
 * What models were asked and what it cost: $OC_STATE/usage/<day>.ndjson, a
 * line for each attempt at a model, failed ones too, with `at`, `turn`,
 * `session`, `step` (index among the turn's steps), `try` (index among the
 * step's attempts), `model`, and where known `input`, `output`, `cached`,
 * `cost`, `failed`.  Days are UTC.  The same attempt may be written twice (a
 * crash, or a planner that tells early); readers count it once.
 */

enum { USAGE_DAY_SIZE = 11 }; /* "2026-11-22" and a NUL */
/* The day of a time in ms since the epoch; returns `out`. */
char *usage_day(int64_t at, char out[USAGE_DAY_SIZE]);

/* Appends the attempts of one step.  False with errno set. */
bool usage_add_step(jv ref_turn, jv ref_step, int index);
/* Appends those of all steps. */
bool usage_add_turn(jv ref_turn);

struct usage_total {
	int64_t attempts, failed, input, output, cached;
	double cost;
};

/* Reads a day's file, and later on what was added to it. */
struct usage_reader;

struct usage_reader *usage_open(const char *day);
void usage_free(struct usage_reader *reader);
/*
 * Calls `each` (which may be NULL) with every attempt that was not seen yet,
 * and returns the sum over all so far, valid until the next call.
 */
const struct usage_total *usage_read(struct usage_reader *reader,
    void (*each)(void *arg, jv ref_line), void *arg);
/*
 * The same a piece at a time (some hundred lines), for whoever has other
 * work to do in between.  False: there was nothing more.
 */
bool usage_read_some(struct usage_reader *reader,
    void (*each)(void *arg, jv ref_line), void *arg);
void usage_total_add(struct usage_total *total, jv ref_line);

#endif
