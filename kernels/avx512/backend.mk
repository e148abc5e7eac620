BACKENDS      += avx512
avx512_ARCH   := x86_64
avx512_CFLAGS := -O3 -march=x86-64-v4 -mprefer-vector-width=512 -ffp-contract=fast
