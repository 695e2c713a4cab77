# SPDX-License-Identifier: Apache-2.0
"""Translates asm statements, PTX in C++, into C++ that calls the emulator (emulator.h).

Each instruction is a function below; one that is not known raises Unknown, which names it.
"""
import ast
import re


class Unknown(Exception):
    pass


# PTX types as C++ ones.
TYPES = {
    "pred": "bool", "b8": "unsigned char", "u8": "unsigned char", "s8": "signed char",
    "b16": "unsigned short", "u16": "unsigned short", "s16": "short",
    "b32": "unsigned", "u32": "unsigned", "s32": "int", "f32": "float",
    "b64": "unsigned long long", "u64": "unsigned long long", "s64": "long long", "f64": "double",
}

FORMATS = {"f16": "EMULATOR_F16", "bf16": "EMULATOR_BF16", "tf32": "EMULATOR_TF32",
           "e4m3": "EMULATOR_E4M3", "e5m2": "EMULATOR_E5M2"}
FORMAT_BYTES = {"f16": 2, "bf16": 2, "tf32": 4, "e4m3": 1, "e5m2": 1}

CURRENT = "emulator_current->"
SPECIAL = {
    "laneid": CURRENT + "lane", "warpid": CURRENT + "warp",
    "cluster_ctarank": CURRENT + "cluster_rank", "cluster_nctarank": CURRENT + "cluster_size",
    "smid": CURRENT + "multiprocessor", "nsmid": CURRENT + "multiprocessors",
    "clock": "emulator_clock()", "clock64": "emulator_clock()", "globaltimer": "emulator_clock()",
    "lanemask_lt": "((1u << emulator_current->lane) - 1)",
    "lanemask_eq": "(1u << emulator_current->lane)",
}
for ptx_name, member in (("tid", "thread_index"), ("ctaid", "block_index"), ("ntid", "block_size"),
                         ("nctaid", "grid_size")):
    for axis in "xyz":
        SPECIAL[ptx_name + "." + axis] = CURRENT + member + "." + axis

COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
               "lo": "<", "ls": "<=", "hi": ">", "hs": ">="}
ARITHMETIC = {"add": "+", "sub": "-", "and": "&", "or": "|", "xor": "^", "shl": "<<", "shr": ">>"}


def split(text, separator=","):
    """The parts of `text` between separators outside of brackets and strings."""
    parts, depth, start, i = [], 0, 0, 0
    while i < len(text):
        c = text[i]
        if c in "\"'":
            i = end_of_literal(text, i) - 1
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == separator and depth == 0:
            parts.append(text[start:i])
            start = i + 1
        i += 1
    parts.append(text[start:])
    return [part.strip() for part in parts]


def end_of_literal(text, start):
    i = start + 1
    while text[i] != text[start]:
        i += 2 if text[i] == "\\" else 1
    return i + 1


def end_of_brackets(text, start):
    """The index past the bracket that closes the one at `start`."""
    depth, i = 0, start
    while i < len(text):
        c = text[i]
        if c in "\"'":
            i = end_of_literal(text, i)
            continue
        depth += (c in "([{") - (c in ")]}")
        i += 1
        if depth == 0:
            return i
    raise SyntaxError("a bracket that is not closed")


