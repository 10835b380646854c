/* Deterministic random numbers: the same seed gives the same stream (splitmix64). Not for secrets.
 */
#ifndef BATON_COMMON_RNG_H
#define BATON_COMMON_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t
rng_next(struct rng *rng)
{
    uint64_t z = rng->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Even in [0, n); 0 for n = 0. The bias is below 2^-32 for n < 2^32. */
static inline uint64_t
rng_below(struct rng *rng, uint64_t n)
{
    return n ? (uint64_t)(((__uint128_t)rng_next(rng) * n) >> 64) : 0;
}

#endif
