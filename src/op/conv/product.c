/* SPDX-License-Identifier: MIT */
/* Runs the products that product_plan.c planned: packs weights, copies the image into a padded one where the plan says
 * so, and passes each block of rows to the micro-kernel. All decisions are in the plan. */
#include "op/conv/product.h"

#include <string.h>

struct product_job {
    const struct op_run        *run;
    const struct product_plan  *plan;
    const struct product_phase *phases;
    const int32_t              *integers;
    struct kernel_product       product; /**< the fields that are the same in all kernel calls */
    const float                *x, *saved;
    float                      *out;
    const float                *weights;
};

static struct product_job product_job(const struct op_run *run)
{
    const char *bytes = run->state;
    const struct product_plan *plan = run->state;
    return (struct product_job){.run = run,
                                .plan = plan,
                                .phases = (const struct product_phase *)(const void *)(bytes + plan->phases),
                                .integers = (const int32_t *)(const void *)(bytes + plan->integers)};
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/** Filters in run->in[1]: all of them, or those of a part when weights are packed in parts (one phase, one group). */
static size_t filters_here(const struct product_job *job)
{
    return job->run->pack_count > 0 ? job->run->pack_count : job->plan->filters;
}

/** Packs one panel of weights; chunk = (phase, group, panel). */
static void pack_panel(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct product_job *job = context;
    const struct product_plan *plan = job->plan;
    const struct kernel_table *kernel = job->run->kernel;
    size_t panels = size_divide_up(filters_here(job), plan->panel_columns);
    size_t panel = chunk % panels, group = chunk / panels % plan->groups;
    const struct product_phase *phase = &job->phases[chunk / panels / plan->groups];
    if (phase->weight_taps == 0) {
        return;
    }
    size_t depth = phase->weight_taps * plan->channels, here = panel * plan->panel_columns;
    size_t first = job->run->pack_first + here;
    struct kernel_weights shape = {.filters = size_smaller(plan->panel_columns, plan->filters - first),
                                   .channels = plan->channels,
                                   .taps = phase->weight_taps,
                                   .filter_stride = plan->filter_stride,
                                   .channel_stride = plan->channel_stride,
                                   .tap_offsets = job->integers + phase->tap_offsets};
    const float *weights =
        (const float *)job->run->in[1].data + group * plan->weight_group + here * plan->filter_stride;
    float *packed = (float *)job->run->packed[1] + phase->weights +
                    (group * kernel_padded_filters(kernel, plan->filters) + first) * depth;
    kernel->pack_weights(&shape, weights, packed);
    if (job->run->fold_factor != NULL) {
        size_t width = kernel_panel_width(kernel, plan->filters - first);
        struct kernel_operand weights_here = {packed, width, 1};
        struct kernel_operand factor = {job->run->fold_factor + group * plan->filters + first, 0, 1};
        kernel->binary[BINARY_mul](depth, shape.filters, weights_here, factor, packed, width);
    }
}

void conv_product_pack(const struct op_run *run)
{
    enum { WORTH_THREADS = 1 << 15 }; /* floats */
    struct product_job job = product_job(run);
    size_t panels = size_divide_up(filters_here(&job), job.plan->panel_columns);
    bool large = job.plan->weight_group * job.plan->groups >= WORTH_THREADS;
    pool_run(large ? run->pool : NULL, pack_panel, &job, job.plan->phase_count * job.plan->groups * panels);
}

/* ---- the zero-padded copy of an image with few channels ---------------------------------------------------------- */

enum { PAD_FLOATS = 1 << 14 }; /* floats that a chunk copies */

static size_t pad_lines(const struct product_plan *plan)
{
    size_t lines = PAD_FLOATS / ((size_t)plan->padded_size[2] * plan->image_channels);
    return lines == 0 ? 1 : lines;
}

static void pad_line(const struct product_job *job, size_t line)
{
    const struct product_plan *plan = job->plan;
    const struct window *window = &plan->window;
    size_t channels = plan->image_channels, floats = (size_t)plan->padded_size[2] * channels;
    float *to = (float *)job->run->scratch + line * floats;
    int64_t height = plan->padded_size[1], planes = plan->padded_size[0];
    int64_t y = (int64_t)line % height - window->begin[1];
    int64_t z = (int64_t)line / height % planes - window->begin[0], n = (int64_t)line / height / planes;
    if (y < 0 || y >= window->in[1] || z < 0 || z >= window->in[0]) {
        memset(to, 0, floats * sizeof *to);
        return;
    }
    size_t width = (size_t)window->in[2] * channels, left = (size_t)window->begin[2] * channels;
    size_t stride = op_pixel_stride(&job->run->in[0]);
    const float *from = (const float *)job->run->in[0].data +
                        (size_t)(((n * window->in[0] + z) * window->in[1] + y) * window->in[2]) * stride;
    memset(to, 0, left * sizeof *to);
    if (stride == channels) {
        memcpy(to + left, from, width * sizeof *to);
    }
    for (size_t x = 0; stride != channels && x < (size_t)window->in[2]; x++) {
        memcpy(to + left + x * channels, from + x * stride, channels * sizeof *to);
    }
    memset(to + left + width, 0, (floats - left - width) * sizeof *to);
}

static void pad_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct product_job *job = context;
    size_t together = pad_lines(job->plan);
    size_t lines = job->plan->batch * (size_t)(job->plan->padded_size[0] * job->plan->padded_size[1]);
    size_t end = size_smaller((chunk + 1) * together, lines);
    for (size_t line = chunk * together; line < end; line++) {
        pad_line(job, line);
    }
}

