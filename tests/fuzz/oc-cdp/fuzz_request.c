#include <assert.h>
#include <stdint.h>
#include <string.h>
#include "request.h"

/* What a browser may send to its proxy. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct request request;
	enum request_state state =
	    request_read(&request, (const char *)data, size);

	if (state == REQUEST_WHOLE) {
		assert(request.used <= size);
		assert(*request.host != '\0' && request.port != 0);
		assert(strpbrk(request.host, " /@\r\n") == NULL);
		if (!request.tunnel)
			assert(strstr(buf_string(&request.head),
				   "\r\nConnection: close\r\n\r\n") != NULL);
	}
	request_free(&request);
	return 0;
}
