/* SPDX-License-Identifier: MIT */
/* Whatever a program passes to fov_node is refused with a sentence or computed without access out of bounds. For every
 * operator, gradients and other internal ones included, nodes are built with random inputs: cases of the descriptor
 * with a dimension, rank, type or option changed, and entirely random shapes. Some inputs are constants, so that shape
 * inference computes with them; accepted nodes are planned, run and differentiated. No result is compared: a read or
 * write out of bounds ends the test under AddressSanitizer (./dev asan); the plain build finds writes behind a block.
 *
 *   test_op_bounds [OPERATOR|all] [ROUNDS] [SEED] [verbose] */
#include "harness.h"
#include "tensor/convert.h"
#include <fovea/fovea.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MOST_INPUTS = 10, MOST_PAIRS = 32, TEXT = 400, ROUNDS = 120, GUARD = 64, SMALL_SIZE = 7 };
enum { MOST_ELEMENTS = 1 << 16, MOST_MEMORY = 64 << 20 };

static struct {
    const char *operator_name; /* NULL: all */
    int rounds;
    uint64_t seed;
    bool verbose;
} request = {.rounds = ROUNDS, .seed = 1};

/* ---- memory with a guard behind each block ----------------------------------------------------------------------- */

struct block {
    _Alignas(16) size_t bytes;
};

static const unsigned char guard_byte = 0xA5;

static void *allocate_guarded(void *user, size_t bytes)
{
    (void)user;
    struct block *block = malloc(sizeof *block + bytes + GUARD);
    if (block == NULL) {
        return NULL;
    }
    block->bytes = bytes;
    memset((unsigned char *)(block + 1) + bytes, guard_byte, GUARD);
    return block + 1;
}

static void release_guarded(void *user, void *memory)
{
    struct block *block = memory != NULL ? (struct block *)memory - 1 : NULL;
    for (size_t i = 0; block != NULL && i < GUARD; i++) {
        if (((unsigned char *)memory)[block->bytes + i] != guard_byte) {
            *(bool *)user = true;
        }
    }
    free(block);
}

/* ---- drawing ----------------------------------------------------------------------------------------------------- */

struct draw {
    struct random_key key;
    uint64_t index;
};

static int64_t below(struct draw *draw, int64_t bound)
{
    return (int64_t)random_below(draw->key, draw->index++, (uint64_t)bound);
}

static bool one_in(struct draw *draw, int64_t count)
{
    return below(draw, count) == 0;
}

struct trial {
    const struct op *op;
    fov_shape shape[MOST_INPUTS]; /* rank -1: absent */
    fov_dtype dtype[MOST_INPUTS];
    int count, pairs;
    char name[MOST_PAIRS][48], text[MOST_PAIRS][TEXT];
    const char *options[2 * MOST_PAIRS + 1];
};

/* Makes large sizes of cases small; equal sizes stay equal. */
static int64_t small(int64_t size)
{
    return size > 2 * SMALL_SIZE ? size % SMALL_SIZE + 1 : size;
}

static fov_shape any_shape(struct draw *draw)
{
    static const int64_t likely[] = {1, 2, 2, 3, 3, 4, 0, 5, 6};
    fov_shape shape = {.rank = (int)below(draw, 6)};
    for (int d = 0; d < shape.rank; d++) {
        shape.dim[d] = likely[below(draw, 9)];
    }
    return shape;
}

static void change_shape(struct draw *draw, struct trial *trial)
{
    fov_shape *shape = &trial->shape[below(draw, trial->count)];
    if (shape->rank < 0 || one_in(draw, 8)) {
        *shape = any_shape(draw);
    } else if (one_in(draw, 6)) {
        *shape = trial->shape[below(draw, trial->count)];
    } else if (one_in(draw, 6)) {
        shape->rank = -1;
    } else if (one_in(draw, 6)) {
        shape->rank -= shape->rank > 0;
    } else if (shape->rank == 0 || (one_in(draw, 6) && shape->rank < 6)) {
        shape->dim[shape->rank++] = 1 + below(draw, 3);
    } else {
        shape->dim[below(draw, shape->rank)] = below(draw, SMALL_SIZE);
    }
}

static int64_t any_integer(struct draw *draw, const struct op_attribute *at)
{
    bool limited = at->minimum < at->maximum;
    if (limited && one_in(draw, 12)) {
        return (int64_t)(one_in(draw, 2) ? at->minimum : at->maximum);
    }
    if (one_in(draw, 30)) {
        return one_in(draw, 2) ? INT64_MAX : INT64_MIN;
    }
    int64_t number = below(draw, 10) - 3;
    return limited && (double)number < at->minimum ? (int64_t)at->minimum + below(draw, 4) : number;
}

