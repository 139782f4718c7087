#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "wake.h"
#include "xalloc.h"

enum { RETRY_MS = 1000 };

static void
subscribe(struct wake *wake)
{
	wake->context = redis_connect_again();
	wake->retry_at = clock_mono_ms() + RETRY_MS;
	if (wake->context != NULL)
		(void)redisAppendCommand(
		    wake->context, "SUBSCRIBE %s %s", wake->wake, wake->done);
	if (wake->context != NULL) {
		int written = 0;

		while (redisBufferWrite(wake->context, &written) == REDIS_OK &&
		       !written)
			continue;
	}
}

void
wake_open(struct wake *wake, const char *prefix, const char *node)
{
	*wake = (struct wake){.context = NULL};
	wake->wake = xasprintf("%s:wake", prefix);
	wake->done = xasprintf("%s:done@%s", prefix, node);
	subscribe(wake);
}

static void
disconnect(struct wake *wake)
{
	if (wake->context != NULL)
		redisFree(wake->context);
	wake->context = NULL;
}

void
wake_close(struct wake *wake)
{
	disconnect(wake);
	free(wake->wake);
	free(wake->done);
}

int
wake_fd(const struct wake *wake)
{
	return wake->context != NULL ? wake->context->fd : -1;
}

static bool
is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

bool
wake_read(
    struct wake *wake, void (*done)(void *arg, const char *what), void *arg)
{
	bool any = false;
	void *reply;

	if (wake->context == NULL && clock_mono_ms() >= wake->retry_at) {
		subscribe(wake);
		any = true; /* what was missed */
	}
	while (wake->context != NULL && is_readable(wake->context->fd) &&
	       redisBufferRead(wake->context) != REDIS_OK)
		disconnect(wake);
	while (wake->context != NULL &&
	       redisGetReplyFromReader(wake->context, &reply) == REDIS_OK &&
	       reply != NULL) {
		const char *channel = reply_text(reply_at(reply, 1), "");
		const char *what = reply_text(reply_at(reply, 2), NULL);

		any = true;
		if (what != NULL && strcmp(channel, wake->done) == 0)
			done(arg, what);
		freeReplyObject(reply);
	}
	return any;
}
