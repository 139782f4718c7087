#ifndef OC_RECV_HTTP_READY_H
#define OC_RECV_HTTP_READY_H

#include <jv.h>
#include "config.h"
#include "submit.h"

/*
 * What keeps the gateway from taking messages now, as the files below
 * $OC_STATE tell: an array of {"check","message"}, empty when all is well.
 * `started` is when this process started (clock_mono_ms).
 */
jv ready_failing(
    const struct config *config, const struct submit *submit, int64_t started);

#endif
