/* SPDX-License-Identifier: MIT */
/* Einsum: a sum of products written by naming dimensions, as physicists do. Each dimension of an operand has a letter;
 * letters that the result does not name are summed over. "..." stands for dimensions that broadcast; here it is one
 * letter, '.'. The options hold letters as ASCII codes; only ONNX writes the equation as text. */
#include "op/index.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_OPERANDS = 6, LABELS = 128, ELLIPSIS = '.', MOST_DIMS = 16 };
static const double MOST_PRODUCTS = 1e12; /* hours of work: more is a mistake, or malice */

struct einsum_options {
    struct op_list result;
    struct op_list operand[MOST_OPERANDS];
};

#define LETTERS(NAME, MEMBER, DOC) \
    {.name = NAME, .offset = offsetof(struct einsum_options, MEMBER), .kind = OP_LIST, .minimum = ELLIPSIS, \
     .maximum = 'z', .doc = DOC}
static const struct op_attribute attributes[] = {
    LETTERS("result", result, "letters of the result's dimensions, as ASCII codes; '.' is the ellipsis"),
    LETTERS("first", operand[0], "letters of the first operand's dimensions"),
    LETTERS("second", operand[1], "letters of the second operand's dimensions"),
    LETTERS("third", operand[2], "letters of the third operand's dimensions"),
    LETTERS("fourth", operand[3], "letters of the fourth operand's dimensions"),
    LETTERS("fifth", operand[4], "letters of the fifth operand's dimensions"),
    LETTERS("sixth", operand[5], "letters of the sixth operand's dimensions"),
    {0},
};

/* ---- the index space --------------------------------------------------------------------------------------------- */

/** Every letter is a loop, and so is every dimension that an ellipsis stands for (these are aligned at the last). */
struct space {
    int     letter[LABELS]; /**< 1 + the letter's loop; 0: none yet */
    int     loops, ellipsis; /**< loops in all; dimensions of the ellipsis, which are loops 0 .. ellipsis - 1 */
    int64_t size[MOST_DIMS * MOST_OPERANDS];
};

static bool is_letter(int64_t code)
{
    return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
}

/* A term has letters and at most one ellipsis. */
static int check_term(const struct op_list *letters, const char *what, struct error *error)
{
    int ellipses = 0;
    for (int i = 0; i < letters->count; i++) {
        ellipses += letters->at[i] == ELLIPSIS;
        if (!is_letter(letters->at[i]) && letters->at[i] != ELLIPSIS) {
            return error_set(error, FOV_E_USAGE, "%s has code %lld, which is no letter and not the ellipsis", what,
                             (long long)letters->at[i]);
        }
    }
    return ellipses <= 1 ? FOV_OK : error_set(error, FOV_E_USAGE, "%s has %d ellipses, at most one is possible", what,
                                              ellipses);
}

/* The loop of each dimension of an operand; false when its letters and its rank do not agree. */
static bool loops_of(const struct space *space, const struct op_list *letters, int rank, int loop[MOST_DIMS])
{
    int count = 0,
        behind = rank - letters->count; /* dimensions that the ellipsis stands for, less 1: it is a letter, too */
    for (int i = 0; i < letters->count; i++) {
        if (letters->at[i] != ELLIPSIS) {
            if (count >= MOST_DIMS) {
                return false;
            }
            loop[count++] = space->letter[letters->at[i]] - 1;
            continue;
        }
        behind++;
        for (int k = 0; k < behind && count < MOST_DIMS; k++) {
            loop[count++] = space->ellipsis - behind + k;
        }
        behind = 0;
    }
    return count == rank && behind == 0;
}

static bool has_ellipsis(const struct op_list *letters)
{
    for (int i = 0; i < letters->count; i++) {
        if (letters->at[i] == ELLIPSIS) {
            return true;
        }
    }
    return false;
}

