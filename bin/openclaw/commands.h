#ifndef OPENCLAW_COMMANDS_H
#define OPENCLAW_COMMANDS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <jv.h>
#include "config.h"
#include "event.h"

/*
 * The subcommands.  Each gets its own name as argv[0], and returns the exit
 * status.
 */
int command_ask(int argc, char **argv);
int command_channels(int argc, char **argv);
int command_chat(int argc, char **argv);
int command_config(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_gateway(int argc, char **argv);
int command_node(int argc, char **argv);
int command_logs(int argc, char **argv);
int command_pairing(int argc, char **argv);
int command_runbook(int argc, char **argv);
int command_send(int argc, char **argv);
int command_sessions(int argc, char **argv);
int command_usage(int argc, char **argv);

/*
 * Says where the state is, by the configuration, to a command that looks at
 * it; called once.
 */
void command_find_state(void);

/* Becomes the program oc-NAME, NAME being argv[0].  Returns without one. */
void command_program(char **argv);

/* ---- pipeline.c: the chain of programs that answers turns */

struct pipeline {
	pid_t pid;
	int to; /* turns go in here; -1: closed */
	struct record_reader from;
};

/*
 * Starts oc-route-model | oc-loop -- 'oc-plan | the tool stages'.  Fatal when
 * it cannot be started.
 */
void pipeline_start(struct pipeline *pipeline, const struct config *config);
/* Writes a turn.  False when the pipeline is gone. */
bool pipeline_send(struct pipeline *pipeline, jv ref_turn);
/*
 * Closes the input, waits for the end: its exit status.  `at_once`: what is
 * under way is broken off.
 */
int pipeline_end(struct pipeline *pipeline, bool at_once);

/* ---- lines.c: a person types, and reads */

enum { INTERRUPTED = 130 }; /* as a shell says it: 128 and SIGINT */

/* SIGINT and SIGTERM set lines_interrupted. */
void lines_catch_signals(void);
extern volatile sig_atomic_t lines_interrupted;

/*
 * Calls `each` with every line of standard input that is not empty, with a
 * prompt where that is a terminal, until the end of input or until it returns
 * INTERRUPTED.  The last status that was not 0.
 */
int lines_read(
    int (*each)(void *arg, const char *line, size_t length), void *arg);

/* A copy without control bytes, for the caller to free. */
char *lines_plain(const char *text);

/* A turn's reply, or with `json` the whole turn, on standard output. */
void reply_print(jv ref_turn, bool json);

/* ---- progress.c: what a turn is doing, for a person who waits */

struct progress {
	char *directory, *path; /* of the turn's events; NULL: not shown */
	bool made;              /* the directory is ours */
	struct event_reader reader;
	bool line_open; /* text of the model is being shown on this line */
};

/* Makes the turn's directory, so that the stages write events into it. */
void progress_start(struct progress *progress, const char *turn_id);
/* Looks for events without making the directory: the gateway makes it. */
void progress_follow(struct progress *progress, const char *turn_id);
/* Shows on standard error what happened since the last call. */
void progress_show(struct progress *progress);
/* The end, also of the turn's directory if it was made here. */
void progress_end(struct progress *progress);

#endif
