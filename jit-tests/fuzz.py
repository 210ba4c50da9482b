"""Random programs, run by CPython 3.14 and by pyrs with its JIT: `fuzz.py [-n N] [--seed S] [--oracle CMD] PYRS [ARG ...]`.

A program is a few functions with loops over ints, floats, lists, tuples, dictionaries, strings and instances, with
branches, calls, exceptions and types that change on the way. Both outputs must be equal. A program that differs is
reduced, by leaving out statements as long as the outputs still differ, and written to the present folder.
"""

import argparse
import random
import re
import shlex
import subprocess
import sys

HEAD = """
import types
from array import array
from collections import defaultdict, deque, namedtuple
class P:
    def __init__(self, a, b):
        self.a = a
        self.b = b
    def add(self, k):
        self.a = self.a + k
        return self.a
    def get(self):
        return self.b
class N(namedtuple("N", "u v")):
    pass
class K(int):
    pass
class Missing(dict):
    def __missing__(self, key):
        return -key
class Pretend:
    @property
    def __class__(self):
        return int
class H:
    eqs = 0
    def __init__(self, n):
        self.n = n
    def __hash__(self):
        return self.n % 4
    def __eq__(self, other):
        H.eqs += 1
        return isinstance(other, H) and self.n == other.n
    def __lt__(self, other):
        return self.n < other.n
    def __len__(self):
        return self.n % 3
    def __contains__(self, k):
        return k == self.n
    def __getitem__(self, k):
        return self.n + k
    def __neg__(self):
        return 3 - self.n
    def __call__(self, k, m=2):
        return self.n * m + k
    def __ge__(self, other):
        return self.n - 2 if isinstance(other, H) else NotImplemented
class S:
    __slots__ = ("u", "v")
    def __init__(self, u):
        self.u = u
        self.v = 0
class Q(P):
    def get(self):
        return self.a
def helper(x, y):
    if x is None:
        return y
    return x
def scale(x, k=0.5):
    y = x * k
    if y > 1e6: y = 0.25
    return y
def gen(n, k=1):
    for e in range(n):
        yield e * k
def walk(x, n):
    if n:
        yield from walk(x, n - 1)
    yield x
    if n > 1:
        yield from walk(n, n - 2)
def echo(n):
    x = 0
    for e in range(n):
        x = (yield e) or x
    return x
def through(n):
    x = yield from echo(n)
    yield x
def send(g, v):
    next(g)
    for e in range(9):
        try:
            v = g.send(v)
        except StopIteration:
            return v
    return -1
@types.coroutine
def pause(v):
    return (yield v)
async def soon(n, v):
    if n > 1:
        return await soon(n - 1, v)
    return await pause(v) if n else v
def drive(c):
    v = None
    while True:
        try:
            v = c.send(v)
        except StopIteration as e:
            return e.value
def show(v):
    return v if not isinstance(v, float) else round(v, 6)
def mod(v):
    return v % 1000003 if isinstance(v, int) else v
"""


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.calls_itself = False

    def atom(self):
        r = self.r
        return r.choice(["i", "j", "a", "b", "c", str(r.randint(-5, 40)), "f", "g", "xs[i % len(xs)]", "p.a", "p.b"])

    def number(self, depth=0):
        r = self.r
        if depth > 2 or r.random() < 0.35:
            return self.atom()
        x, y = self.number(depth + 1), self.number(depth + 1)
        if self.calls_itself and r.random() < 0.15:
            return r.choice([f"itself(i % {r.randint(3, 8)})", f"itself(i % 5, {x})", "sum(map(itself, range(i % 6)))"])
        return r.choice([
            f"({x} + {y})", f"({x} - {y})", f"mod({x} * {y})", f"({x} + {y})", f"helper({x}, {y})",
            f"({x} if {self.test(depth + 1)} else {y})", f"-{x}", f"p.add({r.randint(-3, 3)})", "p.get()", f"q.get()",
            f"t[{r.randint(0, 2)}]", "ai[i % 4]", "ad[j % 3 if j == int(j) else 0]", "ab[i % 9 - 4]", "al[i % 3]", "by[i % 5]", "ba[i % 3]", "w.u", "w.v",
            f"max({x}, {y})", f"min({x}, 9)", f"abs({x})", f"int({x})", "sum(xs[:3])", "len(ai)", "len(s[:3])", "ord(txt[i % 6])",
            "int(txt[i % 6])", f"len(xs[{r.randint(0, 2)}:])", "len({*xs})", "len([k for k in xs if k])", "len(f'{i}{a}')",
            "pop(0) if len(xs) > 5 else 0", "len({k: i for k in t})", "(0 if isinstance(a, int) else 1)", "sorted(t)[0]",
            "int(type(a) is int)", "dd[i % 4]", "(i % 40).bit_length()", "int(issubclass(type(a), float))", "N(1, i % 3).v",
            "getattr(p, 'a', 0)", "int(getattr(type(p), 'get', None) is P.get)", "ks.get(N(i % 3, 1), 5)", "int(Pretend.__eq__ is None)",
            "int(isinstance(pre, int))", "int(isinstance(p, (int, Q)))", "K(i % 5)", "dd2[i % 6]", "int(type(p.get()) is type(a))", "hd.get(H(i % 6), 2)", "hd.get(i % 5, 1)", "hd.get((i % 3, H(i % 2)), 7)", "len(H(i % 5))", "-H(i % 7)", "H(2)[i % 3]",
            "int([H(1), i % 3] == [H(i % 2), 1])", "min(H(3), H(i % 5)).n", "len({H(i % 3), H(1), i % 3})", "hs.index(H(i % 3))", "H.eqs", "h(i % 7)", "H(1)(i, 3)", "h(1, m=i % 3)",
            "int(p is q)", "(i & 7)", "(i << 3)",
            "sum(gen(i % 4))", f"sum(k * 2 for k in (i, {x}))", "sum(gen(3, f), 1)", "len(set(k for k in xs))", "sum(walk(i, 2))",
            "max(k for k in t)", "min(gen(3, b))", f"int(any(k == {x} for k in xs))", "int(all(gen(i % 3)))", "next(gen(4, a))",
            "len(''.join(str(k) for k in t))", "sorted(gen(4, -1))[i % 4]", "tuple(gen(5))[i % 5]", "send(through(i % 4), 3)",
            "drive(soon(i % 4, b))", "list(walk(a, i % 3))[-1]", "len(frozenset(gen(i % 5)))", "(i ^ 5)", "(i // 3)", "~i", "dq[0]", "d[0]", f"d.get(i % 5, {y})", "len(xs)", f"int({x} > {y})", f"({x} % 7 if {x} == {x} else {y})",
        ])

    def test(self, depth=0):
        r = self.r
        op = r.choice(["<", "<=", "==", "!=", ">", ">="])
        return r.choice([
            f"{self.number(depth + 1)} {op} {self.number(depth + 1)}", f"i % {r.randint(2, 9)} == {r.randint(0, 2)}",
            f"i {op} {r.randint(0, 60)}", "a is None", "not b", f"(i % 5) in d", "i & 1", "txt[i % 6] == '3'", "(i % 7) in fs", "(i, 1) in fs", "K(i % 7) in fs", "H(i % 5) in hd", "i % 4 in hd", "H(i % 3) in hs", "i in H(5)", "H(i % 4) == H(2)", "H(i % 3)", "H(1) < H(i % 3)", "H(i % 4) >= H(1)", "h < H(i % 6)", "h == i % 3", "i % 3 == h", "h != H(i % 2)", "h >= i", "N(3, 1) in fs", "i % 4 in dd", "p in (q, p)", "p in {q: 1}", "'1' in s", "a in t", "fs <= fs2", "s", "d", "i is not None",
            "ai", "str(i) < '3'", "type(b) is float", "isinstance(b, (int, float))", "t == (1, 2.5, 3)",
        ])

    def statement(self, depth):
        r = self.r
        pad = "    " * (depth + 1)
        v = r.choice(["a", "b", "c", "f", "g"])
        kind = r.random()
        if kind < 0.45:
            return [f"{pad}{v} = {self.number()}"]
        if kind < 0.55:
            return [f"{pad}{v} {r.choice(['+=', '-='])} {self.number(1)}"]
        if kind < 0.62:
            return [pad + r.choice([f"xs[i % len(xs)] = {self.number(1)}", f"d[i % 5] = {self.number(1)}",
                                    f"p.b = {self.number(1)}", "t = (a, b, i)", "xs.append(i)", "p, q = q, p",
                                    f"s += str(i)[0]", f"ai[i % 4] = int({self.atom()}) % 1000", f"ad[i % 3] = {self.number(1)}",
                                    "ba[i % 3] = i % 256", f"ab[i % 5] = {self.atom()}", f"al[i % 3] = {self.number(1)}", f"ai[i % 5 - 1] = {self.atom()}",
                                    f"w.u = {self.number(1)}", f"w.v = {self.atom()}", "xs[1:3] = [i, 2]",
                                    "a, b = b, a", "[a, b, c] = xs[:3]", "for [a, b], c in (([i, 2], 3), ([4, i], 5)): b += a", "(a, c), b = (i, 3), 4", "dq.append(i); dq.popleft()",
                                    "fs2 = fs | {i % 11}", f"f += {self.atom()} * 0.5", "f = scale(f * 2.0)", "f = scale(i / 3, f)", "a, f = f, a",
                                    "g = f = i * 0.25", "f, g = g + 1.0, f", "g -= f; f = g if g < 50.0 else 0.5", "t = (f, g, i)",
                                    "f = f * 1e200", "f = -g", "g = [v for v in (f, g)][0]", "f = (lambda: f)() * 0.5",
                                    "g = max(f, 0.0)", "p.a = g", "g = (f - g) * (f + g) / 3.0", "d.update()", "s = f'{i:03d}{b!r}'[:9]", "xs.extend(t)",
                                    "xs.insert(0, i)", "d = {**d, 9: i}", "b = [k + i for k in xs][-1]", "w = S(i)",
                                    "xs.sort(key=str)", "d[9] = 1", "d.pop(9, None)", f"dd[i % 5] += {self.atom()}", "dd2[i % 9] = i", "ks[N(2, i % 2)] = i", "p.a = i", "h = H(i % 5)", "hd[H(i % 5)] = i", "hd[i % 6] = 1", "hd.pop(H(i % 6), 0)", "hd[i % 3, H(i % 2)] = i", "s += txt[i % 6]", "s = s[-5:]", "s += s[:1]; s = s[:9]", "f = f * 0.5 + 1"])]
        if kind < 0.78 and depth < 4:
            out = [f"{pad}if {self.test()}:"] + self.block(depth + 1)
            return out + ([f"{pad}else:"] + self.block(depth + 1) if r.random() < 0.5 else [])
        if kind < 0.88 and depth < 3:
            head = r.choice([f"for j in range({r.randint(1, 6)}):", "for j in xs[:4]:", "for j, k in enumerate(t):",
                             "for j in (1, 2.5, 3):", "for j, k in d.copy().items():", "for j in list(d):", "for j in d.copy().values():",
                             "for j, k in zip(xs[:3], ai):", "for j in map(int, txt[:3]):", "for j in ai:", "for j in {i % 3, 1}:",
                             "for j, k in ((1, 2), (3, 4)):", "for j in reversed(xs[:3]):", "for j in by[:3]:", "for j in iter(t):",
                             "for j in gen(i % 4):", "for j in walk(i, i % 3):", "for j in (k for k in xs[:4] if k):", "for j, k in zip(gen(2), t):",
                             "for j in sorted(fs, key=str)[:2] and [1]:", "for (j, k), l in zip(enumerate(t), xs):"])
            return [pad + head] + self.block(depth + 1)
        if kind < 0.94 and depth < 3:
            return [f"{pad}try:"] + self.block(depth + 1) + [
                f"{pad}    if i % {r.randint(3, 20)} == 1: raise ValueError(i)",
                f"{pad}except (ValueError, ZeroDivisionError, OverflowError) as e:", f"{pad}    c = len(str(e))"]
        return [f"{pad}if i == {r.randint(5, 90)}: {v} = {r.choice(['None', '0.5', '2**70', 'True', '3', '-0.0'])}",
                f"{pad}if {v} is None: {v} = i"]

    def block(self, depth):
        return [line for _ in range(self.r.randint(1, 3)) for line in self.statement(depth)]

    def recursion(self):
        """A function inside, which calls itself once or twice."""
        r = self.r
        self.calls_itself = False
        lines = ["    def itself(i, j=0):", f"        if i < {r.randint(1, 2)}:", f"            return {self.number(1)}"]
        if r.random() < 0.6:
            lines += [f"        if {self.test(1)}:", f"            return {self.number(1)} - itself(i - 1, {self.number(2)})"]
        if r.random() < 0.3:
            lines += [f"        if i == {r.randint(1, 6)}: raise ValueError({self.atom()})"]
        step = r.randint(1, 2)
        lines.append("        " + r.choice([f"return itself(i - 1, i) + {self.number(1)}", f"return mod(itself(i - {step}) + itself(i - 1, j))",
                                            f"k = itself(i - 1, {self.number(2)}); return k if {self.test(1)} else -k"]))
        self.calls_itself = True
        return lines

    def program(self):
        r = self.r
        lines = HEAD.splitlines()
        for n in range(r.randint(1, 2)):
            lines += [f"def f{n}(n):", "    a, b, c, f, s, j, g = 1, 2, 0, 0.25, '', 0, 1.5", "    xs = [1, 2, 3, 4]",
                      "    t = (1, 2.5, 3)", "    d = {0: 1, 3: 2}", "    p, q, w = P(1, 2), Q(3, 4.5), S(5)", "    ab, al = array('b', [1, -2, 3, 4, 5]), array('q', [-(2**63), 2**62, 7])", "    ai, ad = array('i', [1, 2, 3, 4]), array('d', [0.5, 1, 2])",
                      "    by, ba, txt, dq = b'abcde', bytearray(b'xyz'), '314159', deque([1, 2, 3])",
                      "    fs = frozenset([1, 3, 5, (3, 1), 'x'])", "    fs2 = fs | {4}", "    pop, pre, dd, dd2 = xs.pop, Pretend(), defaultdict(int, {1: 5}), Missing({2: 3})",
                      "    ks = {N(1, 1): 4, (2, 1): 6, 3: 1}",
                      "    h, hd, hs = H(3), {H(0): 1, 2: 3}, [H(0), H(1), H(2)]"]
            self.calls_itself = False
            if r.random() < 0.35:
                lines += self.recursion()
            lines += ["    for i in range(n):"]
            whole = r.random() < 0.7
            lines += ["        try:"] * whole
            for _ in range(r.randint(2, 5)):
                lines += self.statement(1 + whole)
            lines += ["        except Exception as e:", "            c = len(str(e))"] * whole
            lines += ["        a, b, c = mod(a), mod(b), mod(c)", "        if len(xs) > 40: del xs[5:]",
                      "        if isinstance(f, float) and not -1e9 < f < 1e9: f = 1.5",
                      "        if isinstance(g, float) and not -1e9 < g < 1e9: g = 0.5",
                      "    return [show(v) for v in (a, b, c, f, g)] + [s[-9:], xs[:5], sorted(d, key=str), show(p.a), show(q.b), show(w.u), list(ai), list(ab), list(al), [show(v) for v in ad],"
                      " bytes(ba), list(dq), len(fs2), len(hd), H.eqs]"]
            lines += ["try:", f"    print(f{n}({r.randint(60, 160)}))", f"    print(f{n}(7))",
                      "except Exception as e:", "    print(type(e).__name__, e, e.__traceback__.tb_lineno)"]
        return lines


