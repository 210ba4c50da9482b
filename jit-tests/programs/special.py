"""Comparisons and calls of instances: functions of Python classes, entered in the same loop."""

import sys


class Number:
    def __init__(self, n):
        self.n = n

    def __eq__(self, other):
        if isinstance(other, Number):
            return self.n == other.n
        return NotImplemented if isinstance(other, str) else self.n == other

    def __lt__(self, other):
        if other is None:
            return NotImplemented
        return self.n < (other.n if isinstance(other, Number) else other)

    def __gt__(self, other):
        return self.n > (other.n if isinstance(other, Number) else other)

    def __le__(self, other):
        # Not a bool.
        return self.n - 5 if self.n <= (other.n if isinstance(other, Number) else other) else 0

    def __call__(self, a, b=1, *rest, c=2):
        return self.n + a * b + c + len(rest)


class Derived(Number):
    def __eq__(self, other):
        return False

    def __lt__(self, other):
        return True

    def __call__(self, a):
        return super().__call__(a, 3)


class Refuses:
    def __eq__(self, other):
        return NotImplemented

    def __lt__(self, other):
        return NotImplemented


class Fails:
    def __eq__(self, other):
        raise ValueError(f"eq {sys._getframe(1).f_code.co_name}")

    def __call__(self, *args):
        raise ValueError(f"call {args}")


class Answer:
    """A truth value that Python code finds out."""

    def __init__(self, v):
        self.v = v

    def __bool__(self):
        return self.v


class Symbolic:
    def __init__(self, v):
        self.v = v

    def __ge__(self, other):
        return Answer(self.v >= other)


class Items(list):
    def __eq__(self, other):
        return len(self) == len(other)

    def __call__(self):
        return len(self)


def compare():
    numbers = [Number(i) for i in range(7)]
    total = 0
    for i in range(600):
        a, b = numbers[i % 7], numbers[i % 5]
        total += a == b
        total += (a < b) * 2
        if a > b:
            total += 3
        if not a == i % 3:
            total += 1
        total += 3 < a
        total += 2.5 > a
        total += a != b
        total += (a <= b) * 7
        while a < 3:
            total += 5
            break
    return total


def mixed():
    values = [Number(2), Derived(2), 2, "2", None, Refuses(), 2.0, True, Items([1, 2])]
    total = 0
    for i in range(900):
        a, b = values[i % 9], values[i // 9 % 9]
        try:
            total += a == b
        except TypeError as e:
            total += len(str(e))
        try:
            if a < b:
                total += 1000
        except TypeError as e:
            total += len(str(e))
    return total


def symbolic():
    values = [Symbolic(i) for i in range(5)]
    total = 0
    for i in range(500):
        a = values[i % 5]
        if a >= 2:
            total += 1
        x = a >= i % 7
        total += 10 if x else 0
        total += type(x) is Answer
    return total


def called():
    instances = [Number(1), Number(2), Derived(3), Items([1, 2, 3])]
    total = 0
    for i in range(600):
        f = instances[i % 3]
        total += f(i)
        g = instances[0]
        total += g(i, 2) + g(i, 2, 3, 4) + g(1, c=5) + instances[3]()
        total += Number(i)(1)
        total += sum(map(g, (1, 2)))
    return total


def failing():
    f, seen = Fails(), {}
    for i in range(300):
        try:
            if f == i:
                seen["?"] = 1
        except ValueError as e:
            seen[str(e)] = seen.get(str(e), 0) + e.__traceback__.tb_next.tb_lineno
        try:
            f(1, 2)
        except ValueError as e:
            seen[str(e)] = seen.get(str(e), 0) + 1
        try:
            Number(1)()
        except TypeError as e:
            seen[str(e)] = seen.get(str(e), 0) + 1
    return seen


def redefined():
    total, a, b = 0, Number(1), Number(2)
    lt = Number.__lt__
    for i in range(600):
        total += (a < b) + a(i)
        if i == 200:
            Number.__lt__ = lambda self, other: 50
            Number.__call__ = lambda self, a: a
        if i == 400:
            Number.__lt__ = lt
            Number.__call__ = len
            Number.__len__ = lambda self: 9
            Number.__call__ = lambda self, *args: 3
    return total


def deep(n):
    class Down:
        def __init__(self, n):
            self.n = n

        def __eq__(self, other):
            return self.n == 0 or Down(self.n - 1) == other

        def __call__(self):
            return 0 if self.n == 0 else 1 + Down(self.n - 1)()

    total = 0
    for i in range(n):
        total += (Down(i % 40) == 1) + Down(i % 30)()
    try:
        Down(100000) == 1
    except RecursionError:
        total += 1000000
    try:
        Down(100000)()
    except RecursionError:
        total += 1000000
    return total


print(compare())
print(mixed())
print(symbolic())
print(called())
print(failing())
print(deep(200))
print(redefined())

nan = float("nan")
values = [1.0, nan, nan]


def nans(n):
    t = u = 0
    for i in range(n):
        v = values[i % 3]
        w = v
        t += v == w
        u += v != w
        if (v, 1) == (w, 1):
            t += 1000
        if [v] != [w]:
            t += 10000
    return t, u


print(nans(600))


def measure(n, g):
    total, xs = 0, [1, 2, 5]
    for i in range(n):
        total += g(xs)
        if i == n // 2:
            g = sum
    return total


def check(n, g, wanted):
    total = 0
    for i in range(n):
        total += g(i, wanted)
        if i == n // 2:
            g = lambda a, b: 100
    return total


def made(n, new):
    total = 0
    for i in range(n):
        total += new(Items).n if i % 2 else len(new(Items))
        if i == n // 2:
            new = lambda c: Number(4) if i % 2 else [1, 2]
    return total


def closure(length, kind, test):
    def f(xs):
        return length(xs) + len(kind(xs).__name__) + test(xs, list)

    return f


def callables():
    total = 0
    inner = closure(len, type, isinstance)
    for i in range(500):
        total += inner([1] * (i % 3)) + inner("ab")
        if i == 250:
            inner = closure(sum, iter, lambda a, b: 5) if i % 2 else closure(max, lambda x: int, all_of)
        if i > 250:
            total += inner([1, 2])
    return total


def all_of(a, b):
    return 3


Items.n = 2
print(measure(2000, len), check(2000, isinstance, int), check(2000, isinstance, (str, int)))
print(made(2000, Items.__call__ and list.__new__))


class Shown(Items):
    def __len__(self):
        return 3


def mixed_lengths():
    values = [[1], "ab", (1, 2, 3), {1: 2}, Shown(), Items([1]), b"abcd", range(5)]
    total = 0
    for i in range(800):
        v = values[i % 8]
        total += len(v) + isinstance(v, (list, str)) * 10 + isinstance(v, dict)
        if v == [i] * (i % 4):
            total += 1
    return total


print(mixed_lengths())
try:
    print(callables())
except (TypeError, ValueError) as e:
    print(e)


def restless(n):
    """The class changes in every iteration."""

    class Fickle:
        def __lt__(self, other):
            return True

        def __add__(self, other):
            return 1

        def __call__(self):
            return 1

    def three(self, other=None):
        return 3

    def false(self, other):
        return False

    one, true, call = Fickle.__add__, Fickle.__lt__, Fickle.__call__
    total, a, b = 0, Fickle(), Fickle()
    for i in range(n):
        total += (a < b) * 10 + (a + b) + a()
        if i % 2:
            Fickle.__lt__, Fickle.__add__, Fickle.__call__ = false, three, three
        else:
            Fickle.__lt__, Fickle.__add__, Fickle.__call__ = true, one, call
    return total


print(restless(500))
