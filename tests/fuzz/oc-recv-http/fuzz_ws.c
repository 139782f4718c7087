#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "websocket.h"
#include "ws_device.h"
#include "ws_request.h"

/*
 * Frames of a client, as the gateway takes them apart: the protocol, the
 * request in each message, and what a connect says.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
take_hello(jv ref_params)
{
	struct ws_hello hello;

	if (ws_hello_parse(&hello, ref_params) == NULL) {
		assert(hello.client != NULL && hello.mode != NULL &&
		       hello.role != NULL && hello.signed_token != NULL);
		(void)ws_scopes(hello.scopes_asked);
		if (json_is_object(hello.device))
			assert(
			    ws_device_check(&hello, "n", 1000) != WS_DEVICE_OK);
	}
	ws_hello_free(&hello);
}

static void
take(void *arg, const char *data, size_t length, bool binary)
{
	struct ws_request request;
	const char *session, *key;

	(void)arg;
	(void)binary;
	if (ws_request_parse(&request, data, length) == NULL) {
		assert(strlen(request.id) <= WS_ID_MAX &&
		       strlen(request.method) <= WS_ID_MAX);
		take_hello(request.params);
		key = json_get_string(request.params, "sessionKey", NULL);
		session = ws_session_of(key);
		if (session != NULL) {
			char *again = ws_session_key(session);

			assert(strcmp(ws_session_of(again), session) == 0 ||
			       strlen(again) > 256);
			free(again);
		}
	}
	ws_request_free(&request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct websocket *websocket =
	    websocket_new(WEBSOCKET_SERVER, 64 * 1024);

	(void)websocket_feed(websocket, data, size, take, NULL);
	websocket_free(websocket);
	/* and without the frames, which random bytes seldom are */
	if (size > 0) {
		char *text = malloc(size + 1);

		memcpy(text, data, size);
		text[size] = '\0';
		take(NULL, text, size, false);
		free(text);
	}
	return 0;
}
