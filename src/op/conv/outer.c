/* SPDX-License-Identifier: MIT */
/* Runs the weight gradient that outer_plan.c planned: copies x and dy as the plan says, makes outer products tap by
 * tap, adds partial sums in order and unpacks panels to plain weights. All decisions are in the plan. */
#include "op/conv/outer.h"

#include <string.h>

/** A unit of pixels: output lines first .. end - 1 of plane z of an image. */
struct unit {
    size_t  image;
    int64_t z, first, end;
};

/** What outer products read: whole copies of x and dy, x itself, or a worker's copies of one unit. */
struct outer_source {
    const float *x, *dy;
    size_t  dy_pixels;  /**< pixels in a panel of dy */
    size_t  dy_first;   /**< pixel of the panel where the unit begins */
    bool    whole;      /**< x has all planes and lines; else only the unit's: plane kz, lines from first_line on */
    int64_t first_line;
};

/** What the next unit reads, to prefetch while this one is multiplied, since the products themselves leave the memory
 *  idle. Two areas of memory; each kernel call prefetches `each` lines of 64 bytes. */
struct outer_ahead {
    const float *at[2];
    size_t       lines[2], each;
};

enum { LINE_FLOATS = 16 };

static struct outer_ahead ahead_of(const float *first, size_t floats, const float *second, size_t second_floats,
                                   size_t calls)
{
    struct outer_ahead ahead = {{first, second}, {floats / LINE_FLOATS, second_floats / LINE_FLOATS}, 0};
    ahead.each = (ahead.lines[0] + ahead.lines[1]) / (calls > 0 ? calls : 1) + 1;
    return ahead;
}

static void look_ahead(struct outer_ahead *ahead, struct kernel_outer *call)
{
    int piece = ahead->lines[0] > 0 ? 0 : 1;
    size_t lines = size_smaller(ahead->each, ahead->lines[piece]);
    call->ahead = ahead->at[piece];
    call->ahead_lines = lines;
    if (lines > 0) {
        ahead->at[piece] += lines * LINE_FLOATS;
        ahead->lines[piece] -= lines;
    }
}

struct outer_job {
    const struct op_run     *run;
    const struct outer_plan *plan;
    float *sums, *dy, *x; /**< in scratch */
};

static struct unit unit_at(const struct outer_plan *plan, size_t index)
{
    size_t plane = index / plan->line_units, planes = (size_t)plan->window.out[0];
    struct unit unit = {.image = plane / planes, .z = (int64_t)(plane % planes)};
    unit.first = (int64_t)(index % plan->line_units * plan->unit_lines);
    unit.end = unit.first + (int64_t)plan->unit_lines;
    if (unit.end > plan->window.out[1]) {
        unit.end = plan->window.out[1];
    }
    return unit;
}

/* ---- copies ------------------------------------------------------------------------------------------------------ */

/** Packs `count` pixels of dy into panels of `pixels` pixels, from pixel `first` of the panels on, for all groups. */
static void pack_dy(const struct outer_job *job, const float *dy, size_t first, size_t count, size_t pixels, float *out)
{
    const struct outer_plan *plan = job->plan;
    const struct kernel_table *kernel = job->run->kernel;
    size_t panel = kernel->panel_columns, full = plan->group_filters / panel * panel;
    for (size_t group = 0; group < plan->groups; group++) {
        const float *from = dy + group * plan->group_filters;
        float *to = out + group * pixels * plan->padded_filters;
        /* Full panels in one call; the last panel is narrower, so its pixels begin at another offset. */
        if (full > 0) {
            kernel->pack_columns(count, full, from, plan->filters, panel, panel, to + first * panel, pixels * panel);
        }
        if (full < plan->group_filters) {
            size_t width = plan->padded_filters - full;
            kernel->pack_columns(count, plan->group_filters - full, from + full, plan->filters, width, width,
                                 to + full * pixels + first * width, pixels * width);
        }
    }
}

