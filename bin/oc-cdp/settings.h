#ifndef OC_CDP_SETTINGS_H
#define OC_CDP_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jv.h>
#include "config.h"
#include "netaddr.h"

struct rule;

/* What the configuration says about the browser. */
struct settings {
	char *url;  /* of a browser that runs, or NULL */
	jv command; /* of one to be started: an array, or null */
	struct netaddr_allow allow;
	char *files;               /* where files are made, below that: */
	const char *files_below;   /* "browser", or "." */
	char *cookies;             /* the file, or NULL */
	jv cookies_domains;        /* an array, or null: every one */
	struct rule *cookies_when; /* over the turn; NULL: always */
	int64_t timeout_ms;        /* of one call */
	int64_t idle_ms;           /* until what nobody uses is closed */
	bool keep; /* a session keeps its pages when a turn ends */
	size_t sessions;
	uint64_t download_bytes;
	char *download_dir; /* that a browser of others writes to, or NULL */
};

/* Ends the program (EX_CONFIG) where the parts contradict each other. */
void settings_read(struct settings *settings, const struct config *config);
void settings_free(struct settings *settings);
/* Whether there is a browser at all. */
bool settings_has_browser(const struct settings *settings);

#endif
