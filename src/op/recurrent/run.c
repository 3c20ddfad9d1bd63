/* SPDX-License-Identifier: MIT */
/* Recurrent layers on the CPU. The product W x is computed once for all steps; then each step adds the product R h.
 * Samples are independent of each other, so each block of samples runs through all steps by itself, on any thread. */
#include "op/recurrent/recurrent.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK_TILES = 16, MOST_BLOCKS = 16 };

struct plan {
    struct recurrent r;
    size_t rows;                  /**< of W and R: gates * hidden */
    size_t w_packed, r_packed;    /**< floats per direction */
    size_t first_rows, candidate; /**< rows of R's first part; offset of GRU's candidate in packed R, floats */
    size_t input_block, input_blocks;   /**< rows of x (all steps and samples) per block; blocks */
    size_t sample_block, sample_blocks; /**< samples per block; blocks */
};

static void make_plan(struct plan *plan, const struct kernel_table *kernel)
{
    const struct recurrent *r = &plan->r;
    size_t all = r->steps * r->samples, share = op_chunks(r->samples, MOST_BLOCKS);
    plan->rows = r->gates * r->hidden;
    plan->first_rows = r->cell == CELL_GRU ? 2 * r->hidden : plan->rows;
    plan->w_packed = kernel_padded_filters(kernel, plan->rows) * r->features;
    plan->candidate = kernel_padded_filters(kernel, plan->first_rows) * r->hidden;
    plan->r_packed = plan->candidate + (r->cell == CELL_GRU ? kernel_padded_filters(kernel, r->hidden) * r->hidden : 0);
    plan->input_block = BLOCK_TILES * kernel->tile_rows;
    plan->input_blocks = op_chunks(all, plan->input_block);
    plan->sample_block = op_chunks(share, kernel->tile_rows) * kernel->tile_rows;
    plan->sample_blocks = op_chunks(r->samples, plan->sample_block);
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

static void pack_matrix(const struct op_run *run, const float *weights, size_t rows, size_t columns, float *packed)
{
    const struct kernel_table *kernel = run->kernel;
    for (size_t first = 0; columns > 0 && first < rows; first += kernel->panel_columns) {
        size_t rest = rows - first;
        struct kernel_weights shape = {.filters = rest < kernel->panel_columns ? rest : kernel->panel_columns,
                                       .channels = columns,
                                       .taps = 1,
                                       .filter_stride = columns,
                                       .channel_stride = 1};
        kernel->pack_weights(&shape, weights + first * columns, packed + first * columns);
    }
}

static void pack(const struct op_run *run)
{
    const struct plan *plan = run->state;
    const struct recurrent *r = &plan->r;
    for (size_t d = 0; d < r->directions; d++) {
        const float *w = (const float *)run->in[W].data + d * plan->rows * r->features;
        const float *rec = (const float *)run->in[R].data + d * plan->rows * r->hidden;
        float *to = (float *)run->packed[R] + d * plan->r_packed;
        pack_matrix(run, w, plan->rows, r->features, (float *)run->packed[W] + d * plan->w_packed);
        pack_matrix(run, rec, plan->first_rows, r->hidden, to);
        pack_matrix(run, rec + plan->first_rows * r->hidden, plan->rows - plan->first_rows, r->hidden,
                    to + plan->candidate);
    }
}

/* ---- the product of the inputs, W x ------------------------------------------------------------------------------ */

struct job {
    const struct op_run *run;
    const struct plan *plan;
    float *projected; /**< [directions][steps * samples][rows]: W x + bias */
    float *bias;      /**< [directions][rows]: Wb + Rb; for GRU's candidate with linear_before_reset, Wb only */
};

static const float *data_at(const struct op_run *run, int port, size_t offset)
{
    return recurrent_has(run->in, run->in_count, port) ? (const float *)run->in[port].data + offset : NULL;
}

static void add_biases(const struct job *job)
{
    const struct recurrent *r = &job->plan->r;
    size_t rows = job->plan->rows, apart = r->cell == CELL_GRU && r->linear_before_reset ? 2 * r->hidden : rows;
    for (size_t d = 0; d < r->directions; d++) {
        const float *b = data_at(job->run, B, d * 2 * rows);
        for (size_t row = 0; row < rows; row++) {
            job->bias[d * rows + row] = b == NULL ? 0 : b[row] + (row < apart ? b[rows + row] : 0);
        }
    }
}

static void project_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct job *job = context;
    const struct plan *plan = job->plan;
    const struct recurrent *r = &plan->r;
    size_t d = chunk / plan->input_blocks, block = chunk % plan->input_blocks, all = r->steps * r->samples;
    size_t first = op_chunk_begin(block, plan->input_block);
    struct kernel_product product = {
        .rows = op_chunk_length(block, plan->input_block, all),
        .filters = plan->rows,
        .taps = 1,
        .channels = r->features,
        .x = (const float *)job->run->in[X].data + first * r->features,
        .x_stride = r->features,
        .weights = (const float *)job->run->packed[W] + d * plan->w_packed,
        .bias = job->bias + d * plan->rows,
        .out = job->projected + (d * all + first) * plan->rows,
        .out_stride = plan->rows,
    };
    job->run->kernel->product(&product);
}

