# Plain C at each ISA's level. Fast-math lets the compiler vectorise sums and exp; infinities and
# NaN keep their meaning, and a division is one. A product and its sum may be fused. No loop starts
# with a few scalar steps up to an aligned address: results may not depend on where operands lie.
BACKENDS       += compiler
compiler_FLAGS := -O3 -ffast-math -fno-finite-math-only -fno-reciprocal-math -ffp-contract=fast
ifneq ($(findstring clang,$(notdir $(CC))),)
  compiler_FLAGS += $(if $(filter x86_64,$(ARCH)),-fveclib=libmvec)
else
  compiler_FLAGS += --param=vect-max-peeling-for-alignment=0
endif

ifeq ($(ARCH),x86_64)
  compiler_VARIANTS := avx2 avx512
else
  compiler_VARIANTS := neon
endif
compiler_avx2_CFLAGS   := $(compiler_FLAGS) -march=x86-64-v3
compiler_avx2_ISA      := ISA_AVX2
compiler_avx512_CFLAGS := $(compiler_FLAGS) -march=x86-64-v4 -mprefer-vector-width=512
compiler_avx512_ISA    := ISA_AVX512
compiler_neon_CFLAGS   := $(compiler_FLAGS) -march=armv8-a
compiler_neon_ISA      := ISA_NEON
# glibc's vector exp, which fast-math calls
ifeq ($(ARCH),x86_64)
  compiler_LDLIBS := -lmvec
endif
