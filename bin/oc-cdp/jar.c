#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "io.h"
#include "jar.h"
#include "json.h"
#include "log.h"

void
jar_init(struct jar *jar, const char *path)
{
	*jar = (struct jar){.path = path, .cookies.all = json_array()};
}

void
jar_free(struct jar *jar)
{
	cookies_free(&jar->cookies);
}

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void
load(struct jar *jar)
{
	struct cookies fresh;
	struct buf text = {0};

	if (!io_read_file(AT_FDCWD, jar->path, COOKIES_FILE_MAX, &text)) {
		log_error("%s: the cookies cannot be read: %s", jar->path,
		    strerror(errno));
	} else if (!cookies_read(&fresh, buf_string(&text), text.length)) {
		log_error("%s: holds no cookie: neither cookies.txt nor a "
			  "JSON array",
		    jar->path);
		cookies_free(&fresh);
	} else {
		if (fresh.refused > 0)
			log_warn("%s: %zu entries are no cookies and are left "
				 "out",
			    jar->path, fresh.refused);
		cookies_free(&jar->cookies);
		jar->cookies = fresh;
		jar->version++;
		log_info("%s: %d cookies", jar->path, json_length(fresh.all));
	}
	buf_wipe(&text);
}

void
jar_refresh(struct jar *jar)
{
	struct stat now;

	if (jar->path == NULL)
		return;
	if (stat(jar->path, &now) != 0) {
		if (!jar->told_missing)
			log_error("%s: the cookies cannot be read: %s",
			    jar->path, strerror(errno));
		jar->told_missing = true;
		return;
	}
	jar->told_missing = false;
	if (jar->loaded && is_same(&now, &jar->seen))
		return;
	jar->loaded = true;
	jar->seen = now;
	load(jar);
}
