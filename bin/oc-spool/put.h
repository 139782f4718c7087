#ifndef OC_SPOOL_PUT_H
#define OC_SPOOL_PUT_H

#include "queue.h"

/*
 * Puts the turns of standard input into the queue and writes the id of each
 * to standard output once it is safe on disk.  Returns the exit status.
 */
int put_run(struct queue *queue);

#endif
