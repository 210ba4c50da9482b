"""Operations that turn out to need Python code in the middle: hashes and comparisons of keys, elements and items."""

import warnings
from collections import defaultdict, deque, namedtuple

calls = 0


class Key:
    """Hashes collide often, and comparisons are counted."""

    def __init__(self, n):
        self.n = n

    def __hash__(self):
        return self.n % 3

    def __eq__(self, other):
        global calls
        calls += 1
        return isinstance(other, Key) and self.n == other.n

    def __lt__(self, other):
        global calls
        calls += 1
        return self.n < other.n

    def __repr__(self):
        return f"Key({self.n})"


class Plain:
    pass


class Point(namedtuple("Point", "x y")):
    pass


class Tree(dict):
    pass


class Text(str):
    def __eq__(self, other):
        global calls
        calls += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def stored_keys():
    # An int is asked for, the key with the same hash is an instance.
    d = {Key(0): "a", Key(1): "b", Key(2): "c"}
    s = {Key(0), Key(4), Key(8)}
    found = 0
    for i in range(600):
        found += d.get(i % 5, 1) == 1
        found += i % 5 in d
        found += i % 4 in s
        if i % 5 in s:
            found += 100
    return found


def instances_as_keys():
    keys = [Key(i) for i in range(7)]
    plain = [Plain() for _ in range(5)]
    # Where keys with random hashes lie must not decide about the number of comparisons.
    d, e, s, t, m, n = {}, {}, set(), Tree(), defaultdict(int), defaultdict(int)
    for i in range(500):
        k, p = keys[i % 7], plain[i % 5]
        d[k] = d.get(k, 0) + 1
        e[p] = e.get(p, 0) + 1
        s.add((k, i % 2))
        t[p, i % 3] = t.get((p, i % 3), 0) + 1
        n[Point(i % 3, p)] += 1
        u = Point(i % 4, k)
        m[u] = m.get(u, 0) + 1
    return [sum(v * v for v in counts.values()) for counts in (d, e, t, m, n)], len(s)


def containers_of_instances():
    left, right = [Key(i) for i in range(4)], [Key(i) for i in range(4)]
    total = 0
    for i in range(400):
        total += left == right
        total += left != right[:i % 4]
        total += (left[0], i % 2) == (right[0], 1)
        total += {*left} == {*right}
        total += {*left} <= {*right}
        total += len({*left} & {*right[: i % 4]})
        total += {k: 1 for k in left} == {k: 1 for k in right}
        total += left.index(right[i % 4])
        total += left.count(right[i % 4])
        total += right[i % 4] in left
        total += min(left).n + max(left).n + sorted(left)[i % 4].n
        total += (left < right) + (left >= right)
    return total


def removal():
    out = []
    for i in range(300):
        xs = [Key(j) for j in range(3)]
        xs.remove(Key(i % 3))
        s = {Key(j) for j in range(3)}
        s.discard(Key(i % 4))
        d = {Key(j): j for j in range(3)}
        out.append(len(xs) + len(s) + d.pop(Key(i % 5), 9))
        del d[Key(0) if Key(0) in d else Key(1)]
    return sum(out)


def iterators_are_not_used_up():
    total = 0
    for i in range(400):
        it = iter([Key(0), Key(1), Key(2), Key(3)])
        total += Key(1) in it
        total += len(list(it)) * 10
        it = iter([1, 2, 3, i])
        total += i in it
        total += len(list(it))
        views = {Key(1): 1, 2: 3}.keys() & iter([Key(1), Key(2), 2])
        total += len(views)
        total += sum(map(int, iter(["1", "2"])), start=i % 2)
        total += len(set(map(Key, range(i % 4))))
        total += len("".join(map(str, (1, Key(2)))))
    return total


def changed_in_place():
    total = 0
    for i in range(300):
        xs, s, d = [1], {1, Key(1)}, {1: 1}
        xs += iter((Key(i), i))
        xs += xs[:1]
        s |= {Key(1), Key(2), i % 3}
        s -= {Key(4)}
        d |= {Key(1): 2}
        q = deque([1])
        q += map(Key, (1, 2))
        total += len(xs) + len(s) + len(d) + len(q)
    return total


class Sized:
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __contains__(self, item):
        return item < self.n

    def __iter__(self):
        return iter(range(self.n))

    def __getitem__(self, i):
        return i * self.n

    def __setitem__(self, i, v):
        self.n = i + v

    def __delitem__(self, i):
        self.n -= i

    def __neg__(self):
        return -self.n

    def __format__(self, spec):
        return f"<{self.n}{spec}>"


class Truth:
    def __init__(self, v):
        self.v = v

    def __bool__(self):
        return self.v


class Walker(Sized):
    def __contains__(self, item):
        return "yes" * (item > 2)


def protocols():
    total, v, w = 0, Sized(3), Walker(4)
    for i in range(400):
        total += len(v) + (i % 5 in v) + (i % 5 in w) + sum(x for x in v) + v[i] - -v
        if v:
            total += 1
        if Truth(i % 3 == 0):
            total += 7
        if not Truth(i % 2 == 0):
            total += 3
        total += len(f"{v}{v:x}{Key(i)}")
        total += len([*v]) + max(v) + len(v[1:2] if False else [])
        v[1] = i % 4
        del v[0]
    return total


class Late:
    """Something that dies in the middle of a native operation runs its finaliser."""

    log = 0

    def __init__(self, n):
        self.n = n

    def __del__(self):
        Late.log += self.n % 3 + len({Key(self.n): 1}) + (self.n in {Key(1): 2})


def finalisers():
    d = {}
    xs = [None] * 4
    for i in range(400):
        d[i % 3] = Late(i)
        d[Key(i % 3)] = Late(i)
        d.pop(i % 3, None)
        xs[i % 4] = Late(i)
        {Late(i), Late(i + 1)}
    d.clear()
    xs.clear()
    return Late.log


def warned():
    total = 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for i in range(200):
            b = i % 2 == 0
            total += ~b
    return total, len(caught), {w.lineno - caught[0].lineno for w in caught}


class Machine(str):
    def __getitem__(self, i):
        return "x"


def derived():
    total, s, t = 0, Machine("abc"), Text("k1")
    d = {"k0": 1, "k1": 2}
    p = Point(1, 2)
    for i in range(300):
        total += len(s[i % 3]) + len(s) + ("a" in s) + (s[0:1] == "x")
        total += d[f"k{i % 2}"] + d.get(t, 5) + (t == "k1") + (t in d)
        total += p[0] + p[1] + (p == (1, 2)) + len(p) + len(p + (1,)) + sum(p)
        x, y = p
        total += x * y
        for z in p:
            total += z
    return total


def errors():
    seen = []
    for i in range(300):
        try:
            {}[Key(i)]
        except KeyError as e:
            seen.append(repr(e))
        try:
            {[i]}
        except TypeError as e:
            seen.append(str(e))
        try:
            [1].index(Key(i))
        except ValueError as e:
            seen.append(str(e))
        try:
            Key(i) + 1
        except TypeError as e:
            seen.append(str(e))
    return len(seen), sorted(set(seen))[:6], sorted(set(seen))[-3:]


for f in (
    stored_keys,
    instances_as_keys,
    containers_of_instances,
    removal,
    iterators_are_not_used_up,
    changed_in_place,
    protocols,
    finalisers,
    warned,
    derived,
    errors,
):
    calls = 0
    print(f.__name__, f(), calls)
