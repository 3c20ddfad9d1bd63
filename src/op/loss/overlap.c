/* SPDX-License-Identifier: MIT */
/* Losses of overlap: Dice for masks; IoU, GIoU, DIoU and CIoU for boxes. */
#include "op/loss/loss.h"

/* 1 - 2 overlap / (sum p + sum t), written without the difference of two numbers near 1: over the common denominator,
   the numerator is sum p (1 - t) + t (1 - p), or sum (p - t)^2 in the squared form. */
fov_value fov_dice_opt(fov_graph *graph, fov_value probability, fov_value target, const fov_dice_options *options)
{
    struct loss loss;
    static const fov_dice_options standard;
    options = options != NULL ? options : &standard;
    double smooth = options->smooth != 0 ? (double)options->smooth : 1;
    if (!loss_begin(&loss, graph, probability, target, "dice", options->name)) {
        return (fov_value){0};
    }
    if (loss.shape.rank < 3) {
        return loss_fail(&loss, FOV_E_SHAPE, "masks are [N, C, spatial...], of rank 3 or more", loss.shape.rank);
    }
    if (!(smooth > 0)) {
        return loss_fail(&loss, FOV_E_USAGE, "smooth must be above 0", smooth);
    }
    fov_value apart, size;
    if (options->squared) {
        fov_value difference = loss_two(&loss, "sub", probability, target);
        apart = loss_two(&loss, "mul", difference, difference);
        size = loss_two(&loss, "add", loss_two(&loss, "mul", probability, probability),
                        loss_two(&loss, "mul", target, target));
    } else {
        apart = loss_two(&loss, "add", loss_two(&loss, "mul", probability, loss_rest(&loss, target)),
                         loss_two(&loss, "mul", target, loss_rest(&loss, probability)));
        size = loss_two(&loss, "add", probability, target);
    }
    fov_value sum = loss_two(&loss, "add", loss_sum_from(&loss, size, 2), loss_number(&loss, smooth));
    return loss_reduce(&loss, loss_two(&loss, "div", loss_sum_from(&loss, apart, 2), sum), options->reduction);
}

/* ---- boxes ------------------------------------------------------------------------------------------------------- */

/** The coordinates of boxes, each [..., 1]. */
struct box {
    fov_value left, top, right, bottom;
};

static struct box box_of(const struct loss *loss, fov_value boxes)
{
    const struct op_emitter *emitter = fov_graph_emitter(loss->graph);
    fov_value side[4];
    for (int i = 0; i < 4; i++) {
        side[i] = op_emit_slice(emitter, boxes, loss->shape.rank - 1, i, 1, 1);
    }
    return (struct box){side[0], side[1], side[2], side[3]};
}

static fov_value width(const struct loss *loss, const struct box *box)
{
    return loss_two(loss, "sub", box->right, box->left);
}

static fov_value height(const struct loss *loss, const struct box *box)
{
    return loss_two(loss, "sub", box->bottom, box->top);
}

static fov_value area(const struct loss *loss, const struct box *box)
{
    return loss_two(loss, "mul", width(loss, box), height(loss, box));
}

static fov_value square(const struct loss *loss, fov_value value)
{
    return loss_two(loss, "mul", value, value);
}

static fov_value plus(const struct loss *loss, fov_value value, double number)
{
    return loss_two(loss, "add", value, loss_number(loss, number));
}

/** Squared distance of the centres divided by the squared diagonal of `frame`, the smallest box around both (Zheng et
 *  al. 2020, eq. 6). */
static fov_value distance(const struct loss *loss, const struct box *a, const struct box *b, const struct box *frame,
                          double epsilon)
{
    fov_value across = loss_two(loss, "sub", loss_two(loss, "add", a->left, a->right),
                                loss_two(loss, "add", b->left, b->right));
    fov_value down = loss_two(loss, "sub", loss_two(loss, "add", a->top, a->bottom),
                              loss_two(loss, "add", b->top, b->bottom));
    fov_value twice = loss_two(loss, "add", square(loss, across), square(loss, down));
    fov_value diagonal =
        loss_two(loss, "add", square(loss, width(loss, frame)), square(loss, height(loss, frame)));
    return loss_two(loss, "div", loss_scale(loss, twice, 0.25), plus(loss, diagonal, epsilon));
}

