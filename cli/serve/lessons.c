/* SPDX-License-Identifier: MIT */
/* The course of `fovea learn`, for reading on the page: titles, texts and drawings from the lessons' own tables. The
 * learner's code stays in the learner's files, and only the command checks it: the server never runs it. */
#include "cli/options.h"
#include "cli/output.h"
#include "cli/serve/routes.h"
#include "learn/progress.h"
#include "learn/lesson.h"
#include <stdlib.h>
#include <string.h>

static const char *state_of(const struct progress_file *progress, int number)
{
    if (progress == NULL || number >= PROGRESS_LESSONS) {
        return "open";
    }
    return progress->lesson[number].passed ? "passed" : progress->lesson[number].started ? "started" : "open";
}

/* The language that "?lang=zh" names, else English. */
static enum language language_of(const struct job *job)
{
    char word[8];
    return guard_query(job->query, "lang", word, sizeof word) && strcmp(word, "zh") == 0 ? CHINESE : ENGLISH;
}

void lessons_now(struct server *server, struct job *job)
{
    enum language language = language_of(job);
    (void)server;
    json_t *object = json_object(), *list = json_array();
    struct progress_file *progress = progress_read();
    const struct lesson *lesson;
    for (size_t i = 0; (lesson = lesson_at(i)) != NULL; i++) {
        json_t *one = json_object();
        json_set_integer(one, "number", lesson->number);
        json_set_text(one, "name", lesson->name);
        json_set_text(one, "title", words_in(lesson->title, language));
        json_set_text(one, "text", words_in(lesson->text, language));
        json_set_text(one, "task", words_in(lesson->brief, language));
        json_set_text(one, "state", state_of(progress, lesson->number));
        json_set_flag(one, "picture", lesson->picture != NULL);
        json_add(list, one);
    }
    free(progress);
    json_set(object, "lessons", list);
    job_reply(job, object, 9);
}

void lesson_picture_now(struct server *server, struct job *job)
{
    uint64_t number;
    bool is_number = options_natural(job->rest, &number) && number <= PROGRESS_LESSONS;
    const struct lesson *lesson = is_number ? lesson_find((int)number) : NULL;
    char *text = NULL;
    size_t size = 0;
    (void)server;
    if (lesson == NULL || lesson->picture == NULL) {
        job_fail(job, 404, "no lesson of that number has a drawing; GET /api/lessons lists them");
        return;
    }
    struct picture picture = {.out = open_memstream(&text, &size), .language = language_of(job)};
    if (picture.out != NULL) {
        lesson->picture(&picture);
        fputs("</svg>\n", picture.out);
    }
    if (picture.out == NULL || fclose(picture.out) != 0) {
        free(text);
        job_fail(job, 503, "out of memory");
        return;
    }
    job->reply = (struct reply){.code = 200, .type = "image/svg+xml", .body = text, .size = size};
}
