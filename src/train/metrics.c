/* SPDX-License-Identifier: MIT */
/* Counting right and wrong. */
#include "train/metrics.h"
#include <math.h>
#include <string.h>

int metrics_create(struct metrics *metrics, int classes, struct memory *memory, struct error *error)
{
    size_t cells;
    *metrics = (struct metrics){.classes = classes};
    if (!size_multiply((size_t)classes, (size_t)classes, &cells)) {
        return error_set(error, FOV_E_MEMORY, "a confusion matrix of %d classes does not fit memory", classes);
    }
    metrics->confusion = memory_allocate(memory, cells, sizeof *metrics->confusion, "a confusion matrix", error);
    return metrics->confusion != NULL ? FOV_OK : FOV_E_MEMORY;
}

void metrics_free(struct metrics *metrics, struct memory *memory)
{
    memory_free(memory, metrics->confusion);
    metrics->confusion = NULL;
}

void metrics_reset(struct metrics *metrics)
{
    metrics->count = metrics->correct = metrics->correct5 = 0;
    metrics->loss = 0.0;
    if (metrics->confusion != NULL) {
        memset(metrics->confusion, 0, (size_t)metrics->classes * (size_t)metrics->classes * sizeof *metrics->confusion);
    }
}

int metrics_predicted(const float *logits, int classes)
{
    int best = 0;
    for (int c = 1; c < classes; c++) {
        if (logits[c] > logits[best]) {
            best = c;
        }
    }
    return best;
}

/* -log softmax(logits)[label] in double; the largest logit is taken out first, so that exp cannot overflow. */
static double cross_entropy(const float *logits, int classes, int label)
{
    double largest = (double)logits[metrics_predicted(logits, classes)], sum = 0.0;
    for (int c = 0; c < classes; c++) {
        sum += exp((double)logits[c] - largest);
    }
    return log(sum) - ((double)logits[label] - largest);
}

void metrics_add(struct metrics *metrics, const float *logits, const int32_t *labels, size_t count)
{
    int classes = metrics->classes;
    for (size_t i = 0; i < count; i++, logits += classes) {
        int label = labels[i], predicted = metrics_predicted(logits, classes), ahead = 0;
        for (int c = 0; c < classes; c++) {
            /* Of equal scores the first counts as larger, as in metrics_predicted. */
            ahead += logits[c] > logits[label] || (logits[c] == logits[label] && c < label);
        }
        metrics->count++;
        metrics->correct += predicted == label;
        metrics->correct5 += ahead < 5;
        metrics->loss += cross_entropy(logits, classes, label);
        if (metrics->confusion != NULL) {
            metrics->confusion[(size_t)label * (size_t)classes + (size_t)predicted]++;
        }
    }
}

static double ratio(double part, double whole)
{
    return whole > 0.0 ? part / whole : 0.0;
}

struct class_metrics metrics_of_class(const int64_t *confusion, int classes, int index)
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
