#ifndef OC_CONFIG_H
#define OC_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "buf.h"

/*
 * The configuration (openclaw.yaml(5)): one YAML file, checked against the
 * schema in config_schema.c, with the defaults filled in.
 */
struct config {
	jv value;   /* the whole, defaults filled in; an object */
	char *path; /* of the file, or NULL: built-in defaults alone */
	jv marks;   /* "routes[0].when" -> [line, column], from 1; a key
	               with other bytes than [A-Za-z0-9_-] is ["so"] */
};

/*
 * Loads `path`, or if that is NULL $OC_CONFIG, ~/.openclaw/openclaw.yaml or
 * ~/.openclaw/openclaw.json, or if none of these is there the defaults.  All
 * that is wrong is logged, a line each with file:line:column, and the program
 * ends: EX_CONFIG, or EX_NOINPUT for a file that was named and cannot be read.
 * OC_ALLOW_UNCONFIGURED=1 in the environment sets allow_unconfigured.
 */
void config_load(struct config *config, const char *path);

/*
 * The same without ending: false when something is wrong, and then each
 * problem is a line of *problems.  `name` stands for the file in messages.
 */
bool config_parse(struct config *config, const char *name, const char *text,
    size_t length, struct buf *problems);
void config_free(struct config *config);

/*
 * "file:line:column" of a key by its path ("routes[0].when"), or of the
 * nearest one around it; "built-in" for a default.  The caller frees it.
 */
char *config_where(const struct config *config, const char *path);

/*
 * Values by a path of keys divided by dots.  The schema guarantees that they
 * are there and of their type; a path that it does not know is our bug, and
 * so is config_int and the like for a key that may be null.
 */
jv config_get(const struct config *config, const char *path);
const char *config_string(const struct config *config, const char *path);
int64_t config_int(const struct config *config, const char *path);
bool config_bool(const struct config *config, const char *path);

/* The workspace's path with ~ expanded; the caller frees it. */
char *config_workspace(const struct config *config);
/* ~/x as $HOME/x; the caller frees it. */
char *config_expand_home(const char *path);

/*
 * The kind of a provider, "google", "openai" or "local", its base URL without
 * a final slash (where it has none of its own, Google's for that kind, else
 * litellm_base_url with /v1 if it bears no version, else ""), the name of the
 * variable with its key ("" if it needs none), and whether to stream.  False
 * for a provider that is not configured.  config_provider_free releases the
 * strings.
 */
struct config_provider {
	char *kind, *base_url, *key_name;
	bool stream; /* answers come as a stream of events */
};
bool config_provider(const struct config *config, const char *name,
    struct config_provider *provider);
void config_provider_free(struct config_provider *provider);

/*
 * Every model that the configuration names, in the usual order: the primary,
 * the fallbacks, then those of routes; each once.  An array of strings.
 */
jv config_models(const struct config *config);

/*
 * Compiles every rule of the configuration, which config_parse does not
 * because each costs 15 to 20 ms; a program compiles those that it uses.
 * False when one is wrong, and then each is a line of *problems.
 */
bool config_check_rules(const struct config *config, struct buf *problems);

/*
 * Registers the variables of the providers' keys and of the hooks' secrets
 * with secret_add_name, so that secret_scrub_environment knows them.  config_load does it.
 */
void config_register_secrets(const struct config *config);

#endif
