/* SPDX-License-Identifier: MIT */
/* fovea eval: evaluates a trained model on a dataset, or answers from a file. */
#include "eval_answers.h"
#include "options.h"
#include "output.h"
#include "report.h"
#include "preprocessing.h"
#include "source.h"
#include <string.h>

enum { CONFUSION_CLASSES = 20, TABLE_CLASSES = 200 };

static void print_report(struct cli *cli, const fov_report *report, const fov_model *model)
{
    report_print_line(cli, report);
    if (cli->quiet) {
        return;
    }
    if (report->classes > 0 && report->data_classes <= TABLE_CLASSES) {
        fputc('\n', cli->out);
        report_print_classes(cli, report, model);
    }
    if (report->classes > 0 && report->data_classes <= CONFUSION_CLASSES) {
        fputc('\n', cli->out);
        report_print_confusion(cli, report, model);
    }
}

static int evaluate(struct cli *cli, fov_model *model, fov_dataset *data)
{
    fov_report report = {.count = 0};
    fov_class_match match = {.relation = FOV_CLASSES_SAME};
    fov_evaluate_options how = {.task = option_text(cli, "task"),
                                .batch = (int)option_integer(cli, "batch"),
                                .classes_by_position = option_flag(cli, "classes-by-position"),
                                .views = option_text(cli, "tta"),
                                .metrics = cli->json};
    const char *task = how.task != NULL ? how.task : fov_model_task(model);
    bool is_classifier = fov_dataset_describe(data).target == FOV_TARGET_CLASS &&
                         (*task == '\0' || source_is_one_class(task));
    int code = is_classifier ? source_match_classes(cli, model, data, how.classes_by_position, &match) : EXIT_OK;
    fov_class_match_free(&match);
    if (code != EXIT_OK) {
        return code;
    }
    if (fov_evaluate_opt(model, data, &how, &report) != FOV_OK) {
        return fail_library(cli);
    }
    fov_dataset_info info = fov_dataset_describe(data);
    const char *file = cli->arguments[0], *split = option_text(cli, "split");
    if (cli->json) {
        json_t *object = json_object();
        json_set_text(object, "model", file);
        json_set_text(object, "data", info.name);
        json_set_text(object, "split", split);
        json_set_text(object, "part", info.part);
        report_to_json(object, &report, model);
        json_print(cli, object);
    } else {
        char clean[SHOWN_SIZE], name[SHOWN_SIZE], count[NUMBER_SIZE];
        if (!cli->quiet) {
            fprintf(cli->out, "%s on %s, %s sample%s %s\n", show_clean(clean, sizeof clean, file),
                    show_clean(name, sizeof name, info.name), show_count(count, info.count), info.count == 1 ? "" : "s",
                    source_part(data));
        }
        print_report(cli, &report, model);
    }
    fov_report_free(&report);
    return EXIT_OK;
}

static int run(struct cli *cli)
{
    if (option_given(cli, "answers") && cli->argument_count > 0) {
        return fail(cli, EXIT_USAGE, "either a model or --answers, not both: with --answers no model runs");
    }
    if (option_given(cli, "truth") && !option_given(cli, "answers")) {
        return fail(cli, EXIT_USAGE, "--truth is what --answers is compared with, which is not given");
    }
    if (option_given(cli, "answers")) {
        return eval_answers(cli);
    }
    if (cli->argument_count == 0) {
        return fail(cli, EXIT_USAGE, "usage: fovea eval FILE, or fovea eval --answers FILE; see fovea eval --help");
    }
    fov_model *model = source_model(cli, cli->arguments[0], NULL, option_text(cli, "model"));
    if (model == NULL) {
        return fail_library(cli);
    }
    int code = source_detector(cli, model);
    code = code != EXIT_OK ? code : source_choose(cli, model, option_text(cli, "output"), option_text(cli, "scores"));
    code = code == EXIT_OK ? preprocessing_apply(cli, model, true, NULL) : code;
    if (code != EXIT_OK) {
        fov_model_free(model);
        return code;
    }
    fov_dataset *data = source_samples(cli, option_text(cli, "data"), cli->arguments[0], option_text(cli, "input"));
    code = data != NULL ? evaluate(cli, model, data) : fail_library(cli);
    fov_dataset_free(data);
    fov_model_free(model);
    return code;
}