/* ---- products ---------------------------------------------------------------------------------------------------- */

/** Results of a phase that no tap reaches, that is of pixels which a strided window skips. Their sums are empty, so the
 *  result is the addend alone: the residual of a gradient, or the bias of a transposed convolution. */
static void empty_rows(const struct product_job *job, const int32_t *out_offsets, size_t rows, const float *residual,
                       float *out)
{
    const struct kernel_product *product = &job->product;
    size_t count = job->plan->group_out * job->plan->groups;
    for (size_t row = 0; row < rows; row++) {
        float *to = out + out_offsets[row];
        if (residual != NULL) {
            memmove(to, residual + out_offsets[row], count * sizeof *to);
        } else if (product->bias != NULL) {
            memcpy(to, product->bias, count * sizeof *to);
        } else {
            memset(to, 0, count * sizeof *to);
        }
        if (product->activation != UNARY_identity) {
            job->run->kernel->unary[product->activation](count, to, to, product->alpha, product->beta);
        }
    }
}

/** Multiplies a block's results, which are still in cache, by the derivative of the activation
 *  (conv_activation_gradient). Where rows are scattered, residual and `saved` have the layout of out. */
static void apply_activation_gradient(const struct product_job *job, const int32_t *out_offsets, size_t rows,
                                      size_t columns, const float *saved, float *out)
{
    size_t stride = job->plan->out_stride;
    if (out_offsets == NULL && columns == stride) {
        columns *= rows;
        rows = 1;
    }
    for (size_t row = 0; row < rows; row++) {
        size_t at = out_offsets != NULL ? (size_t)out_offsets[row] : row * stride;
        conv_activation_gradient(job->run, columns, saved + at, out + at);
    }
}

static const struct product_phase *phase_of(const struct product_job *job, size_t at)
{
    const struct product_phase *phase = job->phases;
    while (at >= phase->first_item + phase->blocks) {
        phase++;
    }
    return phase;
}

