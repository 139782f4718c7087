#ifndef OC_RECV_HTTP_WS_DEVICE_H
#define OC_RECV_HTTP_WS_DEVICE_H

#include <stdint.h>
#include "ws_request.h"

/*
 * The proof of a device: an Ed25519 signature over the words of its connect,
 * with the nonce that we sent it.  The device is known by the SHA-256 of its
 * public key.
 */
enum ws_device_result {
	WS_DEVICE_OK,
	WS_DEVICE_MALFORMED,
	WS_DEVICE_WRONG_NONCE,
	WS_DEVICE_WRONG_ID,  /* not the SHA-256 of its key */
	WS_DEVICE_WRONG_KEY, /* 32 bytes in base64 (of URLs) are wanted */
	WS_DEVICE_STALE,     /* signed more than two minutes ago or ahead */
	WS_DEVICE_WRONG_SIGNATURE,
};

/* `hello` has a device; `now` is in ms since the epoch. */
enum ws_device_result ws_device_check(
    const struct ws_hello *hello, const char *nonce, int64_t now);

#endif
