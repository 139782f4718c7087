#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include "buf.h"
#include "child.h"
#include "clock.h"
#include "io.h"
#include "log.h"
#include "redis.h"
#include "sink.h"
#include "xalloc.h"

enum {
	ID_MAX = 4096, /* a line of the program's that is longer is no id */
	READ_SIZE = 64 * 1024,
};

struct sink {
	void (*confirmed)(const char *id, void *arg);
	void *arg;
	const char *program; /* NULL: standard output */
	pid_t pid;
	int to, from; /* -1: closed */
	struct buf out, in;
};

static void
start(struct sink *sink, char *const *argv)
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		fatal(EX_OSERR, "pipe: %s", strerror(errno));
	redis_lend_password(true);
	/* a group of its own: a Ctrl-C must not end it before us */
	sink->pid = child_start(&(struct child_spec){.argv = argv,
	    .in = in[0],
	    .out = out[1],
	    .err = STDERR_FILENO,
	    .own_group = true});
	redis_lend_password(false);
	if (sink->pid < 0)
		fatal(EX_UNAVAILABLE, "%s: %s; it should take the turns",
		    argv[0], strerror(errno));
	close(in[0]);
	close(out[1]);
	sink->to = in[1];
	sink->from = out[0];
	io_set_nonblocking(sink->to, true);
	io_set_nonblocking(sink->from, true);
}

struct sink *
sink_open(
    char *const *argv, void (*confirmed)(const char *id, void *arg), void *arg)
{
	struct sink *sink = xcalloc(1, sizeof *sink);

	sink->confirmed = confirmed;
	sink->arg = arg;
	sink->to = sink->from = -1;
	if (argv != NULL) {
		sink->program = argv[0];
		start(sink, argv);
	}
	return sink;
}

/* Writes what the pipe takes.  False when the reader is gone. */
static bool
flush(struct sink *sink)
{
	size_t done = 0;

	while (done < sink->out.length) {
		ssize_t n = write(
		    sink->to, sink->out.data + done, sink->out.length - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0)
			return false;
		done += (size_t)n;
	}
	buf_drop(&sink->out, done);
	return true;
}

void
sink_write(struct sink *sink, const char *id, const char *line, size_t length)
{
	if (sink->program == NULL) {
		io_write_stdout(line, length);
		sink->confirmed(id, sink->arg);
		return;
	}
	buf_add(&sink->out, line, length);
	/* a reader that is gone is told by sink_work */
	(void)flush(sink);
}

/* Hands out the ids that came whole. */
static void
read_ids(struct sink *sink)
{
	char *newline;

	while (sink->in.length != 0 && (newline = memchr(sink->in.data, '\n',
					    sink->in.length)) != NULL) {
		*newline = '\0';
		sink->confirmed(sink->in.data, sink->arg);
		buf_drop(&sink->in, (size_t)(newline - sink->in.data) + 1);
	}
	if (sink->in.length > ID_MAX) {
		log_warn("%s: a line that is no id; skipped", sink->program);
		buf_clear(&sink->in);
	}
}

/* One read.  False at the end. */
static bool
fill(struct sink *sink)
{
	ssize_t n = buf_read(&sink->in, sink->from, READ_SIZE);

	if (n > 0)
		read_ids(sink);
	return n > 0 || (n < 0 && errno == EAGAIN);
}

int
sink_output(const struct sink *sink)
{
	return sink->to;
}

void
sink_prepare(const struct sink *sink, struct pollfd fds[SINK_POLLFDS])
{
	bool writing = sink->out.length != 0;

	fds[0] = (struct pollfd){.fd = sink->from, .events = POLLIN};
	/* poll(2) passes over a descriptor of -1 */
	fds[1] =
	    (struct pollfd){.fd = writing ? sink->to : -1, .events = POLLOUT};
}

void
sink_work(struct sink *sink, const struct pollfd fds[SINK_POLLFDS])
{
	bool alive = true;

	if (sink->program == NULL)
		return;
	if (fds[0].revents != 0)
		alive = fill(sink);
	if (alive && fds[1].revents != 0)
		alive = flush(sink);
	if (alive)
		return;
	close(sink->to);
	fatal(EX_UNAVAILABLE,
	    "%s ended with status %d; what it did not confirm is asked for "
	    "again at the next start",
	    sink->program, child_exit_code(child_wait(sink->pid)));
}

/* Waits for the program's answers until its end.  False when it is too late. */
static bool
drain(struct sink *sink, int64_t until)
{
	struct pollfd fds[SINK_POLLFDS];

	for (;;) {
		int64_t left = until - clock_mono_ms();

		if (sink->out.length == 0 && sink->to >= 0) {
			close(sink->to);
			sink->to = -1;
		}
		sink_prepare(sink, fds);
		if (left <= 0)
			return false;
		if (poll(fds, SINK_POLLFDS, (int)left) <= 0)
			continue;
		if (fds[1].revents != 0 && !flush(sink))
			buf_clear(&sink->out);
		if (fds[0].revents != 0 && !fill(sink))
			return true;
	}
}

void
sink_close(struct sink *sink, int most_ms)
{
	if (sink->program != NULL) {
		if (!drain(sink, clock_mono_ms() + most_ms)) {
			log_warn("%s: does not end; stopped", sink->program);
			kill(-sink->pid, SIGKILL);
		}
		if (sink->to >= 0)
			close(sink->to);
		close(sink->from);
		child_wait(sink->pid);
	}
	buf_free(&sink->out);
	buf_free(&sink->in);
	free(sink);
}
