#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "clock.h"
#include "io.h"
#include "json.h"
#include "queue_files.h"
#include "redis.h"
#include "state.h"
#include "survey.h"
#include "xalloc.h"

enum {
	FILE_MAX = 1024 * 1024,
	ARRIVAL_DIGITS = 20,     /* see lib/queue.h */
	ARRIVAL_PER_MS = 1000000 /* its last digit but three is a microsecond */
};

static const char *const roles[] = {"gateway", "node"};
static const char *const chains[] = {"receive", "agent", "deliver", "api"};
enum {
	ROLES = sizeof roles / sizeof *roles,
	CHAINS = sizeof chains / sizeof *chains,
};

jv
survey_read(const char *path)
{
	struct buf content = {0};
	jv value = json_null();

	if (path != NULL && io_read_file(AT_FDCWD, path, FILE_MAX, &content)) {
		value = json_parse(content.data, content.length, NULL);
		if (!json_is_valid(value)) {
			jv_free(value);
			value = json_null();
		}
	}
	buf_free(&content);
	return value;
}

/* ---- who runs */

static char *
lock_path(const char *role)
{
	return state_path("run/%s.lock", role);
}

static bool
runs_here(const char *role)
{
	char *path = lock_path(role);
	int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	bool held = false;

	/* shared, so that two who look do not see each other */
	if (fd >= 0) {
		held =
		    flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
		close(fd);
	}
	free(path);
	return held;
}

/* Whether a node anywhere takes from the queue. */
static bool
any_node_takes(void)
{
	struct queue *queue = queue_open("in");
	bool taken = queue_is_taken(queue);

	queue_free(queue);
	return taken;
}

bool
survey_role_runs(const char *role)
{
	return runs_here(role) ||
	       (redis_is_used() && strcmp(role, "node") == 0 &&
		   any_node_takes());
}

static char *
role_holder(const char *role)
{
	char *path = lock_path(role);
	struct buf text = {0};

	if (path == NULL || !io_read_file(AT_FDCWD, path, FILE_MAX, &text))
		buf_clear(&text);
	while (text.length != 0 && text.data[text.length - 1] == '\n')
		buf_truncate(&text, text.length - 1);
	free(path);
	return text.data != NULL ? buf_take(&text) : xstrdup("");
}

int
survey_role_pid(const char *role)
{
	char *holder = role_holder(role), *path;
	struct buf command = {0};
	int pid = 0;

	if (runs_here(role) && sscanf(holder, "process %d", &pid) == 1) {
		path = xasprintf("/proc/%d/cmdline", pid);
		/* the number may be that of another container's process */
		if (!io_read_file(AT_FDCWD, path, FILE_MAX, &command) ||
		    memmem(command.data, command.length, "oc-gateway", 10) ==
			NULL)
			pid = 0;
		free(path);
	}
	buf_free(&command);
	free(holder);
	return pid;
}

jv
survey_roles(void)
{
	jv all = json_object();

	for (size_t i = 0; i < ROLES; i++) {
		char *holder = role_holder(roles[i]);
		bool runs = survey_role_runs(roles[i]);
		jv one = json_set_bool(json_object(), "running", runs);

		if (runs)
			one = json_set_string(one, "holder", holder);
		all = json_set(all, roles[i], one);
		free(holder);
	}
	return all;
}

jv
survey_chains(void)
{
	jv all = json_object();

	for (size_t i = 0; i < CHAINS; i++) {
		char *path = state_path("run/%s.json", chains[i]);
		jv one = survey_read(path);

		if (json_is_object(one))
			all = json_set(all, chains[i], one);
		else
			jv_free(one);
		free(path);
	}
	return all;
}

/* ---- provisioning */

jv
survey_provision(void)
{
	static const char *const role[] = {"gateway", "node", "all"};
	jv all = json_array();

	for (size_t i = 0; i < sizeof role / sizeof *role; i++) {
		char *path = state_path("run/provision.%s.json", role[i]);
		jv file = survey_read(path), list = json_get(file, "problems");

		for (int j = 0; j < json_length(list); j++)
			all = json_append(all, json_at(list, j));
		jv_free(list);
		jv_free(file);
		free(path);
	}
	return all;
}

