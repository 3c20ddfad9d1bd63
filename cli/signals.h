/* SPDX-License-Identifier: MIT */
/* Ctrl-C and its relatives: the first asks to stop at the next good place, the second ends at once. */
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include <stdbool.h>

/** From here on SIGINT, SIGTERM and SIGHUP only ask. Signals that were ignored when we started (nohup) stay so. */
void signals_watch(void);
/** Has one come? */
bool signals_stop(void);

#endif
