#ifndef OC_RECV_HTTP_DATAURL_H
#define OC_RECV_HTTP_DATAURL_H

#include <stdbool.h>
#include <stddef.h>
#include "buf.h"

/*
 * Files inside of JSON: base64, alone or in a data: URL (RFC 2397).
 */

/*
 * Appends the bytes.  Blanks and line ends between the digits are passed
 * over; anything else that is no digit, or padding that does not fit, makes
 * it false.
 */
bool base64_decode(const char *text, size_t length, struct buf *bytes);

/*
 * Takes a data: URL in base64 apart.  *own_mime is the media type without its
 * parameters, in lower case ("text/plain" when it is left out), for the caller
 * to free.  False, and *problem says why, for anything else; other URLs are
 * not fetched.
 */
bool dataurl_read(
    const char *url, char **own_mime, struct buf *bytes, const char **problem);

/* ".png"; "" for a type that is not known. */
const char *dataurl_extension(const char *mime);

#endif
