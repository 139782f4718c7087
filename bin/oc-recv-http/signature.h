#ifndef OC_RECV_HTTP_SIGNATURE_H
#define OC_RECV_HTTP_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether a header as GitHub sends it, "sha256=" and 64 hexadecimal digits, is
 * the HMAC-SHA256 of the body under the secret.  Compared in constant time;
 * a header that is NULL or of another form is wrong.
 */
bool signature_is_right(
    const char *header, const char *secret, const void *body, size_t length);

#endif
