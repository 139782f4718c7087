#ifndef OC_CLOCK_H
#define OC_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Milliseconds since the epoch: what is written into records. */
int64_t clock_now_ms(void);
/* Milliseconds on a clock that only goes forward: deadlines and durations. */
int64_t clock_mono_ms(void);

enum { CLOCK_RFC3339_SIZE = 25 };
/* "2026-11-22T10:36:32.208Z" into CLOCK_RFC3339_SIZE bytes; returns `out`. */
char *clock_rfc3339(int64_t epoch_ms, char out[CLOCK_RFC3339_SIZE]);

#endif
