/* Ours and the libraries beside it, held to an instruction set below the CPU's own: what a machine
 * without the wider one would do. */
#ifndef EKTM_HARNESS_HOLD_H
#define EKTM_HARNESS_HOLD_H

#include "harness/fault.h"

/* Does what the environment's EKTM_ISA says (scalar, avx2, avx512, neon; unset: nothing). Libraries
 * read what holds them when they are loaded, so the program may begin anew, with `argv`, once. */
bool hold(char **argv, struct fault *fault);

#endif
