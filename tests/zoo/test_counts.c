/* SPDX-License-Identifier: MIT */
/* Exact counts of parameters and multiply-adds of every network. Counts of networks in torchvision, timm or pytorchcv
 * were taken there, on the same input: parameters() of the module, and outputs times weights of each convolution and
 * dense layer in inference. The others follow from the layers in the papers; the head comments of zoo/lenet_paper.c,
 * tiny.c and fast_cifar.c have the sums. No weights are drawn in this test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fovea/fovea.h>
#include <string.h>

static const struct {
    const char *name;
    int64_t     parameters, multiply_adds;
} expected[] = {
    {"airbench94", 1972792, 118147360},
    {"alexnet", 61100840, 714188480},
    {"alexnet@paper", 60965224, 724406816},
    {"bn_inception", 11295240, 2032600064},
    {"colour-small", 379106, 75857920},
    {"convnext_tiny", 28589128, 4455531264},
    {"course-cnn", 21840, 480500},
    {"course-cnn-8490", 8490, 467200},
    {"dcgan", 6342272, 103817216}, /* 3,576,704 + 2,765,568; products of the critic */
    {"deeplabv3_resnet101", 60996202, 248752300288},
    {"deeplabv3_resnet50", 42004074, 168731205888},
    {"densenet121", 7978856, 2834161664},
    {"densenet161", 28681000, 7727907072},
    {"densenet169", 14149480, 3359843328},
    {"densenet201", 20013928, 4291365888},
    {"ds_cnn", 23756, 2656768},
    {"eccv16", 32236011, 41774686208},
    {"efficientnet_b0", 5288548, 385814752},
    {"efficientnet_b1", 7794184, 686802832},
    {"efficientnet_b2", 9109994, 1087529456},
    {"efficientnet_b3", 12233232, 1827141392},
    {"efficientnet_b4", 19341616, 4393771024},
    {"efficientnet_b5", 30389784, 10266384752},
    {"efficientnet_b6", 43040704, 19067593536},
    {"efficientnet_b7", 66347960, 37745884192},
    {"fast-style", 1679235, 10078912512},
    {"fcn_resnet101", 54314346, 222746867200},
    {"fcn_resnet50", 35322218, 142725772800},
    {"googlenet", 13004888, 1498376192},
    {"googlenet@paper", 13378280, 1582671872},
    {"googlenet@torchvision", 13004888, 1498376192},
    {"inception_resnet_v2", 55843464, 13155794016},
    {"inception_v3", 27161264, 5713216096},
    {"inception_v4", 42679816, 12253974624},
    {"lenet5", 61706, 416520},
    {"lenet5@1998", 60000, 325680},
    {"lenet@1989", 9760, 63660},
    {"lenet@course", 656080, 3522000},
    {"mlp", 407050, 406528},
    {"mlp-gan", 2019857, 532736},
    {"mnasnet0_5", 2218512, 104455968},
    {"mnasnet0_75", 3170208, 215493104},
    {"mnasnet1_0", 4383312, 314415872},
    {"mnasnet1_3", 6282256, 526362432},
    {"mnist-best", 75434, 5734528},
    {"mobilenet_v1", 4231976, 568740352},
    {"mobilenet_v2", 3504872, 300774272},
    {"mobilenet_v3_large", 5483032, 216589760},
    {"mobilenet_v3_small", 2542856, 56510400},
    {"nin", 7595176, 1105996320},
    {"nin_cifar", 966986, 222486528},
    {"preresnet1001", 10327706, 1490995712},
    {"resnet101", 44549160, 7801405440},
    {"resnet101@v1", 44549160, 7570194432},
    {"resnet110", 1727962, 252887680},
    {"resnet1202", 19421274, 2829238912},
    {"resnet152", 60192808, 11513626624},
    {"resnet152@v1", 60192808, 11282415616},
    {"resnet18", 11689512, 1814073344},
    {"resnet20", 269722, 40551040},
    {"resnet32", 464154, 68862592},
    {"resnet34", 21797672, 3663761408},
    {"resnet44", 658586, 97174144},
    {"resnet50", 25557032, 4089184256},
    {"resnet50_cbam", 28089624, 4095573110},
    {"resnet50@v1", 25557032, 3857973248},
    {"resnet56", 853018, 125485696},
    {"resnet8", 78186, 12501632},
    {"resnet9", 6573120, 379261952},
    {"resnext101_32x8d", 88791336, 16414015488},
    {"resnext50_32x4d", 25028904, 4230479872},
    {"shufflenet_v2_x0_5", 1366792, 40476448},
    {"shufflenet_v2_x1_0", 2278604, 144907992},
    {"shufflenet_v2_x1_5", 3503624, 295759392},
    {"shufflenet_v2_x2_0", 7393996, 583253464},
    {"squeezenet1_0", 1248424, 818924576},
    {"squeezenet1_1", 1235496, 349151936},
    {"unet", 31037698, 48171581440},
    {"unet@paper", 31030658, 150428424448},
    {"vgg11", 132863336, 7609090048},
    {"vgg11_bn", 132868840, 7609090048},
    {"vgg13", 133047848, 11308466176},
    {"vgg13_bn", 133053736, 11308466176},
    {"vgg16", 138357544, 15470264320},
    {"vgg16_bn", 138365992, 15470264320},
    {"vgg19", 143667240, 19632062464},
    {"vgg19_bn", 143678248, 19632062464},
    {"wide_resnet101_2", 126886696, 22753050624},
    {"wide_resnet50_2", 68883240, 11398021120},
    {"yolox-darknet53", 63724767, 92339507200},
    {"yolox-l", 54208895, 77646336000},
    {"yolox-m", 25326495, 36765158400},
    {"yolox-nano", 912159, 522553408},
    {"yolox-s", 8968255, 13342771200},
    {"yolox-tiny", 5055855, 3206268000},
    {"yolox-x", 99071455, 140704896000},
    {"zfnet", 62357608, 1168032896},
};
enum { COUNT = sizeof expected / sizeof expected[0] };

