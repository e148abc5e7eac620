# `make bench` measures this machine, `make test` proves that it can be believed, `make help` lists
# the rest. Nothing is built outside build/ and only `deps` uses the network.

MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

HOST := $(shell uname -m)
ARCH ?= $(HOST)
ifeq ($(filter x86_64 aarch64,$(ARCH)),)
  $(error ARCH is $(ARCH); x86_64 and aarch64 are allowed)
endif
ifneq ($(ARCH),$(HOST))
  CROSS := $(ARCH)-linux-gnu-
  RUN   ?= qemu-$(ARCH)-static
endif
ifeq ($(origin CC),default)
  CC := $(CROSS)gcc
endif

# SANITIZE=address,undefined and other compilers get a folder of their own.
SANITIZE ?=
comma    := ,
BUILD    ?= build/$(ARCH)-$(patsubst $(CROSS)%,%,$(notdir $(CC)))$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wcast-qual -Wundef -Wvla -Wno-missing-field-initializers $(if $(CI),-Werror)
CFLAGS   ?= -O2 -g
override CFLAGS += -std=gnu11 -D_GNU_SOURCE -pthread -fno-math-errno -ffp-contract=off $(WARNINGS) \
            -I. -I$(BUILD) -MMD -MP $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all)
LDFLAGS  += -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE))
LDLIBS   += -lhwloc -ljansson -lm

# One line for each command; V=1 shows them whole.
Q    := $(if $(V),,@)
show  = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

# ---- what there is: the file tree is the registry ------------------------------------------------

REFERENCE := $(wildcard reference/*.c)
HARNESS   := $(filter-out harness/main.c,$(wildcard harness/*.c harness/*/*.c))
MAIN      := harness/main.c
TESTS     := $(wildcard tests/*.c)

# Each kernels/<backend>/backend.mk appends to BACKENDS and says, for its backend b:
#   b_ARCH      the architecture it is for; empty: any
#   b_CFLAGS    flags for kernel files; for a variant v: b_v_CFLAGS
#   b_VARIANTS  ISAs that each kernel file is compiled for; empty: one, the backend's own
#   b_d_VARIANTS  for a number format d: instructions beyond the ISA that its kernels with products are
#               compiled for once more; b_v_CFLAGS allows those of variant v
#   b_LDLIBS    libraries; b_ABSENT  why it is left out of this build; empty: it is not
BACKENDS :=
include $(sort $(wildcard kernels/*/backend.mk))
left_out = $(or $($(1)_ABSENT),$(if $(filter-out $(ARCH),$($(1)_ARCH)),built for $($(1)_ARCH) only; this is $(ARCH)))
PRESENT  := $(foreach b,$(BACKENDS),$(if $(call left_out,$(b)),,$(b)))
LDLIBS   += $(foreach b,$(PRESENT),$($(b)_LDLIBS))

