/*
 * oc-loop: sends a turn round an inner pipeline until it has its reply.
 *
 * Reads turns, writes them to the pipeline given as argument, takes back what
 * comes out of it and sends that in again; a turn with `reply` goes on to
 * standard output.  Many turns are inside at once.  A turn also ends, always
 * with a reply that says so, at its step limit, at its deadline, by the
 * person's stop, when it makes the same call with the same result a third
 * time, and when the inner pipeline breaks.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>
#include "buf.h"
#include "child.h"
#include "clock.h"
#include "config.h"
#include "ending.h"
#include "event.h"
#include "held.h"
#include "io.h"
#include "json.h"
#include "log.h"
#include "record.h"
#include "redis.h"
#include "turn.h"

struct loop {
	struct held_tree held;
	size_t inside, in_flight;  /* held and not answered yet; the limit */
	int64_t steps, turn_s;     /* limits of a turn */
	bool leave;                /* -k: see the help */
	struct record_reader in;   /* from standard input */
	struct record_reader back; /* out of the inner pipeline */
	struct buf out;            /* waiting to go into it */
	int out_fd;                /* -1: closed */
	pid_t child;
};

static void
print_help(void)
{
	puts("usage: oc-loop [-k] [-c FILE] [--] PIPELINE\n"
	     "\n"
	     "Sends each turn (NDJSON) of standard input round PIPELINE until "
	     "it has a reply.\n"
	     "PIPELINE is run by sh -c.\n"
	     "\n"
	     "  -c FILE  configuration (default: $OC_CONFIG, "
	     "~/.openclaw/openclaw.yaml)\n"
	     "  -k       when PIPELINE breaks, keep silent about the turns "
	     "inside:\n"
	     "           whoever sent them will send them again\n"
	     "  -h       this help\n"
	     "\n"
	     "    echo '{\"text\":\"how full are the disks?\"}' |\n"
	     "        oc-loop -- 'oc-plan | oc-exec-tool' | oc-send -c stdout\n"
	     "\n"
	     "See oc-loop(1), oc-turn(7), openclaw.yaml(5).");
}

static void
start_pipeline(struct loop *loop, char *pipeline)
{
	char shell[] = "/bin/sh", flag[] = "-c";
	char *argv[] = {shell, flag, pipeline, NULL};
	int to[2], from[2];
	struct child_spec spec = {.argv = argv, .err = STDERR_FILENO};

	if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0)
		fatal(EX_OSERR, "pipe: %s", strerror(errno));
	spec.in = to[0];
	spec.out = from[1];
	loop->child = child_start(&spec);
	if (loop->child < 0)
		fatal(EX_OSERR, "cannot start /bin/sh: %s", strerror(errno));
	close(to[0]);
	close(from[1]);
	loop->out_fd = to[1];
	io_set_nonblocking(loop->out_fd, true);
	record_reader_init(&loop->back, from[0], "the inner pipeline");
}

/* Takes a turn out of the loop and writes it on. */
static void
finish(struct loop *loop, struct held *held, jv own_turn)
{
	event_write(own_turn, "reply", json_object());
	turn_write(own_turn);
	if (held == NULL)
		return;
	held_remove(&loop->held, held);
	loop->inside--;
}

/* The same for a turn that is finished as it came: its bytes go on. */
static void
pass_on(struct loop *loop, struct held *held, jv own_turn,
    const struct record *record)
{
	event_write(own_turn, "reply", json_object());
	record_forward(record);
	jv_free(own_turn);
	if (held == NULL)
		return;
	held_remove(&loop->held, held);
	loop->inside--;
}

/*
 * Answers for a turn that is inside.  It stays known as ended until it comes
 * back, so that what comes back is not taken for another turn.
 */
static void
answer_for(struct loop *loop, struct held *held, jv own_turn)
{
	finish(loop, NULL, own_turn);
	loop->inside--;
	held->ended = true;
	free(held->line);
	held->line = NULL;
}

static void
send_line(struct loop *loop, const char *line, size_t length)
{
	if (loop->out_fd >= 0)
		buf_add(&loop->out, line, length);
}

static void
send_round(
    struct loop *loop, struct held *held, const char *line, size_t length)
{
	held_set_line(held, line, length);
	send_line(loop, line, length);
}

static void
send_turn(struct loop *loop, struct held *held, jv own_turn)
{
	struct buf line = {0};

	json_write(&line, own_turn);
	buf_add_byte(&line, '\n');
	if (line.length > RECORD_LINE_MAX) {
		finish(loop, held, own_turn); /* turn_write says so */
	} else {
		send_round(loop, held, line.data, line.length);
		jv_free(own_turn);
	}
	buf_free(&line);
}

/* Whether it is an invoked turn whose calls all have their results. */
static bool
is_answered(jv ref_turn)
{
	return turn_is_invoked(ref_turn) && !turn_has_pending(ref_turn);
}

/* How long a turn may take: the limit, or what it asks for if that is less. */
static int64_t
time_of(const struct loop *loop, jv ref_turn)
{
	int64_t asked = json_get_int(ref_turn, "timeout_s", loop->turn_s);

	return asked > 0 && asked < loop->turn_s ? asked : loop->turn_s;
}

