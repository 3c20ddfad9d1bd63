/* SPDX-License-Identifier: MIT */
/* Depthwise convolution, one filter per channel, a line of pixels at a time by the row kernels, which are vectorised
 * over channels. The general form (product.h) would multiply by a matrix of one column. The gradients are in
 * depthwise_gradient.c. */
#include "base/memory.h"
#include "op/conv/conv.h"
#include "op/conv/line_ring.h"

#include <stdio.h>
#include <string.h>

enum {
    TALL_LINES =
        16, /* lines of a chunk in training, at least: input lines made on demand are made twice where chunks meet */
    TALL_CHUNKS = 16 /* but chunks are not made taller if fewer than this would remain */
};

/** The state of a step. */
struct depthwise_plan {
    struct window window;
    size_t batch, channels, taps;
    size_t lines;           /**< lines of y, of all images */
    size_t lines_per_chunk;
    bool   made;            /**< lines of x are made on demand (op_rows) */
    /** Where the producer runs within this step: either the lines are divided, each with all its channels, or, where
     *  images are small, `part` channels of a whole image are computed at a time: then no line of the producer is made
     *  twice. */
    struct conv_cut cut;
    size_t held; /**< if lines are divided: input lines that a worker holds, with all their channels */
    size_t part; /**< channels computed at a time; all if lines are divided. Packed weights are [parts][taps][part] */
};

/** A worker's ring of input lines while the producer runs within this step; it lies in the worker's scratch, behind the
 *  pointers to kernel rows. Line i of an image lies in place i % held. */
struct depthwise_ring {
    size_t image, end; /**< the lines of `image` up to line `end` have been made */
};

static struct depthwise_plan make_plan(const struct op_compile *compile, const struct conv_geometry *geometry)
{
    const struct window *window = &geometry->window;
    struct depthwise_plan plan = {.window = *window,
                                  .batch = (size_t)geometry->batch,
                                  .channels = (size_t)geometry->channels,
                                  .taps = (size_t)geometry->taps,
                                  .part = (size_t)geometry->channels,
                                  .made = op_comes_as_rows(compile, 0)};
    plan.lines = plan.batch * (size_t)(window->out[0] * window->out[1]);
    plan.lines_per_chunk = window_lines_per_chunk((size_t)window->out[2] * plan.channels * plan.taps);
    size_t tall = plan.lines / TALL_CHUNKS < TALL_LINES ? plan.lines / TALL_CHUNKS : TALL_LINES;
    if ((plan.made || compile->training) && plan.lines_per_chunk < tall) {
        plan.lines_per_chunk = tall;
    }
    return plan;
}

static size_t chunks_of(const struct depthwise_plan *plan)
{
    return size_divide_up(plan->lines, plan->lines_per_chunk);
}

/** Channels of a small image to compute at a time: whole panels of the product that makes them, divided evenly among
 *  threads, few enough for the first-level cache. */
static size_t choose_part(const struct op_compile *compile, const struct conv_geometry *geometry)
{
    enum { CACHE_FLOATS = 1 << 13 };
    size_t panel = compile->kernel->panel_columns, channels = (size_t)geometry->channels;
    size_t workers = (size_t)compile->workers, panels = size_divide_up(channels, panel), best = panels;
    double least = 0;
    /* Floats per channel: the lines that one line of the result meets, that line itself, and the weights. */
    size_t each_channel = (size_t)((geometry->window.kernel[1] + 1) * geometry->window.in[2] + geometry->taps);
    if (!conv_chain_by_channels(compile)) {
        return channels;
    }
    for (size_t each = 1; each * panel * each_channel <= CACHE_FLOATS && each < panels; each++) {
        size_t turns = size_divide_up(size_divide_up(panels, each), workers);
        double time = (double)turns * ((double)each + 0.3); /* in panels; 0.3: the overhead of a part */
        if (best == panels || time < least) {
            best = each;
            least = time;
        }
    }
    return best * panel < channels ? best * panel : channels;
}

/** Chooses how lines or channels are divided where the producer runs within this step. Returns the floats of a worker's
 *  ring. */
