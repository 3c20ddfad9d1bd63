/* SPDX-License-Identifier: MIT */
/* Time: monotonic seconds for durations, wall seconds for records. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

double clock_seconds(void);      /**< monotonic, s */
double clock_wall_seconds(void); /**< since 1970, s */

#endif
