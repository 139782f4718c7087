#ifndef OC_RECV_HTTP_SEEN_H
#define OC_RECV_HTTP_SEEN_H

#include <stdbool.h>

/* A set of strings that were seen, by their hashes: 16 bytes for each. */
struct seen;

struct seen *seen_new(void);
void seen_free(struct seen *seen); /* NULL is fine */
bool seen_has(const struct seen *seen, const char *text);
/* False when it was there. */
bool seen_add(struct seen *seen, const char *text);

#endif
