/* SPDX-License-Identifier: MIT */
/* Pairs: a large weight's gradient and the optimiser that reads it run alternately. The gradient of VGG-16's first
 * dense layer is as large as its weight, 392 MiB, and lives from one step to the next. If the operator can compute it
 * some rows at a time, and the optimiser treats each element on its own, the two steps alternate: some rows of the
 * gradient, then their update, out of the cache. Each element is computed as before, so no bit changes. */
#include "graph/plan.h"

enum { WORTH = 32 << 20 /* bytes of the gradient */, PART = 16 << 20 };

static bool reads_only_here(const fov_plan *plan, int storage, size_t producer, size_t reader)
{
    for (size_t s = 0; s < plan->step_count; s++) {
        const struct plan_step *step = &plan->steps[s];

        for (int i = 0; i < step->in_count; i++)
            if (step->in[i] >= 0 && plan->tensors[step->in[i]].storage == storage && s != reader)
                return false;
        for (int i = 0; i < step->out_count; i++)
            if (step->out[i] >= 0 && plan->tensors[step->out[i]].storage == storage && s != producer)
                return false;
    }
    return true;
}

/* Rows of the gradient that steps s and s + 1 exchange at a time; 0: they cannot be a pair. */
static size_t rows_together(const fov_plan *plan, size_t s)
{
    const struct plan_step    *producer = &plan->steps[s], *reader = &plan->steps[s + 1];
    const struct plan_tensor  *tensor;
    const struct plan_storage *storage;
    size_t                     unit = producer->compile.rows_together, row;
    bool                       read = false;

    if (producer->skip || !unit || reader->skip || !reader->op->by_elements || !reader->op->cpu ||
        producer->out_count < 1 || producer->out[0] < 0)
        return 0;
    tensor  = &plan->tensors[producer->out[0]];
    storage = &plan->storages[tensor->storage];
    for (int i = 0; i < reader->in_count; i++)
        read = read || reader->in[i] == producer->out[0];
    if (!read || storage->fixed || storage->keep || storage->output || tensor->bytes < WORTH ||
        tensor->bytes != storage->bytes || tensor->layout != OP_PLAIN || tensor->shape.rank < 2 ||
        !reads_only_here(plan, tensor->storage, s, s + 1))
        return 0;
    row = tensor->bytes / (size_t)tensor->shape.dim[0];
    return PART / row / unit ? PART / row / unit * unit : unit;
}

void plan_find_pairs(fov_plan *plan)
{
    for (size_t s = 0; s + 1 < plan->step_count; s++) {
        struct plan_step         *step = &plan->steps[s];
        size_t                    rows = rows_together(plan, s);
        const struct plan_tensor *tensor;

        if (!rows || rows >= (size_t)plan->tensors[step->out[0]].shape.dim[0])
            continue;
        tensor          = &plan->tensors[step->out[0]];
        step->pair_rows = rows;
        plan->steps[s + 1].paired                = true;
        plan->storages[tensor->storage].bytes = tensor->bytes / (size_t)tensor->shape.dim[0] * rows;
    }
}

/* Narrows every tensor of the optimiser that has the gradient's shape to `count` rows from `first` on. `before`: the
 * first row of the previous call, at which the tensors' data begin now. */
static void look_at(struct plan_step *step, const struct op_tensor *gradient, const fov_shape *whole, size_t before,
                    size_t first, size_t count)
{
    size_t row = shape_span(whole, 1, whole->rank) * fov_dtype_size(gradient->dtype);

    for (int i = 0; i < step->in_count + step->out_count; i++) {
        struct op_tensor *tensor = &step->tensors[i];
        fov_shape         shape  = tensor->shape;

        if (shape.rank != whole->rank)
            continue;
        shape.dim[0] = whole->dim[0];
        if (!shape_equal(&shape, whole))
            continue;
        tensor->shape.dim[0] = (int64_t)count;
        if (tensor->data && tensor->data != gradient->data)
            tensor->data = (char *)tensor->data - before * row + first * row;
    }
}

void plan_run_pair(struct plan_step *producer, struct plan_step *reader)
{
    const struct op_tensor *gradient = &producer->tensors[producer->in_count];
    size_t                  rows = (size_t)gradient->shape.dim[0], before = 0;

    for (size_t first = 0; first < rows; first += producer->pair_rows) {
        producer->run.row_first = first;
        producer->run.row_count = rows - first < producer->pair_rows ? rows - first : producer->pair_rows;
        producer->compile.run(&producer->run);
        look_at(reader, gradient, &gradient->shape, before, first, producer->run.row_count);
        before = first;
        reader->compile.run(&reader->run);
    }
    look_at(reader, gradient, &gradient->shape, before, 0, rows);
    producer->run.row_first = producer->run.row_count = 0;
}
