#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <openssl/sha.h>
#include "buf.h"
#include "io.h"
#include "log.h"
#include "page.h"
#include "server.h"
#include "xalloc.h"

enum {
	FILES_MAX = 64,
	FILE_MAX = 1024 * 1024,
	PATH_SIZE = 4096,
	LEVELS = 4,    /* above build/asan/bin is the tree */
	TAG_BYTES = 8, /* of the SHA-256, for a cache */
	TAG_SIZE = 2 * TAG_BYTES + 3,
};

/*
 * Only what we serve ourselves runs, and it speaks to us alone.  Nothing is
 * put into a frame, and no form is sent anywhere.
 */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'";

struct file {
	char *path; /* of the URL */
	const char *type;
	char tag[TAG_SIZE];
	struct buf content;
};

struct page {
	struct file file[FILES_MAX];
	size_t count;
};

static const char *
type_of(const char *name)
{
	static const struct {
		const char *ending, *type;
	} types[] = {
	    {".html", "text/html; charset=utf-8"},
	    {".css", "text/css; charset=utf-8"},
	    {".js", "text/javascript; charset=utf-8"},
	    {".svg", "image/svg+xml"},
	    {".png", "image/png"},
	    {".webmanifest", "application/manifest+json"},
	};
	const char *ending = strrchr(name, '.');

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (ending != NULL && strcmp(ending, types[i].ending) == 0)
			return types[i].type;
	return NULL;
}

static void
handle(struct request *request, void *arg)
{
	const struct file *file = arg;
	const char *known = request_header(request, "If-None-Match");

	request_set_header(request, "Content-Security-Policy", policy);
	request_set_header(
	    request, "Cross-Origin-Opener-Policy", "same-origin");
	request_set_header(request, "Cache-Control", "no-cache");
	request_set_header(request, "ETag", file->tag);
	if (known != NULL && strcmp(known, file->tag) == 0)
		request_answer_bytes(request, 304, file->type, "", 0);
	else
		request_answer_bytes(request, 200, file->type,
		    file->content.data, file->content.length);
}

/* ---- the files */

static void
make_tag(struct file *file)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[SHA256_DIGEST_LENGTH];
	char *at = file->tag;

	SHA256((const unsigned char *)file->content.data, file->content.length,
	    hash);
	*at++ = '"';
	for (size_t i = 0; i < TAG_BYTES; i++) {
		*at++ = digits[hash[i] >> 4];
		*at++ = digits[hash[i] & 15];
	}
	*at++ = '"';
	*at = '\0';
}

static void
add_file(struct page *page, int directory, const char *name)
{
	struct file *file = &page->file[page->count];
	const char *type = type_of(name);

	if (type == NULL || name[0] == '.' || page->count == FILES_MAX)
		return;
	if (!io_read_file(directory, name, FILE_MAX, &file->content) ||
	    file->content.length == 0) {
		log_warn("the web page: %s: %s", name, strerror(errno));
		buf_free(&file->content);
		return;
	}
	file->type = type;
	file->path = strcmp(name, "index.html") == 0
			 ? xstrdup("/")
			 : xasprintf("/web/%s", name);
	make_tag(file);
	page->count++;
}

/* The folder of the page, open; -1: there is none. */
static int
open_folder(void)
{
	enum { FLAGS = O_RDONLY | O_DIRECTORY | O_CLOEXEC };
	char self[PATH_SIZE], *path;
	ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash;
	int fd = -1;

	if (length <= 0)
		return -1;
	self[length] = '\0';
	for (int i = 0; i <= LEVELS && fd < 0; i++) {
		slash = strrchr(self, '/');
		if (slash == NULL)
			break;
		*slash = '\0';
		path = xasprintf(
		    i == 0 ? "%s/../share/openclaw/web" : "%s/share/web", self);
		fd = open(path, FLAGS);
		free(path);
	}
	return fd;
}

struct page *
page_new(struct server *server)
{
	struct page *page = xcalloc(1, sizeof *page);
	int fd = open_folder();
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (directory == NULL)
		log_warn("there is no web page: share/openclaw/web is neither "
			 "beside nor above the program");
	while (directory != NULL && (entry = readdir(directory)) != NULL)
		add_file(page, fd, entry->d_name);
	if (directory != NULL)
		closedir(directory);
	for (size_t i = 0; i < page->count; i++)
		server_add(server, &(struct route){.method = "GET",
				       .path = page->file[i].path,
				       .need = NEED_NOTHING,
				       .handle = handle,
				       .arg = &page->file[i]});
	return page;
}

void
page_free(struct page *page)
{
	if (page == NULL)
		return;
	for (size_t i = 0; i < page->count; i++) {
		free(page->file[i].path);
		buf_free(&page->file[i].content);
	}
	free(page);
}
