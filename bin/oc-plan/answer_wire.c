#include <string.h>
#include "answer.h"
#include "json.h"
#include "utf8.h"

enum { ESCAPE_SIZE = 6 }; /* \uXXXX */

/* The value of a \uXXXX at `text`, or -1 where there is none. */
static int
unicode_escape(const char *text, size_t length)
{
	int value = 0;

	if (length < ESCAPE_SIZE || text[0] != '\\' || text[1] != 'u')
		return -1;
	for (size_t i = 2; i < ESCAPE_SIZE; i++) {
		char c = text[i];

		value <<= 4;
		if (c >= '0' && c <= '9')
			value |= c - '0';
		else if (c >= 'a' && c <= 'f')
			value |= c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			value |= c - 'A' + 10;
		else
			return -1;
	}
	return value;
}

static bool
is_high(int value)
{
	return value >= 0xd800 && value <= 0xdbff;
}

static bool
is_low(int value)
{
	return value >= 0xdc00 && value <= 0xdfff;
}

/*
 * Copies with each \u escape that json_parse refuses replaced.  A backslash
 * stands only inside strings, and there always before another character, so
 * going over the text in such pairs is enough.
 */
static void
repair_escapes(struct buf *out, const char *text, size_t length)
{
	size_t start = 0, i = 0;

	while (i < length) {
		int value = unicode_escape(text + i, length - i);

		if (is_high(value) &&
		    is_low(unicode_escape(
			text + i + ESCAPE_SIZE, length - i - ESCAPE_SIZE))) {
			i += 2 * ESCAPE_SIZE;
		} else if (value == 0 || is_high(value) || is_low(value)) {
			buf_add(out, text + start, i - start);
			buf_add_string(out, "\\ufffd");
			start = i += ESCAPE_SIZE;
		} else {
			i += text[i] == '\\' && i + 1 < length ? 2 : 1;
		}
	}
	buf_add(out, text + start, length - start);
}

void
answer_repair(struct buf *out, const char *data, size_t size)
{
	struct buf valid = {0};

	utf8_repair(&valid, data, size);
	repair_escapes(out, buf_string(&valid), valid.length);
	buf_free(&valid);
}

jv
answer_parse(const char *data, size_t size)
{
	struct buf repaired = {0};
	jv value;

	if (utf8_valid(data, size) && memmem(data, size, "\\u", 2) == NULL)
		return json_parse(data, size, NULL);
	answer_repair(&repaired, data, size);
	value = json_parse(buf_string(&repaired), repaired.length, NULL);
	buf_free(&repaired);
	return value;
}

enum answer_error
answer_error_by_status(long status)
{
	switch (status) {
	case 401:
	case 403: return ANSWER_AUTH;
	case 402: return ANSWER_BILLING;
	case 404: return ANSWER_NOT_FOUND;
	case 408:
	case 504: return ANSWER_TIMEOUT;
	case 413: return ANSWER_TOO_LONG;
	case 429: return ANSWER_RATE_LIMIT;
	case 503:
	case 529: return ANSWER_OVERLOADED;
	default: break;
	}
	return status >= 500 ? ANSWER_SERVER : ANSWER_BAD_REQUEST;
}

bool
answer_means_too_long(const char *message)
{
	/* OpenAI, Anthropic, Gemini, LiteLLM, llama.cpp, vLLM, Ollama */
	static const char *const words[] = {
	    "maximum context length",
	    "context_length_exceeded",
	    "context length exceeded",
	    "prompt is too long",
	    "exceeds the context window",
	    "exceeds the available context size",
	    "exceeds the maximum number of tokens",
	    "ContextWindowExceeded",
	    "input length exceeds",
	    "input is too long",
	    "reduce the length of the messages",
	    "request payload size exceeds",
	};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcasestr(message, words[i]) != NULL)
			return true;
	return strcasestr(message, "token count") != NULL &&
	       strcasestr(message, "exceeds") != NULL;
}

void
answer_fail_http(struct answer *answer, enum answer_error error, long status,
    const char *code, const char *message)
{
	struct buf text = {0};

	if (status != 0 && status != 200)
		buf_printf(&text, "HTTP %ld", status);
	if (code[0] != '\0' && strstr(message, code) == NULL)
		buf_printf(&text, "%s%s", text.length != 0 ? ": " : "", code);
	if (message[0] != '\0')
		buf_printf(
		    &text, "%s%s", text.length != 0 ? ": " : "", message);
	if (text.length == 0)
		buf_add_string(&text, "an error without a message");
	answer_fail(answer, error, "%s", text.data);
	buf_free(&text);
}

void
answer_fail_page(
    struct answer *answer, long status, const char *data, size_t size)
{
	static const char open[] = "<title>", close[] = "</title>";
	size_t most = size < 16 * 1024 ? size : 16 * 1024;
	struct buf page = {0}, line = {0};
	char *from, *to;

	utf8_repair(&page, data, most);
	buf_reserve(&page, 0);
	from = page.data + strspn(page.data, " \t\r\n");
	if (*from == '<') {
		from = strcasestr(from, open);
		to = from != NULL ? strcasestr(from, close) : NULL;
		if (to != NULL) {
			from += strlen(open);
			buf_add(&line, from, (size_t)(to - from));
		} else {
			buf_add_string(&line, "a page instead of JSON");
		}
	} else {
		buf_add(&line, from, strcspn(from, "\r\n"));
	}
	answer_fail_http(answer, answer_error_by_status(status), status, "",
	    buf_string(&line));
	buf_free(&page);
	buf_free(&line);
}
