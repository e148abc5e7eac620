# Debian's package is for amd64 only. The library may call BLAS, which our kernels never make it do:
# OpenBLAS answers where it is linked anyway, else a stub.
BACKENDS        += libxsmm
libxsmm_ARCH    := x86_64
libxsmm_ABSENT  := $(if $(filter /%,$(shell $(CC) -print-file-name=libxsmm.a)),,libxsmm is not installed (Debian: libxsmm-dev))
libxsmm_LDLIBS   = -lxsmm $(if $(openblas_ABSENT),-lxsmmnoblas) -ldl -lm
