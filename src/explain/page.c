/* SPDX-License-Identifier: MIT */
/* An explanation as one HTML page: answers, what the network saw, the maps of every method side by side, feature maps
 * and filters as sheets, one number taken apart, nearest samples. report/page.h has the parts that all pages share. */
#include "base/arithmetic.h"
#include "base/file.h"
#include "explain/explain.h"
#include "explain/sheet.h"
#include "image/resize.h"
#include "report/page.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    SHOWN_ANSWERS = 5,
    SHOWN_BOXES = 20,
    SHOWN_LAYERS = 8,
    SHOWN_CHANNELS = 4,
    NEAREST = 8,
    MAP_WIDTH = 224,
    MOST_PIXELS = 1024, /* of the longer side of what the page holds of the input, which may be larger */
    ASKED_SAMPLES = 2000
};

struct page {
    fov_explainer *e;
    struct text html;
    const fov_explain_page_options *options;
    struct error *error;
};

/* A build without PNG leaves out the pictures and keeps the text. */
static int forgive(struct page *page, int status)
{
    if (status == FOV_E_UNSUPPORTED) {
        error_clear(page->error);
        return FOV_OK;
    }
    return status;
}

static int add_picture(struct page *page, const fov_image *image, int shown, const char *description)
{
    return forgive(page, page_picture(&page->html, image->pixels, image->height, image->width, image->channels, shown,
                                      description, page->error));
}