def output(command, text):
    try:
        p = subprocess.run(command + ["-"], input=text, capture_output=True, text=True, timeout=20)
    except subprocess.TimeoutExpired:
        return "timeout"
    return p.stdout + p.stderr + f"\nexit {p.returncode}"


def reduce(lines, differs):
    """Leaves out runs of lines as long as the outputs differ."""
    size = len(lines) // 2
    while size:
        at = 0
        while at < len(lines):
            shorter = lines[:at] + lines[at + size:]
            if differs("\n".join(shorter) + "\n"):
                lines = shorter
            else:
                at += size
        size //= 2
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=10, help="programs per process")
    parser.add_argument("--oracle", default="python3.14")
    parser.add_argument("pyrs", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    oracle = shlex.split(options.oracle)
    bad = 0
    for first in range(options.seed, options.seed + options.n, options.batch):
        programs = [Maker(seed).program() for seed in range(first, min(first + options.batch, options.seed + options.n))]
        whole = "\n".join("\n".join(p) for p in programs) + "\n"
        if output(oracle, whole) == output(options.pyrs, whole):
            continue
        for seed, lines in enumerate(programs, first):
            def differs(text):
                expected = output(oracle, text)
                return not re.search("(Syntax|Indentation)Error", expected) and expected != output(options.pyrs, text)

            if differs("\n".join(lines) + "\n"):
                bad += 1
                name = f"fuzz-{seed}.py"
                with open(name, "w") as f:
                    f.write("\n".join(reduce(lines, differs)) + "\n")
                print(f"seed {seed} differs: {name}")
    print(f"{options.n} programs, {bad} differ")
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()