/** alpha v, the penalty for different aspect ratios (eq. 8 to 11); no gradient flows through the weight alpha. */
static fov_value aspect(const struct loss *loss, const struct box *a, const struct box *b, fov_value iou,
                        double epsilon)
{
    const struct box *box[] = {a, b};
    fov_value angle[2];
    for (int i = 0; i < 2; i++) {
        fov_value ratio = loss_two(loss, "div", width(loss, box[i]), plus(loss, height(loss, box[i]), epsilon));
        angle[i] = loss_one(loss, "atan", ratio);
    }
    double four_over_pi_squared = 4 / (3.14159265358979323846 * 3.14159265358979323846);
    fov_value v = loss_scale(loss, square(loss, loss_two(loss, "sub", angle[1], angle[0])), four_over_pi_squared);
    fov_value alpha = loss_two(loss, "div", v, plus(loss, loss_two(loss, "sub", v, iou), 1 + epsilon));
    return loss_two(loss, "mul", fov_stop_gradient(loss->graph, alpha), v);
}

fov_value fov_box_iou_loss_opt(fov_graph *graph, fov_value prediction, fov_value target,
                               const fov_box_iou_options *options)
{
    struct loss loss;
    static const fov_box_iou_options standard;
    options = options != NULL ? options : &standard;
    double epsilon = options->epsilon != 0 ? (double)options->epsilon : 1e-7;
    if (!loss_begin(&loss, graph, prediction, target, "box_iou_loss", options->name)) {
        return (fov_value){0};
    }
    int last = loss.shape.rank - 1;
    if (last < 1 || loss.shape.dim[last] != 4) {
        return loss_fail(&loss, FOV_E_SHAPE, "boxes are [..., 4]: left, top, right, bottom", loss.shape.rank);
    }
    if (!(epsilon > 0) || (int)options->kind < FOV_BOX_IOU || options->kind > FOV_BOX_CIOU) {
        return loss_fail(&loss, FOV_E_USAGE, "epsilon must be above 0 and the kind one of four", epsilon);
    }
    struct box a = box_of(&loss, prediction), b = box_of(&loss, target);
    struct box both = {loss_two(&loss, "max", a.left, b.left), loss_two(&loss, "max", a.top, b.top),
                       loss_two(&loss, "min", a.right, b.right), loss_two(&loss, "min", a.bottom, b.bottom)};
    struct box frame = {loss_two(&loss, "min", a.left, b.left), loss_two(&loss, "min", a.top, b.top),
                        loss_two(&loss, "max", a.right, b.right), loss_two(&loss, "max", a.bottom, b.bottom)};
    fov_value inside = loss_two(&loss, "mul", loss_one(&loss, "relu", width(&loss, &both)),
                                loss_one(&loss, "relu", height(&loss, &both)));
    fov_value joined = loss_two(&loss, "sub", loss_two(&loss, "add", area(&loss, &a), area(&loss, &b)), inside);
    fov_value iou = loss_two(&loss, "div", inside, plus(&loss, joined, epsilon)), each = loss_rest(&loss, iou);
    if (options->kind == FOV_BOX_GIOU) { /* Rezatofighi et al. 2019, algorithm 1: the share of the frame in no box */
        fov_value hull = area(&loss, &frame), empty = loss_two(&loss, "sub", hull, joined);
        each = loss_two(&loss, "add", each, loss_two(&loss, "div", empty, plus(&loss, hull, epsilon)));
    } else if (options->kind != FOV_BOX_IOU) {
        each = loss_two(&loss, "add", each, distance(&loss, &a, &b, &frame, epsilon));
    }
    if (options->kind == FOV_BOX_CIOU) {
        each = loss_two(&loss, "add", each, aspect(&loss, &a, &b, iou, epsilon));
    }
    return loss_reduce(&loss, fov_squeeze(graph, each, &last, 1), options->reduction);
}
