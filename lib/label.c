#include <stdlib.h>
#include <sysexits.h>
#include "json.h"
#include "label.h"
#include "log.h"
#include "rule.h"
#include "xalloc.h"

struct label {
	char *name;
	struct rule *rule;
};
static struct label *labels;
static size_t label_count;

void
label_setup(const struct config *config)
{
	jv list = config_get(config, "labels");

	label_close();
	for (int i = 0, n = json_length(list); i < n; i++) {
		jv one = json_at(list, i);
		struct label label = {0};
		char *error;

		label.rule =
		    rule_compile(json_get_string(one, "when", ""), &error);
		if (label.rule == NULL) {
			char *path = xasprintf("labels[%d].when", i);
			char *where = config_where(config, path);

			fatal(EX_CONFIG, "%s: %s", where, error);
		}
		label.name = xstrdup(json_get_string(one, "name", ""));
		labels = xreallocarray(labels, label_count + 1, sizeof *labels);
		labels[label_count++] = label;
		jv_free(one);
	}
	jv_free(list);
}

const char *
label_of(jv ref_turn)
{
	const char *own = json_get_string(ref_turn, "label", NULL);

	if (own != NULL)
		return own;
	for (size_t i = 0; i < label_count; i++) {
		char *error;
		bool holds =
		    rule_holds(labels[i].rule, json_copy(ref_turn), &error);

		if (error != NULL)
			log_warn("label %s: its rule failed and counts as not "
				 "matching: %s",
			    labels[i].name, error);
		free(error);
		if (holds)
			return labels[i].name;
	}
	return "";
}

void
label_close(void)
{
	for (size_t i = 0; i < label_count; i++) {
		rule_free(labels[i].rule);
		free(labels[i].name);
	}
	free(labels);
	labels = NULL;
	label_count = 0;
}