/* ---- one step ---------------------------------------------------------------------------------------------------- */

/** One block of samples of one direction, and its workspace. */
struct block {
    const struct op_run *run;
    const struct plan *plan;
    const struct recurrent_function *function; /**< f, g, h */
    size_t d, first, count;
    float *raw;          /**< [count][rows]: inputs of the gates' activations, then the gates */
    float *h, *c, *part; /**< [count][hidden]: state; LSTM's cell state; GRU's reset * h or (linear_before_reset) R h */
    float *row;          /**< [hidden]: workspace of LSTM */
    const float *weights, *candidate_bias, *peepholes;
};

static void apply(const struct block *block, const struct recurrent_function *function, size_t count, const float *x,
                  float *y)
{
    static const enum unary kernels[ACT_COUNT] = {
        [ACT_RELU] = UNARY_relu,
        [ACT_TANH] = UNARY_tanh,
        [ACT_SIGMOID] = UNARY_sigmoid,
        [ACT_AFFINE] = UNARY_affine,
        [ACT_LEAKY_RELU] = UNARY_leaky_relu,
        [ACT_THRESHOLDED_RELU] = UNARY_thresholded_relu,
        [ACT_SCALED_TANH] = UNARY_tanh,
        [ACT_HARD_SIGMOID] = UNARY_hard_sigmoid,
        [ACT_ELU] = UNARY_elu,
        [ACT_SOFTSIGN] = UNARY_softsign,
        [ACT_SOFTPLUS] = UNARY_softplus,
    };
    const struct kernel_table *kernel = block->run->kernel;
    float alpha = (float)function->alpha, beta = (float)function->beta;
    if (function->kind == ACT_SCALED_TANH) {
        kernel->unary[UNARY_affine](count, x, y, beta, 0);
        kernel->unary[UNARY_tanh](count, y, y, 0, 0);
        kernel->unary[UNARY_affine](count, y, y, alpha, 0);
        return;
    }
    kernel->unary[kernels[function->kind]](count, x, y, alpha, beta);
}

/** Computes a gate in place: clips x, then applies the activation. */
static void gate(const struct block *block, const struct recurrent_function *function, size_t count, float *x)
{
    float clip = (float)block->plan->r.clip;
    if (clip > 0) {
        block->run->kernel->unary[UNARY_clip](count, x, x, -clip, clip);
    }
    apply(block, function, count, x, x);
}

/** out = h R^T + bias or, with `accumulate`, out += h R^T, over some rows of R. */
static void add_product(const struct block *block, const float *h, const float *weights, size_t rows, float *out,
                        size_t stride, const float *bias, bool accumulate)
{
    size_t hidden = block->plan->r.hidden;
    struct kernel_product product = {.rows = block->count,
                                     .filters = rows,
                                     .taps = 1,
                                     .channels = hidden,
                                     .x = h,
                                     .x_stride = hidden,
                                     .weights = weights,
                                     .bias = bias,
                                     .out = out,
                                     .out_stride = stride,
                                     .accumulate = accumulate};
    block->run->kernel->product(&product);
}

static void add_weighted(float *to, const float *weights, const float *x, size_t count)
{
    for (size_t j = 0; j < count; j++) {
        to[j] += weights[j] * x[j];
    }
}

