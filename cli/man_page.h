/* SPDX-License-Identifier: MIT */
/* Pages for man(1), from the tables of verbs and options. */
#ifndef CLI_MAN_PAGE_H
#define CLI_MAN_PAGE_H

#include "cli.h"

/** Prints fovea(1), or fovea-VERB(1). 0 or an exit code after a sentence. */
int man_page(struct cli *cli, const char *verb);

#endif
