#ifndef OC_CDP_URL_H
#define OC_CDP_URL_H

#include <stdbool.h>
#include <stdint.h>
#include "buf.h"

enum { URL_MAX = 8 * 1024 };

/*
 * Checks an address that is to be opened and appends it as a URL of http or
 * https.  NULL, or why it is none that may be opened.  *refused: it is one, of
 * a kind that is never opened.
 */
const char *url_check(const char *text, struct buf *url, bool *refused);

/* The host, without brackets, and the port.  False for other kinds of URL. */
bool url_host(const char *url, char host[256], uint16_t *port);

#endif
