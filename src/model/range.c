/* SPDX-License-Identifier: MIT */
/* Bounds of a value by interval arithmetic over the last operators of a graph. */
#include "model/range.h"
#include "tensor/convert.h"
#include <math.h>
#include <string.h>

const double range_infinite = (double)INFINITY;

enum { DEPTH = 12, /* operators looked at in a chain */
       LOOKS = 16384, /* at values, at most: one that many operators share is looked at once for each way to it */
       ELEMENTS = 4096 /* of a constant, at most */ };

/* A search for bounds. */
struct look {
    const fov_graph *graph;
    int left; /* values that it may still look at; 0: every bound is unknown */
};

/* Operators whose results are elements of their first input, or means of such elements. */
static const char *const keep[] = {"identity", "cast", "dropout", "reshape", "flatten", "squeeze", "transpose", "slice",
                                   "gather", "split", "expand", "max_pool", "global_max_pool", "global_avg_pool",
                                   "reduce_mean", "reduce_max", "reduce_min", NULL};
/* Operators whose results are elements of any of their inputs. */
static const char *const choose[] = {"concat", "max", "min", NULL};

static bool is_among(const char *name, const char *const *list)
{
    for (; *list != NULL; list++) {
        if (strcmp(name, *list) == 0) {
            return true;
        }
    }
    return false;
}

static struct range at_depth(struct look *look, int id, int depth);

static struct range unlimited(void)
{
    return (struct range){-range_infinite, range_infinite};
}

static struct range both(struct range a, struct range b)
{
    return (struct range){fmin(a.low, b.low), fmax(a.high, b.high)};
}

static struct range constant_range(const struct value *value)
{
    double element[ELEMENTS];
    size_t count;
    if (!shape_count(&value->shape, &count) || count == 0 || count > ELEMENTS || value->data == NULL) {
        return unlimited();
    }
    convert_to_double(value->dtype, value->data, element, count);
    struct range range = {element[0], element[0]};
    for (size_t i = 0; i < count; i++) {
        range = isnan(element[i]) ? unlimited() : both(range, (struct range){element[i], element[i]});
    }
    return range;
}

/* The bounds of a product are products of bounds. Here 0 x infinity is 0: the bound infinity stands for finite numbers
 * of any size, and 0 times each of them is 0. */
static double multiply(double a, double b)
{
    return a == 0 || b == 0 ? 0 : a * b;
}

static struct range product(struct range a, struct range b)
{
    double end[] = {multiply(a.low, b.low), multiply(a.low, b.high), multiply(a.high, b.low), multiply(a.high, b.high)};
    return (struct range){fmin(fmin(end[0], end[1]), fmin(end[2], end[3])),
                          fmax(fmax(end[0], end[1]), fmax(end[2], end[3]))};
}

static struct range inverse(struct range a)
{
    return a.low > 0 || a.high < 0 ? (struct range){1 / a.high, 1 / a.low} : unlimited();
}

static struct range of_two(const char *name, struct range a, struct range b)
{
    if (strcmp(name, "add") == 0) {
        return (struct range){a.low + b.low, a.high + b.high};
    }
    if (strcmp(name, "sub") == 0) {
        return (struct range){a.low - b.high, a.high - b.low};
    }
    if (strcmp(name, "mul") == 0) {
        return product(a, b);
    }
    return strcmp(name, "div") == 0 ? product(a, inverse(b)) : unlimited();
}

static double option_of(const struct node *node, const char *name)
{
    double number;
    memcpy(&number, op_option(node->op, node->options, name), sizeof number);
    return number;
}

static struct range of_one(const struct node *node, struct range x)
{
    const char *name = node->op->name;
    if (strcmp(name, "sigmoid") == 0 || strcmp(name, "hard_sigmoid") == 0 || strcmp(name, "softmax") == 0) {
        return (struct range){0, 1};
    }
    if (strcmp(name, "tanh") == 0) {
        return (struct range){-1, 1};
    }
    if (strcmp(name, "exp") == 0) {
        return (struct range){exp(x.low), exp(x.high)};
    }
    if (strcmp(name, "neg") == 0) {
        return (struct range){-x.high, -x.low};
    }
    if (strcmp(name, "reciprocal") == 0) {
        return inverse(x);
    }
    if (strcmp(name, "relu") == 0) {
        return (struct range){fmax(x.low, 0), fmax(x.high, 0)};
    }
    if (strcmp(name, "clip") == 0) {
        double low = option_of(node, "min"), high = option_of(node, "max");
        return (struct range){fmin(fmax(x.low, low), high), fmin(fmax(x.high, low), high)};
    }
    return unlimited();
}

static struct range at_depth(struct look *look, int id, int depth)
{
    const fov_graph *graph = look->graph;
    const struct value *value = graph_value(graph, id);
    bool is_known = value->kind == VALUE_RESULT || value->kind == VALUE_CONSTANT;
    if (id == 0 || depth == DEPTH || !is_known || look->left-- <= 0) {
        return unlimited();
    }
    if (value->kind == VALUE_CONSTANT) {
        return constant_range(value);
    }
    const struct node *node = &graph->nodes[value->node];
    if (value->output > 0 && strcmp(node->op->name, "split") != 0) {
        return unlimited(); /* second outputs are indices or masks */
    }
    struct range range = node->in_count > 0 ? at_depth(look, node->in[0], depth + 1) : unlimited();
    if (is_among(node->op->name, keep)) {
        return range;
    }
    if (is_among(node->op->name, choose)) {
        for (int i = 1; i < node->in_count; i++) {
            range = both(range, at_depth(look, node->in[i], depth + 1));
        }
        return range;
    }
    if (node->in_count == 2) {
        return of_two(node->op->name, range, at_depth(look, node->in[1], depth + 1));
    }
    return of_one(node, range);
}

struct range range_of(const fov_graph *graph, int id)
{
    struct look look = {graph, LOOKS};
    struct range range = at_depth(&look, id, 0);
    /* Infinity minus infinity is NaN: then no bound is known. */
    return isnan(range.low) || isnan(range.high) ? unlimited() : range;
}
