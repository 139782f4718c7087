#ifndef OC_SURVEY_H
#define OC_SURVEY_H

#include <stdbool.h>
#include <stdint.h>
#include <jv.h>

/*
 * What the files below $OC_STATE say about a gateway, for status and doctor.
 * Nothing is written, and a file that is not there is no failure.
 */

/* A file's JSON, or null. */
jv survey_read(const char *path);

/*
 * {"gateway":{"running":true,"holder":"process 7 on box since ..."},
 * "node":{...}}: whether a gateway has the role.
 */
jv survey_roles(void);
bool survey_role_runs(const char *role);
/*
 * The process of a gateway that has the role, or 0 when it cannot be told: it
 * runs on another machine or in another container.
 */
int survey_role_pid(const char *role);

/* chain -> what oc-gateway(1) writes about it; those that are there. */
jv survey_chains(void);

/*
 * What oc-provision(1) could not do, an array of texts: a configuration that
 * was refused, say.
 */
jv survey_provision(void);

/*
 * queue -> {"waiting","oldest_s","running","given_up"}: of `in` and those
 * below out/.
 */
jv survey_queues(void);

/*
 * {"polled_s":seconds since a poll was answered, "failure":why the last one
 * was not}, or null.
 */
jv survey_telegram(void);

/* model -> {"until","class","message"} of those that are not asked now. */
jv survey_models(void);

enum { SURVEY_DISK_LOW = 64 * 1024 * 1024 }; /* turns are small, logs are not */
/* {"free_bytes","total_bytes"} of the state's file system, or null. */
jv survey_disk(void);

/*
 * Adds to an array of strings what is wrong in these, each with what to do.
 * `wants_telegram`: a poll is expected.
 */
jv survey_problems(jv ref_survey, bool wants_telegram);

/* All of it: an object with the keys above and "problems". */
jv survey_all(bool wants_telegram);

/* "4 s", "12 min", "3 h", "5 d"; returns `out`. */
enum { SURVEY_AGE_SIZE = 32 };
char *survey_age(int64_t seconds, char out[SURVEY_AGE_SIZE]);
/* "78.1 GB". */
char *survey_bytes(int64_t bytes, char out[SURVEY_AGE_SIZE]);

#endif
