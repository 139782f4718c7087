#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include "clock.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "plan.h"
#include "state.h"
#include "xalloc.h"

enum {
	FAILURES_TO_OPEN = 3,
	COOLDOWN_FIRST_MS = 30 * 1000,
	COOLDOWN_MAX_MS = 10 * 60 * 1000,
	/* who has no credit left gets none within minutes */
	BILLING_FIRST_MS = 60 * 60 * 1000,
	BILLING_MAX_MS = 8 * 60 * 60 * 1000,
	/* a longer Retry-After is taken at its word only up to a day */
	RETRY_AFTER_MAX_MS = 24 * 60 * 60 * 1000,
	/* below that a wait is a retry, not a cooldown */
	RETRY_AFTER_SHORT_MS = 5 * 1000,
	FILE_MAX = 1024 * 1024,
};

/*
 * The state of a model: {"failures","at","until","cooldown_ms","class","key",
 * "message"}, kept as models.json for a restart and for those who look.
 */
struct breaker {
	jv models;
	jv probing; /* model -> true: a probe is under way in this process */
	char *path; /* NULL: there is no directory of state */
};

struct breaker *
breaker_open(void)
{
	struct breaker *breaker = xcalloc(1, sizeof *breaker);
	struct buf content = {0};

	breaker->path = state_path("models.json");
	breaker->models = json_object();
	breaker->probing = json_object();
	if (breaker->path != NULL &&
	    io_read_file(AT_FDCWD, breaker->path, FILE_MAX, &content)) {
		jv models = json_parse(content.data, content.length, NULL);

		if (json_is_object(models)) {
			jv_free(breaker->models);
			breaker->models = models;
		} else {
			jv_free(models);
			log_warn("%s: is not what was written there; the "
				 "models' cooldowns begin anew",
			    breaker->path);
		}
	}
	buf_free(&content);
	return breaker;
}

void
breaker_free(struct breaker *breaker)
{
	jv_free(breaker->models);
	jv_free(breaker->probing);
	free(breaker->path);
	free(breaker);
}

static void
save(struct breaker *breaker)
{
	static bool complained;
	struct buf content = {0};
	bool ok;

	if (breaker->path == NULL)
		return;
	json_write(&content, breaker->models);
	buf_add_byte(&content, '\n');
	ok = io_replace_file(breaker->path, content.data, content.length);
	if (!ok && errno == ENOENT)
		ok = io_make_directories(state_directory()) &&
		     io_replace_file(
			 breaker->path, content.data, content.length);
	if (!ok && !complained) {
		complained = true;
		log_warn("%s: cannot be written: %s; a restart will not "
			 "remember which models fail",
		    breaker->path, strerror(errno));
	}
	buf_free(&content);
}

bool
breaker_allows(struct breaker *breaker, const char *model, const char *key_mark,
    int64_t *until)
{
	jv entry = json_get(breaker->models, model);
	const char *key = json_get_string(entry, "key", "");
	bool same_key = strcmp(key, key_mark) == 0, open;

	*until = json_get_int(entry, "until", 0);
	open = json_is_object(entry) && same_key && *until != 0;
	jv_free(entry);
	if (!open)
		return true;
	if (*until > clock_now_ms() || json_has(breaker->probing, model))
		return false;
	breaker->probing = json_set_bool(breaker->probing, model, true);
	return true;
}

void
breaker_undecided(struct breaker *breaker, const char *model)
{
	breaker->probing = json_delete(breaker->probing, model);
}

void
breaker_succeeded(struct breaker *breaker, const char *model)
{
	breaker_undecided(breaker, model);
	if (!json_has(breaker->models, model))
		return;
	breaker->models = json_delete(breaker->models, model);
	save(breaker);
}

/* Whether the failure tells about the model, and not about this request. */
static bool
counts(enum answer_error error)
{
	switch (error) {
	case ANSWER_AUTH:
	case ANSWER_BILLING:
	case ANSWER_NOT_FOUND:
	case ANSWER_RATE_LIMIT:
	case ANSWER_OVERLOADED:
	case ANSWER_SERVER:
	case ANSWER_TIMEOUT:
	case ANSWER_CONNECT:
	case ANSWER_RESET:
	case ANSWER_CUT:
	case ANSWER_MALFORMED:
	case ANSWER_EMPTY: return true;
	case ANSWER_OK:
	case ANSWER_BAD_REQUEST:
	case ANSWER_TOO_LONG:
	case ANSWER_BLOCKED:
	case ANSWER_STOPPED: return false;
	}
	return false;
}

static int64_t
next_cooldown(int64_t before, enum answer_error error)
{
	int64_t first = COOLDOWN_FIRST_MS, most = COOLDOWN_MAX_MS;

	if (error == ANSWER_BILLING) {
		first = BILLING_FIRST_MS;
		most = BILLING_MAX_MS;
	}
	if (before <= 0)
		return first;
	return before * 2 < most ? (before * 2 > first ? before * 2 : first)
				 : most;
}

/*
 * Connections that break together are one event and not many: of those only
 * the first counts.
 */
static bool
broke_with_another(jv ref_entry, const struct answer *answer, int64_t asked_at)
{
	return (answer->error == ANSWER_RESET || answer->error == ANSWER_CUT) &&
	       asked_at <= json_get_int(ref_entry, "at", 0);
}

bool
breaker_failed(struct breaker *breaker, const char *model, const char *key_mark,
    const struct answer *answer, int64_t asked_at)
{
	int64_t failures, cooldown, wait = answer->retry_after_ms;
	bool at_once = answer->error == ANSWER_AUTH ||
		       answer->error == ANSWER_BILLING ||
		       wait > RETRY_AFTER_SHORT_MS;
	bool open;
	int64_t until;
	jv entry;

	breaker_undecided(breaker, model);
	if (!counts(answer->error))
		return false;
	entry = json_get(breaker->models, model);
	if (strcmp(json_get_string(entry, "key", ""), key_mark) != 0) {
		jv_free(entry);
		entry = json_object();
	}
	if (broke_with_another(entry, answer, asked_at)) {
		until = json_get_int(entry, "until", 0);
		jv_free(entry);
		return until > clock_now_ms();
	}
	failures = json_get_int(entry, "failures", 0) + 1;
	entry = json_set_int(entry, "failures", failures);
	entry = json_set_int(entry, "at", clock_now_ms());
	entry = json_set_string(entry, "key", key_mark);
	entry =
	    json_set_string(entry, "class", answer_error_name(answer->error));
	entry = json_set_string(
	    entry, "message", answer->message != NULL ? answer->message : "");
	open = failures >= FAILURES_TO_OPEN || at_once;
	until = json_get_int(entry, "until", 0);
	/* turns that were under way together fail together: that is once */
	if (open && until <= clock_now_ms()) {
		cooldown = next_cooldown(
		    json_get_int(entry, "cooldown_ms", 0), answer->error);
		entry = json_set_int(entry, "cooldown_ms", cooldown);
		if (wait > RETRY_AFTER_MAX_MS)
			wait = RETRY_AFTER_MAX_MS;
		if (wait > cooldown)
			cooldown = wait;
		entry = json_set_int(entry, "until", clock_now_ms() + cooldown);
		log_warn("%s: not asked for %lld s, after %lld failure%s (%s)",
		    model, (long long)cooldown / 1000, (long long)failures,
		    failures == 1 ? "" : "s", answer_error_name(answer->error));
	}
	breaker->models = json_set(breaker->models, model, entry);
	save(breaker);
	return open;
}
