/* SPDX-License-Identifier: MIT */
/* Words of other tools (Ultralytics, timm, PyTorch's scripts, Darknet) on the command line of fovea: they are understood,
 * and the word that fovea has for it is said. One table in foreign.c; nothing else knows of them. */
#ifndef CLI_FOREIGN_H
#define CLI_FOREIGN_H

#include "cli.h"

/** A command line with fovea's words in place of theirs. */
struct foreign {
    char **words; /**< [count], behind the verb */
    int count;
    char **made;  /**< words that were written for it, ended by NULL */
    char note[512]; /**< "imgsz is --input here, lr0 is --lr"; "" where nothing was rewritten */
};

/** The verb that another tool's verb means, "eval" for "val"; NULL: none. */
const char *foreign_verb(const char *word);
/** One sentence for forms that fovea does not have: "detector train", "train detect". NULL: it is none of them. */
const char *foreign_form(const char *first, const char *second);

/** Rewrites words[count] behind the verb. 0, or EXIT_USAGE with one sentence in problem. Free it either way. */
int foreign_rewrite(const struct verb *verb, int count, char **words, struct foreign *foreign, char *problem,
                    size_t size);
void foreign_free(struct foreign *foreign);

#endif
