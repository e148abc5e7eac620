# Scheduled for a Neoverse; renaming after register allocation takes gcc's copies of accumulators
# out of the micro-kernels.
BACKENDS    += neon
neon_ARCH   := aarch64
neon_CFLAGS := -O3 -march=armv8-a -mtune=neoverse-n1 -ffp-contract=fast
ifeq ($(findstring clang,$(CC)),)
  neon_CFLAGS += -frename-registers
endif
