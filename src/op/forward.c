/* SPDX-License-Identifier: MIT */
#include "op/forward.h"

int op_check_result(const struct op_infer *infer, int dy, int (*forward)(const struct op_infer *infer),
                    const int *ports, int count)
{
    struct op_tensor in[OP_MAX_PORTS], result;
    const double *constant[OP_MAX_PORTS];
    for (int i = 0; i < count; i++) {
        bool is_there = ports[i] >= 0 && ports[i] < infer->in_count;
        in[i] = is_there ? infer->in[ports[i]] : (struct op_tensor){.shape = {.rank = -1}};
        constant[i] = is_there && infer->in_constant != NULL ? infer->in_constant[ports[i]] : NULL;
    }
    result = in[0];
    struct op_infer rule = {.op = infer->op,
                            .options = infer->options,
                            .in = in,
                            .in_count = count,
                            .in_constant = constant,
                            .out = &result,
                            .out_count = 1,
                            .error = infer->error};
    int status = forward(&rule);
    if (status != FOV_OK) {
        return status;
    }
    const struct op_tensor *given = &infer->in[dy];
    if (given->dtype != result.dtype) {
        return error_set(infer->error, FOV_E_USAGE, "the gradient that comes in is %s, but the result is %s",
                         fov_dtype_name(given->dtype), fov_dtype_name(result.dtype));
    }
    if (!shape_fits(&given->shape, &result.shape)) {
        char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
        return error_set(infer->error, FOV_E_SHAPE, "the gradient that comes in is %s, but the result is %s",
                         shape_text(&given->shape, a), shape_text(&result.shape, b));
    }
    return FOV_OK;
}