/* A turn from standard input. */
static void
admit(struct loop *loop, jv own_turn, const struct record *record)
{
	const char *problem = turn_check(own_turn);
	bool changed;
	struct held *held;

	own_turn = turn_complete(own_turn, &changed);
	if (problem != NULL)
		own_turn = turn_fail(own_turn, "bad_turn", problem, problem);
	if (!turn_has_reply(own_turn) && is_answered(own_turn)) {
		/* a crash came before its end */
		own_turn = ending_invoked(own_turn);
		changed = true;
	}
	if (turn_has_reply(own_turn)) {
		if (changed || problem != NULL)
			finish(loop, NULL, own_turn);
		else
			pass_on(loop, NULL, own_turn, record);
		return;
	}
	held = held_add(&loop->held, turn_id(own_turn), turn_session(own_turn));
	if (held == NULL) {
		log_warn("turn %s: is under way already, not run twice",
		    turn_id(own_turn));
		finish(loop, NULL,
		    turn_fail(own_turn, "duplicate",
			"a turn with this id is under way already",
			"This message is being worked on already."));
		return;
	}
	loop->inside++;
	held->limit_s = time_of(loop, own_turn);
	held->deadline = clock_mono_ms() + held->limit_s * 1000;
	if (changed) {
		send_turn(loop, held, own_turn);
	} else {
		send_round(loop, held, record->line, record->length);
		jv_free(own_turn);
	}
}

/*
 * The person's stop: what is inside for that session is answered for at once,
 * and the stages inside are told to end what they do for it.
 */
static void
stop(struct loop *loop, const struct record *record)
{
	struct held *held;

	RB_FOREACH (held, held_tree, &loop->held)
		if (!held->ended &&
		    turn_stop_is_for(record->value, held->id, held->session))
			answer_for(loop, held, ending_stopped(held_turn(held)));
	send_line(loop, record->line, record->length);
	if (loop->out_fd < 0)
		record_forward(record);
}

static void
read_input(struct loop *loop)
{
	struct record record;
	enum record_status status;

	while ((status = record_next(&loop->in, &record)) == RECORD_OK) {
		jv turn;

		if (turn_is_stop(record.value)) {
			stop(loop, &record);
		} else if (!turn_is_turn(record.value)) {
			record_forward(&record);
		} else {
			turn = record.value;
			record.value = json_null();
			admit(loop, turn, &record);
		}
		record_free(&record);
	}
}

/* Whether the line is what last went in, to the byte. */
static bool
is_unchanged(const struct held *held, const struct record *record)
{
	return held->length == record->length &&
	       memcmp(held->line, record->line, record->length) == 0;
}

/*
 * A turn that went round once: on it goes, or round again, or it ends here.
 * One that nothing inside acted on would go round until its deadline, as fast
 * as the machine can.
 */
static void
take_back(struct loop *loop, jv own_turn, const struct record *record)
{
	struct held *held = held_find(&loop->held, turn_id(own_turn));

	if (held == NULL) {
		log_warn("turn %s: came out of the inner pipeline and never "
			 "went in, dropped",
		    turn_id(own_turn));
		jv_free(own_turn);
		return;
	}
	if (held->ended) {
		held_remove(&loop->held, held);
		jv_free(own_turn);
		return;
	}
	if (turn_has_reply(own_turn)) {
		pass_on(loop, held, own_turn, record);
		return;
	}
	if (!turn_has_pending(own_turn) && is_unchanged(held, record))
		own_turn = ending_unchanged(own_turn);
	if (!turn_has_reply(own_turn))
		own_turn = ending_answer_unserved(own_turn);
	if (!turn_has_reply(own_turn) && is_answered(own_turn))
		own_turn = ending_invoked(own_turn);
	if (!turn_has_reply(own_turn) && ending_is_repeated(own_turn))
		own_turn = ending_repeated(own_turn);
	if (!turn_has_reply(own_turn) &&
	    turn_step_count(own_turn) >= loop->steps)
		own_turn = ending_steps(own_turn, loop->steps);
	if (turn_has_reply(own_turn))
		finish(loop, held, own_turn);
	else
		send_turn(loop, held, own_turn);
}

static void
read_back(struct loop *loop)
{
	struct record record;

	while (record_next(&loop->back, &record) == RECORD_OK) {
		jv turn = json_copy(record.value);

		if (turn_is_turn(turn)) {
			jv_free(record.value);
			record.value = json_null();
			take_back(loop, turn, &record);
		} else {
			/* a stop of our own ends its way here */
			if (strcmp(json_get_string(turn, "by", ""),
				log_program()) != 0)
				record_forward(&record);
			jv_free(turn);
		}
		record_free(&record);
	}
}

static void
write_out(struct loop *loop)
{
	ssize_t n = write(loop->out_fd, loop->out.data, loop->out.length);

	if (n > 0) {
		buf_drop(&loop->out, (size_t)n);
		if (loop->out.length == 0)
			buf_free(&loop->out);
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		/* It ended; its output says so in a moment. */
		buf_free(&loop->out);
		close(loop->out_fd);
		loop->out_fd = -1;
	}
}

