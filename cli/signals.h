/* SPDX-License-Identifier: MIT */
/* Ctrl-C and similar signals: the first asks to stop at the next suitable point, the second kills the process. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

/** From now on the first SIGINT, SIGTERM or SIGHUP only sets a flag. Signals that were ignored at the start (nohup)
 *  stay ignored. */
void signals_watch(void);
/** Whether such a signal has arrived. */
bool signals_stop(void);

#endif
