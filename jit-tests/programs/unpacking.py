"""Many items at once: tuples and lists that are taken apart, variables that are stored side by side."""

import sys


def tuples(n, pairs):
    t = 0
    for k in range(n):
        a, b, c, d, e = pairs[k % len(pairs)]
        t += a - b + c * d - e
    return t


print(tuples(500, [(1, 2, 3, 4, 5), (5, 4, 3, 2, 1), (10**30, -1, True, 2.5, 0)]))


def lists(n):
    x = [object(), "text", 3, None, 4.5]
    before = [sys.getrefcount(v) for v in x]
    for k in range(n):
        a, b, c, d, e = x
        f, *g, h = x
    a = b = c = d = e = f = g = h = None
    return [sys.getrefcount(v) for v in x] == before


print(lists(500))


def fresh(n):
    # The container is given up at once.
    t = 0
    for k in range(n):
        a, b, c, d = [k, str(k), k + 1, (k,)]
        e, f, g, h = d + (b, c, None)
        t += a + len(b) + c + e + len(f) + g
        d, c, b, a = a, b, c, d
    return t, a, b, c, d


print(fresh(500))


def own_container(n):
    # The variables that are stored hold the container itself.
    t = 0
    for k in range(n):
        a = (k, k + 1, k + 2, k + 3)
        a, b, c, d = a
        t += a * b - c * d
        d = [a, b, c, d]
        a, b, c, d = d
        t += a + b + c + d
    return t


print(own_container(500))


def wrong_length(rows):
    found = 0
    for row in rows:
        try:
            a, b, c, d, e = row
        except (ValueError, TypeError) as error:
            found += len(str(error))
        else:
            found += a + e
    return found


print(wrong_length([(1, 2, 3, 4, 5)] * 300 + [(1, 2, 3, 4), [1] * 6, 7, [5, 4, 3, 2, 1], (0,) * 5] * 40))


class Noisy:
    """What is given up changes the list that is being taken apart."""

    def __init__(self, items):
        self.items = items

    def __del__(self):
        self.items[:] = ["changed"] * len(self.items)


def destroyed(n):
    seen = set()
    for k in range(n):
        items = [1, 2, 3, 4, 5]
        a = b = c = d = e = None
        b = Noisy(items)
        a, b, c, d, e = items
        seen.add((a, b, c, d, e, *items))
    return sorted(map(str, seen))


print(destroyed(400))


def deleted(n):
    t = 0
    for k in range(n):
        a, b, c, d = k, k + 1, k + 2, k + 3
        t += a + b + c + d
        a, b, c, d = (t, t, t, t)
        t += d - a
        del b, c
    return t


print(deleted(400))


def inlined(row):
    a, b, c, d, e, f = row
    a, b, c, d, e, f = [f, e, d, c, b, a]
    return a * 100000 + b * 10000 + c * 1000 + d * 100 + e * 10 + f


def in_calls(n):
    t = 0
    for k in range(n):
        t += inlined((k, 1, 2, 3, 4, 5)) + inlined((5, 4, 3, 2, 1, k))
    return t


print(in_calls(400))


def doubles(n):
    a = b = c = d = 0.5
    for k in range(n):
        a += b * 0.5
        b += c * 0.25
        c += d * 0.125
        d = a * 0.0625
        a, b, c, d = (d, c, b, a)
        a, b, c, d = [a, b, 1.5, d]
    return a, b, c, d


print(doubles(400))

lines = ["def long(n):", "    t, x, v = 0, 0.5, [1, 2, 3, 4, 5]", "    for k in range(n):"]
for k in range(400):
    lines += [f"        t = (t + k * {k}) & 65535", "        x = x * 0.5 + t", "        a, b, c, d, e = v"]
lines += ["        v = [e, a, b, c, d]", "        if x < 0: break", "    return t, x, v"]
names = {}
exec("\n".join(lines), names)
print(names["long"](300))
