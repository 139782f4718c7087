#ifndef OC_SEND_CHANNEL_H
#define OC_SEND_CHANNEL_H

#include <stdbool.h>
#include <jv.h>

/*
 * Prints a reply on standard output: its text, and a line for each file that
 * goes with it.  On a terminal, control bytes in it are replaced, so that
 * what a model writes cannot act on the terminal.
 */
void send_stdout(jv ref_turn);

#endif