static void change_option(struct draw *draw, const struct op_attribute *at, void *options)
{
    static const double numbers[] = {0, 1, -1, 0.5, 2, 1e-5, 3, 1e30, -1e30};
    char *member = (char *)options + at->offset;
    int choices = 0;
    struct op_list list = {.count = (int)below(draw, 9)};
    switch (at->kind) {
    case OP_INTEGER:
        memcpy(member, &(int64_t){any_integer(draw, at)}, sizeof(int64_t));
        break;
    case OP_NUMBER:
        memcpy(member, &numbers[below(draw, 9)], sizeof(double));
        break;
    case OP_FLAG:
        memcpy(member, &(bool){one_in(draw, 2)}, sizeof(bool));
        break;
    case OP_LIST:
        if (one_in(draw, 2)) {
            memcpy(&list, member, sizeof list);
        }
        for (int i = 0; i < list.count; i++) {
            list.at[i] = one_in(draw, 2) ? any_integer(draw, at) : list.at[i];
        }
        memcpy(member, &list, sizeof list);
        break;
    case OP_CHOICE:
        while (at->choices[choices] != NULL) {
            choices++;
        }
        memcpy(member, &(int){(int)below(draw, choices)}, sizeof(int));
        break;
    }
}

static void draw_options(struct draw *draw, struct trial *trial, const struct op_case *test)
{
    _Alignas(16) unsigned char options[OP_MAX_OPTIONS];
    int several = 1 + (int)below(draw, 4); /* on average, one option in so many is changed */
    bool change = one_in(draw, 2);
    op_options_default(trial->op, options);
    if (test != NULL && test->options != NULL) {
        memcpy(options, test->options, trial->op->options_size);
    }
    for (const struct op_attribute *at = trial->op->attributes; at != NULL && at->name != NULL; at++) {
        if (change && one_in(draw, several)) {
            change_option(draw, at, options);
        }
        if (trial->pairs < MOST_PAIRS && harness_option_text(at, options, trial->text[trial->pairs], TEXT) < TEXT) {
            snprintf(trial->name[trial->pairs], sizeof trial->name[0], "%s", at->name);
            trial->options[2 * trial->pairs] = trial->name[trial->pairs];
            trial->options[2 * trial->pairs + 1] = trial->text[trial->pairs];
            trial->pairs++;
        }
    }
    trial->options[2 * trial->pairs] = NULL;
}

static void draw_trial(struct draw *draw, struct trial *trial, const struct op *op)
{
    int ports = op_port_count(op->in), cases = 0;
    while (op->cases != NULL && op->cases[cases].name != NULL) {
        cases++;
    }
    const struct op_case *test = cases > 0 && !one_in(draw, 4) ? &op->cases[below(draw, cases)] : NULL;
    *trial = (struct trial){.op = op, .count = ports};
    trial->count += ports > 0 && op->in[ports - 1].variadic ? (int)below(draw, 3) : 0;
    trial->count -= one_in(draw, 6) && trial->count > 0;
    trial->count = test != NULL ? test->in_count : trial->count < MOST_INPUTS ? trial->count : MOST_INPUTS;
    fov_shape common = any_shape(draw);
    for (int i = 0; i < trial->count; i++) {
        trial->dtype[i] = test != NULL ? case_dtype(test, i) : one_in(draw, 3) ? (fov_dtype)below(draw, 12) : FOV_F32;
        trial->shape[i] = test != NULL ? case_shape(test, i) : one_in(draw, 3) ? any_shape(draw) : common;
        for (int d = 0; d < trial->shape[i].rank; d++) {
            trial->shape[i].dim[d] = small(trial->shape[i].dim[d]);
        }
        if (test == NULL && op_port_at(op->in, i)->optional && one_in(draw, 3)) {
            trial->shape[i].rank = -1;
        }
    }
    for (int64_t changes = trial->count > 0 ? below(draw, 3) : 0; changes > 0; changes--) {
        change_shape(draw, trial);
    }
    if (trial->count > 0 && one_in(draw, 5)) {
        trial->dtype[below(draw, trial->count)] = (fov_dtype)below(draw, 12);
    }
    draw_options(draw, trial, test);
}

static void print_trial(const struct trial *trial, int round)
{
    char text[SHAPE_TEXT_SIZE];
    fprintf(stderr, "%s, round %d:", trial->op->name, round);
    for (int i = 0; i < trial->count; i++) {
        fprintf(stderr, " %s %s", fov_dtype_name(trial->dtype[i]),
                trial->shape[i].rank < 0 ? "-" : shape_text(&trial->shape[i], text));
    }
    for (int i = 0; i < trial->pairs; i++) {
        fprintf(stderr, " %s=%s", trial->name[i], trial->text[i]);
    }
    fprintf(stderr, "\n");
}