/** Saves values of one sample that the gradient needs; does nothing if `saved` is NULL. */
static void save(float *saved, size_t part, size_t parts, const float *from, size_t hidden)
{
    if (saved != NULL) {
        memcpy(saved + part * hidden, from, parts * hidden * sizeof *from);
    }
}

static void lstm_sample(const struct block *block, size_t n, float *saved)
{
    const struct recurrent *r = &block->plan->r;
    size_t hidden = r->hidden;
    float *i = block->raw + n * block->plan->rows, *o = i + hidden, *forget = o + hidden, *candidate = forget + hidden;
    float *h = block->h + n * hidden, *c = block->c + n * hidden, *shown = block->row;
    const float *p = block->peepholes;
    const struct recurrent_function *f = block->function;
    save(saved, 4, 1, c, hidden);
    save(saved, 5, 1, h, hidden);
    if (p != NULL) {
        add_weighted(i, p, c, hidden);
        add_weighted(forget, p + 2 * hidden, c, hidden);
    }
    save(saved, 0, 4, i, hidden); /* the output gate is saved again below: its peephole reads the new cell state */
    gate(block, f, hidden, i);
    gate(block, f, hidden, forget);
    gate(block, f + 1, hidden, candidate);
    for (size_t j = 0; j < hidden; j++) {
        c[j] = (r->input_forget ? 1 - i[j] : forget[j]) * c[j] + i[j] * candidate[j];
    }
    if (p != NULL) {
        add_weighted(o, p + hidden, c, hidden);
        save(saved, 1, 1, o, hidden);
    }
    gate(block, f, hidden, o);
    apply(block, f + 2, hidden, c, shown);
    for (size_t j = 0; j < hidden; j++) {
        h[j] = o[j] * shown[j];
    }
}

/** Computes GRU's update and reset gates, which the candidate's product needs. */
static void gru_reset(const struct block *block, size_t n, float *saved)
{
    const struct recurrent *r = &block->plan->r;
    size_t hidden = r->hidden;
    float *z = block->raw + n * block->plan->rows, *reset = z + hidden;
    float *h = block->h + n * hidden, *part = block->part + n * hidden;
    save(saved, 0, 2, z, hidden);
    save(saved, 4, 1, h, hidden);
    gate(block, block->function, 2 * hidden, z);
    for (size_t j = 0; !r->linear_before_reset && j < hidden; j++) {
        part[j] = reset[j] * h[j];
    }
}

static void gru_sample(const struct block *block, size_t n, float *saved)
{
    const struct recurrent *r = &block->plan->r;
    size_t hidden = r->hidden;
    float *z = block->raw + n * block->plan->rows, *reset = z + hidden, *candidate = reset + hidden;
    float *h = block->h + n * hidden, *part = block->part + n * hidden;
    if (r->linear_before_reset) {
        add_weighted(candidate, reset, part, hidden);
    }
    save(saved, 2, 1, candidate, hidden);
    save(saved, 3, 1, part, hidden);
    gate(block, block->function + 1, hidden, candidate);
    for (size_t j = 0; j < hidden; j++) {
        h[j] = (1 - z[j]) * candidate[j] + z[j] * h[j];
    }
}

static void rnn_sample(const struct block *block, size_t n, float *saved)
{
    size_t hidden = block->plan->r.hidden;
    float *raw = block->raw + n * hidden, *h = block->h + n * hidden;
    save(saved, 0, 1, raw, hidden);
    save(saved, 1, 1, h, hidden);
    gate(block, block->function, hidden, raw);
    memcpy(h, raw, hidden * sizeof *h);
}

/* ---- all steps of a block ---------------------------------------------------------------------------------------- */

static size_t length_of(const struct op_run *run, const struct recurrent *r, size_t n)
{
    if (!recurrent_has(run->in, run->in_count, LENGTHS)) {
        return r->steps;
    }
    return recurrent_length(r, (double)((const int32_t *)run->in[LENGTHS].data)[n]);
}

/** The row of a sample's step s in [steps, samples]; SIZE_MAX: the sample's sequence has ended. */
static size_t place_of(const struct block *block, size_t n, size_t s)
{
    const struct recurrent *r = &block->plan->r;
    size_t length = length_of(block->run, r, block->first + n);
    if (s >= length) {
        return SIZE_MAX;
    }
    size_t t = recurrent_is_reverse(block->run->options, block->d) ? length - 1 - s : s;
    return t * r->samples + block->first + n;
}

