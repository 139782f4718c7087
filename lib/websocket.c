#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <wslay/wslay.h>
#include "log.h"
#include "utf8.h"
#include "websocket.h"
#include "xalloc.h"

enum {
	/* An unread heap of answers to pings is no use to anybody. */
	PONGS_UNSENT_MAX = 16 * 1024,
	/* What a message may leave allocated for the next one. */
	MESSAGE_KEPT = 64 * 1024,
	NO_MESSAGE = 0xff,
};

struct websocket {
	wslay_frame_context_ptr frames;
	enum websocket_side side;
	size_t message_max;
	bool cut_long;
	const uint8_t *input; /* the rest of what is being fed */
	size_t input_length;
	struct buf output;
	struct buf message, control; /* what came of each so far */
	int message_opcode;          /* of its first frame, or NO_MESSAGE */
	bool in_frame;
	uint64_t frame_left; /* bytes of the frame that are still to come */
	bool close_sent, over;
	int code;
	char reason[WEBSOCKET_REASON_MAX + 1];
	void (*on_message)(
	    void *arg, const char *data, size_t length, bool binary);
	void *arg;
};

static ssize_t
give_input(uint8_t *out, size_t length, int flags, void *arg)
{
	struct websocket *websocket = arg;

	(void)flags;
	if (length > websocket->input_length)
		length = websocket->input_length;
	if (length == 0)
		return -1;
	memcpy(out, websocket->input, length);
	websocket->input += length;
	websocket->input_length -= length;
	return (ssize_t)length;
}

static ssize_t
take_output(const uint8_t *data, size_t length, int flags, void *arg)
{
	struct websocket *websocket = arg;

	(void)flags;
	buf_add(&websocket->output, data, length);
	return (ssize_t)length;
}

static int
make_mask(uint8_t *out, size_t length, void *arg)
{
	(void)arg;
	arc4random_buf(out, length);
	return 0;
}

struct websocket *
websocket_new(enum websocket_side side, size_t message_max)
{
	static const struct wslay_frame_callbacks callbacks = {
	    .send_callback = take_output,
	    .recv_callback = give_input,
	    .genmask_callback = make_mask,
	};
	struct websocket *websocket = xcalloc(1, sizeof(*websocket));

	websocket->side = side;
	websocket->message_max = message_max;
	websocket->message_opcode = NO_MESSAGE;
	if (wslay_frame_context_init(
		&websocket->frames, &callbacks, websocket) != 0)
		fatal(EX_OSERR, "out of memory (a WebSocket)");
	return websocket;
}

void
websocket_free(struct websocket *websocket)
{
	if (websocket == NULL)
		return;
	wslay_frame_context_free(websocket->frames);
	buf_free(&websocket->output);
	buf_free(&websocket->message);
	buf_free(&websocket->control);
	free(websocket);
}

void
websocket_set_max(struct websocket *websocket, size_t message_max)
{
	websocket->message_max = message_max;
}

void
websocket_cut_long(struct websocket *websocket)
{
	websocket->cut_long = true;
}

struct buf *
websocket_output(struct websocket *websocket)
{
	return &websocket->output;
}

bool
websocket_is_closing(const struct websocket *websocket)
{
	return websocket->close_sent;
}

int
websocket_code(const struct websocket *websocket)
{
	return websocket->code;
}

const char *
websocket_reason(const struct websocket *websocket)
{
	return websocket->reason;
}

static void
send_frame(struct websocket *websocket, enum wslay_opcode opcode,
    const void *data, size_t length)
{
	struct wslay_frame_iocb frame = {
	    .fin = 1,
	    .opcode = (uint8_t)opcode,
	    .payload_length = length,
	    .mask = websocket->side == WEBSOCKET_CLIENT,
	    .data = data,
	    .data_length = length,
	};
	ssize_t sent;

	if (websocket->close_sent)
		return;
	/* The output takes all of it, so a frame is never cut in two. */
	sent = wslay_frame_send(websocket->frames, &frame);
	assert(sent == (ssize_t)length);
}

void
websocket_send_text(
    struct websocket *websocket, const char *text, size_t length)
{
	send_frame(websocket, WSLAY_TEXT_FRAME, text, length);
}

void
websocket_send_binary(
    struct websocket *websocket, const void *data, size_t length)
{
	send_frame(websocket, WSLAY_BINARY_FRAME, data, length);
}

void
websocket_ping(struct websocket *websocket)
{
	send_frame(websocket, WSLAY_PING, NULL, 0);
}

void
websocket_close(
    struct websocket *websocket, enum websocket_code code, const char *reason)
{
	char frame[2 + WEBSOCKET_REASON_MAX];
	size_t length = strlen(reason);

	if (websocket->close_sent)
		return;
	if (code == WEBSOCKET_NONE) {
		send_frame(websocket, WSLAY_CONNECTION_CLOSE, NULL, 0);
	} else {
		length = utf8_floor(reason, length, WEBSOCKET_REASON_MAX);
		frame[0] = (char)(code >> 8);
		frame[1] = (char)(code & 0xff);
		memcpy(frame + 2, reason, length);
		send_frame(
		    websocket, WSLAY_CONNECTION_CLOSE, frame, length + 2);
	}
	websocket->close_sent = true;
	if (websocket->code == WEBSOCKET_NONE)
		websocket->code = (int)code;
}

/* The peer broke a rule: a last word, and the connection is over. */
static void
refuse(
    struct websocket *websocket, enum websocket_code code, const char *reason)
{
	websocket_close(websocket, code, reason);
	websocket->over = true;
}

