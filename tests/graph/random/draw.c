/* SPDX-License-Identifier: MIT */
/* How a random graph is put together: inputs, then makers drawn by weight, each of which adds an operator or a usual
 * block of several behind some value, then outputs. What makers there are is in windows.c, layers.c and blocks.c. */
#include "random.h"

#include "base/cpu.h"
#include "kernel/kernel.h"
#include "tensor/shape.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* ---- drawing ------------------------------------------------------------------------------------------------------ */

int random_draw(struct random_builder *b, int bound)
{
    return (int)random_below(b->key, b->draws++, (uint64_t)bound);
}

bool random_chance(struct random_builder *b, int percent)
{
    return random_draw(b, 100) < percent;
}

int random_between(struct random_builder *b, int from, int to)
{
    return from + random_draw(b, to - from + 1);
}

float random_number(struct random_builder *b, float from, float to)
{
    return from + (to - from) * random_uniform(b->key, b->draws++);
}

int random_channels(struct random_builder *b)
{
    static const int usual[] = {1, 2, 3, 4, 5, 7, 8, 8, 9, 12, 15, 16, 16, 17, 20, 24, 31, 32, 32, 33, 40, 48, 64, 96};
    return usual[random_draw(b, (int)(sizeof usual / sizeof *usual))];
}

/* ---- nodes -------------------------------------------------------------------------------------------------------- */

static void set_option(const struct op *op, void *options, const struct random_setting *setting)
{
    for (const struct op_attribute *at = op->attributes; at != NULL && at->name != NULL; at++) {
        char *place = (char *)options + at->offset;
        if (strcmp(at->name, setting->name) != 0) {
            continue;
        }
        switch (at->kind) {
        case OP_INTEGER:
            *(int64_t *)(void *)place = (int64_t)setting->number;
            return;
        case OP_NUMBER:
            *(double *)(void *)place = setting->number;
            return;
        case OP_FLAG:
            *(bool *)(void *)place = setting->number != 0;
            return;
        case OP_CHOICE:
            *(int *)(void *)place = (int)setting->number;
            return;
        case OP_LIST: {
            struct op_list *list = (void *)place;
            list->count = setting->count;
            memcpy(list->at, setting->list, (size_t)setting->count * sizeof *list->at);
            return;
        }
        }
    }
}

fov_value random_node(struct random_builder *b, const char *op, const fov_value *in, int in_count,
                      const struct random_setting *settings, int setting_count)
{
    union {
        max_align_t align;
        char bytes[OP_MAX_OPTIONS];
    } options = {.bytes = {0}};
    const struct op *found = op_find(op);
    op_options_default(found, &options);
    for (int i = 0; i < setting_count; i++) {
        set_option(found, &options, &settings[i]);
    }
    return op_emit(fov_graph_emitter(b->graph), op, in, in_count, &options);
}

fov_value random_node1(struct random_builder *b, const char *op, fov_value x)
{
    return random_node(b, op, &x, 1, NULL, 0);
}

fov_value random_parameter(struct random_builder *b, const char *kind, fov_shape shape)
{
    char name[64];
    snprintf(name, sizeof name, "p%d.%s", fov_parameter_count(b->graph), kind);
    return fov_parameter(b->graph, .name = name, .shape = shape);
}

bool random_is_image(const struct random_builder *b, fov_value x, int rank)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    bool fits = rank != 0 ? shape.rank == rank : shape.rank >= 3 && shape.rank <= 5;
    return fits && shape.dim[0] == FOV_BATCH && fov_value_dtype(b->graph, x) == FOV_F32;
}

bool random_affords(struct random_builder *b, int64_t elements, int64_t products)
{
    if (elements < 1 || elements * b->batch > b->most_elements || products * b->batch > b->products) {
        return false;
    }
    b->products -= products * b->batch;
    return true;
}

fov_value random_keep(struct random_builder *b, fov_value x)
{
    if (x.id != 0 && b->count < RANDOM_MOST_VALUES) {
        b->values[b->count++] = x;
    }
    return x;
}