static int make_space(const struct einsum_options *options, const fov_shape *shapes, int count, struct space *space,
                      struct error *error)
{
    memset(space, 0, sizeof *space);
    for (int t = 0; t < count; t++) {
        const struct op_list *letters = &options->operand[t];
        int behind = shapes[t].rank - letters->count + 1;
        if (has_ellipsis(letters) && behind > space->ellipsis) {
            space->ellipsis = behind;
        }
    }
    space->loops = space->ellipsis;
    for (int i = 0; i < space->loops; i++) {
        space->size[i] = 1;
    }
    for (int t = 0; t < count; t++) {
        const struct op_list *letters = &options->operand[t];
        for (int i = 0; i < letters->count; i++) {
            int64_t letter = letters->at[i];
            if (letter != ELLIPSIS && space->letter[letter] == 0) {
                space->size[space->loops] = 1;
                space->letter[letter] = ++space->loops;
            }
        }
        int loop[MOST_DIMS];
        if (!loops_of(space, letters, shapes[t].rank, loop)) {
            return error_set(error, FOV_E_SHAPE, "operand %d has %d dimensions, its letters name %d", t, shapes[t].rank,
                             letters->count);
        }
        for (int d = 0; d < shapes[t].rank; d++) {
            int64_t size = shapes[t].dim[d], *known = &space->size[loop[d]];
            if (size != 1 && *known != 1 && size != *known && size >= 0 && *known >= 0) {
                return error_set(error, FOV_E_SHAPE,
                                 "dimension %d of operand %d is %lld, another of its letter is %lld", d, t,
                                 (long long)size, (long long)*known);
            }
            *known = *known == 1 || (*known < 0 && size > 1) ? size : *known;
        }
    }
    for (int i = 0; i < options->result.count; i++) {
        int64_t letter = options->result.at[i];
        if (letter != ELLIPSIS && space->letter[letter] == 0) {
            return error_set(error, FOV_E_USAGE, "the result's letter '%c' is in no operand", (char)letter);
        }
    }
    return FOV_OK;
}

/* How many products the definition adds up: all loops' sizes multiplied. An open batch counts as 1. */
static double products_of(const struct space *space)
{
    double products = 1;
    for (int i = 0; i < space->loops; i++) {
        products *= space->size[i] < 0 ? 1 : (double)space->size[i];
    }
    return products;
}

static int infer(const struct op_infer *infer)
{
    const struct einsum_options *options = infer->options;
    fov_shape shapes[MOST_OPERANDS];
    struct space space;
    if (infer->in_count > MOST_OPERANDS) {
        return error_set(infer->error, FOV_E_UNSUPPORTED, "%d operands, at most %d are possible", infer->in_count,
                         MOST_OPERANDS);
    }
    for (int t = 0; t < infer->in_count; t++) {
        shapes[t] = infer->in[t].shape;
        if (infer->in[t].dtype != infer->in[0].dtype) {
            return op_check_same_dtype(infer, 0, "the first operand", t, "another");
        }
    }
    int status = check_term(&options->result, "the result", infer->error);
    for (int t = 0; status == FOV_OK && t < infer->in_count; t++) {
        char name[32];
        snprintf(name, sizeof name, "operand %d", t);
        status = check_term(&options->operand[t], name, infer->error);
    }
    status = status != FOV_OK ? status : make_space(options, shapes, infer->in_count, &space, infer->error);
    if (status != FOV_OK) {
        return status;
    }
    if (products_of(&space) > MOST_PRODUCTS) {
        return error_set(infer->error, FOV_E_UNSUPPORTED, "its letters make %g products, at most %g are possible",
                         products_of(&space), MOST_PRODUCTS);
    }
    int loop[MOST_DIMS], rank = options->result.count;
    rank += has_ellipsis(&options->result) ? space.ellipsis - 1 : 0;
    if (rank > FOV_MAX_RANK || !loops_of(&space, &options->result, rank, loop)) {
        return error_set(infer->error, FOV_E_SHAPE, "the result would have %d dimensions, at most %d are possible",
                         rank, FOV_MAX_RANK);
    }
    fov_shape y = {.rank = rank};
    for (int d = 0; d < rank; d++) {
        y.dim[d] = space.size[loop[d]];
        if (d > 0 && y.dim[d] < 0) {
            return error_set(infer->error, FOV_E_UNSUPPORTED, "the open batch would become dimension %d", d);
        }
    }
    infer->out[0].shape = y;
    return FOV_OK;
}

/* ---- definition: every combination of all loops adds one product ------------------------------------------------- */

static size_t offset_of(const fov_shape *shape, const int loop[MOST_DIMS], const int64_t *at)
{
    int64_t place[FOV_MAX_RANK];
    for (int d = 0; d < shape->rank; d++) {
        place[d] = shape->dim[d] == 1 ? 0 : at[loop[d]];
    }
    return index_of(shape, place);
}

