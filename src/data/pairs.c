/* SPDX-License-Identifier: MIT */
/* Pictures and their target pictures, in two folders with files of equal names: small and large, noisy and clean. */
#include "data/partners.h"

/* "A" and "B" are left out: folders of these names are more often classes. */
static const char *const firsts[] = {"input",  "inputs",   "lr",   "low",  "noisy",
                                     "source", "degraded", "blur", "grey", "gray", NULL};
static const char *const seconds[] = {"target", "targets", "hr",    "high",  "clean",
                                      "output", "outputs", "sharp", "color", "colour", NULL};
static const char *const no_suffixes[] = {NULL};
static const struct partner_words words = {firsts, seconds, no_suffixes, "picture", "target", true};

static bool suits(const struct store *store, const char *index)
{
    return index == NULL && partners_suit(store, &words);
}

static int scan(struct list *list, struct error *error)
{
    list->target = FOV_TARGET_PICTURE;
    return partners_scan(list, &words, error);
}

const struct data_source data_source_pairs = {.name = "pairs",
                                              .turn = 70,
                                              .suits = suits,
                                              .scan = scan,
                                              .sample = list_sample,
                                              .target = list_target,
                                              .place = list_place,
                                              .close = list_close};