static float *out_data(const struct op_run *run, int port)
{
    return port < run->out_count && run->out[port].shape.rank >= 0 ? run->out[port].data : NULL;
}

static float *saved_at(const struct block *block, size_t place)
{
    const struct recurrent *r = &block->plan->r;
    float *saved = out_data(block->run, r->cell == CELL_LSTM ? LSTM_SAVED : SAVED);
    size_t row = block->d * r->steps * r->samples + place;
    return saved != NULL ? saved + row * r->saved * r->hidden : NULL;
}

static void run_step(const struct block *block, const float *projected, size_t s)
{
    const struct plan *plan = block->plan;
    const struct recurrent *r = &plan->r;
    size_t hidden = r->hidden;
    bool is_gru = r->cell == CELL_GRU;
    for (size_t n = 0; n < block->count; n++) {
        size_t place = place_of(block, n, s);
        if (place != SIZE_MAX) {
            memcpy(block->raw + n * plan->rows, projected + place * plan->rows, plan->rows * sizeof(float));
        } else { /* the sequence has ended: its state stays, and the product of this row is not used */
            memset(block->raw + n * plan->rows, 0, plan->rows * sizeof(float));
        }
    }
    add_product(block, block->h, block->weights, plan->first_rows, block->raw, plan->rows, NULL, true);
    if (is_gru) {
        for (size_t n = 0; n < block->count; n++) {
            size_t place = place_of(block, n, s);
            if (place != SIZE_MAX) {
                gru_reset(block, n, saved_at(block, place));
            }
        }
        if (r->linear_before_reset) {
            add_product(block, block->h, block->weights + plan->candidate, hidden, block->part, hidden,
                        block->candidate_bias, false);
        } else {
            add_product(block, block->part, block->weights + plan->candidate, hidden, block->raw + 2 * hidden,
                        plan->rows, NULL, true);
        }
    }
    float *y = out_data(block->run, Y);
    for (size_t n = 0; n < block->count; n++) {
        size_t place = place_of(block, n, s);
        if (place == SIZE_MAX) {
            continue;
        }
        if (r->cell == CELL_LSTM) {
            lstm_sample(block, n, saved_at(block, place));
        } else if (is_gru) {
            gru_sample(block, n, saved_at(block, place));
        } else {
            rnn_sample(block, n, saved_at(block, place));
        }
        if (y != NULL) {
            size_t t = place / r->samples, row = (t * r->directions + block->d) * r->samples + block->first + n;
            memcpy(y + row * hidden, block->h + n * hidden, hidden * sizeof *y);
        }
    }
}

static void begin_state(const struct block *block, int port, float *state)
{
    const struct recurrent *r = &block->plan->r;
    const float *given = data_at(block->run, port, (block->d * r->samples + block->first) * r->hidden);
    size_t bytes = block->count * r->hidden * sizeof *state;
    if (given != NULL) {
        memcpy(state, given, bytes);
    } else {
        memset(state, 0, bytes);
    }
}

static void end_state(const struct block *block, int port, const float *state)
{
    const struct recurrent *r = &block->plan->r;
    float *to = out_data(block->run, port);
    if (to != NULL) {
        memcpy(to + (block->d * r->samples + block->first) * r->hidden, state,
               block->count * r->hidden * sizeof *state);
    }
}

static size_t workspace(const struct plan *plan)
{
    return plan->sample_block * (plan->rows + 3 * plan->r.hidden) + plan->r.hidden;
}

