/* SPDX-License-Identifier: MIT */
/* Finds lessons, and writes the learner's file with its comment. */
#include "learn/lesson.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *words_in(struct words words, enum language language)
{
    return language == CHINESE && words.zh != NULL ? words.zh : words.en;
}

const struct lesson *lesson_find(int number)
{
    for (size_t i = 0; i < lesson_table_count; i++) {
        if (lesson_table[i]->number == number) {
            return lesson_table[i];
        }
    }
    return NULL;
}

const struct lesson *lesson_at(size_t index)
{
    const struct lesson *best = NULL;
    for (size_t i = 0; i < lesson_table_count; i++) {
        size_t before = 0;
        for (size_t j = 0; j < lesson_table_count; j++) {
            before += lesson_table[j]->number < lesson_table[i]->number;
        }
        best = before == index ? lesson_table[i] : best;
    }
    return best;
}

const char *lesson_file(const struct lesson *lesson, char *out, size_t size)
{
    snprintf(out, size, "%02d-%s.%s", lesson->number, lesson->name, lesson->call != NULL ? "c" : "txt");
    return out;
}

/* Writes a text as a comment: "# " before each line, or a C block comment. */
static void write_comment(FILE *out, const char *text, bool c)
{
    fputs(c ? "/* " : "# ", out);
    for (const char *at = text; *at != '\0'; at++) {
        fputc(*at, out);
        if (*at == '\n') {
            fputs(c ? " *" : "#", out);
            fputs(at[1] != '\n' ? " " : "", out);
        }
    }
    fputs(c ? " */\n" : "\n\n", out);
}

char *lesson_source(const struct lesson *lesson, const char *code, enum language language)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        return NULL;
    }
    write_comment(out, words_in(lesson->brief, language), lesson->call != NULL);
    fputs(code, out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static int parts_of_names(const char *const *names, struct part *parts)
{
    int count = 0;
    for (; names[count] != NULL && count < LESSON_PARTS; count++) {
        parts[count] = (struct part){names[count], 1, 1};
    }
    return count;
}

int lesson_given(const struct lesson *lesson, const double *in, struct part parts[LESSON_PARTS])
{
    return lesson->given != NULL ? lesson->given(in, parts) : parts_of_names(lesson->inputs, parts);
}

int lesson_parts(const struct lesson *lesson, const double *in, struct part parts[LESSON_PARTS])
{
    return lesson->parts != NULL ? lesson->parts(in, parts) : parts_of_names(lesson->outputs, parts);
}

int parts_numbers(const struct part *parts, int count)
{
    int numbers = 0;
    for (int i = 0; i < count; i++) {
        numbers += parts[i].rows * parts[i].columns;
    }
    return numbers;
}