/* Answers for what is overdue; returns the next deadline, or -1. */
static int64_t
check_deadlines(struct loop *loop, int64_t now)
{
	struct held *held;
	int64_t next = -1;

	RB_FOREACH (held, held_tree, &loop->held) {
		jv halt;
		struct buf line = {0};

		if (held->ended)
			continue;
		if (held->deadline > now) {
			if (next < 0 || held->deadline < next)
				next = held->deadline;
			continue;
		}
		log_warn("turn %s: not done within %lld s, ended", held->id,
		    (long long)held->limit_s);
		halt = json_set_string(json_object(), "type", "stop");
		halt = json_set_string(halt, "session", held->session);
		halt = json_set_string(halt, "id", held->id);
		halt = json_set_string(halt, "by", log_program());
		json_write(&line, halt);
		buf_add_byte(&line, '\n');
		send_line(loop, line.data, line.length);
		buf_free(&line);
		jv_free(halt);
		answer_for(loop, held,
		    ending_deadline(held_turn(held), held->limit_s));
	}
	return next;
}

/* One wait, and what is to be done after it. */
static void
turn_round(struct loop *loop)
{
	int64_t now = clock_mono_ms(), next = check_deadlines(loop, now);
	bool admit_more = !loop->in.ended && loop->inside < loop->in_flight;
	struct pollfd p[] = {
	    {.fd = admit_more ? loop->in.fd : -1, .events = POLLIN},
	    {.fd = loop->back.fd, .events = POLLIN},
	    {.fd = loop->out.length != 0 ? loop->out_fd : -1,
		.events = POLLOUT},
	    {.fd = STDOUT_FILENO}};

	if (loop->in.ended && loop->out.length == 0 && loop->out_fd >= 0 &&
	    loop->inside == 0) {
		/* nothing more will go in: let the stages end */
		close(loop->out_fd);
		loop->out_fd = -1;
	}
	if (poll(p, 4, next < 0 ? -1 : (int)(next - now)) < 0) {
		if (errno != EINTR)
			fatal(EX_OSERR, "poll: %s", strerror(errno));
		return;
	}
	io_check_stdout(p[3].revents);
	if (p[2].revents != 0)
		write_out(loop);
	if (p[1].revents != 0 && record_fill(&loop->back))
		read_back(loop);
	if (p[0].revents != 0 && record_fill(&loop->in))
		read_input(loop);
}

/*
 * The inner pipeline has ended.  Returns our exit status: that is not normal
 * while there are turns inside or input to read.
 */
static int
settle(struct loop *loop)
{
	int status = child_exit_code(child_wait(loop->child));
	struct held *held, *next;
	struct buf how = {0};
	size_t lost = loop->inside;
	bool early = lost != 0 || !loop->in.ended;

	buf_printf(&how, "the inner pipeline ended with status %d", status);
	if (early)
		log_error("%s, %zu turns inside%s", buf_string(&how), lost,
		    loop->leave ? "" : " are answered with an error");
	RB_FOREACH_SAFE (held, held_tree, &loop->held, next) {
		if (!held->ended && !loop->leave)
			answer_for(loop, held,
			    ending_broken(held_turn(held), buf_string(&how)));
		held_remove(&loop->held, held);
	}
	buf_free(&how);
	if (early)
		return EX_UNAVAILABLE;
	if (status != 0 && status != EX_DATAERR)
		log_warn("the inner pipeline ended with status %d", status);
	return status;
}

int
main(int argc, char **argv)
{
	struct loop loop = {.held = RB_INITIALIZER(&loop.held)};
	struct config config;
	const char *config_file = NULL;
	int option, status, inner;

	log_init("oc-loop");
	signal(SIGPIPE, SIG_IGN);
	while ((option = getopt(argc, argv, "c:hk")) != -1) {
		switch (option) {
		case 'c': config_file = optarg; break;
		case 'k': loop.leave = true; break;
		case 'h': print_help(); return EX_OK;
		default: usage_error("unknown option");
		}
	}
	if (argc - optind != 1)
		usage_error("one argument is needed, the inner pipeline: "
			    "oc-loop -- 'oc-plan | oc-exec-tool'");
	config_load(&config, config_file);
	loop.steps = config_int(&config, "limits.steps");
	loop.turn_s = config_int(&config, "limits.turn_s");
	loop.in_flight = (size_t)config_int(&config, "limits.in_flight");
	redis_setup(&config, REDIS_WAITS, REDIS_LEND);
	config_free(&config);
	/* The environment stays: the pipeline inside takes its secrets. */
	record_reader_init(&loop.in, STDIN_FILENO, "standard input");
	child_find_siblings();
	start_pipeline(&loop, argv[optind]);
	while (!loop.back.ended)
		turn_round(&loop);
	inner = settle(&loop);
	status = record_status(&loop.in);
	record_reader_free(&loop.in);
	record_reader_free(&loop.back);
	buf_free(&loop.out);
	redis_close();
	return inner != 0 ? inner : status;
}
