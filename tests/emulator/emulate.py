# SPDX-License-Identifier: Apache-2.0
"""Runs a program on the emulated GPU.

usage: emulate.py [--arch 80|90] [--seed N] [--delays PERCENT] [--sms N] BUILD COMMAND [ARGUMENT…]

BUILD is the Meson build folder. Kernels are kept in a cache of their own in it, which belongs to
this version of the emulator: other caches never see an emulated kernel. README.md has the options.
"""
import argparse
import hashlib
import os
import sys

FOLDER = os.path.dirname(os.path.abspath(__file__))
COMPILES = ("compile.py", "ptx.py", "prelude.h", "emulator.h")


def version(environment):
    digest = hashlib.sha256()
    for name in COMPILES:
        with open(os.path.join(FOLDER, name), "rb") as file:
            digest.update(file.read())
    for name in ("STILE_EMULATOR_CXX", "STILE_EMULATOR_MUTATION"):
        digest.update(("\0" + environment.get(name, "")).encode())
    return digest.hexdigest()[:16]


def environment_for(build, settings, base=os.environ):
    """The environment in which the emulated GPU is found; settings: STILE_EMULATOR_…, without that."""
    libraries = os.path.join(os.path.abspath(build), "tests", "emulator")
    environment = dict(base)
    environment.update({"STILE_EMULATOR_" + name: str(value) for name, value in settings.items()})
    environment["LD_LIBRARY_PATH"] = ":".join(
        path for path in (libraries, base.get("LD_LIBRARY_PATH")) if path)
    environment["STILE_NVRTC"] = os.path.join(libraries, "libnvrtc.so")
    environment["STILE_CACHE_DIR"] = os.path.join(libraries, "cache-" + version(environment))
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    return environment


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n")[2][7:])
    parser.add_argument("build")
    for name in ("arch", "seed", "delays", "sms"):
        parser.add_argument("--" + name, type=int)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if not arguments.command:
        parser.error("no command")
    settings = {name.upper(): getattr(arguments, name) for name in ("arch", "seed", "delays", "sms")
                if getattr(arguments, name) is not None}
    os.execvpe(arguments.command[0], arguments.command, environment_for(arguments.build, settings))


if __name__ == "__main__":
    sys.exit(main())
