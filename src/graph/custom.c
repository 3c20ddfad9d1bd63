/* SPDX-License-Identifier: MIT */
/* Operators that a program registers: an internal descriptor (op/op.h) is made from the public one; its functions
 * forward each call to the program's. The rest of the library treats them as its own operators. */
#include "graph/custom.h"
#include "base/text.h"
#include "graph/graph.h"
#include "op/onnx.h"
#include "op/option_text.h"
#include <ctype.h>
#include <fovea/extend.h>
#include <fovea/plan.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_PORTS = 16, MOST_OPTIONS = 16, TEXT = 128, WHY = 400 };

/* A registered operator: one block of the context's memory. */
struct custom {
    struct context_extension link; /* first member: the context frees the block through it */
    struct op op;
    struct op_onnx onnx;
    struct op_port in[MOST_PORTS + 1], out[MOST_PORTS + 1];
    struct op_attribute attributes[MOST_OPTIONS + 1];
    fov_operator definition;
    char name[TEXT], domain[TEXT], summary[4 * TEXT], option[MOST_OPTIONS][TEXT], doc[MOST_OPTIONS][TEXT];
    char port[2][MOST_PORTS][16];
};

static const struct custom *custom_of(const struct op *op)
{
    return op->rule;
}

/* ---- calls ------------------------------------------------------------------------------------------------------- */

struct handed {
    fov_operator_call call;
    fov_shape in[OP_MAX_PORTS], out[OP_MAX_PORTS];
};

static void hand(struct handed *handed, const struct op *op, const void *options, int in_count, int out_count)
{
    handed->call = (fov_operator_call){.options = options,
                                       .in = handed->in,
                                       .out = handed->out,
                                       .in_count = in_count,
                                       .out_count = out_count,
                                       .user = custom_of(op)->definition.user};
}

static int infer(const struct op_infer *infer)
{
    const fov_operator *definition = &custom_of(infer->op)->definition;
    struct handed handed;
    char why[WHY] = "";
    hand(&handed, infer->op, infer->options, infer->in_count, infer->out_count);
    for (int i = 0; i < infer->in_count; i++) {
        handed.in[i] = infer->in[i].shape;
        if (infer->in[i].shape.rank >= 0 && infer->in[i].dtype != FOV_F32) {
            return error_set(infer->error, FOV_E_SHAPE, "input %d is %s; operators of a program's own take f32", i,
                             fov_dtype_name(infer->in[i].dtype));
        }
    }
    for (int i = 0; i < infer->out_count; i++) {
        handed.out[i] = (fov_shape){.rank = 0};
    }
    int status = definition->shapes(&handed.call, handed.out, why, sizeof why);
    if (status != FOV_OK) {
        return error_set(infer->error, FOV_E_SHAPE, "%s", why[0] != '\0' ? why : "the inputs do not fit");
    }
    for (int i = 0; i < infer->out_count; i++) {
        const fov_shape *shape = &handed.out[i];
        bool is_right = shape->rank >= 0 && shape->rank <= FOV_MAX_RANK;
        for (int d = 0; is_right && d < shape->rank; d++) {
            is_right = shape->dim[d] >= 0 || (d == 0 && shape->dim[d] == FOV_BATCH);
        }
        if (!is_right) {
            return error_set(infer->error, FOV_E_SHAPE, "the shape of output %d is none", i);
        }
        infer->out[i] = (struct op_tensor){.dtype = FOV_F32, .shape = *shape};
    }
    return FOV_OK;
}

static void textbook(const struct op_textbook *textbook)
{
    struct handed handed;
    const double *in[OP_MAX_PORTS];
    double *out[OP_MAX_PORTS];
    hand(&handed, textbook->op, textbook->options, textbook->in_count, textbook->out_count);
    handed.call.training = textbook->training;
    for (int i = 0; i < textbook->in_count; i++) {
        handed.in[i] = textbook->in[i].shape;
        in[i] = textbook->in[i].data;
    }
    for (int i = 0; i < textbook->out_count; i++) {
        handed.out[i] = textbook->out[i].shape;
        out[i] = textbook->out[i].data;
    }
    custom_of(textbook->op)->definition.define(&handed.call, in, out);
}

static void run(const struct op_run *run)
{
    struct handed handed;
    const float *in[OP_MAX_PORTS];
    float *out[OP_MAX_PORTS];
    hand(&handed, run->op, run->options, run->in_count, run->out_count);
    handed.call.training = run->training;
    handed.call.pool = run->pool;
    for (int i = 0; i < run->in_count; i++) {
        handed.in[i] = run->in[i].shape;
        in[i] = run->in[i].shape.rank >= 0 ? run->in[i].data : NULL;
    }
    for (int i = 0; i < run->out_count; i++) {
        handed.out[i] = run->out[i].shape;
        out[i] = run->out[i].data;
    }
    custom_of(run->op)->definition.compute(&handed.call, in, out);
}

