/* SPDX-License-Identifier: MIT */
/* Pattern matching: nodes that together mean one operator become that operator. Exporters write swish as
 * x * sigmoid(x), a channel shuffle as two reshapes around a transposition. Each operator's descriptor lists its other
 * spellings (op_pattern), which are compared with the graph here. The graph itself is not changed. Read fuse.c next. */
#include "base/text.h"
#include "graph/lower.h"

#include <ctype.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_NODES = 16 /* of a pattern */ };

struct match {
    const struct lowering *l;
    int                    x; /* the value that stands for x; 0 = not met yet */
    int                    node[MOST_NODES], count;
};

static const char *skip_spaces(const char *text)
{
    while (*text == ' ')
        text++;
    return text;
}

/* The position behind one expression. */
static const char *skip_expression(const char *text)
{
    int depth = 0;

    for (; *text && (depth > 0 || (*text != ',' && *text != ')')); text++)
        depth += (*text == '(' || *text == '{') - (*text == ')' || *text == '}');
    return text;
}

/* Compares a pattern's number with one of the graph, which went through float and often through few digits. */
static bool is_near(double written, double found)
{
    return fabs(written - found) <= 1e-6 * fmax(1.0, fabs(written)) || written == found;
}

/* Whether a value is a known one all of whose elements are `wanted`. */
static bool is_number(const struct match *match, int id, double wanted)
{
    const double *known = match->l->plan->known[id];
    size_t        count = 0;

    if (!known || !shape_count(&match->l->shapes[id], &count) || count == 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!is_near(wanted, known[i]))
            return false;
    return true;
}

/* Reads a number of a pattern, whose decimal point no locale changes; *end: the text behind it. */
static double read_number(const char *text, const char **end)
{
    char   digits[32] = "";
    double number = 0;
    size_t length;

    text += strspn(text, " ");
    length = strspn(text, "+-.0123456789eE");
    memcpy(digits, text, length < sizeof digits ? length : 0);
    if (!text_to_number(digits, &number))
        number = (double)NAN; /* equal to nothing */
    *end = text + length;
    return number;
}

/* Matches "{0, 6}", the constants of an activation. Returns the text behind them; NULL: they differ. */
static const char *match_constants(const struct node *node, const char *text)
{
    float alpha = 0, beta = 0;
    const char *end;

    if (*text != '{')
        return text;
    if (!node->op->as_activation)
        return NULL;
    node->op->as_activation(node->options, &alpha, &beta);
    if (!is_near(read_number(text + 1, &end), (double)alpha) || *end != ',' ||
        !is_near(read_number(end + 1, &end), (double)beta))
        return NULL;
    return end + 1;
}

static bool match_value(struct match *match, const char *text, int id, bool outermost);

/* Matches the arguments between parentheses with a node's inputs; `swapped`: the first two in the other order. */
static bool match_inputs(struct match *match, const char *text, const struct node *node, bool swapped)
{
    struct match before = *match;

    for (int i = 0; i < OP_MAX_PORTS; i++) {
        int port = swapped && i < 2 ? 1 - i : i;

        text = skip_spaces(text);
        if (*text == ')')
            return i >= node->in_count || (*match = before, false);
        if (*text == '_' && i >= node->in_count)
            ; /* an input that may be absent */
        else if (port >= node->in_count || !match_value(match, text, node->in[port], false))
            break;
        text = skip_expression(text);
        text += *text == ',';
    }
    *match = before;
    return false;
}

static bool match_node(struct match *match, const char *text, int index)
{
    const struct node *node   = plan_node(match->l->plan, index);
    size_t             length = strcspn(text, "({");
    const char        *rest   = text + length;

    if (strlen(node->op->name) != length || memcmp(node->op->name, text, length) != 0 || match->count == MOST_NODES)
        return false;
    rest = match_constants(node, rest);
    if (!rest || *rest != '(')
        return false;
    match->node[match->count++] = index;
    if (match_inputs(match, rest + 1, node, false) || (node->op->commutes && match_inputs(match, rest + 1, node, true)))
        return true;
    match->count--;
    return false;
}

/* Whether an expression matches a value. Values inside the outermost expression must have no other reader, since they
 * will not be computed. */
