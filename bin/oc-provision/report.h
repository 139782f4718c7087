#ifndef OC_PROVISION_REPORT_H
#define OC_PROVISION_REPORT_H

#include <stdbool.h>

/*
 * What could not be done, for a person: each is logged, and all that are left
 * after a round stand in $OC_STATE/run/provision.ROLE.json, from where
 * openclaw(1) status and doctor take them:
 *
 *	{"at":1763894400000,"problems":["kubectl: ...", ...]}
 *
 * A problem that stood there after the last round is not logged again.
 */
struct report;

struct report *report_new(const char *role);
void report_free(struct report *report); /* NULL is fine */

/* Begins a round: there are no problems. */
void report_begin(struct report *report);
void report_problem(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Ends it: writes the file.  Whether the round had no problem. */
bool report_end(struct report *report);

#endif
