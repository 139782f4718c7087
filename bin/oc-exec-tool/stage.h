#ifndef OC_EXEC_STAGE_H
#define OC_EXEC_STAGE_H

#include "record.h"
#include "tools.h"

/*
 * The stage: turns come in, their calls run side by side, and each turn goes
 * on as soon as the last of its calls is done.
 */
struct stage;

struct stage *stage_new(struct tools *tools, size_t parallel, size_t in_flight);
void stage_free(struct stage *stage);

/* Works until the input has ended and the last turn is written. */
void stage_run(struct stage *stage, struct record_reader *input);

#endif