/** The first panel of weights that an item reads, in the first group; NULL if there is no such item. */
static const float *item_weights(const struct product_job *job, size_t item)
{
    const struct product_plan *plan = job->plan;
    if (item >= plan->items) {
        return NULL;
    }
    size_t within = item % plan->unit_items, segment = within % plan->segments;
    const struct product_phase *phase = phase_of(job, within / plan->segments);
    size_t panels = size_divide_up(plan->filters, plan->panel_columns);
    size_t first = panels * segment / plan->segments * plan->panel_columns;
    return job->weights + phase->weights + first * phase->weight_taps * plan->channels;
}

/** Computes one item. `next` is the item that this thread will most likely run afterwards, whose weights are
 *  prefetched. */
static void run_item(const struct product_job *job, size_t item, size_t next, int worker)
{
    const struct product_plan *plan = job->plan;
    size_t unit = item / plan->unit_items, within = item % plan->unit_items;
    size_t segment = within % plan->segments, at = within / plan->segments;
    const struct product_phase *phase = phase_of(job, at);
    /* Rows [begin, end) of this block, whole tiles; the last unit may hold fewer images. */
    size_t unit_rows = plan->x_stride != 0 ? phase->rows : phase->rows * plan->unit_images;
    size_t tiles = size_divide_up(unit_rows, plan->tile_rows), block = at - phase->first_item;
    size_t first_image = unit * plan->unit_images, images = size_smaller(plan->unit_images, plan->batch - first_image);
    size_t begin = tiles * block / phase->blocks * plan->tile_rows;
    size_t end = size_smaller(tiles * (block + 1) / phase->blocks * plan->tile_rows,
                         plan->x_stride != 0 ? phase->rows : phase->rows * images);
    if (plan->part_rows != 0) {
        begin = block * plan->part_rows;
        end = size_smaller(begin + plan->part_rows, phase->rows);
    }
    if (begin >= end) {
        return;
    }
    float *out = job->out + first_image * plan->out_image;
    const float *residual = job->product.residual, *saved = job->saved;
    if (residual != NULL) {
        size_t pixels = plan->out_image / plan->out_stride;
        residual += (first_image * pixels + (plan->scattered ? 0 : begin)) * plan->residual_stride;
    }
    if (saved != NULL) {
        saved += first_image * plan->out_image + (plan->scattered ? 0 : begin * plan->out_stride);
    }
    const int32_t *out_offsets = plan->scattered ? job->integers + phase->out_offsets + begin : NULL;
    if (phase->taps == 0) {
        if (segment == 0) {
            empty_rows(job, out_offsets, end - begin, residual, out);
            if (saved != NULL) {
                apply_activation_gradient(job, out_offsets, end - begin, plan->groups * plan->group_out, saved, out);
            }
        }
        return;
    }
    size_t panels = size_divide_up(plan->filters, plan->panel_columns);
    size_t first = panels * segment / plan->segments * plan->panel_columns;
    size_t last = size_smaller(panels * (segment + 1) / plan->segments * plan->panel_columns, plan->filters);
    size_t depth = phase->weight_taps * plan->channels;
    size_t group_weights = kernel_padded_filters(job->run->kernel, plan->filters) * depth;

    char *scratch = op_worker_scratch(job->run, worker);
    struct kernel_product product = job->product;
    product.workspace = phase->has_workspace ? (float *)(void *)(scratch + plan->made_bytes) : NULL;
    product.filters = last - first;
    product.taps = phase->taps;
    product.out_offsets = out_offsets;
    product.offset_stride = unit_rows;
    product.offsets = plan->x_stride != 0 ? NULL : job->integers + phase->offsets + begin;
    const float *x = job->x;
    if (plan->made_rows == 0) {
        x += plan->x_stride != 0 ? begin * plan->x_stride : first_image * plan->in_image;
    }
    if (!plan->scattered) {
        out += begin * plan->out_stride;
    }
    /* Rows that are made on demand: a few at a time, which stay in the second-level cache. */
    size_t together = plan->made_rows == 0 ? end - begin : plan->made_rows;
    for (size_t done = begin; done < end; done += together) {
        product.rows = size_smaller(together, end - done);
        if (plan->made_rows != 0) {
            x = op_rows(job->run, 0, done, product.rows, (float *)(void *)scratch);
        }
        for (size_t group = 0; group < plan->groups; group++) {
            product.x = x + group * plan->group_in;
            product.weights = job->weights + phase->weights + group * group_weights + first * depth;
            product.bias = job->product.bias == NULL ? NULL : job->product.bias + group * plan->filters + first;
            product.out = out + group * plan->group_out + first;
            product.residual = residual == NULL ? NULL : residual + group * plan->group_out + first;
            product.next = group + 1 < plan->groups ? product.weights + group_weights : item_weights(job, next);
            job->run->kernel->product(&product);
            if (saved != NULL) {
                apply_activation_gradient(job, out_offsets, product.rows, product.filters,
                                          saved + group * plan->group_out + first, product.out);
            }
        }
        out += product.rows * plan->out_stride;
        residual = residual == NULL ? NULL : residual + product.rows * plan->residual_stride;
        saved = saved == NULL ? NULL : saved + product.rows * plan->out_stride;
    }
    if (plan->part_rows != 0) {
        for (size_t group = 0; group < plan->groups; group++) {
            op_show(job->run, begin, end - begin, group * plan->group_out + first, product.filters);
        }
    }
}

