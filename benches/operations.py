"""Single operations of the language, for `cargo bench` and `benches/micro.py`: the one table of what they measure.

Run as a program, it lists the statements of the group `specialized` that do not run in the form that they are named after.
CPython has all forms, so there it exits with 1 if the list is not empty; elsewhere the list says what is still generic.
"""
import dis
import sys
import types

UNROLLED = 8


class Operation:
    """A statement, and what is prepared before the loop that repeats it."""

    def __init__(self, group, name, setup, statement):
        self.group = group
        self.name = name
        self.setup = setup
        self.statement = statement

    def function(self):
        """A function `run(n)` that executes the statement `UNROLLED * n` times."""
        lines = [f"        {line}" for line in self.statement.splitlines()]
        source = ["def run(n):", *(f"    {line}" for line in self.setup.splitlines()),
                  "    for i in range(n):", *lines * UNROLLED]
        space = dict(vars(sys.modules[__name__]))
        exec(compile("\n".join(source) + "\n", f"<{self.group}: {self.name}>", "exec"), space)
        return space["run"]


class Point:
    kind = "point"

    def __init__(self, x, y):
        self.x = x
        self.y = y

    def method(self):
        return self.x

    def method2(self, a, b):
        return a

    def defaults(self, a, b=2):
        return a

    @property
    def prop(self):
        return self.x


class Child(Point):
    def inherited(self):
        return super().method

    def call_inherited(self):
        return super().method()


class Bare:
    pass


class Slotted:
    __slots__ = ("x", "y")
    kind = "slotted"

    def __init__(self):
        self.x = 1
        self.y = 2

    def method(self):
        return None


class Meta(type):
    pass


class WithMeta(metaclass=Meta):
    kind = "meta"


class Fallback:
    def __getattribute__(self, name):
        return 1


class Sequence:
    def __getitem__(self, index):
        return index


class Manager:
    def __enter__(self):
        return self

    def __exit__(self, *args):
        return None


class Node:
    def __init__(self, before=None):
        self.before = before
        self.after = None
        if before is not None:
            before.after = self


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


def keyword_only(a, *, b=2):
    return a


def adder(n):
    def add(x):
        return x + n
    return add


def ten():
    yield from (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)


def forever():
    while True:
        yield 1


def delegating():
    yield from ten_yields()


def ten_yields():
    for x in range(10):
        yield x


def ring(n):
    """n objects that refer to each other in a circle."""
    first = last = Node()
    for _ in range(n - 1):
        last = Node(last)
    last.after = first
    first.before = last


GLOBAL = 1
module = types.ModuleType("module")
module.name = 1

POINT = "p = Point(1, 2)"
TEN = "r = list(range(10))"

