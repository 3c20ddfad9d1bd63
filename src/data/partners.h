/* SPDX-License-Identifier: MIT */
/* Samples of two pictures that are matched by name: a photograph and its mask, a small picture and its large one. The
 * two kinds may lie in two folders ("images" and "masks"), which may be inside folders for splits or contain folders
 * for splits; or side by side in one folder, the second with a suffix ("7.jpg", "7_mask.png"). Next: partners.c, then
 * masks.c and pairs.c, which say what the folders are called. */
#ifndef DATA_PARTNERS_H
#define DATA_PARTNERS_H

#include "data/list.h"

/** Names in small letters; lists ended by NULL. */
struct partner_words {
    const char *const *first, *const *second; /**< names of the two folders */
    const char *const *suffixes;              /**< suffixes of a second picture's stem: "_mask" */
    const char *what_first, *what_second;     /**< words for messages: "picture", "mask" */
    bool needs_most; /**< the words alone prove little: partners_suit also wants most pictures to have a partner, and no
                          other folders beside the two */
};

/** Whether a store is laid out in one of these ways. */
bool partners_suit(const struct store *store, const struct partner_words *words);
/** Adds all pairs to the list; pictures without a partner become findings. */
int partners_scan(struct list *list, const struct partner_words *words, struct error *error);

#endif
