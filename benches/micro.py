"""The cost of single operations, in nanoseconds: `micro.py [NAME ...]`.

Each operation runs in a loop of its own; the loop's cost is measured with an empty body and taken off.
Run it on several interpreters one after the other and compare the columns.
"""
import sys
import time

N = 200_000


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def method(self):
        return self.x

    def method2(self, a, b):
        return a

    @property
    def prop(self):
        return self.x


class Slotted:
    __slots__ = ("x",)

    def __init__(self):
        self.x = 1


class Manager:
    def __enter__(self):
        return self

    def __exit__(self, *args):
        return None


def f0():
    return None


def f1(a):
    return a


def f3(a, b, c):
    return a


def f5(a, b, c, d, e):
    return a


def defaults(a, b=2, c=3):
    return a


def adder(n):
    def add(x):
        return x + n
    return add


GLOBAL = 1

OPERATIONS = {
    "empty": ("", "pass"),
    "attribute get": ("p = Point(1, 2)", "p.x"),
    "attribute set": ("p = Point(1, 2)", "p.x = i"),
    "slot get": ("p = Slotted()", "p.x"),
    "slot set": ("p = Slotted()", "p.x = i"),
    "property": ("p = Point(1, 2)", "p.prop"),
    "method call": ("p = Point(1, 2)", "p.method()"),
    "method call, 2 arguments": ("p = Point(1, 2)", "p.method2(i, i)"),
    "bound method call": ("m = Point(1, 2).method", "m()"),
    "global": ("", "GLOBAL"),
    "builtin": ("", "len"),
    "call f()": ("", "f0()"),
    "call f(a)": ("", "f1(i)"),
    "call f(a, b, c)": ("", "f3(i, i, i)"),
    "call f(a, b, c, d, e)": ("", "f5(i, i, i, i, i)"),
    "call with defaults": ("", "defaults(i)"),
    "call with keywords": ("", "f3(i, b=i, c=i)"),
    "call with *args": ("a = (1, 2, 3)", "f3(*a)"),
    "closure call": ("add = adder(1)", "add(i)"),
    "object creation": ("", "Point(i, i)"),
    "list comprehension / 10": ("r = range(10)", "[x for x in r]"),
    "dict comprehension / 10": ("r = range(10)", "{x: x for x in r}"),
    "set comprehension / 10": ("r = range(10)", "{x for x in r}"),
    "generator / 10": ("def g():\n        for x in range(10):\n            yield x", "for _ in g(): pass"),
    "raise and catch": ("", "\n            try:\n                raise ValueError\n            except ValueError:\n                pass"),
    "try without exception": ("", "\n            try:\n                pass\n            except ValueError:\n                pass"),
    "string append": ("s = ''", "s += 'x'"),
    "string concatenation": ("s = 'abc'", "s + 'def'"),
    "f-string": ("", "f'{i}:{i}'"),
    "tuple unpack": ("t = (1, 2, 3)", "a, b, c = t"),
    "swap": ("a, b = 1, 2", "a, b = b, a"),
    "with": ("m = Manager()", "\n            with m:\n                pass"),
    "isinstance": ("p = Point(1, 2)", "isinstance(p, Point)"),
    "len": ("t = [1, 2]", "len(t)"),
    "dict get, str": ("d = {'a': 1, 'b': 2}", "d['a']"),
    "dict get, int": ("d = {j: j for j in range(100)}", "d[50]"),
    "dict set, str": ("d = {}", "d['a'] = i"),
    "dict set, int": ("d = {}", "d[i & 255] = i"),
    "dict.get": ("d = {'a': 1}", "d.get('a')"),
    "list get": ("t = [1, 2, 3]", "t[1]"),
    "list set": ("t = [1, 2, 3]", "t[1] = i"),
    "list.append": ("t = []", "t.append(i)"),
    "list slice": ("t = list(range(10))", "t[2:5]"),
    "int add": ("x = 1", "x + i"),
    "int floor division": ("x = 7", "i // x"),
    "float multiply": ("x = 1.5", "x * 2.5"),
    "compare ints": ("x = 1", "x < i"),
    "str compare": ("a = 'abc'; b = 'ab' + 'd'", "a == b"),
    "in set": ("s = {1, 2, 3}", "i in s"),
    "list literal": ("", "[i, i, i]"),
    "tuple literal": ("", "(i, i, i)"),
    "dict literal": ("", "{'a': i, 'b': i}"),
    "lambda": ("", "lambda: i"),
    "str.join / 3": ("t = ['a', 'b', 'c']", "','.join(t)"),
    "min": ("", "min(i, 5)"),
    "enumerate / 10": ("r = list(range(10))", "for a, b in enumerate(r): pass"),
    "zip / 10": ("r = list(range(10))", "for a, b in zip(r, r): pass"),
    "dict items / 10": ("d = {j: j for j in range(10)}", "for a, b in d.items(): pass"),
}


def measure(setup, body):
    source = f"def run(n):\n    {setup or 'pass'}\n    for i in range(n):\n            {body}\n"
    space = dict(globals())
    exec(source, space)
    run = space["run"]
    run(N // 10)
    best = 1e9
    for _ in range(7):
        start = time.perf_counter()
        run(N)
        best = min(best, time.perf_counter() - start)
    return best / N * 1e9


def main():
    names = sys.argv[1:] or list(OPERATIONS)
    empty = measure(*OPERATIONS["empty"])
    for name in names:
        cost = measure(*OPERATIONS[name])
        print(f"{name:28} {cost if name == 'empty' else max(cost - empty, 0):8.1f}")


main()
