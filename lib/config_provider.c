#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "config.h"
#include "json.h"
#include "secret.h"
#include "xalloc.h"

static const char google_base_url[] =
    "https://generativelanguage.googleapis.com/v1beta";

/* Whether a part of the URL's path is a version: v1, v2beta. */
static bool
bears_version(const char *url)
{
	const char *part = strstr(url, "//");

	part = part != NULL ? strchr(part + 2, '/') : NULL;
	for (; part != NULL; part = strchr(part + 1, '/'))
		if ((part[1] == 'v' || part[1] == 'V') &&
		    isdigit((unsigned char)part[2]))
			return true;
	return false;
}

static char *
without_slashes(const char *url)
{
	size_t length = strlen(url);

	while (length > 0 && url[length - 1] == '/')
		length--;
	return xstrndup(url, length);
}

/* The address of the LiteLLM server's API, "" without one. */
static char *
litellm_url(const struct config *config)
{
	jv value = config_get(config, "litellm_base_url");
	char *base = without_slashes(json_as_string(value, ""));
	char *url = base;

	if (*base != '\0' && !bears_version(base)) {
		url = xasprintf("%s/v1", base);
		free(base);
	}
	jv_free(value);
	return url;
}

bool
config_provider(const struct config *config, const char *name,
    struct config_provider *provider)
{
	jv all = config_get(config, "providers");
	jv found = json_get(all, name);
	const char *kind, *url;
	bool ok = true;

	*provider = (struct config_provider){0};
	jv_free(all);
	if (strcmp(name, "local") == 0) {
		provider->kind = xstrdup("local");
		provider->base_url = xstrdup("");
		provider->key_name = xstrdup("");
	} else if (json_is_object(found)) {
		kind = json_get_string(found, "kind", "openai");
		url = json_get_string(found, "base_url", NULL);
		if (url == NULL && strcmp(kind, "google") == 0)
			url = google_base_url;
		provider->kind = xstrdup(kind);
		provider->base_url =
		    url != NULL ? without_slashes(url) : litellm_url(config);
		provider->key_name = xstrdup(json_get_string(found, "key", ""));
		provider->stream = json_get_bool(found, "stream", true);
	} else {
		ok = false;
	}
	jv_free(found);
	return ok;
}

void
config_provider_free(struct config_provider *provider)
{
	free(provider->kind);
	free(provider->base_url);
	free(provider->key_name);
	*provider = (struct config_provider){0};
}

void
config_register_secrets(const struct config *config)
{
	jv all = config_get(config, "providers"), provider;
	struct json_iter iter = {0};
	const char *name;

	while (json_next(&iter, all, &name, &provider)) {
		const char *key = json_get_string(provider, "key", "");

		if (*key != '\0')
			secret_add_name(key);
		jv_free(provider);
	}
	jv_free(all);
	all = config_get(config, "hooks.mappings");
	for (int i = 0, n = json_length(all); i < n; i++) {
		jv mapping = json_at(all, i);
		const char *secret = json_get_string(mapping, "secret", "");

		if (*secret != '\0')
			secret_add_name(secret);
		jv_free(mapping);
	}
	jv_free(all);
}
