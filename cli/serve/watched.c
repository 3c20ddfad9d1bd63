/* SPDX-License-Identifier: MIT */
/* The training in this process: the training thread reports each step, the event loop reads once a second. It keeps the
 * mean loss of each second; in a long training, of longer times, so that a fixed number of points is enough. */
#include "cli/serve/serve.h"

void watched_begin(struct watched *watched)
{
    *watched = (struct watched){.name = ""};
    pthread_mutex_init(&watched->lock, NULL);
}

void watched_end(struct watched *watched)
{
    pthread_mutex_destroy(&watched->lock);
}

void watched_step(struct watched *watched, const fov_progress *at)
{
    pthread_mutex_lock(&watched->lock);
    watched->losses += at->loss;
    watched->count++;
    watched->at = *at;
    pthread_mutex_unlock(&watched->lock);
}

/* Replaces every two neighbouring points by one: half as many remain. */
static void merge(struct watched *watched)
{
    for (int i = 0; i < WATCHED_POINTS / 2; i++) {
        const struct watched_point *one = &watched->points[2 * i], *other = one + 1;
        watched->points[i] = (struct watched_point){other->epoch, (one->loss + other->loss) / 2};
    }
    watched->point_count = WATCHED_POINTS / 2;
}

bool watched_tick(struct watched *watched)
{
    pthread_mutex_lock(&watched->lock);
    bool moved = watched->count > 0;
    watched->shown = watched->at;
    double loss = moved ? watched->losses / watched->count : 0;
    watched->losses = 0;
    watched->count = 0;
    pthread_mutex_unlock(&watched->lock);
    if (moved) {
        const fov_progress *at = &watched->shown;
        if (watched->point_count == WATCHED_POINTS) {
            merge(watched);
        }
        watched->points[watched->point_count++] =
            (struct watched_point){at->epoch - 1 + (double)at->step / (double)at->steps, loss};
    }
    return moved;
}

json_t *watched_points(const struct watched *watched, bool all)
{
    const fov_progress *at = &watched->shown;
    json_t *object = json_object(), *points = json_array(), *where = json_object();
    for (int i = all || watched->point_count == 0 ? 0 : watched->point_count - 1; i < watched->point_count; i++) {
        json_t *point = json_array();
        json_add(point, json_from_number(watched->points[i].epoch));
        json_add(point, json_from_number(watched->points[i].loss));
        json_add(points, point);
    }
    json_set(object, "points", points);
    json_set_integer(where, "epoch", at->epoch);
    json_set_integer(where, "epochs", at->epochs);
    json_set_integer(where, "step", at->step);
    json_set_integer(where, "steps", at->steps);
    json_set_number(where, "share", at->share);
    json_set_number(where, "lr", at->learning_rate);
    json_set_number(where, "samples_per_second", at->samples_per_second);
    json_set(object, "at", where);
    return object;
}
