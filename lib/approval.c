#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "approval.h"
#include "buf.h"
#include "clock.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "record.h"
#include "shared.h"
#include "state.h"
#include "turn.h"
#include "utf8.h"
#include "xalloc.h"

enum { FILE_MAX = RECORD_LINE_MAX };

/* No 0, O, 1 or I, which look alike. */
static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

static const char suffix[] = ".json";

/* ---- what can be shown */

/*
 * What turns text around, joins or hides it: the controls of U+0080 to
 * U+009F, soft hyphens, marks of direction, blanks without width, fillers and
 * tags.
 */
static bool
is_deceptive(uint32_t c)
{
	return (c < 0x20 && c != '\n' && c != '\t') ||
	       (c >= 0x7f && c <= 0xa0) || c == 0xad || c == 0x34f ||
	       c == 0x61c || c == 0x115f || c == 0x1160 || c == 0x17b4 ||
	       c == 0x17b5 || (c >= 0x180b && c <= 0x180f) ||
	       (c >= 0x2000 && c <= 0x200f) || (c >= 0x2028 && c <= 0x202f) ||
	       (c >= 0x205f && c <= 0x206f) || c == 0x2800 || c == 0x3000 ||
	       c == 0x3164 || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff ||
	       c == 0xffa0 || (c >= 0xfff0 && c <= 0xfffd) ||
	       (c >= 0xe0000 && c <= 0xe0fff);
}

/* Of a well-formed sequence. */
static uint32_t
code_point(const char *text, size_t length)
{
	static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c = (unsigned char)text[0] & mask[length];

	for (size_t i = 1; i < length; i++)
		c = c << 6 | ((unsigned char)text[i] & 0x3f);
	return c;
}

bool
approval_can_show(const char *command)
{
	size_t length = strlen(command), at = 0;

	if (length == 0 || length > APPROVAL_COMMAND_MAX)
		return false;
	while (at < length) {
		size_t n = utf8_sequence(command + at, length - at);

		if (n == 0 || is_deceptive(code_point(command + at, n)))
			return false;
		at += n;
	}
	return true;
}

/* ---- the files */

static void
make_id(jv ref_turn, jv ref_call, char id[APPROVAL_ID_SIZE])
{
	char *text = xasprintf(
	    "%s\n%s", turn_id(ref_turn), json_get_string(ref_call, "id", ""));
	uint8_t hash[SHA256_DIGEST_LENGTH];
	SHA2_CTX context;

	SHA256Init(&context);
	SHA256Update(&context, (const uint8_t *)text, strlen(text));
	SHA256Final(hash, &context);
	for (int i = 0; i < APPROVAL_ID_SIZE - 1; i++)
		id[i] = letters[hash[i] % (sizeof letters - 1)];
	id[APPROVAL_ID_SIZE - 1] = '\0';
	free(text);
}

/* The path of what a person calls by this name, or NULL: it is no id. */
static char *
path_of(const char *name)
{
	char id[APPROVAL_ID_SIZE] = "";

	if (strlen(name) != APPROVAL_ID_SIZE - 1)
		return NULL;
	for (int i = 0; i < APPROVAL_ID_SIZE - 1; i++) {
		id[i] = name[i];
		if (id[i] >= 'a' && id[i] <= 'z')
			id[i] = (char)(id[i] - 'a' + 'A');
		if (strchr(letters, id[i]) == NULL)
			return NULL;
	}
	return redis_is_used() ? xasprintf("approvals/%s%s", id, suffix)
			       : state_path("approvals/%s%s", id, suffix);
}

/* `ref_turn`: who saves it, where several nodes could; or null. */
static bool
save(jv ref_approval, jv ref_turn)
{
	struct shared_guard guard = shared_guard(ref_turn);
	char *path = path_of(json_get_string(ref_approval, "id", ""));
	char *directory = state_path("approvals");
	struct buf text = {0};
	bool ok;

	json_write(&text, ref_approval);
	buf_add_byte(&text, '\n');
	errno = ENOENT;
	if (redis_is_used())
		ok = path != NULL &&
		     shared_replace(path, &guard, 0, text.data, text.length);
	else
		ok = path != NULL && io_make_directories(directory) &&
		     io_replace_file(path, text.data, text.length);
	buf_free(&text);
	shared_guard_free(&guard);
	free(directory);
	free(path);
	return ok;
}

static bool
read_text(const char *path, struct buf *text)
{
	if (!redis_is_used())
		return io_read_file(AT_FDCWD, path, FILE_MAX, text);
	shared_read(path, 0, FILE_MAX, text);
	return text->length != 0;
}

jv
approval_read(const char *id)
{
	char *path = path_of(id);
	struct buf text = {0};
	jv approval = json_null();

	if (path != NULL && read_text(path, &text)) {
		jv_free(approval);
		approval = json_parse(buf_string(&text), text.length, NULL);
	}
	if (!json_is_object(approval)) {
		jv_free(approval);
		approval = json_null();
	}
	buf_free(&text);
	free(path);
	return approval;
}

/* ---- asking */

/*
 * A step with this call alone, under an id that is new in the conversation.
 * What a provider wants back of its own step is not in it: that belongs to all
 * calls of the step, and providers do without.
 */
static jv
step_of(jv ref_call, const char *id)
{
	jv step = json_set_string(json_object(), "role", "assistant");
	char *call_id = xasprintf("approved-%s", id);
	jv call = json_set_string(json_copy(ref_call), "id", call_id);

	free(call_id);
	step = json_set_string(step, "text", "");
	return json_set(step, "calls", json_append(json_array(), call));
}