fov_value random_companion(struct random_builder *b, fov_value x)
{
    fov_shape shape = fov_value_shape(b->graph, x);
    fov_value found[RANDOM_MOST_VALUES];
    int count = 0;
    for (int i = 0; i < b->count; i++) {
        fov_shape other = fov_value_shape(b->graph, b->values[i]);
        if (b->values[i].id != x.id && shape_equal(&shape, &other) &&
            fov_value_dtype(b->graph, b->values[i]) == FOV_F32) {
            found[count++] = b->values[i];
        }
    }
    return count > 0 ? found[random_draw(b, count)] : (fov_value){0};
}

/* ---- the whole ---------------------------------------------------------------------------------------------------- */

const char *const *random_levels(void)
{
    static const enum cpu_level known[] = {CPU_REFERENCE, CPU_SSE2, CPU_NEON, CPU_AVX2, CPU_AVX512, CPU_AMX};
    static const char *levels[sizeof known / sizeof *known + 1];
    int count = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (kernel_table_for(known[i]) != NULL && cpu_has(known[i])) {
            levels[count++] = cpu_level_name(known[i]);
        }
    }
    levels[count] = NULL;
    return levels;
}

/** Limits on a graph's sizes. Half of the graphs are so small that their definitions take next to no time; the others
 *  reach sizes at which plans pass lines from step to step, drop images between their readers, or lack memory. */
static const struct size {
    int weight, batch; /**< batch 0: 1, 3 or 16 */
    int64_t elements;  /**< limit for one tensor, all samples together */
    int64_t products;  /**< limit for the whole graph */
    int least_channels, most_channels;
    bool limited;
} sizes[] = {
    {.weight = 50, .elements = 4000, .products = 700000, .most_channels = 96},
    {.weight = 7, .batch = 16, .elements = 20000, .products = 3000000, .most_channels = 8},
    {.weight = 10, .elements = 30000, .products = 5000000, .most_channels = 96},
    {.weight = 13, .batch = 1, .elements = 60000, .products = 20000000, .least_channels = 16, .most_channels = 96},
    {.weight = 11, .batch = 1, .elements = 25000, .products = 10000000, .least_channels = 48, .most_channels = 96},
    {.weight = 6, .batch = 16, .elements = 60000, .products = 60000000, .most_channels = 32, .limited = true},
    {.weight = 3, .batch = 3, .elements = 400000, .products = 300000000, .least_channels = 8, .most_channels = 16},
};

static const struct size *draw_size(struct random_builder *b)
{
    static const int batches[] = {1, 1, 3, 3, 16, 16};
    const struct size *size = sizes;
    for (int at = random_draw(b, 100); at >= size->weight; size++) {
        at -= size->weight;
    }
    b->batch = size->batch != 0 ? size->batch : batches[random_draw(b, 6)];
    b->most_elements = size->elements * (b->batch == 16 && !size->limited ? 2 : 1);
    b->products = size->products;
    return size;
}

static void draw_settings(struct random_builder *b, const struct size *size, struct random_settings *settings)
{
    static const float rates[] = {1e-3F, 0.01F, 0.05F, 0.05F, 0.1F, 0.5F};
    const char *const *levels = random_levels();
    int count = 0;
    while (levels[count] != NULL) {
        count++;
    }
    /* Seldom the reference level: it is slow, and the kernels' own tests compare every other level with it. */
    int level = size == sizes && random_chance(b, 8) ? 0 : count - 1 - random_draw(b, count > 1 ? count - 1 : 1);
    *settings = (struct random_settings){
        .batch = b->batch,
        .isa = levels[level],
        .threads = random_between(b, 1, 3),
        .memory_percent = size->limited ? random_between(b, 50, 95) : 0,
        .winograd = random_chance(b, 25),
        .optimiser =
            (enum random_optimiser)(random_chance(b, 60) ? random_draw(b, 2) : random_draw(b, RANDOM_OPTIMISERS)),
        .rate = rates[random_draw(b, 6)],
    };
    settings->other_threads = 1 + (settings->threads + random_draw(b, 2)) % 3;
}

