/* SPDX-License-Identifier: MIT */
/* Words of other tools (Ultralytics, timm, PyTorch's scripts, Darknet) on fovea's command line: they are translated,
 * and a note says which option fovea has for them. The table of words is in foreign.c, the forms of whole lines in
 * foreign_form.c; no other file deals with them. */
#ifndef CLI_FOREIGN_H
#define CLI_FOREIGN_H

#include "cli.h"

/** A command line translated to fovea's words. */
struct foreign {
    char **words; /**< [count], the words after the verb */
    int count;
    char **made;  /**< the words among them that were allocated, ended by NULL */
    char note[512]; /**< "imgsz is --input here, lr0 is --lr"; "" where nothing was rewritten */
    bool is_shown;  /**< set by the caller: the line is only shown, so that untranslatable words go to .left_out */
    char left_out[1024]; /**< of a line that is shown: "device=0 (fovea computes on the CPU), plots" */
};

/** fovea's verb for another tool's, "eval" for "val"; NULL: none. */
const char *foreign_verb(const char *word);

/** A whole line in another tool's form ("detect train data=x.yaml imgsz=320", "detector train a.data b.cfg",
 *  "mode=val task=detect"): writes a sentence with the equivalent fovea command, to be pasted. `program`: the name by
 *  which fovea was called. False: the line has no such form. In foreign_form.c. */
bool foreign_form(const char *program, int count, char **words, char *sentence, size_t size);

/** Translates words[count], the words after the verb. `foreign` is zeroed, or has is_shown set. 0, or EXIT_USAGE with
 *  one sentence in problem. Free `foreign` in either case. */
int foreign_rewrite(const struct verb *verb, int count, char **words, struct foreign *foreign, char *problem,
                    size_t size);
void foreign_free(struct foreign *foreign);

#endif
