#ifndef OC_EXEC_WARDEN_H
#define OC_EXEC_WARDEN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * A warden is a small process between the stage and one command.  Everything
 * that the command starts, however it detaches itself, has the warden as its
 * last parent, and the warden does not end before all of that has: when the
 * command is done, at its deadline, on SIGTERM, and when the stage dies.
 */
enum {
	WARDEN_GRACE_MS = 2000, /* from SIGTERM to SIGKILL */
	WARDEN_KILL_MS = 3000,  /* then what cannot be killed is left alone */
};

struct warden_spec {
	char *const *argv;
	char *const *envp;
	const char *directory;
	int64_t timeout_ms;
};

/* How the command ended: one write(2) to the report pipe, then exit. */
struct warden_report {
	int start_error;    /* errno: it could not be run at all; else 0 */
	int wait_status;    /* of the command itself */
	bool timeout;       /* ended at its deadline */
	bool stopped;       /* ended by SIGTERM to the warden */
	unsigned int left;  /* processes that could not be killed */
	int64_t ms, cpu_ms; /* of all that was waited for */
	int64_t rss_bytes;  /* of the largest one */
};

struct warden {
	pid_t pid;
	int report; /* non-blocking; a warden_report, then the end of file */
	int output; /* non-blocking; the command's output and error output */
};

/*
 * Starts a warden and with it the command.  False with errno set when no
 * process or pipe could be had; a command that cannot be run is told by the
 * report.
 */
bool warden_start(struct warden *warden, const struct warden_spec *spec);

#endif