/* Adds a picture of the input's size, reduced where that is large: it is shown small. */
static int add_input(struct page *page, const fov_image *image, const char *description)
{
    struct memory *memory = page->e->model->context->memory;
    int longer = image->height > image->width ? image->height : image->width;
    if (longer <= MOST_PIXELS) {
        return add_picture(page, image, MAP_WIDTH, description);
    }
    double scale = (double)MOST_PIXELS / longer;
    fov_image small = {.channels = image->channels};
    small.height = (int)fmax(1.0, round(image->height * scale));
    small.width = (int)fmax(1.0, round(image->width * scale));
    struct resize_scratch scratch = {.memory = memory};
    small.pixels = memory_allocate_raw(memory, (size_t)small.height * (size_t)small.width, (size_t)small.channels,
                                       "a picture", page->error);
    int status = small.pixels != NULL
                     ? image_resize(image->pixels, image->height, image->width, image->channels, small.pixels,
                                    small.height, small.width, &scratch, page->error)
                     : FOV_E_MEMORY;
    status = status == FOV_OK ? add_picture(page, &small, MAP_WIDTH, description) : status;
    resize_free(&scratch);
    memory_free(memory, small.pixels);
    return status;
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

/* A score as a probability. */
static double share_of(const fov_explainer *e, int i)
{
    double most = -HUGE_VAL, total = 0.0, own = (double)e->logits[i];
    if (e->scores.is_probable) {
        return own;
    }
    if (e->scores.independent || e->score_count == 1) {
        return 1.0 / (1.0 + exp(-own));
    }
    for (size_t k = 0; k < e->score_count; k++) {
        most = fmax(most, (double)e->logits[k]);
    }
    for (size_t k = 0; k < e->score_count; k++) {
        total += exp((double)e->logits[k] - most);
    }
    return exp(own - most) / total;
}

static void add_answers(struct page *page)
{
    const fov_explainer *e = page->e;
    bool values = e->scores.meaning == FOV_MEANING_VALUES;
    struct text *html = &page->html;
    int shown[SHOWN_ANSWERS], count = 0;
    for (; count < SHOWN_ANSWERS && (size_t)count < e->score_count; count++) {
        int best = -1;
        for (size_t i = 0; i < e->score_count; i++) {
            bool taken = false;
            for (int k = 0; k < count; k++) {
                taken = taken || shown[k] == (int)i;
            }
            best = !taken && (best < 0 || e->logits[i] > e->logits[best]) ? (int)i : best;
        }
        shown[count] = best;
    }
    page_section(html, "Answers", "The highest scores; what is explained below is the one in bold.");
    text_add(html, "<div class=\"wide\"><table><tr><th scope=\"col\">answer</th><th scope=\"col\">score</th>%s</tr>",
             values ? "" : "<th scope=\"col\">probability</th>");
    for (int i = 0; i < count; i++) {
        bool chosen = shown[i] == e->answer || e->score_count == 1;
        text_add(html, "<tr><td>%s", chosen ? "<b>" : "");
        page_text(html, fov_model_class(e->model, e->score_count == 1 ? e->answer : shown[i]));
        text_add(html, "%s</td><td>%.4g</td>", chosen ? "</b>" : "", (double)e->logits[shown[i]]);
        if (!values) {
            text_add(html, "<td>%.2f %%</td>", 100.0 * share_of(e, shown[i]));
        }
        text_add(html, "</tr>");
    }
    text_add(html, "</table></div>");
    page_section_end(html);
}

static void add_boxes(struct page *page)
{
    const fov_explainer *e = page->e;
    struct text *html = &page->html;
    char text[200];
    snprintf(text, sizeof text, "Boxes that were found, best first%s; what is explained below is the one in bold.",
             e->box_count > SHOWN_BOXES ? ", the first of them" : "");
    page_section(html, "Answers", text);
    text_add(html, "<div class=\"wide\"><table><tr><th scope=\"col\">box</th><th scope=\"col\">answer</th>"
                   "<th scope=\"col\">score</th><th scope=\"col\">columns</th><th scope=\"col\">rows</th></tr>");
    for (int i = 0; i < e->box_count; i++) {
        const fov_answer_box *box = &e->boxes[i];
        bool chosen = i == e->box;
        if (i >= SHOWN_BOXES && !chosen) {
            continue;
        }
        text_add(html, "<tr><td>%d</td><td>%s", i, chosen ? "<b>" : "");
        page_text(html, box->name);
        text_add(html, "%s</td><td>%.1f %%</td><td>%.0f to %.0f</td><td>%.0f to %.0f</td></tr>",
                 chosen ? "</b>" : "", 100.0 * box->score, box->x1, box->x2, box->y1, box->y2);
    }
    text_add(html, "</table></div>");
    page_section_end(html);
}

static void add_region(struct page *page)
{
    const fov_explainer *e = page->e;
    size_t count = 0, places = (size_t)e->region_height * (size_t)e->region_width;
    char text[200];
    for (size_t i = 0; i < places; i++) {
        count += e->region[i];
    }
    snprintf(text, sizeof text, "%zu of the %d x %d places that the network answers, %.1f %%; %s", count,
             e->region_width, e->region_height, 100.0 * (double)count / (double)places,
             count > 0 ? "what is explained is the class's mean score over them."
                       : "what is explained is the class's mean score over all.");
    page_section(&page->html, "The region", text);
    page_section_end(&page->html);
}

/* ---- maps -------------------------------------------------------------------------------------------------------- */

static void add_figures_of(struct page *page, const fov_explanation *map)
{
    struct text *html = &page->html;
    size_t count = (size_t)map->channels * (size_t)map->height * (size_t)map->width;
    double sum = 0.0;
    for (size_t i = 0; i < count; i++) {
        sum += (double)map->values[i];
    }
    if (map->steps > 0) {
        text_add(html, "<br>%d steps; the parts add up to %.4g, the score gained %.4g", map->steps, sum,
                 map->score - map->baseline);
    }
    if (map->window > 0) {
        text_add(html, "<br>squares of %d pixels, %d apart", map->window, map->stride);
    }
}

static int add_map(struct page *page, const fov_explain_method *method)
{
    struct text *html = &page->html;
    fov_explanation map;
    fov_image drawn = {.height = 0};
    int status = fov_explain(page->e, method->name, &page->options->how, &map);
    text_add(html, "<li>");
    if (status == FOV_E_UNSUPPORTED) { /* a network without feature maps: the reason takes the place of the map */
        text_add(html, "<b>%s</b><br>", method->title);
        page_text(html, page->error->text);
        error_clear(page->error);
        text_add(html, "</li>");
        return FOV_OK;
    }
    status = status == FOV_OK ? fov_explanation_draw(page->e, &map, 0.8F, &drawn) : status;
    if (status == FOV_OK) {
        sheet_outline(page->e, &drawn);
    }
    status = status == FOV_OK ? add_input(page, &drawn, method->title) : status;
    if (status == FOV_OK) {
        text_add(html, "<b>%s</b><br>%s", method->title, method->summary);
        add_figures_of(page, &map);
        text_add(html, "<br>%s</li>", method->source);
    }
    fov_image_free(&drawn);
    fov_explanation_free(&map);
    return status;
}

static int add_maps(struct page *page)
{
    struct text *html = &page->html;
    page_section(
        html, "What mattered",
        "Warm colours speak for the answer, cold ones against it; each map is scaled by its own largest numbers.");
    const fov_explainer *e = page->e;
    fov_image answer = {.height = 0};
    bool marked = e->rows.id != 0 || e->region_width > 0;
    text_add(html, "<ul class=\"samples maps\"><li>");
    int status = add_input(page, &e->seen, "the picture as the network saw it");
    text_add(html, "<b>The picture as the network saw it</b><br>%d x %d pixels, %d channel%s</li>", e->picture.width,
             e->picture.height, e->picture.channels, e->picture.channels == 1 ? "" : "s");
    if (status == FOV_OK && marked) {
        text_add(html, "<li>");
        status = sheet_of_answer(e, &answer);
        status = status == FOV_OK ? add_input(page, &answer, "what is explained") : status;
        text_add(html, "<b>What is explained</b><br>%s</li>",
                 e->rows.id != 0 ? "the box with the thick frame; the maps have it in white"
                                 : "the region in colour; the maps have its outline in white");
        fov_image_free(&answer);
    }
    for (int i = 0; i < fov_explain_method_count() && status == FOV_OK; i++) {
        fov_explain_method method = fov_explain_method_at(i);
        status = add_map(page, &method);
    }
    text_add(html, "</ul>");
    page_section_end(html);
    return status;
}

/* ---- layers ------------------------------------------------------------------------------------------------------ */

static int add_layer(struct page *page, const char *name)
{
    struct text *html = &page->html;
    fov_activation maps;
    fov_image sheet = {.height = 0};
    int status = fov_explain_layer(page->e, name, &maps);
    status = status == FOV_OK ? sheet_of_maps(page->e, &maps, &sheet) : status;
    if (status == FOV_OK) {
        char description[160];
        snprintf(description, sizeof description, "feature maps of %.100s", name);
        text_add(html, "<h3>");
        page_text(html, name);
        text_add(html, " <span>(%s, %d maps of %d x %d)</span></h3>", maps.type, maps.channels, maps.height,
                 maps.width);
        status = add_picture(page, &sheet, sheet.width, description);
    }
    fov_image_free(&sheet);
    fov_activation_free(&maps);
    return status;
}

/* Layers with feature maps, evenly from the first to the last. */
static int add_layers(struct page *page)
{
    fov_summary summary;
    int status = fov_model_summary(page->e->model, NULL, &summary), count = 0, shown = 0;
    if (status != FOV_OK) {
        return status;
    }
    for (int i = 0; i < summary.layer_count; i++) {
        const fov_layer *layer = &summary.layers[i];
        count += layer->shape.rank == 4 && layer->shape.dim[2] * layer->shape.dim[3] > 1;
    }
    if (count == 0) {
        return FOV_OK;
    }
    page_section(&page->html, "Layer by layer",
                 "Feature maps for this picture, each scaled by itself from black to white.");
    int wanted = count < SHOWN_LAYERS ? count : SHOWN_LAYERS;
    for (int i = 0, seen = 0; i < summary.layer_count && status == FOV_OK && shown < wanted; i++) {
        const fov_layer *layer = &summary.layers[i];
        if (layer->shape.rank == 4 && layer->shape.dim[2] * layer->shape.dim[3] > 1) {
            if (wanted == 1 || seen == shown * (count - 1) / (wanted - 1)) {
                status = add_layer(page, layer->name);
                shown++;
            }
            seen++;
        }
    }
    page_section_end(&page->html);
    return status;
}

/* ---- one number -------------------------------------------------------------------------------------------------- */

static const char *first_convolution(const fov_explainer *e)
{
    const fov_graph *graph = e->model->graph;
    for (size_t n = 0; n < graph->node_count; n++) {
        if (strcmp(graph->nodes[n].op->name, "conv") == 0 &&
            graph_value(graph, graph->nodes[n].out[0])->shape.rank == 4) {
            return graph->nodes[n].name;
        }
    }
    return NULL;
}

/* How many decimals show three significant digits of the largest number; all numbers get as many, so that columns
 * align. */
static int decimals_of(const float *values, int count)
{
    enum { DIGITS = 3, MOST = 9 };
    double largest = 0.0;
    for (int i = 0; i < count; i++) {
        largest = fmax(largest, fabs((double)values[i]));
    }
    double decimals = largest > 0.0 ? DIGITS - 1 - floor(log10(largest)) : 0.0;
    return decimals < 0.0 ? 0 : decimals > MOST ? MOST : (int)decimals;
}

static void add_matrix(struct text *html, const float *values, int rows, int columns)
{
    int decimals = decimals_of(values, rows * columns);
    text_add(html, "<div class=\"wide\"><table class=\"cells numbers\">");
    for (int y = 0; y < rows; y++) {
        text_add(html, "<tr>");
        for (int x = 0; x < columns; x++) {
            text_add(html, "<td>%.*f</td>", decimals, (double)values[y * columns + x]);
        }
        text_add(html, "</tr>");
    }
    text_add(html, "</table></div>");
}

static void add_channels(struct text *html, const fov_pixel_sum *sum)
{
    size_t area = (size_t)sum->height * (size_t)sum->width;
    double rest = 0.0;
    int shown = sum->channels < SHOWN_CHANNELS ? sum->channels : SHOWN_CHANNELS;
    text_add(html, "<ul class=\"samples sums\">");
    for (int c = 0; c < sum->channels; c++) {
        const float *patch = sum->patch + (size_t)c * area, *kernel = sum->kernel + (size_t)c * area;
        double part = 0.0;
        for (size_t i = 0; i < area; i++) {
            part += (double)patch[i] * (double)kernel[i];
        }
        if (c >= shown) {
            rest += part;
            continue;
        }
        text_add(html, "<li><b>Channel %d</b>: pixels, times kernel<div class=\"pair\">", sum->first_channel + c);
        add_matrix(html, patch, sum->height, sum->width);
        text_add(html, "<div class=\"times\"><span>&times;</span>");
        add_matrix(html, kernel, sum->height, sum->width);
        text_add(html, "</div></div>adds %.6g</li>", part);
    }
    text_add(html, "</ul>");
    if (sum->channels > shown) {
        text_add(html, "<p>%d further channels add %.6g.</p>", sum->channels - shown, rest);
    }
}

/* The strongest place of a layer, where none was asked for. */
static int choose_place(struct page *page, const char *layer, int place[3])
{
    fov_activation maps;
    memcpy(place, page->options->place, 3 * sizeof *place);
    if (place[0] != 0 || place[1] != 0 || place[2] != 0) {
        return FOV_OK;
    }
    int status = fov_explain_layer(page->e, layer, &maps);
    if (status == FOV_OK) {
        size_t count = (size_t)maps.channels * (size_t)maps.height * (size_t)maps.width, best = 0;
        for (size_t i = 1; i < count; i++) {
            best = maps.values[i] > maps.values[best] ? i : best;
        }
        place[2] = (int)(best % (size_t)maps.width);
        place[1] = (int)(best / (size_t)maps.width % (size_t)maps.height);
        place[0] = (int)(best / (size_t)maps.width / (size_t)maps.height);
    }
    fov_activation_free(&maps);
    return status;
}

static int add_sum(struct page *page)
{
    struct text *html = &page->html;
    const char *layer = page->options->layer != NULL ? page->options->layer : first_convolution(page->e);
    int place[3];
    fov_pixel_sum sum = {.layer = NULL};
    fov_image field = {.height = 0};
    if (layer == NULL) {
        return FOV_OK;
    }
    int status = choose_place(page, layer, place);
    status = status == FOV_OK ? fov_explain_sum(page->e, layer, place[0], place[1], place[2], &sum) : status;
    status = status == FOV_OK ? sheet_of_field(page->e, sum.field, &field) : status;
    if (status == FOV_OK) {
        char text[320];
        snprintf(
            text, sizeof text,
            "Filter %d of %.100s at row %d, column %d: each pixel under the window times its weight, all added up, "
            "plus the bias.",
            sum.filter, layer, sum.row, sum.column);
        page_section(html, "The sum behind one number", text);
        add_channels(html, &sum);
        text_add(html, "<p>Sum with bias %.6g: <b>%.6g</b>; the engine gave <b>%.6g</b>.</p>", (double)sum.bias,
                 sum.sum, (double)sum.result);
        text_add(html, "<ul class=\"samples maps\"><li>");
        status = add_input(page, &field, "its receptive field");
        text_add(html,
                 "<b>Its receptive field</b><br>rows %d to %d, columns %d to %d of what the network saw</li></ul>",
                 sum.field[0], sum.field[0] + sum.field[2] - 1, sum.field[1], sum.field[1] + sum.field[3] - 1);
        page_section_end(html);
    }
    fov_image_free(&field);
    fov_pixel_sum_free(&sum);
    return status;
}

static int add_filters(struct page *page)
{
    const char *layer = first_convolution(page->e);
    fov_filters filters = {.filters = 0};
    fov_image sheet = {.height = 0};
    if (layer == NULL) {
        return FOV_OK;
    }
    int status = fov_explain_filters(page->e, layer, &filters);
    if (status == FOV_E_UNSUPPORTED) { /* weights that are computed are not shown */
        return forgive(page, status);
    }
    status = status == FOV_OK ? sheet_of_filters(page->e, &filters, &sheet) : status;
    if (status == FOV_OK) {
        char text[200];
        snprintf(text, sizeof text, "%d filters of %.100s, %d x %d pixels, grey is 0.", filters.filters, layer,
                 filters.height, filters.width);
        page_section(&page->html, "Filters of the first convolution", text);
        status = add_picture(page, &sheet, sheet.width, "filters");
        page_section_end(&page->html);
    }
    fov_image_free(&sheet);
    fov_filters_free(&filters);
    return status;
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

static int add_nearest(struct page *page)
{
    struct text *html = &page->html;
    fov_dataset *data = page->options->data;
    int64_t index[NEAREST];
    double similarity[NEAREST];
    int found, status;
    if (data == NULL) {
        return FOV_OK;
    }
    status = fov_explain_nearest(page->e, data, ASKED_SAMPLES, NEAREST, index, similarity, &found);
    fov_dataset_info info = fov_dataset_describe(data);
    page_section(html, "Most alike", "Samples whose feature maps have the most similar means, of the first 2,000.");
    text_add(html, "<ul class=\"samples\">");
    for (int i = 0; i < found && status == FOV_OK; i++) {
        fov_sample sample;
        status = fov_dataset_read(data, index[i], &sample);
        if (status != FOV_OK) {
            break;
        }
        text_add(html, "<li>");
        status = forgive(page, page_picture(html, sample.pixels, sample.height, sample.width, sample.channels, 128,
                                            "a sample", page->error));
        text_add(html, "<b>");
        page_text(html, info.target == FOV_TARGET_CLASS ? fov_dataset_class(data, sample.label) : info.name);
        text_add(html, "</b><br>sample %lld, %.3f alike</li>", (long long)index[i], similarity[i]);
    }
    text_add(html, "</ul>");
    page_section_end(html);
    return status;
}

/* ---- the page ---------------------------------------------------------------------------------------------------- */

static int write_page(struct page *page)
{
    const fov_explainer *e = page->e;
    char title[256], subtitle[320];
    const char *name = fov_model_name(e->model);
    snprintf(title, sizeof title, "Why %.100s", fov_model_class(e->model, e->answer));
    snprintf(subtitle, sizeof subtitle, "%.100s; score %.4g%s%.100s", *name != '\0' ? name : "a model", e->score,
             e->layer.id != 0 ? "; feature maps of " : "", fov_explainer_layer(e));
    page_begin(&page->html, page->options->title != NULL ? page->options->title : title, subtitle);
    if (e->rows.id != 0) {
        add_boxes(page);
    } else if (e->region_width > 0) {
        add_region(page);
    } else {
        add_answers(page);
    }
    int status = add_maps(page);
    status = status == FOV_OK ? add_sum(page) : status;
    status = status == FOV_OK ? add_layers(page) : status;
    status = status == FOV_OK ? add_filters(page) : status;
    status = status == FOV_OK ? add_nearest(page) : status;
    page_end(&page->html);
    return status;
}

int fov_explain_page(fov_explainer *e, const char *path, const fov_explain_page_options *options)
{
    if (e == NULL || path == NULL) {
        return call_refuse(e != NULL ? e->model->context : NULL, "fov_explain_page: e or path is NULL");
    }
    static const fov_explain_page_options defaults = {.title = NULL};
    struct error *error = &e->model->context->error;
    struct call call = call_begin(e->model->context);
    struct page page = {.e = e,
                        .html = {.memory = e->model->context->memory},
                        .options = options != NULL ? options : &defaults,
                        .error = error};
    int status = (int)error->status;
    if (status == FOV_OK && !e->has_picture) {
        status = error_set(error, FOV_E_USAGE, "a page of an explanation needs a picture");
    }
    status = status == FOV_OK ? write_page(&page) : status;
    if (status == FOV_OK && page.html.failed) {
        status = error_set(error, FOV_E_MEMORY, "%s: no memory to write it", path);
    }
    status = status == FOV_OK ? file_write(path, text_string(&page.html), page.html.length, NULL, error) : status;
    text_free(&page.html);
    call_end(&call);
    return status;
}
