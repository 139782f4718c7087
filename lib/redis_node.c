#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "io.h"
#include "log.h"
#include "redis.h"
#include "state.h"
#include "ulid.h"
#include "xalloc.h"

enum {
	NODE_FILE_MAX = 256,
	NODE_MAX = 512, /* a host's name, and that */
};

/* Of two programs that make it at once, the first stands. */
static void
make_node(const char *path)
{
	char ulid[ULID_SIZE], *made;
	struct buf line = {0};

	ulid_make(ulid);
	made = xasprintf("%s.%s", path, ulid);
	buf_printf(&line, "%s\n", ulid);
	if (!io_make_directories(state_directory()) ||
	    !io_replace_file(made, line.data, line.length) ||
	    (link(made, path) != 0 && errno != EEXIST))
		fatal(EX_CANTCREAT, "%s: %s", path, strerror(errno));
	(void)unlink(made);
	buf_free(&line);
	free(made);
}

/* The file's ULID is made once; the host's name is for people. */
static char *
read_node(void)
{
	char *path = state_path("node"), host[64] = "node", *node;
	struct buf text = {0};

	if (path == NULL)
		fatal(EX_CONFIG,
		    "there is nowhere to keep state: set OC_STATE or HOME");
	if (access(path, F_OK) != 0)
		make_node(path);
	if (!io_read_file(AT_FDCWD, path, NODE_FILE_MAX, &text))
		fatal(EX_NOINPUT, "%s: %s", path, strerror(errno));
	if (text.length != 0)
		buf_truncate(&text, strcspn(text.data, "\n"));
	(void)gethostname(host, sizeof host);
	host[sizeof host - 1] = '\0';
	node = xasprintf("%s-%s", host, buf_string(&text));
	buf_free(&text);
	free(path);
	return node;
}

const char *
redis_node(void)
{
	static char node[NODE_MAX];
	char *made;

	if (node[0] == '\0') {
		made = read_node();
		(void)snprintf(node, sizeof node, "%s", made);
		free(made);
	}
	return node;
}
