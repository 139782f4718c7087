#ifndef OC_BENCH_ANSWERS_H
#define OC_BENCH_ANSWERS_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "json.h"

/*
 * What the fast fake model answers: for each of two providers, streaming and
 * not, either one call of `exec` or a short text, as whole HTTP answers made
 * once at the start.
 */
struct answers {
	struct buf google_text[2], google_call[2]; /* [1] is a stream */
	struct buf openai_text[2], openai_call[2];
};

#define ANSWER_TEXT "\"All disks are less than half full.\""

static inline void
answers_chunk(struct buf *out, const char *data)
{
	buf_printf(out, "%zx\r\ndata: %s\n\n\r\n",
	    strlen("data: \n\n") + strlen(data), data);
}

/* A stream of these events, or the first of them as the whole answer. */
static inline void
answers_make(
    struct buf *out, bool stream, const char *const *events, const char *whole)
{
	if (!stream) {
		buf_printf(out,
		    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		    "Content-Length: %zu\r\n\r\n%s",
		    strlen(whole), whole);
		return;
	}
	buf_add_string(out,
	    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n");
	for (; *events != NULL; events++)
		answers_chunk(out, *events);
	buf_add_string(out, "0\r\n\r\n");
}

static inline void
answers_google(struct answers *answers, const char *arguments)
{
	static const char tail[] =
	    "\"index\":0,\"finishReason\":\"STOP\"}],\"usageMetadata\":{"
	    "\"promptTokenCount\":900,\"candidatesTokenCount\":9,"
	    "\"totalTokenCount\":909}}";
	struct buf text = {0}, call = {0}, end = {0};

	buf_printf(&text,
	    "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":["
	    "{\"text\":" ANSWER_TEXT "}]},%s",
	    tail);
	buf_printf(&call,
	    "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":["
	    "{\"functionCall\":{\"name\":\"exec\",\"args\":%s},"
	    "\"thoughtSignature\":\"c2lnbmF0dXJl\"}]},%s",
	    arguments, tail);
	buf_printf(&end,
	    "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":["
	    "{\"text\":\"\"}]},%s",
	    tail);
	for (int stream = 0; stream < 2; stream++) {
		const char *const texts[] = {text.data, end.data, NULL};
		const char *const calls[] = {call.data, end.data, NULL};

		answers_make(&answers->google_text[stream], stream != 0, texts,
		    text.data);
		answers_make(&answers->google_call[stream], stream != 0, calls,
		    call.data);
	}
	buf_free(&text);
	buf_free(&call);
	buf_free(&end);
}

/* One message, or one delta of a stream. */
static inline char *
answers_choice(const char *key, const char *message, const char *finish)
{
	struct buf out = {0};

	buf_printf(&out,
	    "{\"id\":\"chatcmpl-1\",\"model\":\"bench\",\"choices\":[{"
	    "\"index\":0,\"%s\":{\"role\":\"assistant\",%s},"
	    "\"finish_reason\":%s}],\"usage\":{\"prompt_tokens\":900,"
	    "\"completion_tokens\":9,\"total_tokens\":909}}",
	    key, message, finish);
	return buf_take(&out);
}

static inline void
answers_openai(struct answers *answers, const char *arguments)
{
	static const char text[] = "\"content\":" ANSWER_TEXT;
	struct buf call = {0};

	buf_add_string(&call,
	    "\"content\":null,\"tool_calls\":[{\"index\":0,\"id\":\"call_1\","
	    "\"type\":\"function\",\"function\":{\"name\":\"exec\","
	    "\"arguments\":");
	json_write_string(&call, arguments, strlen(arguments));
	buf_add_string(&call, "}}]");
	for (int stream = 0; stream < 2; stream++) {
		const char *key = stream != 0 ? "delta" : "message";
		char *said = answers_choice(
		    key, text, stream != 0 ? "null" : "\"stop\"");
		char *called = answers_choice(key, call.data, "\"tool_calls\"");
		char *end = answers_choice(key, "\"content\":\"\"", "\"stop\"");
		const char *const texts[] = {said, end, "[DONE]", NULL};
		const char *const calls[] = {called, "[DONE]", NULL};

		answers_make(
		    &answers->openai_text[stream], stream != 0, texts, said);
		answers_make(
		    &answers->openai_call[stream], stream != 0, calls, called);
		free(said);
		free(called);
		free(end);
	}
	buf_free(&call);
}

/* `command` is what the call of `exec` runs. */
static inline void
answers_init(struct answers *answers, const char *command)
{
	struct buf arguments = {0};

	buf_add_string(&arguments, "{\"command\":");
	json_write_string(&arguments, command, strlen(command));
	buf_add_string(&arguments, "}");
	answers_google(answers, arguments.data);
	answers_openai(answers, arguments.data);
	buf_free(&arguments);
}

static inline void
answers_free(struct answers *answers)
{
	for (int stream = 0; stream < 2; stream++) {
		buf_free(&answers->google_text[stream]);
		buf_free(&answers->google_call[stream]);
		buf_free(&answers->openai_text[stream]);
		buf_free(&answers->openai_call[stream]);
	}
}

/* The last element of the array that follows `key`, up to the array's end. */
static inline const char *
answers_last_element(const char *body, const char *key, size_t *length)
{
	const char *at = strstr(body, key), *last = NULL;
	int depth = 0;
	bool quoted = false;

	if (at == NULL)
		return NULL;
	for (at += strlen(key); *at != '\0'; at++) {
		if (quoted && *at == '\\' && at[1] != '\0')
			at++;
		else if (*at == '"')
			quoted = !quoted;
		else if (!quoted && (*at == '{' || *at == '[')) {
			if (depth++ == 0)
				last = at;
		} else if (!quoted && (*at == '}' || *at == ']')) {
			if (depth-- == 0)
				break;
		}
	}
	*length = last != NULL ? (size_t)(at - last) : 0;
	return last;
}

/* Whether the conversation ends with what a tool gave. */
static inline bool
answers_has_result(const char *body, bool google)
{
	size_t length = 0;
	const char *last = answers_last_element(
	    body, google ? "\"contents\":[" : "\"messages\":[", &length);
	const char *mark =
	    google ? "\"functionResponse\"" : "\"role\":\"tool\"";

	return last != NULL && memmem(last, length, mark, strlen(mark)) != NULL;
}

/* The answer to a whole request, head and body. */
static inline const struct buf *
answers_choose(
    const struct answers *answers, const char *request, bool call_first)
{
	const char *line_end = strstr(request, "\r\n");
	const char *body = strstr(request, "\r\n\r\n");
	size_t line = (size_t)(line_end - request);
	bool google = memmem(request, line, "enerateContent", 14) != NULL;
	bool stream = google
			  ? memmem(request, line, ":streamGenerate", 15) != NULL
			  : strstr(body, "\"stream\":true") != NULL;
	bool call = call_first && !answers_has_result(body, google);

	if (google)
		return call ? &answers->google_call[stream]
			    : &answers->google_text[stream];
	return call ? &answers->openai_call[stream]
		    : &answers->openai_text[stream];
}

#endif
