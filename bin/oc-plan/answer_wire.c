#include <string.h>
#include "answer.h"
#include "json.h"
#include "json_outside.h"
#include "utf8.h"

void
answer_repair(struct buf *out, const char *data, size_t size)
{
	json_repair(out, data, size);
}

jv
answer_parse(const char *data, size_t size)
{
	return json_parse_outside(data, size);
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
