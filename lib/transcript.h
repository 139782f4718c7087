#ifndef OC_TRANSCRIPT_H
#define OC_TRANSCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>

/*
 * Transcripts: what was said and done in a session, in
 * $OC_STATE/sessions/<session>.ndjson.  A line is an object with `turn` (the
 * id), `at` (ms since the epoch), `role`, and the rest as in a turn:
 *
 *	user       text, media    what the person said
 *	assistant  text, calls …  a step of the model
 *	tool       call, ok, …    a result
 *
 * The lines of one turn follow each other: the user's, the steps, and at the
 * end the reply as an assistant's line, unless the last step said it.
 * Sessions are only ever appended to; a shortened one is written anew and
 * renamed over the old.
 */

/*
 * Appends a finished turn and syncs.  What a crash left of the same turn, or
 * half a line, is cut off first, so it may be done again.  Sets *size to the
 * size of the file after it.  False with errno set.
 */
bool transcript_append(jv ref_turn, int64_t *size);

/*
 * Drops the oldest turns until at most `keep` bytes are left, and puts lines
 * in their place that say so, or that hold `summary` (NULL: none).  The newest
 * turn always stays.  *dropped is the number of turns.  False with errno set,
 * and then the file is as it was.
 */
bool transcript_shorten(
    const char *session, int64_t keep, const char *summary, size_t *dropped);

/* Its size in bytes, and when its first line was written (0: it has none). */
int64_t transcript_size(const char *session);
int64_t transcript_begun(const char *session);

/*
 * Puts the transcript aside, as sessions/<session>.<time>.old, so that the
 * session begins anew.  True when there was none, too.
 */
bool transcript_reset(const char *session);

enum {
	/* A guess on the safe side: English has 4, code and other scripts less. */
	TRANSCRIPT_BYTES_PER_TOKEN = 3,
};

#endif
