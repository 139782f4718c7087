/*
 * The floor beneath every turn: one bare HTTP POST after the other to the fake
 * model over one raw socket.  Prints requests per second and the median and
 * 95th percentile of the time that one takes, in microseconds, as one line of
 * JSON.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>
#include "buf.h"
#include "io.h"
#include "log.h"
#include "xalloc.h"

enum { COUNT = 5000, BODY_BYTES = 4000, READ_BYTES = 65536 };

static const char body_head[] =
    "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"";
static const char body_tail[] = "\"}]}]}";

static int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static int
compare(const void *left, const void *right)
{
	const int64_t *a = left, *b = right;

	return (*a > *b) - (*a < *b);
}

static int
connect_to(int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
		fatal(EX_UNAVAILABLE, "cannot connect to port %d: %s", port,
		    strerror(errno));
	return fd;
}

static void
make_request(struct buf *request, size_t body_bytes)
{
	size_t length = sizeof body_head + sizeof body_tail - 2 + body_bytes;

	buf_printf(request,
	    "POST /v1beta/models/bench:streamGenerateContent?alt=sse "
	    "HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s",
	    length, body_head);
	for (size_t i = 0; i < body_bytes; i++)
		buf_add_byte(request, 'x');
	buf_add_string(request, body_tail);
}

/* The answer is chunked; its last chunk is empty. */
static void
post(int fd, const struct buf *request, struct buf *answer)
{
	static const char end[] = "\r\n0\r\n\r\n";
	size_t size = sizeof end - 1;

	buf_clear(answer);
	if (!io_write_all(fd, request->data, request->length))
		fatal(EX_IOERR, "cannot send: %s", strerror(errno));
	do
		if (buf_read(answer, fd, READ_BYTES) <= 0)
			fatal(EX_PROTOCOL, "the answer broke off");
	while (answer->length < size ||
	       memcmp(answer->data + answer->length - size, end, size) != 0);
}

int
main(int argc, char **argv)
{
	struct buf request = {0}, answer = {0};
	const char *error = NULL;
	int64_t *took, start, before;
	size_t count = COUNT;
	int fd;

	log_init("post");
	if (argc < 2 || argc > 3)
		usage_error("usage: post PORT [COUNT]");
	fd = connect_to((int)strtonum(argv[1], 1, 65535, &error));
	if (error == NULL && argc > 2)
		count = (size_t)strtonum(argv[2], 1, 10000000, &error);
	if (error != NULL)
		usage_error("a number is %s", error);
	took = xcalloc(count, sizeof *took);
	make_request(&request, BODY_BYTES);
	start = now_ns();
	for (size_t i = 0; i < count; i++) {
		before = now_ns();
		post(fd, &request, &answer);
		took[i] = now_ns() - before;
	}
	start = now_ns() - start;
	qsort(took, count, sizeof *took, compare);
	printf("{\"per_second\":%.0f,\"median_us\":%.1f,\"p95_us\":%.1f}\n",
	    (double)count * 1e9 / (double)start, (double)took[count / 2] / 1e3,
	    (double)took[count * 95 / 100] / 1e3);
	free(took);
	buf_free(&request);
	buf_free(&answer);
	close(fd);
	return 0;
}
