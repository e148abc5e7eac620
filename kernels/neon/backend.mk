# Scheduled for a Neoverse; renaming after register allocation takes gcc's copies of accumulators
# out of the micro-kernels.
BACKENDS    += neon
neon_ARCH   := aarch64
neon_CFLAGS := -O3 -march=armv8-a -mtune=neoverse-n1 -ffp-contract=fast
ifeq ($(findstring clang,$(CC)),)
  neon_CFLAGS += -frename-registers
endif
# BFDOT, BFMMLA; SDOT, USMMLA: armv8.2-a is where gcc's intrinsics for them begin.
neon_bf16_VARIANTS  := bfdot bfmmla
neon_bfdot_CFLAGS   := -march=armv8.2-a+bf16
neon_bfmmla_CFLAGS  := -march=armv8.2-a+bf16 -DPRODUCT_BFMMLA
neon_i8_VARIANTS    := dotprod i8mm
neon_dotprod_CFLAGS := -march=armv8.2-a+dotprod
neon_i8mm_CFLAGS    := -march=armv8.2-a+i8mm