/* Codes that may stand in a frame (RFC 6455, 7.4). */
static bool
code_is_allowed(int code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 &&
		   code != 1006) ||
	       (code >= 3000 && code <= 4999);
}

static void
take_close(struct websocket *websocket)
{
	const unsigned char *data = (const void *)websocket->control.data;
	size_t length = websocket->control.length;
	int code = WEBSOCKET_NONE;

	websocket->over = true;
	if (length >= 2)
		code = data[0] << 8 | data[1];
	if (length == 1 || (length >= 2 && !code_is_allowed(code))) {
		refuse(websocket, WEBSOCKET_PROTOCOL, "not a close code");
		return;
	}
	if (length > 2 && !utf8_valid((const char *)data + 2, length - 2)) {
		refuse(websocket, WEBSOCKET_BAD_TEXT, "not UTF-8");
		return;
	}
	if (!websocket->close_sent && length > 2)
		memcpy(websocket->reason, data + 2, length - 2);
	websocket_close(websocket, (enum websocket_code)code, "");
}

static void
take_control(struct websocket *websocket, int opcode)
{
	struct buf *control = &websocket->control;

	if (opcode == WSLAY_CONNECTION_CLOSE)
		take_close(websocket);
	else if (opcode == WSLAY_PING &&
		 websocket->output.length < PONGS_UNSENT_MAX)
		send_frame(
		    websocket, WSLAY_PONG, control->data, control->length);
	buf_clear(control);
}

static void
take_message(struct websocket *websocket)
{
	struct buf *message = &websocket->message;
	bool binary = websocket->message_opcode == WSLAY_BINARY_FRAME;

	websocket->message_opcode = NO_MESSAGE;
	if (websocket->close_sent)
		; /* nobody answers any more */
	else if (!binary &&
		 !(websocket->cut_long &&
		     message->length == websocket->message_max) &&
		 !utf8_valid(buf_string(message), message->length))
		refuse(websocket, WEBSOCKET_BAD_TEXT, "not UTF-8");
	else
		websocket->on_message(websocket->arg, buf_string(message),
		    message->length, binary);
	if (message->capacity > MESSAGE_KEPT)
		buf_free(message);
	else
		buf_clear(message);
}

/* A frame's head: false when no such frame may come now. */
static bool
begin_frame(struct websocket *websocket, const struct wslay_frame_iocb *frame)
{
	bool inside = websocket->message_opcode != NO_MESSAGE;
	bool control = wslay_is_ctrl_frame(frame->opcode) != 0;
	const char *wrong = NULL;

	if (frame->rsv != 0)
		wrong = "a reserved bit is set";
	else if ((websocket->side == WEBSOCKET_SERVER) != (frame->mask != 0))
		wrong = frame->mask ? "masked" : "not masked";
	else if (control ? frame->opcode > WSLAY_PONG
			 : frame->opcode > WSLAY_BINARY_FRAME)
		wrong = "no such opcode";
	else if (!control && inside != (frame->opcode == 0))
		wrong = inside ? "a message inside of another"
			       : "continuation of nothing";
	if (wrong != NULL) {
		refuse(websocket, WEBSOCKET_PROTOCOL, wrong);
		return false;
	}
	if (!control && !websocket->cut_long &&
	    (websocket->message.length > websocket->message_max ||
		frame->payload_length >
		    websocket->message_max - websocket->message.length)) {
		refuse(websocket, WEBSOCKET_TOO_BIG, "message too big");
		return false;
	}
	if (!control && !inside)
		websocket->message_opcode = frame->opcode;
	websocket->in_frame = true;
	websocket->frame_left = frame->payload_length;
	return true;
}

/* What is beyond the limit is dropped where long messages are cut. */
static void
add_to_message(struct websocket *websocket, const void *data, size_t length)
{
	size_t room = websocket->message_max > websocket->message.length
			  ? websocket->message_max - websocket->message.length
			  : 0;

	buf_add(&websocket->message, data,
	    websocket->cut_long && length > room ? room : length);
}

static void
take_frame(struct websocket *websocket, const struct wslay_frame_iocb *frame)
{
	bool control = wslay_is_ctrl_frame(frame->opcode) != 0;

	if (!websocket->in_frame && !begin_frame(websocket, frame))
		return;
	if (control)
		buf_add(&websocket->control, frame->data, frame->data_length);
	else
		add_to_message(websocket, frame->data, frame->data_length);
	websocket->frame_left -= frame->data_length;
	if (websocket->frame_left > 0)
		return;
	websocket->in_frame = false;
	if (control)
		take_control(websocket, frame->opcode);
	else if (frame->fin)
		take_message(websocket);
}

bool
websocket_feed(struct websocket *websocket, const void *data, size_t length,
    void (*message)(void *arg, const char *data, size_t length, bool binary),
    void *arg)
{
	websocket->input = data;
	websocket->input_length = length;
	websocket->on_message = message;
	websocket->arg = arg;
	while (!websocket->over) {
		struct wslay_frame_iocb frame = {0};
		ssize_t got = wslay_frame_recv(websocket->frames, &frame);

		if (got == WSLAY_ERR_WANT_READ)
			break;
		if (got < 0)
			refuse(websocket, WEBSOCKET_PROTOCOL, "no such frame");
		else
			take_frame(websocket, &frame);
	}
	websocket->input = NULL;
	websocket->input_length = 0;
	return !websocket->over;
}
