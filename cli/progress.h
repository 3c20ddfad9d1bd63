/* SPDX-License-Identifier: MIT */
/* A progress line on a terminal, redrawn in place. Nothing is drawn into a pipe, with --quiet or with --json. */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "cli.h"

struct progress {
    struct cli *cli;
    bool live;   /**< there is a terminal to draw on */
    bool drawn;  /**< a line is on the screen now */
    double last; /**< time of the last drawing, seconds of progress_clock */
};

void progress_begin(struct progress *progress, struct cli *cli);
/** Whether it is time to draw again: at most ten times a second. */
bool progress_due(struct progress *progress);
/** "LABEL ━━━━━━────── DETAIL", cut to the terminal's width. */
void progress_draw(struct progress *progress, const char *label, double share, const char *detail);
void progress_clear(struct progress *progress);
double progress_clock(void); /**< a monotonic clock, seconds */

#endif
