"""Sites that see one kind of operand, then another, and things that change underneath."""
import asyncio
import sys


def keywords(a, b=2, *, c=3, d=4):
    return a, b, c, d


class Base:
    def __init__(self, x, *, y=5):
        self.x = x
        self.y = y

    def method(self, p, q=7, *, r=8):
        return self.x, p, q, r

    @classmethod
    def make(cls, x):
        return cls(x)

    value = 1


class Derived(Base):
    def method(self, *args, **kwargs):
        return super().method(*args, **kwargs)

    def inherited(self):
        return super().value

    @classmethod
    def make(cls, x):
        return super().make(x + 1)


def failure(call):
    try:
        return call()
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def calls_with_keywords():
    seen = []
    for i in range(60):
        seen = [
            keywords(1, d=i), keywords(b=i, a=1), keywords(1, c=2, b=i), keywords(1, 2, c=i, d=5),
            Derived(i).method(1, r=i), Derived(i, y=2).method(p=i), Base(i).method(r=1, p=i),
            failure(lambda: keywords(1, a=2)), failure(lambda: keywords(b=2)), failure(lambda: keywords(1, z=2)),
            failure(lambda: keywords(1, 2, 3, c=4)), dict(a=i, b=2), failure(lambda: keywords()),
        ]
    bound = Base(3).method
    seen.append([bound(i, r=i) for i in range(20)][-1])
    keywords.__kwdefaults__ = {"c": 30, "d": 40}
    seen.append([keywords(1, b=i) for i in range(20)][-1])
    keywords.__defaults__ = None
    seen.append([failure(lambda: keywords(1, c=i)) for i in range(20)][-1])
    keywords.__code__ = (lambda a, b, *, c, d: ("other", a, b, c, d)).__code__
    seen.append([keywords(1, b=i) for i in range(20)][-1])
    print(*seen, sep="\n")


def supers():
    one = Derived(1)
    before = [(one.method(i), one.inherited(), Derived.make(i).x) for i in range(30)][-1]
    Base.value = 2
    Base.method = lambda self, p: ("replaced", p)
    after = [(one.method(i), one.inherited(), Derived.make(i).x) for i in range(30)][-1]
    print(before, after)


def instances_with_dictionaries():
    class Plain:
        def greet(self):
            return "class"

    one = Plain()
    vars(one)["other"] = 1
    shown = [one.greet() for _ in range(30)]
    one.greet = lambda: "instance"
    shown += [one.greet() for _ in range(30)]
    del one.greet
    shown += [one.greet() for _ in range(30)]
    print(shown[0], shown[30], shown[60])


class Loud:
    deaths = []

    def __init__(self, name):
        self.name = name

    def __del__(self):
        Loud.deaths.append(self.name)


def destructors():
    class Slots:
        __slots__ = ("item",)

    holder, items = Slots(), [None] * 3
    for i in range(30):
        a, b = Loud(("a", i)), Loud(("b", i))
        a, b = Loud(("c", i)), Loud(("d", i))
        a = b = None
        holder.item = Loud(("slot", i))
        items[i % 3] = Loud(("item", i))
        (lambda: Loud(("local", i)) and None)()
        Loud(("left", i)) is Loud(("right", i))
    print(len(Loud.deaths), Loud.deaths[-12:])


def truths_and_comparisons():
    total = 0
    for i, x in enumerate([1, None, 2.5, "", "a", [], [0], True, False, object(), 10**20, 0.0, ()] * 9):
        if x:
            total += i
        if not x:
            total -= 1
        if x is None or x is not x:
            total += 1000
        if isinstance(x, (int, float)) and (x < 2 or x >= 2.5 or 1.5 == x or 10**17 + 1 > x):
            total += 7
    print(total, [2**53 + 1 == 2.0**53, 2**53 == 2.0**53, -(2**60) < -1e10, 1 != 1.0])


class Defaults(dict):
    def __missing__(self, key):
        return key * 2


class Shouting(dict):
    def __getitem__(self, key):
        return "!"


def dictionaries():
    seen = []
    for mapping in (Defaults(a=1), {"a": 2, 1: 3}, Shouting(), Defaults()):
        for _ in range(20):
            row = [failure(lambda: mapping[key]) for key in ("a", 1, "b", (1, 2))]
        seen.append(row)
    print(seen)


def unpacking():
    total = 0
    for pair in [(1, 2), [3, 4], (5, 6), [7, 8], "ab", {9: 0, 10: 0}] * 20:
        a, b = pair
        total += a if isinstance(a, int) else 100
        if isinstance(pair, (tuple, list)):
            (c, d) = pair
            total += d
    print(total)


def numbers_that_change():
    def add(a, b):
        return a + b, a - b, a * b, a // (b or 1)

    for a, b in [(1, 2), (1.5, 2), (2, 1.5), (2**62, 2**62), (1e300, 1e10), (3, True), (2**64, 2**64 - 1)] * 12:
        last = add(a, b)
    x, y = 3**200, 7**60
    print(last, x // y, x % y, divmod(y * 12 + 5, y), divmod(-x, y), (y * 3) // y, (y * 3 - 1) // y, (2**128) // (2**66))
    print(2**64 & (2**65 - 1), 2**64 | 1, (2**64 + 5) ^ 2**64, -(2**70) & 2**71 - 1, -(2**70) ^ 2**130)


def sets():
    a, b = set(), frozenset(range(0, 60, 3))
    for i in [*range(40), *range(0, 40, 2), *map(str, range(20)), *((i, str(i)) for i in range(20))]:
        if i in a:
            a.discard(i)
        else:
            a.add(i)
    print(sorted(map(str, a)), sorted(b - a)[:5], sorted(b & a), (1, "1") in a, 1.0 in a, b <= set(range(60)))
    print(hash(b) == hash(frozenset(b)), b == set(b), {(1, (2, 3))} == {(1, (2, 3))}, (1, 2) in {(1, 2.0)})


class Tree:
    def __init__(self, left, value, right):
        self.left, self.value, self.right = left, value, right

    def __iter__(self):
        if self.left:
            yield from self.left
        got = yield self.value
        if got:
            yield ("got", got)
        if self.right:
            yield from self.right


def tree(items):
    if not items:
        return None
    middle = len(items) // 2
    return Tree(tree(items[:middle]), items[middle], tree(items[middle + 1:]))


def generators():
    print(list(tree(range(40))) == list(range(40)), sum(1 for x in tree(range(100)) if x % 3))
    steps = iter(tree(range(7)))
    print([next(steps), next(steps), steps.send("hello"), *steps])

    def watched():
        try:
            for i in range(3):
                yield i
        finally:
            print("closed", sys.exception() is None)

    for i in watched():
        if i == 1:
            break

    async def numbers():
        for i in range(4):
            await asyncio.sleep(0)
            got = yield i
            if got:
                yield ("got", got)

    async def main():
        print([i async for i in numbers()], [i async for i in numbers() if i % 2])
        steps = numbers()
        print(await steps.asend(None), await steps.asend(5), await anext(steps), await anext(steps, "none"))
        await steps.aclose()
        try:
            await steps.asend(None)
        except StopAsyncIteration as end:
            print(repr(end))
        once = numbers().asend(None)
        try:
            while True:
                once.send(None)
        except StopIteration as end:
            print(end.value)
        try:
            once.send(None)
        except RuntimeError as error:
            print(error)

    asyncio.run(main())


calls_with_keywords()
supers()
instances_with_dictionaries()
destructors()
truths_and_comparisons()
dictionaries()
unpacking()
numbers_that_change()
sets()
generators()