static void textbook(const struct op_textbook *textbook)
{
    const struct einsum_options *options = textbook->options;
    const struct op_textbook_tensor *y = &textbook->out[0]; /* zeroed by the caller */
    fov_shape shapes[MOST_OPERANDS];
    struct space space;
    int loop[MOST_OPERANDS][MOST_DIMS], result[MOST_DIMS];
    for (int t = 0; t < textbook->in_count; t++) {
        shapes[t] = textbook->in[t].shape;
    }
    make_space(options, shapes, textbook->in_count, &space, NULL);
    for (int t = 0; t < textbook->in_count; t++) {
        loops_of(&space, &options->operand[t], shapes[t].rank, loop[t]);
    }
    loops_of(&space, &options->result, y->shape.rank, result);
    size_t combinations = 1;
    for (int i = 0; i < space.loops; i++) {
        combinations *= (size_t)space.size[i];
    }
    for (size_t c = 0; c < combinations; c++) {
        int64_t at[MOST_DIMS * MOST_OPERANDS];
        size_t rest = c;
        for (int i = space.loops - 1; i >= 0; i--) {
            at[i] = (int64_t)(rest % (size_t)space.size[i]);
            rest /= (size_t)space.size[i];
        }
        double product = 1;
        for (int t = 0; t < textbook->in_count; t++) {
            product *= textbook->in[t].data[offset_of(&shapes[t], loop[t], at)];
        }
        y->data[offset_of(&y->shape, result, at)] += product;
    }
}

static void cost(struct op_cost *cost)
{
    fov_shape shapes[MOST_OPERANDS];
    struct space space;
    for (int t = 0; t < cost->in_count; t++) {
        shapes[t] = cost->in[t].shape;
    }
    if (make_space(cost->options, shapes, cost->in_count, &space, NULL) == FOV_OK) {
        cost->multiply_adds = (int64_t)fmin(products_of(&space), MOST_PRODUCTS) * cost->in_count;
    }
}

/* ---- gradient: the same product with dy in the operand's place --------------------------------------------------- */

/* Puts `count` letters in the place of a term's ellipsis. */
static void spell_out(struct op_list *letters, const int64_t *names, int count)
{
    struct op_list spelled = {.count = 0};
    for (int i = 0; i < letters->count; i++) {
        if (letters->at[i] != ELLIPSIS) {
            spelled.at[spelled.count++] = letters->at[i];
        }
        for (int k = 0; letters->at[i] == ELLIPSIS && k < count; k++) {
            spelled.at[spelled.count++] = names[k];
        }
    }
    *letters = spelled;
}

/* Gives every dimension that an ellipsis stands for a letter that is free. An operand whose ellipsis has fewer
 * dimensions than the result's then says itself which of them its gradient sums over. False: too few letters. */
static bool spell_out_ellipses(struct einsum_options *options, const struct op_tensor *in, int count)
{
    fov_shape shapes[MOST_OPERANDS];
    struct space space;
    int64_t names[LABELS];
    int found = 0;
    for (int t = 0; t < count; t++) {
        shapes[t] = in[t].shape;
    }
    if (make_space(options, shapes, count, &space, NULL) != FOV_OK) {
        return false;
    }
    for (int letter = 0; letter < LABELS && found < space.ellipsis; letter++) {
        if (is_letter(letter) && space.letter[letter] == 0) {
            names[found++] = letter;
        }
    }
    if (found < space.ellipsis) {
        return false;
    }
    for (int t = 0; t < count; t++) {
        int dims = has_ellipsis(&options->operand[t]) ? shapes[t].rank - options->operand[t].count + 1 : 0;
        spell_out(&options->operand[t], names + space.ellipsis - dims, dims);
    }
    spell_out(&options->result, names, space.ellipsis);
    return true;
}

