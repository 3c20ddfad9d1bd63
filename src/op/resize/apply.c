/* SPDX-License-Identifier: MIT */
/* The fast form: one pass per axis, in which whole lines (all dimensions inside the axis) are weighted and added. Works
 * in both layouts and backwards: the table of a pass lists the input lines and weights of every result line, and the
 * transposed table gives the gradient, summed in the order of dy. */
#include "base/memory.h"
#include "op/resize/resize.h"

#include <stdio.h>
#include <string.h>

/** One pass. Its tables are in the state, after the plan. */
struct pass {
    size_t outer, inner, in, out; /**< the tensor is [outer][in][inner] before, [outer][out][inner] after */
    size_t starts, entries;       /**< offsets in the state, bytes: uint32 [out + 1], struct entry [entries] */
    size_t lines_per_chunk;
};

struct entry {
    uint32_t index;
    float    weight;
};

struct plan {
    size_t bytes; /**< of the state */
    int    passes;
    bool   backwards, crops;
    size_t buffer; /**< floats of the largest intermediate result */
    size_t count;  /**< floats of the result */
    struct pass pass[FOV_MAX_RANK];
    int         axis[FOV_MAX_RANK]; /**< the dimension of the shape that each pass resizes */
};

/** The dimension of the shape that is number `place` in storage order. */
static int axis_at(int rank, enum op_layout layout, int place)
{
    if (layout == OP_PLAIN || rank < 3) {
        return place;
    }
    return place == 0 ? 0 : place == rank - 1 ? 1 : place + 1;
}

static int geometry_of(const struct op_compile *compile, bool backwards, struct resize_geometry *geometry)
{
    struct resize_request request;
    const fov_shape *x = backwards ? &compile->in[1].shape : &compile->in[0].shape;
    int status = resize_request(&request, compile->in, compile->in_values, compile->in_count, backwards ? 2 : 1,
                                compile->error);
    return status != 0 ? status : resize_resolve(geometry, compile->options, x, &request, compile->error);
}

static int make_plan(const struct op_compile *compile, bool backwards, const struct resize_geometry *geometry,
                     struct plan *plan)
{
    const struct resize_options *options = compile->options;
    enum op_layout layout = compile->in[0].layout;
    int rank = geometry->rank;
    size_t size[FOV_MAX_RANK], bytes = memory_aligned(sizeof *plan);
    *plan = (struct plan){.backwards = backwards, .crops = options->coordinate == RESIZE_CROP && !backwards};
    for (int i = 0; i < rank; i++) {
        const struct resize_axis *axis = &geometry->axis[axis_at(rank, layout, i)];
        size[i] = (size_t)(backwards ? axis->out : axis->in);
    }
    /* Innermost axis first: the last pass has the longest lines and writes the result. Backwards in reverse order. */
    for (int i = 0; i < rank; i++) {
        int place = backwards ? i : rank - 1 - i, name = axis_at(rank, layout, place);
        const struct resize_axis *axis = &geometry->axis[name];
        if (resize_is_identity(options, axis)) {
            continue;
        }
        struct pass *pass = &plan->pass[plan->passes];
        size_t entries;
        *pass = (struct pass){.outer = 1, .inner = 1, .in = size[place]};
        pass->out = (size_t)(backwards ? axis->in : axis->out);
        size[place] = pass->out;
        for (int k = 0; k < rank; k++) {
            *(k < place ? &pass->outer : &pass->inner) *= k == place ? 1 : size[k];
        }
        if (axis->in > UINT32_MAX || axis->out > UINT32_MAX ||
            !size_multiply((size_t)axis->out, (size_t)resize_width(options, axis), &entries) || entries > UINT32_MAX) {
            return error_set(compile->error, FOV_E_SHAPE, "axis %d is too long to be resized", name);
        }
        pass->starts = bytes;
        pass->entries = bytes + memory_aligned((pass->out + 1) * sizeof(uint32_t));
        bytes = pass->entries + memory_aligned(entries * sizeof(struct entry));
        size_t work = pass->inner * (size_t)resize_width(options, axis) + 1;
        pass->lines_per_chunk = OP_CHUNK / work + 1;
        plan->axis[plan->passes++] = name;
        size_t count = 1;
        for (int k = 0; k < rank; k++) {
            count *= size[k];
        }
        plan->buffer = count > plan->buffer ? count : plan->buffer;
    }
    plan->count = op_count(&compile->out[0].shape);
    plan->bytes = bytes;
    return 0;
}

/** Forwards: the neighbours of each output. Backwards: for each input, the outputs it contributes to, in order. */
static void fill_table(const struct resize_options *options, const struct resize_axis *axis, bool backwards,
                       const struct pass *pass, char *state)
{
    uint32_t *starts = (uint32_t *)(void *)(state + pass->starts), filled = 0;
    struct entry *entries = (struct entry *)(void *)(state + pass->entries);
    if (!backwards) {
        for (int64_t o = 0; o < axis->out; o++) {
            struct resize_point point = resize_point(options, axis, o);
            starts[o] = filled;
            for (int64_t k = 0; k < point.width && !point.outside; k++) {
                size_t index;
                double weight = resize_weight(options, axis, &point, k, &index);
                if (weight != 0) {
                    entries[filled++] = (struct entry){(uint32_t)index, (float)weight};
                }
            }
        }
        starts[axis->out] = filled;
        return;
    }
    memset(starts, 0, (size_t)(axis->in + 1) * sizeof *starts);
    for (int round = 0; round < 2;
         round++) { /* first count, then fill: starts[i] is set to the end of input i's entries, then steps back */
        for (int64_t o = axis->out - 1; o >= 0; o--) {
            struct resize_point point = resize_point(options, axis, o);
            for (int64_t k = point.width - 1; k >= 0 && !point.outside; k--) {
                size_t index;
                double weight = resize_weight(options, axis, &point, k, &index);
                if (weight == 0) {
                    continue;
                }
                if (round == 0) {
                    starts[index]++;
                } else {
                    entries[--starts[index]] = (struct entry){(uint32_t)o, (float)weight};
                }
            }
        }
        for (int64_t i = 0; round == 0 && i <= axis->in; i++) {
            filled += starts[i];
            starts[i] = filled;
        }
    }
}

