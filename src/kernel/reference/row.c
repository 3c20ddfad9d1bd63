/* SPDX-License-Identifier: MIT */
/* Reference kernels for vectors, columns, rows, optimisers and pixels. Sums are in double throughout, so they are more
   exact than the fast versions (vector/row.h, column.h, optimise.h), whose error bounds list.inc states. */
#include <math.h>

#include "kernel/reference/reference.h"

void reference_fill(size_t n, float value, float *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = value;
    }
}

void reference_scale_add(size_t n, float alpha, const float *x, float beta, float *y)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = (float)((double)alpha * x[i] + (beta == 0 ? 0.0 : (double)beta * y[i]));
    }
}

void reference_weighted_sum(size_t n, size_t terms, const float *const *x, const float *weights, float bias, float *y)
{
    for (size_t i = 0; i < n; i++) {
        double sum = bias;
        for (size_t t = 0; t < terms; t++) {
            sum += (double)weights[t] * x[t][i];
        }
        y[i] = (float)sum;
    }
}

double reference_sum(size_t n, const float *x)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
    }
    return sum;
}

double reference_sum_products(size_t n, const float *a, const float *b)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * b[i];
    }
    return sum;
}

double reference_sum_squares(size_t n, const float *x)
{
    return reference_sum_products(n, x, x);
}

float reference_maximum(size_t n, const float *x)
{
    float best = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        best = x[i] > best || isnan(x[i]) ? x[i] : best;
    }
    return best;
}

size_t reference_index_of_maximum(size_t n, const float *x)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        if (x[i] > x[best] || (isnan(x[i]) && !isnan(x[best]))) {
            best = i;
        }
    }
    return best;
}

bool reference_all_finite(size_t n, const float *x)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(x[i])) {
            return false;
        }
    }
    return true;
}

void reference_column_sum(size_t rows, size_t channels, const float *x, size_t x_stride, double *sum)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < channels; c++) {
            sum[c] += x[r * x_stride + c];
        }
    }
}

void reference_column_moments(size_t rows, size_t channels, const float *x, size_t x_stride, const float *shift,
                              double *sum, double *square)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < channels; c++) {
            double d = (double)x[r * x_stride + c] - (shift ? shift[c] : 0.0f);
            sum[c] += d;
            square[c] += d * d;
        }
    }
}

void reference_scale_shift(size_t rows, size_t channels, const float *x, size_t x_stride, const float *scale,
                           const float *shift, const float *residual, size_t residual_stride, float *y,
                           size_t y_stride, enum unary activation, float alpha, float beta)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < channels; c++) {
            double v = (double)x[r * x_stride + c] * scale[c] + shift[c];
            v += residual ? residual[r * residual_stride + c] : 0.0f;
            y[r * y_stride + c] = (float)reference_activation(activation, v, alpha, beta);
        }
    }
}

static double masked_gradient(float dy, double centred, struct kernel_mask mask, size_t c)
{
    double z = mask.scale ? mask.scale[c] * centred + mask.offset[c] : 0;
    return !mask.scale || (z > (double)mask.low && z <= (double)mask.high) ? (double)dy : (double)dy * mask.slope;
}

void reference_column_products(size_t rows, size_t channels, const float *dy, size_t dy_stride, const float *x,
                               size_t x_stride, const float *mean, struct kernel_mask mask, double *sum,
                               double *product)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < channels; c++) {
            double centred = (double)x[r * x_stride + c] - mean[c];
            double g = masked_gradient(dy[r * dy_stride + c], centred, mask, c);
            sum[c] += g;
            product[c] += g * centred;
        }
    }
}

void reference_column_combine(size_t rows, size_t channels, const float *dy, size_t dy_stride, const float *x,
                              size_t x_stride, const float *mean, struct kernel_mask mask, const float *a,
                              const float *b, const float *d, float *dx, size_t dx_stride)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < channels; c++) {
            double centred = (double)x[r * x_stride + c] - mean[c];
            double g = masked_gradient(dy[r * dy_stride + c], centred, mask, c);
            dx[r * dx_stride + c] = (float)(a[c] * g + b[c] * centred + d[c]);
        }
    }
}

/* log of the sum of exp(x - max), and max */
static double log_sum(size_t columns, const float *x, float *max)
{
    double sum = 0;
    *max = reference_maximum(columns, x);
    for (size_t c = 0; c < columns; c++) {
        sum += exp((double)x[c] - *max);
    }
    return log(sum);
}

void reference_softmax(size_t rows, size_t columns, const float *x, size_t x_stride, float *y, size_t y_stride)
{
    for (size_t r = 0; r < rows; r++, x += x_stride, y += y_stride) {
        float max;
        double log_of_sum = log_sum(columns, x, &max);
        for (size_t c = 0; c < columns; c++) {
            y[c] = (float)exp((double)x[c] - max - log_of_sum);
        }
    }
}

void reference_log_softmax(size_t rows, size_t columns, const float *x, size_t x_stride, float *y, size_t y_stride)
{
    for (size_t r = 0; r < rows; r++, x += x_stride, y += y_stride) {
        float max;
        double log_of_sum = log_sum(columns, x, &max);
        for (size_t c = 0; c < columns; c++) {
            y[c] = (float)((double)x[c] - max - log_of_sum);
        }
    }
}