static double any_value(struct draw *draw, fov_dtype dtype, bool wild)
{
    static const double strange[] = {INFINITY, -INFINITY, NAN, 1e30, -1e30, 1e-30, -0.0, 0x1p50, 0x1p62};
    if (wild && one_in(draw, 8)) {
        double value = strange[below(draw, 9)];
        return dtype == FOV_F32 || isfinite(value) ? value : -1;
    }
    return dtype == FOV_F32 && one_in(draw, 2) ? random_normal(draw->key, draw->index++)
                                               : (double)(below(draw, 9) - (wild ? 4 : 1));
}

/* Random values of the type, as its bytes; the caller frees them. */
static void *any_data(struct draw *draw, fov_dtype dtype, size_t count)
{
    double *values = calloc(count + 1, sizeof *values);
    void *data = calloc(count + 1, sizeof(double));
    bool wild = one_in(draw, 4);
    for (size_t i = 0; i < count; i++) {
        values[i] = any_value(draw, dtype, wild);
    }
    convert_from_double(dtype, values, data, count);
    free(values);
    return data;
}

/* ---- building and running ---------------------------------------------------------------------------------------- */

static void make_inputs(struct draw *draw, const struct trial *trial, fov_graph *graph, fov_value *in, bool *filled)
{
    bool all_constant = one_in(draw, 3), open = one_in(draw, 8);
    for (int i = 0; i < trial->count; i++) {
        fov_shape shape = trial->shape[i];
        const struct op_port *port = op_port_at(trial->op->in, i);
        size_t count;
        if (shape.rank < 0 || !shape_count(&shape, &count)) {
            continue;
        }
        if (all_constant || one_in(draw, 4) || (port != NULL && port->values && !one_in(draw, 10))) {
            void *data = any_data(draw, trial->dtype[i], count);
            in[i] = fov_constant(graph, NULL, trial->dtype[i], shape, data);
            free(data);
            continue;
        }
        char name[16];
        snprintf(name, sizeof name, "x%d", i);
        if (open && shape.rank > 0 && one_in(draw, 2)) {
            shape.dim[0] = FOV_BATCH;
        }
        in[i] = fov_input(graph, .name = name, .shape = shape, .dtype = trial->dtype[i]);
        filled[i] = true;
    }
}

/* Plans and runs these values. The plan may be refused, with a sentence. */
static void run(struct draw *draw, fov_graph *graph, const struct trial *trial, const fov_value *in, const bool *filled,
                const fov_value *values, int count)
{
    fov_plan_options options = {.batch = 1 + below(draw, 3), .training = one_in(draw, 2), .no_fusion = one_in(draw, 4)};
    fov_plan *plan = fov_plan_create(graph, values, count, &options);
    for (int i = 0; plan != NULL && i < trial->count; i++) {
        void *place = filled[i] ? fov_plan_data(plan, in[i]) : NULL;
        if (place != NULL) {
            size_t bytes = fov_plan_bytes(plan, in[i]);
            void *data = any_data(draw, trial->dtype[i], bytes / fov_dtype_size(trial->dtype[i]));
            memcpy(place, data, bytes);
            free(data);
        }
    }
    if (plan != NULL) {
        int status = fov_plan_run(plan, 0);
        assert_true(status == FOV_OK || status == FOV_E_INPUT);
    } else {
        assert_true(strlen(fov_error(fov_graph_context(graph))) > 10);
    }
    fov_plan_free(plan);
}

/* Differentiates the sum of all float32 outputs by the float32 inputs, and runs the gradients. */
static void run_gradients(struct draw *draw, fov_graph *graph, const struct trial *trial, const fov_value *in,
                          const bool *filled, const fov_value *out, int count)
{
    fov_value loss = {0}, targets[MOST_INPUTS], gradients[MOST_INPUTS], found[MOST_INPUTS];
    int target_count = 0, found_count = 0;
    for (int i = 0; i < count; i++) {
        if (fov_value_dtype(graph, out[i]) == FOV_F32) {
            const struct op_emitter *emitter = fov_graph_emitter(graph);
            fov_value part = op_emit2(emitter, "sum_to", out[i], op_emit_scalar(emitter, out[i], 0), NULL);
            loss = loss.id != 0 ? fov_add(graph, loss, part) : part;
        }
    }
    for (int i = 0; i < trial->count; i++) {
        if (in[i].id != 0 && filled[i] && trial->dtype[i] == FOV_F32) {
            targets[target_count++] = in[i];
        }
    }
    if (loss.id == 0 || target_count == 0) {
        return;
    }
    if (fov_gradient(graph, loss, targets, target_count, gradients) != FOV_OK) {
        if (request.verbose) {
            fprintf(stderr, "  no gradient: %s\n", fov_error(fov_graph_context(graph)));
        }
        return;
    }
    for (int i = 0; i < target_count; i++) {
        if (gradients[i].id != 0) {
            found[found_count++] = gradients[i];
        }
    }
    if (found_count > 0) {
        run(draw, graph, trial, in, filled, found, found_count);
    }
}

