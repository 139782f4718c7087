#include <string.h>
#include "answer.h"

const char *
answer_error_name(enum answer_error error)
{
	switch (error) {
	case ANSWER_OK: return "ok";
	case ANSWER_AUTH: return "auth";
	case ANSWER_BILLING: return "billing";
	case ANSWER_NOT_FOUND: return "not_found";
	case ANSWER_RATE_LIMIT: return "rate_limit";
	case ANSWER_OVERLOADED: return "overloaded";
	case ANSWER_SERVER: return "server";
	case ANSWER_BAD_REQUEST: return "bad_request";
	case ANSWER_TOO_LONG: return "too_long";
	case ANSWER_TIMEOUT: return "timeout";
	case ANSWER_CONNECT: return "connect";
	case ANSWER_RESET: return "reset";
	case ANSWER_CUT: return "cut";
	case ANSWER_MALFORMED: return "malformed";
	case ANSWER_EMPTY: return "empty";
	case ANSWER_BLOCKED: return "blocked";
	case ANSWER_STOPPED: return "stopped";
	}
	return "unknown";
}

const struct provider *
provider_by_kind(const char *kind)
{
	static const struct provider *const all[] = {
	    &provider_google,
	    &provider_openai,
	};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (strcmp(all[i]->kind, kind) == 0)
			return all[i];
	return NULL;
}

void
provider_forget(void)
{
	google_body_forget();
	openai_body_forget();
}