/** Copies one line of x, with zero columns on both sides. */
static void copy_line(const struct outer_job *job, const float *from, float *to)
{
    const struct outer_plan *plan = job->plan;
    size_t right = plan->width - plan->left - plan->copied;
    if (plan->form == OUTER_PADDED) {
        memset(to, 0, plan->left * plan->pixel * sizeof *to);
        memcpy(to + plan->left * plan->pixel, from, plan->copied * plan->pixel * sizeof *to);
        memset(to + (plan->left + plan->copied) * plan->pixel, 0, right * plan->pixel * sizeof *to);
        return;
    }
    size_t tile = plan->pixel;
    for (size_t group = 0; group < plan->groups; group++, to += plan->blocks * plan->block) {
        job->run->kernel->pack_columns(plan->copied, plan->group_channels, from + group * plan->group_channels,
                                       plan->channels * plan->column_step, tile, tile, to + plan->left * tile,
                                       plan->block);
        for (size_t block = 0; (plan->left > 0 || right > 0) && block < plan->blocks; block++) {
            float *line = to + block * plan->block;
            memset(line, 0, plan->left * tile * sizeof *line);
            memset(line + (plan->left + plan->copied) * tile, 0, right * tile * sizeof *line);
        }
    }
}

static size_t unit_line(const struct outer_plan *plan, const struct unit *unit)
{
    size_t plane = unit->image * (size_t)plan->window.out[0] + (size_t)unit->z;
    return plane * (size_t)plan->window.out[1] + (size_t)unit->first;
}

static const float *dy_lines(const struct outer_job *job, const struct unit *unit)
{
    const struct outer_plan *plan = job->plan;
    return (const float *)job->run->in[1].data + unit_line(plan, unit) * (size_t)plan->window.out[2] * plan->filters;
}

/** The number of a line of x, counted through all images. */
static size_t x_number(const struct outer_plan *plan, size_t image, int64_t z, int64_t y)
{
    return (image * (size_t)plan->window.in[0] + (size_t)z) * (size_t)plan->window.in[1] + (size_t)y;
}

static const float *x_line(const struct outer_job *job, size_t image, int64_t z, int64_t y, int worker)
{
    const struct window *window = &job->plan->window;
    size_t line = x_number(job->plan, image, z, y);
    size_t at = (size_t)worker * job->run->worker_scratch_bytes / sizeof(float);
    float *scratch = job->run->worker_scratch; /* NULL where x is stored and nothing is copied */
    float *workspace = scratch ? scratch + at + (job->plan->packed_first ? 0 : job->plan->copy_floats) : NULL;
    return op_rows(job->run, 0, line * (size_t)window->in[2], (size_t)window->in[2], workspace);
}

/** Copies the lines of x that a unit meets into a worker's copy. */
static void copy_unit(const struct outer_job *job, const struct unit *unit, float *copy, int worker)
{
    const struct outer_plan *plan = job->plan;
    const struct window *window = &plan->window;
    int64_t first = window_meets(window, 1, unit->first, 0);
    int64_t last = window_meets(window, 1, unit->end - 1, window->kernel[1] - 1);
    for (int64_t kz = 0; kz < window->kernel[0]; kz++) {
        int64_t z = window_meets(window, 0, unit->z, kz);
        if (z < 0 || z >= window->in[0]) {
            continue;
        }
        for (int64_t y = first < 0 ? 0 : first; y <= last && y < window->in[1]; y++) {
            copy_line(job, x_line(job, unit->image, z, y, worker),
                      copy + (size_t)kz * plan->plane + (size_t)(y - first) * plan->line);
        }
    }
}

/* ---- outer products ---------------------------------------------------------------------------------------------- */

/** Computes the output lines [first, end) of the unit that meet a line inside the image through kernel row ky. */
static void clip_lines(const struct window *window, const struct unit *unit, int64_t ky, int64_t *first, int64_t *end)
{
    *first = unit->first;
    *end = unit->end;
    while (*first < *end && window_meets(window, 1, *first, ky) < 0) {
        ++*first;
    }
    while (*first < *end && window_meets(window, 1, *end - 1, ky) >= window->in[1]) {
        --*end;
    }
}

/** Adds one unit's products of one (group, panel, block of columns) to out, all taps. `panel_out`:
 * [taps][columns][width] */
