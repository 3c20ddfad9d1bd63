/* SPDX-License-Identifier: MIT */
/* Texts of the course in its languages: of lessons (lesson.h), of their drawings (picture.h), of verdicts (check.h). */
#ifndef LEARN_WORDS_H
#define LEARN_WORDS_H

enum language { ENGLISH, CHINESE };

/** A text in the languages of the course. */
struct words {
    const char *en, *zh;
};
const char *words_in(struct words words, enum language language);

#endif
