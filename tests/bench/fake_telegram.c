/*
 * A Bot API that does nothing but be fast, for measuring.  Each line of its
 * input is a message: the chat's number, a blank, the text.  It prints its
 * port and then a line for each thing that happened, with the time of the
 * clock that only goes forward in microseconds:
 *
 *	polled US          a getUpdates came
 *	updates US COUNT   messages were given out
 *	sent US CHAT       a sendMessage came
 *	edited US CHAT     an editMessageText came
 *	called US METHOD   anything else came
 */
#include <inttypes.h>
#include <stdio.h>
#include "json.h"
#include "serve.h"

enum {
	UPDATES_MAX = 1 << 20, /* in all */
	UPDATES_AT_ONCE = 100, /* as the real one */
	METHOD_MAX = 64,
};

struct telegram {
	struct serve serve; /* first: it is what the callbacks are given */
	struct buf input;
	char **updates;       /* JSON, by number */
	int64_t count, first; /* pushed; not yet confirmed */
	struct serve_connection *poller;
	int64_t message; /* id of the last one */
};

static void
say(const char *what, const char *more)
{
	printf("%s %" PRId64 "%s%s\n", what, serve_now_us(),
	    more[0] != '\0' ? " " : "", more);
	fflush(stdout);
}

static void
answer_result(struct telegram *telegram, struct serve_connection *connection,
    const struct buf *result)
{
	struct buf out = {0};

	buf_printf(&out,
	    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n{\"ok\":true,\"result\":%s}",
	    result->length + strlen("{\"ok\":true,\"result\":}"), result->data);
	serve_answer_own(&telegram->serve, connection, &out);
}

static void
answer_text(struct telegram *telegram, struct serve_connection *connection,
    const char *text)
{
	struct buf result = {0};

	buf_add_string(&result, text);
	answer_result(telegram, connection, &result);
	buf_free(&result);
}

/* ---- polling */

static void
answer_updates(struct telegram *telegram, struct serve_connection *connection)
{
	int64_t end = telegram->first + UPDATES_AT_ONCE;
	struct buf result = {0};
	char count[32];

	if (end > telegram->count)
		end = telegram->count;
	buf_add_byte(&result, '[');
	for (int64_t i = telegram->first; i < end; i++) {
		buf_add_string(&result, i > telegram->first ? "," : "");
		buf_add_string(&result, telegram->updates[i]);
	}
	buf_add_byte(&result, ']');
	if (end > telegram->first) {
		(void)snprintf(
		    count, sizeof count, "%" PRId64, end - telegram->first);
		say("updates", count);
	}
	telegram->poller = NULL;
	connection->polls = false;
	answer_result(telegram, connection, &result);
	buf_free(&result);
}

static void
poll_updates(struct telegram *telegram, struct serve_connection *connection,
    jv ref_params)
{
	int64_t offset = json_get_int(ref_params, "offset", 0);

	say("polled", "");
	for (; telegram->first < offset && telegram->first < telegram->count;
	     telegram->first++) {
		free(telegram->updates[telegram->first]);
		telegram->updates[telegram->first] = NULL;
	}
	if (telegram->first < telegram->count ||
	    json_get_int(ref_params, "timeout", 0) == 0)
		answer_updates(telegram, connection);
	else {
		telegram->poller = connection; /* no message, no answer */
		connection->polls = true;
	}
}

static void
push(struct telegram *telegram, const char *line)
{
	const char *text = strchr(line, ' ');
	struct buf update = {0};
	int chat_length;

	if (text == NULL || telegram->count == UPDATES_MAX)
		fatal(EX_DATAERR, "no message, or too many: %s", line);
	chat_length = (int)(text - line);
	/* The offset 0 confirms nothing, so numbers begin with 1. */
	buf_printf(&update,
	    "{\"update_id\":%" PRId64 ",\"message\":{\"message_id\":%" PRId64
	    ",\"date\":1700000000,\"chat\":{\"id\":%.*s,\"type\":\"private\"},"
	    "\"from\":{\"id\":%.*s,\"is_bot\":false,\"first_name\":\"A\"},"
	    "\"text\":",
	    telegram->count, ++telegram->message, chat_length, line,
	    chat_length, line);
	json_write_string(&update, text + 1, strlen(text + 1));
	buf_add_string(&update, "}}");
	telegram->updates[telegram->count++] = buf_take(&update);
}

static void
read_input(struct serve *serve)
{
	struct telegram *telegram = (struct telegram *)serve;
	char *end;

	if (buf_read(&telegram->input, STDIN_FILENO, SERVE_READ_BYTES) <= 0) {
		serve->stop = true;
		return;
	}
	(void)buf_string(&telegram->input);
	while ((end = memchr(telegram->input.data, '\n',
		    telegram->input.length)) != NULL) {
		*end = '\0';
		push(telegram, telegram->input.data);
		buf_drop(
		    &telegram->input, (size_t)(end - telegram->input.data) + 1);
	}
	/* What was the poller's may be another connection by now. */
	if (telegram->poller != NULL && telegram->poller->polls &&
	    telegram->poller->open && telegram->first < telegram->count)
		answer_updates(telegram, telegram->poller);
}

/* ---- the other methods */

static void
take_message(struct telegram *telegram, struct serve_connection *connection,
    const char *what, jv ref_params)
{
	int64_t chat = json_get_int(ref_params, "chat_id", 0);
	struct buf result = {0};
	char number[32];

	if (chat == 0)
		chat = strtoll(
		    json_get_string(ref_params, "chat_id", "0"), NULL, 10);
	(void)snprintf(number, sizeof number, "%" PRId64, chat);
	say(what, number);
	buf_printf(&result,
	    "{\"message_id\":%" PRId64
	    ",\"date\":1700000000,\"chat\":{\"id\":%" PRId64
	    ",\"type\":\"private\"},\"text\":\"x\"}",
	    ++telegram->message, chat);
	answer_result(telegram, connection, &result);
	buf_free(&result);
}

static void
take_request(struct serve *serve, struct serve_connection *connection,
    const char *request)
{
	struct telegram *telegram = (struct telegram *)serve;
	const char *body = strstr(request, "\r\n\r\n") + 4, *path, *slash;
	char method[METHOD_MAX];
	jv params;

	path = strchr(request, ' ');
	slash = path != NULL ? strchr(path + 2, '/') : NULL;
	if (slash == NULL)
		fatal(EX_PROTOCOL, "no path in a request");
	(void)snprintf(method, sizeof method, "%.*s",
	    (int)strcspn(slash + 1, " ?"), slash + 1);
	params = json_parse(body, strlen(body), NULL);
	if (strcmp(method, "getUpdates") == 0)
		poll_updates(telegram, connection, params);
	else if (strcmp(method, "sendMessage") == 0)
		take_message(telegram, connection, "sent", params);
	else if (strcmp(method, "editMessageText") == 0)
		take_message(telegram, connection, "edited", params);
	else {
		say("called", method);
		answer_text(telegram, connection,
		    strcmp(method, "getMe") == 0
			? "{\"id\":7001,\"is_bot\":true,\"first_name\":\"C\","
			  "\"username\":\"claw_bot\"}"
			: "true");
	}
	jv_free(params);
}

int
main(int argc, char **argv)
{
	struct telegram telegram = {
	    .serve = {.request = take_request, .input = read_input},
	    .count = 1,
	    .first = 1,
	};
	int option, port = 0;

	log_init("fake_telegram");
	while ((option = getopt(argc, argv, "hp:")) != -1)
		switch (option) {
		case 'p': port = (int)serve_number(optarg); break;
		case 'h':
			puts("fake_telegram [-p PORT]\n"
			     "each line of input is a message: CHAT TEXT");
			return 0;
		default: usage_error("wrong usage");
		}
	telegram.updates = xcalloc(UPDATES_MAX, sizeof telegram.updates[0]);
	serve_open(&telegram.serve, port);
	serve_run(&telegram.serve);
	serve_close(&telegram.serve);
	for (int64_t i = 0; i < telegram.count; i++)
		free(telegram.updates[i]);
	free(telegram.updates);
	buf_free(&telegram.input);
	return 0;
}