static void block_chunk(void *context, size_t chunk, int worker)
{
    const struct job *job = context;
    const struct plan *plan = job->plan;
    const struct recurrent *r = &plan->r;
    float *workspace = op_worker_scratch(job->run, worker);
    struct block block = {.run = job->run,
                          .plan = plan,
                          .d = chunk / plan->sample_blocks,
                          .first = op_chunk_begin(chunk % plan->sample_blocks, plan->sample_block),
                          .count = op_chunk_length(chunk % plan->sample_blocks, plan->sample_block, r->samples),
                          .raw = workspace};
    block.h = block.raw + plan->sample_block * plan->rows;
    block.c = block.h + plan->sample_block * r->hidden;
    block.part = block.c + plan->sample_block * r->hidden;
    block.row = block.part + plan->sample_block * r->hidden;
    block.function = r->function[block.d];
    block.weights = (const float *)job->run->packed[R] + block.d * plan->r_packed;
    block.candidate_bias = data_at(job->run, B, (block.d * 2 + 1) * plan->rows + 2 * r->hidden);
    block.peepholes = data_at(job->run, PEEPHOLES, block.d * 3 * r->hidden);
    begin_state(&block, INITIAL_H, block.h);
    begin_state(&block, INITIAL_C, block.c);
    memset(block.part, 0, block.count * r->hidden * sizeof *block.part);
    for (size_t n = 0; n < block.count; n++) { /* a sequence of length 0 gives zeros, not its initial state */
        if (length_of(job->run, r, block.first + n) == 0) {
            memset(block.h + n * r->hidden, 0, r->hidden * sizeof *block.h);
            memset(block.c + n * r->hidden, 0, r->hidden * sizeof *block.c);
        }
    }
    for (size_t s = 0; s < r->steps; s++) {
        run_step(&block, job->projected + block.d * r->steps * r->samples * plan->rows, s);
    }
    end_state(&block, Y_H, block.h);
    if (r->cell == CELL_LSTM) {
        end_state(&block, LSTM_Y_C, block.c);
    }
}

static void clear(const struct op_run *run, int port)
{
    float *data = out_data(run, port);
    if (data != NULL) {
        memset(data, 0, op_count(&run->out[port].shape) * sizeof *data);
    }
}

static void run(const struct op_run *run)
{
    const struct plan *plan = run->state;
    const struct recurrent *r = &plan->r;
    struct job job = {.run = run, .plan = plan, .bias = run->scratch};
    job.projected = job.bias + r->directions * plan->rows;
    if (recurrent_has(run->in, run->in_count, LENGTHS)) { /* outputs after the end of a sequence are zero */
        clear(run, Y);
        clear(run, r->cell == CELL_LSTM ? LSTM_SAVED : SAVED);
    }
    add_biases(&job);
    if (r->features > 0) {
        pool_run(run->pool, project_chunk, &job, r->directions * plan->input_blocks);
    }
    pool_run(run->pool, block_chunk, &job, r->directions * plan->sample_blocks);
}

static bool supports(const void *options, const struct op_tensor *in, int in_count)
{
    bool supported = true;
    (void)options;
    for (int i = 0; i < in_count; i++) {
        supported = supported && (in[i].shape.rank < 0 || in[i].dtype == (i == LENGTHS ? FOV_I32 : FOV_F32));
    }
    return supported && in[W].shape.rank == 3 && in[W].shape.dim[2] > 0;
}

static int prepare(const struct op_compile *compile, void *state)
{
    struct plan *plan = state;
    int status = recurrent_resolve(&plan->r, recurrent_cell_of(compile->op), compile->options, &compile->in[X].shape,
                                   &compile->in[W].shape, &compile->in[R].shape, compile->error);
    if (status == FOV_OK) {
        make_plan(plan, compile->kernel);
    }
    return status;
}

static int compile(struct op_compile *compile)
{
    struct plan plan;
    int status = prepare(compile, &plan);
    size_t all, floats;
    if (status != FOV_OK) {
        return status;
    }
    const struct recurrent *r = &plan.r;
    if (!size_multiply(r->steps, r->samples, &all) || !size_multiply(all + 1, r->directions * plan.rows, &floats) ||
        !size_multiply(floats, sizeof(float), &compile->scratch)) {
        return error_set(compile->error, FOV_E_MEMORY, "what comes from the inputs does not fit memory");
    }
    compile->run = run;
    compile->pack = pack;
    compile->reads_plain = true;
    compile->prepare = prepare;
    compile->state = sizeof plan;
    compile->packed[W] = r->directions * plan.w_packed * sizeof(float);
    compile->packed[R] = r->directions * plan.r_packed * sizeof(float);
    compile->scratch_per_worker = workspace(&plan) * sizeof(float);
    snprintf(compile->detail, sizeof compile->detail, "%zu steps of %zu x %zu", r->steps, r->samples, plan.rows);
    return FOV_OK;
}

const struct op_cpu recurrent_cpu = {.layout = OP_WANTS_PLAIN, .supports = supports, .compile = compile};
