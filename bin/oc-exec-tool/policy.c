#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include "book.h"
#include "json.h"
#include "log.h"
#include "policy.h"
#include "rule.h"
#include "runbook.h"
#include "words.h"
#include "xalloc.h"

enum {
	SUMMARY_MAX =
	    1600, /* of a refusal's 2 KB, for the runbook's commands */
	COMMAND_SHOWN = 200, /* of the model's own command in a refusal */
};

struct rules {
	struct rule **rule;
	size_t count;
	const char *key; /* "tools.exec.deny" */
};

struct policy {
	enum policy_kind kind;
	bool look;
	struct rules allow, deny;
	struct book book;
};

static void
compile(struct rules *rules, const struct config *config, const char *key)
{
	jv texts = config_get(config, key);

	rules->key = key;
	rules->rule =
	    xcalloc((size_t)json_length(texts) + 1, sizeof *rules->rule);
	for (int i = 0, n = json_length(texts); i < n; i++) {
		jv text = json_at(texts, i);
		char *error = NULL;
		struct rule *rule =
		    rule_compile(json_as_string(text, ""), &error);

		if (rule == NULL) {
			char *path = xasprintf("%s[%d]", key, i);

			fatal(EX_CONFIG, "%s: %s: %s",
			    config_where(config, path), path, error);
		}
		rules->rule[rules->count++] = rule;
		jv_free(text);
	}
	jv_free(texts);
}

static void
rules_free(struct rules *rules)
{
	for (size_t i = 0; i < rules->count; i++)
		rule_free(rules->rule[i]);
	free(rules->rule);
}

static enum policy_kind
kind_of(const char *name)
{
	if (strcmp(name, "full") == 0)
		return POLICY_FULL;
	if (strcmp(name, "ask") == 0)
		return POLICY_ASK;
	if (strcmp(name, "deny") == 0)
		return POLICY_DENY;
	return POLICY_RUNBOOK;
}

struct policy *
policy_new(const struct config *config, const char *workspace)
{
	struct policy *policy = xcalloc(1, sizeof *policy);

	policy->kind = kind_of(config_string(config, "tools.exec.policy"));
	policy->look = config_bool(config, "tools.exec.look");
	compile(&policy->allow, config, "tools.exec.allow");
	compile(&policy->deny, config, "tools.exec.deny");
	book_init(&policy->book, workspace);
	return policy;
}

void
policy_free(struct policy *policy)
{
	if (policy == NULL)
		return;
	rules_free(&policy->allow);
	rules_free(&policy->deny);
	book_free(&policy->book);
	free(policy);
}

enum policy_kind
policy_kind(const struct policy *policy)
{
	return policy->kind;
}

const struct runbook *
policy_runbook(struct policy *policy)
{
	book_refresh(&policy->book);
	return &policy->book.runbook;
}

/*
 * Whether one of the rules holds.  One that fails while it runs counts as
 * `on_error`: what was meant to deny denies then, what was meant to allow
 * does not.
 */
static bool
any_holds(const struct rules *rules, jv ref_turn, jv ref_call, bool on_error)
{
	bool holds = false;

	for (size_t i = 0; i < rules->count && !holds; i++) {
		jv input = json_set(json_object(), "call", json_copy(ref_call));
		char *error = NULL;

		input = json_set(input, "turn", json_copy(ref_turn));
		holds = rule_holds(rules->rule[i], input, &error);
		if (error != NULL) {
			log_warn("%s[%zu]: %s", rules->key, i, error);
			holds = on_error;
		}
		free(error);
	}
	return holds;
}

void
policy_refuse(struct policy *policy, const char *reason, struct buf *why)
{
	if (policy->kind == POLICY_ASK)
		buf_printf(why,
		    "not permitted: %s; it needs the person's approval, which "
		    "cannot be asked for from here",
		    reason);
	else
		buf_printf(why, "not permitted: %s", reason);
	if (policy->kind != POLICY_RUNBOOK && policy->kind != POLICY_ASK)
		return;
	book_refresh(&policy->book);
	buf_add_string(why, "; the runbook permits:");
	book_summary(&policy->book, why, SUMMARY_MAX);
	if (!policy->look)
		return;
	buf_add_string(why, "\nand what only looks:");
	for (size_t i = 0; look_summary[i] != NULL; i++)
		buf_printf(why, "\n%s", look_summary[i]);
}

static void
refuse_vector(
    struct policy *policy, char *const *argv, size_t argc, struct buf *why)
{
	char *const *bad =
	    runbook_bad_argument(policy_runbook(policy), argv, argc);
	char *line = bad != NULL ? words_join(bad, 1) : words_join(argv, argc);
	char *reason = xasprintf("\"%.*s\"%s %s", COMMAND_SHOWN, line,
	    strlen(line) > COMMAND_SHOWN ? "…" : "",
	    bad != NULL ? "cannot stand for a placeholder: what does must not "
			  "be empty, begin with a hyphen or hold a control "
			  "character"
			: "is not among the documented commands");

	policy_refuse(policy, reason, why);
	free(reason);
	free(line);
}

enum policy_verdict
policy_vector(struct policy *policy, char *const *argv, size_t argc,
    jv ref_turn, jv ref_call, struct buf *why)
{
	const char *reason = NULL;

	if (policy->kind == POLICY_DENY) {
		policy_refuse(policy,
		    "no command may be run here (tools.exec.policy is deny)",
		    why);
		return POLICY_REFUSED;
	}
	if (any_holds(&policy->deny, ref_turn, ref_call, true)) {
		policy_refuse(policy,
		    "a rule of the configuration denies this command", why);
		return POLICY_REFUSED;
	}
	if (policy->kind == POLICY_FULL ||
	    book_match(&policy->book, argv, argc) != NULL)
		return POLICY_PERMITTED;
	if (policy->look && look_permits(argv, argc, &reason))
		return POLICY_LOOK;
	if (any_holds(&policy->allow, ref_turn, ref_call, false))
		return POLICY_PERMITTED;
	if (policy->look && reason != NULL)
		policy_refuse(policy, reason, why);
	else
		refuse_vector(policy, argv, argc, why);
	return policy->kind == POLICY_ASK ? POLICY_UNKNOWN : POLICY_REFUSED;
}

bool
policy_may_ask(struct policy *policy, jv ref_turn, jv ref_call)
{
	return policy->kind == POLICY_ASK &&
	       !any_holds(&policy->deny, ref_turn, ref_call, true);
}

bool
policy_shell(struct policy *policy, jv ref_turn, jv ref_call, struct buf *why)
{
	if (policy->kind == POLICY_FULL &&
	    !any_holds(&policy->deny, ref_turn, ref_call, true))
		return true;
	policy_refuse(
	    policy, "a rule of the configuration denies this command", why);
	return false;
}
