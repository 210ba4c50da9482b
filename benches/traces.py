"""Loops that `jit.rs` compiles."""


def ints(n):
    a, b, c = 1, 2, 3
    for i in range(n):
        a = a + i & 1023
        b = b ^ a
        c = c * 3 + b & 65535
        if a > b:
            c -= 1
        else:
            c += a - b
    return c


def floats(n):
    x, y, z = 0.5, 1.5, 2.5
    for i in range(n):
        x = x * 0.99 + y * 0.01
        y = y * 0.99 + z * 0.01
        z = z * 0.99 + x * 0.01 - i * 1e-9
    return x


class Point:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def add(self, dx, dy):
        self.x = self.x + dx & 65535
        self.y = self.y + dy & 65535
        return self.x ^ self.y


def objects(n):
    points = [Point(i, -i) for i in range(8)]
    t = 0
    for i in range(n):
        p = points[i & 7]
        t += p.x
        p.y = t & 255
        p.x = p.y + i & 255
    return t


def calls(n):
    p = Point(1, 2)
    t = 0
    for i in range(n):
        t += p.add(i, 1)
        t ^= p.add(2, i)
    return t


SOURCE = """
def f():
    a = b = 1
    for i in range(102):
        a = a + i & 1023; b = b ^ a
        a = a + i & 1023; b = b ^ a
        a = a + i & 1023; b = b ^ a
        a = a + i & 1023; b = b ^ a
        a = a + i & 1023; b = b ^ a
"""


def fresh_loop():
    names = {}
    exec(compile(SOURCE, "<loop>", "exec"), names)
    names["f"]()


def without_exits(n):
    a = b = 0
    for i in range(n):
        if i < 0:
            a += 1
        else:
            b += 1
    return a, b


def with_exits(n):
    a = b = 0
    for i in range(n):
        # The trace has the way of the first hundred iterations.
        if i < 150:
            a += 1
        else:
            b += 1
    return a, b
