/* SPDX-License-Identifier: MIT */
/* Counts correct and wrong predictions. */
#include "task/class_tally.h"
#include <math.h>
#include <string.h>

int class_tally_create(struct class_tally *tally, const struct model_scores *scores, bool confusion,
                       struct memory *memory, struct error *error)
{
    size_t cells;
    int classes = scores->classes;
    *tally = (struct class_tally){.scores = *scores, .classes = classes};
    if (!confusion) {
        return FOV_OK;
    }
    if (!size_multiply((size_t)classes, (size_t)classes, &cells)) {
        return error_set(error, FOV_E_MEMORY, "a confusion matrix of %d classes does not fit memory", classes);
    }
    tally->confusion = memory_allocate(memory, cells, sizeof *tally->confusion, "a confusion matrix", error);
    return tally->confusion != NULL ? FOV_OK : FOV_E_MEMORY;
}

void class_tally_free(struct class_tally *tally, struct memory *memory)
{
    memory_free(memory, tally->confusion);
    tally->confusion = NULL;
}

void class_tally_reset(struct class_tally *tally)
{
    tally->count = tally->correct = tally->correct5 = 0;
    tally->loss = 0.0;
    if (tally->confusion != NULL) {
        memset(tally->confusion, 0, (size_t)tally->classes * (size_t)tally->classes * sizeof *tally->confusion);
    }
}

static int largest_of(const float *row, int count)
{
    int best = 0;
    for (int c = 1; c < count; c++) {
        if (row[c] > row[best]) {
            best = c;
        }
    }
    return best;
}

int class_predicted(const struct model_scores *scores, const float *row)
{
    if (scores->count == 1 && scores->classes == 2) {
        return row[0] >= (scores->is_probable ? 0.5F : 0.0F);
    }
    return largest_of(row, scores->count);
}

double class_sigmoid(double logit)
{
    return logit >= 0.0 ? 1.0 / (1.0 + exp(-logit)) : exp(logit) / (1.0 + exp(logit));
}

void class_probabilities(const struct model_scores *scores, const float *row, double *probabilities)
{
    double largest = (double)row[largest_of(row, scores->count)], total = 0.0;
    for (int c = 0; c < scores->count; c++) {
        double x = (double)row[c];
        x = scores->is_probable ? x : scores->independent ? class_sigmoid(x) : exp(x - largest);
        probabilities[c] = x;
        total += x;
    }
    for (int c = 0; c < scores->count && !scores->is_probable && !scores->independent; c++) {
        probabilities[c] /= total;
    }
    if (scores->count == 1 && scores->classes == 2) {
        probabilities[1] = probabilities[0];
        probabilities[0] = 1.0 - probabilities[1];
    }
}

/* Bounds for outputs that are probabilities, because a small one may have been rounded to 0. */
static const double least_probable = 1e-7, least_logarithm = -100; /* Keras' and PyTorch's */

/* -log softmax(logits)[label] in double; the largest logit is subtracted first, so that exp cannot overflow. */
static double cross_entropy(const struct model_scores *scores, const float *row, int label)
{
    if (scores->is_probable) {
        return -log(fmax((double)row[label], least_probable));
    }
    double largest = (double)row[largest_of(row, scores->count)], sum = 0.0;
    for (int c = 0; c < scores->count; c++) {
        sum += exp((double)row[c] - largest);
    }
    return log(sum) - ((double)row[label] - largest);
}

/* The mean over all scores of -log p where the target is 1, -log(1 - p) where the target is 0. */
static double binary_cross_entropy(const struct model_scores *scores, const float *row, int label)
{
    double sum = 0.0;
    for (int c = 0; c < scores->count; c++) {
        double x = (double)row[c];
        bool is_true = scores->count == 1 ? label == 1 : label == c;
        if (scores->is_probable) {
            sum -= fmax(is_true ? log(x) : log1p(-x), least_logarithm);
        } else {
            x = is_true ? -x : x; /* log(1 + exp(x)) in a form that cannot overflow */
            sum += fmax(x, 0.0) + log1p(exp(-fabs(x)));
        }
    }
    return sum / scores->count;
}

double class_probability(const struct model_scores *scores, const float *row, int label)
{
    if (scores->count == 1) {
        double one = scores->is_probable ? (double)*row : 1.0 / (1.0 + exp(-(double)*row));
        return label == 1 ? one : 1.0 - one;
    }
    if (scores->is_probable) {
        return (double)row[label];
    }
    return scores->independent ? 1.0 / (1.0 + exp(-(double)row[label])) : exp(-cross_entropy(scores, row, label));
}

/* How many scores rank above the label's. Among equal scores the first counts as larger, as in class_predicted. */
static int count_ahead(const struct model_scores *scores, const float *row, int label)
{
    int ahead = 0;
    for (int c = 0; scores->count > 1 && c < scores->count; c++) {
        ahead += row[c] > row[label] || (row[c] == row[label] && c < label);
    }
    return ahead;
}

/* False where a score is NaN, a probability infinite, or the loss not finite. Logits of other classes than the label
 * may be -infinity. */
static bool is_good(const struct model_scores *scores, const float *row, double loss)
{
    for (int c = 0; c < scores->count; c++) {
        if (isnan(row[c]) || (scores->is_probable && isinf(row[c]))) {
            return false;
        }
    }
    return isfinite(loss);
}

size_t class_tally_add(struct class_tally *tally, const float *rows, const int32_t *labels, size_t count)
{
    const struct model_scores *scores = &tally->scores;
    for (size_t i = 0; i < count; i++, rows += scores->count) {
        int label = labels[i], predicted = class_predicted(scores, rows);
        double loss =
            scores->independent ? binary_cross_entropy(scores, rows, label) : cross_entropy(scores, rows, label);
        if (!is_good(scores, rows, loss)) {
            return i;
        }
        tally->count++;
        tally->correct += predicted == label;
        tally->correct5 += count_ahead(scores, rows, label) < 5;
        tally->loss += loss;
        if (tally->confusion != NULL) {
            tally->confusion[(size_t)label * (size_t)tally->classes + (size_t)predicted]++;
        }
    }
    return count;
}

static double ratio(double part, double whole)
{
    return whole > 0.0 ? part / whole : 0.0;
}

struct class_metrics class_metrics_of(const int64_t *confusion, int classes, int index)
{
    struct class_metrics result = {0};
    int64_t predicted = 0, hits = confusion[(size_t)index * (size_t)classes + (size_t)index];
    for (int other = 0; other < classes; other++) {
        result.support += confusion[(size_t)index * (size_t)classes + (size_t)other];
        predicted += confusion[(size_t)other * (size_t)classes + (size_t)index];
    }
    result.precision = ratio((double)hits, (double)predicted);
    result.recall = ratio((double)hits, (double)result.support);
    result.f1 = ratio(2.0 * result.precision * result.recall, result.precision + result.recall);
    return result;
}
