/* SPDX-License-Identifier: MIT */
/* A line on a terminal that is drawn over and over. Nothing at all in a pipe, with --quiet or with --json. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli.h"

struct progress {
    struct cli *cli;
    bool live;   /**< there is a terminal to draw on */
    bool drawn;  /**< a line stands there now */
    double last; /**< when, seconds */
};

void progress_begin(struct progress *progress, struct cli *cli);
/** Is it time to draw again? At most ten times a second. */
bool progress_due(struct progress *progress);
/** "LABEL ━━━━━━────── DETAIL", cut to the terminal's width. */
void progress_draw(struct progress *progress, const char *label, double share, const char *detail);
void progress_clear(struct progress *progress);
double progress_clock(void); /**< seconds, never backwards */

#endif