bool
approval_ask(
    jv ref_turn, jv ref_call, const char *command, char id[APPROVAL_ID_SIZE])
{
	static const char *const keys[] = {"session", "channel", "to", "from"};
	jv approval = json_object();
	bool ok;

	make_id(ref_turn, ref_call, id);
	approval = json_set_string(approval, "id", id);
	approval = json_set_int(approval, "at", clock_now_ms());
	approval = json_set_string(approval, "command", command);
	approval = json_set_string(approval, "turn", turn_id(ref_turn));
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		approval =
		    json_set(approval, keys[i], json_get(ref_turn, keys[i]));
	approval = json_set(approval, "step", step_of(ref_call, id));
	approval = json_set_string(approval, "state", "waiting");
	ok = save(approval, ref_turn);
	jv_free(approval);
	return ok;
}

static bool
is_in_state(jv ref_approval, const char *state)
{
	return strcmp(json_get_string(ref_approval, "state", ""), state) == 0;
}

static jv
insert_by_time(jv own_list, jv own_approval)
{
	jv sorted = json_array();
	bool placed = false;

	for (int i = 0, n = json_length(own_list); i < n; i++) {
		jv one = json_at(own_list, i);

		if (!placed && json_get_int(own_approval, "at", 0) <
				   json_get_int(one, "at", 0)) {
			sorted = json_append(sorted, json_copy(own_approval));
			placed = true;
		}
		sorted = json_append(sorted, one);
	}
	jv_free(own_list);
	if (!placed)
		return json_append(sorted, own_approval);
	jv_free(own_approval);
	return sorted;
}

static jv
add_waiting(jv own_list, const char *file, const char *session, int64_t since)
{
	char *id = xstrndup(file, APPROVAL_ID_SIZE - 1);
	jv one = json_null();

	if (strcmp(file + strlen(id), suffix) == 0)
		one = approval_read(id);
	if (is_in_state(one, "waiting") &&
	    json_get_int(one, "at", 0) >= since &&
	    strcmp(json_get_string(one, "session", ""), session) == 0)
		own_list = insert_by_time(own_list, json_copy(one));
	jv_free(one);
	free(id);
	return own_list;
}

static jv
waiting_shared(const char *session, int64_t since)
{
	redisReply *reply = shared_list("approvals");
	jv list = json_array();

	for (size_t i = 0; i < reply_count(reply); i += 2)
		list = add_waiting(
		    list, reply_text(reply_at(reply, i), ""), session, since);
	freeReplyObject(reply);
	return list;
}

jv
approval_waiting(const char *session, int64_t since)
{
	struct dirent *entry;
	jv list = json_array();
	DIR *directory;
	char *path;

	if (redis_is_used()) {
		jv_free(list);
		return waiting_shared(session, since);
	}
	path = state_path("approvals");
	directory = opendir(path);
	while (directory != NULL && (entry = readdir(directory)) != NULL)
		list = add_waiting(list, entry->d_name, session, since);
	if (directory != NULL)
		closedir(directory);
	free(path);
	return list;
}

/* ---- deciding and using */

static bool
set_state(
    jv ref_approval, jv ref_turn, const char *state, const char *granted_to)
{
	jv changed = json_set_string(json_copy(ref_approval), "state", state);
	bool ok;

	if (granted_to != NULL)
		changed = json_set_string(changed, "granted_to", granted_to);
	ok = save(changed, ref_turn);
	jv_free(changed);
	return ok;
}

bool
approval_grant(jv ref_approval, const char *turn_id)
{
	return set_state(ref_approval, json_null(), "granted", turn_id);
}

bool
approval_deny(jv ref_approval)
{
	return set_state(ref_approval, json_null(), "denied", NULL);
}

static bool
is_its_call(jv ref_approval, jv ref_call)
{
	jv step = json_get(ref_approval, "step");
	jv calls = json_get(step, "calls");
	jv call = json_at(calls, 0);
	bool is = json_equal(call, ref_call);

	jv_free(call);
	jv_free(calls);
	jv_free(step);
	return is;
}

bool
approval_is_granted(jv ref_turn, jv ref_call)
{
	jv approval = approval_read(json_get_string(ref_turn, "approval", ""));
	bool is = is_in_state(approval, "granted") &&
		  strcmp(json_get_string(approval, "granted_to", ""),
		      turn_id(ref_turn)) == 0 &&
		  is_its_call(approval, ref_call);

	jv_free(approval);
	return is;
}

bool
approval_use(jv ref_turn)
{
	jv approval = approval_read(json_get_string(ref_turn, "approval", ""));
	bool ok = is_in_state(approval, "granted") &&
		  set_state(approval, ref_turn, "used", NULL);

	jv_free(approval);
	return ok;
}

static void
sweep_shared(void)
{
	redisReply *reply = shared_list("approvals");
	int64_t before = clock_now_ms() - (int64_t)APPROVAL_KEEP_S * 1000;

	for (size_t i = 0; i + 1 < reply_count(reply); i += 2) {
		char *path = xasprintf(
		    "approvals/%s", reply_text(reply_at(reply, i), ""));

		if (reply_int(reply_at(reply, i + 1), INT64_MAX) < before)
			shared_remove(path);
		free(path);
	}
	freeReplyObject(reply);
}

void
approval_sweep(void)
{
	struct dirent *entry;
	DIR *directory;
	struct stat st;
	char *path;

	if (redis_is_used()) {
		sweep_shared();
		return;
	}
	path = state_path("approvals");
	directory = opendir(path);
	while (directory != NULL && (entry = readdir(directory)) != NULL)
		if (fstatat(dirfd(directory), entry->d_name, &st,
			AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) &&
		    time(NULL) - st.st_mtime > APPROVAL_KEEP_S)
			(void)unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory != NULL)
		closedir(directory);
	free(path);
}
