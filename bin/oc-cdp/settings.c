#include <stdlib.h>
#include <sysexits.h>
#include "json.h"
#include "log.h"
#include "rule.h"
#include "settings.h"
#include "xalloc.h"

static char *
path_of(const struct config *config, const char *key)
{
	jv value = config_get(config, key);
	const char *text = json_as_string(value, NULL);
	char *path = text != NULL ? config_expand_home(text) : NULL;

	jv_free(value);
	return path;
}

static void
read_allow(const struct config *config, struct netaddr_allow *allow)
{
	jv list = config_get(config, "tools.fetch.allow");

	for (int i = 0; i < json_length(list); i++) {
		jv entry = json_at(list, i);
		const char *problem = NULL;
		const char *text = json_as_string(entry, "");

		if (!netaddr_allow_add(allow, text, &problem))
			fatal(EX_CONFIG, "%s: tools.fetch.allow: %s: %s",
			    config_where(config, "tools.fetch.allow"), text,
			    problem);
		jv_free(entry);
	}
	jv_free(list);
}

static struct rule *
read_rule(const struct config *config)
{
	jv text = config_get(config, "browser.cookies_when");
	struct rule *rule = NULL;
	char *error = NULL;

	if (json_is_string(text)) {
		rule = rule_compile(json_as_string(text, ""), &error);
		if (rule == NULL)
			fatal(EX_CONFIG, "%s: browser.cookies_when: %s",
			    config_where(config, "browser.cookies_when"),
			    error);
	}
	jv_free(text);
	return rule;
}

void
settings_read(struct settings *settings, const struct config *config)
{
	jv url = config_get(config, "browser.url");

	*settings = (struct settings){
	    .command = config_get(config, "browser.command"),
	    .files = config_workspace(config),
	    .files_below = "browser",
	    .cookies = path_of(config, "browser.cookies"),
	    .cookies_domains = config_get(config, "browser.cookies_domains"),
	    .timeout_ms = config_int(config, "browser.timeout_s") * 1000,
	    .idle_ms = config_int(config, "browser.idle_s") * 1000,
	    .keep = *config_string(config, "browser.keep") == 's',
	    .sessions = (size_t)config_int(config, "browser.sessions"),
	    .download_bytes =
		(uint64_t)config_int(config, "browser.download_bytes"),
	    .download_dir = path_of(config, "browser.download_dir"),
	};
	if (json_is_string(url))
		settings->url = xstrdup(json_as_string(url, ""));
	jv_free(url);
	if (settings->url != NULL && json_is_array(settings->command))
		fatal(EX_CONFIG,
		    "%s: browser: either url or command can be given, not "
		    "both",
		    config_where(config, "browser.command"));
	if (json_is_array(settings->command) &&
	    json_length(settings->command) == 0)
		fatal(EX_CONFIG, "%s: browser.command: a program is needed",
		    config_where(config, "browser.command"));
	read_allow(config, &settings->allow);
	if (settings_has_browser(settings))
		settings->cookies_when = read_rule(config);
}

void
settings_free(struct settings *settings)
{
	free(settings->url);
	jv_free(settings->command);
	netaddr_allow_free(&settings->allow);
	free(settings->files);
	free(settings->cookies);
	jv_free(settings->cookies_domains);
	rule_free(settings->cookies_when);
	free(settings->download_dir);
	*settings = (struct settings){
	    .command = json_null(), .cookies_domains = json_null()};
}

bool
settings_has_browser(const struct settings *settings)
{
	return settings->url != NULL || json_is_array(settings->command);
}
