/* SPDX-License-Identifier: MIT */
/* The per-class part of a report, from a confusion matrix. */
#include "task/class_tally.h"

struct report_owner {
    struct memory *memory;
    double numbers[]; /* precision, recall, f1; support; in_data */
};

static void fill_class(fov_report *report, int c)
{
    struct class_metrics of = class_metrics_of(report->confusion, report->classes, c);
    report->precision[c] = of.precision;
    report->recall[c] = of.recall;
    report->f1[c] = of.f1;
    report->support[c] = of.support;
    if (report->in_data[c]) { // the means leave out classes that cannot occur in the data
        report->macro_precision += of.precision / report->data_classes;
        report->macro_recall += of.recall / report->data_classes;
        report->macro_f1 += of.f1 / report->data_classes;
    }
}

/* All arrays lie in two blocks: one for the report's own numbers, and the confusion matrix taken over from the
 * tally. */
int class_report_fill(fov_report *report, int64_t **confusion, int classes, const fov_class_match *match,
                      struct memory *memory, struct error *error)
{
    size_t count = (size_t)classes, per_class = 3 * sizeof(double) + sizeof(int64_t) + sizeof(bool);
    struct report_owner *owner = memory_allocate(memory, 1, sizeof *owner + count * per_class, "a report", error);
    if (owner == NULL) {
        return FOV_E_MEMORY;
    }
    owner->memory = memory;
    report->classes = classes;
    report->precision = owner->numbers;
    report->recall = owner->numbers + count;
    report->f1 = owner->numbers + 2 * count;
    report->support = (int64_t *)(void *)(owner->numbers + 3 * count);
    report->in_data = (bool *)(void *)(owner->numbers + 4 * count);
    report->data_classes = match->data_classes;
    report->confusion = *confusion;
    report->owner = owner;
    *confusion = NULL;
    for (int i = 0; i < match->data_classes; i++) {
        report->in_data[match->model_class[i]] = true;
    }
    for (int c = 0; c < classes; c++) {
        fill_class(report, c);
    }
    return FOV_OK;
}

void class_report_free(fov_report *report)
{
    struct report_owner *owner = report->owner;
    if (owner != NULL) {
        memory_free(owner->memory, report->confusion);
        memory_free(owner->memory, owner);
    }
}
