#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include "clock.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "provision.h"
#include "xalloc.h"

enum {
	TRIES_MAX = 3,
	PAUSE_MS = 1000, /* between tries; a name server that is just up */
	CONNECT_MS = 10 * 1000,
	REDIRECTS_MAX = 5, /* dl.k8s.io sends on to its mirror */
	STALL_S = 20,      /* less than a byte a second for so long */
	READ_SIZE = 64 * 1024,
};
#define BINARY_MAX (INT64_C(512) << 20)

struct binary {
	const char *url, *sha256;
	char *to;
};

/* A file that comes in. */
struct download {
	int fd;
	SHA2_CTX hash;
	int64_t bytes;
	int error; /* of a write */
	char message[CURL_ERROR_SIZE];
};

enum outcome { DONE, AGAIN, WRONG };

static bool
same_checksum(SHA2_CTX *hash, const char *sha256)
{
	char text[SHA256_DIGEST_STRING_LENGTH];

	SHA256End(hash, text);
	return strcasecmp(text, sha256) == 0;
}

/* Whether the file is there as it should be. */
static bool
is_right(const struct binary *binary)
{
	static uint8_t bytes[READ_SIZE];
	int fd = open(binary->to, O_RDONLY | O_CLOEXEC);
	SHA2_CTX hash;
	ssize_t n;

	if (fd < 0)
		return false;
	SHA256Init(&hash);
	while ((n = read(fd, bytes, sizeof bytes)) > 0)
		SHA256Update(&hash, bytes, (size_t)n);
	close(fd);
	return n == 0 && same_checksum(&hash, binary->sha256) &&
	       (access(binary->to, X_OK) == 0 || chmod(binary->to, 0755) == 0);
}

static size_t
on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct download *download = arg;
	size_t length = size * count;

	download->bytes += (int64_t)length;
	if (download->bytes > BINARY_MAX)
		download->error = EFBIG;
	else if (!io_write_all(download->fd, bytes, length))
		download->error = errno;
	else
		SHA256Update(&download->hash, (const uint8_t *)bytes, length);
	return download->error == 0 ? length : 0;
}

static CURLcode
get(const char *url, int64_t left_ms, struct download *download, long *status)
{
	CURL *curl = curl_easy_init();
	CURLcode code;
	bool safe = strncasecmp(url, "https:", 6) == 0;

	if (curl == NULL)
		fatal(EX_OSERR, "out of memory (a download)");
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(
	    curl, CURLOPT_REDIR_PROTOCOLS_STR, safe ? "https" : "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "OpenClaw/" OC_VERSION);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
	    (long)(left_ms < CONNECT_MS ? left_ms : CONNECT_MS));
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)left_ms);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, download);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, download->message);
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
	curl_easy_cleanup(curl);
	return code;
}

/*
 * One try into the open file.  *why is set when it is not DONE.  What the
 * server means for good (another file, 404) is not asked for again at once.
 */
static enum outcome
try_once(const struct binary *binary, int64_t left_ms,
    struct download *download, struct buf *why)
{
	long status = 0;
	CURLcode code;

	download->bytes = 0;
	download->error = 0;
	download->message[0] = '\0';
	SHA256Init(&download->hash);
	if (ftruncate(download->fd, 0) != 0 ||
	    lseek(download->fd, 0, SEEK_SET) != 0)
		fatal(EX_IOERR, "%s: %s", binary->to, strerror(errno));
	code = get(binary->url, left_ms, download, &status);
	buf_clear(why);
	if (download->error != 0) {
		buf_printf(why, "%s", strerror(download->error));
		return WRONG;
	}
	if (code != CURLE_OK) {
		buf_printf(why, "%s",
		    download->message[0] != '\0' ? download->message
						 : curl_easy_strerror(code));
		return status >= 400 && status < 500 && status != 429 ? WRONG
								      : AGAIN;
	}
	if (!same_checksum(&download->hash, binary->sha256)) {
		buf_printf(why,
		    "what came (%lld bytes) has another SHA-256 than the "
		    "configuration says",
		    (long long)download->bytes);
		return WRONG;
	}
	return DONE;
}

/* Tries until it is there or the time is over. */
static enum outcome
fetch_into(const struct binary *binary, int64_t deadline_ms,
    struct download *download, struct buf *why)
{
	enum outcome outcome = AGAIN;
	int64_t left;

	for (int i = 0; i < TRIES_MAX && outcome == AGAIN; i++) {
		if (i > 0)
			poll(NULL, 0, PAUSE_MS << (i - 1));
		left = deadline_ms - clock_mono_ms();
		if (left <= 0) {
			if (why->length == 0)
				buf_add_string(why, "no time was left");
			break;
		}
		outcome = try_once(binary, left, download, why);
	}
	return outcome;
}

/* The file beside it, locked; -1 with errno set, EWOULDBLOCK: in use. */
static int
open_beside(const char *beside)
{
	int fd = open(beside, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600),
	    saved;

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
		saved = errno;
		close(fd);
		errno = saved;
		fd = -1;
	}
	return fd;
}

static enum outcome
fetch(const struct binary *binary, int64_t deadline_ms, struct buf *why)
{
	char *beside = xasprintf("%s.new~", binary->to);
	struct download download = {.fd = open_beside(beside)};
	enum outcome outcome = AGAIN;

	if (download.fd < 0) {
		buf_printf(why, "%s: %s", beside,
		    errno == EWOULDBLOCK ? "another process fetches it"
					 : strerror(errno));
		free(beside);
		return AGAIN;
	}
	outcome = fetch_into(binary, deadline_ms, &download, why);
	if (outcome == DONE &&
	    (fchmod(download.fd, 0755) != 0 || fsync(download.fd) != 0 ||
		rename(beside, binary->to) != 0)) {
		buf_printf(why, "%s: %s", binary->to, strerror(errno));
		outcome = AGAIN;
	}
	if (outcome != DONE)
		unlink(beside);
	close(download.fd);
	free(beside);
	return outcome;
}

static bool
take(const struct binary *binary, int64_t deadline_ms, struct report *report)
{
	struct buf why = {0};
	struct stat st;
	char *parent = xstrdup(binary->to), *slash = strrchr(parent, '/');
	enum outcome outcome = AGAIN;

	if (is_right(binary)) {
		free(parent);
		return true;
	}
	if (slash != NULL && slash != parent)
		*slash = '\0';
	if (!io_make_directories(parent))
		buf_printf(&why, "%s: %s", parent, strerror(errno));
	else
		outcome = fetch(binary, deadline_ms, &why);
	if (outcome == DONE)
		log_info("%s: fetched, with the right checksum", binary->to);
	else
		report_problem(report, "%s: not fetched: %s; %s", binary->to,
		    buf_string(&why),
		    stat(binary->to, &st) == 0
			? "another version is there and stays"
			: "it is missing");
	buf_free(&why);
	free(parent);
	return outcome == DONE;
}

bool
binaries_fetch(
    const struct config *config, int64_t deadline_ms, struct report *report)
{
	jv list = config_get(config, "provision.binaries");
	bool all = true;

	for (int i = 0; i < json_length(list); i++) {
		jv one = json_at(list, i);
		struct binary binary = {.url = json_get_string(one, "url", ""),
		    .sha256 = json_get_string(one, "sha256", ""),
		    .to = config_expand_home(json_get_string(one, "to", ""))};

		all = take(&binary, deadline_ms, report) && all;
		free(binary.to);
		jv_free(one);
	}
	jv_free(list);
	return all;
}
