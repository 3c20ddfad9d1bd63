/* SPDX-License-Identifier: MIT */
/* A drawing of an operator, found by running it: of an elementwise operator the curve and its slope, of others which
 * numbers of x one number of y depends on. No operator is treated specially here. */
#include "ops_picture.h"
#include "learn/picture.h"
#include "output.h"
#include <errno.h>
#include <fovea/node.h>
#include <fovea/operators.h>
#include <fovea/plan.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CURVE = 241, SIDE = 6, TAPS = 9, MOST = 4096 };

/* A plan of the operator over one x, and a constant weight where it needs one. */
struct trial {
    fov_graph *graph;
    fov_plan *plan;
    fov_value x, y, slope; /* slope: the gradient; 0: none */
};

static void trial_end(struct trial *t)
{
    fov_plan_free(t->plan);
    fov_graph_free(t->graph);
    *t = (struct trial){.graph = NULL};
}

/* Chooses options for operators with windows, so that the window is visible: kernel, stride, pad. */
static int choose_options(const fov_operator_info *op, const char *options[16])
{
    static const char *const wanted[][2] = {{"kernel", "3,3"}, {"stride", "2,2"}, {"pad", "1,1,1,1"}};
    int count = 0;
    for (size_t w = 0; w < sizeof wanted / sizeof wanted[0]; w++) {
        for (int i = 0; i < op->option_count; i++) {
            if (strcmp(op->option[i].name, wanted[w][0]) == 0) {
                options[count++] = wanted[w][0];
                options[count++] = wanted[w][1];
            }
        }
    }
    options[count] = NULL;
    return count / 2;
}

/* Makes the plan of op(x); false where the operator needs other inputs. `slope`: also the gradient of the sum of y. */
static bool trial_begin(struct trial *t, fov_context *context, const fov_operator_info *op, fov_shape shape,
                        const char *const *options, bool slope)
{
    static const float ones[TAPS] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    *t = (struct trial){.graph = fov_graph_create(context)};
    int required = 0;
    for (int i = 0; i < op->in_count; i++) {
        required += !op->in[i].optional;
    }
    bool weighted = required == 2 && strcmp(op->in[1].name, "weight") == 0;
    if (t->graph == NULL || required != (weighted ? 2 : 1) || op->out_count < 1) {
        return false;
    }
    t->x = fov_input(t->graph, .name = "x", .shape = shape);
    fov_value in[2] = {t->x}, outputs[2];
    if (weighted) {
        in[1] = fov_constant(t->graph, "w", FOV_F32, (fov_shape){4, {1, 1, 3, 3}}, ones);
    }
    t->y = fov_node_opt(t->graph, op->name, in, required, options);
    outputs[0] = t->y;
    if (slope && t->y.id != 0) {
        fov_value sum = fov_reduce_sum(t->graph, t->y, .axis_count = 0);
        if (fov_gradient(t->graph, sum, &t->x, 1, &t->slope) != FOV_OK) {
            t->slope.id = 0;
        }
        outputs[1] = t->slope;
    }
    t->plan = t->y.id != 0 && fov_value_dtype(t->graph, t->y) == FOV_F32
                  ? fov_plan_create(t->graph, outputs, t->slope.id != 0 ? 2 : 1, NULL)
                  : NULL;
    return t->plan != NULL;
}

static size_t numbers(const struct trial *t, fov_value value)
{
    return fov_plan_bytes(t->plan, value) / sizeof(float);
}

/* ---- curves of elementwise operators ----------------------------------------------------------------------------- */

static double tabled(double x, const void *with)
{
    const float *values = with;
    return (double)values[lround((x + 4) / 8 * (CURVE - 1))];
}

/* Whether each number of y depends on the number of x at its place alone; fills y. False for y = x, too. */
static bool is_curve(struct trial *t, float y[CURVE])
{
    float moved[CURVE];
    if (numbers(t, t->y) != CURVE) {
        return false;
    }
    for (int run = 0; run < 2; run++) { /* with another first number, then as it is drawn */
        float *x = fov_plan_data(t->plan, t->x);
        for (int i = 0; i < CURVE; i++) {
            x[i] = i == 0 && run == 0 ? 7 : (float)(-4 + 8.0 * i / (CURVE - 1));
        }
        fov_plan_run(t->plan, 0);
        memcpy(run == 0 ? moved : y, fov_plan_data(t->plan, t->y), sizeof moved);
    }
    bool same = true; /* y = x, whose curve shows nothing */
    for (int i = 0; i < CURVE; i++) {
        same = same && fabsf(y[i] - (float)(-4 + 8.0 * i / (CURVE - 1))) < 1e-6F;
    }
    return !same && memcmp(moved + 1, y + 1, (CURVE - 1) * sizeof *y) == 0;
}