static void add_products(const struct outer_job *job, const struct outer_source *source, const struct unit *unit,
                         size_t group, size_t panel, size_t block, struct outer_ahead *ahead, float *panel_out)
{
    const struct outer_plan *plan = job->plan;
    const struct window *window = &plan->window;
    const struct kernel_table *kernel = job->run->kernel;
    size_t first_filter = panel * kernel->panel_columns;
    size_t width = kernel_panel_width(kernel, plan->group_filters - first_filter);
    /* Blocks of a packed copy are tile_rows columns wide; unpacked columns are divided evenly among the blocks. */
    bool packed = plan->form == OUTER_BLOCKS;
    size_t first_column = packed ? block * kernel->tile_rows : plan->columns * block / plan->blocks;
    size_t end_column = packed ? size_smaller(first_column + kernel->tile_rows, plan->columns)
                               : plan->columns * (block + 1) / plan->blocks;
    const float *x = source->x + (packed ? (group * plan->blocks + block) * plan->block : first_column);
    const float *dy = source->dy + group * source->dy_pixels * plan->padded_filters + first_filter * source->dy_pixels +
                      source->dy_first * width;
    struct kernel_outer outer = {
        .run = (size_t)window->out[2],
        .channels = end_column - first_column,
        .width = width,
        .x_step = (size_t)window->stride[2] / plan->column_step * plan->pixel,
        .x_run_stride = (size_t)window->stride[1] * plan->line,
        .out_stride = width,
        .accumulate = true,
    };
    int64_t across = plan->collapsed ? 1 : window->kernel[2];
    float *out = panel_out + first_column * width;
    for (int64_t kz = 0; kz < window->kernel[0]; kz++) {
        for (int64_t ky = 0; ky < window->kernel[1]; ky++) {
            int64_t z = window_meets(window, 0, unit->z, kz), first, end;
            clip_lines(window, unit, ky, &first, &end);
            if (z < 0 || z >= window->in[0] || first >= end) {
                out += (size_t)across * plan->columns * width;
                continue;
            }
            int64_t line = window_meets(window, 1, first, ky) - source->first_line;
            outer.runs = (size_t)(end - first);
            outer.dy = dy + (size_t)(first - unit->first) * outer.run * width;
            outer.x = x + (size_t)(source->whole ? z : kz) * plan->plane + (size_t)line * plan->line;
            for (int64_t kx = 0; kx < across; kx++) {
                outer.out = out;
                look_ahead(ahead, &outer);
                kernel->outer(&outer);
                outer.x += (size_t)window->dilation[2] * plan->pixel;
                out += plan->columns * width;
            }
        }
    }
}

static float *panel_of(const struct outer_job *job, float *sum, size_t group, size_t panel)
{
    const struct outer_plan *plan = job->plan;
    size_t depth = plan->taps * plan->columns;
    return sum + (group * plan->padded_filters + panel * job->run->kernel->panel_columns) * depth;
}

/** The prefetches for `unit`, the next one, of dy and of x as they are stored. */
static struct outer_ahead rows_ahead(const struct outer_job *job, const struct unit *unit)
{
    const struct outer_plan *plan = job->plan;
    const struct window *window = &plan->window;
    int64_t first = window_meets(window, 1, unit->first, 0), z = window_meets(window, 0, unit->z, 0);
    int64_t end = window_meets(window, 1, unit->end - 1, window->kernel[1] - 1) + 1;
    first = first < 0 ? 0 : first;
    end = end > window->in[1] ? window->in[1] : end;
    z = z < 0 ? 0 : z >= window->in[0] ? window->in[0] - 1 : z;
    size_t line = x_number(plan, unit->image, z, first < window->in[1] ? first : 0);
    size_t calls = plan->groups * plan->panels * plan->blocks * plan->taps, width = (size_t)window->out[2];
    return ahead_of(dy_lines(job, unit), (size_t)(unit->end - unit->first) * width * plan->filters,
                    op_rows_source(job->run, 0, line * (size_t)window->in[2]),
                    first < end ? (size_t)((end - first) * window->in[2]) * plan->channels : 0, calls);
}

/** Small weights: chunk = a range of units, whose partial sum of the whole weight this computes. */
static void part_chunk(void *context, size_t chunk, int worker)
{
    const struct outer_job *job = context;
    const struct outer_plan *plan = job->plan;
    const struct window *window = &plan->window;
    float *sum = job->sums + chunk * plan->part_floats;
    float *dy = op_worker_scratch(job->run, worker);
    float *copy = dy + plan->dy_floats;
    memset(sum, 0, plan->part_floats * sizeof *sum);
    size_t end = plan->units * (chunk + 1) / plan->parts;
    for (size_t index = plan->units * chunk / plan->parts; index < end; index++) {
        struct unit unit = unit_at(plan, index);
        size_t width = (size_t)window->out[2], pixels = (size_t)(unit.end - unit.first) * width;
        struct outer_ahead ahead = {0};
        if (index + 1 < end) {
            struct unit next = unit_at(plan, index + 1);
            ahead = rows_ahead(job, &next);
        }
        pack_dy(job, dy_lines(job, &unit), 0, pixels, pixels, dy);
        struct outer_source source = {.x = copy, .dy = dy, .dy_pixels = pixels};
        if (plan->form == OUTER_IN_PLACE) {
            source.x = (const float *)job->run->in[0].data + unit.image * plan->image;
            source.whole = true;
        } else {
            copy_unit(job, &unit, copy, worker);
            source.first_line = window_meets(window, 1, unit.first, 0);
        }
        for (size_t group = 0; group < plan->groups; group++) {
            for (size_t panel = 0; panel < plan->panels; panel++) {
                float *out = panel_of(job, sum, group, panel);
                for (size_t block = 0; block < plan->blocks; block++) {
                    add_products(job, &source, &unit, group, panel, block, &ahead, out);
                }
            }
        }
    }
}

