# SPDX-License-Identifier: Apache-2.0
"""libstile through ctypes: what stile.h declares, as far as it is needed. Knows nothing of PyTorch.

The library is looked for in $STILE_LIBRARY, beside this file (package data), where pkg-config finds
stile, and on the loader's path.
"""

import collections
import ctypes
import ctypes.util
import functools
import glob
import json
import os
import subprocess

VERSION = '0.1.'  # of the headers that the structures below mirror: 0.x promises no ABI
DEVICE_CPU = -1
FORWARD, BACKWARD_INPUT, BACKWARD_WEIGHT, BACKWARD_BASIS = 0, 1, 2, 4  # stile_op
UNSUPPORTED = -3  # STILE_ERROR_UNSUPPORTED


class LibraryError(RuntimeError):
    """libstile is missing (code 0), or a call of it failed; the text is stile_last_error()."""

    def __init__(self, text: str, code: int = 0):
        super().__init__(text)
        self.code = code


def _structure(name, *fields):
    # Room behind the fields known here: zero on the way in, and for what a later header writes on
    # the way out.
    return type(
        name, (ctypes.Structure,), {'_fields_': [*fields, ('reserve', ctypes.c_char * 256)]}
    )


def _fields(kind, names):
    return [(name, kind) for name in names.split()]


_double_pointer = ctypes.POINTER(ctypes.c_double)

ContextParams = _structure(
    'ContextParams',
    ('device', ctypes.c_int),
    ('cache_dir', ctypes.c_char_p),
    ('log', ctypes.c_void_p),
    ('log_user', ctypes.c_void_p),
    ('threads', ctypes.c_int),
)
PlanParams = _structure(
    'PlanParams',
    ('op', ctypes.c_int),
    *_fields(ctypes.c_int64, 'M K N rows_per_group ldx ldw ldy ldr ldz lddx lddw'),
    ('keep_z', ctypes.c_bool),
    ('alignment', ctypes.c_int),
    ('variant', ctypes.c_char_p),
)
PlanInfo = _structure(
    'PlanInfo',
    ('variant', ctypes.c_char_p),
    *_fields(ctypes.c_int, 'm k n rank'),
    *_fields(ctypes.c_char_p, 'input encoded product output'),
    *_fields(ctypes.c_int, 'input_size output_size'),
    *_fields(ctypes.c_char_p, 'weight_layout weight_encode'),
    *_fields(ctypes.c_bool, 'bias residual'),
    ('activation', ctypes.c_char_p),
    ('dense_basis', ctypes.c_bool),
)
Operands = _structure(
    'Operands',
    ('M', ctypes.c_int64),
    *_fields(ctypes.c_void_p, 'x w y bias residual u v d z dy dx dw dbias du dv dd'),
)
SpecOperator = _structure(
    'SpecOperator',
    ('basis', ctypes.c_char_p),
    *_fields(ctypes.c_int, 'm k n rank'),
    *_fields(_double_pointer, 'u v d'),
    ('exact', ctypes.c_bool),
    ('rows', ctypes.c_char_p),
    *_fields(ctypes.c_bool, 'bias residual'),
    ('activation', ctypes.c_char_p),
)

# The C names of the structures, for the test that compares them with the headers.
STRUCTURES = {
    'stile_context_params': ContextParams,
    'stile_plan_params': PlanParams,
    'stile_plan_info': PlanInfo,
    'stile_operands': Operands,
    'stile_spec_operator': SpecOperator,
}

_pointer, _out = ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p)
_PROTOTYPES = {
    'stile_version': (ctypes.c_char_p,),
    'stile_last_error': (ctypes.c_char_p,),
    'stile_context_create': (ctypes.c_int, _out, ctypes.POINTER(ContextParams)),
    'stile_spec_load': (ctypes.c_int, _out, ctypes.c_char_p, _pointer),
    'stile_spec_parse': (
        ctypes.c_int,
        _out,
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_char_p,
        _pointer,
    ),
    'stile_spec_destroy': (None, _out),
    'stile_spec_get_operator': (
        ctypes.c_int,
        ctypes.POINTER(SpecOperator),
        _pointer,
        ctypes.c_char_p,
    ),
    'stile_plan_create': (ctypes.c_int, _out, _pointer, _pointer, ctypes.POINTER(PlanParams)),
    'stile_plan_get_info': (ctypes.c_int, ctypes.POINTER(PlanInfo), _pointer),
    'stile_plan_workspace_size': (ctypes.c_size_t, _pointer),
    'stile_plan_weight_size': (ctypes.c_size_t, _pointer),
    'stile_workspace_init': (ctypes.c_int, _pointer, _pointer, _pointer),
    'stile_encode_weight': (ctypes.c_int, _pointer, _pointer, _pointer, _pointer, _pointer),
    'stile_run': (ctypes.c_int, _pointer, ctypes.POINTER(Operands), _pointer, _pointer),
}