static void gradient_of(struct op_gradient *gradient, const struct einsum_options *options, int t)
{
    const struct op_emitter *emitter = gradient->emitter;
    struct einsum_options turned = {.result = options->operand[t]};
    fov_value in[MOST_OPERANDS];
    int count = 0;
    for (int i = 0; i < gradient->in_count; i++) {
        if (i != t) {
            turned.operand[count] = options->operand[i];
            in[count++] = gradient->in[i];
        }
    }
    turned.operand[count] = options->result;
    in[count++] = gradient->out_gradient[0];
    /* Letters that only this operand has were summed over: a factor of ones, of its shape, brings them back. */
    turned.operand[count] = options->operand[t];
    in[count++] = op_emit2(emitter, "broadcast_to", op_emit_scalar(emitter, gradient->in[t], 1), gradient->in[t], NULL);
    fov_value dx = op_emit(emitter, "einsum", in, count, &turned);
    fov_shape full = fov_value_shape(emitter->graph, dx);
    /* Dimensions of 1 that were broadcast now have their full size: sum over them. */
    gradient->in_gradient[t] = op_emit_sum_to(emitter, dx, &full, gradient->in[t], &gradient->in_tensor[t].shape);
}

static void gradient(struct op_gradient *gradient)
{
    struct einsum_options options = *(const struct einsum_options *)gradient->options;
    if (gradient->in_count + 1 > MOST_OPERANDS) {
        fov_graph_fail(gradient->emitter->graph, NULL, FOV_E_UNSUPPORTED,
                       "einsum of %d operands has no gradient (at most %d)", gradient->in_count, MOST_OPERANDS - 1);
        return;
    }
    if (!spell_out_ellipses(&options, gradient->in_tensor, gradient->in_count)) {
        fov_graph_fail(gradient->emitter->graph, NULL, FOV_E_UNSUPPORTED,
                       "einsum has too many letters to give its ellipsis some for the gradient");
        return;
    }
    for (int t = 0; t < gradient->in_count; t++) {
        if (gradient->wanted[t]) {
            gradient_of(gradient, &options, t);
        }
    }
}

/* ---- ONNX: "ij, jk -> ik" ---------------------------------------------------------------------------------------- */

/* Reads one term, up to a comma, an arrow or the end; returns where it ends, NULL when it is not a term. */
static const char *read_term(const char *text, struct op_list *letters)
{
    for (; *text != '\0' && *text != ',' && *text != '-'; text++) {
        bool is_ellipsis = strncmp(text, "...", 3) == 0;
        if (*text == ' ') {
            continue;
        }
        if ((!is_letter(*text) && !is_ellipsis) || letters->count >= MOST_DIMS ||
            (is_ellipsis && has_ellipsis(letters))) {
            return NULL;
        }
        letters->at[letters->count++] = is_ellipsis ? ELLIPSIS : *text;
        text += is_ellipsis ? 2 : 0;
    }
    return text;
}

/* Without an arrow the result has the ellipsis, then every letter that appears once, in the order of the alphabet. */
static void implied_result(struct einsum_options *options, int operands)
{
    int seen[LABELS] = {0};
    for (int t = 0; t < operands; t++) {
        for (int i = 0; i < options->operand[t].count; i++) {
            seen[options->operand[t].at[i]]++;
        }
    }
    for (int letter = 0; letter < LABELS; letter++) {
        if ((letter == ELLIPSIS ? seen[letter] > 0 : seen[letter] == 1) && options->result.count < MOST_DIMS) {
            options->result.at[options->result.count++] = letter;
        }
    }
}

static int import_einsum(struct op_import *node)
{
    struct einsum_options options;
    memset(&options, 0, sizeof options);
    const char *text = node->text(node->reader, "equation", "");
    int operands = 0;
    for (;;) {
        text = operands < MOST_OPERANDS ? read_term(text, &options.operand[operands]) : NULL;
        operands++;
        if (text == NULL || *text != ',') {
            break;
        }
        text++;
    }
    bool arrow = text != NULL && text[0] == '-' && text[1] == '>';
    const char *end = arrow ? read_term(text + 2, &options.result) : text;
    if (end == NULL || *end != '\0' || operands != node->in_count) {
        return node->fail(node->reader, FOV_E_UNSUPPORTED, "Einsum's equation is not one for %d operands of at most %d",
                          node->in_count, MOST_OPERANDS);
    }
    if (!arrow) {
        implied_result(&options, operands);
    }
    return index_import_node(node, "einsum", node->in, node->in_count, &options);
}

static char *write_term(char *out, const struct op_list *letters)
{
    for (int i = 0; i < letters->count; i++) {
        int dots = letters->at[i] == ELLIPSIS ? 3 : 1;
        while (dots-- > 0) {
            *out++ = (char)letters->at[i];
        }
    }
    return out;
}

