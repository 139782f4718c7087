#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "frames.h"
#include "io.h"
#include "websocket.h"
#include "wire.h"
#include "xalloc.h"

enum { READ_SIZE = 256 * 1024 };

struct wire {
	struct loop *loop;
	struct wire_hooks hooks;
	int in, out; /* the same for a WebSocket */
	struct watch read, write;
	struct timer broken; /* tells it from the loop, not from a send */
	struct frames frames;
	struct websocket *websocket; /* NULL: pipes */
	struct buf unsent;           /* of pipes */
	const char *why;             /* it is gone, since */
	bool busy, dead; /* dead: it was freed from inside of a message */
	char *chunk;
};

static void
tell_gone(void *arg)
{
	struct wire *wire = arg;

	wire->hooks.gone(wire->hooks.arg, wire->why);
}

static void
break_off(struct wire *wire, const char *why)
{
	if (wire->why != NULL || wire->dead)
		return;
	wire->why = why;
	loop_unwatch(&wire->read);
	loop_unwatch(&wire->write);
	loop_timer(wire->loop, &wire->broken, 0, tell_gone, wire);
}

static struct buf *
output(struct wire *wire)
{
	return wire->websocket != NULL ? websocket_output(wire->websocket)
				       : &wire->unsent;
}

static void write_some(void *arg, short revents);

/* Writes what can be written, and waits with the rest. */
static void
flush(struct wire *wire)
{
	struct buf *unsent = output(wire);
	size_t done = 0;

	while (wire->why == NULL && done < unsent->length) {
		ssize_t n = write(
		    wire->out, unsent->data + done, unsent->length - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			break;
		else if (n >= 0 || errno != EINTR)
			break_off(wire, "the connection to the browser broke");
	}
	buf_drop(unsent, done);
	if (wire->why != NULL)
		return;
	if (unsent->length > WIRE_UNSENT_MAX)
		break_off(wire, "the browser does not read what it is asked");
	else if (unsent->length > 0)
		loop_watch(wire->loop, &wire->write, wire->out, POLLOUT,
		    write_some, wire);
	else
		loop_unwatch(&wire->write);
}

static void
write_some(void *arg, short revents)
{
	(void)revents;
	flush(arg);
}

static void
take_message(void *arg, const char *data, size_t length)
{
	struct wire *wire = arg;

	if (!wire->dead)
		wire->hooks.message(wire->hooks.arg, data, length);
}

static void
take_websocket(void *arg, const char *data, size_t length, bool binary)
{
	(void)binary;
	take_message(arg, data, length);
}

static void
take(struct wire *wire, const char *data, size_t length)
{
	wire->busy = true;
	if (wire->websocket == NULL)
		frames_feed(&wire->frames, data, length, take_message, wire);
	else if (!websocket_feed(
		     wire->websocket, data, length, take_websocket, wire))
		break_off(wire, "the browser closed the connection");
	wire->busy = false;
	if (wire->dead)
		wire_free(wire);
	else if (wire->websocket != NULL && wire->why == NULL)
		flush(wire); /* answers to pings */
}

static void
read_some(void *arg, short revents)
{
	struct wire *wire = arg;
	ssize_t n = read(wire->in, wire->chunk, READ_SIZE);

	(void)revents;
	if (n > 0)
		take(wire, wire->chunk, (size_t)n);
	else if (n == 0)
		break_off(wire, "the browser ended");
	else if (errno != EAGAIN && errno != EINTR)
		break_off(wire, "the connection to the browser broke");
}

static struct wire *
wire_new(struct loop *loop, int in, int out, const struct wire_hooks *hooks)
{
	struct wire *wire = xcalloc(1, sizeof *wire);

	wire->loop = loop;
	wire->hooks = *hooks;
	wire->in = in;
	wire->out = out;
	wire->chunk = xmalloc(READ_SIZE);
	wire->frames.most = WIRE_MESSAGE_MAX;
	io_set_nonblocking(in, true);
	io_set_nonblocking(out, true);
	loop_watch(loop, &wire->read, in, POLLIN, read_some, wire);
	return wire;
}

struct wire *
wire_of_pipes(
    struct loop *loop, int in, int out, const struct wire_hooks *hooks)
{
	return wire_new(loop, in, out, hooks);
}

struct wire *
wire_of_websocket(struct loop *loop, int fd, const char *first, size_t length,
    const struct wire_hooks *hooks)
{
	struct wire *wire = wire_new(loop, fd, fd, hooks);

	wire->websocket = websocket_new(WEBSOCKET_CLIENT, WIRE_MESSAGE_MAX);
	websocket_cut_long(wire->websocket);
	if (length > 0)
		take(wire, first, length);
	return wire;
}

void
wire_free(struct wire *wire)
{
	if (wire == NULL)
		return;
	loop_unwatch(&wire->read);
	loop_unwatch(&wire->write);
	loop_stop_timer(&wire->broken);
	if (wire->busy) {
		wire->dead = true;
		return;
	}
	close(wire->in);
	if (wire->out != wire->in)
		close(wire->out);
	frames_free(&wire->frames);
	websocket_free(wire->websocket);
	buf_free(&wire->unsent);
	free(wire->chunk);
	free(wire);
}

void
wire_send(struct wire *wire, const char *text, size_t length)
{
	if (wire->why != NULL || wire->dead)
		return;
	if (wire->websocket != NULL)
		websocket_send_text(wire->websocket, text, length);
	else
		buf_add(&wire->unsent, text, length + 1); /* its NUL as well */
	flush(wire);
}
