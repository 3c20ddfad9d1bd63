/* SPDX-License-Identifier: MIT */
/* Smaller and smaller batches, until one fits. */
#include "graph/fitting.h"
#include "base/text.h"
#include <inttypes.h>
#include <string.h>

void add_fitting_batch(struct fov_context *context, int64_t batch, int (*opens)(void *user, int64_t batch), void *user)
{
    struct error refused = context->error;
    int status = refused.status;

    if (status != FOV_E_MEMORY || memory_limit(context->memory) == 0 || atomic_load(&context->depth) != 1)
        return;
    while (status == FOV_E_MEMORY && batch > 1) {
        batch /= 2;
        error_clear(&context->error);
        status = opens(user, batch);
    }
    context->error = refused;
    if (status == FOV_OK)
        text_append(context->error.text, sizeof context->error.text, strlen(refused.text), "; batch %" PRId64 " fits",
                    batch);
    else if (status == FOV_E_MEMORY)
        text_append(context->error.text, sizeof context->error.text, strlen(refused.text),
                    "; no batch fits, not even one");
}
