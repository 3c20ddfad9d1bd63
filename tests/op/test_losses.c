/* SPDX-License-Identifier: MIT */
/* Losses that are built from other operators (op/loss/): each against its formula written out here in double, on random
 * data and at extreme logits where careless formulas lose their digits; gradients against central differences; refusals
 * with their sentences. */
#include "harness.h"

#include "tensor/convert.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SEED = 11, MOST = 64 };

/** The loss of p and t, of `count` elements each, before reduction. Returns the number of losses. */
typedef size_t reference_function(const double *p, const double *t, size_t count, double *losses);
typedef fov_value build_function(fov_graph *graph, fov_value p, fov_value t, fov_reduction reduction);
typedef void draw_function(double *p, double *t, size_t count);

struct loss_case {
    const char         *name;
    fov_shape           shape;
    build_function     *build;
    reference_function *reference;
    draw_function      *draw;
    double              mean_divisor; /* of FOV_REDUCTION_MEAN; 0: the number of losses */
    bool                is_kinked;    /* its gradient is not that of differences: CIoU's weight is constant */
};

/* ---- drawing ----------------------------------------------------------------------------------------------------- */

static double draw_at(int which, size_t i)
{
    return random_uniform((struct random_key){SEED, RANDOM_TEST, (uint64_t)which}, i);
}

static void draw_numbers(double *p, double *t, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        p[i] = (double)(float)(4.0 * draw_at(0, i) - 2.0);
        t[i] = (double)(float)(4.0 * draw_at(1, i) - 2.0);
    }
}

static void draw_probabilities(double *p, double *t, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        p[i] = (double)(float)(0.05 + 0.9 * draw_at(0, i));
        t[i] = (double)(float)(0.05 + 0.9 * draw_at(1, i));
    }
}

static void draw_logits(double *p, double *t, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        p[i] = i == 0 ? 0.0 : (double)(float)(8.0 * draw_at(0, i) - 4.0); /* the loss must be smooth at 0, too */
        t[i] = i % 3 == 0 ? 1.0 : i % 3 == 1 ? 0.0 : (double)(float)draw_at(1, i);
    }
}

static void draw_logarithms(double *p, double *t, size_t count)
{
    draw_probabilities(p, t, count);
    for (size_t i = 0; i < count; i++)
        p[i] = (double)(float)log(p[i]);
}

static void draw_two_logarithms(double *p, double *t, size_t count)
{
    draw_logarithms(p, t, count);
    for (size_t i = 0; i < count; i++)
        t[i] = (double)(float)log(t[i]);
}

/* Pairs of boxes that overlap, and some that lie far apart. */
static void draw_boxes(double *p, double *t, size_t count)
{
    for (size_t i = 0; i < count; i += 4) {
        double shift = i % 3 == 0 ? 6.0 : 0.3;

        for (size_t k = 0; k < 2; k++) {
            p[i + k]     = (double)(float)(draw_at(0, i + k));
            p[i + k + 2] = (double)(float)(p[i + k] + 1.0 + 2.0 * draw_at(0, i + k + 2));
            t[i + k]     = (double)(float)(draw_at(1, i + k) + shift);
            t[i + k + 2] = (double)(float)(t[i + k] + 1.0 + 2.0 * draw_at(1, i + k + 2));
        }
    }
}

/* ---- the losses, written out ------------------------------------------------------------------------------------- */

static size_t mae(const double *p, const double *t, size_t count, double *losses)
{
    for (size_t i = 0; i < count; i++)
        losses[i] = fabs(p[i] - t[i]);
    return count;
}

static fov_value build_mae(fov_graph *graph, fov_value p, fov_value t, fov_reduction reduction)
{
    return fov_mae_opt(graph, p, t, &(fov_loss_options){.reduction = reduction});
}

static size_t huber(const double *p, const double *t, size_t count, double *losses)
{
    for (size_t i = 0; i < count; i++) {
        double e = fabs(p[i] - t[i]);

        losses[i] = e < 0.75 ? 0.5 * e * e : 0.75 * (e - 0.375);
    }
    return count;
}

