#ifndef OC_NAME_H
#define OC_NAME_H

/*
 * A file's name as someone else gave it, made fit for the disk and for a
 * command line: no slash, blank, quote or control byte, no dot or dash at its
 * beginning, at most 80 bytes with its extension kept.  The caller frees it.
 */
char *name_clean(const char *name);

#endif
