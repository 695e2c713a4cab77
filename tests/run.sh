#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds stile, and runs every test that this machine can run: all of them in
# a plain build, those without a GPU again under the sanitizers. Exits 0 if all passed.
#
# usage: sh tests/run.sh [plain|sanitize|thread]...     default: all three
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/tests/setup.sh"

passed=0 failed=0 skipped=0 broken=

# Adds the results in a log of meson test.
count() {
    for kind in Ok 'Expected Fail' Fail 'Unexpected Pass' Timeout Skipped; do
        number=$(sed -n "s/^$kind: *\([0-9][0-9]*\).*/\1/p" "$1" | tail -n 1)
        case $kind in
        Ok | Expected*) passed=$((passed + ${number:-0})) ;;
        Skipped) skipped=$((skipped + ${number:-0})) ;;
        *) failed=$((failed + ${number:-0})) ;;
        esac
    done
}

# build NAME MESON-OPTION...; warnings are errors in the plain build alone, because GCC's are not
# reliable in code that a sanitizer has changed.
build() {
    folder=$work/$1
    shift
    [ -e "$folder/build.ninja" ] || meson setup "$folder" "$root" "$@"
    ninja -C "$folder"
}

# run_tests NAME MESON-TEST-ARGUMENT...
run_tests() {
    folder=$work/$1
    shift
    rm -f "$folder"/meson-logs/testlog*.txt
    meson test -C "$folder" --no-rebuild --print-errorlogs "$@" || broken=yes
    # Its name has the wrapper in it, where one is used.
    for log in "$folder"/meson-logs/testlog*.txt; do
        if [ -e "$log" ]; then
            count "$log"
        else
            broken=yes
        fi
    done
}

test_plain() {
    step "Plain build"
    build plain -Dwerror=true
    run_tests plain
}

test_sanitize() {
    step "AddressSanitizer and UndefinedBehaviorSanitizer"
    build sanitize -Db_sanitize=address,undefined -Db_lundef=false -Ddefault_library=static
    run_tests sanitize --no-suite gpu --no-suite nvrtc
}

# ThreadSanitizer of older compilers cannot map its shadow where addresses are randomised more than it
# expects: turn that off where this is allowed.
thread_wrapper() {
    echo 'int main(void) { return 0; }' >"$work/probe.c"
    cc -fsanitize=thread -o "$work/probe" "$work/probe.c" 2>/dev/null || return 1
    if "$work/probe" 2>/dev/null; then
        echo env
    elif setarch -R "$work/probe" 2>/dev/null; then
        echo setarch -R
    else
        return 1
    fi
}

test_thread() {
    step "ThreadSanitizer"
    if ! wrapper=$(thread_wrapper); then
        echo "ThreadSanitizer does not run on this machine; its tests are left out."
        return
    fi
    build thread -Db_sanitize=thread -Db_lundef=false -Ddefault_library=static
    run_tests thread --wrapper "$wrapper" --suite threads
}

step "What the tests need"
provide_build_tools
provide libcmocka-dev g++ python3-numpy locales zsh fish groff mandoc ||
    echo "Tests that need them are left out."
provide_nvrtc || true
if is_present locales; then
    # A locale with a decimal comma, which must change nothing.
    mkdir -p "$work/locale"
    [ -e "$work/locale/de_DE.UTF-8" ] ||
        localedef -i de_DE -f UTF-8 "$work/locale/de_DE.UTF-8"
    export LOCPATH="$work/locale"
fi
export ASAN_OPTIONS="${ASAN_OPTIONS:-halt_on_error=1:detect_stack_use_after_return=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}"
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1}"

[ $# -gt 0 ] || set -- plain sanitize thread
for kind; do
    case $kind in
    plain | sanitize | thread) "test_$kind" ;;
    *) stop "usage: sh tests/run.sh [plain|sanitize|thread]..." ;;
    esac
done

printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ -z "$broken" ] && [ "$failed" = 0 ]
