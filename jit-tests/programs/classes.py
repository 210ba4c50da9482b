"""Class methods, `super()` in constructors and methods, classes with other metaclasses, methods that instances hide."""

import abc
import numbers
from collections import namedtuple
from fractions import Fraction


class Meta(type):
    def __instancecheck__(cls, instance):
        return instance == 3 or type.__instancecheck__(cls, instance)


class Base(metaclass=Meta):
    made = 0

    def __new__(cls, *args):
        Base.made += 1
        return super().__new__(cls)

    def __init__(self, n=0):
        self.n = n

    @classmethod
    def of(cls, n, step=1):
        return cls(n + step)

    @staticmethod
    def plain(n):
        return n + 1

    def value(self):
        return self.n


class Derived(Base):
    def __init__(self, n):
        super().__init__(n)
        self.m = n

    @classmethod
    def of(cls, n, step=2):
        return super().of(n, step)

    def value(self):
        return super().value() * 2


class Third(Derived):
    def value(self):
        return super(Derived, self).value() + super().value()


class Fast:
    __slots__ = ("a", "b")

    def __new__(cls, a, b):
        self = super(Fast, cls).__new__(cls)
        self.a = a
        self.b = b
        return self

    @classmethod
    def pair(cls, a):
        return cls(a, a)


class Abstract(abc.ABC):
    @abc.abstractmethod
    def f(self):
        ...

    @classmethod
    def make(cls):
        return object.__new__(cls)


class Concrete(Abstract):
    def f(self):
        return 5


class Row(namedtuple("Row", "a b c")):
    __slots__ = ()

    @classmethod
    def zero(cls):
        return cls(0, 0, 0)


class Single:
    instance = None

    def __new__(cls):
        if cls.instance is None:
            cls.instance = super().__new__(cls)
        return cls.instance


class Word(str):
    def __new__(cls, text):
        return super().__new__(cls, text + "!")


def constructors():
    total = 0
    for i in range(500):
        total += Base(i).value() + Base.of(i).value() + Base.plain(i)
        total += Derived.of(i).value() + Derived.of(i, 5).m + Third.of(i).value()
        f = Fast.pair(i)
        total += f.a + f.b + Fast(1, 2).b
        total += Concrete().f() + Concrete.make().f()
        total += Single() is Single()
        total += len(Word("ab" * (i % 3)))
        r = Row(i, 2, 3)._replace(b=i)
        total += r.b + len(r.zero()) + sum(Row._make((1, 2, i)))
    return total, Base.made


def instances():
    values = [Base(1), Derived(2), 3, Fraction(1, 2), 2.5, Concrete(), True, 10**30, None, Row(1, 2, 3)]
    total = 0
    for i in range(1000):
        v = values[i % 10]
        total += isinstance(v, Base) + 2 * isinstance(v, Derived) + 4 * isinstance(v, (int, Fraction))
        total += 8 * isinstance(v, numbers.Rational) + 16 * isinstance(v, (str, Base)) + 32 * isinstance(v, Abstract)
        total += 64 * isinstance(v, (Fraction, float)) + 128 * isinstance(v, (Meta, tuple))
    return total


def fractions():
    total, step = Fraction(0), Fraction(1, 7)
    for i in range(300):
        total += step * i - Fraction(i, 3)
        if total > 100 or total == 5:
            total -= 50
        total = abs(total) / 2 + (total < 3)
        total = Fraction(round(total * 64), 64)
    return total


def hidden():
    xs = [Base(1), Derived(2), Third(3)]
    for x in xs:
        vars(x)["extra"] = 1
    total = 0
    for i in range(600):
        x = xs[i % 3]
        total += x.value()
        if i % 100 == 50:
            x.value = lambda: 1000
        if i % 100 == 80:
            for y in xs:
                vars(y).pop("value", None)
    return total


def changed():
    total = 0
    of, new = Base.__dict__["of"], Base.__new__
    for i in range(900):
        total += Base.of(i).n + Derived(i).value() + Fast(i, 1).a
        total += isinstance(Concrete(), Abstract)
        if i == 200:
            Base.of = classmethod(lambda cls, n: cls(7))
        if i == 300:
            Base.of = lambda n: Base(n + 2)
        if i == 400:
            Base.of = of
            Meta.of = property(lambda cls: lambda n: Base(n + 3))
        if i == 500:
            del Meta.of
            Base.value = lambda self: -1
        if i == 600:
            Derived.value = Base.value
            Fast.__new__ = lambda cls, a, b: of.__func__(Base, a) and Third(a) and object.__new__(Derived) or 1
            Derived.a = 3
    return total


def abstract():
    errors = 0
    for i in range(400):
        try:
            Abstract.make()
        except TypeError as e:
            errors += len(str(e))
        if i == 200:
            Abstract.__abstractmethods__ = frozenset()
        if i == 300:
            Abstract.__abstractmethods__ = frozenset({"g"})
    return errors


def texts():
    s = t = ""
    lengths = 0
    for i in range(2000):
        s += "a"
        s += str(i)
        t = s
        s += "é" if i % 500 == 3 else "z"
        lengths += len(t) + len(s)
        if len(s) > 200:
            s = s[150:]
        if i % 400 == 399:
            s += "\u1234"
            lengths += ord(s[-1])
    try:
        for i in range(500):
            s += "b" if i < 400 else 1
    except TypeError as e:
        return lengths, len(s), t[-10:], str(e)


for f in constructors, instances, fractions, hidden, abstract, texts, changed:
    print(f.__name__, f())