static fov_value build_huber(fov_graph *graph, fov_value p, fov_value t, fov_reduction reduction)
{
    return fov_huber_opt(graph, p, t, &(fov_huber_options){.delta = 0.75F, .reduction = reduction});
}

static size_t smooth_l1(const double *p, const double *t, size_t count, double *losses)
{
    for (size_t i = 0; i < count; i++) {
        double e = fabs(p[i] - t[i]);

        losses[i] = e < 0.5 ? e * e : e - 0.25;
    }
    return count;
}

static fov_value build_smooth_l1(fov_graph *graph, fov_value p, fov_value t, fov_reduction reduction)
{
    return fov_smooth_l1_opt(graph, p, t, &(fov_smooth_l1_options){.beta = 0.5F, .reduction = reduction});
}

static size_t bce(const double *p, const double *t, size_t count, double *losses)
{
    for (size_t i = 0; i < count; i++)
        losses[i] = -t[i] * log(p[i]) - (1.0 - t[i]) * log(1.0 - p[i]);
    return count;
}

static fov_value build_bce(fov_graph *graph, fov_value p, fov_value t, fov_reduction reduction)
{
    return fov_bce_opt(graph, p, t, &(fov_loss_options){.reduction = reduction});
}

static size_t bce_logits(const double *p, const double *t, size_t count, double *losses)
{
    for (size_t i = 0; i < count; i++)
        losses[i] = 3.0 * t[i] * log1p(exp(-p[i])) + (1.0 - t[i]) * log1p(exp(p[i]));
    return count;
}

static fov_value build_bce_logits(fov_graph *graph, fov_value p, fov_value t, fov_reduction reduction)
{
    return fov_bce_logits_opt(graph, p, t, &(fov_bce_logits_options){.positive_weight = 3.0F, .reduction = reduction});
}

static size_t kl(const double *p, const double *t, size_t count, double *losses)
{
    for (size_t i = 0; i < count; i++)
        losses[i] = t[i] * (log(t[i]) - p[i]);
    return count;
}

static fov_value build_kl(fov_graph *graph, fov_value p, fov_value t, fov_reduction reduction)
{
    return fov_kl_divergence_opt(graph, p, t, &(fov_kl_divergence_options){.reduction = reduction});
}

static size_t kl_log(const double *p, const double *t, size_t count, double *losses)
{
    for (size_t i = 0; i < count; i++)
        losses[i] = exp(t[i]) * (t[i] - p[i]);
    return count;
}

static fov_value build_kl_log(fov_graph *graph, fov_value p, fov_value t, fov_reduction reduction)
{
    return fov_kl_divergence_opt(graph, p, t,
                                 &(fov_kl_divergence_options){.log_target = true, .reduction = reduction});
}

static double focal_of(double x, double t, double alpha, double gamma)
{
    double chance = 1.0 / (1.0 + exp(-x)), right = chance * t + (1.0 - chance) * (1.0 - t);
    double entropy = -t * log(chance) - (1.0 - t) * log(1.0 - chance);

    return (alpha < 0.0 ? 1.0 : alpha * t + (1.0 - alpha) * (1.0 - t)) * pow(1.0 - right, gamma) * entropy;
}

static size_t focal(const double *p, const double *t, size_t count, double *losses)
{
    for (size_t i = 0; i < count; i++)
        losses[i] = focal_of(p[i], t[i], 0.25, 2.0);
    return count;
}

static fov_value build_focal(fov_graph *graph, fov_value p, fov_value t, fov_reduction reduction)
{
    return fov_focal_opt(graph, p, t, &(fov_focal_options){.reduction = reduction});
}

static size_t focal_half(const double *p, const double *t, size_t count, double *losses)
{
    for (size_t i = 0; i < count; i++)
        losses[i] = focal_of(p[i], t[i], -1.0, 0.5);
    return count;
}

static fov_value build_focal_half(fov_graph *graph, fov_value p, fov_value t, fov_reduction reduction)
{
    return fov_focal_opt(graph, p, t, &(fov_focal_options){.alpha = -1.0F, .gamma = 0.5F, .reduction = reduction});
}

