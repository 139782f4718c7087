/*
 * The HTTP client by itself: COUNT requests to the fake model at PORT, so many
 * of them in flight.  Prints transfers per second, processor time for each,
 * and the memory that they took, as one line of JSON.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include "clock.h"
#include "http.h"
#include "io.h"
#include "log.h"
#include "xalloc.h"

enum { BODY_BYTES = 4000, LIMIT_MS = 60000 };

struct load {
	struct http *http;
	struct http_request request;
	long left, failed;
	int64_t bytes;
};

static void
done(struct http_transfer *transfer, enum http_failure failure, void *arg)
{
	struct load *load = arg;

	if (failure != HTTP_OK || http_status(transfer) != 200) {
		if (load->failed++ == 0)
			log_warn("%s", http_message(transfer));
	}
	if (load->left > 0) {
		load->left--;
		http_start(load->http, &load->request);
	}
}

static bool
take(
    struct http_transfer *transfer, const char *bytes, size_t length, void *arg)
{
	struct load *load = arg;

	(void)transfer, (void)bytes;
	load->bytes += (int64_t)length;
	return true;
}

/* Proportional set size in KiB. */
static long
memory(void)
{
	struct buf text = {0};
	const char *line;
	long kib = -1;

	if (io_read_file(-1, "/proc/self/smaps_rollup", 65536, &text)) {
		line = strstr(buf_string(&text), "\nPss:");
		if (line != NULL)
			kib = strtol(line + 5, NULL, 10);
	}
	buf_free(&text);
	return kib;
}

static long
number(const char *text)
{
	const char *error;
	long value = (long)strtonum(text, 1, 100000000, &error);

	if (error != NULL)
		usage_error("%s is %s", text, error);
	return value;
}

static double
processor_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static struct http_request
request_to(const char *url, struct load *load)
{
	static const char *const headers[] = {
	    "Content-Type: application/json", "x-goog-api-key: bench", NULL};
	static char body[BODY_BYTES];

	memset(body, 'x', sizeof body);
	return (struct http_request){.method = "POST",
	    .url = url,
	    .headers = headers,
	    .body = body,
	    .body_length = sizeof body,
	    .connect_ms = LIMIT_MS,
	    .first_byte_ms = LIMIT_MS,
	    .idle_ms = LIMIT_MS,
	    .total_ms = LIMIT_MS,
	    .answer_max = 1 << 20,
	    .on_body = take,
	    .done = done,
	    .arg = load};
}

/* Until all are done; the most memory that was seen. */
static long
run(struct load *load, long width)
{
	long peak = 0, now;
	int64_t looked = 0;

	for (long i = 0; i < width && load->left > 0; i++, load->left--)
		http_start(load->http, &load->request);
	while (http_active(load->http) > 0) {
		http_run(load->http, NULL, 0, -1);
		if (clock_mono_ms() < looked + 200)
			continue;
		looked = clock_mono_ms();
		now = memory();
		peak = now > peak ? now : peak;
	}
	return peak;
}

int
main(int argc, char **argv)
{
	struct load load = {0};
	long count, width, idle, peak;
	int64_t took;
	char *url;

	log_init("transfers");
	if (argc != 4)
		usage_error("usage: transfers PORT COUNT IN_FLIGHT");
	count = load.left = number(argv[2]);
	width = number(argv[3]);
	url = xasprintf("http://127.0.0.1:%ld/v1beta/models/"
			"bench:streamGenerateContent?alt=sse",
	    number(argv[1]));
	load.request = request_to(url, &load);
	load.http = http_new();
	idle = memory();
	took = clock_mono_ms();
	peak = run(&load, width);
	took = clock_mono_ms() - took;
	printf("{\"per_second\":%.0f,\"cpu_us\":%.1f,\"failed\":%ld,"
	       "\"idle_kib\":%ld,\"peak_kib\":%ld,\"each_kib\":%.1f}\n",
	    (double)count * 1e3 / (double)(took > 0 ? took : 1),
	    processor_s() * 1e6 / (double)count, load.failed, idle, peak,
	    (double)(peak - idle) / (double)width);
	http_free(load.http);
	free(url);
	return load.failed > 0 ? EX_UNAVAILABLE : 0;
}