static const struct cli_option options[] = {
    {.name = "data", .kind = OPTION_TEXT, .argument = "SOURCE", .standard = "mnist",
     .doc = "mnist, cifar10, digits, each with [:COUNT], or a folder; see fovea data"},
    {.name = "split", .kind = OPTION_CHOICE, .argument = "SPLIT", .standard = "test", .choices = source_splits,
     .doc = "which samples; test and val are the same where the data has one of them. Data that states no splits is "
            "measured whole, unless this or --val-split is typed or FILE is of a run that learned from it, which held "
            "some back"},
    {.name = "task", .kind = OPTION_TEXT, .argument = "NAME", .otherwise = "what the model was trained for",
     .doc = "what the model is measured at: classify, multilabel, regress, segment, detect, image:from=noise"},
    {.name = "answers", .kind = OPTION_TEXT, .argument = "FILE", .otherwise = "a model answers",
     .doc = "a JSON file of answers and truth, from any program, in place of a model"},
    {.name = "truth", .kind = OPTION_TEXT, .argument = "FILE", .otherwise = "it stands in the file of answers",
     .doc = "COCO's instances (JSON), beside COCO's results as --answers: boxes that any detector found"},
    {.name = "batch", .kind = OPTION_INTEGER, .argument = "N", .standard = "100", .minimum = 1, .maximum = 1e6,
     .doc = "samples at a time; changes speed and memory, not the result"},
    {.name = "detector", .kind = OPTION_TEXT, .argument = "TOOL", .otherwise = "auto: what shapes and last layers tell",
     .doc = "whose boxes a file of another tool gives: yolox, yolov5, yolov8, darknet, yolox-decoded, ssd, raw (corners "
            "and scores), kept (suppressed in the network)"},
    {.name = "tta", .kind = OPTION_CHOICE, .argument = "VIEWS", .standard = "none", .choices = source_views,
     .doc = "look at each picture several times: mirror, or shifts by a pixel as well; scores are averaged"},
    {.name = "classes-by-position", .kind = OPTION_FLAG,
     .doc = "class i of the data is output i of the model, whatever their names"},
    {.name = "output", .kind = OPTION_TEXT, .argument = "NAME", .otherwise = "the first, or the one the file names",
     .doc = "which output, of a model with several"},
    {.name = "input", .kind = OPTION_TEXT, .argument = "NAME=WHAT,...",
     .doc = "what goes into inputs beside that of pictures: FILE.npy or numbers (k=0.5+2), the same for all samples, or "
            "columns of a table (k=age+weight)"},
    {.name = "scores", .kind = OPTION_CHOICE, .argument = "KIND", .otherwise = "what the file or its last layers say",
     .choices = source_scores, .doc = "what the numbers of the output are"},
    SOURCE_MODEL_OPTION,
    {.name = NULL},
};

const struct verb verb_eval = {
    .name = "eval",
    .reads_data = true,
    .summary = "measure a trained model at what it is for: accuracy, overlap, error, confusion",
    .run = run,
    .options = options,
    .shared = preprocessing_options,
    .arguments = "FILE",
    .minimum_arguments = 0,
    .maximum_arguments = 1,
    .help =
        "Runs a model over the samples of a dataset and says how well it does at its task (docs/tasks.md): of a "
        "classifier accuracy and loss over all, precision, "
        "recall and F1 for each class, and which classes it takes for which. Classes of the model and of the data are "
        "matched by name; where the data has fewer, means are over those that it has. With --json: count, accuracy, "
        "loss, top5, macro_precision, macro_recall, macro_f1, per_class and confusion, fractions throughout; of other "
        "tasks their figures; and metrics, every figure of docs/metrics.md under its name. With "
        "--answers nothing is run: the file's \"y_true\" is compared with its \"scores\" or \"y_pred\" (two pictures: "
        "\"a\" and \"b\"; boxes: \"ground_truth\" and \"detections\", or COCO's two files), and every figure of docs/metrics.md printed.",
    .examples = "fovea eval runs/train/best.onnx --data mnist\n"
                "fovea eval runs/train/best.onnx --data mnist --split train\n"
                "fovea eval best.onnx --data photos/ --json\n"
                "fovea eval --answers answers.json --json\n"
                "fovea eval --answers detections.json --truth instances_val2017.json\n",
};