static void every_network_counts_as_published(void **state)
{
    (void)state;
    fov_context *context = fov_context_create(&(fov_context_options){.threads = 1});
    for (int i = 0; i < COUNT; i++) {
        fov_model  *model = fov_model_network(context, expected[i].name, NULL);
        fov_summary summary;
        if (model == NULL || fov_model_summary(model, NULL, &summary) != FOV_OK) {
            fail_msg("%s: %s", expected[i].name, fov_error(context));
        }
        if (summary.parameters != expected[i].parameters || summary.multiply_adds != expected[i].multiply_adds) {
            fail_msg("%s: %lld parameters and %lld multiply-adds, not %lld and %lld", expected[i].name,
                     (long long)summary.parameters, (long long)summary.multiply_adds,
                     (long long)expected[i].parameters, (long long)expected[i].multiply_adds);
        }
        assert_int_equal(summary.trainable, summary.parameters);
        assert_string_equal(fov_model_name(model), expected[i].name);
        fov_model_free(model);
    }
    fov_context_free(context);
}

static void no_network_is_left_out(void **state)
{
    (void)state;
    for (int i = 0; i < fov_network_count(); i++) {
        fov_network_info info = fov_network_at(i);
        bool             found = false;
        for (int k = 0; k < COUNT; k++) {
            found = found || strcmp(expected[k].name, info.name) == 0;
        }
        if (!found) {
            fail_msg("%s has no row in this file", info.name);
        }
        assert_true(info.family != NULL && info.summary != NULL && info.task != NULL);
        assert_true(info.paper != NULL || strcmp(info.family, "course") == 0);
    }
    assert_null(fov_network_at(fov_network_count()).name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_network_counts_as_published),
        cmocka_unit_test(no_network_is_left_out),
    };
    return cmocka_run_group_tests_name("counts", tests, NULL, NULL);
}