/** Large weights, first step: packs x; chunk = some lines of x. */
static void copy_chunk(void *context, size_t chunk, int worker)
{
    const struct outer_job *job = context;
    const struct outer_plan *plan = job->plan;
    size_t together = window_lines_per_chunk(plan->width * plan->channels), height = plan->lines;
    size_t lines = plan->batch * plan->planes * height, end = size_smaller((chunk + 1) * together, lines);
    for (size_t line = chunk * together; line < end; line++) {
        int64_t y = (int64_t)(line % height), z = (int64_t)(line / height % plan->planes);
        size_t image = line / height / plan->planes;
        bool read = plan->window.kernel[1] > 1 || (y + plan->window.begin[1]) % plan->window.stride[1] == 0;
        if (read) {
            copy_line(job, x_line(job, image, z, y, worker),
                      job->x + image * plan->image + (size_t)z * plan->plane + (size_t)y * plan->line);
        }
    }
}

/** Large weights, second step: packs dy; chunk = some pixels of dy. */
static void pack_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct outer_job *job = context;
    const struct outer_plan *plan = job->plan;
    size_t pixels = plan->batch * (size_t)window_out_pixels(&plan->window);
    size_t together = window_lines_per_chunk(plan->filters), first = chunk * together;
    const float *dy = (const float *)job->run->in[1].data + first * plan->filters;
    pack_dy(job, dy, first, size_smaller(together, pixels - first), pixels, job->dy);
}

static struct outer_source packed_source(const struct outer_job *job, const struct unit *unit)
{
    const struct outer_plan *plan = job->plan;
    return (struct outer_source){.x = job->x + unit->image * plan->image,
                                 .dy = job->dy,
                                 .dy_pixels = plan->batch * (size_t)window_out_pixels(&plan->window),
                                 .dy_first = unit_line(plan, unit) * (size_t)plan->window.out[2],
                                 .whole = true};
}

/** The prefetches of one block and panel for the next unit: the block's lines of x, if `meets_x` (this is the first
 *  panel to read them), and a share of the panel's dy. */
static struct outer_ahead packed_ahead(const struct outer_job *job, size_t index, size_t group, size_t panel,
                                       bool meets_x, size_t block, size_t share, size_t shares)
{
    const struct outer_plan *plan = job->plan;
    const struct window *window = &plan->window;
    struct unit unit = unit_at(plan, index);
    struct outer_source source = packed_source(job, &unit);
    size_t first_filter = panel * job->run->kernel->panel_columns, lines = (size_t)(unit.end - unit.first);
    size_t width = kernel_panel_width(job->run->kernel, plan->group_filters - first_filter);
    size_t dy_floats = lines * (size_t)window->out[2] * width / shares;
    int64_t y = window_meets(window, 1, unit.first, 0), z = window_meets(window, 0, unit.z, 0);
    const float *x = source.x + (group * plan->blocks + block) * plan->block + (z < 0 ? 0 : (size_t)z * plan->plane) +
                     (y < 0 ? 0 : (size_t)y * plan->line);
    const float *dy = source.dy + (group * plan->padded_filters + first_filter) * source.dy_pixels +
                      source.dy_first * width + share * dy_floats;
    return ahead_of(x, meets_x ? lines * (size_t)window->stride[1] * plan->line : 0, dy, dy_floats, plan->taps);
}

/** Large weights, third step: sums a piece of the weight over all pixels; chunk = (group, some panels, some blocks of
 *  columns). */
