#ifndef OC_SPOOL_CANCEL_H
#define OC_SPOOL_CANCEL_H

#include <jv.h>
#include "lineup.h"
#include "queue_files.h"

/*
 * What a stop ends that was not begun, in a queue that other nodes take from
 * as well.  A person's /stop ends all that they had sent before it; a stop
 * record with an id, that turn.  Each is answered and finished at once, if it
 * still waits.
 */
void cancel_shared(
    struct queue *queue, const struct entry *stop, jv ref_record);

#endif