static int prepare_as(const struct op_compile *compile, void *state, bool backwards)
{
    struct resize_geometry geometry;
    struct plan *plan = state;
    int status = geometry_of(compile, backwards, &geometry);
    status = status != 0 ? status : make_plan(compile, backwards, &geometry, plan);
    for (int i = 0; status == 0 && i < plan->passes; i++) {
        fill_table(compile->options, &geometry.axis[plan->axis[i]], backwards, &plan->pass[i], state);
    }
    return status;
}

static int prepare_forwards(const struct op_compile *compile, void *state)
{
    return prepare_as(compile, state, false);
}

static int prepare_backwards(const struct op_compile *compile, void *state)
{
    return prepare_as(compile, state, true);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

struct job {
    const struct op_run   *run;
    const struct pass     *pass;
    const uint32_t        *starts;
    const struct entry    *entries;
    const float           *from;
    float                 *to;
};

/** A line of a single element: there is nothing to vectorise over. */
static void short_line(const struct job *job, const float *from, size_t o, float *to)
{
    float sum = 0;
    for (uint32_t e = job->starts[o]; e < job->starts[o + 1]; e++) {
        sum += job->entries[e].weight * from[job->entries[e].index];
    }
    *to = sum;
}

static void pass_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct job *job = context;
    const struct pass *pass = job->pass;
    const struct kernel_table *kernel = job->run->kernel;
    size_t lines = pass->outer * pass->out, first = op_chunk_begin(chunk, pass->lines_per_chunk);
    size_t end = first + op_chunk_length(chunk, pass->lines_per_chunk, lines), n = pass->inner;
    for (size_t line = first; line < end; line++) {
        size_t o = line % pass->out;
        const float *from = job->from + line / pass->out * pass->in * n;
        float *to = job->to + line * n;
        uint32_t e = job->starts[o], last = job->starts[o + 1];
        if (n == 1) {
            short_line(job, from, o, to);
        } else if (e == last) {
            memset(to, 0, n * sizeof *to);
        } else if (e + 1 == last && !(job->entries[e].weight < 1) && !(job->entries[e].weight > 1)) {
            memcpy(to, from + job->entries[e].index * n, n * sizeof *to);
        } else {
            for (float keep = 0; e < last; e++, keep = 1) {
                kernel->scale_add(n, job->entries[e].weight, from + job->entries[e].index * n, keep, to);
            }
        }
    }
}

/** Writes the extrapolation value to the results outside a crop: lines whose row of the table is empty. */
static void fill_outside(const struct op_run *run, const struct plan *plan, const struct pass *pass,
                         const uint32_t *starts)
{
    const struct resize_options *options = run->options;
    /* `inner` has the result's sizes already, as inner axes are resized first; `outer` may have been resized later. */
    size_t outer = plan->count / (pass->out * pass->inner == 0 ? 1 : pass->out * pass->inner);
    for (size_t line = 0; line < outer * pass->out; line++) {
        size_t o = line % pass->out;
        if (starts[o] == starts[o + 1]) {
            run->kernel->fill(pass->inner, (float)options->extrapolation_value,
                              (float *)run->out[0].data + line * pass->inner);
        }
    }
}

static void run(const struct op_run *run)
{
    const struct plan *plan = run->state;
    const float *from = run->in[0].data;
    if (plan->passes == 0) {
        op_copy(run, run->out[0].data, from, plan->count * sizeof *from);
        return;
    }
    for (int i = 0; i < plan->passes; i++) {
        const struct pass *pass = &plan->pass[i];
        float *to = i == plan->passes - 1 ? run->out[0].data : (float *)run->scratch + (size_t)(i % 2) * plan->buffer;
        struct job job = {run, pass, (const uint32_t *)(const void *)((const char *)run->state + pass->starts),
                          (const struct entry *)(const void *)((const char *)run->state + pass->entries), from, to};
        pool_run(run->pool, pass_chunk, &job, op_chunks(pass->outer * pass->out, pass->lines_per_chunk));
        from = to;
    }
    for (int i = 0; plan->crops && i < plan->passes; i++) {
        fill_outside(run, plan, &plan->pass[i],
                     (const uint32_t *)(const void *)((const char *)run->state + plan->pass[i].starts));
    }
}

int resize_compile(struct op_compile *compile, bool backwards)
{
    struct resize_geometry geometry;
    struct plan plan;
    int status = geometry_of(compile, backwards, &geometry);
    status = status != 0 ? status : make_plan(compile, backwards, &geometry, &plan);
    if (status != 0) {
        return status;
    }
    compile->run = run;
    compile->prepare = backwards ? prepare_backwards : prepare_forwards;
    compile->state = plan.bytes;
    compile->scratch = plan.passes < 2 ? 0 : plan.buffer * sizeof(float) * (plan.passes > 2 ? 2 : 1);
    snprintf(compile->detail, sizeof compile->detail, "%d axes, one after the other", plan.passes);
    return 0;
}
