#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <errno.h>
#include "clock.h"
#include "log.h"
#include "ulid.h"

/* Adds one to a big-endian number of 80 bits; false when it overflows. */
static bool
increment(uint8_t random[10])
{
	for (int i = 9; i >= 0; i--)
		if (++random[i] != 0)
			return true;
	return false;
}

void
ulid_make(char out[ULID_SIZE])
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	static uint64_t last;
	static uint8_t bytes[16];
	uint64_t now = (uint64_t)clock_now_ms();
	unsigned bits = 0, held = 0;
	size_t n = 0;

	if (now <= last && !increment(bytes + 6))
		last++;
	if (now > last) {
		last = now;
		if (getrandom(bytes + 6, 10, 0) != 10)
			fatal(EX_OSERR, "getrandom: %s", strerror(errno));
	}
	for (int i = 0; i < 6; i++)
		bytes[i] = (uint8_t)(last >> (40 - 8 * i));
	/* 128 bits in 26 digits of 5: the first digit has only three */
	held = 2;
	for (size_t i = 0; i < sizeof bytes; i++) {
		bits = bits << 8 | bytes[i];
		held += 8;
		while (held >= 5) {
			held -= 5;
			out[n++] = alphabet[bits >> held & 31];
		}
		bits &= (1u << held) - 1;
	}
	out[n] = '\0';
}
