#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "buf.h"
#include "io.h"
#include "json.h"
#include "provision.h"
#include "xalloc.h"

enum {
	KEY_MAX = 64 * 1024,
	KNOWN_HOSTS_MAX = 1024 * 1024,
};

/* The first line of a file that is ours to write. */
#define OURS "# written by oc-provision, and written anew when it differs\n"

/*
 * Copies a file that ssh(1) reads.  A volume that is mounted for a group has
 * files that others of it can read, and ssh refuses such a key.
 */
static bool
take(const char *from, const char *to, size_t most, struct report *report)
{
	struct buf text = {0};
	const char *why = NULL;
	bool replaced, ok = text_read(from, most, &text, &why);

	if (!ok) {
		report_problem(
		    report, "%s: %s; ssh is not prepared", from, why);
	} else if (!file_put(to, &text, 0600, &replaced)) {
		report_problem(
		    report, "%s: %s; ssh is not prepared", to, strerror(errno));
		ok = false;
	}
	buf_wipe(&text);
	return ok;
}

/* A configuration that a person wrote is left alone. */
static bool
is_ours(const char *path)
{
	struct buf text = {0};
	bool ours = true;

	if (io_read_file(AT_FDCWD, path, KNOWN_HOSTS_MAX, &text))
		ours = strncmp(buf_string(&text), OURS, strlen(OURS)) == 0;
	else
		ours = errno == ENOENT;
	buf_free(&text);
	return ours;
}

static void
write_config(const char *directory, struct report *report)
{
	char *path = xasprintf("%s/config", directory);
	struct buf text = {0};
	bool replaced;

	buf_add_string(&text, OURS "Host *\n"
				   "\tBatchMode yes\n"
				   "\tIdentitiesOnly yes\n"
				   "\tStrictHostKeyChecking yes\n"
				   "\tUpdateHostKeys no\n"
				   "\tConnectTimeout 20\n");
	buf_printf(&text, "\tIdentityFile \"%s/openclaw_key\"\n", directory);
	buf_printf(&text, "\tUserKnownHostsFile \"%s/openclaw_known_hosts\"\n",
	    directory);
	if (!is_ours(path))
		report_problem(report,
		    "%s: is not ours, and stays as it is; name "
		    "%s/openclaw_key and %s/openclaw_known_hosts in it, or "
		    "remove it",
		    path, directory, directory);
	else if (!file_put(path, &text, 0600, &replaced))
		report_problem(report, "%s: %s; ssh is not prepared", path,
		    strerror(errno));
	buf_free(&text);
	free(path);
}

/* A path of the configuration, or NULL; the caller frees it. */
static char *
path_of(const struct config *config, const char *key)
{
	jv value = config_get(config, key);
	char *path = NULL;

	if (json_is_string(value))
		path = config_expand_home(json_as_string(value, ""));
	jv_free(value);
	return path;
}

void
ssh_prepare(const struct config *config, struct report *report)
{
	char *key = path_of(config, "provision.ssh.key"),
	     *hosts = path_of(config, "provision.ssh.known_hosts"),
	     *directory = config_expand_home("~/.ssh"),
	     *key_to = xasprintf("%s/openclaw_key", directory),
	     *hosts_to = xasprintf("%s/openclaw_known_hosts", directory);

	if (key == NULL)
		goto out;
	if (hosts == NULL)
		report_problem(report,
		    "provision.ssh: known_hosts is missing; without the "
		    "hosts' keys (ssh-keyscan gives them) anybody could be "
		    "the host, so ssh is not prepared");
	else if (*directory == '~')
		report_problem(report, "HOME is not set; ssh is not prepared");
	else if (!io_make_directories(directory))
		report_problem(report, "%s: %s; ssh is not prepared", directory,
		    strerror(errno));
	else if (take(key, key_to, KEY_MAX, report) &&
		 take(hosts, hosts_to, KNOWN_HOSTS_MAX, report))
		write_config(directory, report);
out:
	free(key);
	free(hosts);
	free(directory);
	free(key_to);
	free(hosts_to);
}
