/* SPDX-License-Identifier: MIT */
/* The progress line goes to standard error, as it is no result. */
#include "progress.h"
#include "output.h"
#include "table.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double INTERVAL = 0.1; /* seconds */

double progress_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void progress_begin(struct progress *progress, struct cli *cli)
{
    const char *term = getenv("TERM");
    bool able = term != NULL && strcmp(term, "dumb") != 0;
    *progress = (struct progress){.cli = cli, .last = progress_clock()};
    progress->live = !cli->quiet && !cli->json && able && cli->terminal && isatty(STDERR_FILENO) != 0;
}

bool progress_due(struct progress *progress)
{
    if (!progress->live || progress_clock() - progress->last < INTERVAL) {
        return false;
    }
    progress->last = progress_clock();
    return true;
}

void progress_draw(struct progress *progress, const char *label, double share, const char *detail)
{
    const struct cli *cli = progress->cli;
    int room = cli->width - 1 - table_text_width(label) - table_text_width(detail) - 4;
    int columns = room > 30 ? 30 : room;
    share = share > 0.0 ? share < 1.0 ? share : 1.0 : 0.0;
    fprintf(stderr, "\r %s ", label);
    int filled = (int)(share * columns + 0.5);
    fputs(cli->color != COLOR_NONE ? "\033[34m" : "", stderr);
    for (int i = 0; i < columns; i++) {
        if (i == filled) {
            fputs(style_off(cli), stderr);
            fputs(style_faint(cli), stderr);
        }
        fputs(cli->unicode ? i < filled ? "━" : "─" : i < filled ? "=" : "-", stderr);
    }
    fprintf(stderr, "%s %s\033[K", style_off(cli), room >= 0 ? detail : "");
    fflush(stderr);
    progress->drawn = true;
}

void progress_clear(struct progress *progress)
{
    if (progress->drawn) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress->drawn = false;
    }
}
