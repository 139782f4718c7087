#ifndef OC_UTF8_H
#define OC_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include "buf.h"

/*
 * The length in bytes (1 to 4) of the well-formed sequence at `text`, or 0
 * where there is none: overlong forms, surrogates and what lies beyond
 * U+10FFFF are refused (RFC 3629).  `length` must be at least 1.
 */
size_t utf8_sequence(const char *text, size_t length);
bool utf8_valid(const char *text, size_t length);
/* Appends the text with each ill-formed part replaced by U+FFFD. */
void utf8_repair(struct buf *out, const char *text, size_t length);
/* The greatest length up to `most` that does not split a character. */
size_t utf8_floor(const char *text, size_t length, size_t most);
/* Number of characters in well-formed text. */
size_t utf8_count(const char *text, size_t length);
/*
 * Appends the text for a terminal: each control character but newline and tab,
 * and each ill-formed byte, is a question mark, so that text from outside cannot command the terminal.
 */
void utf8_plain(struct buf *out, const char *text, size_t length);
/* Appends the character as UTF-8; a surrogate or beyond: U+FFFD. */
void utf8_encode(struct buf *out, unsigned int code_point);

#endif
