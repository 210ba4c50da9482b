# Traces that begin at functions: recursion without loops, functions that native code calls, callers of all kinds.
import sys


def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


print([fib(n) for n in range(15)])


class Tree:
    def __init__(self, left, value, right):
        self.left = left
        self.value = value
        self.right = right


def tree(items):
    n = len(items)
    if n == 0:
        return None
    elif n == 1:
        return Tree(None, items[0], None)
    half = n // 2
    return Tree(tree(items[:half]), items[half], tree(items[half + 1:]))


def total(node):
    if node is None:
        return 0
    return total(node.left) + node.value + total(node.right)


def depth(node):
    return 0 if node is None else 1 + max(depth(node.left), depth(node.right))


made = tree(range(700))
print(total(made), depth(made), total(tree([x / 4 for x in range(300)])))


def even(n):
    return n == 0 or odd(n - 1)


def odd(n):
    return n != 0 and even(n - 1)


print([even(n) for n in range(40, 50)], even(401))


# Results of other types, and a caller who has never been seen.
def double(x):
    if not x:
        return x
    return x[:1] + x[:1] + double(x[1:])


print(double("abcdefgh" * 4), double([1, 2, 3] * 9), double(b"xyz" * 5))
print(len({double("ab" * n) for n in range(30)}), sum(map(len, map(double, ["abc"] * 50))))


# Native code calls the function, and goes on with its result.
def key(x):
    y = x * 3 + 1
    z = y % 17
    w = (z * z + x) % 101
    if w > 50:
        w = w - 50 + y % 3
    else:
        w = w + 50 - y % 5
    if x == 1999:
        raise LookupError(w)
    return (w * 7 + z) % 1000


print(sorted(range(60), key=key), sum(map(key, range(1500))))
try:
    sorted(range(1900, 2000), key=key)
except LookupError as e:
    print("raised", e, e.__traceback__.tb_next.tb_lineno - key.__code__.co_firstlineno)


# An exception from within.
def dive(n, seen):
    if n == 0:
        raise ValueError(len(seen))
    seen.append(n)
    try:
        return dive(n - 1, seen) + 1
    finally:
        seen.pop()


for n in range(0, 60, 7):
    seen = []
    try:
        dive(n, seen)
    except ValueError as e:
        lines, at = [], e.__traceback__
        while at is not None:
            lines.append(at.tb_lineno)
            at = at.tb_next
        print(n, e, seen, len(lines), lines[-1] - lines[1] if n else "")


# As deep as it goes, and the limit.
def down(n):
    if n == 0:
        return 0
    return down(n - 1) + 1


def limit():
    return limit()


for _ in range(30):
    assert down(400) == 400
try:
    limit()
except RecursionError as e:
    print(type(e).__name__)
sys.setrecursionlimit(5000)
print(down(4500))
try:
    down(6000)
except RecursionError as e:
    print(type(e).__name__)
sys.setrecursionlimit(1000)


# Somebody looks at the frames.
def outer(n):
    if n == 0:
        names, frame = [], sys._getframe()
        while frame.f_code is outer.__code__:
            names.append(frame.f_locals["n"])
            frame = frame.f_back
        return names
    return outer(n - 1)


for n in range(30):
    answer = outer(n)
print(answer)


# The same code with other globals, another code in the same function, other defaults.
other = {"fib": lambda n: 100}
twin = type(fib)(fib.__code__, other)
print([twin(n) for n in range(5)], fib(12))


def step(n, by=1):
    if n <= 0:
        return 0
    return 1 + step(n - by)


print(step(90), step(91))
step.__defaults__ = (3,)
print(step(90), step(91))


def other_step(n, by=1):
    return ("other", n, by)


step.__code__ = other_step.__code__
print(step(5))
step = fib
print(step(9))


# Generators and comprehensions in between.
def walk(node):
    if node is not None:
        yield from walk(node.left)
        yield node.value
        yield from walk(node.right)


def paths(n):
    if n == 0:
        return [()]
    return [(i, *rest) for i in range(2) for rest in paths(n - 1)]


print(sum(walk(made)), len(paths(8)), paths(3))


# Cells and closures.
def counter():
    calls = 0

    def count(n):
        nonlocal calls
        calls += 1
        return n if n < 2 else count(n - 1) + count(n - 2)

    def get():
        return calls

    return count, get


count, get = counter()
print(count(13), get(), counter()[1]())


# Two functions that call each other, with references to be given up on both ways.
def ping(items, n):
    items = items + [n]
    return items if n == 0 else pong(items, n - 1)


def pong(items, n):
    items = items + ["pong"]
    return items if n == 0 else ping(items, n - 1)


for n in range(40):
    got = ping([], n)
print(len(got), got[:3], got[-2:])


# Methods, properties and operators that call themselves.
class Number:
    def __init__(self, n):
        self.n = n

    def __add__(self, other):
        if other.n == 0:
            return self
        return Number(self.n + 1) + Number(other.n - 1)

    @property
    def half(self):
        if self.n < 2:
            return 0
        return 1 + Number(self.n - 2).half

    def __getitem__(self, i):
        return i if i < 1 else self[i - 1] + self.n


print((Number(3) + Number(60)).n, [Number(n).half for n in range(9)], Number(60).half, Number(2)[50])


# An operator of a class that the interpreter has specialized for integers.
class Bits(int):
    def __and__(self, other):
        if not other:
            return self
        total = int(self) * 3 + int(other)
        return Bits(total % 1001)

    __rand__ = __and__


def mix(value, n):
    return value if n == 0 else mix(value, n - 1) & (n % 5)


print([mix(7, n) for n in range(12)], [mix(Bits(n), 40) + mix(7, n) for n in range(12)], (5 & Bits(6)) & 7)