static size_t dice_of(const double *p, const double *t, size_t count, double smooth, bool squared, double *losses)
{
    size_t pixels = 6; /* of [2, 3, 2, 3] */

    for (size_t plane = 0; plane < count / pixels; plane++) {
        double both = 0.0, size = 0.0;

        for (size_t i = plane * pixels; i < (plane + 1) * pixels; i++) {
            both += p[i] * t[i];
            size += squared ? p[i] * p[i] + t[i] * t[i] : p[i] + t[i];
        }
        losses[plane] = 1.0 - (2.0 * both + smooth) / (size + smooth);
    }
    return count / pixels;
}

static size_t dice(const double *p, const double *t, size_t count, double *losses)
{
    return dice_of(p, t, count, 1.0, false, losses);
}

static fov_value build_dice(fov_graph *graph, fov_value p, fov_value t, fov_reduction reduction)
{
    return fov_dice_opt(graph, p, t, &(fov_dice_options){.reduction = reduction});
}

static size_t dice_squared(const double *p, const double *t, size_t count, double *losses)
{
    return dice_of(p, t, count, 0.25, true, losses);
}

static fov_value build_dice_squared(fov_graph *graph, fov_value p, fov_value t, fov_reduction reduction)
{
    return fov_dice_opt(graph, p, t, &(fov_dice_options){.smooth = 0.25F, .squared = true, .reduction = reduction});
}

static double square(double x)
{
    return x * x;
}

static double box_of(const double *a, const double *b, fov_box_iou kind)
{
    double across = fmin(a[2], b[2]) - fmax(a[0], b[0]), down = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    double both = across > 0.0 && down > 0.0 ? across * down : 0.0, epsilon = 1e-7;
    double all = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both, iou = both / (all + epsilon);
    double wide = fmax(a[2], b[2]) - fmin(a[0], b[0]), high = fmax(a[3], b[3]) - fmin(a[1], b[1]);
    double far = square((a[0] + a[2] - b[0] - b[2]) / 2.0) + square((a[1] + a[3] - b[1] - b[3]) / 2.0);
    double angle = atan((b[2] - b[0]) / (b[3] - b[1])) - atan((a[2] - a[0]) / (a[3] - a[1]));
    double v = square(angle * 2.0 / 3.14159265358979323846), diou = 1.0 - iou + far / (wide * wide + high * high);

    switch (kind) {
    case FOV_BOX_IOU:
        return 1.0 - iou;
    case FOV_BOX_GIOU:
        return 1.0 - iou + (wide * high - all) / (wide * high);
    case FOV_BOX_DIOU:
        return diou;
    case FOV_BOX_CIOU:
        break;
    }
    return diou + v * v / (1.0 - iou + v);
}

#define BOX(kind_name, kind_value)                                                                                     \
    static size_t kind_name(const double *p, const double *t, size_t count, double *losses)                            \
    {                                                                                                                  \
        for (size_t i = 0; i < count / 4; i++)                                                                         \
            losses[i] = box_of(p + 4 * i, t + 4 * i, kind_value);                                                      \
        return count / 4;                                                                                              \
    }                                                                                                                  \
    static fov_value build_##kind_name(fov_graph *graph, fov_value p, fov_value t, fov_reduction reduction)            \
    {                                                                                                                  \
        return fov_box_iou_loss_opt(graph, p, t, &(fov_box_iou_options){.kind = kind_value, .reduction = reduction});  \
    }
BOX(iou, FOV_BOX_IOU)
BOX(giou, FOV_BOX_GIOU)
BOX(diou, FOV_BOX_DIOU)
BOX(ciou, FOV_BOX_CIOU)

