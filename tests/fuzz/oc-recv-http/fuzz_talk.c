#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "answerid.h"
#include "dataurl.h"
#include "json.h"
#include "talk.h"
#include "turn.h"

/*
 * Messages as a client sends them, a data: URL and the id of a response: what
 * is taken must fit into a turn.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_talk(jv ref_messages)
{
	const char *problem = NULL;
	jv turn = json_object();
	struct talk talk;
	int status = 0;

	talk_init(&talk);
	for (int i = 0, n = json_length(ref_messages); i < n && status == 0;
	     i++) {
		jv one = json_at(ref_messages, i);
		jv content = json_get(one, "content");

		status = talk_add(
		    &talk, json_get_string(one, "role", ""), content, &problem);
		assert(status == 0 || problem != NULL);
		jv_free(content);
		jv_free(one);
	}
	assert(status != 0 || (talk.text.length <= TURN_TEXT_MAX &&
				  talk.files <= TALK_FILES_MAX));
	if (status == 0 && talk_end(&talk, &problem) == 0 && talk.files == 0) {
		assert(talk_to_turn(&talk, &turn, "", true));
		assert(turn_check(turn) == NULL);
	}
	jv_free(turn);
	talk_free(&talk);
}

static void
check_url(const char *url)
{
	struct buf bytes = {0};
	const char *problem;
	char *mime;

	if (dataurl_read(url, &mime, &bytes, &problem)) {
		assert(mime != NULL && bytes.length != 0);
		assert(bytes.length <= strlen(url));
		free(mime);
	} else {
		assert(mime == NULL && problem != NULL);
	}
	buf_free(&bytes);
}

static void
check_id(const char *text)
{
	static const char ulid[] = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
	char *key = answerid_key(text), *id, *again;

	if (key == NULL)
		return;
	id = answerid_make(ulid, key);
	again = answerid_key(id);
	assert(again != NULL && strcmp(again, key) == 0);
	free(again);
	free(id);
	free(key);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	jv messages;

	memcpy(text, data, size);
	text[size] = '\0';
	messages = json_parse(text, size, NULL);
	if (json_is_array(messages))
		check_talk(messages);
	jv_free(messages);
	check_url(text);
	check_id(text);
	free(text);
	return 0;
}