static bool draw_curve(struct picture *p, struct trial *t, const char *name)
{
    float y[CURVE], slope[CURVE];
    if (!is_curve(t, y)) {
        return false;
    }
    picture_size(p, 320, 250);
    picture_frame(p, 34, 30, 306, 225, -4, 4, -3, 4);
    if (t->slope.id != 0) {
        memcpy(slope, fov_plan_data(t->plan, t->slope), sizeof slope);
        for (int i = 0; i < CURVE; i++) {
            slope[i] = isnan(y[i]) ? y[i] : slope[i];
        }
        picture_curve(p, tabled, slope, PICTURE_ORANGE);
        picture_text(p, 306, 20, 1, 12, PICTURE_ORANGE, "slope");
    }
    picture_curve(p, tabled, y, PICTURE_BLUE);
    picture_text(p, 34, 20, -1, 12, PICTURE_BLUE, name);
    return true;
}

/* ---- what one number depends on ----------------------------------------------------------------------------------- */

static void grid(struct picture *p, double left, double top, int rows, int columns, double side, const bool *marked,
                 const char *color)
{
    for (int i = 0; i < rows * columns; i++) {
        picture_box(p, left + i % columns * side, top + i / columns * side, side, side, "#999999",
                    marked[i] ? color : "#ffffff");
    }
}

static bool draw_reads(struct picture *p, struct trial *t, const char *name)
{
    enum { PIXELS = SIDE * SIDE };
    float before[MOST];
    bool reads[PIXELS] = {false}, chosen[MOST] = {false};
    size_t count = numbers(t, t->y), any = 0;
    fov_shape shape = fov_value_shape(t->graph, t->y);
    if (count == 0 || count > MOST || shape.rank > 4) {
        return false;
    }
    int columns = shape.rank > 0 ? (int)shape.dim[shape.rank - 1] : 1, rows = (int)count / columns;
    if (columns > 3 * SIDE || rows > 3 * SIDE) {
        return false;
    }
    int at = rows / 2 * columns + columns / 2;
    chosen[at] = true;
    for (int changed = -1; changed < PIXELS; changed++) {
        float *x = fov_plan_data(t->plan, t->x);
        for (int i = 0; i < PIXELS; i++) {
            x[i] = (float)(i == changed ? 40 : 1 + 0.01 * i); /* large: a maximum notices, too */
        }
        fov_plan_run(t->plan, 0);
        const float *y = fov_plan_data(t->plan, t->y);
        if (changed < 0) {
            memcpy(before, y, count * sizeof *before);
        } else {
            reads[changed] = memcmp(&y[at], &before[at], sizeof *y) != 0;
            any += reads[changed];
        }
    }
    double side = rows > 9 || columns > 9 ? 10 : 20;
    picture_size(p, 210 + (columns * side > 120 ? columns * side : 120), 60 + (rows * side > 120 ? rows * side : 120));
    grid(p, 20, 40, SIDE, SIDE, 20, reads, PICTURE_BLUE);
    grid(p, 200, 40, rows, columns, side, chosen, PICTURE_ORANGE);
    picture_text(p, 20, 28, -1, 12, PICTURE_BLUE, "what it reads of x");
    picture_text(p, 200, 28, -1, 12, PICTURE_ORANGE, name);
    picture_arrow(p, 150, 100, 190, 100, PICTURE_INK);
    return any > 1 || (any == 1 && count != PIXELS); /* a single number at the same place shows nothing */
}

/* ---- the file ----------------------------------------------------------------------------------------------------- */

/* The drawing as SVG text, which the caller frees; NULL: this operator cannot be drawn. */
static char *draw(fov_context *context, const fov_operator_info *op)
{
    char *text = NULL;
    size_t size = 0;
    const char *options[16], *none[] = {NULL};
    struct trial t;
    struct picture picture = {.out = open_memstream(&text, &size)};
    if (picture.out == NULL) {
        return NULL;
    }
    bool drawn =
        trial_begin(&t, context, op, (fov_shape){1, {CURVE}}, none, op->gradient) && draw_curve(&picture, &t, op->name);
    trial_end(&t);
    fov_error_clear(context);
    if (!drawn) {
        int windows = choose_options(op, options);
        drawn = trial_begin(&t, context, op, (fov_shape){4, {1, 1, SIDE, SIDE}}, windows > 0 ? options : none, false) &&
                draw_reads(&picture, &t, op->name);
        trial_end(&t);
        fov_error_clear(context);
    }
    fputs("</svg>\n", picture.out);
    if (fclose(picture.out) != 0 || !drawn) {
        free(text);
        text = NULL;
    }
    return text;
}

int ops_picture(struct cli *cli, const fov_operator_info *op, const char *path)
{
    char *text = draw(cli_context(cli), op);
    if (text == NULL) {
        return fail(cli, EXIT_USAGE,
                    "there is no drawing of %s: it takes more than one tensor, or none of its numbers moves", op->name);
    }
    FILE *out = fopen(path, "w");
    bool written = out != NULL && fputs(text, out) >= 0;
    int reason = errno;
    if (out != NULL && fclose(out) != 0) {
        written = false;
        reason = errno;
    }
    free(text);
    return written ? EXIT_OK : fail(cli, EXIT_IO, "%s: %s", path, strerror(reason));
}
