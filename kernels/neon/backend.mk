BACKENDS    += neon
neon_ARCH   := aarch64
neon_CFLAGS := -O3 -march=armv8-a -ffp-contract=fast