static void product_chunk(void *context, size_t chunk, int worker)
{
    const struct product_job *job = context;
    size_t end = size_smaller((chunk + 1) * job->plan->chunk_items, job->plan->items);
    for (size_t item = chunk * job->plan->chunk_items; item < end; item++) {
        run_item(job, item, item + 1, worker); /* mostly a thread's next chunk is the following one */
    }
}

/** The fields that are the same in all kernel calls. */
static struct kernel_product product_of(const struct op_run *run, const struct product_plan *plan)
{
    return (struct kernel_product){
        .channels = plan->run,
        .x_stride = plan->x_stride,
        .separable = plan->separable,
        .zeros = (const float *)(const void *)((const char *)run->state + plan->zeros),
        .bias = op_bias(run, 2),
        .residual = run->residual != NULL ? run->residual->data : NULL,
        .residual_stride = plan->residual_stride,
        .out_stride = plan->out_stride,
        .activation = run->saved_activation != NULL ? UNARY_identity : run->activation,
        .alpha = run->alpha,
        .beta = run->beta,
    };
}

void conv_product_part(const struct op_run *run, const struct product_part *part, const float *x, size_t x_stride,
                       float *out, size_t out_stride)
{
    struct product_job job = product_job(run);
    struct kernel_product product = product_of(run, job.plan);
    product.rows = part->pixels;
    product.filters = part->filters;
    product.taps = 1;
    product.x = x;
    product.x_stride = x_stride;
    product.weights = (const float *)run->packed[1] + job.phases->weights + part->filter * job.plan->channels;
    product.next = product.weights; /* the following pixels read the same weights */
    product.out = out;
    product.out_stride = out_stride;
    if (product.bias != NULL) {
        product.bias += part->filter;
    }
    if (product.residual != NULL) {
        product.residual += part->first * job.plan->residual_stride + part->filter;
    }
    run->kernel->product(&product);
}

void conv_product_run(const struct op_run *run)
{
    struct product_job job = product_job(run);
    const struct product_plan *plan = job.plan;
    job.x = run->in[0].data;
    job.out = run->out[0].data;
    job.saved = run->saved_activation != NULL ? run->saved_activation->data : NULL;
    job.weights = run->packed[1];
    job.product = product_of(run, plan);
    if (plan->padded) {
        size_t lines = plan->batch * (size_t)(plan->padded_size[0] * plan->padded_size[1]), together = pad_lines(plan);
        pool_run(run->pool, pad_chunk, &job, size_divide_up(lines, together));
        job.x = run->scratch;
    }
    pool_run(run->pool, product_chunk, &job, size_divide_up(plan->items, plan->chunk_items));
}