class Statement:
    """One PTX instruction, its operands as C++ expressions."""

    def __init__(self, opcode, operands, registers):
        self.opcode = opcode
        self.parts = opcode.split(".")
        self.operands = operands
        self.registers = registers

    def unknown(self):
        return Unknown("the PTX instruction %s is not emulated (tests/emulator/ptx.py)"
                       % self.opcode)

    def __len__(self):
        return len(self.operands)

    def has(self, *parts):
        return all(part in self.parts for part in parts)

    def value(self, text):
        text = text.strip()
        if re.fullmatch(r"%\d+", text):
            return "emu_" + text[1:]
        name = text.lstrip("%")
        if name in self.registers:
            return "emu_r_" + re.sub(r"\W", "_", name)
        if text.startswith("%%") and name in SPECIAL:
            return SPECIAL[name]
        if re.fullmatch(r"0[fF][0-9a-fA-F]{8}", text):
            return "__uint_as_float(0x%s)" % text[2:]
        if re.fullmatch(r"-?(0[xX][0-9a-fA-F]+|\d+)U?", text):
            return text
        raise Unknown("the operand %s of %s is not emulated" % (text, self.opcode))

    def get(self, index):
        return self.value(self.operands[index])

    def vector(self, index):
        """The elements of {…}, or the one operand."""
        text = self.operands[index]
        return [self.value(e) for e in split(text[1:-1])] if text[0] == "{" else [self.value(text)]

    def address(self, index):
        """[base + offset] as an expression."""
        text = self.operands[index]
        if text[0] != "[":
            raise self.unknown()
        base = split(text[1:-1])[0]
        return " + ".join(self.value(term) for term in base.split("+"))

    def coordinates(self, index):
        """[map, {x, y, z}]"""
        return [self.value(e) for e in split(split(self.operands[index][1:-1])[1][1:-1])]

    def type(self):
        if self.parts[-1] not in TYPES:
            raise self.unknown()
        return TYPES[self.parts[-1]]

    def memory(self, index, kind, count=1):
        """A pointer to `count` elements of `kind`, in the space that the opcode names."""
        shared = any(part.startswith("shared") for part in self.parts)
        return "emulator::%s<%s>(%s, %d)" % ("shared" if shared else "global", kind,
                                             self.address(index), count)


# --- instructions: each returns C++ statements ----------------------------------------------------

def nothing(s):
    return ""


def mov(s):
    to, source = s.operands
    if to[0] == "{" or source[0] == "{":
        return repack(s)
    return assign(s.get(0), s.get(1))


def assign(to, value):
    return "%s = emulator::cast<std::remove_reference_t<decltype(%s)>>(%s);" % (to, to, value)


def repack(s):
    """mov between a register and a vector of smaller ones."""
    to, source = s.vector(0), s.vector(1)
    if len(to) == 1:
        parts = " ".join("memcpy((char *)&whole + %d * sizeof(%s), &%s, sizeof(%s));" % (i, e, e, e)
                         for i, e in enumerate(source))
        return "{ unsigned long long whole = 0; %s memcpy(&%s, &whole, sizeof(%s)); }" \
            % (parts, to[0], to[0])
    return "{ const auto whole = %s; %s }" % (source[0], " ".join(
        "memcpy(&%s, (const char *)&whole + %d * sizeof(%s), sizeof(%s));" % (e, i, e, e)
        for i, e in enumerate(to)))


def setp(s):
    kind = s.type()
    return "%s = emulator::cast<%s>(%s) %s emulator::cast<%s>(%s);" \
        % (s.get(0), kind, s.get(1), COMPARISONS[s.parts[1]], kind, s.get(2))


def selp(s):
    return "%s = %s ? %s : %s;" % (s.get(0), s.get(3), s.get(1), s.get(2))


def arithmetic(s):
    kind = s.type()
    if s.parts[0] in ("shl", "shr"):
        return "%s = (%s)%s %s %s;" % (s.get(0), kind, s.get(1), ARITHMETIC[s.parts[0]], s.get(2))
    return "%s = (%s)((%s)%s %s (%s)%s);" % (s.get(0), kind, kind, s.get(1), ARITHMETIC[s.parts[0]],
                                             kind, s.get(2))


def fma(s):
    if not s.has("rn", "f32"):
        raise s.unknown()
    return "%s = fmaf(%s, %s, %s);" % tuple(s.get(i) for i in range(4))


def ex2(s):
    return "%s = exp2f(%s);" % (s.get(0), s.get(1))


def tanh(s):
    return "%s = tanhf(%s);" % (s.get(0), s.get(1))


def rcp(s):
    return "%s = 1.0f / %s;" % (s.get(0), s.get(1))


