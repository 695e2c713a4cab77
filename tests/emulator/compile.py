# SPDX-License-Identifier: Apache-2.0
"""Compiles CUDA source to a shared object that the emulator runs.

usage: compile.py SOURCE OUTPUT --gpu-architecture=sm_NN

STILE_EMULATOR_CXX is the C++ compiler, c++ if unset. STILE_EMULATOR_KEEP is a file that gets the
translation. STILE_EMULATOR_MUTATION, "old text=>new text", changes a source that holds the old text
first and makes the file STILE_EMULATOR_MUTATED: tests break kernels with it.
"""
import os
import re
import subprocess
import sys

import ptx

FOLDER = os.path.dirname(os.path.abspath(__file__))
COMPILER = os.environ.get("STILE_EMULATOR_CXX", "c++").split()
# Indices of local arrays and the alignment of memory accesses are checked; a failure traps.
FLAGS = ["-std=c++17", "-O1", "-fPIC", "-shared", "-fvisibility=hidden", "-w",
         "-fno-strict-aliasing", "-ffp-contract=off", "-fno-math-errno", "-fno-exceptions",
         "-fno-stack-protector", "-U_FORTIFY_SOURCE",
         "-fsanitize=alignment,bounds", "-fsanitize-undefined-trap-on-error", "-I" + FOLDER]

SHARED = re.compile(r"(?:__align__\s*\(([^()]*)\)\s*)?(extern\s+)?__shared__\s+"
                    r"(?:(?:__align__|alignas)\s*\(([^()]*)\)\s*)?"
                    r"([^;]*?)(\w+)\s*((?:\[[^\]]*\])*)\s*;")


def mutate(source):
    mutation = os.environ.get("STILE_EMULATOR_MUTATION")
    if not mutation:
        return source
    old, new = mutation.split("=>")
    if old in source and "STILE_EMULATOR_MUTATED" in os.environ:
        open(os.environ["STILE_EMULATOR_MUTATED"], "w").close()
    return source.replace(old, new)


def preprocess(source, architecture):
    done = subprocess.run(COMPILER + ["-E", "-P", "-x", "c++", "-std=c++17", "-nostdinc", "-w",
                                      "-D__CUDA_ARCH__=%d0" % architecture, "-D__CUDACC__", "-"],
                          input=source, stdout=subprocess.PIPE, universal_newlines=True)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout


def shared_variable(match):
    outer, extern, inner, kind, name, extents = match.groups()
    alignment = inner or outer or "16"
    kind = kind.strip()
    if extern:
        return "%s *const %s = static_cast<%s *>(emulator_dynamic_shared(%s));" % (kind, name, kind,
                                                                                  alignment)
    return ("static unsigned emu_slot_%s; using emu_type_%s = %s %s;"
            " auto &%s = *static_cast<emu_type_%s *>(emulator_static_shared("
            "&emulator::shared_bytes, &emu_slot_%s, sizeof(emu_type_%s), %s));"
            % (name, name, kind, extents, name, name, name, name, alignment))


def attribute(declaration, name):
    """The arguments of __name__(…) in a declaration, and the declaration without it."""
    start = declaration.find(name)
    if start < 0:
        return [], declaration
    opening = declaration.index("(", start)
    end = ptx.end_of_brackets(declaration, opening)
    return ptx.split(declaration[opening + 1:end - 1]), declaration[:start] + declaration[end:]


def kernels(source):
    """A descriptor (emulator_kernel) of each __global__ function."""
    for match in re.finditer(r"__global__[^;{]*\{", source):
        declaration = match.group()[:-1]
        bounds, declaration = attribute(declaration, "__launch_bounds__")
        cluster, declaration = attribute(declaration, "__cluster_dims__")
        name = re.search(r"(\w+)\s*\(", declaration).group(1)
        cluster = (cluster + ["1", "1", "1"])[:3]
        yield ('extern "C" EMULATOR_API const emulator_kernel emulator_kernel_%s = {'
               '"%s", emulator::Kernel<%s>::run, emulator::Kernel<%s>::count,'
               " emulator::Kernel<%s>::sizes, (unsigned)(%s),"
               " {(unsigned)(%s), (unsigned)(%s), (unsigned)(%s)}};\n"
               % (name, name, name, name, name, bounds[0] if bounds else "0", *cluster))


def main():
    source_path, output, option = sys.argv[1:]
    architecture = int(re.search(r"\d+", option).group())
    with open(source_path) as file:
        source = preprocess(mutate(file.read()), architecture)
    try:
        translated = ptx.translate(source)
    except ptx.Unknown as unknown:
        print("error: %s" % unknown)
        return 1
    text = "".join(['#include "prelude.h"\n', SHARED.sub(shared_variable, translated),
                    *kernels(source)])
    keep = os.environ.get("STILE_EMULATOR_KEEP")
    if keep:
        with open(keep, "w") as file:
            file.write(text)
    done = subprocess.run(COMPILER + FLAGS + ["-x", "c++", "-", "-o", output], input=text,
                          universal_newlines=True)
    if done.returncode == 0:
        print("emulated: the number of registers is not known")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
