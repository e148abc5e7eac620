#!/bin/sh
# emulated.sh EKTM: checks every kernel on two emulated processors that lack what this one may have.
#
#   Nehalem   no AVX      only scalar code may run; a kernel that did would be refused
#   Haswell   AVX2, FMA   the AVX2 kernels run, and no AVX-512 instruction is in them
#
# An instruction outside its backend's set ends the trial with "Illegal instruction", so passing
# shows that none has leaked: neither into the AVX2 kernels nor into what all of them share. Whether
# the emulator does refuse such instructions is tried first. Each processor's summary comes last.
set -eu

ektm=${1:?usage: emulated.sh EKTM}
if [ "$(uname -m)" != x86_64 ]; then
    echo "emulated: emulates x86-64 processors on x86-64 only; this is $(uname -m)" >&2
    exit 3
fi
emulator=qemu-x86_64-static
if ! command -v $emulator >/dev/null; then
    echo "emulated: needs $emulator, from Debian's qemu-user-static" >&2
    exit 3
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# ---- what the emulator can and cannot do ---------------------------------------------------------

# One instruction of each set, named by its only argument.
cat >"$work/one.c" <<'EOF'
#include <string.h>
int main(int count, char **name)
{
    if (count > 1 && !strcmp(name[1], "avx"))
        __asm__ volatile("vaddps %%xmm0, %%xmm0, %%xmm0" ::: "xmm0");
    if (count > 1 && !strcmp(name[1], "avx2"))
        __asm__ volatile("vpaddd %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
    if (count > 1 && !strcmp(name[1], "fma"))
        __asm__ volatile("vfmadd231ps %%ymm0, %%ymm0, %%ymm0" ::: "xmm0");
    if (count > 1 && !strcmp(name[1], "bmi2"))
        __asm__ volatile("shlx %%eax, %%eax, %%eax" ::: "eax");
    if (count > 1 && !strcmp(name[1], "avx512f"))
        __asm__ volatile("vpaddd %%zmm0, %%zmm0, %%zmm0" ::: "xmm0");
    if (count > 1 && !strcmp(name[1], "avx512vl"))
        __asm__ volatile("vpaddd %%ymm16, %%ymm0, %%ymm0" ::: "xmm0");
    return 0;
}
EOF
${CC:-cc} -o "$work/one" "$work/one.c"

# A masked load must not fault on lanes that are masked out; qemu 7.2 reads the whole vector. So the
# guard pages around operands are made readable (never writable): reads beyond an operand are what
# the check on the real processor catches.
cat >"$work/readable.c" <<'EOF'
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
void *mmap(void *at, size_t bytes, int protection, int flags, int file, off_t offset)
{
    if (protection == PROT_NONE)
        protection = PROT_READ;
    return (void *)syscall(SYS_mmap, at, bytes, protection, flags, file, offset);
}
EOF
${CC:-cc} -shared -fPIC -o "$work/readable.so" "$work/readable.c"

emulate() { # emulate CPU PROGRAM ARGUMENT...: the emulator's own warnings go to a file
    cpu=$1
    shift
    $emulator -cpu "$cpu" -E LD_PRELOAD="$work/readable.so" "$@" 2>"$work/warnings"
}

wrong() { # wrong TEXT
    echo "emulated: $1" >&2
    exit 1
}

refuses() { # refuses CPU SET...
    refusing=$1
    shift
    for set; do
        if emulate "$refusing" "$work/one" "$set" >/dev/null; then
            wrong "the emulated $refusing runs $set instructions: this emulator proves nothing"
        fi
    done
}

runs() { # runs CPU SET...
    running=$1
    shift
    for set; do
        emulate "$running" "$work/one" "$set" || wrong "the emulated $running cannot run $set"
    done
}

# ---- the checks ----------------------------------------------------------------------------------

check() { # check CPU: the kernels' lines go to a file
    status=0
    emulate "$1" "$ektm" check --quick >"$work/$1" || status=$?
    if [ $status != 0 ]; then
        cat "$work/$1" "$work/warnings" >&2
        wrong "\`ektm check\` on an emulated $1 ended with status $status"
    fi
}

expect() { # expect CPU VERDICT NAME: every kernel of that name has it, and there is one
    awk -v verdict="$2" -v name="$3" '
        $2 ~ name && $1 ~ /^(passed|skipped|FAILED)$/ {
            count++
            if ($1 != verdict || NF < 3 || (verdict == "passed" && $3 + 0 == 0)) { bad = 1; print }
        }
        END { exit bad || !count }' "$work/$1" >&2 ||
        wrong "on an emulated $1 every kernel named $3 should have $2, and there should be one"
}

runs Nehalem none
refuses Nehalem avx avx2 fma bmi2 avx512f avx512vl
check Nehalem
expect Nehalem passed _reference
expect Nehalem skipped _avx2
expect Nehalem skipped _avx512

runs Haswell none avx avx2 fma bmi2
refuses Haswell avx512f avx512vl
check Haswell
expect Haswell passed _reference
expect Haswell passed '_avx2$'
expect Haswell skipped _avx2_vnni
expect Haswell skipped _avx512

for cpu in Nehalem Haswell; do
    printf '%-8s %s\n' "$cpu" "$(tail -n 1 "$work/$cpu")"
done