def cvt(s):
    kinds = [part for part in s.parts[1:]
             if part in TYPES or part in FORMATS or part.endswith("x2")]
    if len(kinds) != 2 or s.has("relu") or s.has("sat"):
        raise s.unknown()
    to, source = kinds
    if to in ("bf16x2", "f16x2") and source == "f32":
        return "%s = (unsigned)emulator_%s(%s) << 16 | emulator_%s(%s);" \
            % (s.get(0), to[:-2], s.get(1), to[:-2], s.get(2))
    if to in ("e4m3x2", "e5m2x2") and source == "f32" and s.has("satfinite"):
        return "%s = (unsigned short)(emulator_fp8(%s, %s) << 8 | emulator_fp8(%s, %s));" \
            % (s.get(0), FORMATS[to[:-2]], s.get(1), FORMATS[to[:-2]], s.get(2))
    if to in ("bf16", "f16") and source == "f32":
        return "%s = emulator_%s(%s);" % (s.get(0), to, s.get(1))
    if to == "f32" and source in FORMATS:
        return "%s = emulator_from_bits(%s, %s);" % (s.get(0), FORMATS[source], s.get(1))
    if to == "tf32" and s.has("rna"):
        return "%s = emulator::tf32(%s);" % (s.get(0), s.get(1))
    if to in TYPES and source in TYPES and "f32" not in kinds and "f64" not in kinds:
        return "%s = (%s)(%s)%s;" % (s.get(0), TYPES[to], TYPES[source], s.get(1))
    raise s.unknown()


def cvta(s):
    if not s.has("to", "shared"):
        raise s.unknown()
    return "%s = emulator_shared_address((const void *)%s);" % (s.get(0), s.get(1))


def ld(s):
    to, kind = s.vector(0), s.type()
    poll = s.has("acquire") or s.has("relaxed") or s.has("volatile")
    loads = " ".join(assign(register, "from[%d]" % i) for i, register in enumerate(to))
    return "{ %s%s const *from = %s; %s%s }" % (
        "emulator_poll(); " if poll else "", kind, s.memory(1, kind, len(to)),
        "emulator_polled(from, emulator::bits(*from)); " if poll else "", loads)


def st(s):
    values, kind = s.vector(1), s.type()
    if s.has("async"):
        return "{ const %s value[] = {%s}; emulator_store_async(%s, value, sizeof value, %s); }" % (
            kind, ", ".join("emulator::cast<%s>(%s)" % (kind, v) for v in values), s.address(0),
            s.address(2))
    stores = " ".join("to[%d] = emulator::cast<%s>(%s);" % (i, kind, value)
                      for i, value in enumerate(values))
    return "{ %s *to = %s; %s emulator_wrote(); }" % (kind, s.memory(0, kind, len(values)), stores)


UPDATES = {
    "add": "(T)(old + (T){0})", "min": "old < (T){0} ? old : (T){0}",
    "max": "old < (T){0} ? (T){0} : old", "exch": "(T){0}", "and": "(T)(old & (T){0})",
    "or": "(T)(old | (T){0})", "xor": "(T)(old ^ (T){0})",
    "inc": "old >= (T){0} ? (T)0 : (T)(old + 1)",
    "cas": "old == (T){0} ? (T){1} : old",
}


def atomic(s):
    has_result = s.parts[0] == "atom"
    update = [part for part in s.parts if part in UPDATES]
    if len(update) != 1:
        raise s.unknown()
    first = 1 if has_result else 0
    values = [s.get(i) for i in range(first + 1, len(s))]
    kind = s.type()
    code = "emulator::atomic(%s, [&](T old) { return %s; });" \
        % (s.memory(first, kind), UPDATES[update[0]].format(*values))
    return "{ using T = %s; %s%s }" % (kind, s.get(0) + " = " if has_result else "", code)


def bar(s):
    if s.has("warp"):
        return "emulator_sync_warp(%s);" % s.get(0)
    if s.has("red"):
        raise s.unknown()
    count = s.get(1) if len(s) > 1 else "0"
    return "emulator_barrier(%s, %s, %d);" % (s.get(0), count, s.has("sync"))


def barrier(s):
    if not s.has("cluster"):
        return bar(s)
    return "emulator_cluster_%s();" % ("arrive" if s.has("arrive") else "wait")


