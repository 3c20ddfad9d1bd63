/* SPDX-License-Identifier: MIT */
/* Networks that came before deep learning and led to it: Hopfield's memory, the Boltzmann machine, the restricted one
 * (RBM), and stacks of those (deep belief networks). States are bytes 0 and 1, in Hopfield's -1 and +1. What is random
 * follows from a seed and a step, never from threads. */
#ifndef FOVEA_CLASSIC_H
#define FOVEA_CLASSIC_H

#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Hopfield (1982): a memory that is asked with a damaged pattern ------------------------------------------------ */

typedef struct fov_hopfield fov_hopfield;

/** `units` neurons with states -1 and +1, all connected, no weight to itself: units (units - 1) / 2 weights, all 0.
 *  NULL and an error on the context: units outside 2 .. 20,000, no memory. Free before the context. */
FOV_API fov_hopfield *fov_hopfield_create(fov_context *context, int units);
FOV_API void          fov_hopfield_free(fov_hopfield *hopfield); /**< accepts NULL */
FOV_API int64_t       fov_hopfield_weights(const fov_hopfield *hopfield);
/** Hebb's rule: w_ij += p_i p_j / units. */
FOV_API void fov_hopfield_store(fov_hopfield *hopfield, const int8_t *pattern);
/** E = -1/2 sum of w_ij s_i s_j; no update of a unit ever raises it. */
FOV_API double fov_hopfield_energy(const fov_hopfield *hopfield, const int8_t *state);
/** Updates units one at a time, each to the sign of its input (0: it stays), in an order drawn anew for each sweep,
 *  until a sweep changes nothing or `sweeps` are over. Answers how many sweeps changed something; `sweeps` + 1: it had
 *  not come to rest. */
FOV_API int fov_hopfield_recall(const fov_hopfield *hopfield, int8_t *state, int sweeps, uint64_t seed);

/* ---- Boltzmann machine (Hinton, Sejnowski 1983): Hopfield's net with noise, and hidden units ----------------------- */

typedef struct fov_boltzmann fov_boltzmann;

/** `units` stochastic units with symmetric weights and biases, all 0. NULL as above; units 1 .. 5,000. */
FOV_API fov_boltzmann *fov_boltzmann_create(fov_context *context, int units);
FOV_API void           fov_boltzmann_free(fov_boltzmann *machine); /**< accepts NULL */
/** weights [units][units], symmetric with a diagonal of zeros, and biases [units]: to be read and changed in place. */
FOV_API double *fov_boltzmann_weights(fov_boltzmann *machine);
FOV_API double *fov_boltzmann_biases(fov_boltzmann *machine);
/** E = - sum over i < j of w_ij s_i s_j - sum of b_i s_i. */
FOV_API double fov_boltzmann_energy(const fov_boltzmann *machine, const uint8_t *state);
/** Gibbs sampling: `sweeps` times each unit in turn becomes 1 with probability sigmoid(input / temperature). Units below
 *  `clamped` keep their state. */
FOV_API void fov_boltzmann_sample(const fov_boltzmann *machine, uint8_t *state, int clamped, double temperature, int sweeps,
                                  uint64_t seed);
/** Simulated annealing (Kirkpatrick et al. 1983): sweeps with a temperature that falls from `hot` to `cold` by a constant
 *  factor; `state` is left at the lowest energy met, which is returned. */
FOV_API double fov_boltzmann_anneal(const fov_boltzmann *machine, uint8_t *state, double hot, double cold, int sweeps,
                                    uint64_t seed);
/** By enumeration of all states, units <= 20: the probability of each, at temperature 1, state i having unit j at bit j.
 *  E_USAGE above 20. */
FOV_API FOV_MUST_CHECK int fov_boltzmann_enumerate(const fov_boltzmann *machine, double *probabilities);
/** The gradient of the mean log probability of data [count][visible], the first `visible` units being seen, the others
 *  hidden: <s_i s_j> with the data less <s_i s_j> of the machine alone. weights [units][units], biases [units].
 *  sweeps 0: by enumeration, units <= 20; else means over so many Gibbs sweeps, after as many that do not count. */
FOV_API FOV_MUST_CHECK int fov_boltzmann_gradient(const fov_boltzmann *machine, const uint8_t *data, int64_t count,
                                                  int visible, int sweeps, uint64_t seed, double *weights, double *biases);