static size_t cut_work(struct depthwise_plan *plan, const struct op_compile *compile,
                       const struct conv_geometry *geometry)
{
    const struct window *window = &geometry->window;
    plan->cut = conv_chain_cut(compile, geometry);
    int64_t reach = (window->kernel[1] - 1) * window->dilation[1] + 1;
    plan->held = (size_t)(((int64_t)plan->cut.block - 1) * window->stride[1] + reach);
    plan->part = choose_part(compile, geometry);
    size_t floats = plan->held * plan->channels, of_part = (size_t)window->in[1] * plan->part;
    return (plan->part < plan->channels && of_part > floats ? of_part : floats) * (size_t)window->in[2];
}

static int prepare(const struct op_compile *compile, void *state)
{
    struct conv_geometry geometry;
    int status = conv_forward_geometry(&geometry, compile);
    if (status == 0) {
        *(struct depthwise_plan *)state = make_plan(compile, &geometry);
    }
    if (status == 0 && compile->takes_producer) {
        cut_work(state, compile, &geometry);
    }
    return status;
}

/** Channels of the part that begins at `channel`. */
static size_t part_channels(const struct depthwise_plan *plan, size_t channel)
{
    return plan->part < plan->channels - channel ? plan->part : plan->channels - channel;
}

/** Plain weights [C][taps] to [parts][taps][part]. */
static void pack(const struct op_run *run)
{
    const struct depthwise_plan *plan = run->state;
    for (size_t channel = 0; channel < plan->channels; channel += plan->part) {
        size_t channels = part_channels(plan, channel);
        float *packed = (float *)run->packed[1] + channel * plan->taps;
        const float *weights = (const float *)run->in[1].data + channel * plan->taps;
        run->kernel->transpose(channels, plan->taps, weights, plan->taps, packed, channels);
        if (run->fold_factor != NULL) {
            struct kernel_operand taps = {packed, channels, 1}, factor = {run->fold_factor + channel, 0, 1};
            run->kernel->binary[BINARY_mul](plan->taps, channels, taps, factor, packed, channels);
        }
    }
}

/** Context of a chunk's task. */
struct depthwise_job {
    const struct op_run         *run;
    const struct depthwise_plan *plan;
};

/** Bytes of a worker's pointers to kernel rows, rounded up so that lines may follow. */
static size_t rows_bytes(const struct window *window)
{
    return memory_aligned(window_rows_count(window) * sizeof(void *));
}

static void *rows_of(const struct op_run *run, int worker)
{
    return op_worker_scratch(run, worker);
}

/** Image, z and y of line `index`, counted through all images of this size. */
static void locate(size_t index, const int64_t size[3], size_t *image, int64_t *z, int64_t *y)
{
    *y = (int64_t)index % size[1];
    *z = (int64_t)index / size[1] % size[0];
    *image = index / (size_t)(size[0] * size[1]);
}

/** A worker's ring of lines of x that are made on demand, behind its pointers to kernel rows. */
static struct line_ring ring_of(const struct op_run *run, const struct depthwise_plan *plan, const void **rows)
{
    const struct window *window = &plan->window;
    void *workspace = (char *)rows + rows_bytes(window);
    return plan->made ? line_ring_make(run, 0, (size_t)window->in[2], plan->channels,
                                       line_ring_slots(window->kernel[1], window->dilation[1]), workspace)
                      : (struct line_ring){0};
}

/** Sets `rows` to the lines of x that output line (z, y) of an image meets, NULL for those outside. */
static void lines_met(const struct op_run *run, const struct depthwise_plan *plan, struct line_ring *ring, size_t image,
                      int64_t z, int64_t y, const void **rows)
{
    const struct window *window = &plan->window;
    size_t stride = op_pixel_stride(&run->in[0]), pixels = (size_t)window_in_pixels(window);
    if (!plan->made) {
        window_rows(window, z, y, (const float *)run->in[0].data + image * pixels * stride,
                    (size_t)window->in[2] * stride * sizeof(float), rows);
    }
    for (int64_t ky = 0; plan->made && ky < window->kernel[1]; ky++) {
        int64_t line = window_meets(window, 1, y, ky);
        bool inside = line >= 0 && line < window->in[1];
        rows[ky] = inside ? line_ring_get(ring, image * (size_t)window->in[1] + (size_t)line) : NULL;
    }
}