def _candidates():
    if os.environ.get('STILE_LIBRARY'):
        return [os.environ['STILE_LIBRARY']]
    found = sorted(glob.glob(os.path.join(os.path.dirname(__file__), 'libstile.so*')))
    try:
        folder = subprocess.run(
            ['pkg-config', '--variable=libdir', 'stile'], capture_output=True, text=True, check=True
        ).stdout.strip()
        found += [os.path.join(folder, 'libstile.so')]
    except (OSError, subprocess.CalledProcessError):
        pass
    return found + [name for name in [ctypes.util.find_library('stile')] if name]


@functools.cache
def get():
    """The library, opened once. Errors: LibraryError, which says where it was looked for."""
    tried = []
    for path in _candidates():
        try:
            library = ctypes.CDLL(path)
            break
        except OSError as error:
            tried.append(f'\n  {path}: {error}')
    else:
        raise LibraryError(
            'libstile was not found; install stile (meson install), or set STILE_LIBRARY to '
            'the path of libstile.so' + ''.join(tried)
        )
    for name, (result, *arguments) in _PROTOTYPES.items():
        try:
            function = getattr(library, name)
        except AttributeError:
            raise LibraryError(
                f'{path} has no {name}: install the stile that this package belongs to'
            ) from None
        function.restype, function.argtypes = result, arguments
    version = library.stile_version().decode()
    if not version.startswith(VERSION):
        raise LibraryError(f'{path} is stile {version}, but this package needs {VERSION}x')
    return library


def available() -> bool:
    """Whether the library can be opened."""
    try:
        get()
    except LibraryError:
        return False
    return True


def check(result: int):
    if result:
        raise LibraryError(get().stile_last_error().decode(errors='replace'), result)


class Handle:
    """One pointer that the library made, and the function that destroys it."""

    def __init__(self, destroy=None):
        self.pointer = ctypes.c_void_p()
        self._destroy = destroy

    @property
    def out(self):
        return ctypes.byref(self.pointer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._destroy(self.out)


def open_spec(spec) -> Handle:
    """A spec for a `with`: from a path, or a dict whose basis paths start in the current folder."""
    library = get()
    handle = Handle(library.stile_spec_destroy)
    if isinstance(spec, dict):  # JSON is YAML
        text = json.dumps(spec, ensure_ascii=False).encode()
        check(library.stile_spec_parse(handle.out, text, len(text), os.fsencode(os.getcwd()), None))
    else:
        check(library.stile_spec_load(handle.out, os.fsencode(spec), None))
    return handle


Operator = collections.namedtuple('Operator', 'basis tile u v d rows bias residual activation')


def load_operator(spec, variant=None) -> Operator:
    """What a spec (a path or a dict) computes; u, v and d are flat lists of doubles."""
    with open_spec(spec) as handle:
        o = SpecOperator()
        check(
            get().stile_spec_get_operator(
                ctypes.byref(o), handle.pointer, variant and variant.encode()
            )
        )
        sizes = o.rank * o.m * o.k, o.rank * o.k * o.n, o.rank * o.m * o.n
        return Operator(
            o.basis.decode(),
            (o.m, o.k, o.n),
            *(pointer[:size] for pointer, size in zip((o.u, o.v, o.d), sizes)),
            o.rows.decode(),
            o.bias,
            o.residual,
            o.activation.decode(),
        )


@functools.cache
def context(device: int) -> ctypes.c_void_p:
    """The context of a device, for the life of the process: plans and graphs need it."""
    handle = Handle()
    check(get().stile_context_create(handle.out, ctypes.byref(ContextParams(device=device))))
    return handle.pointer


class Plan:
    """A plan for the life of the process: a captured graph may hold it."""

    def __init__(
        self, device: int, spec: dict, op: int, M: int, K: int, N: int, rows_per_group: int
    ):
        library, handle = get(), Handle()
        with open_spec(spec) as opened:
            params = PlanParams(op=op, M=M, K=K, N=N, rows_per_group=rows_per_group)
            check(
                library.stile_plan_create(
                    handle.out, context(device), opened.pointer, ctypes.byref(params)
                )
            )
        self.pointer = handle.pointer
        info = PlanInfo()
        check(library.stile_plan_get_info(ctypes.byref(info), self.pointer))
        self.dense_basis = bool(info.dense_basis)
        self.workspace_size = library.stile_plan_workspace_size(self.pointer)
        self.weight_size = library.stile_plan_weight_size(self.pointer)

    def workspace_init(self, workspace: int, stream: int):
        check(get().stile_workspace_init(self.pointer, workspace, stream))

    def encode_weight(self, w: int, w_hat: int, workspace: int, stream: int):
        check(get().stile_encode_weight(self.pointer, w, w_hat, workspace, stream))

    def run(self, workspace: int, stream: int, **operands):
        check(get().stile_run(self.pointer, ctypes.byref(Operands(**operands)), workspace, stream))
