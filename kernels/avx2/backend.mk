BACKENDS    += avx2
avx2_ARCH   := x86_64
avx2_CFLAGS := -O3 -march=x86-64-v3 -mtune=generic -ffp-contract=fast
avx2_i8_VARIANTS := vnni
avx2_vnni_CFLAGS := -mavxvnni
