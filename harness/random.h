/* Random numbers that depend on a seed, a stream and a position alone: the same on every machine,
 * for any number of threads. */
#ifndef EKTM_HARNESS_RANDOM_H
#define EKTM_HARNESS_RANDOM_H

#include <math.h>
#include <stdint.h>

struct random {
    uint64_t key, position;
};

/* Finalizer of splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators",
 * OOPSLA 2014): a bijection under which neighbours come out unrelated. */
static inline uint64_t random_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

/* Stream `stream` of the sequence that `seed` names. */
static inline struct random random_stream(uint64_t seed, uint64_t stream)
{
    return (struct random){random_mix(random_mix(seed + 0x9e3779b97f4a7c15) + stream), 0};
}

static inline uint64_t random_bits(struct random *r)
{
    return random_mix(r->key + ++r->position * 0x9e3779b97f4a7c15);
}

/* In [0, 1), a multiple of 2^-53. */
static inline double random_uniform(struct random *r)
{
    return (double)(random_bits(r) >> 11) * 0x1p-53;
}

/* In [low, high). */
static inline double random_between(struct random *r, double low, double high)
{
    return low + (high - low) * random_uniform(r);
}

/* In 0 .. n-1; n > 0. The bias of at most n / 2^53 matters to nobody here. */
static inline uint64_t random_below(struct random *r, uint64_t n)
{
    return (uint64_t)(random_uniform(r) * (double)n);
}

#endif