/** Has the kernel prefetch, while it computes line y, the lines of x that the next line meets first, and the next line
 *  of the result: in training they are not in a cache. `out`: where line y of the result goes, NULL if there is no next
 *  line. */
static void look_ahead(const struct op_run *run, struct kernel_window *row, size_t image, int64_t y, const float *out)
{
    const struct depthwise_plan *plan = run->state;
    const struct window *window = &plan->window;
    int64_t first = window_meets(window, 1, y, window->kernel[1] - 1) + 1; /* may be a line of the next image */
    size_t next = image * (size_t)window->in[1] + (size_t)first, lines = (size_t)window->stride[1];
    bool there = run->training && window->in[0] == 1 && out != NULL && first >= 0 &&
                 next + lines <= plan->batch * (size_t)window->in[1];
    row->read_ahead = there ? op_rows_source(run, 0, next * row->width) : NULL;
    row->read_lines = lines;
    row->write_ahead = there ? out + row->out_width * row->y_stride : NULL;
}

static void forward_chunk(void *context, size_t chunk, int worker)
{
    const struct depthwise_job *job = context;
    const struct depthwise_plan *plan = job->plan;
    const struct op_run *run = job->run;
    const struct window *window = &plan->window;
    const void **rows = rows_of(run, worker);
    struct line_ring ring = ring_of(run, plan, rows);
    struct kernel_window row = window_row(window, plan->channels);
    enum unary activation = run->residual != NULL ? UNARY_identity : run->activation;
    row.x_stride = op_pixel_stride(&run->in[0]);
    row.y_stride = op_pixel_stride(&run->out[0]);
    size_t end = (chunk + 1) * plan->lines_per_chunk < plan->lines ? (chunk + 1) * plan->lines_per_chunk : plan->lines;
    for (size_t line = chunk * plan->lines_per_chunk; line < end; line++) {
        size_t image;
        int64_t z, y;
        locate(line, window->out, &image, &z, &y);
        lines_met(run, plan, &ring, image, z, y, rows);
        float *out = (float *)run->out[0].data + line * row.out_width * row.y_stride;
        look_ahead(run, &row, image, y, line + 1 < end ? out : NULL);
        run->kernel->depthwise(&row, (const float *const *)rows, run->packed[1], op_bias(run, 2), out, activation,
                               run->alpha, run->beta);
        if (run->residual != NULL) {
            conv_add_residual(run, line * row.out_width, row.out_width, 0, plan->channels);
        }
    }
    size_t first = chunk * plan->lines_per_chunk;
    op_show(run, first * row.out_width, (end - first) * row.out_width, 0, plan->channels);
}

/** A call of forward_lines: what its lines share. */
struct forward {
    const struct op_run *run;
    struct kernel_window row;
    const void **rows;
    int worker;
    size_t channel, channels;
    struct depthwise_ring *ring; /**< if the producer runs within this step, else NULL */
    float *lines;                /**< the lines in the ring */
    size_t places;               /**< number of lines that the ring holds */
};

/** Computes one line; forward->rows point at the first channel wanted, and are advanced. */
static void forward_line(struct forward *forward, float *to)
{
    const struct op_run *run = forward->run;
    const struct depthwise_plan *plan = run->state;
    const float *bias = op_bias(run, 2);
    size_t done = 0, taps = forward->row.kernel_height;
    while (done < forward->channels) {
        size_t channel = forward->channel + done;
        forward->row.channels = part_channels(plan, channel);
        run->kernel->depthwise(&forward->row, (const float *const *)forward->rows,
                               (const float *)run->packed[1] + channel * plan->taps,
                               bias == NULL ? NULL : bias + channel, to + done,
                               run->residual != NULL ? UNARY_identity : run->activation, run->alpha, run->beta);
        for (size_t tap = 0; tap < taps; tap++) {
            const float *row = forward->rows[tap];
            forward->rows[tap] = row == NULL ? NULL : row + forward->row.channels;
        }
        done += forward->row.channels;
    }
}

