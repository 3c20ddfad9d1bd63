/* SPDX-License-Identifier: MIT */
/* One flag, set by the first signal; the handler puts the system's own behaviour back, so that the second one kills. */
#include "signals.h"
#include <signal.h>
#include <stddef.h>
#include <string.h>

static volatile sig_atomic_t stop_wanted; /* the one thing a handler may write; a process has one set of signals */

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
        new.sa_flags = SA_RESTART | (int)SA_RESETHAND; /* reads and writes go on; the next signal is final */
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
