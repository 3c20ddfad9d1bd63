/* SPDX-License-Identifier: MIT */
/* Networks that preceded deep learning and led to it: Hopfield's memory, the Boltzmann machine, the restricted
 * Boltzmann machine (RBM), and stacks of RBMs (deep belief networks). States are bytes 0 and 1, in Hopfield networks -1
 * and +1. Random numbers depend on a seed and a step, never on threads. */
#ifndef FOVEA_CLASSIC_H
#define FOVEA_CLASSIC_H

#include <fovea/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Hopfield (1982): an associative memory, recalled from a damaged pattern ------------------------------------- */

typedef struct fov_hopfield fov_hopfield;

/** `units` neurons with states -1 and +1, all connected, no weight to itself: units (units - 1) / 2 weights, all 0.
 *  NULL and an error on the context: units outside 2 .. 20,000, no memory. Free before the context. */
FOV_API fov_hopfield *fov_hopfield_create(fov_context *context, int units);
FOV_API void          fov_hopfield_free(fov_hopfield *hopfield); /**< accepts NULL */
FOV_API int64_t       fov_hopfield_weights(const fov_hopfield *hopfield); /**< how many: units (units - 1) / 2 */
/** Hebb's rule: w_ij += p_i p_j / units. */
FOV_API void fov_hopfield_store(fov_hopfield *hopfield, const int8_t *pattern);
/** E = -1/2 sum of w_ij s_i s_j; no update of a unit ever raises it. */
FOV_API double fov_hopfield_energy(const fov_hopfield *hopfield, const int8_t *state);
/** Updates units one at a time, each to the sign of its input (0: it stays), in an order drawn anew for each sweep,
 *  until a sweep changes nothing or `sweeps` are over. Returns how many sweeps changed something; `sweeps` + 1: the
 *  state did not become stable; -1 and an error on the context: no memory. Several threads may recall from one network
 *  at once. */
FOV_API int fov_hopfield_recall(const fov_hopfield *hopfield, int8_t *state, int sweeps, uint64_t seed);

/* ---- Boltzmann machine (Hinton, Sejnowski 1983): Hopfield's net with noise, and hidden units --------------------- */

typedef struct fov_boltzmann fov_boltzmann;

/** `units` stochastic units with symmetric weights and biases, all 0. NULL and an error on the context: units outside
 *  1 .. 5,000, no memory. Free before the context. */
FOV_API fov_boltzmann *fov_boltzmann_create(fov_context *context, int units);
FOV_API void           fov_boltzmann_free(fov_boltzmann *machine); /**< accepts NULL */
/** weights [units][units], symmetric with a diagonal of zeros, and biases [units]: to be read and changed in place. */
FOV_API double *fov_boltzmann_weights(fov_boltzmann *machine);
FOV_API double *fov_boltzmann_biases(fov_boltzmann *machine);
/** E = - sum over i < j of w_ij s_i s_j - sum of b_i s_i. */
FOV_API double fov_boltzmann_energy(const fov_boltzmann *machine, const uint8_t *state);
/** Gibbs sampling: `sweeps` times each unit in turn becomes 1 with probability sigmoid(input / temperature). Units
 *  below `clamped` keep their state. */
FOV_API void fov_boltzmann_sample(const fov_boltzmann *machine, uint8_t *state, int clamped, double temperature,
                                  int sweeps, uint64_t seed);
/** Simulated annealing (Kirkpatrick et al. 1983): sweeps with a temperature that falls from `hot` to `cold` by a
 *  constant factor. `state` becomes the state of lowest energy that was met; that energy is returned. */
FOV_API double fov_boltzmann_anneal(const fov_boltzmann *machine, uint8_t *state, double hot, double cold, int sweeps,
                                    uint64_t seed);
/** Computes the probability of every state at temperature 1, by enumeration: probabilities [2^units], in state i unit j
 *  is bit j of i. E_USAGE: more than 20 units. */
FOV_API FOV_MUST_CHECK int fov_boltzmann_enumerate(const fov_boltzmann *machine, double *probabilities);
/** The gradient of the mean log probability of data [count][visible], where the first `visible` units are visible and
 *  the others hidden: <s_i s_j> with the visible units clamped to the data minus <s_i s_j> of the free machine. weights
 *  [units][units], biases [units]. sweeps 0: by enumeration, units <= 20; else means over this many Gibbs sweeps,
 *  after as many burn-in sweeps. */
FOV_API FOV_MUST_CHECK int fov_boltzmann_gradient(const fov_boltzmann *machine, const uint8_t *data, int64_t count,
                                                  int visible, int sweeps, uint64_t seed, double *weights,
                                                  double *biases);