static int compile(struct op_compile *compile)
{
    compile->run = run;
    snprintf(compile->detail, sizeof compile->detail, "the program's own");
    return FOV_OK;
}

static const struct op_cpu cpu = {.layout = OP_WANTS_PLAIN, .compile = compile};

static void gradient(struct op_gradient *g)
{
    fov_graph *graph = g->emitter->graph;
    const fov_operator_gradient given = {.graph = graph,
                                         .options = g->options,
                                         .in = g->in,
                                         .out = g->out,
                                         .out_gradient = g->out_gradient,
                                         .wanted = g->wanted,
                                         .in_gradient = g->in_gradient,
                                         .in_count = g->in_count,
                                         .out_count = g->out_count,
                                         .user = custom_of(g->op)->definition.user};
    custom_of(g->op)->definition.gradient(&given);
    for (int i = 0; i < g->in_count; i++) {
        fov_shape shape = fov_value_shape(graph, g->in_gradient[i]);
        if (g->in_gradient[i].id < 0 || (size_t)g->in_gradient[i].id >= graph->value_count) {
            fov_graph_fail(graph, NULL, FOV_E_USAGE, "the gradient of %s by input %d is no value of this graph",
                           g->op->name, i);
            g->in_gradient[i].id = 0;
        } else if (g->in_gradient[i].id != 0 && !shape_equal(&shape, &g->in_tensor[i].shape)) {
            char have[SHAPE_TEXT_SIZE], want[SHAPE_TEXT_SIZE];
            fov_graph_fail(graph, NULL, FOV_E_SHAPE, "the gradient of %s by input %d is %s, the input %s", g->op->name,
                           i, shape_text(&shape, have), shape_text(&g->in_tensor[i].shape, want));
            return;
        }
    }
}

/* ---- finding ----------------------------------------------------------------------------------------------------- */

static const struct op *next_own(const struct context_extension **at)
{
    while (*at != NULL) {
        const struct op *op = (*at)->op;
        *at = (*at)->next;
        if (op != NULL) {
            return op;
        }
    }
    return NULL;
}

bool operator_is_own(const struct op *op)
{
    return op->infer == infer;
}

const struct op *operator_find(const struct fov_context *context, const char *name)
{
    const struct op *op = op_find(name);
    const struct context_extension *at = context->extensions;
    while (op == NULL && at != NULL && name != NULL) {
        const struct op *own = next_own(&at);
        op = own != NULL && strcmp(own->name, name) == 0 ? own : NULL;
    }
    return op;
}

const struct op *operator_registered(const struct fov_context *context, const char *type, const char *domain)
{
    const struct context_extension *at = context->extensions;
    while (at != NULL) {
        const struct op *own = next_own(&at);
        if (own != NULL && strcmp(own->onnx->type, type) == 0 && strcmp(own->onnx->domain, domain) == 0) {
            return own;
        }
    }
    return NULL;
}

/* ---- registering ------------------------------------------------------------------------------------------------- */

static bool is_name(const char *name)
{
    size_t length = name != NULL ? strlen(name) : 0;
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)name[i]) && name[i] != '_') {
            return false;
        }
    }
    return length > 0 && length < TEXT;
}

/* An option's name must be unique and its default within its limits: otherwise nobody could set it. */
static int check_option(const fov_operator *d, int index, struct error *error)
{
    const fov_operator_option *option = &d->options[index];
    if (!is_name(option->name)) {
        return error_set(error, FOV_E_USAGE, "operator %s: option %d has no name of letters, digits and '_'", d->name,
                         index);
    }
    for (int i = 0; i < index; i++) {
        if (strcmp(d->options[i].name, option->name) == 0) {
            return error_set(error, FOV_E_USAGE, "operator %s: options %d and %d are both called \"%s\"", d->name, i,
                             index, option->name);
        }
    }
    if (strcmp(option->name, "name") == 0) {
        return error_set(error, FOV_E_USAGE, "operator %s: no option can be called \"name\": it is what fov_node calls "
                                             "the node", d->name);
    }
    bool is_limited = option->minimum != option->maximum;
    if (!isfinite(option->standard) || isnan(option->minimum) || isnan(option->maximum) ||
        option->minimum > option->maximum ||
        (is_limited && (option->standard < option->minimum || option->standard > option->maximum))) {
        return error_set(error, FOV_E_USAGE, "operator %s: option %s is %g by default, and lies in %g .. %g", d->name,
                         option->name, option->standard, option->minimum, option->maximum);
    }
    return FOV_OK;
}

