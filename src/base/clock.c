/* SPDX-License-Identifier: MIT */
/* Time from the system's two clocks. Durations use the monotonic one: the wall clock may jump when it is set. */
#include "base/clock.h"
#include <time.h>

static double clock_read(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) {
        return 0.0;
    }
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double clock_seconds(void)
{
    return clock_read(CLOCK_MONOTONIC);
}

double clock_wall_seconds(void)
{
    return clock_read(CLOCK_REALTIME);
}
