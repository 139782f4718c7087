#include <string.h>
#include "entity.h"
#include "gate.h"
#include "json.h"
#include "senders.h"

static bool
is_listed(jv ref_config, const char *key, const char *id)
{
	jv list = json_get(ref_config, key);
	bool found = false;

	for (int i = 0; i < json_length(list) && !found; i++) {
		jv one = json_at(list, i);

		found = strcmp(json_as_string(one, ""), id) == 0;
		jv_free(one);
	}
	jv_free(list);
	return found;
}

/* What the configuration says of one group; null when it says nothing. */
static jv
group_of(jv ref_config, const char *chat, const char *former)
{
	jv groups = json_get(ref_config, "groups");
	jv group = json_get(groups, chat);

	if (!json_is_object(group) && former != NULL) {
		jv_free(group);
		group = json_get(groups, former);
	}
	jv_free(groups);
	return group;
}

static enum gate
admit_person(jv ref_config, const char *id)
{
	const char *policy = json_get_string(ref_config, "dm_policy", "");

	if (strcmp(policy, "open") == 0)
		return GATE_ADMIT;
	if (strcmp(policy, "allowlist") != 0 && strcmp(policy, "pairing") != 0)
		return GATE_IGNORE;
	if (is_listed(ref_config, "allow_from", id))
		return GATE_ADMIT;
	if (strcmp(policy, "allowlist") == 0)
		return GATE_IGNORE;
	return senders_is_approved("telegram", id) ? GATE_ADMIT : GATE_PAIR;
}

/* A group's own list stands in the place of the one for all groups. */
static enum gate
admit_in_group(jv ref_config, jv ref_group, const char *id)
{
	const char *policy = json_get_string(ref_group, "policy",
	    json_get_string(ref_config, "group_policy", ""));
	jv own = json_get(ref_group, "allow_from");
	bool has_own = json_is_array(own);

	jv_free(own);
	if (strcmp(policy, "open") == 0)
		return GATE_ADMIT;
	if (strcmp(policy, "allowlist") != 0)
		return GATE_IGNORE;
	if (has_own ? is_listed(ref_group, "allow_from", id)
		    : is_listed(ref_config, "group_allow_from", id))
		return GATE_ADMIT;
	return GATE_IGNORE;
}

enum gate
gate_admit(jv ref_config, const struct update *update, const char *former)
{
	enum gate gate;
	jv group;

	if (update->is_private)
		return admit_person(ref_config, update->from);
	group = group_of(ref_config, update->chat, former);
	gate = admit_in_group(ref_config, group, update->from);
	jv_free(group);
	return gate;
}

static bool
answers_us(jv ref_message, const struct bot *bot)
{
	jv answered = json_get(ref_message, "reply_to_message");
	jv from = json_get(answered, "from");
	/* the first message of a topic is what all others "answer" */
	bool ours = json_get_int(from, "id", 0) == bot->id &&
		    !json_has(answered, "forum_topic_created");

	jv_free(from);
	jv_free(answered);
	return ours;
}

bool
gate_is_addressed(jv ref_config, const struct update *update,
    const char *former, const struct bot *bot)
{
	bool needs_mention = json_get_bool(ref_config, "require_mention", true);
	enum entity_target target;
	jv group;

	if (update->is_private || update->kind == UPDATE_BUTTON)
		return true;
	/* whose message it is for is not told */
	if (update->kind == UPDATE_REACTION)
		return false;
	group = group_of(ref_config, update->chat, former);
	needs_mention = json_get_bool(group, "require_mention", needs_mention);
	jv_free(group);
	target = entity_target(update->message, bot);
	if (target == ENTITY_OTHER_BOT)
		return false;
	return !needs_mention || target == ENTITY_US ||
	       answers_us(update->message, bot);
}
