#!/bin/sh
# emulated_arm.sh EKTM CC: checks NEON's kernels on emulated arm64 processors with and without the
# instructions that some of them need.
#
#   Cortex-A57    armv8-a   base NEON runs; every kernel that needs more is skipped
#   Neoverse N1   DOTPROD   SDOT's run beside; BF16's and I8MM's are skipped
#   max           all       every kernel runs
#
# An instruction that the processor lacks ends the trial with "Illegal instruction", so passing shows
# that none has leaked into kernels that run without. Whether the emulator does refuse such
# instructions is tried first. BF16 and I8MM only come together here; that kernels of one have no
# instruction of the other is the assembler's to refuse, which is told what each may use.
set -eu

ektm=${1:?usage: emulated_arm.sh EKTM CC} cc=${2:?usage: emulated_arm.sh EKTM CC}
emulator=qemu-aarch64-static
if ! command -v $emulator >/dev/null; then
    echo "emulated: needs $emulator, from Debian's qemu-user-static" >&2
    exit 3
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

wrong() { # wrong TEXT
    echo "emulated: $1" >&2
    exit 1
}

# ---- what the emulator can and cannot do ---------------------------------------------------------

# One instruction of each set, named by its only argument.
cat >"$work/one.c" <<'EOF'
#include <string.h>
int main(int count, char **name)
{
    if (count > 1 && !strcmp(name[1], "dotprod"))
        __asm__ volatile(".arch_extension dotprod\nsdot v0.4s, v0.16b, v0.16b" ::: "v0");
    if (count > 1 && !strcmp(name[1], "i8mm"))
        __asm__ volatile(".arch_extension i8mm\nusmmla v0.4s, v1.16b, v1.16b" ::: "v0");
    if (count > 1 && !strcmp(name[1], "bf16"))
        __asm__ volatile(".arch_extension bf16\nbfmmla v0.4s, v1.8h, v1.8h" ::: "v0");
    return 0;
}
EOF
$cc -march=armv8.2-a -static -o "$work/one" "$work/one.c"

refuses() { # refuses CPU SET...
    cpu=$1
    shift
    for set; do
        if $emulator -cpu "$cpu" "$work/one" "$set" >/dev/null 2>&1; then
            wrong "the emulated $cpu runs $set instructions: this emulator proves nothing"
        fi
    done
}

runs() { # runs CPU SET...
    cpu=$1
    shift
    for set; do
        $emulator -cpu "$cpu" "$work/one" "$set" || wrong "the emulated $cpu cannot run $set"
    done
}

# ---- the checks ----------------------------------------------------------------------------------

check() { # check CPU: the kernels' lines go to a file
    status=0
    $emulator -cpu "$1" "$ektm" check --quick --backend neon >"$work/$1" || status=$?
    if [ $status != 0 ]; then
        cat "$work/$1" >&2
        wrong "\`ektm check\` on an emulated $1 ended with status $status"
    fi
}

expect() { # expect CPU VERDICT NAME [REASON]: every kernel of that name has it, and there is one
    awk -v verdict="$2" -v name="$3" -v reason="${4:-}" '
        $2 ~ name && $1 ~ /^(passed|skipped|FAILED)$/ {
            count++
            if ($1 != verdict || (verdict == "passed" && $3 + 0 == 0) || !index($0, reason)) {
                bad = 1; print
            }
        }
        END { exit bad || !count }' "$work/$1" >&2 ||
        wrong "on an emulated $1 every kernel named $3 should have $2 ${4:-}, and there should be one"
}

runs cortex-a57 none
refuses cortex-a57 dotprod i8mm bf16
check cortex-a57
expect cortex-a57 passed '_neon$'
expect cortex-a57 skipped '_neon_dotprod$' "this CPU lacks DOTPROD"
expect cortex-a57 skipped '_neon_i8mm$' "this CPU lacks I8MM"
expect cortex-a57 skipped '_neon_(bfdot|bfmmla)$' "this CPU lacks BF16"

runs neoverse-n1 none dotprod
refuses neoverse-n1 i8mm bf16
check neoverse-n1
expect neoverse-n1 passed '_neon$'
expect neoverse-n1 passed '_neon_dotprod$'
expect neoverse-n1 skipped '_neon_i8mm$' "this CPU lacks I8MM"
expect neoverse-n1 skipped '_neon_(bfdot|bfmmla)$' "this CPU lacks BF16"

runs max none dotprod i8mm bf16
check max
expect max passed '_neon'

for cpu in cortex-a57 neoverse-n1 max; do
    printf '%-12s %s\n' "$cpu" "$(tail -n 1 "$work/$cpu")"
done
