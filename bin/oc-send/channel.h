#ifndef OC_SEND_CHANNEL_H
#define OC_SEND_CHANNEL_H

#include <jv.h>
#include "config.h"
#include "record.h"

/*
 * Prints a reply on standard output: its text, and a line for each file that
 * goes with it.  On a terminal, control bytes in it are replaced, so that
 * what a model writes cannot act on the terminal.
 */
void send_stdout(jv ref_turn);

/*
 * Sends replies through the Bot API until the input has ended and all is
 * delivered, or SIGTERM comes: then what is being sent is finished, and the
 * rest stays in the queue.  The exit status.
 */
int courier_run(struct config *config, struct record_reader *reader);

#endif
