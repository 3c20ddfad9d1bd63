/* SPDX-License-Identifier: MIT */
/* The results of an evaluation, as tables and as JSON. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "cli.h"
#include "json.h"

/** A figure as text: fractions in per cent, other numbers with four digits, "undefined" for NaN. */
const char *report_figure(char text[32], const fov_task_figure *figure);
/** Sets the task's figures by their names. */
void report_figures_to_json(json_t *object, const fov_report *report);
/** Sets count, task, the task's figures, loss, for classifiers macro_*, per_class and confusion, metrics, seconds. */
void report_to_json(json_t *object, const fov_report *report, const fov_model *model);
/** Precision, recall, F1 and support of each class, and their means. */
void report_print_classes(struct cli *cli, const fov_report *report, const fov_model *model);
/** True classes down, predicted ones across. */
void report_print_confusion(struct cli *cli, const fov_report *report, const fov_model *model);
/** Prints one line: accuracy and loss of a classifier, else the task's figures and the loss. */
void report_print_line(struct cli *cli, const fov_report *report);

#endif
