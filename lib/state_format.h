#ifndef OC_STATE_FORMAT_H
#define OC_STATE_FORMAT_H

/*
 * $OC_STATE/format holds the number of the format that the directory of state
 * is kept in, on one line.  STATE_FORMAT is the one that this version reads
 * and writes.
 */
enum { STATE_FORMAT = 1 };

/*
 * For every program that writes state, before its first write: makes the
 * directory and the file when they are not there.  Ends the program with
 * EX_CONFIG when the number is greater than STATE_FORMAT (a newer version
 * wrote it; nothing is touched), is no number, or there is no directory of
 * state at all (neither OC_STATE nor HOME is set), and with EX_CANTCREAT when
 * it cannot be made.
 */
void state_check_format(void);

#endif
