"""Delegation and coroutines in hot loops: values that go up and down through several frames, errors, asyncio."""
import sys, asyncio, types


class Tree:

    def __init__(self, l, v, r):
        self.left, self.value, self.right = (l, v, r)

    def __iter__(self):
        if self.left:
            yield from self.left
        yield self.value
        if self.right:
            yield from self.right


def tree(items):
    n = len(items)
    if n == 0:
        return None
    i = n // 2
    return Tree(tree(items[:i]), items[i], tree(items[i + 1:]))


def sub(n):
    t = 0
    for i in range(n):
        x = (yield i)
        t += x or 0
    return t


def mid(n, log):
    while True:
        r = (yield from sub(n))
        log.append(r)
        if len(log) > 50:
            return 'done'
        try:
            yield 'gap'
        except KeyError as e:
            log.append(str(e))


def drive():
    log = []

    def outer():
        r = (yield from mid(5, log))
        yield r
    g = outer()
    v = next(g)
    out = []
    k = 0
    while True:
        try:
            if v == 'gap' and k % 7 == 0:
                v = g.throw(KeyError(k))
            else:
                v = g.send(k if v != 0 else None)
        except StopIteration as e:
            out.append(('stop', e.value))
            break
        out.append(v)
        k += 1
    return (sum((x for x in out if isinstance(x, int))), log, out[-3:])


@types.coroutine
def pause(v):
    r = (yield v)
    return r


async def leaf(i):
    x = await pause(i)
    return (x or 0) + i


async def chain(n, i):
    if n == 0:
        return await leaf(i)
    return 1 + await chain(n - 1, i)


async def loop(n):
    t = 0
    for i in range(n):
        t += await chain(i % 4, i)
        try:
            t += await bad(i)
        except ValueError as e:
            t += e.args[0]
    return t


async def bad(i):
    if i % 3 == 0:
        raise ValueError(i)
    await pause(-i)
    return i


def run(c):
    v, n = (None, 0)
    try:
        while True:
            v = c.send(v)
            n += 1
    except StopIteration as e:
        return (e.value, n, v)


async def noawait(i):
    return i * 2


async def simple(n):
    t = 0
    for i in range(n):
        t += await noawait(i)
    return t


async def agen(n):
    for i in range(n):
        await pause(i)
        yield i


async def ause(n):
    return sum([x async for x in agen(n)])


async def main():
    t = 0

    async def w(i):
        nonlocal t
        for k in range(20):
            await asyncio.sleep(0)
            t += k * i
    await asyncio.gather(*(w(i) for i in range(10)))
    return t
t = tree(list(range(300)))
for k in range(5):
    s = 0
    for x in t:
        s += x
    print(s, sum((x for x in t)), list(t) == list(range(300)), max(iter(t)), sum(iter(t)))
print(drive())
for i in range(3):
    print(run(loop(100)), run(simple(200)), run(ause(60)))
print(asyncio.run(main()))


def early():
    for k in range(60):
        for x in t:
            if x == k * 3:
                break
    return x
print(early())
sys.set_coroutine_origin_tracking_depth(2)


def origins():
    out = []
    for i in range(60):
        c = noawait(i)
        if i > 55:
            out.append([o[1:] for o in c.cr_origin])
        c.close()
    return out
print(origins())
