#include <errno.h>
#include <poll.h>
#include <string.h>
#include "log.h"
#include "session.h"

enum { PAUSE_MS = 1000 }; /* how late it may notice that there is room */

void
wait_for_disk(const char *what, bool *told)
{
	if (!*told)
		log_error(
		    "%s: %s; trying again until it can", what, strerror(errno));
	*told = true;
	poll(NULL, 0, PAUSE_MS);
}

void
disk_recovered(const char *what, bool *told)
{
	if (*told)
		log_warn("%s: can be written again", what);
	*told = false;
}
