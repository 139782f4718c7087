#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>
#include "clock.h"
#include "drain.h"
#include "log.h"

void
drain_open(struct drain *drain, int ms)
{
	sigset_t set;

	*drain = (struct drain){.ms = ms};
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL) != 0 ||
	    (drain->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) <
		0)
		fatal(EX_OSERR, "signalfd: %s", strerror(errno));
}

void
drain_close(struct drain *drain)
{
	close(drain->signals);
}

static void
begin(struct drain *drain)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	drain->begun = true;
	drain->until = clock_mono_ms() + drain->ms;
	/* those behind us end after their last turn */
	if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
		fatal(EX_OSERR, "/dev/null: %s", strerror(errno));
	close(null);
}

int
drain_timeout(const struct drain *drain, int timeout)
{
	int64_t left = drain->until - clock_mono_ms();

	if (!drain->begun)
		return timeout;
	if (left < 0)
		left = 0;
	return left < timeout ? (int)left : timeout;
}

void
drain_check(struct drain *drain, short revents)
{
	static const int reader_gone = POLLERR | POLLHUP | POLLNVAL;
	struct signalfd_siginfo info;

	if (read(drain->signals, &info, sizeof info) == sizeof info) {
		if (drain->begun)
			drain->until = 0;
		else
			begin(drain);
	} else if (!drain->begun && (revents & reader_gone) != 0) {
		fatal(EX_UNAVAILABLE,
		    "standard output: the reader is gone; the next program "
		    "of the pipe ended");
	}
}

bool
drain_is_over(const struct drain *drain)
{
	return drain->begun && clock_mono_ms() >= drain->until;
}
