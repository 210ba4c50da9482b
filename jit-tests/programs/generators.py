"""Generators in hot loops: for loops over them, delegation, sending, native consumers, closing, errors, frames."""
import sys


def count(n):
    i = 0
    while i < n:
        yield i
        i += 1


def squares(numbers):
    for x in numbers:
        yield x * x


def filtered(n):
    for x in range(n):
        if x % 3 == 0:
            yield x
        elif x % 5 == 0:
            yield -x


class Tree:
    def __init__(self, left, value, right):
        self.left, self.value, self.right = left, value, right

    def __iter__(self):
        if self.left:
            yield from self.left
        yield self.value
        if self.right:
            yield from self.right


def tree(items):
    n = len(items)
    if n == 0:
        return None
    i = n // 2
    return Tree(tree(items[:i]), items[i], tree(items[i + 1 :]))


def average():
    total = count = 0
    value = None
    while True:
        value = yield (total / count if count else None)
        total += value
        count += 1


def returns(n):
    total = 0
    for i in range(n):
        total += yield i
    return total


def outer(n, log):
    result = yield from returns(n)
    log.append(result)
    yield "end"


def breaks(n):
    try:
        for i in range(n):
            yield i
            if i == n - 3:
                raise ValueError(i)
    finally:
        closed.append(n)


def frames(n):
    for i in range(n):
        if i == n - 1:
            yield sys._getframe().f_lineno, sys._getframe(1).f_code.co_name
        yield i


closed = []


def consume(n):
    total = 0
    for x in count(n):
        total += x
    for x in squares(count(n)):
        total += x
    for x in filtered(n):
        total -= x
    return total


def native(n):
    a = sum(x * 2 + 1 for x in range(n))
    b = max(x % 17 for x in range(n))
    c = any(x == n + 1 for x in range(n)), all(x < n for x in range(n))
    d = len(set(x % 7 for x in filtered(n))), sorted(-x for x in count(20))[:3]
    e = [sum(y for y in range(x % 5)) for x in range(n)]
    f = dict((x, x * x) for x in range(6))
    g = "".join(str(x % 10) for x in range(30))
    return a, b, c, d, sum(e), f, g


def trees(n):
    t = tree(list(range(63)))
    total = 0
    for i in range(n):
        total += sum(x * i for x in t)
        for x in t:
            total += x
    return total


def sends(n):
    a = average()
    next(a)
    out = [a.send(i) for i in range(n)]
    log = []
    o = outer(n, log)
    value = next(o)
    while value != "end":
        value = o.send(value * 2)
    return sum(out), log


def early(n):
    for k in range(n):
        for x in breaks(10):
            if x == 4:
                break
    caught = 0
    for k in range(n):
        try:
            for x in breaks(10):
                pass
        except ValueError as e:
            caught += e.args[0]
    return len(closed), caught


def looks(n):
    last = None
    for x in frames(n):
        last = x if isinstance(x, tuple) else last
    return last


def closures(n):
    total = 0
    for i in range(n):
        g = (x + i for x in range(3))
        total += next(g) + next(g)
        h = (y for y in (lambda k=i: [k, k + 1])())
        total += sum(h)
    return total


def scaled(n, k):
    for i in range(n):
        yield i * k


def unboxed(n):
    f, total = 0.25, 0.0
    for i in range(n):
        f = f * 0.5 + 1
        total += sum(scaled(3, f), 1) + max(scaled(2, f - 3))
        for x in scaled(2, f):
            total -= x
    return total


print(consume(800))
print(native(700))
print(trees(40))
print(sends(400))
print(early(120))
print(looks(300))
print(closures(300))
print(unboxed(300))