/* ---- restricted Boltzmann machine (Smolensky 1986; Hinton 2002) ----------------------------------------------------- */

typedef struct fov_rbm fov_rbm;

typedef struct fov_rbm_options {
    int      epochs;   /**< 10 */
    int      batch;    /**< 100; samples that are left over are left out of the epoch */
    int      steps;    /**< 1: Gibbs steps of contrastive divergence, at most 32 */
    float    rate;     /**< 0.05 */
    float    momentum; /**< 0.5 in the first five epochs, then 0.9; else as given throughout */
    float    decay;    /**< 0.0002, of weights; below 0: none */
    uint64_t seed;     /**< 0 */
    /** After each epoch, with the mean squared error of a reconstruction, per visible unit. Nonzero stops
     *  (E_INTERRUPTED). */
    int (*on_epoch)(void *user, int epoch, double error);
    void *user;
} fov_rbm_options;

/** Two layers, each unit of one connected to each of the other; weights N(0, 0.01) drawn from `seed`, biases 0. */
FOV_API fov_rbm *fov_rbm_create(fov_context *context, int visible, int hidden, uint64_t seed);
FOV_API void     fov_rbm_free(fov_rbm *rbm);            /**< accepts NULL */
FOV_API int64_t  fov_rbm_parameters(const fov_rbm *rbm); /**< visible x hidden + visible + hidden */
/** weight [hidden][visible], visible bias, hidden bias: to be read and changed in place. */
FOV_API float *fov_rbm_weight(fov_rbm *rbm);
FOV_API float *fov_rbm_visible_bias(fov_rbm *rbm);
FOV_API float *fov_rbm_hidden_bias(fov_rbm *rbm);
/** Contrastive divergence on data [count][visible], probabilities 0 .. 1 (grey values / 255). E_USAGE: no samples, an
 *  option out of range; E_INPUT: a number that is not finite, with its place; E_INTERRUPTED. */
FOV_API FOV_MUST_CHECK int fov_rbm_train(fov_rbm *rbm, const float *data, int64_t count, const fov_rbm_options *options);
/** Probabilities of the hidden units: result [count][hidden]. */
FOV_API FOV_MUST_CHECK int fov_rbm_hidden(fov_rbm *rbm, const float *data, int64_t count, float *result);
/** Probabilities of the visible units, from hidden [count][hidden]. */
FOV_API FOV_MUST_CHECK int fov_rbm_visible(fov_rbm *rbm, const float *hidden, int64_t count, float *result);
/** F(v) = - a.v - sum of log(1 + exp(b_j + W_j.v)): -log of v's probability but for a constant. */
FOV_API double fov_rbm_free_energy(const fov_rbm *rbm, const float *visible);
/** log of the partition function by enumeration of the hidden units, at most 20 (E_USAGE). */
FOV_API FOV_MUST_CHECK int fov_rbm_log_partition(const fov_rbm *rbm, double *result);
/** The gradient of the mean log probability of data, exactly, by the same enumeration: of weight [hidden][visible],
 *  visible bias, hidden bias. */
FOV_API FOV_MUST_CHECK int fov_rbm_gradient(const fov_rbm *rbm, const float *data, int64_t count, double *weight,
                                            double *visible_bias, double *hidden_bias);

/* ---- deep belief network (Hinton, Osindero, Teh 2006) --------------------------------------------------------------- */

/** Trains a stack greedily, from the first up: each RBM on what the one below makes of the data. rbms[i]'s visible units
 *  are as many as rbms[i - 1]'s hidden ones (E_SHAPE). */
FOV_API FOV_MUST_CHECK int fov_dbn_pretrain(fov_rbm *const *rbms, int layers, const float *data, int64_t count,
                                            const fov_rbm_options *options);
/** The stack as a classifier to be fine-tuned by fov_train: sigmoid layers with the RBMs' weights and hidden biases, and
 *  an output layer for `classes` classes. Its input is a picture [N, channels, height, width] of as many pixels as the
 *  first RBM's visible units, as 0 .. 1. NULL and an error: sizes do not fit, no memory. */
FOV_API fov_model *fov_dbn_model(fov_context *context, fov_rbm *const *rbms, int layers, int channels, int height,
                                 int width, int classes);

#ifdef __cplusplus
}
#endif
#endif