kernel_files = $(sort $(wildcard kernels/$(1)/*_$(1).c kernels/$(1)/*_$(1)_*.c))
stems        = $(basename $(notdir $(call kernel_files,$(1))))
# Of op_dtype_backend: the first word and the second; what an op with products is compiled for besides.
PRODUCTS    := dense transmitter enhanced head dot
word_of      = $(word $(1),$(subst _, ,$(2)))
beyond       = $(if $(filter $(PRODUCTS),$(call word_of,1,$(2))),$($(1)_$(call word_of,2,$(2))_VARIANTS))
names        = $(foreach s,$(call stems,$(1)),$(if $($(1)_VARIANTS),$(addprefix $(s)_,$($(1)_VARIANTS)),$(s) $(addprefix $(s)_,$(call beyond,$(1),$(s)))))
object       = $(patsubst %.c,$(BUILD)/%.o,$(1))

KERNEL_OBJECTS := $(foreach b,$(PRESENT),$(patsubst %,$(BUILD)/kernels/$(b)/%.o,$(call names,$(b))))
BACKEND_OTHER  := $(foreach b,$(PRESENT),$(filter-out $(call kernel_files,$(b)),$(wildcard kernels/$(b)/*.c)))
KERNELS_OTHER  := $(wildcard kernels/*.c)

LIBRARY := $(call object,$(REFERENCE) $(KERNELS_OTHER) $(BACKEND_OTHER) $(HARNESS)) $(KERNEL_OBJECTS)
EKTM    := $(BUILD)/ektm

# ---- targets --------------------------------------------------------------------------------------

# Those of the given goals that were asked for.
asked = $(filter $(1),$(MAKECMDGOALS))

.PHONY: all built deps deps-needed bench bench-frameworks experiment test check check-neon-loop check-emulated plots report check-report format format-check lint clean help FORCE

all: built ## build build/<arch>-<compiler>/ektm

ifdef CROSS
  ifneq ($(call asked,bench bench-frameworks test),)
    $(error bench, bench-frameworks and test run on this machine; for $(ARCH) there is make check)
  endif
endif

bench: built ## measure this machine: every layer, backend, batch, thread count (ARGS=--quick)
	@$(EKTM) bench $(ARGS)

# npm's package holds ONNX Runtime's library; scripts of packages are never run.
ONNXRUNTIME := build/frameworks/node_modules/onnxruntime-node

bench-frameworks: built ## the whole model in PyTorch and ONNX Runtime, beside ours
	@[ "$(DEPS)" = no ] || [ -d $(ONNXRUNTIME) ] || npm install --silent --ignore-scripts --no-audit --no-fund \
	    --prefix build/frameworks onnxruntime-node@1.20.1 || echo "bench-frameworks: goes on without ONNX Runtime" >&2
	@$(EKTM) frameworks $(ARGS)

experiment: built ## EKTM against its ablations and baselines on simulated data: results/experiment.md
	@$(EKTM) experiment --out results/experiment.md $(ARGS)

test: built ## prove it: unit tests, every kernel against the reference, planted bugs
	EKTM=$(EKTM) $(BUILD)/tests/ektm-tests $(or $(ARGS),-j$(shell nproc) --timeout 240)

check: built ## every kernel against the reference; ARCH=aarch64 cross-builds and emulates
	$(RUN) $(EKTM) check $(ARGS)

check-neon-loop: built ## NEON's inner loop has the instructions that its file states (ARCH=aarch64)
	@for k in dense transmitter enhanced transfer; do \
	    python3 tests/neon_loop.py $(CROSS)objdump $(BUILD)/kernels/neon/$${k}_f32_neon.o || exit 1; \
	done
	@for k in $(foreach o,dense transmitter enhanced head,$(foreach d,bf16 i8,$(o)_$(d)_neon $(addprefix $(o)_$(d)_neon_,$(neon_$(d)_VARIANTS)))); do \
	    python3 tests/neon_loop.py $(CROSS)objdump $(BUILD)/kernels/neon/$$k.o || exit 1; \
	done

check-emulated: built ## check on emulated CPUs with and without instructions: none leaks out of its kernels
	$(if $(filter aarch64,$(ARCH)),tests/emulated_arm.sh $(EKTM) "$(CC)",tests/emulated.sh $(EKTM))

# Pictures and the report see results/ only; prices.csv there is what `ektm choose --prices` reads, too.
PYTHON  ?= /usr/bin/python3 -B
prices   = $(addprefix --prices ,$(wildcard results/prices.csv))

plots: deps-needed ## pictures of recorded runs, SVG and PNG (ARGS="results/NAME --prices FILE --out DIR")
	@$(PYTHON) -m plots pictures $(prices) $(ARGS)

report: deps-needed ## one HTML file to decide from: build/report.html (ARGS as for plots)
	@$(PYTHON) -m plots report $(prices) $(ARGS)

check-report: built ## pictures and report: as the records say, as `ektm choose` decides, in a browser
	@$(PYTHON) tests/plots_test.py
	@$(PYTHON) tests/report_test.py $(EKTM)

# One inner make builds what all the goals run, after what they need is installed: it sees libraries
# that have only just come, and goals side by side never build the same file twice at once.
built: deps-needed $(call asked,clean)
	@$(MAKE) $(if $(V),,-s) --no-print-directory $(EKTM) $(if $(call asked,test),$(BUILD)/tests/ektm-tests)

# ---- building ------------------------------------------------------------------------------------

$(EKTM): $(call object,$(MAIN)) $(LIBRARY)
	$(call show,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/tests/ektm-tests: $(call object,$(TESTS)) $(LIBRARY)
	$(call show,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcriterion

# The reference defines what an op means: one operation after the other, as written.
SCALAR := -fno-tree-vectorize -fno-tree-slp-vectorize
$(call object,$(REFERENCE)): override CFLAGS += $(SCALAR)

# What comes before a product and what follows a library's is plain C for the compiler to vectorise.
$(BUILD)/kernels/epilogue.o $(BUILD)/kernels/rounding.o: override CFLAGS += -O3 $(if $(filter x86_64,$(ARCH)),-mprefer-vector-width=512)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call show,CC,$<)
	$(Q)$(CC) $(CFLAGS) -c -o $@ $<

# In kernels, sanitizers leave out what the address sanitizer and guard pages find as well, and call
# their checks instead of writing them out at every access of an unrolled loop: compiling those would
# take most of the time that proving takes.
BRIEF_CHECKS := -fno-sanitize=null,alignment,object-size,pointer-overflow \
                $(if $(findstring clang,$(CC)),,-fno-var-tracking --param asan-instrumentation-with-call-threshold=0)
$(KERNEL_OBJECTS): override CFLAGS += $(if $(SANITIZE),$(BRIEF_CHECKS))

# Sanitized kernels are not judged for their speed, and what optimisers make of kernels is checked, between
# guard pages, without sanitizers: here they are compiled nearly as written, which is soon done.
AS_WRITTEN := $(if $(SANITIZE),-Og)

# Only kernel files get ISA flags, so one binary runs on any CPU of its architecture. Their loops begin
# on cache lines: how fast a kernel runs may not depend on what the linker puts before it.
ALIGNED := -falign-functions=64 -falign-loops=64
define kernel_rule
$(BUILD)/kernels/$(1)/%_$(1).o: kernels/$(1)/%_$(1).c
	@mkdir -p $$(@D)
	$$(call show,CC,$$<)
	$$(Q)$$(CC) $$(CFLAGS) $$(ALIGNED) $$($(1)_CFLAGS) $$(AS_WRITTEN) -DKERNEL=$$*_$(1) -c -o $$@ $$<
endef
define beyond_rule
$(BUILD)/kernels/$(1)/%_$(1)_$(2).o: kernels/$(1)/%_$(1).c
	@mkdir -p $$(@D)
	$$(call show,CC,"$$< ($(2))")
	$$(Q)$$(CC) $$(CFLAGS) $$(ALIGNED) $$($(1)_CFLAGS) $$($(1)_$(2)_CFLAGS) $$(AS_WRITTEN) -DKERNEL=$$*_$(1)_$(2) -c -o $$@ $$<
endef
define variant_rule
$(BUILD)/kernels/$(1)/%_$(1)_$(2).o: kernels/$(1)/%_$(1).c
	@mkdir -p $$(@D)
	$$(call show,CC,"$$< ($(2))")
	$$(Q)$$(CC) $$(CFLAGS) $$(ALIGNED) $$($(1)_$(2)_CFLAGS) $$(AS_WRITTEN) -DKERNEL=$$*_$(1)_$(2) \
	    -DKERNEL_ISA=$$($(1)_$(2)_ISA) -c -o $$@ $$<
endef
$(foreach b,$(PRESENT),$(if $($(b)_VARIANTS),\
    $(foreach v,$($(b)_VARIANTS),$(eval $(call variant_rule,$(b),$(v)))),\
    $(eval $(call kernel_rule,$(b)))\
    $(foreach v,$(sort $(foreach d,bf16 i8,$($(b)_$(d)_VARIANTS))),$(eval $(call beyond_rule,$(b),$(v))))))

# Generated files are replaced only when they change.
$(BUILD)/kernels.def: FORCE
	@mkdir -p $(@D)
	@{ $(foreach b,$(BACKENDS),$(if $(call left_out,$(b)),\
	       echo 'ABSENT($(b), "$(call left_out,$(b))")';,\
	       echo 'BACKEND($(b))'; $(foreach k,$(call names,$(b)),echo 'KERNEL($(k))';))) } > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# What a recorded figure was made with.
$(BUILD)/build.h: FORCE
	@mkdir -p $(@D)
	@{ echo '#define BUILD_COMMIT "$(shell git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)"'; \
	   echo '#define BUILD_COMPILER "$(shell $(CC) --version | head -n 1)"'; \
	   echo '#define BUILD_CFLAGS "$(filter -O% -f% -march=%,$(CFLAGS))"'; } > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(BUILD)/kernels/table.o: $(BUILD)/kernels.def
$(call object,$(HARNESS) $(MAIN) $(TESTS) $(BACKEND_OTHER)): | $(BUILD)/build.h
$(call object,$(TESTS)): | $(BUILD)/build.h

-include $(patsubst %.o,%.d,$(LIBRARY) $(call object,$(MAIN) $(TESTS)))

# ---- what must be installed ----------------------------------------------------------------------

PACKAGES_RUN      := libhwloc-dev libjansson-dev
PACKAGES_PEERS    := $(if $(filter x86_64,$(HOST)),libxsmm-dev) libdnnl-dev libopenblas-dev
PACKAGES_TEST     := libcriterion-dev python3
PACKAGES_FRAMEWORKS := python3-torch python3-numpy $(if $(shell command -v npm),,nodejs npm)
PACKAGES_PLOTS    := python3 python3-matplotlib python3-jinja2
PACKAGES_BROWSER  := chromium
PACKAGES_LINT     := clang clang-format clang-tidy
PACKAGES_EMULATOR := qemu-user-static
PACKAGES_AARCH64  := gcc-aarch64-linux-gnu libc6-dev-arm64-cross libhwloc-dev:arm64 libjansson-dev:arm64
DEPS ?= yes

# What the goals asked for run, on this machine or in the emulator. The bench compares with peers; where
# none can be installed it runs without (DEPS=no).
NEEDED := $(if $(call asked,bench bench-frameworks experiment test check check-emulated check-neon-loop),$(if $(CROSS),$(PACKAGES_EMULATOR) $(PACKAGES_AARCH64),$(PACKAGES_RUN))) \
          $(if $(call asked,bench),$(PACKAGES_PEERS)) $(if $(call asked,bench-frameworks),$(PACKAGES_FRAMEWORKS)) $(if $(call asked,test),$(PACKAGES_TEST)) $(if $(call asked,check-emulated),$(PACKAGES_EMULATOR)) \
          $(if $(call asked,check-report),$(PACKAGES_RUN) $(PACKAGES_BROWSER)) $(if $(call asked,plots report check-report),$(PACKAGES_PLOTS)) \
          $(if $(call asked,format format-check lint),$(PACKAGES_LINT))

deps: ## install everything that any target needs (Debian; root or sudo)
	@DEPS=$(DEPS) tests/install.sh $(PACKAGES_RUN) $(PACKAGES_PEERS) $(PACKAGES_TEST) $(PACKAGES_LINT) $(PACKAGES_PLOTS) $(PACKAGES_BROWSER) \
	    $(PACKAGES_EMULATOR) $(if $(filter x86_64,$(HOST)),$(PACKAGES_AARCH64))

deps-needed:
	@DEPS=$(DEPS) tests/install.sh $(sort $(NEEDED))

# ---- keeping house -------------------------------------------------------------------------------

SOURCES := $(wildcard reference/*.[ch] kernels/*.[ch] kernels/*/*.[ch] harness/*.[ch] harness/*/*.[ch] tests/*.[ch])

format: deps-needed ## rewrite every source in the one style
	@clang-format -i $(SOURCES)

format-check: deps-needed
	@clang-format --dry-run -Werror $(SOURCES)

lint: built ## clang's static analyser over the sources but kernels and tests
	@command -v clang-tidy >/dev/null || { echo "lint: needs clang-tidy, from Debian's package of that name" >&2; exit 3; }
	@printf '%s\n' $(REFERENCE) $(KERNELS_OTHER) $(HARNESS) $(MAIN) | \
	    xargs -P $(shell nproc) -n 4 sh -c 'clang-tidy --quiet --warnings-as-errors="*" "$$@" -- \
	        -std=gnu11 -D_GNU_SOURCE -I. -I$(BUILD) 2>/dev/null' lint

clean: ## remove build/
	rm -rf build

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