def elect(s):
    register, predicate = s.operands[0].split("|")
    code = "%s = emulator::elect(%s);" % (s.value(predicate), s.get(1))
    if register.strip() != "_":
        code += " %s = __builtin_ctz(%s);" % (s.value(register), s.get(1))
    return code


def mapa(s):
    if not s.has("shared::cluster"):
        raise s.unknown()
    return "%s = emulator_mapa(%s, %s);" % (s.get(0), s.get(1), s.get(2))


def nanosleep(s):
    return "emulator_poll();"


def trap(s):
    return "emulator_fail(\"trap\");"


def createpolicy(s):
    return "%s = 0;" % s.get(0)


# --- mbarrier

def mbarrier(s):
    operation = s.parts[1]
    if operation == "init":
        return "emulator_mbarrier_init(%s, %s);" % (s.address(0), s.get(1))
    if operation == "inval":
        return "emulator_mbarrier_invalidate(%s);" % s.address(0)
    if operation == "arrive":
        if s.has("noComplete"):
            raise s.unknown()
        last = s.get(2) if len(s) > 2 else None
        expects = s.has("expect_tx")
        code = "emulator_mbarrier_arrive(%s, %s, %s);" \
            % (s.address(1), "1" if expects or not last else last, last if expects else "0")
        return code if s.operands[0] == "_" else "%s = %s" % (s.get(0), code)
    if operation == "expect_tx":
        return "emulator_mbarrier_expect(%s, %s);" % (s.address(0), s.get(1))
    if operation == "complete_tx":
        return "emulator_mbarrier_complete(%s, %s);" % (s.address(0), s.get(1))
    if operation in ("try_wait", "test_wait"):
        parity = s.get(2) if s.has("parity") else "(unsigned)(%s >> 61 & 1)" % s.get(2)
        return "%s = emulator_mbarrier_test(%s, %s, %d);" % (s.get(0), s.address(1), parity,
                                                             operation == "try_wait")
    raise s.unknown()


# --- copies

def cp(s):
    if s.has("bulk"):
        return bulk(s)
    if not s.has("async"):
        raise s.unknown()
    if s.has("commit_group"):
        return "emulator_copy_commit();"
    if s.has("wait_group"):
        return "emulator_copy_wait(%s);" % s.get(0)
    if s.has("wait_all"):
        return "emulator_copy_commit(); emulator_copy_wait(0);"
    if s.has("mbarrier"):
        return "emulator_copy_arrive(%s, %d);" % (s.address(0), s.has("noinc"))
    size = s.get(2)
    valid = s.get(3) if len(s) > 3 and not s.has("L2::cache_hint") else size
    return "emulator_copy_async(%s, emulator::global<char>(%s, 1), %s, %s);" \
        % (s.address(0), s.address(1), size, valid)


def bulk(s):
    if s.has("commit_group"):
        return "emulator_bulk_commit();"
    if s.has("wait_group"):
        return "emulator_bulk_wait(%s, %d);" % (s.get(0), s.has("read"))
    if s.has("prefetch"):
        return ""
    if s.has("reduce") or s.parts[0] != "cp" or s.has("im2col"):
        raise s.unknown()
    loads = s.parts[s.parts.index("global") - 1].startswith("shared") # the destination comes first
    multicast = s.has("multicast::cluster")
    if s.has("tensor"):
        rank = int(s.parts[4][0])
        position = s.coordinates(1 if loads else 0)
        code = "{ const int position[] = {%s}; " % ", ".join("(int)" + x for x in position)
        if loads:
            code += "emulator_tensor_load(%s, (const void *)(%s), %s, %d, position, %s); }"
            return code % (s.address(0), s.address(1), s.address(2), rank,
                           s.get(3) if multicast else "0")
        return code + "emulator_tensor_store((const void *)(%s), %s, %d, position); }" \
            % (s.address(0), s.address(1), rank)
    if loads:
        return "emulator_bulk_load(%s, (const void *)(%s), %s, %s, %s);" % (
            s.address(0), s.address(1), s.get(2), s.address(3), s.get(4) if multicast else "0")
    return "emulator_bulk_store((void *)(%s), %s, %s);" % (s.address(0), s.address(1), s.get(2))


