#ifndef OPENCLAW_LOGS_H
#define OPENCLAW_LOGS_H

#include <stdbool.h>
#include <jv.h>
#include "record.h"

/* The journal of a turn, which moves to the archive while it is open. */
struct logs_source {
	char *name; /* of the turn, as a file name */
	char *session;
	struct record_reader reader;
	struct logs_source *next;
};

/* A line of a journal for people, or with `json` as it is, with its id. */
void logs_print(const struct logs_source *source, jv ref_record, bool json);

#endif
