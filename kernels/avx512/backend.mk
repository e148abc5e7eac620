BACKENDS      += avx512
avx512_ARCH   := x86_64
avx512_CFLAGS := -O3 -march=x86-64-v4 -mprefer-vector-width=512 -ffp-contract=fast
avx512_bf16_VARIANTS := bf16
avx512_bf16_CFLAGS   := -mavx512bf16
avx512_i8_VARIANTS   := vnni
avx512_vnni_CFLAGS   := -mavx512vnni
