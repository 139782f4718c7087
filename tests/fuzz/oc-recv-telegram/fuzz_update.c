#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "compose.h"
#include "edits.h"
#include "gate.h"
#include "inbox.h"
#include "json.h"
#include "json_outside.h"
#include "name.h"
#include "turn.h"
#include "update.h"
#include "utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
make_turn(const struct update *update, const struct bot *bot, jv ref_config)
{
	char *session = compose_session(
	    update, NULL, &(struct compose_sessions){.dm_shared = false});
	jv turn = compose_turn(update, session);
	struct buf text = {.data = NULL};

	compose_text(&text, update, bot);
	assert(utf8_valid(buf_string(&text), text.length));
	assert(strncmp(session, "telegram:", 9) == 0);
	turn = json_set_string(turn, "text", buf_string(&text));
	assert(turn_check(turn) == NULL);
	(void)gate_is_addressed(ref_config, update, NULL, bot);
	(void)gate_admit(ref_config, update, "-5");
	buf_free(&text);
	jv_free(turn);
	free(session);
}

static void
clean_names(const struct update *update)
{
	struct inbox_file files[INBOX_FILES_MAX];
	size_t count = inbox_files(update->message, files);

	for (size_t i = 0; i < count; i++) {
		char *name = name_clean(files[i].name);

		assert(*name != '\0' && *name != '.' && *name != '-');
		assert(strchr(name, '/') == NULL && strlen(name) <= 80);
		free(name);
		inbox_file_free(&files[i]);
	}
}

/* One update of getUpdates, as any server could send it. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char config[] =
	    "{\"dm_policy\":\"allowlist\",\"allow_from\":[\"42\"],"
	    "\"group_policy\":\"allowlist\",\"group_allow_from\":[\"42\"],"
	    "\"groups\":{\"-5\":{\"allow_from\":null}}}";
	const struct bot bot = {.id = 7001, .username = "claw_bot"};
	static struct edits edits;
	jv value = json_parse_outside((const char *)data, size), rules;
	struct update update;

	rules = json_parse(config, sizeof config - 1, NULL);
	update_read(&update, value);
	(void)edits_is_news(&edits, &update);
	if (update.kind == UPDATE_MESSAGE || update.kind == UPDATE_EDIT ||
	    update.kind == UPDATE_BUTTON)
		make_turn(&update, &bot, rules);
	clean_names(&update);
	update_free(&update);
	jv_free(rules);
	jv_free(value);
	return 0;
}