/** Has the producer make those lines [line, end) of an image that are not in the ring. */
static void fill_ring(const struct forward *forward, size_t image, size_t line, size_t end, bool goes_on)
{
    const struct depthwise_plan *plan = forward->run->state;
    const struct op_run *producer = forward->run->producer;
    struct depthwise_ring *ring = forward->ring;
    size_t floats = (size_t)plan->window.in[2] * forward->channels, height = (size_t)plan->window.in[1];
    goes_on = goes_on && ring->image == image && ring->end >= line;
    line = goes_on ? ring->end : line;
    while (line < end) {
        size_t place = line % forward->places, room = forward->places - place;
        size_t count = room < end - line ? room : end - line;
        struct op_lines wanted = {image * height + line, count, forward->channel, forward->channels, goes_on};
        producer->make(producer, &wanted, forward->lines + place * floats, forward->worker);
        line += count;
        goes_on = true;
    }
    *ring = (struct depthwise_ring){image, line};
}

/** Computes lines first .. first + count - 1, of one image, from the producer's lines, all of which fit the ring. */
static void forward_taken(struct forward *forward, size_t first, size_t count, bool goes_on, float *to)
{
    const struct depthwise_plan *plan = forward->run->state;
    const struct window *window = &plan->window;
    size_t image = first / (size_t)window->out[1], floats = (size_t)window->in[2] * forward->channels;
    int64_t y = (int64_t)(first % (size_t)window->out[1]);
    int64_t begin = y * window->stride[1] - window->begin[1], reach = (window->kernel[1] - 1) * window->dilation[1];
    int64_t end = begin + ((int64_t)count - 1) * window->stride[1] + reach + 1;
    begin = begin < 0 ? 0 : begin > window->in[1] ? window->in[1] : begin;
    end = end < begin ? begin : end > window->in[1] ? window->in[1] : end;
    fill_ring(forward, image, (size_t)begin, (size_t)end, goes_on);
    for (size_t line = 0; line < count; line++, y++, to += forward->row.out_width * forward->row.y_stride) {
        for (int64_t tap = 0; tap < window->kernel[1]; tap++) {
            int64_t at = window_meets(window, 1, y, tap);
            forward->rows[tap] =
                at < 0 || at >= window->in[1] ? NULL : forward->lines + (size_t)at % forward->places * floats;
        }
        forward_line(forward, to);
    }
}

/** Computes one line from the stored input. */
static void forward_stored(struct forward *forward, size_t line, float *to)
{
    const struct op_run *run = forward->run;
    const struct depthwise_plan *plan = run->state;
    const struct window *window = &plan->window;
    size_t image, pixel = forward->row.x_stride;
    int64_t z, y;
    locate(line, window->out, &image, &z, &y);
    const float *x = (const float *)run->in[0].data + image * (size_t)window_in_pixels(window) * pixel;
    window_rows(window, z, y, x + forward->channel, (size_t)window->in[2] * pixel * sizeof(float), forward->rows);
    forward_line(forward, to);
}

static void forward_lines(const struct op_run *run, const struct op_lines *lines, float *to, size_t y_stride,
                          int worker)
{
    const struct depthwise_plan *plan = run->state;
    struct forward forward = {.run = run,
                              .row = window_row(&plan->window, lines->channels),
                              .rows = rows_of(run, worker),
                              .worker = worker,
                              .channel = lines->channel,
                              .channels = lines->channels};
    size_t height = (size_t)plan->window.out[1], block = plan->cut.block;
    bool taken = run->producer != NULL, goes_on = lines->goes_on;
    forward.row.x_stride = taken ? lines->channels : op_pixel_stride(&run->in[0]);
    forward.row.y_stride = y_stride;
    if (taken) {
        char *rest = (char *)forward.rows + rows_bytes(&plan->window);
        forward.ring = (struct depthwise_ring *)(void *)rest;
        forward.lines = (float *)(void *)(rest + memory_aligned(sizeof *forward.ring));
        forward.places = lines->channels < plan->channels ? (size_t)plan->window.in[1] : plan->held;
        block = lines->channels < plan->channels ? height : block;
    }
    for (size_t line = lines->first, end = line + lines->count; line < end;) {
        size_t together = 1;
        if (taken) {
            size_t left = height - line % height; /* lines left of this image */
            together = block < end - line ? block : end - line;
            together = together < left ? together : left;
            forward_taken(&forward, line, together, goes_on, to);
        } else {
            forward_stored(&forward, line, to);
        }
        goes_on = true;
        line += together;
        to += together * forward.row.out_width * y_stride;
    }
}

