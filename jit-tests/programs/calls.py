"""Calls of every form in hot loops: bound methods, defaults, keywords, `*args`, closures, cells, hidden variables."""
import sys


def defaults(a, b=2, c=3, *, d=4):
    return a, b, c, d


def rest(a, *args):
    return a + len(args) + sum(args)


def named(first, second, third=30):
    return first * 10000 + second * 100 + third


class Point:
    def __init__(self, x, y=7):
        self.x = x
        self.y = y

    def moved(self, dx, dy=1):
        return Point(self.x + dx, self.y + dy)

    def total(self, *more):
        return self.x + self.y + sum(more)


class Derived(Point):
    def __init__(self, x):
        super().__init__(x, y=x * 2)

    def total(self, *more):
        return super().total(1, *more)


def counter(start):
    count = start

    def step(by=1):
        nonlocal count
        count += by
        return count

    def show():
        return count

    return step, show


def adders(n):
    return [lambda x, i=i: x + i + n for i in range(3)]


def run(n):
    out = []
    point = Point(1)
    bound = point.moved
    step, show = counter(5)
    total = 0
    for i in range(n):
        moved = bound(i)
        total += moved.x + bound(i, 5).y + moved.total() + moved.total(i) + moved.total(i, i)
        total += named(1, second=i) + named(second=3, first=i) + named(1, 2, third=i)
        total += rest(i) + rest(i, 1) + rest(i, 1, 2)
        a, b, c, d = defaults(i)
        total += a + b + c + d
        a, b, c, d = defaults(i, c=9)
        total += a + b + c + d
        step()
        step(i)
        total += show()
        total += sum(f(i) for f in adders(i))
        total += len([k for k in range(i % 4)])
        total += Derived(i).total() + Derived(i).total(4)
        if i % 37 == 0:
            out.append(total)
    return out, show(), total


def hidden(n):
    x = "kept"
    seen = 0
    for i in range(n):
        squares = [x for x in (i, i + 1)]
        seen += squares[1]
        if x != "kept":
            raise AssertionError(x)
    try:
        for i in range(n):
            [1 // (n - 2 - x) for x in (i,)]
    except ZeroDivisionError as e:
        return x, seen, str(e), e.__traceback__.tb_lineno
    return None


def changing(n):
    """What a trace takes for constant changes under it."""
    global named
    out = []
    for i in range(n):
        if i == n // 2:
            defaults.__defaults__ = (20, 30)
        if i == n // 2 + 5:
            old = named

            def named(first, second, third=31, fourth=1):
                return old(first, second, third) + fourth

        out.append(sum(defaults(i)) + named(i, 1))
    return sum(out), out[n // 2 - 1 : n // 2 + 8]


def recursive(n):
    def down(k):
        return k if k == 0 else down(k - 1) + 1

    return sum(down(k % 9) for k in range(n))


def mistakes(n):
    """Calls that fail behind many that do not."""
    def strict(a, b):
        return a + b

    caught = []
    for i in range(n):
        args = (i, 1) if i < n - 2 else (i,)
        try:
            strict(*args)
            if i == n - 1:
                strict(1, b=2, c=3)
        except TypeError as e:
            caught.append(str(e))
    late = None
    for i in range(n):
        def inner():
            return late

        if i == n - 1:
            del late
            try:
                inner()
            except NameError as e:
                caught.append(str(e))
        else:
            inner()
    return caught


print(run(400))
print(hidden(300))
print(changing(300))
print(recursive(500))
print(mistakes(300))
print(sys.getrefcount(Point) > 2)