/* Whether a result is too large to be computed here. */
static bool is_large(const fov_graph *graph, fov_value value)
{
    fov_shape shape = fov_value_shape(graph, value);
    double elements = 1;
    for (int d = 0; d < shape.rank; d++) {
        elements *= shape.dim[d] < 0 ? 3 : (double)shape.dim[d];
    }
    return elements > MOST_ELEMENTS;
}

static bool run_trial(struct draw *draw, const struct trial *trial, fov_context *context)
{
    fov_graph *graph = fov_graph_create(context);
    fov_value in[MOST_INPUTS] = {{0}}, out[16];
    bool filled[MOST_INPUTS] = {false}, large = false;
    int count = 0;
    make_inputs(draw, trial, graph, in, filled);
    fov_value first = fov_node_opt(graph, trial->op->name, in, trial->count, trial->options);
    if (first.id == 0) {
        assert_true(strlen(fov_error(context)) > 10);
    }
    for (int i = 0; first.id != 0 && i < fov_output_count(graph, first) && count < 16; i++) {
        out[count] = fov_output(graph, first, i);
        if (out[count].id != 0) {
            large = large || is_large(graph, out[count]);
            count++;
        }
    }
    bool accepted = count > 0;
    if (accepted && request.verbose) {
        fprintf(stderr, "  accepted\n");
    }
    if (accepted && !large) {
        run(draw, graph, trial, in, filled, out, count);
        run_gradients(draw, graph, trial, in, filled, out, count);
    }
    fov_graph_free(graph);
    return accepted;
}

/* Operators whose inputs must fit each other and the options so closely that hardly any drawn node is accepted. */
static bool is_seldom_accepted(const struct op *op)
{
    static const char *const names[] = {"affine_grid_gradient", "sim_ota", "tile_gradient", "yolox_loss",
                                        "yolox_loss_gradient"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], op->name) == 0) {
            return true;
        }
    }
    return false;
}

static void search(void **state)
{
    const struct op *op = *state;
    const char *levels[8];
    int level_count = harness_levels(levels), accepted = 0;
    bool overrun = false;
    fov_allocator guarded = {.allocate = allocate_guarded, .release = release_guarded, .user = &overrun};
    bool plain = request.operator_name != NULL; /* one operator: plain blocks, which a sanitizer watches itself */
    for (int half = 0; half < 2; half++) {
        fov_context *context = fov_context_create(&(fov_context_options){.threads = 1,
                                                                         .isa = levels[half * (level_count - 1)],
                                                                         .max_memory = MOST_MEMORY,
                                                                         .allocator = plain ? NULL : &guarded});
        for (int round = half; round < request.rounds; round += 2) {
            struct draw draw = {{request.seed, RANDOM_TEST, (uint64_t)round}, 0};
            struct trial trial;
            draw_trial(&draw, &trial, op);
            if (request.verbose) {
                print_trial(&trial, round);
            }
            accepted += run_trial(&draw, &trial, context);
            if (overrun) {
                print_trial(&trial, round);
                fail_msg("%s, round %d: bytes behind a block of memory were written", op->name, round);
            }
        }
        fov_context_free(context);
        if (overrun) {
            fail_msg("%s on %s: bytes behind a block that lives as long as the context were written", op->name,
                     levels[half * (level_count - 1)]);
        }
    }
    if (request.verbose) {
        fprintf(stderr, "%s: %d of %d accepted\n", op->name, accepted, request.rounds);
    }
    if (accepted == 0 && request.rounds >= ROUNDS && !is_seldom_accepted(op)) {
        fail_msg("%s: none of %d nodes was accepted, and so nothing was run", op->name, request.rounds);
    }
}

int main(int argc, char **argv)
{
    request.operator_name = argc > 1 ? argv[1] : NULL;
    request.rounds = argc > 2 ? atoi(argv[2]) : ROUNDS;
    request.seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    request.verbose = argc > 4;
    struct CMUnitTest *tests = calloc(op_table_count, sizeof *tests);
    size_t count = 0;
    for (size_t o = 0; o < op_table_count; o++) {
        if (argc < 2 || strcmp(argv[1], "all") == 0 || strcmp(argv[1], op_table[o]->name) == 0) {
            tests[count++] = (struct CMUnitTest){
                .name = op_table[o]->name, .test_func = search, .initial_state = (void *)op_table[o]};
        }
    }
    int failed = _cmocka_run_group_tests("bounds", tests, count, NULL, NULL);
    free(tests);
    return failed;
}