/* ---- restricted Boltzmann machine (Smolensky 1986; Hinton 2002) -------------------------------------------------- */

typedef struct fov_rbm fov_rbm;

typedef struct fov_rbm_options {
    int      epochs;   /**< 10 */
    int      batch;    /**< 100; a last batch that is not full is left out of the epoch */
    int      steps;    /**< 1: Gibbs steps of contrastive divergence, at most 32 */
    float    rate;     /**< 0.05 */
    float    momentum; /**< 0: 0.5 in the first five epochs, then 0.9; else this value in all epochs */
    float    decay;    /**< 0.0002: weight decay; below 0: none */
    uint64_t seed;     /**< 0 */
    /** After each epoch, with the mean squared error of a reconstruction, per visible unit. Nonzero stops
     *  (E_INTERRUPTED). */
    int (*on_epoch)(void *user, int epoch, double error);
    void *user;
} fov_rbm_options;

/** Two layers, each unit of one connected to each of the other; weights of mean 0 and standard deviation 0.01 drawn
 *  from `seed`, biases 0. NULL and an error on the context: units outside 1 .. 2^20, no memory. */
FOV_API fov_rbm *fov_rbm_create(fov_context *context, int visible, int hidden, uint64_t seed);
FOV_API void     fov_rbm_free(fov_rbm *rbm);            /**< accepts NULL */
FOV_API int64_t  fov_rbm_parameters(const fov_rbm *rbm); /**< visible x hidden + visible + hidden */
/** weight [hidden][visible], visible bias, hidden bias: to be read and changed in place. */
FOV_API float *fov_rbm_weight(fov_rbm *rbm);
FOV_API float *fov_rbm_visible_bias(fov_rbm *rbm);
FOV_API float *fov_rbm_hidden_bias(fov_rbm *rbm);
/** Contrastive divergence on data [count][visible], probabilities 0 .. 1 (grey values / 255). E_USAGE: no samples, an
 *  option out of range; E_INPUT: a number that is not finite, with its place; E_NUMERIC: the reconstruction's error is
 *  not within 0 .. 1; E_INTERRUPTED. */
FOV_API FOV_MUST_CHECK int fov_rbm_train(fov_rbm *rbm, const float *data, int64_t count,
                                         const fov_rbm_options *options);
/** Probabilities of the hidden units: result [count][hidden]. */
FOV_API FOV_MUST_CHECK int fov_rbm_hidden(fov_rbm *rbm, const float *data, int64_t count, float *result);
/** Probabilities of the visible units, from hidden [count][hidden]. */
FOV_API FOV_MUST_CHECK int fov_rbm_visible(fov_rbm *rbm, const float *hidden, int64_t count, float *result);
/** F(v) = - a.v - sum of log(1 + exp(b_j + W_j.v)): the negative log probability of v, up to a constant. */
FOV_API double fov_rbm_free_energy(const fov_rbm *rbm, const float *visible);
/** log of the partition function, by enumeration of the hidden units. E_USAGE: more than 20 of them. */
FOV_API FOV_MUST_CHECK int fov_rbm_log_partition(const fov_rbm *rbm, double *result);
/** The exact gradient of the mean log probability of data [count][visible], by the same enumeration: by weight
 *  [hidden][visible], visible bias, hidden bias. */
FOV_API FOV_MUST_CHECK int fov_rbm_gradient(const fov_rbm *rbm, const float *data, int64_t count, double *weight,
                                            double *visible_bias, double *hidden_bias);

/* ---- deep belief network (Hinton, Osindero, Teh 2006) ------------------------------------------------------------ */

/** Trains a stack greedily, from the first RBM up: each on the hidden probabilities of the one below. rbms[i] must have
 *  as many visible units as rbms[i - 1] has hidden ones (E_SHAPE). */
FOV_API FOV_MUST_CHECK int fov_dbn_pretrain(fov_rbm *const *rbms, int layers, const float *data, int64_t count,
                                            const fov_rbm_options *options);
/** The stack as a classifier, to be fine-tuned by fov_train: sigmoid layers with the RBMs' weights and hidden biases,
 *  and an output layer for `classes` classes. Its input is a picture [N, channels, height, width] of 0 .. 1 with as
 *  many numbers as the first RBM has visible units. NULL and an error: sizes do not fit, no memory. */
FOV_API fov_model *fov_dbn_model(fov_context *context, fov_rbm *const *rbms, int layers, int channels, int height,
                                 int width, int classes);

#ifdef __cplusplus
}
#endif
#endif
