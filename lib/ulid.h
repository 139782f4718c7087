#ifndef OC_ULID_H
#define OC_ULID_H

enum { ULID_SIZE = 27 };

/*
 * A new ULID (github.com/ulid/spec) as 26 characters and a NUL: 48 bits of
 * milliseconds and 80 bits from the kernel's random source.  Within one
 * process each is greater than the one before.
 */
void ulid_make(char out[ULID_SIZE]);

#endif
