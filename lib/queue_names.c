#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include "queue.h"
#include "queue_redis.h"
#include "state.h"
#include "xalloc.h"

enum { CHANNEL_NAME_MAX = 200 }; /* what state_name makes at most */

bool
queue_is_name(const char *name)
{
	/* what state_name lets through, and what it makes of the rest */
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789_:@+=,.-%~";
	const char *channel;

	if (strcmp(name, "in") == 0)
		return true;
	if (strncmp(name, "out/", 4) != 0)
		return false;
	channel = name + 4;
	return *channel != '\0' && *channel != '.' &&
	       strlen(channel) <= CHANNEL_NAME_MAX &&
	       channel[strspn(channel, allowed)] == '\0';
}

char *
queue_of_channel(const char *channel)
{
	char *encoded = state_name(channel), *name;

	name = xasprintf("out/%s", encoded);
	free(encoded);
	return name;
}

/* ---- all of them */

static int
compare_names(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

static char **
add_queue(char **names, size_t *count, const char *name)
{
	if (!queue_is_name(name) || (*count != 0 && strcmp(name, "in") == 0))
		return names;
	names = xreallocarray(names, *count + 1, sizeof *names);
	names[(*count)++] = xstrdup(name);
	return names;
}

static char **
names_in_redis(char **names, size_t *count)
{
	redisReply *reply = queue_redis_names();

	for (size_t i = 0; i < reply_count(reply); i++) {
		const char *key = reply_text(reply_at(reply, i), "");

		if (strncmp(key, "oc:", 3) == 0)
			names = add_queue(names, count, key + 3);
	}
	freeReplyObject(reply);
	return names;
}

static char **
names_of_directories(char **names, size_t *count)
{
	char *path = state_path("out");
	DIR *out = path != NULL ? opendir(path) : NULL;
	struct dirent *entry;

	while (out != NULL && (entry = readdir(out)) != NULL) {
		char *name = xasprintf("out/%s", entry->d_name);

		names = add_queue(names, count, name);
		free(name);
	}
	if (out != NULL)
		closedir(out);
	free(path);
	return names;
}

char **
queue_names(size_t *count)
{
	char **names;

	*count = 0;
	names = add_queue(NULL, count, "in");
	names = redis_is_used() ? names_in_redis(names, count)
				: names_of_directories(names, count);
	qsort(names, *count, sizeof *names, compare_names);
	return names;
}
