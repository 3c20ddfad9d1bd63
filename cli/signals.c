/* SPDX-License-Identifier: MIT */
/* A flag, set by the first signal. The handler is reset by that signal, so that the second one kills the process. */
#include "signals.h"
#include <signal.h>
#include <stddef.h>
#include <string.h>

static volatile sig_atomic_t stop_wanted; /* global, since signals belong to the process */

static void ask(int number)
{
    (void)number;
    stop_wanted = 1;
}

void signals_watch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction old, new;
        memset(&new, 0, sizeof new);
        new.sa_handler = ask;
        new.sa_flags = SA_RESTART | (int)SA_RESETHAND; /* restart reads and writes; the next signal kills */
        sigemptyset(&new.sa_mask);
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            sigaction(numbers[i], &new, NULL);
        }
    }
}

bool signals_stop(void)
{
    return stop_wanted != 0;
}
