#include <stdio.h>
#include <time.h>
#include "clock.h"

static int64_t
read_ms(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_now_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

int64_t
clock_mono_ms(void)
{
	return read_ms(CLOCK_MONOTONIC);
}

char *
clock_rfc3339(int64_t epoch_ms, char out[CLOCK_RFC3339_SIZE])
{
	time_t seconds = (time_t)(epoch_ms / 1000);
	struct tm tm;
	char head[20];

	gmtime_r(&seconds, &tm);
	strftime(head, sizeof head, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, CLOCK_RFC3339_SIZE, "%s.%03uZ", head,
	    (unsigned)(epoch_ms % 1000) % 1000);
	return out;
}
