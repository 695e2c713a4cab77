#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a fresh machine to a checked product: installs what is missing, builds a release, multiplies two
# matrices with Strassen's algorithm, on the GPU where there is one, and shows what each step gives.
#
# usage: sh examples/quickstart.sh
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/setup.sh"

spec=$root/specs/strassen.yaml
results=$work/quickstart
stile=$work/release/runtime/cli/stile

# Shows a command of the program, then runs it.
show() {
    printf '$ stile %s\n' "$*"
    "$stile" "$@"
}

step "1. Install what is missing"
provide_build_tools
nvrtc=yes
provide_nvrtc || nvrtc=

step "2. Build a release"
[ -e "$work/release/build.ninja" ] ||
    meson setup "$work/release" "$root" --buildtype=release -Dtests=disabled
ninja -C "$work/release"

step "3. What stile finds on this machine"
show doctor || true

step "4. Check a spec: the tile, the products of Strassen's algorithm, the number formats"
show check "$spec"

step "5. Explain it for one shape: kernels, work, the limit of the speed-up, how errors grow"
show explain "$spec" --shape 8192x8192x8192

step "6. Make X [500, 384] and W [300, 384], no multiples of any block, as .npy files"
mkdir -p "$results"
python3 "$root/examples/matrices.py" make "$results/x.npy" 500 384 1
python3 "$root/examples/matrices.py" make "$results/w.npy" 300 384 2
ls -l "$results"/x.npy "$results"/w.npy

step "7. Compute Y = X times W transposed, on the GPU where there is one, else on the CPU"
show run "$spec" --x "$results/x.npy" --w "$results/w.npy" --out "$results/y.npy"
echo
echo "The same product in plain Python, which knows nothing of tiles, agrees up to bfloat16 rounding:"
python3 "$root/examples/matrices.py" compare "$results/x.npy" "$results/w.npy" "$results/y.npy"

step "8. Verify the operator on random matrices with odd sizes"
if "$stile" doctor --json | grep -q '"gpu_ready": true'; then
    echo "The kernels against the operator in double precision:"
    show verify "$spec"
else
    echo "No GPU can be used here. Double precision on the CPU against its definition, tile by tile:"
    show verify "$spec" --device cpu
fi

step "9. Generate the CUDA source for a Hopper GPU, whatever GPU is here"
show generate "$spec" --arch sm_90a -o "$results/cuda"

step "10. Compile it with NVRTC, which needs no GPU"
if [ -n "$nvrtc" ]; then
    library=$("$stile" doctor | sed -n 's/.*NVRTC .* from \(.*\), for sm_.*/\1/p')
    python3 "$root/examples/compile_cuda.py" "$library" sm_90a "$results"/cuda/*/*.cu
else
    echo "Left out: there is no NVRTC here. Install the CUDA toolkit or set STILE_NVRTC."
fi

step "Done"
cat <<END
Y             $results/y.npy
CUDA source   $results/cuda
The program   $stile --help
More specs    $root/specs
END
