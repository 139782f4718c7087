#ifndef OC_EXEC_TOOLS_H
#define OC_EXEC_TOOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "approval.h"
#include "buf.h"
#include "config.h"
#include "policy.h"
#include "task.h"

struct roots;

/* What the tools work with; the same for every call. */
struct tools {
	const struct config *config;
	const char *config_path; /* of -c, or NULL */
	char *workspace;
	int root; /* the workspace's descriptor, -1 if there is none */
	char **command_environment, **fetch_environment;
	struct policy *policy;
	struct roots *roots;
	size_t output_bytes;
	int64_t timeout_ms;
};

void tools_init(
    struct tools *tools, const struct config *config, const char *config_path);
void tools_free(struct tools *tools);

/*
 * A call from when a tool takes it until its result is in the turn.  Zeroed
 * before; run_free after.
 */
struct run {
	bool dry;        /* only say whether it would be permitted */
	bool denied;     /* it is not permitted */
	int denied_exit; /* the status by which its command says so; 0: none */
	bool running;    /* a command was started; `task` has the rest */
	struct task task;
	bool ok; /* else: the result is here already */
	struct buf text;
	void (*tidy)(struct buf *text); /* NULL: what was printed is the text */
	char approval[APPROVAL_ID_SIZE]; /* what the person was asked, or "" */
	const char *taint; /* what the result taints the turn with, or NULL */
};
void run_free(struct run *run);
/* A result that is not what was asked for, with the reason for the model. */
void run_refuse(struct run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The result of a dry run that nothing stands against. */
void run_permit(struct run *run);
/* The reason in run->text is that it is not permitted. */
void run_deny(struct run *run);

struct tool {
	const char *name, *description;
	const char *parameters; /* JSON Schema, as text */
	void (*begin)(
	    struct tools *tools, jv ref_turn, jv ref_call, struct run *run);
};

/* A call of "dry_run:exec" asks what would become of one of exec. */
#define DRY_RUN "dry_run:"

/*
 * By the name in a call, or NULL when it is not one of ours.  *dry: it is
 * only asked for.
 */
const struct tool *tool_find(const char *name, bool *dry);
/* Writes the declarations of those that are offered, one a line. */
void tools_declare(const struct tools *tools);

/* Makes the workspace if it is not there; its descriptor, or -1 with errno. */
int tools_root(struct tools *tools);

/* A command that a tool starts, in the workspace. */
struct command {
	char *const *argv;
	char *const *envp;
	int64_t timeout_ms;
	size_t output_bytes; /* of the result */
};

/* Starts it for a call; the reason is the result when that fails. */
void tools_start(struct tools *tools, jv ref_turn, jv ref_call,
    const struct command *command, struct run *run);

void exec_begin(struct tools *tools, jv ref_turn, jv ref_call, struct run *run);
void fetch_begin(
    struct tools *tools, jv ref_turn, jv ref_call, struct run *run);
void file_read_begin(
    struct tools *tools, jv ref_turn, jv ref_call, struct run *run);
void file_write_begin(
    struct tools *tools, jv ref_turn, jv ref_call, struct run *run);
void file_edit_begin(
    struct tools *tools, jv ref_turn, jv ref_call, struct run *run);
void file_list_begin(
    struct tools *tools, jv ref_turn, jv ref_call, struct run *run);

#endif