static const struct loss_case cases[] = {
    {"mae", FOV_SHAPE(3, 7), build_mae, mae, draw_numbers, 0, false},
    {"huber", FOV_SHAPE(3, 7), build_huber, huber, draw_numbers, 0, false},
    {"smooth l1", FOV_SHAPE(2, 3, 2, 3), build_smooth_l1, smooth_l1, draw_numbers, 0, false},
    {"bce", FOV_SHAPE(3, 7), build_bce, bce, draw_probabilities, 0, false},
    {"bce of logits", FOV_SHAPE(3, 7), build_bce_logits, bce_logits, draw_logits, 0, false},
    {"kl", FOV_SHAPE(3, 7), build_kl, kl, draw_logarithms, 3, false},
    {"kl of logarithms", FOV_SHAPE(2, 3, 2, 3), build_kl_log, kl_log, draw_two_logarithms, 2, false},
    {"focal", FOV_SHAPE(3, 7), build_focal, focal, draw_logits, 0, false},
    {"focal, root", FOV_SHAPE(3, 7), build_focal_half, focal_half, draw_logits, 0, false},
    {"dice", FOV_SHAPE(2, 3, 2, 3), build_dice, dice, draw_probabilities, 0, false},
    {"dice of squares", FOV_SHAPE(2, 3, 2, 3), build_dice_squared, dice_squared, draw_probabilities, 0, false},
    {"iou", FOV_SHAPE(9, 4), build_iou, iou, draw_boxes, 0, false},
    {"giou", FOV_SHAPE(9, 4), build_giou, giou, draw_boxes, 0, false},
    {"diou", FOV_SHAPE(3, 3, 4), build_diou, diou, draw_boxes, 0, false},
    {"ciou", FOV_SHAPE(9, 4), build_ciou, ciou, draw_boxes, 0, true},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* ---- running ----------------------------------------------------------------------------------------------------- */

struct bench {
    fov_context *context;
    fov_graph   *graph;
    fov_value    p, t, loss;
    double       data[2][MOST];
    size_t       count;
};

static void open_bench(struct bench *bench, const struct loss_case *test, fov_reduction reduction)
{
    *bench         = (struct bench){.count = shape_span(&test->shape, 0, test->shape.rank)};
    bench->context = fov_context_create(&(fov_context_options){.threads = 1});
    bench->graph   = fov_graph_create(bench->context);
    bench->p       = fov_input(bench->graph, .name = "p", .shape = test->shape);
    bench->t       = fov_input(bench->graph, .name = "t", .shape = test->shape);
    bench->loss    = test->build(bench->graph, bench->p, bench->t, reduction);
    test->draw(bench->data[0], bench->data[1], bench->count);
    if (fov_error_status(bench->context))
        fail_msg("%s: %s", test->name, fov_error(bench->context));
}

static void close_bench(struct bench *bench)
{
    fov_graph_free(bench->graph);
    fov_context_free(bench->context);
}

/** Element `index` of value `id` by definition, in double. */
static double at(struct bench *bench, int id, size_t index)
{
    struct evaluation result;
    const double    **given = calloc(bench->graph->value_count, sizeof *given);
    double            value;

    given[bench->p.id] = bench->data[0];
    given[bench->t.id] = bench->data[1];
    assert_int_equal(graph_evaluate(bench->graph, &id, 1, 1, true, 0, given, &result), 0);
    value = result.data[id][index];
    graph_evaluate_free(bench->graph, &result);
    free(given);
    return value;
}

static void equals_its_formula(void **state)
{
    (void)state;
    for (int c = 0; c < CASES; c++)
        for (fov_reduction reduction = FOV_REDUCTION_MEAN; reduction <= FOV_REDUCTION_NONE; reduction++) {
            struct bench bench;
            fov_plan    *plan;
            double       losses[MOST], total = 0.0;
            size_t       count, results;
            fov_shape    shape;

            open_bench(&bench, &cases[c], reduction);
            count = cases[c].reference(bench.data[0], bench.data[1], bench.count, losses);
            for (size_t i = 0; i < count; i++)
                total += losses[i];
            if (reduction == FOV_REDUCTION_MEAN)
                total /= cases[c].mean_divisor > 0.0 ? cases[c].mean_divisor : (double)count;
            plan = fov_plan_create(bench.graph, &bench.loss, 1, NULL);
            assert_non_null(plan);
            convert_from_double(FOV_F32, bench.data[0], fov_plan_data(plan, bench.p), bench.count);
            convert_from_double(FOV_F32, bench.data[1], fov_plan_data(plan, bench.t), bench.count);
            fov_plan_run(plan, 0);
            shape   = fov_value_shape(bench.graph, bench.loss);
            results = shape_span(&shape, 0, shape.rank);
            assert_int_equal(results, reduction == FOV_REDUCTION_NONE ? count : 1);
            for (size_t i = 0; i < results; i++) {
                double expected = reduction == FOV_REDUCTION_NONE ? losses[i] : total;
                double got      = (double)((const float *)fov_plan_data(plan, bench.loss))[i];

                if (!(fabs(got - expected) <= 4e-6 * (fabs(expected) + 0.1)))
                    fail_msg("%s, reduction %d, [%zu]: %.9g, expected %.9g", cases[c].name, (int)reduction, i, got,
                             expected);
            }
            fov_plan_free(plan);
            close_bench(&bench);
        }
}

static void gradient_equals_differences(void **state)
{
    const double step = 1e-5;

    (void)state;
    for (int c = 0; c < CASES; c++) {
        struct bench bench;
        fov_value    gradients[2];

        open_bench(&bench, &cases[c], FOV_REDUCTION_SUM);
        assert_int_equal(
            fov_gradient(bench.graph, bench.loss, (fov_value[]){bench.p, bench.t}, 2, gradients), FOV_OK);
        for (int which = 0; which < 2 && !cases[c].is_kinked; which++)
            for (size_t i = 0; i < bench.count; i++) {
                double here = bench.data[which][i], above, below, got = at(&bench, gradients[which].id, i), difference;

                bench.data[which][i] = here + step;
                above                = at(&bench, bench.loss.id, 0);
                bench.data[which][i] = here - step;
                below                = at(&bench, bench.loss.id, 0);
                bench.data[which][i] = here;
                difference           = (above - below) / (2.0 * step);
                if (!(fabs(got - difference) <= 1e-7 * fmax(1.0, fabs(got))))
                    fail_msg("%s: d loss / d %s [%zu] is %.12g by nodes, %.12g by differences", cases[c].name,
                             which ? "target" : "prediction", i, got, difference);
            }
        close_bench(&bench);
    }
}

/* CIoU = DIoU + alpha v, whose gradient treats the weight alpha as constant: its slope is the difference of DIoU plus
 * alpha times the difference of v. */
static void ciou_holds_its_weight_still(void **state)
{
    const struct loss_case *full = &cases[CASES - 1], *part = &cases[CASES - 2];
    const double            step = 1e-5;
    struct bench            bench;
    fov_value               gradient;

    (void)state;
    assert_string_equal(full->name, "ciou");
    assert_string_equal(part->name, "diou");
    open_bench(&bench, full, FOV_REDUCTION_SUM);
    assert_int_equal(fov_gradient(bench.graph, bench.loss, &bench.p, 1, &gradient), FOV_OK);
    for (size_t i = 0; i < bench.count; i++) {
        double        box[4], side[2], *t = bench.data[1] + i / 4 * 4, overlap, iou, angle, weight, v[2], slope;
        const double *p = bench.data[0] + i / 4 * 4;

        for (int above = 0; above < 2; above++) {
            memcpy(box, p, sizeof box);
            box[i % 4] += above ? step : -step;
            side[above] = box_of(box, t, FOV_BOX_DIOU);
            angle       = atan((t[2] - t[0]) / (t[3] - t[1])) - atan((box[2] - box[0]) / (box[3] - box[1]));
            v[above]    = square(angle * 2.0 / 3.14159265358979323846);
        }
        overlap = (v[0] + v[1]) / 2.0;
        iou     = 1.0 - box_of(p, t, FOV_BOX_IOU);
        weight  = overlap / (1.0 - iou + overlap);
        slope = (side[1] - side[0] + weight * (v[1] - v[0])) / (2.0 * step);
        assert_true(fabs(at(&bench, gradient.id, i) - slope) < 2e-6);
    }
    close_bench(&bench);
}

/* Logits so large that a sigmoid in single precision is 0 or 1: the loss is still |x| or nearly 0, and its gradient is
   finite. */
static void far_logits_keep_their_digits(void **state)
{
    static const float x[] = {100.0F, 100.0F, -100.0F, -100.0F, 20.0F, -20.0F}, y[] = {0, 1, 0, 1, 1, 0};
    const double       expected[] = {100.0, 0.0, 0.0, 100.0, 2.0611536e-9, 2.0611536e-9};
    fov_context       *context = fov_context_create(&(fov_context_options){.threads = 1});

    (void)state;
    for (int focal_too = 0; focal_too < 2; focal_too++) {
        fov_graph *graph = fov_graph_create(context);
        fov_value  logits = fov_input(graph, .name = "x", .shape = FOV_SHAPE(6));
        fov_value  target = fov_input(graph, .name = "t", .shape = FOV_SHAPE(6)), outputs[3];
        fov_plan  *plan;

        if (focal_too)
            outputs[0] = fov_focal_opt(
                graph, logits, target,
                &(fov_focal_options){.gamma = 0.5F, .alpha = -1.0F, .reduction = FOV_REDUCTION_NONE});
        else
            outputs[0] = fov_bce_logits_opt(graph, logits, target,
                                            &(fov_bce_logits_options){.reduction = FOV_REDUCTION_NONE});
        outputs[1] = focal_too ? fov_focal(graph, logits, target) : fov_bce_logits(graph, logits, target);
        assert_int_equal(fov_gradient(graph, outputs[1], &logits, 1, &outputs[2]), FOV_OK);
        plan = fov_plan_create(graph, outputs, 3, NULL);
        assert_non_null(plan);
        memcpy(fov_plan_data(plan, logits), x, sizeof x);
        memcpy(fov_plan_data(plan, target), y, sizeof y);
        fov_plan_run(plan, 0);
        for (int i = 0; i < 6; i++) {
            double got = (double)((const float *)fov_plan_data(plan, outputs[0]))[i];

            assert_true(isfinite(((const float *)fov_plan_data(plan, outputs[2]))[i]));
            if (!focal_too)
                assert_true(fabs(got - expected[i]) <= 1e-5 * expected[i] + 1e-30);
            else
                assert_true(got >= 0.0 && got <= expected[i] * 1.00001 + 1e-30);
        }
        fov_plan_free(plan);
        fov_graph_free(graph);
    }
    fov_context_free(context);
}

/* The loss of two equal masks is 0, also of two empty ones; a target of 0 adds nothing to the divergence. */
static void agreement_costs_nothing(void **state)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_graph   *graph   = fov_graph_create(context);
    fov_value    mask = fov_input(graph, .name = "m", .shape = FOV_SHAPE(1, 2, 4)), outputs[3];
    fov_value    log_p = fov_input(graph, .name = "l", .shape = FOV_SHAPE(1, 2, 4));
    const float  m[] = {1, 0, 1, 1, 0, 0, 0, 0};
    fov_plan    *plan;

    (void)state;
    outputs[0] = fov_dice(graph, mask, mask);
    outputs[1] = fov_kl_divergence(graph, log_p, mask);
    assert_int_equal(fov_gradient(graph, outputs[1], &mask, 1, &outputs[2]), FOV_OK);
    plan = fov_plan_create(graph, outputs, 3, NULL);
    assert_non_null(plan);
    memcpy(fov_plan_data(plan, mask), m, sizeof m);
    memset(fov_plan_data(plan, log_p), 0, 8 * sizeof(float));
    fov_plan_run(plan, 0);
    assert_true(((const float *)fov_plan_data(plan, outputs[0]))[0] == 0.0F);
    assert_true(((const float *)fov_plan_data(plan, outputs[1]))[0] == 0.0F);
    for (int i = 0; i < 8; i++)
        assert_true(isfinite(((const float *)fov_plan_data(plan, outputs[2]))[i]));
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

/* A target of 0 adds nothing to the divergence in 16-bit floats either, whose smallest number is far greater. */
static void halves_keep_small_numbers(void **state)
{
    fov_context   *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_graph     *graph   = fov_graph_create(context);
    fov_value      p = fov_input(graph, .name = "p", .shape = FOV_SHAPE(1, 4), .dtype = FOV_F16);
    fov_value      t = fov_input(graph, .name = "t", .shape = FOV_SHAPE(1, 4), .dtype = FOV_F16);
    const double   scores[] = {-20.0, 0.0, -1.0, -2.0}, targets[] = {0.0, 1.0, 0x1p-24, 0.0};
    fov_value      losses[2];
    fov_plan      *plan;

    (void)state;
    losses[0] = fov_kl_divergence_opt(graph, p, t, &(fov_kl_divergence_options){.reduction = FOV_REDUCTION_NONE});
    losses[1] = fov_focal_opt(graph, p, t, &(fov_focal_options){.gamma = 0.25F, .reduction = FOV_REDUCTION_NONE});
    plan = fov_plan_create(graph, losses, 2, NULL);
    if (!plan)
        fail_msg("%s", fov_error(context));
    convert_from_double(FOV_F16, scores, fov_plan_data(plan, p), 4);
    convert_from_double(FOV_F16, targets, fov_plan_data(plan, t), 4);
    assert_int_equal(fov_plan_run(plan, 0), FOV_OK);
    for (int k = 0; k < 2; k++) {
        double got[4];

        convert_to_double(FOV_F16, fov_plan_data(plan, losses[k]), got, 4);
        for (int i = 0; i < 4; i++)
            if (!isfinite(got[i]))
                fail_msg("loss %d, element %d is %g", k, i, got[i]);
        if (k == 0) {
            assert_true(got[0] == 0.0 && got[1] == 0.0 && got[3] == 0.0);
            assert_true(fabs(got[2] - 0x1p-24 * (log(0x1p-24) + 1.0)) <= 0x1p-24);
        }
    }
    fov_plan_free(plan);
    fov_graph_free(graph);
    fov_context_free(context);
}

static void refused(build_function *build, fov_shape p, fov_shape t, fov_status status, const char *sentence)
{
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    fov_graph   *graph   = fov_graph_create(context);
    fov_value    value   = build(graph, fov_input(graph, .name = "p", .shape = p),
                                 fov_input(graph, .name = "t", .shape = t), FOV_REDUCTION_MEAN);

    assert_int_equal(value.id, 0);
    assert_int_equal(fov_error_status(context), status);
    if (!strstr(fov_error(context), sentence))
        fail_msg("\"%s\" does not say \"%s\"", fov_error(context), sentence);
    fov_graph_free(graph);
    fov_context_free(context);
}

static fov_value build_negative(fov_graph *graph, fov_value p, fov_value t, fov_reduction reduction)
{
    return fov_huber_opt(graph, p, t, &(fov_huber_options){.delta = -1.0F, .reduction = reduction});
}

static fov_value build_unknown(fov_graph *graph, fov_value p, fov_value t, fov_reduction reduction)
{
    (void)reduction;
    return fov_mae_opt(graph, p, t, &(fov_loss_options){.reduction = (fov_reduction)9});
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    refused(build_mae, (fov_shape)FOV_SHAPE(3, 7), (fov_shape)FOV_SHAPE(3, 1), FOV_E_SHAPE, "target is [3, 1]");
    refused(build_negative, (fov_shape)FOV_SHAPE(3), (fov_shape)FOV_SHAPE(3), FOV_E_USAGE, "delta must be above 0 (-1");
    refused(build_unknown, (fov_shape)FOV_SHAPE(3), (fov_shape)FOV_SHAPE(3), FOV_E_USAGE, "no such reduction (9");
    refused(build_dice, (fov_shape)FOV_SHAPE(3, 7), (fov_shape)FOV_SHAPE(3, 7), FOV_E_SHAPE, "[N, C, spatial...]");
    refused(build_ciou, (fov_shape)FOV_SHAPE(3, 5), (fov_shape)FOV_SHAPE(3, 5), FOV_E_SHAPE, "[..., 4]");
    refused(build_kl, (fov_shape)FOV_SHAPE(3), (fov_shape)FOV_SHAPE(3), FOV_E_SHAPE, "[N, classes, ...]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_formula),
        cmocka_unit_test(gradient_equals_differences),
        cmocka_unit_test(ciou_holds_its_weight_still),
        cmocka_unit_test(far_logits_keep_their_digits),
        cmocka_unit_test(agreement_costs_nothing),
        cmocka_unit_test(halves_keep_small_numbers),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests_name("losses", tests, NULL, NULL);
}
