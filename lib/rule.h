#ifndef OC_RULE_H
#define OC_RULE_H

#include <stdbool.h>
#include <jv.h>

/*
 * A rule that a person writes: a jq expression that is compiled once at start
 * and runs inside the process, without environment, modules, files or input.
 */
struct rule;

/*
 * Compiles.  NULL when the text is no jq, names one of the functions that
 * reach outside (env, $ENV, input, inputs, import, include, debug, stderr,
 * input_filename, halt, …), or uses what crashes libjq 1.6 (assignments,
 * match and its kin); *error then says what is wrong, for the caller to free.
 * Costs 15 to 20 ms, since libjq loads its built-ins.
 */
struct rule *rule_compile(const char *text, char **error);
void rule_free(struct rule *rule); /* NULL is fine */

/*
 * Whether the first result over the input is neither false nor null.  An
 * error while it runs counts as false and sets *error (the caller frees it,
 * NULL otherwise); the values in it are hidden, so it may be logged.
 */
bool rule_holds(struct rule *rule, jv own_input, char **error);

/* The first result, or an invalid jv when there is none or an error. */
jv rule_result(struct rule *rule, jv own_input, char **error);

#endif