static bool match_value(struct match *match, const char *text, int id, bool outermost)
{
    const struct value *value = graph_value(match->l->graph, id);

    text = skip_spaces(text);
    if (*text == '_')
        return true;
    if (!id)
        return false;
    if (*text == 'x' && !isalpha((unsigned char)text[1]) && text[1] != '_' && text[1] != '(') {
        if (!match->x)
            match->x = id;
        return match->x == id;
    }
    if (!isalpha((unsigned char)*text))
        return is_number(match, id, read_number(text, &text));
    if (value->node < 0 || value->output != 0 || !match->l->needed[value->node] || match->l->plan->known[id] ||
        (!outermost && match->l->readers[id] != 1))
        return false;
    return match_node(match, text, value->node);
}

static bool options_fit(const struct match *match, const struct op_pattern *pattern, void *options)
{
    struct op_matched nodes[MOST_NODES];

    for (int i = 0; i < match->count; i++) {
        const struct node *node = plan_node(match->l->plan, match->node[i]);

        nodes[i] = (struct op_matched){node->op, node->options, match->l->shapes[node->in[0]],
                                       match->l->shapes[node->out[0]]};
    }
    return !pattern->fits || pattern->fits(nodes, match->count, options);
}

static void free_node(struct memory *memory, struct node *node)
{
    if (!node)
        return;
    memory_free(memory, node->in);
    memory_free(memory, node->options);
    memory_free(memory, node);
}

int lower_replace(struct lowering *l, int index, const struct node *wanted)
{
    struct memory     *memory = l->graph->context->memory;
    struct error      *error  = &l->graph->context->error;
    const struct node *old    = plan_node(l->plan, index);
    size_t             bytes  = wanted->op->options_size;
    struct node       *node   = memory_allocate(memory, 1, sizeof *node, "plan", error);

    if (!node)
        return (int)error->status;
    *node         = *wanted;
    node->out     = old->out;
    node->in      = memory_allocate(memory, (size_t)wanted->in_count + 1, sizeof *node->in, "plan", error);
    node->options = memory_allocate(memory, bytes ? bytes : 1, 1, "plan", error);
    if (!node->in || !node->options) {
        free_node(memory, node);
        return (int)error->status;
    }
    memcpy(node->in, wanted->in, (size_t)wanted->in_count * sizeof *node->in);
    if (bytes)
        memcpy(node->options, wanted->options, bytes);
    free_node(memory, l->plan->rewritten[index]); /* an earlier match may be part of a larger one */
    l->plan->rewritten[index] = node;
    return FOV_OK;
}

/* The node `op(x)` in place of node `index`. */
static int replace(struct lowering *l, int index, const struct op *op, const struct op_pattern *pattern,
                   const struct match *match)
{
    const struct node *old = plan_node(l->plan, index);
    int                in  = match->x;
    union {
        max_align_t align;
        char        bytes[OP_MAX_OPTIONS];
    } options;

    op_options_default(op, &options);
    if (pattern->options)
        memcpy(&options, pattern->options, op->options_size);
    if (!options_fit(match, pattern, &options))
        return FOV_OK;
    return lower_replace(l, index, &(struct node){op, old->name, &options, &in, old->out, 1, 1});
}

static int rewrite_node(struct lowering *l, int index)
{
    int id = plan_node(l->plan, index)->out[0];

    for (size_t k = 0; k < op_table_count; k++)
        for (const struct op_pattern *pattern = op_table[k]->patterns; pattern && pattern->text; pattern++) {
            struct match match = {.l = l};

            if (match_value(&match, pattern->text, id, true) && match.x &&
                graph_value(l->graph, id)->dtype == graph_value(l->graph, match.x)->dtype &&
                shape_equal(&l->shapes[id], &l->shapes[match.x])) {
                int status = replace(l, index, op_table[k], pattern, &match);

                if (status)
                    return status;
            }
        }
    return FOV_OK;
}

int lower_rewrite(struct lowering *l)
{
    for (int n = 0; !l->plan->options.no_fusion && n < (int)l->graph->node_count; n++)
        if (l->needed[n] && plan_node(l->plan, n)->out_count == 1) {
            int status = rewrite_node(l, n);

            if (status)
                return status;
        }
    return FOV_OK;
}

void plan_drop_rewritten(fov_plan *plan)
{
    struct memory *memory = plan->graph->context->memory;

    for (size_t n = 0; plan->rewritten && n < plan->node_count; n++)
        free_node(memory, plan->rewritten[n]);
    memory_free(memory, plan->rewritten);
    plan->rewritten = NULL;
}
