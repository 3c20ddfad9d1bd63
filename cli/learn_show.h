/* SPDX-License-Identifier: MIT */
/* The output of `fovea learn`: lessons, verdicts, the list; as text and as JSON. */
#ifndef CLI_LEARN_SHOW_H
#define CLI_LEARN_SHOW_H

#include "cli.h"
#include "json.h"
#include "learn/check.h"
#include "learn/progress.h"

/** What all actions of the verb share. */
struct learner {
    struct cli *cli;
    enum language language;
    const char *lang; /**< " --lang zh" where that was typed, for the commands that are shown; else "" */
    struct progress_file *progress;
};

/** A phrase in the learner's language. */
const char *phrase(const struct learner *learner, const char *en, const char *zh);
/** Prints sentences, each line after the first indented; the cursor is already after the first line's indent. */
void show_indented(const struct learner *learner, const char *text, int indent);
const char *learn_state(const struct learner *learner, int number); /**< "passed", "started", "open" */

void show_lesson(const struct learner *learner, const struct lesson *lesson);
void show_list(const struct learner *learner);
/** `file`: the learner's file, whose name is shown where the solution is not right yet. */
void show_verdict(const struct learner *learner, const struct lesson *lesson, const struct verdict *verdict,
                  const char *file);
json_t *json_from_lesson(const struct learner *learner, const struct lesson *lesson);
json_t *json_from_verdict(const struct learner *learner, const struct lesson *lesson, const struct verdict *verdict);

#endif
