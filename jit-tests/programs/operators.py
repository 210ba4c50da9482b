"""Operators that are functions of Python classes: their results, their order, NotImplemented, errors, recursion."""


class Vector:
    def __init__(self, x, y):
        self.x = x
        self.y = y

    def __add__(self, other):
        if not isinstance(other, Vector):
            return NotImplemented
        return Vector(self.x + other.x, self.y + other.y)

    def __radd__(self, other):
        return Vector(self.x + other, self.y + other)

    def __sub__(self, other):
        return Vector(self.x - other.x, self.y - other.y)

    def __mul__(self, factor):
        return Vector(self.x * factor, self.y * factor)

    __rmul__ = __mul__

    def __neg__(self):
        return Vector(-self.x, -self.y)

    def __getitem__(self, i):
        return (self.x, self.y)[i]

    def __iadd__(self, other):
        self.x += other.x
        self.y += other.y
        return self

    def __pow__(self, n):
        return self.x**n + self.y**n

    def __matmul__(self, other):
        return self.x * other.x + self.y * other.y

    def __repr__(self):
        return f"<{self.x}, {self.y}>"


class Special(Vector):
    def __radd__(self, other):
        return "special radd"

    def __rsub__(self, other):
        return "special rsub"


class Refuses:
    def __add__(self, other):
        return NotImplemented

    def __sub__(self, other):
        return NotImplemented


class Helps:
    def __init__(self):
        self.calls = 0

    def __radd__(self, other):
        self.calls += 1
        return "helped"


class Chain:
    def __init__(self, n):
        self.n = n

    def __add__(self, other):
        return self.n if self.n == 0 else Chain(self.n - 1) + other


class Returns:
    def __or__(self, other):
        return self

    def __and__(self, other):
        return other

    def __xor__(self, other):
        raise LookupError("xor")


def arithmetic(n):
    total = Vector(0, 0)
    acc = Vector(0, 0)
    scalar = 0
    for i in range(n):
        v = Vector(i, 1.5)
        w = v + Vector(1, i) - Vector(0.5, 2)
        total = total + w * 2 + 2 * v + -v
        acc += v
        scalar += v @ w + v**2 + v[0]
        total = 3 + total
    return total, acc, scalar


def refused(n):
    refuses, helps, errors = Refuses(), Helps(), 0
    words = set()
    for i in range(n):
        words.add(refuses + helps)
        words.add(Vector(1, 2) + Special(3, 4))
        words.add(Vector(1, 2) - Special(3, 4))
        try:
            refuses - i
        except TypeError as e:
            errors += 1
            words.add(str(e))
        try:
            refuses + refuses
        except TypeError as e:
            errors += 1
            words.add(str(e))
        try:
            Vector(1, 2) + "x"
        except TypeError as e:
            errors += 1
            words.add(str(e))
    return sorted(words), helps.calls, errors


def identities(n):
    a, b, seen = Returns(), Returns(), 0
    for i in range(n):
        c = a | b
        d = a & b
        seen += (c is a) + (d is b) * 2
        try:
            a ^ b
        except LookupError as e:
            seen += len(e.args) * 4
    return seen


def recursion(n):
    out = 0
    for i in range(n):
        out += Chain(i % 7) + 1
    try:
        Chain(100000) + 1
    except RecursionError as e:
        return out, str(e)
    return None


def mixed(n):
    """One operator with operands of many kinds, and a class that changes."""
    things = [1, 2.5, Vector(1, 1), "s", (1,), [2], Special(1, 2)]
    out = []
    for i in range(n):
        a, b = things[i % 7], things[i * 3 % 7]
        try:
            out.append(repr(a + b))
        except TypeError as e:
            out.append(str(e))
        if i == n - 20:
            Vector.__add__ = lambda self, other: "changed"
    return sorted(set(out)), len(out)


print(arithmetic(500))
print(refused(200))
print(identities(300))
print(recursion(300))
print(mixed(400))
