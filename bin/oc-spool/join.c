#include <stdlib.h>
#include <string.h>
#include "buf.h"
#include "join.h"
#include "json.h"
#include "turn.h"

static bool
same(jv ref_a, jv ref_b, const char *path)
{
	jv a = json_path(ref_a, path), b = json_path(ref_b, path);
	bool equal = json_equal(a, b);

	jv_free(a);
	jv_free(b);
	return equal;
}

/* The same place: all of `to` but the message that is answered. */
static bool
same_place(jv ref_a, jv ref_b)
{
	jv a = json_delete(json_get(ref_a, "to"), "message");
	jv b = json_delete(json_get(ref_b, "to"), "message");
	bool equal = json_equal(a, b);

	jv_free(a);
	jv_free(b);
	return equal;
}

static size_t
text_length(jv ref)
{
	jv text = json_get(ref, "text");
	size_t length = json_string_length(text);

	jv_free(text);
	return length;
}

bool
join_fits(jv ref_turn, jv ref_next)
{
	return turn_is_turn(ref_turn) && turn_is_turn(ref_next) &&
	       !turn_has_reply(ref_turn) && !turn_has_reply(ref_next) &&
	       same(ref_turn, ref_next, "channel") &&
	       same(ref_turn, ref_next, "from.id") &&
	       same(ref_turn, ref_next, "model") &&
	       same_place(ref_turn, ref_next) &&
	       text_length(ref_turn) + text_length(ref_next) + 2 <=
		   TURN_TEXT_MAX;
}

static jv
join_texts(jv ref_turn, jv ref_next)
{
	const char *first = json_get_string(ref_turn, "text", "");
	const char *second = json_get_string(ref_next, "text", "");
	struct buf both = {0};
	jv text;

	buf_add_string(&both, first);
	if (*first != '\0' && *second != '\0')
		buf_add_string(&both, "\n\n");
	buf_add_string(&both, second);
	text = json_string_sized(buf_string(&both), both.length);
	buf_free(&both);
	return text;
}

static jv
join_media(jv ref_turn, jv ref_next)
{
	jv all = json_get(ref_turn, "media"),
	   more = json_get(ref_next, "media");

	for (int i = 0, n = json_length(more); i < n; i++)
		all = json_append(all, json_at(more, i));
	jv_free(more);
	return all;
}

static jv
join_ids(jv ref_turn, jv ref_next)
{
	jv ids = json_get(ref_turn, "ids");

	if (json_length(ids) == 0)
		ids = json_append_string(ids, turn_id(ref_turn));
	return json_append_string(ids, turn_id(ref_next));
}

jv
join_add(jv own_turn, jv own_next)
{
	jv text = join_texts(own_turn, own_next), value;
	jv media = join_media(own_turn, own_next);
	jv ids = join_ids(own_turn, own_next);
	struct json_iter iter = {0};
	const char *key;

	while (json_next(&iter, own_next, &key, &value)) {
		if (strcmp(key, "id") != 0 && strcmp(key, "ids") != 0)
			own_turn = json_set(own_turn, key, value);
		else
			jv_free(value);
	}
	jv_free(own_next);
	own_turn = json_set(own_turn, "text", text);
	own_turn = json_set(own_turn, "ids", ids);
	if (json_length(media) == 0) {
		jv_free(media);
		return own_turn;
	}
	return json_set(own_turn, "media", media);
}