/* ---- queues */

static int64_t
arrival_ms(const char *name)
{
	return (int64_t)(strtoull(name, NULL, 10) / ARRIVAL_PER_MS);
}

static int64_t
count_shared(const char *queue, const char *directory, int64_t *oldest_ms)
{
	char *key = xasprintf("oc:%s:%s", queue, directory);
	redisReply *first = redis_command("ZRANGE", key, "0", "0");
	redisReply *all = redis_command("ZCARD", key);
	int64_t count = reply_int(all, 0);

	if (count != 0)
		*oldest_ms = arrival_ms(reply_text(reply_at(first, 0), "0"));
	freeReplyObject(all);
	freeReplyObject(first);
	free(key);
	return count;
}

static int64_t
count_files(const char *queue, const char *directory, int64_t *oldest_ms)
{
	char *path;
	struct dirent *entry;
	int64_t count = 0;
	DIR *dir;

	if (redis_is_used())
		return count_shared(queue, directory, oldest_ms);
	path = state_path("%s/%s", queue, directory);
	dir = path != NULL ? opendir(path) : NULL;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		int64_t at;

		if (strspn(entry->d_name, "0123456789") != ARRIVAL_DIGITS)
			continue;
		at = arrival_ms(entry->d_name);
		if (count++ == 0 || at < *oldest_ms)
			*oldest_ms = at;
	}
	if (dir != NULL)
		closedir(dir);
	free(path);
	return count;
}

static jv
survey_queue(const char *queue)
{
	int64_t oldest = 0, ignored = 0;
	int64_t waiting = count_files(queue, "new", &oldest);
	jv one = json_set_int(json_object(), "waiting", waiting);

	if (waiting != 0)
		one = json_set_int(
		    one, "oldest_s", (clock_now_ms() - oldest) / 1000);
	one = json_set_int(one, "running", count_files(queue, "cur", &ignored));
	return json_set_int(
	    one, "given_up", count_files(queue, "dead", &ignored));
}

jv
survey_queues(void)
{
	jv all = json_object();
	size_t count;
	char **names = queue_names(&count);

	for (size_t i = 0; i < count; i++) {
		all = json_set(all, names[i], survey_queue(names[i]));
		free(names[i]);
	}
	free(names);
	if (!redis_is_down())
		return all;
	jv_free(all); /* "empty" would be a lie */
	return json_object();
}

/* ---- what the programs note */

jv
survey_telegram(void)
{
	char *path = state_path("telegram.json");
	jv file = survey_read(path), all = json_null(), problem;
	int64_t at;

	free(path);
	if (json_is_object(file)) {
		all = json_object();
		at = json_get_int(file, "polled_at", 0);
		if (at != 0)
			all = json_set_int(
			    all, "polled_s", (clock_now_ms() - at) / 1000);
		problem = json_get(file, "problem");
		if (json_is_string(problem))
			all = json_set(all, "failure", problem);
		else
			jv_free(problem);
	}
	jv_free(file);
	return all;
}

jv
survey_models(void)
{
	char *path = state_path("models.json");
	jv file = survey_read(path), all = json_object(), value;
	struct json_iter iter = {0};
	const char *model;

	while (json_next(&iter, file, &model, &value)) {
		if (json_get_int(value, "until", 0) > clock_now_ms())
			all = json_set(all, model, json_copy(value));
		jv_free(value);
	}
	jv_free(file);
	free(path);
	return all;
}

jv
survey_disk(void)
{
	const char *directory = state_directory();
	struct statvfs fs;
	jv disk;

	if (directory == NULL || statvfs(directory, &fs) != 0)
		return json_null();
	disk = json_set_int(json_object(), "free_bytes",
	    (int64_t)fs.f_bavail * (int64_t)fs.f_frsize);
	return json_set_int(
	    disk, "total_bytes", (int64_t)fs.f_blocks * (int64_t)fs.f_frsize);
}
