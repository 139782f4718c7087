#ifndef OC_EXEC_POLICY_H
#define OC_EXEC_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <jv.h>
#include "buf.h"
#include "config.h"
#include "runbook.h"

/*
 * Which commands the agent may run (openclaw.yaml(5), tools.exec): what
 * AGENTS.md documents, what only looks, what a rule allows; never what a rule
 * denies.
 */
struct policy;

enum policy_kind { POLICY_RUNBOOK, POLICY_ASK, POLICY_FULL, POLICY_DENY };

/* Compiles the rules; one that is wrong ends the program (EX_CONFIG). */
struct policy *policy_new(const struct config *config, const char *workspace);
void policy_free(struct policy *policy); /* NULL is fine */
enum policy_kind policy_kind(const struct policy *policy);
/* What AGENTS.md says now; valid until the next question to the policy. */
const struct runbook *policy_runbook(struct policy *policy);

/* What may be done with a vector. */
enum policy_verdict {
	POLICY_REFUSED,   /* *why says the reason and what is permitted */
	POLICY_UNKNOWN,   /* the same, and a person may permit it */
	POLICY_PERMITTED, /* run it as it is */
	POLICY_LOOK,      /* run what look_arguments makes of it */
};
enum policy_verdict policy_vector(struct policy *policy, char *const *argv,
    size_t argc, jv ref_turn, jv ref_call, struct buf *why);

/* Whether a line may be given to a shell: policy full, and no rule denies. */
bool policy_shell(
    struct policy *policy, jv ref_turn, jv ref_call, struct buf *why);

/*
 * Whether a command that is neither documented nor denied may be run when a
 * person approves it: policy ask, and no rule denies.
 */
bool policy_may_ask(struct policy *policy, jv ref_turn, jv ref_call);

/* "not permitted: <reason>; the runbook permits: …" for a command line. */
void policy_refuse(struct policy *policy, const char *reason, struct buf *why);

#endif
