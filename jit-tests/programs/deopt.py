"""Loops that are compiled, and then meet something else than before."""

import sys


def add_up(items):
    total = 0
    for x in items:
        total = total + x
    return total


print(add_up([1] * 3000 + [0.5] * 3 + [2] * 10))
print(add_up([1] * 3000 + [2**62, 2**62, 5]))
print(add_up(range(3000)))
try:
    add_up([1] * 3000 + ["x"])
except TypeError as e:
    print(e, e.__traceback__.tb_next.tb_lineno)


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def norm(self):
        return self.x * self.x + self.y * self.y

    def __repr__(self):
        return f"Point({self.x}, {self.y})"


def norms(points):
    total = 0
    for p in points:
        total += p.norm()
    return total


points = [Point(i, i + 1) for i in range(2000)]
print(norms(points))
points[1500].x = 1.5
print(norms(points))
points[1700].extra = 1
print(norms(points))
del points[1800].y
points[1800].y = 7
print(norms(points))
Point.norm = lambda self: 1
print(norms(points))


class Other:
    norm = staticmethod(lambda: 10)


print(norms(points + [Other()]))


def depth():
    n = 0
    frame = sys._getframe()
    while frame:
        n, frame = n + 1, frame.f_back
    return n


def inner(i, at):
    here = i * 2
    if i == at:
        return depth(), sorted(sys._getframe().f_locals)
    return here


def outer(at):
    seen = []
    for i in range(2500):
        r = inner(i, at)
        if isinstance(r, tuple):
            seen.append(r)
    return seen


print(outer(-1), outer(2400), outer(1))


def failing(i):
    return 10 // (2000 - i)


def loop():
    total = 0
    for i in range(3000):
        total += failing(i)
    return total


try:
    loop()
except ZeroDivisionError as e:
    lines = []
    tb = e.__traceback__
    while tb:
        lines.append((tb.tb_frame.f_code.co_name, tb.tb_lineno, sorted(tb.tb_frame.f_locals)[:3]))
        tb = tb.tb_next
    print(lines)

factor = 3


def scaled(n):
    total = 0
    for i in range(n):
        total += i * factor
        if i == n - 100:
            globals()["factor"] = 5
    return total


print(scaled(3000), scaled(3000), factor)


def count(n):
    if n == 0:
        return 0
    return 1 + count(n - 1)


print(sum(count(i % 50) for i in range(500)))


def caught(n):
    hits = 0
    for i in range(n):
        try:
            if i % 3 == 0:
                raise ValueError(i)
            hits += 1
        except ValueError as e:
            hits += e.args[0] % 2
        finally:
            hits += 1
    return hits


print(caught(3000))


class Died:
    gone = 0

    def __init__(self, n):
        self.n = n

    def __del__(self):
        Died.gone += 1


def births(n):
    last = None
    for i in range(n):
        last = Died(i)
    return last.n


print(births(2000), Died.gone)
print(sys.getrefcount(points), sys.getrefcount(points[0]))