static int export_einsum(struct op_export *node)
{
    const struct einsum_options *options = node->options;
    char equation[(MOST_OPERANDS + 1) * (3 * MOST_DIMS + 2) + 1], *end = equation;
    for (int t = 0; t < node->in_count; t++) {
        if (t > 0) {
            *end++ = ',';
        }
        end = write_term(end, &options->operand[t]);
    }
    *end++ = '-';
    *end++ = '>';
    end = write_term(end, &options->result);
    *end = '\0';
    node->begin(node->writer, "Einsum", NULL);
    for (int t = 0; t < node->in_count; t++) {
        node->input(node->writer, t);
    }
    node->attribute_text(node->writer, "equation", equation);
    node->output(node->writer, 0);
    return FOV_OK;
}

static const struct op_onnx onnx = {.type = "Einsum", .since = 12, .import = import_einsum, .export = export_einsum};

/* ij,jk->ik   ij->ji   ij->i   ii->i   ...ij,...jk->...ik   i,i->   bij,bj,k->bik
 * i...,j...->ij...   i...j,...->i... */
static const struct einsum_options product = {{2, {'i', 'k'}}, {{2, {'i', 'j'}}, {2, {'j', 'k'}}}},
                                   transposed = {{2, {'j', 'i'}}, {{2, {'i', 'j'}}}},
                                   row_sums = {{1, {'i'}}, {{2, {'i', 'j'}}}},
                                   diagonal = {{1, {'i'}}, {{2, {'i', 'i'}}}},
                                   stacked = {{3, {'.', 'i', 'k'}}, {{3, {'.', 'i', 'j'}}, {3, {'.', 'j', 'k'}}}},
                                   inner = {{0, {0}}, {{1, {'i'}}, {1, {'i'}}}},
                                   three = {{3, {'b', 'i', 'k'}}, {{3, {'b', 'i', 'j'}}, {2, {'b', 'j'}}, {1, {'k'}}}},
                                   behind = {{3, {'i', 'j', '.'}}, {{2, {'i', '.'}}, {2, {'j', '.'}}}},
                                   between = {{2, {'i', '.'}}, {{3, {'i', '.', 'j'}}, {1, {'.'}}}};
static const struct op_case cases[] = {
    {.name = "product", .in = {{2, {3, 4}}, {2, {4, 5}}}, .in_count = 2, .options = &product},
    {.name = "transposed", .in = {{2, {3, 4}}}, .in_count = 1, .options = &transposed},
    {.name = "row sums", .in = {{2, {3, 4}}}, .in_count = 1, .options = &row_sums},
    {.name = "diagonal", .in = {{2, {4, 4}}}, .in_count = 1, .options = &diagonal},
    {.name = "stacked", .in = {{3, {2, 3, 4}}, {4, {3, 1, 4, 2}}}, .in_count = 2, .options = &stacked},
    {.name = "inner", .in = {{1, {5}}, {1, {5}}}, .in_count = 2, .options = &inner},
    {.name = "three operands", .in = {{3, {2, 3, 4}}, {2, {2, 4}}, {1, {3}}}, .in_count = 3, .options = &three},
    {.name = "ellipsis behind", .in = {{2, {3, 4}}, {3, {2, 3, 4}}}, .in_count = 2, .options = &behind},
    {.name = "ellipsis between", .in = {{3, {3, 1, 5}}, {3, {2, 3, 4}}}, .in_count = 2, .options = &between},
    {0},
};

const struct op op_einsum = {
    .name = "einsum",
    .family = OP_CONVOLUTION,
    .exact = true,
    .summary = "Sums of products, written by naming dimensions.",
    .formula = "y[letters of the result] = sum over the other letters of the product of all operands",
    .source = "Einstein, Die Grundlage der allgemeinen Relativitaetstheorie, Annalen der Physik 49 (1916), section 5",
    .in = (const struct op_port[]){{.name = "x", .shape = "[a dimension per letter]", .variadic = true}, {0}},
    .out = (const struct op_port[]){{.name = "y", .shape = "[a dimension per letter]"}, {0}},
    .attributes = attributes,
    .options_size = sizeof(struct einsum_options),
    .infer = infer,
    .gradient = gradient,
    .cost = cost,
    .textbook = textbook,
    .onnx = &onnx,
    .cases = cases,
};
