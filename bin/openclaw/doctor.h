#ifndef OPENCLAW_DOCTOR_H
#define OPENCLAW_DOCTOR_H

#include <stdbool.h>
#include <jv.h>
#include "config.h"

/* What `openclaw doctor` found, one check after the other. */
enum doctor_level { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_ERROR };

struct doctor {
	jv checks; /* array of {"name","level","text"} */
	enum doctor_level worst;
};

/* The text says what is, and if that is not well what to do. */
void doctor_note(struct doctor *doctor, enum doctor_level level,
    const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- doctor_config.c */

/*
 * The configuration, its secrets, its workspace, the programs that it needs.
 * False when it is wrong, and then *config is not loaded.
 */
bool doctor_check_config(
    struct doctor *doctor, struct config *config, const char *file);
void doctor_check_secrets(struct doctor *doctor, const struct config *config);
void doctor_check_workspace(struct doctor *doctor, const struct config *config);
void doctor_check_programs(struct doctor *doctor, const struct config *config);

/* ---- doctor_browser.c */

/* Whether the browser of the configuration answers, or can be started. */
void doctor_check_browser(struct doctor *doctor, const struct config *config);

/* ---- doctor_reach.c */

/* Connects to each model provider and to Telegram, and says nothing there. */
void doctor_check_reach(struct doctor *doctor, const struct config *config);

#endif
