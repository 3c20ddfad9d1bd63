/* SPDX-License-Identifier: MIT */
/* The list of transforms, from their descriptors. */
#include "data_transforms.h"
#include "json.h"
#include "output.h"
#include "table.h"
#include <string.h>

enum { SPELLING = 160 };

static json_t *transform_to_json(const fov_transform_info *info)
{
    json_t *object = json_object(), *list = json_array();
    json_set_text(object, "name", info->name);
    json_set_text(object, "torchvision", info->torchvision);
    json_set_text(object, "summary", info->summary);
    json_set_text(object, "kind", info->geometry ? "geometry" : info->mixes ? "mix" : "colour");
    for (int i = 0; i < info->option_count; i++) {
        json_t *one = json_object();
        json_set_text(one, "name", info->option[i].name);
        json_set_text(one, "doc", info->option[i].doc);
        if (info->option[i].word != NULL) {
            json_set_text(one, "default", info->option[i].word);
        } else {
            json_set_number(one, "default", info->option[i].standard);
            json_set_number(one, "minimum", info->option[i].minimum);
            json_set_number(one, "maximum", info->option[i].maximum);
        }
        json_add(list, one);
    }
    json_set(object, "options", list);
    return object;
}

/* The transform with its default options as it can be typed: "crop:padding=4:border=zero". */
static void spell(char out[SPELLING], const fov_transform_info *info)
{
    size_t length = append_text(out, SPELLING, 0, "%s", info->name);
    for (int i = 0; i < info->option_count; i++) {
        const char *word = info->option[i].word;
        char number[NUMBER_SIZE];
        snprintf(number, sizeof number, "%.4g", info->option[i].standard);
        length = append_text(out, SPELLING, length, ":%s=%s", info->option[i].name, word != NULL ? word : number);
    }
}

static json_t *presets_to_json(void)
{
    json_t *object = json_object();
    const char *name;
    for (int i = 0; fov_transform_preset(i, &name) != NULL; i++) {
        json_set_text(object, name, fov_transform_preset(i, &name));
    }
    return object;
}

int data_transforms(struct cli *cli)
{
    if (cli->json) {
        json_t *object = json_object(), *list = json_array();
        for (int i = 0; i < fov_transform_count(); i++) {
            fov_transform_info info = fov_transform_at(i);
            json_add(list, transform_to_json(&info));
        }
        json_set(object, "transforms", list);
        json_set(object, "presets", presets_to_json());
        json_print(cli, object);
        return EXIT_OK;
    }
    struct table *table = table_create("llL");
    table_drops(table, "b");
    const char *name;
    table_row(table, (const char *const[]){"--augment, with its defaults", "torchvision", "what it does"});
    table_rule(table);
    for (int i = 0; i < fov_transform_count(); i++) {
        fov_transform_info info = fov_transform_at(i);
        char spelling[SPELLING];
        spell(spelling, &info);
        table_row(table, (const char *const[]){spelling, info.torchvision, info.summary});
    }
    table_print(table, cli);
    table_free(table);
    fputc('\n', cli->out);
    table = table_create("lL");
    table_row(table, (const char *const[]){"preset", "stands for"});
    table_rule(table);
    for (int i = 0; fov_transform_preset(i, &name) != NULL; i++) {
        const char *text = fov_transform_preset(i, &name);
        table_row(table, (const char *const[]){name, *text != '\0' ? text : "nothing"});
    }
    table_print(table, cli);
    table_free(table);
    return EXIT_OK;
}