void reference_softmax_gradient(size_t rows, size_t columns, const float *y, size_t y_stride, const float *dy,
                                size_t dy_stride, float *dx, size_t dx_stride)
{
    for (size_t r = 0; r < rows; r++, y += y_stride, dy += dy_stride, dx += dx_stride) {
        double sum = reference_sum_products(columns, y, dy);
        for (size_t c = 0; c < columns; c++) {
            dx[c] = (float)(y[c] * (dy[c] - sum));
        }
    }
}

void reference_log_softmax_gradient(size_t rows, size_t columns, const float *y, size_t y_stride, const float *dy,
                                    size_t dy_stride, float *dx, size_t dx_stride)
{
    for (size_t r = 0; r < rows; r++, y += y_stride, dy += dy_stride, dx += dx_stride) {
        double sum = reference_sum(columns, dy);
        for (size_t c = 0; c < columns; c++) {
            dx[c] = (float)(dy[c] - exp(y[c]) * sum);
        }
    }
}

/* Cross-entropy's target q[k] times class weight */
static double weighted_target(size_t k, size_t classes, int32_t label, const float *class_weights, float smoothing)
{
    double target = (k == (size_t)label ? 1.0 - smoothing : 0.0) + (double)smoothing / (double)classes;
    return target * (class_weights ? class_weights[k] : 1.0f);
}

void reference_cross_entropy(size_t rows, size_t classes, const float *logits, size_t stride, const int32_t *labels,
                             const float *class_weights, float smoothing, float *loss, float *weight,
                             float *probabilities)
{
    for (size_t r = 0; r < rows; r++, logits += stride) {
        float max;
        double log_of_sum = log_sum(classes, logits, &max), sum = 0;
        bool counts = labels[r] >= 0 && (size_t)labels[r] < classes;
        for (size_t k = 0; k < classes; k++) {
            double log_p = (double)logits[k] - max - log_of_sum;
            double q = counts ? weighted_target(k, classes, labels[r], class_weights, smoothing) : 0.0;
            sum -= q != 0 ? q * log_p : 0.0;
            if (probabilities) {
                probabilities[r * classes + k] = (float)exp(log_p);
            }
        }
        loss[r] = (float)sum;
        if (weight) {
            weight[r] = !counts ? 0.0f : class_weights ? class_weights[labels[r]] : 1.0f;
        }
    }
}

void reference_cross_entropy_gradient(size_t rows, size_t classes, const float *probabilities, const int32_t *labels,
                                      const float *class_weights, float smoothing, const float *scale,
                                      float *dlogits, size_t stride)
{
    for (size_t r = 0; r < rows; r++) {
        bool counts = labels[r] >= 0 && (size_t)labels[r] < classes;
        double total = 0;
        for (size_t k = 0; counts && k < classes; k++) {
            total += weighted_target(k, classes, labels[r], class_weights, smoothing);
        }
        for (size_t k = 0; k < classes; k++) {
            double q = counts ? weighted_target(k, classes, labels[r], class_weights, smoothing) : 0.0;
            dlogits[r * stride + k] = counts ? (float)(scale[r] * (probabilities[r * classes + k] * total - q)) : 0.0f;
        }
    }
}

void reference_sgd(size_t n, const struct kernel_sgd *o, float gradient_scale, const float *gradient, float *weight,
                   float *velocity)
{
    for (size_t i = 0; i < n; i++) {
        double g = (double)gradient_scale * gradient[i] + (double)o->weight_decay * weight[i];
        if (o->momentum != 0) {
            double m = o->first_step ? g : (double)o->momentum * velocity[i] + (1.0 - o->dampening) * g;
            velocity[i] = (float)m;
            g = o->nesterov ? g + o->momentum * m : m;
        }
        weight[i] = (float)(weight[i] - o->learning_rate * g);
    }
}

void reference_adam(size_t n, const struct kernel_adam *o, float gradient_scale, const float *gradient, float *weight,
                    float *first, float *second)
{
    for (size_t i = 0; i < n; i++) {
        double g = (double)gradient_scale * gradient[i], w = weight[i];
        if (o->decoupled) {
            w *= 1.0 - (double)o->learning_rate * o->weight_decay;
        } else {
            g += o->weight_decay * w;
        }
        double m = (double)o->beta1 * first[i] + (double)o->share1 * g;
        double v = (double)o->beta2 * second[i] + (double)o->share2 * g * g;
        first[i] = (float)m;
        second[i] = (float)v;
        double step = (double)o->learning_rate / o->bias_correction1;
        weight[i] = (float)(w - step * m / (sqrt(v) / sqrt(o->bias_correction2) + o->epsilon));
    }
}

void reference_normalise_u8(size_t pixels, size_t channels, const uint8_t *x, const float *mean,
                            const float *deviation, float *y)
{
    for (size_t i = 0; i < pixels * channels; i++) {
        y[i] = ((float)x[i] / 255.0f - mean[i % channels]) / deviation[i % channels];
    }
}
