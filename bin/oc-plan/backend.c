#include <sha2.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "log.h"
#include "plan.h"
#include "secret.h"
#include "xalloc.h"

enum { KEY_MARK_DIGITS = 8 };

/* Two providers may name the same variable, which can be taken only once. */
static char *
take_key(const struct backend *others, const char *name, const char *kind)
{
	char *key;

	for (; others != NULL; others = others->next)
		if (*name != '\0' && strcmp(others->key_name, name) == 0)
			return others->key != NULL ? xstrdup(others->key)
						   : NULL;
	key = *name != '\0' ? secret_take(name) : NULL;

	/* the name that Google's own libraries use */
	if (key == NULL && strcmp(kind, "google") == 0)
		key = secret_take("GOOGLE_API_KEY");
	return key;
}

static char *
make_mark(const char *key)
{
	char digits[SHA256_DIGEST_STRING_LENGTH];

	if (key == NULL)
		return xstrdup("");
	SHA256Data((const uint8_t *)key, strlen(key), digits);
	return xstrndup(digits, KEY_MARK_DIGITS);
}

static struct backend *
add_backend(struct backend *first, const char *name,
    const struct config_provider *provider)
{
	struct backend *backend = xcalloc(1, sizeof *backend);

	backend->name = xstrdup(name);
	backend->base_url = xstrdup(provider->base_url);
	backend->key_name = xstrdup(provider->key_name);
	backend->provider = provider_by_kind(provider->kind);
	backend->key = take_key(first, provider->key_name, provider->kind);
	backend->key_mark = make_mark(backend->key);
	backend->stream = provider->stream;
	backend->next = first;
	return backend;
}

struct backend *
backends_open(const struct config *config)
{
	jv providers = config_get(config, "providers"), value;
	struct config_provider provider;
	struct json_iter iter = {0};
	struct backend *first = NULL;
	const char *name;

	/* the built-in one is always there, and never in the configuration */
	providers = json_set(providers, "local", json_object());
	while (json_next(&iter, providers, &name, &value)) {
		jv_free(value);
		if (!config_provider(config, name, &provider))
			continue;
		first = add_backend(first, name, &provider);
		config_provider_free(&provider);
	}
	jv_free(providers);
	return first;
}

void
backends_close(struct backend *backends)
{
	while (backends != NULL) {
		struct backend *next = backends->next;

		free(backends->name);
		free(backends->base_url);
		free(backends->key_name);
		free(backends->key_mark);
		secret_free(backends->key);
		free(backends);
		backends = next;
	}
}

struct backend *
backend_of(struct backend *backends, const char *name, const char **model)
{
	const char *slash = strchr(name, '/');
	struct backend *backend = backends;

	if (slash == NULL)
		return NULL;
	*model = slash + 1;
	while (backend != NULL &&
	       (strlen(backend->name) != (size_t)(slash - name) ||
		   strncmp(backend->name, name, (size_t)(slash - name)) != 0))
		backend = backend->next;
	return backend;
}