static int check(const struct fov_context *context, const fov_operator *d, struct error *error)
{
    char shown[TEXT];
    if (!is_name(d->name)) {
        return error_set(error, FOV_E_USAGE, "an operator's name is letters, digits and '_', up to %d, not \"%s\"",
                         TEXT - 1, text_escape(shown, sizeof shown, d->name != NULL ? d->name : ""));
    }
    if (operator_find(context, d->name) != NULL) {
        return error_set(error, FOV_E_USAGE, "there is an operator \"%s\" already", d->name);
    }
    if (d->inputs < 1 || d->inputs > MOST_PORTS || d->outputs < 1 || d->outputs > MOST_PORTS ||
        d->optional_inputs < 0 || d->optional_inputs >= d->inputs) {
        return error_set(error, FOV_E_USAGE,
                         "operator %s: %d inputs (%d of them optional) and %d outputs; 1 to %d, the first required",
                         d->name, d->inputs, d->optional_inputs, d->outputs, MOST_PORTS);
    }
    if (d->shapes == NULL || d->define == NULL) {
        return error_set(error, FOV_E_USAGE, "operator %s: %s is NULL", d->name,
                         d->shapes == NULL ? "shapes" : "define");
    }
    if (d->option_count < 0 || d->option_count > MOST_OPTIONS || (d->option_count > 0 && d->options == NULL)) {
        return error_set(error, FOV_E_USAGE, "operator %s: %d options; up to %d", d->name, d->option_count,
                         MOST_OPTIONS);
    }
    int status = FOV_OK;
    for (int i = 0; i < d->option_count && status == FOV_OK; i++) {
        status = check_option(d, i, error);
    }
    return status;
}

static void fill_ports(struct op_port *ports, char names[MOST_PORTS][16], int count, int optional, const char *word)
{
    for (int i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], count > 1 ? "%s%d" : "%s", word, i);
        ports[i] = (struct op_port){.name = names[i], .shape = "any", .optional = i >= count - optional, .plain = true};
    }
}

static void fill(struct custom *custom, const fov_operator *d)
{
    custom->definition = *d;
    snprintf(custom->name, sizeof custom->name, "%s", d->name);
    snprintf(custom->domain, sizeof custom->domain, "%s", d->domain != NULL ? d->domain : "custom");
    snprintf(custom->summary, sizeof custom->summary, "%s", d->summary != NULL ? d->summary : "");
    fill_ports(custom->in, custom->port[0], d->inputs, d->optional_inputs, "x");
    fill_ports(custom->out, custom->port[1], d->outputs, 0, "y");
    for (int i = 0; i < d->option_count; i++) {
        const fov_operator_option *option = &d->options[i];
        snprintf(custom->option[i], TEXT, "%s", option->name);
        snprintf(custom->doc[i], TEXT, "%s", option->doc != NULL ? option->doc : "");
        custom->attributes[i] = (struct op_attribute){.name = custom->option[i],
                                                      .onnx = custom->option[i],
                                                      .kind = OP_NUMBER,
                                                      .offset = (size_t)i * sizeof(double),
                                                      .standard = option->standard,
                                                      .minimum = option->minimum,
                                                      .maximum = option->maximum,
                                                      .doc = custom->doc[i]};
    }
    custom->onnx = (struct op_onnx){.type = custom->name, .domain = custom->domain, .since = 1};
    custom->op = (struct op){.name = custom->name,
                             .family = OP_GRADIENT, /* the family about which nothing is assumed */
                             .summary = custom->summary,
                             .in = custom->in,
                             .out = custom->out,
                             .attributes = custom->attributes,
                             .options_size = (size_t)d->option_count * sizeof(double),
                             .infer = infer,
                             .gradient = d->gradient != NULL ? gradient : NULL,
                             .textbook = textbook,
                             .rule = custom,
                             .cpu = d->compute != NULL ? &cpu : NULL,
                             .onnx = &custom->onnx};
}

int fov_operator_register(fov_context *context, const fov_operator *definition)
{
    if (context == NULL || definition == NULL) {
        return call_refuse(context, "fov_operator_register: context or definition is NULL");
    }
    call_fresh(context);
    if (check(context, definition, &context->error) != FOV_OK) {
        return (int)context->error.status;
    }
    struct custom *custom = memory_allocate(context->memory, 1, sizeof *custom, "an operator", &context->error);
    if (custom == NULL) {
        return FOV_E_MEMORY;
    }
    fill(custom, definition);
    custom->link = (struct context_extension){.next = context->extensions, .op = &custom->op};
    context->extensions = &custom->link;
    return FOV_OK;
}

struct cut {
    void (*task)(void *context, size_t chunk);
    void *context;
};

static void run_chunk(void *context, size_t chunk, int worker)
{
    const struct cut *cut = context;
    (void)worker;
    cut->task(cut->context, chunk);
}