/** An input: from a single pixel up to the sides that most_elements allows. */
static void add_input(struct random_builder *b, const struct size *size, int number)
{
    static const int usual[] = {1, 3, 3, 4, 7, 8, 16, 17, 24, 32, 48, 64, 96};
    int channels = 0;
    while (channels < size->least_channels || channels > size->most_channels || channels == 0) {
        channels = usual[random_draw(b, 13)];
    }
    int kind = random_draw(b, 100), rank = kind < 84 ? 4 : kind < 91 ? 3 : kind < 97 ? 5 : 2;
    char name[16];
    fov_shape shape = {rank, {FOV_BATCH, channels}};
    int64_t room = b->most_elements / b->batch / shape.dim[1];
    double side = rank > 2 ? pow((double)room, 1.0 / (rank - 2)) : 1;
    for (int i = 2; i < rank; i++) {
        int most = (int)fmax(1, fmin(side, 90)), least = most < 3 ? 1 : random_chance(b, 60) ? (most + 1) / 2 : 2;
        shape.dim[i] = random_between(b, least, most);
    }
    snprintf(name, sizeof name, "x%d", number);
    random_keep(b, fov_input(b->graph, .name = name, .shape = shape));
}

static fov_value make_from(struct random_builder *b, const struct random_made *table, fov_value x)
{
    int sum = 0, at;
    for (int i = 0; table[i].name != NULL; i++) {
        sum += table[i].weight;
    }
    at = random_draw(b, sum);
    for (int i = 0; table[i].name != NULL; i++) {
        at -= table[i].weight;
        if (at < 0) {
            return table[i].make(b, x);
        }
    }
    return (fov_value){0};
}

static void add_nodes(struct random_builder *b)
{
    static const struct random_made *const tables[] = {random_windows, random_layers, random_layers, random_blocks,
                                                       random_blocks};
    int wanted = random_between(b, 1, 8);
    for (int tries = 0, made = 0; made < wanted && tries < 100; tries++) {
        int from = random_chance(b, 75) ? b->count - 1 : random_draw(b, b->count);
        fov_value y = make_from(b, tables[random_draw(b, 5)], b->values[from]);
        if (y.id != 0) {
            random_keep(b, y);
            made++;
        }
        if (b->graph->failed) {
            return;
        }
    }
}

static bool is_read(const fov_graph *graph, int id)
{
    for (size_t n = 0; n < graph->node_count; n++) {
        for (int i = 0; i < graph->nodes[n].in_count; i++) {
            if (graph->nodes[n].in[i] == id) {
                return true;
            }
        }
    }
    return false;
}

static void add_output(struct random_case *drawn, fov_value value)
{
    for (int i = 0; i < drawn->output_count; i++) {
        if (drawn->outputs[i].id == value.id) {
            return;
        }
    }
    if (drawn->output_count < RANDOM_MOST_OUTPUTS) {
        drawn->outputs[drawn->output_count++] = value;
    }
}

static void draw_outputs(struct random_builder *b, struct random_case *drawn)
{
    add_output(drawn, b->values[b->count - 1]);
    for (int i = b->count - 1; i >= 0; i--) { /* results that no node reads */
        if (!is_read(b->graph, b->values[i].id) && graph_value(b->graph, b->values[i].id)->node >= 0) {
            add_output(drawn, b->values[i]);
        }
    }
    for (int i = 0; i < 2; i++) { /* perhaps values that are read, too, or an input */
        if (random_chance(b, 15)) {
            add_output(drawn, b->values[random_draw(b, b->count)]);
        }
    }
}

static bool fill_parameters(fov_graph *graph)
{
    bool filled = true;
    for (int i = 0; i < fov_parameter_count(graph); i++) {
        filled = filled && random_fill_parameter(graph, fov_parameter_at(graph, i), (uint64_t)i);
    }
    return filled;
}

bool random_case_draw(struct random_case *drawn, uint64_t seed)
{
    *drawn = (struct random_case){.seed = seed};
    drawn->context = fov_context_create(&(fov_context_options){.threads = 1, .seed = seed});
    drawn->graph = fov_graph_create(drawn->context);
    struct random_builder b = {.graph = drawn->graph, .key = {seed, RANDOM_TEST, 0}};
    const struct size *size = draw_size(&b);
    draw_settings(&b, size, &drawn->settings);
    int inputs = random_chance(&b, 80) ? 1 : 2;
    for (int i = 0; i < inputs; i++) {
        add_input(&b, size, i);
    }
    add_nodes(&b);
    if (!drawn->graph->failed) {
        draw_outputs(&b, drawn);
    }
    return !drawn->graph->failed && fill_parameters(drawn->graph);
}

void random_case_close(struct random_case *drawn)
{
    fov_graph_free(drawn->graph);
    fov_context_free(drawn->context);
    *drawn = (struct random_case){0};
}