static void make_lines(const struct op_run *run, const struct op_lines *lines, float *to, int worker)
{
    forward_lines(run, lines, to, lines->channels, worker);
}

/** One item of a run within which the producer runs. */
static void taken_chunk(void *context, size_t chunk, int worker)
{
    const struct depthwise_job *job = context;
    const struct depthwise_plan *plan = job->plan;
    const struct op_run *run = job->run;
    size_t stride = op_pixel_stride(&run->out[0]), width = (size_t)plan->window.out[2];
    struct op_lines lines = {.channels = plan->channels};
    if (plan->part < plan->channels) { /* chunk = (part, image): whole images */
        lines.channel = chunk / plan->batch * plan->part;
        lines.channels = part_channels(plan, lines.channel);
        lines.count = (size_t)plan->window.out[1];
        lines.first = chunk % plan->batch * lines.count;
    } else {
        lines.first = plan->lines * chunk / plan->cut.items;
        lines.count = plan->lines * (chunk + 1) / plan->cut.items - lines.first;
    }
    float *out = (float *)run->out[0].data + lines.first * width * stride + lines.channel;
    forward_lines(run, &lines, out, stride, worker);
    for (size_t line = 0; run->residual != NULL && line < lines.count; line++) {
        conv_add_residual(run, (lines.first + line) * width, width, lines.channel, lines.channels);
    }
}

static void run_taken(const struct op_run *run)
{
    struct depthwise_job job = {run, run->state};
    size_t parts = size_divide_up(job.plan->channels, job.plan->part);
    pool_run(run->pool, taken_chunk, &job, parts > 1 ? job.plan->batch * parts : job.plan->cut.items);
}

static void run_forward(const struct op_run *run)
{
    struct depthwise_job job = {run, run->state};
    pool_run(run->pool, forward_chunk, &job, chunks_of(job.plan));
}

int conv_depthwise_compile(struct op_compile *compile, const struct conv_geometry *geometry)
{
    const struct window *window = &geometry->window;
    struct depthwise_plan plan = make_plan(compile, geometry);
    compile->run = run_forward;
    compile->prepare = prepare;
    compile->pack = pack;
    compile->packed[1] = (size_t)(geometry->taps * geometry->channels) * sizeof(float);
    compile->state = sizeof plan;
    compile->scratch_per_worker = rows_bytes(window);
    if (plan.made) {
        compile->scratch_per_worker += line_ring_bytes(line_ring_slots(window->kernel[1], window->dilation[1]),
                                                       (size_t)(window->in[2] * geometry->channels));
    }
    compile->shown_rows = plan.lines_per_chunk * (size_t)window->out[2];
    compile->shows = true;
    snprintf(compile->detail, sizeof compile->detail, "depthwise rows");
    compile->make = compile->residual == NULL && !plan.made ? make_lines : NULL;
    compile->takes_producer = conv_chain_pays(compile, geometry);
    if (compile->takes_producer) {
        size_t floats = cut_work(&plan, compile, geometry);
        compile->run = run_taken;
        compile->shows = false;
        compile->scratch_per_worker += memory_aligned(sizeof(struct depthwise_ring)) + floats * sizeof(float);
        snprintf(compile->detail, sizeof compile->detail, "depthwise rows of %s made in it",
                 plan.part < plan.channels ? "channels" : "lines");
    }
    return 0;
}
