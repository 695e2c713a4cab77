# SPDX-License-Identifier: Apache-2.0
# Shell functions that tests/run.sh and examples/quickstart.sh share: they install what is missing and
# find or fetch NVRTC. To be sourced with $root set to the checkout. Everything that is built or fetched
# lies in $work, and only the distribution's packages are installed elsewhere.

work=${STILE_BUILD_DIR:-$root/build-auto}
build_packages="gcc libc6-dev meson ninja-build pkg-config liblua5.4-dev libyaml-dev python3"
mkdir -p "$work"

step() {
    printf '\n=== %s\n\n' "$*"
}

stop() {
    printf '\n%s\n' "$*" >&2
    exit 3
}

# Whether what a Debian package is wanted for is here, however it was installed.
is_present() {
    case $1 in
    gcc) command -v cc ;;
    g++) command -v c++ ;;
    libc6-dev) echo '#include <stdio.h>' | cc -E - ;;
    ninja-build) command -v ninja ;;
    pkg-config) pkg-config --version ;;
    liblua5.4-dev) pkg-config lua5.4 || pkg-config lua-5.4 || pkg-config 'lua >= 5.4' 'lua < 5.5' ;;
    libyaml-dev) pkg-config yaml-0.1 ;;
    libcmocka-dev) pkg-config cmocka ;;
    python3-numpy) python3 -c 'import numpy' ;;
    python3-pip) python3 -m pip --version ;;
    locales) localedef --version && test -e /usr/share/i18n/locales/de_DE ;;
    *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

missing_of() {
    for package; do
        is_present "$package" || printf ' %s' "$package"
    done
}

# Installs those of the packages that are missing; fails, having said why, where some still are.
provide() {
    missing=$(missing_of "$@")
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "Missing:$missing. There is no apt-get here: please install what these packages hold."
        return 1
    elif [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null; then
        as_root=sudo
    else
        echo "Missing:$missing. Without root or sudo they cannot be installed from here;"
        echo "an administrator can: apt-get install$missing"
        return 1
    fi
    echo "Installing$missing"
    {
        $as_root apt-get update -q
        # shellcheck disable=SC2086 # a list of words
        $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends $missing
    } >"$work/apt.log" 2>&1 || tail -n 3 "$work/apt.log"
    missing=$(missing_of "$@")
    [ -n "$missing" ] || return 0
    echo "Still missing:$missing. Is there no network? All of apt's messages: $work/apt.log"
    return 1
}

provide_build_tools() {
    # shellcheck disable=SC2086 # a list of words
    provide $build_packages || stop "Without these, stile cannot be built, so nothing of it works yet. Once they are
installed, run this again. Kernels also need NVRTC: from a CUDA toolkit, or else over the network."
    echo "The compiler, Meson, Ninja, Lua and libyaml are here."
}

has_nvrtc() {
    for folder in "${CUDA_PATH:-/usr/local/cuda}" /usr/local/cuda; do
        for library in "$folder"/lib64/libnvrtc.so* "$folder"/targets/*/lib/libnvrtc.so*; do
            [ ! -e "$library" ] || return 0
        done
    done
    PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null | grep -q 'libnvrtc\.so'
}

# The wheel whose cubins the driver of this machine loads: that of its CUDA version, else the newest.
nvrtc_wheel() {
    case $(nvidia-smi 2>/dev/null | sed -n 's/.*CUDA Version: *\([0-9]*\).*/\1/p') in
    12) echo nvidia-cuda-nvrtc-cu12 ;;
    *) echo nvidia-cuda-nvrtc ;;
    esac
}

# Finds NVRTC, or unpacks its wheel into $work/nvrtc and sets STILE_NVRTC. Fails, having said so, where
# kernels cannot be compiled.
provide_nvrtc() {
    if [ -n "${STILE_NVRTC:-}" ]; then
        echo "NVRTC: as STILE_NVRTC says, $STILE_NVRTC"
        return 0
    fi
    if has_nvrtc; then
        echo "NVRTC: from the CUDA toolkit on this machine."
        return 0
    fi
    if [ ! -e "$work/nvrtc/complete" ]; then
        echo "NVRTC: there is no CUDA toolkit; fetching the wheel $(nvrtc_wheel) into $work/nvrtc"
        rm -rf "$work/nvrtc"
        mkdir -p "$work/nvrtc"
        if provide python3-pip &&
            python3 -m pip download --quiet --no-deps --dest "$work/nvrtc" "$(nvrtc_wheel)" &&
            python3 -m zipfile -e "$work/nvrtc"/*.whl "$work/nvrtc"; then
            rm "$work/nvrtc"/*.whl
            touch "$work/nvrtc/complete"
        else
            echo "NVRTC could not be fetched, so no kernel can be compiled here. What still works:"
            echo "checking and explaining specs, generating CUDA, and running on the CPU."
            return 1
        fi
    fi
    STILE_NVRTC=$work/nvrtc
    export STILE_NVRTC
    echo "NVRTC: from its wheel, in $work/nvrtc"
}
