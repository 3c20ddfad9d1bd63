/* SPDX-License-Identifier: MIT */
/* How far two boxes agree, in double. Next: suppress.c, which compares many. */
#include <fovea/boxes.h>

#include <math.h>

static const double quarter_turns = 0.40528473456935108577; // 4 / pi^2

static double divide(double part, double whole)
{
    return whole != 0.0 ? part / whole : 0.0;
}

/* The shapes' disagreement, weighted by how far the boxes agree otherwise. */
static double shape_term(double iou, const double a[4], const double b[4])
{
    double angle = atan2(b[2] - b[0], b[3] - b[1]) - atan2(a[2] - a[0], a[3] - a[1]);
    double v = quarter_turns * angle * angle;
    return divide(v, 1.0 - iou + v) * v;
}

double fov_box_overlap(fov_overlap kind, const double a[4], const double b[4])
{
    if (a == NULL || b == NULL) {
        return 0;
    }
    double width = fmin(a[2], b[2]) - fmax(a[0], b[0]), height = fmin(a[3], b[3]) - fmax(a[1], b[1]);
    double common = width > 0.0 && height > 0.0 ? width * height : 0.0;
    double together = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common;
    double iou = divide(common, together);
    double around_width = fmax(a[2], b[2]) - fmin(a[0], b[0]), around_height = fmax(a[3], b[3]) - fmin(a[1], b[1]);
    if (kind == FOV_OVERLAP_IOU) {
        return iou;
    }
    if (kind == FOV_OVERLAP_GIOU) {
        double around = around_width * around_height;
        return iou - divide(around - together, around);
    }
    double x = (a[0] + a[2] - b[0] - b[2]) / 2.0, y = (a[1] + a[3] - b[1] - b[3]) / 2.0;
    double near = iou - divide(x * x + y * y, around_width * around_width + around_height * around_height);
    return kind == FOV_OVERLAP_DIOU ? near : near - shape_term(iou, a, b);
}
