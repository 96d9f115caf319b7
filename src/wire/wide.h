/*
 * wide.h - comparing 32 octets at once, whatever the machine has.
 *
 * The compiler makes two halves of each vector where there are only 16
 * octets.  Functions marked WIDE are compiled a second time for AVX2, and the
 * loader takes that one where the processor has it; this needs no privilege and
 * no check at run time.  Only inside this room: such vectors are no arguments.
 */

#ifndef WIDE_H
#define WIDE_H

#include <stdint.h>
#include <string.h>

#define LANES 32

typedef unsigned char octets_v __attribute__((vector_size(LANES)));
typedef uint64_t words_v __attribute__((vector_size(LANES)));
typedef uint16_t pairs_v __attribute__((vector_size(LANES)));

#if defined(WIDE)
/* Set by hand, to try the other one. */
#elif defined(__x86_64__) && defined(__GLIBC__)
#define WIDE __attribute__((__target_clones__("avx2", "default")))
#else
#define WIDE
#endif

#endif
