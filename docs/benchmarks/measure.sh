#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Measures on the GPU at hand what the README's table shows: verifies each spec, then times it against cuBLASLt.
#
# usage: sh docs/benchmarks/measure.sh STILE FOLDER [SPEC...]      default: the specs of the table
#
# FOLDER gets one JSON file for each spec; copy those of a whole run here, then run table.py and fit.py.
set -eu
[ $# -ge 2 ] || {
    echo "usage: sh $0 STILE FOLDER [SPEC...]" >&2
    exit 2
}
stile=$1 folder=$2
shift 2
root=$(cd "$(dirname "$0")/../.." && pwd)
shapes=4096x4096x4096,8192x8192x8192,8192x2048x5632
mkdir -p "$folder"

if [ $# -eq 0 ]; then
    for name in strassen random_r16 random_r24 strassen2; do
        set -- "$@" "$root/specs/$name.yaml"
    done
fi
for spec; do
    # A kernel that hangs must not hold the GPU for ever.
    timeout 120 "$stile" verify "$spec" --shape 33x47x29,1100x530x1300 --random 2
    timeout 300 "$stile" bench "$spec" --shape "$shapes" --json "$folder/$(basename "$spec" .yaml).json"
done
