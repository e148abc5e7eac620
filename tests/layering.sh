#!/bin/sh
# Holds the includes to one direction: reference <- kernels <- harness <- tests, and within kernels
# and harness between their folders. Usage: tests/layering.sh [ROOT]. Prints each include that breaks
# a rule; exits 1 if there is one.
set -eu
cd "${1:-.}"
broken=0

# rule FOLDER PATTERN: files right in FOLDER include nothing of ours that does not match the extended
# regular expression PATTERN.
rule() {
    for file in "$1"/*.[ch]; do
        [ -e "$file" ] || continue
        if grep -Hn '^ *# *include *"' "$file" | grep -Ev "\"($2)\""; then
            echo "$file: may include only $2" >&2
            broken=1
        fi
    done
}

ground='harness/(fault|random)\.h'
rule reference 'reference/[a-z_]+\.(h|def)'
rule kernels '(reference|kernels)/[a-z0-9_]+\.(h|def)|kernels\.def|build\.h'
for backend in kernels/*/; do
    backend=${backend%/}
    rule "$backend" "reference/[a-z_]+\.(h|def)|kernels/[a-z_]+\.h|$backend/[a-z0-9_]+\.h|build\.h"
done
below="reference/[a-z_]+\.h|kernels/[a-z_]+\.h|$ground"
rule harness/machine "$below|harness/machine/[a-z_]+\.h"
rule harness/measure "$ground|harness/measure/[a-z_]+\.h"
rule harness/model "$below|harness/(machine|model)/[a-z_]+\.h"
rule harness/data "$below|harness/(machine|measure|model|data)/[a-z_]+\.h"
rule harness/verify "$below|harness/(machine|model|verify)/[a-z_]+\.h"
rule harness/results "$below|harness/(machine|measure|results)/[a-z_]+\.h|build\.h"
rule harness/bench "$below|harness/(machine|measure|model|verify|results|bench)/[a-z_]+\.h|harness/arguments\.h|build\.h"
rule harness/choose "$below|harness/(machine|measure|results|choose)/[a-z_]+\.h|harness/load/objective\.h"

exit "$broken"