# (name, preparation, statement)
GROUPS = {
    "dispatch": [
        ("empty loop", "", "pass"),
        ("load and store", "a = 1", "b = a"),
        ("swap", "a, b = 1, 2", "a, b = b, a"),
        ("branch taken", "a = True", "if a:\n    pass"),
        ("branch chain", "a = 3", "if a == 1: pass\nelif a == 2: pass\nelif a == 3: pass"),
        ("global", "", "GLOBAL"),
        ("builtin", "", "len"),
        ("tuple unpack", "t = (1, 2, 3)", "a, b, c = t"),
        ("expression of ints", "a, b, c = 3, 5, 7", "a * b + c - a * c + b"),
        ("expression of floats", "a, b, c = 3.5, 5.25, 7.125", "a * b + c - a * c + b"),
        ("while", "a = 0", "a = 0\nwhile a < 10:\n    a += 1"),
        ("try without exception", "", "try:\n    pass\nexcept ValueError:\n    pass"),
        ("raise and catch", "", "try:\n    raise ValueError\nexcept ValueError:\n    pass"),
        ("with", "m = Manager()", "with m:\n    pass"),
        ("lambda", "", "lambda: i"),
    ],
    "call": [
        ("f()", "", "f0()"),
        ("f(a)", "", "f1(i)"),
        ("f(a, b, c)", "", "f3(i, i, i)"),
        ("f(a, b, c, d, e)", "", "f5(i, i, i, i, i)"),
        ("defaults", "", "defaults(i)"),
        ("keywords", "", "f3(i, b=i, c=i)"),
        ("keyword only", "", "keyword_only(i, b=i)"),
        ("*args", "a = (1, 2, 3)", "f3(*a)"),
        ("**kwargs", "a = {'a': 1, 'b': 2, 'c': 3}", "f3(**a)"),
        ("closure", "add = adder(1)", "add(i)"),
        ("method", POINT, "p.method()"),
        ("method, 2 arguments", POINT, "p.method2(i, i)"),
        ("bound method", "m = Point(1, 2).method", "m()"),
        ("super().method()", "p = Child(1, 2)", "p.call_inherited()"),
        ("isinstance", POINT, "isinstance(p, Point)"),
        ("len", "t = [1, 2]", "len(t)"),
        ("min", "", "min(i, 5)"),
        ("next of a generator", "g = forever()", "next(g)"),
    ],
    "attribute": [
        ("get", POINT, "p.x"),
        ("set", POINT, "p.x = i"),
        ("get, slot", "p = Slotted()", "p.x"),
        ("set, slot", "p = Slotted()", "p.x = i"),
        ("get, class", POINT, "p.kind"),
        ("get, property", POINT, "p.prop"),
        ("get, two classes", "p, q = Point(1, 2), Slotted()", "p.x\np, q = q, p"),
        ("get, module", "", "module.name"),
        ("getattr()", POINT, "getattr(p, 'x')"),
        ("getattr(), absent", POINT, "getattr(p, 'absent', None)"),
        ("hasattr()", POINT, "hasattr(p, 'absent')"),
        ("__dict__", POINT, "p.__dict__"),
        ("__getattribute__", "p = Fallback()", "p.x"),
    ],
    "dict": [
        ("get, str", "d = {'a': 1, 'b': 2}", "d['a']"),
        ("get, int", "d = {j: j for j in range(100)}", "d[50]"),
        ("get, tuple", "d = {(1, 2): 3}\nk = (1, 2)", "d[k]"),
        ("set, str", "d = {}", "d['a'] = i"),
        ("set, int", "d = {}", "d[i & 255] = i"),
        ("set and delete", "d = {}", "d['a'] = i\ndel d['a']"),
        (".get()", "d = {'a': 1}", "d.get('a')"),
        (".setdefault()", "d = {'a': []}", "d.setdefault('a', 1)"),
        ("in", "d = {'a': 1}", "'a' in d"),
        ("literal", "", "{'a': i, 'b': i}"),
        ("comprehension / 10", "r = range(10)", "{x: x for x in r}"),
        ("items / 10", "d = {j: j for j in range(10)}", "for a, b in d.items(): pass"),
        ("copy / 10", "d = {j: j for j in range(10)}", "d.copy()"),
        ("set: in", "s = {1, 2, 3}", "i in s"),
        ("set: comprehension / 10", "r = range(10)", "{x for x in r}"),
        ("set: or", "a, b = {1, 2, 3}, {3, 4, 5}", "a | b"),
    ],
    "str": [
        ("concatenation", "s = 'abc'", "s + 'def'"),
        ("append", "s = ''", "s += 'x'\nif len(s) > 1000: s = ''"),
        ("compare", "a = 'abc'; b = 'ab' + 'd'", "a == b"),
        ("index", "s = 'abcdef'", "s[3]"),
        ("slice", "s = 'abcdefghij'", "s[2:5]"),
        ("f-string", "", "f'{i}:{i}'"),
        ("%", "", "'%d:%s' % (i, i)"),
        (".format()", "s = '{}:{}'", "s.format(i, i)"),
        (".join() / 3", "t = ['a', 'b', 'c']", "','.join(t)"),
        (".split() / 10", "s = 'a b c d e f g h i j'", "s.split()"),
        (".replace()", "s = 'a b c d e f g h i j'", "s.replace(' ', '-')"),
        (".find() in 1000", "s = 'a' * 1000 + 'b'", "s.find('b')"),
        (".encode()", "s = 'abcdefghij'", "s.encode()"),
        (".lower()", "s = 'ABCDEFGHIJ'", "s.lower()"),
        (".startswith()", "s = 'abcdefghij'", "s.startswith('abc')"),
        ("in 1000", "s = 'a' * 1000 + 'b'", "'b' in s"),
        ("int()", "", "int('12345')"),
        ("str() of int", "", "str(12345)"),
        ("repr() of float", "x = 1 / 3", "repr(x)"),
        ("iteration / 10", "s = 'abcdefghij'", "for c in s: pass"),
    ],
    "list": [
        ("get", "t = [1, 2, 3]", "t[1]"),
        ("set", "t = [1, 2, 3]", "t[1] = i"),
        ("slice", TEN, "r[2:5]"),
        ("append and pop", "t = []", "t.append(i)\nt.pop()"),
        ("append 10", "", "t = []\nfor x in range(10): t.append(x)"),
        ("literal", "", "[i, i, i]"),
        ("comprehension / 10", "r = range(10)", "[x for x in r]"),
        ("iteration / 10", TEN, "for x in r: pass"),
        ("concatenation / 10", TEN, "r + r"),
        ("in / 10", TEN, "9 in r"),
        ("sort / 10, sorted", TEN, "r.sort()"),
        ("sort / 100, mixed", "t = [j * 37 % 101 for j in range(100)]", "sorted(t)"),
        ("sort / 100, key", "t = [j * 37 % 101 for j in range(100)]", "sorted(t, key=lambda x: -x)"),
        ("reverse / 10", TEN, "r.reverse()"),
        ("enumerate / 10", TEN, "for a, b in enumerate(r): pass"),
        ("zip / 10", TEN, "for a, b in zip(r, r): pass"),
        ("generator / 10", "", "for x in ten_yields(): pass"),
        ("sum / 10", TEN, "sum(r)"),
        ("tuple literal", "", "(i, i, i)"),
        ("bytearray: set", "b = bytearray(10)", "b[3] = 7"),
    ],
    "number": [
        ("int add", "x = 1", "x + i"),
        ("int floor division", "x = 7", "i // x"),
        ("int modulo", "x = 7", "i % x"),
        ("int power", "x = 7", "x ** 5"),
        ("int shift and mask", "x = 12345", "(x << 3) & 1023"),
        ("int compare", "x = 1", "x < i"),
        ("big int add", "x = 10 ** 50", "x + x"),
        ("big int multiply / 1000 digits", "x = 10 ** 1000 + 1", "x * x"),
        ("float add", "x = 1.5", "x + 2.5"),
        ("float multiply", "x = 1.5", "x * 2.5"),
        ("float divide", "x = 1.5", "x / 2.5"),
        ("float of int", "", "float(i)"),
        ("complex multiply", "x = 1 + 2j", "x * x"),
    ],
    "object": [
        ("Bare()", "", "Bare()"),
        ("Point(a, b)", "", "Point(i, i)"),
        ("Slotted()", "", "Slotted()"),
        ("object()", "", "object()"),
        ("list of 10 empty lists", "", "[[], [], [], [], [], [], [], [], [], []]"),
        ("list of 10 floats", "x = 1.5", "[x, x + 1, x + 2, x + 3, x + 4, x + 5, x + 6, x + 7, x + 8, x + 9]"),
        ("bytes / 1000", "", "bytes(1000)"),
        ("class statement", "", "class C: pass"),
        ("closure", "", "adder(i)"),
    ],
    "gc": [
        ("ring of 100, by gc", "import gc", "ring(100)\ngc.collect(0)"),
        ("full collection, 10000 live objects",
         "import gc\nlive = [Node() for _ in range(10000)]\ngc.collect()", "gc.collect()"),
        ("full collection, 100000 live ints in lists",
         "import gc\nlive = [[j] for j in range(100000)]\ngc.collect()", "gc.collect()"),
    ],
    "specialized": [
        ("BINARY_OP_ADD_INT", "x = 1", "x + i"),
        ("BINARY_OP_SUBTRACT_INT", "x = 1", "x - i"),
        ("BINARY_OP_MULTIPLY_INT", "x = 3", "x * i"),
        ("BINARY_OP_ADD_FLOAT", "x = y = 1.5", "x + y"),
        ("BINARY_OP_SUBTRACT_FLOAT", "x = y = 1.5", "x - y"),
        ("BINARY_OP_MULTIPLY_FLOAT", "x = y = 1.5", "x * y"),
        ("BINARY_OP_ADD_UNICODE", "x = y = 'abc'", "x + y"),
        ("BINARY_OP_INPLACE_ADD_UNICODE", "x = y = 'abc'", "x = x + y\nif len(x) > 1000: x = 'abc'"),
        ("BINARY_OP_EXTEND", "x = 1.5\ny = 2", "x + y"),
        ("BINARY_OP_SUBSCR_LIST_INT", "t = [1, 2, 3]", "t[1]"),
        ("BINARY_OP_SUBSCR_LIST_SLICE", "t = [1, 2, 3]", "s = slice(0, 2)\nt[s]"),
        ("BINARY_OP_SUBSCR_TUPLE_INT", "t = (1, 2, 3)", "t[1]"),
        ("BINARY_OP_SUBSCR_STR_INT", "t = 'abc'", "t[1]"),
        ("BINARY_OP_SUBSCR_DICT", "t = {'a': 1}", "t['a']"),
        ("BINARY_OP_SUBSCR_GETITEM", "t = Sequence()", "t[1]"),
        ("CALL_PY_EXACT_ARGS", "", "f1(i)"),
        ("CALL_PY_GENERAL", "", "defaults(i)"),
        ("CALL_BOUND_METHOD_EXACT_ARGS", "m = Point(1, 2).method", "m()"),
        ("CALL_BOUND_METHOD_GENERAL", "m = Point(1, 2).defaults", "m(i)"),
        ("CALL_TYPE_1", "", "type(i)"),
        ("CALL_STR_1", "", "str(i)"),
        ("CALL_TUPLE_1", "t = [1]", "tuple(t)"),
        ("CALL_BUILTIN_CLASS", "", "range(i)"),
        ("CALL_BUILTIN_O", "", "abs(i)"),
        ("CALL_BUILTIN_FAST", POINT, "getattr(p, 'x')"),
        ("CALL_BUILTIN_FAST_WITH_KEYWORDS", "t = [1]", "sum(t)"),
        ("CALL_LEN", "t = [1]", "len(t)"),
        ("CALL_ISINSTANCE", POINT, "isinstance(p, Point)"),
        ("CALL_LIST_APPEND", "t = []", "t.append(i)"),
        ("CALL_METHOD_DESCRIPTOR_O", "t = [1]", "t.count(i)"),
        ("CALL_METHOD_DESCRIPTOR_NOARGS", "t = [1]", "t.copy()"),
        ("CALL_METHOD_DESCRIPTOR_FAST", "d = {'a': 1}", "d.get('a')"),
        ("CALL_METHOD_DESCRIPTOR_FAST_WITH_KEYWORDS", "t = 'a b'", "t.split()"),
        ("CALL_ALLOC_AND_ENTER_INIT", "", "Point(i, i)"),
        ("CALL_NON_PY_GENERAL", "p = Meta", "Bare()"),
        ("CALL_KW_PY", "", "f3(i, b=i, c=i)"),
        ("CALL_KW_BOUND_METHOD", "m = Point(1, 2).defaults", "m(a=i)"),
        ("CALL_KW_NON_PY", "", "dict(a=i)"),
        ("COMPARE_OP_INT", "x = 1", "x == i"),
        ("COMPARE_OP_FLOAT", "x = y = 1.5", "x < y"),
        ("COMPARE_OP_STR", "x, y = 'abc', 'abd'", "x == y"),
        ("CONTAINS_OP_SET", "s = {1, 2}", "i in s"),
        ("CONTAINS_OP_DICT", "s = {1: 2}", "i in s"),
        ("FOR_ITER_LIST", "t = [1, 2]", "for x in t: pass"),
        ("FOR_ITER_TUPLE", "t = (1, 2)", "for x in t: pass"),
        ("FOR_ITER_RANGE", "t = range(2)", "for x in t: pass"),
        ("FOR_ITER_GEN", "", "for x in ten_yields(): pass"),
        ("LOAD_ATTR_INSTANCE_VALUE", POINT, "p.x"),
        ("LOAD_ATTR_WITH_HINT", "p = Point(1, 2)\np.__dict__\nfor j in range(40): p.__dict__[f'a{j}'] = j", "p.x"),
        ("LOAD_ATTR_SLOT", "p = Slotted()", "p.x"),
        ("LOAD_ATTR_MODULE", "", "module.name"),
        ("LOAD_ATTR_CLASS", "", "Point.kind"),
        ("LOAD_ATTR_CLASS_WITH_METACLASS_CHECK", "", "WithMeta.kind"),
        ("LOAD_ATTR_PROPERTY", POINT, "p.prop"),
        ("LOAD_ATTR_METHOD_WITH_VALUES", POINT, "p.method()"),
        ("LOAD_ATTR_METHOD_NO_DICT", "p = Slotted()", "p.method()"),
        ("LOAD_ATTR_METHOD_LAZY_DICT", "p = ValueError()", "p.with_traceback(None)"),
        ("LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES", POINT, "p.kind"),
        ("LOAD_ATTR_NONDESCRIPTOR_NO_DICT", "p = Slotted()", "p.kind"),
        ("LOAD_ATTR_GETATTRIBUTE_OVERRIDDEN", "p = Fallback()", "p.x"),
        ("LOAD_GLOBAL_MODULE", "", "GLOBAL"),
        ("LOAD_GLOBAL_BUILTIN", "", "len"),
        ("LOAD_SUPER_ATTR_ATTR", "p = Child(1, 2)", "p.inherited()"),
        ("LOAD_SUPER_ATTR_METHOD", "p = Child(1, 2)", "p.call_inherited()"),
        ("SEND_GEN", "", "for x in delegating(): pass"),
        ("STORE_ATTR_INSTANCE_VALUE", POINT, "p.x = i"),
        ("STORE_ATTR_WITH_HINT", "p = Point(1, 2)\np.__dict__\nfor j in range(40): p.__dict__[f'a{j}'] = j", "p.x = i"),
        ("STORE_ATTR_SLOT", "p = Slotted()", "p.x = i"),
        ("STORE_SUBSCR_LIST_INT", "t = [1, 2]", "t[1] = i"),
        ("STORE_SUBSCR_DICT", "t = {}", "t[1] = i"),
        ("TO_BOOL_BOOL", "x = [True]", "if x[0]: pass"),
        ("TO_BOOL_INT", "x = 1", "if x: pass"),
        ("TO_BOOL_LIST", "x = [1]", "if x: pass"),
        ("TO_BOOL_NONE", "x = None", "if x: pass"),
        ("TO_BOOL_STR", "x = 'a'", "if x: pass"),
        ("TO_BOOL_ALWAYS_TRUE", POINT, "if p: pass"),
        ("UNPACK_SEQUENCE_TWO_TUPLE", "t = (1, 2)", "a, b = t"),
        ("UNPACK_SEQUENCE_TUPLE", "t = (1, 2, 3)", "a, b, c = t"),
        ("UNPACK_SEQUENCE_LIST", "t = [1, 2, 3]", "a, b, c = t"),
    ],
}

OPERATIONS = [Operation(group, *row) for group, rows in GROUPS.items() for row in rows]


def forms(function):
    """The names of all instructions, in their present form, of a function and of those of this file."""
    codes = [function.__code__, Child.inherited.__code__, Child.call_inherited.__code__, delegating.__code__]
    return {step.opname for code in codes for step in dis.get_instructions(code, adaptive=True)}


def generic():
    """The names of the forms that their statements do not reach."""
    names = []
    for operation in OPERATIONS:
        if operation.group == "specialized":
            run = operation.function()
            run(300)
            if operation.name not in forms(run):
                names.append(operation.name)
    return names


if __name__ == "__main__":
    missing = generic()
    print("\n".join(missing) or "all forms are reached")
    sys.exit(bool(missing) and sys.implementation.name == "cpython")
