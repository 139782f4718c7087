#ifndef OC_RECV_HTTP_SERIES_H
#define OC_RECV_HTTP_SERIES_H

#include <stddef.h>
#include "buf.h"

/*
 * Numbers for Prometheus, in its text format.  A family is one name with a
 * fixed list of labels; a series is one family with one value for each label.
 *
 * Some values of labels come from outside (a model may call a tool that there
 * is not), so a family has at most SERIES_MAX series: what would be one more
 * is counted in the one whose labels all say "other".
 */
enum {
	SERIES_MAX = 100,
	SERIES_LABELS_MAX = 3,
	SERIES_VALUE_MAX = 80, /* bytes of a label's value */
};

enum series_kind { SERIES_COUNTER, SERIES_GAUGE, SERIES_HISTOGRAM };

struct series; /* all families */
struct family;

struct series *series_new(void);
void series_free(struct series *series);

/*
 * Adds a family.  `labels` are the names of labels, divided by spaces ("" for
 * none); the strings are kept, not copied.  A histogram is of seconds, with
 * buckets from a millisecond to ten minutes.
 */
struct family *series_family(struct series *series, enum series_kind kind,
    const char *name, const char *help, const char *labels);

/*
 * The values of the labels follow, as many as the family has names.  A value
 * that is not UTF-8 is repaired, and one that is too long is cut.
 */
void family_add(struct family *family, double amount, ...);
void family_set(struct family *family, double value, ...);
void family_observe(struct family *family, double seconds, ...);
/* Forgets its series: for a gauge of what is there now. */
void family_clear(struct family *family);

/* All that have a series, in the order in which they were added. */
void series_write(const struct series *series, struct buf *out);

#endif
