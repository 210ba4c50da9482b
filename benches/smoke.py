"""Small programs whose results are known: `smoke.py`. Exits with 1 if one of them is wrong."""
import sys
import time


def sieve(n):
    prime = bytearray([1]) * (n + 1)
    for i in range(2, int(n ** 0.5) + 1):
        if prime[i]:
            prime[i * i::i] = bytes(len(range(i * i, n + 1, i)))
    return sum(prime[2:])


class Shape:
    def __init__(self, size):
        self.size = size

    def area(self):
        raise NotImplementedError

    @property
    def doubled(self):
        return self.area() * 2


class Square(Shape):
    def area(self):
        return self.size * self.size


class Circle(Shape):
    def __init__(self, size):
        super().__init__(size)
        self.kind = "circle"

    def area(self):
        return 3.0 * self.size * self.size


class Slotted:
    __slots__ = ("size",)

    def __init__(self, size):
        self.size = size

    def area(self):
        return self.size


def shapes(n):
    total = 0
    for i in range(n):
        for shape in Square(i), Circle(i), Slotted(i):
            total += shape.area()
        total += shape.size if isinstance(shape, Slotted) else shape.doubled
    return total


def words(n):
    text = " ".join(f"w{i * i % 97}" for i in range(n))
    counts = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + 1
    return max((count, word) for word, count in counts.items())


def generators(n):
    def numbers(limit):
        for i in range(limit):
            yield i

    def squares(source):
        for i in source:
            yield i * i

    def flatten(tree):
        if isinstance(tree, tuple):
            for part in tree:
                yield from flatten(part)
        else:
            yield tree

    return sum(squares(numbers(n))) + sum(flatten((1, (2, (3, (4,))), 5)))


def exceptions(n):
    caught = 0
    for i in range(n):
        try:
            try:
                [][i]
            except IndexError as error:
                raise KeyError(i) from error
        except KeyError as error:
            caught += error.args[0] == i and isinstance(error.__cause__, IndexError)
    return caught


def strings(n):
    text = ""
    for i in range(n):
        text += chr(97 + i % 26)
    return text.count("abc"), text[-3:], hash(text) == hash("" + text)


def recursion(n):
    return n if n < 2 else recursion(n - 1) + recursion(n - 2)


def changing_classes(n):
    class Changing:
        value = 1

        def get(self):
            return self.value

    thing, seen = Changing(), []
    for i in range(n):
        if i == n // 3:
            Changing.get = lambda self: self.value + 10
        if i == n // 2:
            thing.value = 5
        if i == 3 * n // 4:
            Changing.value = property(lambda self: 100, lambda self, value: None)
        seen.append(thing.get())
    return seen.count(1), seen.count(11), seen.count(15), seen.count(110)


def closures(n):
    def counter():
        count = 0

        def step(by=1, *, sign=1):
            nonlocal count
            count += by * sign
            return count
        return step

    step = counter()
    for i in range(n):
        step()
        step(2)
        step(1, sign=-1)
        step(*(1,), **{"sign": -1})
    return step(0)


PROGRAMS = [
    (sieve, (200_000,), 17984),
    (shapes, (3_000,), 35990999000.0),
    (words, (20_000,), (413, "w95")),
    (generators, (20_000,), 2666466670015),
    (exceptions, (5_000,), 5_000),
    (strings, (50_000,), (1923, "zab", True)),
    (recursion, (20,), 6765),
    (changing_classes, (900,), (300, 150, 225, 225)),
    (closures, (5_000,), 5_000),
]


def main():
    wrong = 0
    for program, arguments, expected in PROGRAMS:
        start = time.perf_counter()
        result = program(*arguments)
        seconds = time.perf_counter() - start
        good = result == expected
        wrong += not good
        print(f"{program.__name__:18} {'ok' if good else f'WRONG: {result!r}, expected {expected!r}':8} {seconds:8.3f} s")
    sys.exit(wrong != 0)


if __name__ == "__main__":
    main()
