"""Sites with many faces: branches, classes, types that change, generators, large functions."""


def branches(a, b, c, d, e, f, g, h, i):
    n = 0
    for k in range(300):
        for v in (a, b, c, d, e, f, g, h, i):
            if v is None:
                n += 1
            elif v is True:
                n += 2
            else:
                n += v
        a, b, c, d, e, f, g, h, i = b, c, d, e, f, g, h, i, a
    return n


print(branches(None, 1, None, 2.5, None, True, 3, None, 4))

classes = [type(f"C{n}", (), {"value": lambda self, n=n: n, "slot": n}) for n in range(200)]
objects = [c() for c in classes] * 20


def many(objects):
    total = 0
    for o in objects:
        total += o.value() + o.slot
    return total


print(many(objects))


def changing(n):
    total = 0
    for k in range(n):
        kind = k // 1000 % 4
        x = (k, k + 0.5, True, 2**65)[kind]
        total = total + x if kind != 3 else total
    return total


print(changing(9000))


def numbers(n):
    for i in range(n):
        if i % 7 == 3:
            continue
        yield i


def delegating(n):
    got = yield from numbers(n)
    yield -1


print(sum(numbers(5000)), sum(delegating(3000)), [x * 2 for x in numbers(20)])


def sieve(n):
    flags = [True] * (n + 1)
    count = 0
    for i in range(2, n + 1):
        if flags[i]:
            count += 1
            for j in range(i * i, n + 1, i):
                flags[j] = False
    return count


print(sieve(20000))


def words(n):
    counts = {}
    text = ""
    for i in range(n):
        word = "w" + str(i % 17)
        counts[word] = counts.get(word, 0) + 1
        if word in counts and len(text) < 50:
            text += word[0]
    return sorted(counts.items())[:3], text


print(words(3000))


def floats(n):
    x, y = 0.0, 1e-3
    for i in range(n):
        x = x * 0.999 + y
        if x > 0.5:
            x = -x
        if i % 1000 == 999:
            y = y / (1 + i / 1e4)
    return x, -x < 0.0, x == x


print(floats(5000))


def overflowing(n):
    big = 1e300
    for i in range(n):
        big = big * 1.001
    return big


print(overflowing(3000))


def ints(n):
    a = 1
    for i in range(n):
        a = (a * 1103515245 + 12345) & 0x7FFFFFFF
        a ^= i << 3
        a = a % 1000003 + (a >> 4) - (~i & 15)
        a = a | (i // 7)
    return a


print(ints(5000), [(-7) // 2, (-7) % 3])

source = "def big(n):\n    t = 0\n    for i in range(n):\n" + "".join(
    f"        t = t + i * {k} if i % {k % 5 + 2} else t - {k}\n" for k in range(400)
) + "    return t\n"
namespace = {}
exec(source, namespace)
print(namespace["big"](300))


def closures(n):
    total = 0

    def bump(k):
        nonlocal total
        total += k
        return total

    return [bump(i) for i in range(n)][-1]


print(closures(3000))


def unpack(n):
    out = 0
    for a, (b, c) in [(i, (i + 1, [i])) for i in range(n)]:
        (d,) = c
        out += a + b + d
    return out


print(unpack(2000))


def replaced_while_recording():
    """The class changes in the loop that used it: what was found on it is gone when the trace is made."""

    def make(n):
        return lambda self, *key: n

    class Changing:
        value = 2.5
        __getitem__ = lambda self, key: 1
        method = lambda self: 1
        got = property(lambda self: 1)

    found = []
    thing = Changing()
    for i in range(40):
        if i % 20 == 17:
            Changing.__getitem__ = lambda self, key: 1
            Changing.method = make(1)
            Changing.got = property(lambda self: 1)
        found.append(thing[i] + thing.method() + thing.got + thing.value + Changing.value)
        if i % 10 == 9:
            Changing.__getitem__ = Changing.method = make(i)
            Changing.got = property(lambda self, n=i: n)
            Changing.value = i + 0.25
    print(found)


replaced_while_recording()
