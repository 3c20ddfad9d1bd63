/* SPDX-License-Identifier: MIT */
/* Words of other tools (Ultralytics, timm, PyTorch's scripts, Darknet) on the command line of fovea: they are understood,
 * and the word that fovea has for it is said. One table of words in foreign.c, the forms of whole lines in
 * foreign_form.c; nothing else knows of them. */
#ifndef CLI_FOREIGN_H
#define CLI_FOREIGN_H

#include "cli.h"

/** A command line with fovea's words in place of theirs. */
struct foreign {
    char **words; /**< [count], behind the verb */
    int count;
    char **made;  /**< words that were written for it, ended by NULL */
    char note[512]; /**< "imgsz is --input here, lr0 is --lr"; "" where nothing was rewritten */
    bool is_shown;  /**< set before: the line is to be shown, not run, so that what has no form here is left out */
    char left_out[1024]; /**< of a line that is shown: "device=0 (fovea computes on the CPU), plots" */
};

/** The verb that another tool's verb means, "eval" for "val"; NULL: none. */
const char *foreign_verb(const char *word);

/** A whole line in another tool's form ("detect train data=x.yaml imgsz=320", "detector train a.data b.cfg",
 *  "mode=val task=detect"): one sentence with the same line as it is typed here, to be pasted. `program`: how fovea was
 *  called. False: the line has no such form. In foreign_form.c. */
bool foreign_form(const char *program, int count, char **words, char *sentence, size_t size);

/** Rewrites words[count] behind the verb. `foreign` is zeroed, or has is_shown set. 0, or EXIT_USAGE with one sentence in
 *  problem. Free it either way. */
int foreign_rewrite(const struct verb *verb, int count, char **words, struct foreign *foreign, char *problem,
                    size_t size);
void foreign_free(struct foreign *foreign);

#endif
