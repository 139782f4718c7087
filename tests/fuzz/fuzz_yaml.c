#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "config.h"
#include "json.h"
#include "problem.h"
#include "yamldoc.h"

/*
 * Any bytes as a configuration.  They are refused with at least one line, or
 * taken, and then every key has a value of its type.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_problems(const struct buf *problems)
{
	unsigned lines = 0;

	assert(problems->length != 0);
	for (size_t i = 0; i < problems->length; i++)
		lines += problems->data[i] == '\n';
	assert(lines >= 1 && lines <= PROBLEMS_MAX + 1);
	assert(problems->data[problems->length - 1] == '\n');
}

static void
check_config(const struct config *config)
{
	struct config_provider provider;
	jv models = config_models(config);
	char *where = config_where(config, "routes[0].when");

	assert(json_length(models) >= 1);
	assert(config_int(config, "limits.steps") >= 1);
	assert(*config_string(config, "tools.exec.policy") != '\0');
	assert(config_provider(config, "google", &provider));
	config_provider_free(&provider);
	jv_free(models);
	free(where);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf problems = {0};
	struct config config;
	char *text = malloc(size + 1);

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (config_parse(&config, "f", text, size, &problems)) {
		assert(problems.length == 0);
		check_config(&config);
	} else {
		check_problems(&problems);
	}
	config_free(&config);
	buf_free(&problems);
	free(text);
	return 0;
}