static void block_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct outer_job *job = context;
    const struct outer_plan *plan = job->plan;
    const struct kernel_table *kernel = job->run->kernel;
    size_t block_jobs = size_divide_up(plan->blocks, plan->blocks_together);
    size_t panel_jobs = size_divide_up(plan->panels, plan->panels_together);
    size_t group = chunk / block_jobs / panel_jobs;
    size_t first_block = chunk % block_jobs * plan->blocks_together;
    size_t end_block = size_smaller(first_block + plan->blocks_together, plan->blocks);
    size_t first_panel = chunk / block_jobs % panel_jobs * plan->panels_together;
    size_t end_panel = size_smaller(first_panel + plan->panels_together, plan->panels);
    size_t first = first_block * kernel->tile_rows,
           columns = size_smaller(end_block * kernel->tile_rows, plan->columns) - first;
    for (size_t panel = first_panel; panel < end_panel; panel++) {
        size_t width = kernel_panel_width(kernel, plan->group_filters - panel * kernel->panel_columns);
        float *out = panel_of(job, job->sums, group, panel);
        for (size_t tap = 0; tap < plan->taps; tap++) {
            memset(out + (tap * plan->columns + first) * width, 0, columns * width * sizeof *out);
        }
    }
    for (size_t index = 0; index < plan->units; index++) {
        struct unit unit = unit_at(plan, index);
        struct outer_source source = packed_source(job, &unit);
        for (size_t panel = first_panel; panel < end_panel; panel++) {
            float *out = panel_of(job, job->sums, group, panel);
            for (size_t block = first_block; block < end_block; block++) {
                struct outer_ahead ahead = {0};
                if (index + 1 < plan->units) {
                    ahead = packed_ahead(job, index + 1, group, panel, panel == first_panel, block,
                                         block - first_block, end_block - first_block);
                }
                add_products(job, &source, &unit, group, panel, block, &ahead, out);
            }
        }
    }
}

/* ---- the end: parts in order, panels to plain weights ------------------------------------------------------------ */

/** Adds the partial sums of a panel and unpacks it; chunk = (group, panel). */
static void finish_chunk(void *context, size_t chunk, int worker)
{
    (void)worker;
    const struct outer_job *job = context;
    const struct outer_plan *plan = job->plan;
    const struct kernel_table *kernel = job->run->kernel;
    size_t panel = chunk % plan->panels, group = chunk / plan->panels, first = panel * kernel->panel_columns;
    size_t depth = plan->taps * plan->columns, taps = (size_t)window_taps(&plan->window);
    size_t floats = depth * kernel_panel_width(kernel, plan->group_filters - first);
    float *sum = panel_of(job, job->sums, group, panel);
    for (size_t part = 1; part < plan->parts; part++) {
        kernel->scale_add(floats, 1, sum + part * plan->part_floats, 1, sum);
    }
    struct kernel_weights shape = {.filters = size_smaller(kernel->panel_columns, plan->group_filters - first),
                                   .channels = plan->group_channels,
                                   .taps = taps,
                                   .filter_stride = plan->group_channels * taps,
                                   .channel_stride = taps};
    kernel->unpack_weights(
        &shape, sum, (float *)job->run->out[0].data + (group * plan->group_filters + first) * shape.filter_stride);
}

void conv_outer_run(const struct op_run *run)
{
    const struct outer_plan *plan = run->state;
    struct outer_job job = {.run = run, .plan = plan, .sums = run->scratch};
    job.dy = job.sums + plan->parts * plan->part_floats;
    job.x = job.dy + plan->dy_floats;
    if (plan->packed_first) {
        size_t lines = plan->batch * plan->planes * plan->lines;
        size_t together = window_lines_per_chunk(plan->width * plan->channels);
        pool_run(run->pool, copy_chunk, &job, size_divide_up(lines, together));
        size_t pixels = plan->batch * (size_t)window_out_pixels(&plan->window);
        together = window_lines_per_chunk(plan->filters);
        pool_run(run->pool, pack_chunk, &job, size_divide_up(pixels, together));
        size_t block_jobs = size_divide_up(plan->blocks, plan->blocks_together);
        size_t panel_jobs = size_divide_up(plan->panels, plan->panels_together);
        pool_run(run->pool, block_chunk, &job, plan->groups * panel_jobs * block_jobs);
    } else {
        pool_run(run->pool, part_chunk, &job, plan->parts);
    }
    pool_run(run->pool, finish_chunk, &job, plan->groups * plan->panels);
}
