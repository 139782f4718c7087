#ifndef OC_SEND_API_H
#define OC_SEND_API_H

#include <stdbool.h>
#include <stdint.h>
#include <jv.h>
#include "config.h"
#include "http.h"
#include "upload.h"

/* Calls that send, and what their answers mean for sending again. */
enum api_outcome {
	API_OK,
	API_NOT_SENT,  /* the connection never stood */
	API_MAYBE,     /* broken off after the request may have gone out */
	API_WAIT,      /* 429 */
	API_SERVER,    /* 5xx: nothing was done */
	API_BAD_TOKEN, /* 401, 404 */
	API_REFUSED,   /* any other error */
};

struct api_answer {
	enum api_outcome outcome;
	jv result;          /* of API_OK; borrowed */
	const char *error;  /* in words, without the token; "" for API_OK */
	int64_t wait_ms;    /* of API_WAIT */
	const char *new_id; /* the chat's new id, or NULL */
};

struct api;
struct api_call;

/* The token is taken from the environment; without it EX_CONFIG. */
struct api *api_new(const struct config *config);
void api_free(struct api *api); /* no call may be under way */
struct http *api_http(const struct api *api);

/*
 * Calls a method.  With `own_upload` (may be NULL) the parameters become
 * fields of its form, and it is ended and freed here.  `done` is called once,
 * and what it is given lives until it returns.
 */
struct api_call *api_start(struct api *api, const char *method, jv own_params,
    struct upload *own_upload,
    void (*done)(void *arg, const struct api_answer *answer), void *arg);
/* Ends it now; `done` is not called. */
void api_cancel(struct api_call *call);

/* Whether an error's text says this, whatever its case. */
bool api_error_says(const struct api_answer *answer, const char *words);

#endif
