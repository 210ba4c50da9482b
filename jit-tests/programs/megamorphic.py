# Attributes and methods of more classes than an inline cache remembers.
class Base:
    scale = 3

    def get(self, x):
        return self.n + x

    @staticmethod
    def fixed(x):
        return x + 1

    @classmethod
    def of(cls, x):
        return cls.scale * x

    @property
    def twice(self):
        return self.n * 2


made = []
for k in range(30):
    class C(Base):
        def __init__(self, n):
            self.n = n
            if n % 3 == 1:
                self.own = lambda x: ("own", x)

        def m(self, x):
            return self.n * x

        def __getattr__(self, name):
            return (name, self.n)

    if k % 4 == 1:
        class C(C):
            __slots__ = ("other",)

            def m(self, x):
                return super().m(x) + 1

            scale = k
    if k % 7 == 2:
        C.own = lambda self, x: ("class", x)
        C.get = staticmethod(lambda x: x * 100)
    made.append(C)

objects = [made[i % 30](i) for i in range(300)]


def walk(objects):
    total, texts = 0, []
    for o in objects:
        total += o.m(3) + o.get(2) + o.fixed(1) + o.of(2) + o.twice + o.n + o.scale
        if o.n % 50 == 3:
            texts.append((o.absent, getattr(o, "n"), type(o).__name__))
        if o.n % 3 == 1 or o.n % 30 % 7 == 2:
            texts.append(o.own(o.n % 2))
        o.extra = total & 7
        total += o.extra
    return total, len(texts), texts[:6], texts[-3:]


for _ in range(12):
    answer = walk(objects)
print(answer)


class Falls:
    def m(self, x):
        raise KeyError(x)


class Asks:
    @property
    def m(self):
        if self.n > 5:
            raise AttributeError("m of Asks")
        return lambda x: (self.n, x)


def each(objects):
    out = []
    for o in objects:
        try:
            out.append(o.m(1))
        except (KeyError, AttributeError, TypeError) as e:
            out.append(repr(e))
    return out


mixed = []
for i in range(200):
    o = [Falls, Asks, made[i % 30], made[i % 29]][i % 4]
    o = o(i) if o in made else o()
    o.n = i % 9
    mixed.append(o)
mixed.append(3)
mixed.append(None)
for _ in range(9):
    answer = each(mixed)
print(answer[:12], answer[-3:], len(set(map(str, answer))))
