/* SPDX-License-Identifier: MIT */
/* The functions of fovea/networks.h, one per family: each returns the network of the right name, and no family lacks
 * one. */
#include <fovea/fovea.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const fov_network_options small = {.classes = 4};

/* Families whose function a test below calls. */
static const char *const asked[] = {"AlexNet",   "ConvNeXt",  "DeepLab",  "DenseNet",   "EfficientNet", "FCN",
                                    "GAN",       "Inception", "LeNet",    "MLP",        "MLPerf Tiny",  "MNASNet",
                                    "MobileNet", "NIN",       "ResNet",   "ShuffleNet", "SqueezeNet",   "U-Net",
                                    "VGG",       "YOLOX",     "airbench", "colour",     "course",       "style"};

static void test_no_family_is_missing(void **state)
{
    (void)state;
    for (int i = 0; i < fov_network_count(); i++) {
        const char *family = fov_network_at(i).family;
        bool found = false;
        for (size_t k = 0; k < sizeof asked / sizeof asked[0]; k++) {
            found = found || strcmp(asked[k], family) == 0;
        }
        if (!found) {
            fail_msg("%s, of family %s, has no function in fovea/networks.h", fov_network_name(i), family);
        }
    }
}

static void is_named(fov_context *context, fov_model *model, const char *name)
{
    if (model == NULL) {
        fail_msg("%s: %s", name, fov_error(context));
    }
    assert_string_equal(fov_model_name(model), name);
    fov_model_free(model);
}

static void test_members(void **state)
{
    (void)state;
    fov_context *c = fov_context_create(NULL);
    is_named(c, fov_lenet(c, "5", NULL, NULL), "lenet5");
    is_named(c, fov_lenet(c, "5@1998", NULL, NULL), "lenet5@1998");
    is_named(c, fov_lenet(c, "@1989", NULL, NULL), "lenet@1989");
    is_named(c, fov_course(c, "cnn", NULL, NULL), "course-cnn");
    is_named(c, fov_mlp(c, NULL, NULL), "mlp");
    is_named(c, fov_nin(c, true, NULL, NULL), "nin_cifar");
    is_named(c, fov_inception(c, 1, false, NULL, &small), "googlenet");
    is_named(c, fov_inception(c, 2, false, NULL, &small), "bn_inception");
    is_named(c, fov_resnet(c, 20, NULL, NULL), "resnet20");
    is_named(c, fov_resnet(c, 18, "attention=se", &small), "resnet18:attention=se");
    is_named(c, fov_squeezenet(c, 1, NULL, &small), "squeezenet1_1");
    is_named(c, fov_densenet(c, 121, NULL, &small), "densenet121");
    is_named(c, fov_mobilenet(c, 2, false, NULL, &small), "mobilenet_v2");
    is_named(c, fov_mobilenet(c, 3, true, NULL, &small), "mobilenet_v3_small");
    is_named(c, fov_shufflenet(c, 0.5, NULL, &small), "shufflenet_v2_x0_5");
    is_named(c, fov_shufflenet(c, 2, NULL, &small), "shufflenet_v2_x2_0");
    is_named(c, fov_mnasnet(c, 0.75, NULL, &small), "mnasnet0_75");
    is_named(c, fov_efficientnet(c, 0, NULL, &small), "efficientnet_b0");
    is_named(c, fov_mlperf_tiny(c, "ds_cnn", NULL, NULL), "ds_cnn");
    is_named(c, fov_airbench(c, NULL, NULL), "airbench94");
    is_named(c, fov_unet(c, false, "width=8", NULL), "unet:width=8");
    is_named(c, fov_yolox(c, "nano", NULL, &small), "yolox-nano");
    is_named(c, fov_gan(c, true, NULL, NULL), "mlp-gan");
    is_named(c, fov_gan(c, false, NULL, NULL), "dcgan");
    is_named(c, fov_fast_style(c, NULL, NULL), "fast-style");
    is_named(c, fov_colouring(c, false, NULL, NULL), "colour-small");
    fov_context_free(c);
}

static void is_refused(fov_context *context, fov_model *model, const char *says)
{
    assert_null(model);
    if (strstr(fov_error(context), says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", fov_error(context), says);
    }
    fov_error_clear(context);
}

/* Large networks are not built here: an unknown option is refused, by a sentence that holds the network's name. */
static void test_names(void **state)
{
    (void)state;
    char many[2048];
    fov_context *c = fov_context_create(NULL);
    is_refused(c, fov_mlperf_tiny(c, "vgg16", NULL, NULL), "resnet8 and ds_cnn");
    is_refused(c, fov_alexnet(c, true, "no=1", NULL), "alexnet@paper");
    is_refused(c, fov_zfnet(c, "no=1", NULL), "zfnet");
    is_refused(c, fov_vgg(c, 19, true, "no=1", NULL), "vgg19_bn");
    is_refused(c, fov_inception(c, 4, false, "no=1", NULL), "inception_v4");
    is_refused(c, fov_inception(c, 2, true, "no=1", NULL), "inception_resnet_v2");
    is_refused(c, fov_preresnet(c, 1001, "no=1", NULL), "preresnet1001");
    is_refused(c, fov_resnext(c, 50, 32, 4, "no=1", NULL), "resnext50_32x4d");
    is_refused(c, fov_wide_resnet(c, 50, 2, "no=1", NULL), "wide_resnet50_2");
    is_refused(c, fov_convnext(c, "no=1", NULL), "convnext_tiny");
    is_refused(c, fov_fcn(c, 50, "no=1", NULL), "fcn_resnet50");
    is_refused(c, fov_deeplabv3(c, 101, "no=1", NULL), "deeplabv3_resnet101");
    is_refused(c, fov_resnet(c, 19, NULL, NULL), "did you mean");
    is_refused(c, fov_vgg(c, -1, false, NULL, NULL), "vgg-1");
    is_refused(c, fov_mnasnet(c, -3, NULL, NULL), "mnasnet");
    is_refused(c, fov_yolox(c, NULL, NULL, NULL), "yolox-");
    memset(many, 'a', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    is_refused(c, fov_resnet(c, 18, many, NULL), "letters");
    assert_null(fov_resnet(NULL, 18, NULL, NULL));
    fov_context_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_family_is_missing),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests_name("families", tests, NULL, NULL);
}
