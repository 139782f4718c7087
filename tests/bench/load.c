/*
 * Callers of an HTTP server: many connections that are kept alive, each with
 * one request after the other, as given on standard input.  Prints requests a
 * second and, in microseconds, how long the whole answer took and its first
 * byte of text (the first after `-m MARK`), as one line of JSON; with -v each
 * first byte as well, by the clock that only goes forward.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
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

enum { READ_BYTES = 65536, CLIENTS_MAX = 4096 };

struct client {
	int fd;
	int64_t began, first; /* of this request; first 0: not yet */
	struct buf answer;
};

struct load {
	struct buf request;
	const char *mark;
	bool verbose;
	struct client *client;
	struct pollfd *polls;
	size_t clients, count, started, done;
	int64_t *whole, *first;
};

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
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
send_next(struct load *load, size_t i)
{
	struct client *client = &load->client[i];

	if (load->started == load->count) {
		load->polls[i].fd = -1;
		return;
	}
	load->started++;
	buf_clear(&client->answer);
	client->first = 0;
	client->began = now_us();
	if (!io_write_all(client->fd, load->request.data, load->request.length))
		fatal(EX_IOERR, "cannot send: %s", strerror(errno));
}

/* A length, or the empty last chunk, ends an answer. */
static bool
is_whole(const struct buf *answer)
{
	static const char end[] = "\r\n0\r\n\r\n";
	const char *body = strstr(answer->data, "\r\n\r\n"), *length;

	if (body == NULL)
		return false;
	body += 4;
	length = strcasestr(answer->data, "\r\nContent-Length: ");
	if (length != NULL && length < body)
		return (size_t)(answer->data + answer->length - body) >=
		       strtoul(length + 18, NULL, 10);
	return answer->length >= sizeof end - 1 &&
	       memcmp(answer->data + answer->length - sizeof end + 1, end,
		   sizeof end - 1) == 0;
}

static void
take(struct load *load, size_t i)
{
	struct client *client = &load->client[i];
	int64_t now;

	if (buf_read(&client->answer, client->fd, READ_BYTES) <= 0)
		fatal(EX_PROTOCOL, "an answer broke off");
	now = now_us();
	if (client->first == 0 &&
	    strstr(client->answer.data, load->mark) != NULL) {
		client->first = now;
		if (load->verbose)
			printf("first %" PRId64 "\n", now);
	}
	if (!is_whole(&client->answer))
		return;
	if (strncmp(client->answer.data, "HTTP/1.1 200", 12) != 0)
		fatal(EX_PROTOCOL, "an answer: %.200s", client->answer.data);
	load->whole[load->done] = now - client->began;
	load->first[load->done++] =
	    client->first != 0 ? client->first - client->began : 0;
	send_next(load, i);
}

static void
run(struct load *load)
{
	for (size_t i = 0; i < load->clients; i++)
		send_next(load, i);
	while (load->done < load->count) {
		if (poll(load->polls, load->clients, -1) < 0)
			fatal(EX_OSERR, "poll: %s", strerror(errno));
		for (size_t i = 0; i < load->clients; i++)
			if (load->polls[i].revents != 0)
				take(load, i);
	}
}

static void
print_times(const char *name, int64_t *times, size_t count)
{
	qsort(times, count, sizeof *times, compare);
	printf(",\"%s_us\":%" PRId64 ",\"%s_p95_us\":%" PRId64, name,
	    times[count / 2], name, times[count * 95 / 100]);
}

static size_t
number(const char *text, size_t most)
{
	const char *error;
	size_t value = (size_t)strtonum(text, 1, (long long)most, &error);

	if (error != NULL)
		usage_error("%s is %s", text, error);
	return value;
}

int
main(int argc, char **argv)
{
	struct load load = {.mark = "\r\n\r\n", .clients = 1, .count = 100};
	int64_t began;
	int option, port = 0;

	log_init("load");
	while ((option = getopt(argc, argv, "c:m:n:p:v")) != -1)
		switch (option) {
		case 'c': load.clients = number(optarg, CLIENTS_MAX); break;
		case 'm': load.mark = optarg; break;
		case 'n': load.count = number(optarg, 10000000); break;
		case 'p': port = (int)number(optarg, 65535); break;
		case 'v': load.verbose = true; break;
		default:
			usage_error("usage: load -p PORT [-v] [-c CLIENTS] "
				    "[-m MARK] [-n REQUESTS] <REQUEST");
		}
	while (buf_read(&load.request, STDIN_FILENO, READ_BYTES) > 0)
		;
	load.client = xcalloc(load.clients, sizeof *load.client);
	load.polls = xcalloc(load.clients, sizeof *load.polls);
	load.whole = xcalloc(load.count, sizeof *load.whole);
	load.first = xcalloc(load.count, sizeof *load.first);
	for (size_t i = 0; i < load.clients; i++) {
		load.client[i].fd = connect_to(port);
		load.polls[i] =
		    (struct pollfd){.fd = load.client[i].fd, .events = POLLIN};
	}
	began = now_us();
	run(&load);
	began = now_us() - began;
	printf(
	    "{\"per_second\":%.0f", (double)load.count * 1e6 / (double)began);
	print_times("whole", load.whole, load.count);
	print_times("first", load.first, load.count);
	puts("}");
	for (size_t i = 0; i < load.clients; i++) {
		buf_free(&load.client[i].answer);
		close(load.client[i].fd);
	}
	free(load.client);
	free(load.polls);
	free(load.whole);
	free(load.first);
	buf_free(&load.request);
	return 0;
}