# --- matrices

def array(name, kind, values):
    return "%s %s[] = {%s};" % (kind, name, ", ".join(values))


def matrix_count(s):
    return int([part for part in s.parts if re.fullmatch(r"x[124]", part)][0][1])


def ldmatrix(s):
    to = s.vector(0)
    return "{ unsigned fragment[4]; emulator_ldmatrix(fragment, %d, %d, %s); %s }" % (
        matrix_count(s), s.has("trans"), s.address(1),
        " ".join("%s = fragment[%d];" % (register, i) for i, register in enumerate(to)))


def stmatrix(s):
    return "{ %s emulator_stmatrix(fragment, %d, %d, %s); }" % (
        array("fragment", "const unsigned", s.vector(1)), matrix_count(s), s.has("trans"),
        s.address(0))


def mma(s):
    shape = re.fullmatch(r"m16n8k(\d+)", s.parts[3])
    d_type, a_type, b_type, c_type = s.parts[-4:]
    if not shape or not s.has("row", "col") or d_type != "f32" or c_type != "f32" \
            or a_type not in FORMATS or b_type not in FORMATS:
        raise s.unknown()
    size = int(shape.group(1)) * FORMAT_BYTES[a_type]
    d, a, b, c = (s.vector(i) for i in range(4))
    if size not in (16, 32) or (len(d), len(a), len(b), len(c)) != (4, size // 8, size // 16, 4):
        raise s.unknown()
    return "{ %s %s %s emulator_mma(sum, a, b, %s, %s, %d); %s }" % (
        array("sum", "float", c), array("a", "const unsigned", a), array("b", "const unsigned", b),
        FORMATS[a_type], FORMATS[b_type], size,
        " ".join("%s = sum[%d];" % (register, i) for i, register in enumerate(d)))


def wgmma(s):
    if s.parts[1] == "fence":
        return "emulator_wgmma_fence();"
    if s.parts[1] == "commit_group":
        return "emulator_wgmma_commit();"
    if s.parts[1] == "wait_group":
        return "emulator_wgmma_wait(%s);" % s.get(0)
    shape = re.fullmatch(r"m64n(\d+)k(\d+)", s.parts[4])
    if s.parts[1] != "mma_async" or not shape or s.has("sp"):
        raise s.unknown()
    d_type, a_type, b_type = s.parts[5:8]
    n, inner = int(shape.group(1)), int(shape.group(2))
    sums = s.vector(0)
    if d_type != "f32" or a_type not in FORMATS or b_type not in FORMATS or len(sums) != n // 2 \
            or inner * FORMAT_BYTES[a_type] != 32:
        raise s.unknown()
    # Both scales are 1; of the operands in shared memory none is transposed.
    in_registers = s.operands[1][0] == "{"
    modifiers = [s.value(operand) for operand in s.operands[4:]]
    expected = ["1", "1"] + ["0"] * (len(modifiers) - 2)
    if modifiers != expected:
        raise Unknown("%s with modifiers %s is not emulated" % (s.opcode, modifiers))
    registers = array("a", "const unsigned", s.vector(1)) if in_registers else ""
    return "{ %s %s emulator_wgmma(sums, %d, %s, %s, %s, %s, %s, %s); }" % (
        array("sums", "float *const", ["&" + register for register in sums]), registers, n,
        "a" if in_registers else "nullptr", "0" if in_registers else s.get(1), s.get(2), s.get(3),
        FORMATS[a_type], FORMATS[b_type])


INSTRUCTIONS = {
    "mov": mov, "setp": setp, "selp": selp, "fma": fma, "ex2": ex2, "tanh": tanh, "rcp": rcp,
    "cvt": cvt, "cvta": cvta, "ld": ld, "st": st, "red": atomic, "atom": atomic, "bar": bar,
    "barrier": barrier, "elect": elect, "mapa": mapa, "nanosleep": nanosleep, "trap": trap,
    "createpolicy": createpolicy, "mbarrier": mbarrier, "cp": cp, "ldmatrix": ldmatrix,
    "stmatrix": stmatrix, "mma": mma, "wgmma": wgmma,
    # One OS thread runs all of them in turn, so that memory is in order without a fence.
    "fence": nothing, "membar": nothing,
    "prefetch": nothing, "prefetchu": nothing, "discard": nothing, "applypriority": nothing,
    "setmaxnreg": nothing, "griddepcontrol": nothing,
}
INSTRUCTIONS.update(dict.fromkeys(ARITHMETIC, arithmetic))


# --- asm statements -------------------------------------------------------------------------------

def statements(text):
    """The statements of a PTX text; the braces of scopes are left out."""
    text = re.sub(r"//[^\n]*", "", text)
    i = 0
    while i < len(text):
        if text[i] in "{} \t\n;":
            i += 1
            continue
        end = text.find(";", i)
        end = len(text) if end < 0 else end
        yield text[i:end].strip()
        i = end + 1


def translate_ptx(text):
    code, registers = [], set()
    for line in statements(text):
        declaration = re.fullmatch(r"\.reg\s+\.(\w+)\s+(.+)", line, re.S)
        if declaration:
            for name in split(declaration.group(2)):
                registers.add(name.lstrip("%"))
                code.append("%s emu_r_%s{};" % (TYPES[declaration.group(1)],
                                                re.sub(r"\W", "_", name.lstrip("%"))))
            continue
        parsed = re.fullmatch(r"(?:@(!?)(%?%?\w+)\s+)?([a-z][\w.:]*)\s*(.*)", line, re.S)
        if not parsed:
            raise Unknown("the PTX %s is not emulated" % line)
        negated, guard, opcode, operands = parsed.groups()
        opcode = re.sub(r"::(?!\w)", "", opcode)
        s = Statement(opcode, split(operands) if operands else [], registers)
        if s.parts[0] not in INSTRUCTIONS:
            raise s.unknown()
        try:
            translated = INSTRUCTIONS[s.parts[0]](s)
        except (AttributeError, IndexError, KeyError, ValueError): # operands of another form
            raise s.unknown()
        if guard:
            translated = "if (%s%s) { %s }" % ("!" if negated else "", s.value(guard), translated)
        code.append(translated)
    return code


INPUTS = {
    "r": "const unsigned {0} = (unsigned)({1});", "h": "const unsigned short {0} = ({1});",
    "l": "const unsigned long long {0} = emulator::as_u64({1});", "f": "const float {0} = ({1});",
    "d": "const double {0} = ({1});", "n": "constexpr auto {0} = ({1});",
}


def translate_asm(inside):
    """What stands between the parentheses of an asm statement, as a C++ statement."""
    sections = split(inside, ":")
    literals = re.findall(r'"(?:[^"\\]|\\.)*"', sections[0])
    text = "".join(ast.literal_eval(literal) for literal in literals)
    code, number = [], 0
    for section in sections[1:3]:
        for operand in split(section) if section else []:
            parsed = re.fullmatch(r'"([=+]?)&?(\w)"\s*\((.*)\)', operand, re.S)
            if not parsed:
                raise Unknown("the asm operand %s is not emulated" % operand)
            kind, constraint, expression = parsed.groups()
            name = "emu_%d" % number
            if kind:
                code.append("auto &%s = %s;" % (name, expression))
            else:
                code.append(INPUTS[constraint].format(name, expression))
            number += 1
    return "do { %s } while (0)" % " ".join(code + translate_ptx(text))


# An asm statement up to its bracket, which is the group; or a literal, to be passed over.
ASM = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
                 r"|\b(?:asm|__asm__)\b(?:\s*\b(?:volatile|__volatile__)\b)?\s*(\()")


def translate(source):
    """Preprocessed source with every asm statement replaced."""
    out, start = [], 0
    for match in ASM.finditer(source):
        if not match.group(1):
            continue
        end = end_of_brackets(source, match.start(1))
        out += [source[start:match.start()], translate_asm(source[match.end():end - 1])]
        start = end
    return "".join(out) + source[start:]