void fov_operator_parallel(const fov_operator_call *call, void (*task)(void *context, size_t chunk), void *context,
                           size_t chunks)
{
    struct cut cut = {task, context};
    if (call != NULL && task != NULL) {
        pool_run((struct pool *)(uintptr_t)call->pool, run_chunk, &cut, chunks);
    }
}

/* ---- checking ---------------------------------------------------------------------------------------------------- */

/* Raises *difference and *magnitude to the greatest ones of one output; a NaN difference stays. */
static void compare(const float *made, const double *defined, size_t count, double *difference, double *magnitude)
{
    for (size_t k = 0; k < count; k++) {
        double apart = fabs((double)made[k] - defined[k]);
        *difference = apart > *difference || isnan(apart) ? apart : *difference;
        *magnitude = fmax(*magnitude, fabs(defined[k]));
    }
}

/* Draws inputs from a normal distribution, into the plan and as doubles for the definition. */
static int draw(fov_plan *plan, const fov_value *in, int count, uint64_t seed, double **given, struct memory *memory,
                struct error *error)
{
    for (int i = 0; i < count; i++) {
        float *to = in[i].id != 0 ? fov_plan_data(plan, in[i]) : NULL;
        size_t numbers = to != NULL ? fov_plan_bytes(plan, in[i]) / sizeof(float) : 0;
        if (in[i].id == 0) {
            continue;
        }
        given[in[i].id] = memory_allocate(memory, numbers, sizeof(double), "inputs to check with", error);
        if (given[in[i].id] == NULL) {
            return FOV_E_MEMORY;
        }
        for (size_t k = 0; k < numbers; k++) {
            to[k] = (float)random_normal((struct random_key){seed, RANDOM_TEST, (uint64_t)i}, k);
            given[in[i].id][k] = (double)to[k];
        }
    }
    return FOV_OK;
}

static int check_graph(fov_graph *graph, const fov_value *in, int in_count, fov_value first, uint64_t seed,
                       double *difference)
{
    struct error *error = &graph->context->error;
    struct memory *memory = graph->context->memory;
    fov_value out[OP_MAX_PORTS]; /* the most that a node has */
    int ids[OP_MAX_PORTS], count = fov_output_count(graph, first);
    struct evaluation defined = {.count = 0};
    double apart = 0, magnitude = 0;
    for (int i = 0; i < count; i++) {
        out[i] = fov_output(graph, first, i);
        ids[i] = out[i].id;
    }
    fov_plan *plan = fov_plan_create(graph, out, count, NULL);
    double **given = plan != NULL ? memory_allocate(memory, graph->value_count, sizeof *given, "inputs", error) : NULL;
    int status = given != NULL ? draw(plan, in, in_count, seed, given, memory, error) : (int)error->status;
    if (status == FOV_OK) {
        fov_plan_run(plan, 0);
        status = graph_evaluate(graph, ids, count, 1, false, 0, (const double *const *)given, &defined);
    }
    for (int i = 0; status == FOV_OK && i < count; i++) {
        compare(fov_plan_data(plan, out[i]), defined.data[ids[i]], fov_plan_bytes(plan, out[i]) / sizeof(float), &apart,
                &magnitude);
    }
    *difference = magnitude > 0 ? apart / magnitude : apart;
    graph_evaluate_free(graph, &defined);
    for (size_t id = 0; given != NULL && id < graph->value_count; id++) {
        memory_free(memory, given[id]);
    }
    memory_free(memory, given);
    fov_plan_free(plan);
    return status;
}

int fov_operator_check(fov_context *context, const char *name, const fov_shape *in, int in_count,
                       const char *const *options, uint64_t seed, double *difference)
{
    if (context == NULL || name == NULL || in == NULL || difference == NULL || in_count < 1 || in_count > MOST_PORTS) {
        return call_refuse(context, "fov_operator_check: context, name, in or difference is NULL, or 1 to 16 inputs");
    }
    struct call call = call_begin(context);
    const struct op *op = operator_find(context, name);
    if (op != NULL && !operator_is_own(op)) {
        error_set(&context->error, FOV_E_USAGE,
                  "fov_operator_check: \"%s\" is one of the library's operators, not one of the program's own",
                  op->name);
    }
    fov_graph *graph = fov_graph_create(context); /* NULL after that error */
    fov_value values[MOST_PORTS] = {{0}};
    char input[16];
    for (int i = 0; i < in_count && graph != NULL; i++) {
        snprintf(input, sizeof input, "x%d", i);
        values[i] = in[i].rank >= 0 ? fov_input(graph, .name = input, .shape = in[i]) : (fov_value){0};
    }
    fov_value first = graph != NULL ? fov_node_opt(graph, name, values, in_count, options) : (fov_value){0};
    int status =
        first.id != 0 ? check_graph(graph, values, in_count, first, seed, difference) : (int)context->error.status;
    fov_graph_free(graph);
    call_end(&call);
    return status;
}
