"""Chains of generators that delegate: who looks at one, resumes it or throws into it on the way; errors, closing, events."""
import sys, gc, inspect, traceback


def walk(n, log, tag=''):
    try:
        if n:
            r = (yield from walk(n - 1, log, tag))
            log.append((n, r))
        got = (yield n)
        try:
            if n:
                yield from walk(n - 1, log, tag)
        except ValueError as e:
            log.append(('caught', n, str(e)))
            yield 'c'
    finally:
        log.append(('fin', n))
    return n * 10


def names():
    f = sys._getframe(1)
    out = []
    while f and f.f_code.co_name != '<module>':
        out.append((f.f_code.co_name, f.f_lineno))
        f = f.f_back
    return out


def full(n):
    log = []
    out = list(walk(n, log))
    return (out, log)
for i in range(3):
    print(full(4))
keep = []


def look(n):
    if n == 0:
        for i in range(5):
            x = (yield (i, [g.gi_running for g in keep], [inspect.getgeneratorstate(g) for g in keep], names()))
            if x == 'next':
                try:
                    next(keep[1])
                except ValueError as e:
                    yield str(e)
        return 'leaf'
    g = look(n - 1)
    keep.append(g)
    r = (yield from g)
    yield (r, n)
    return str(r) + str(n)
for mode in range(6):
    keep.clear()
    t = look(4)
    out = []
    for k in range(30):
        try:
            v = t.send('next' if k == 3 and mode == 0 else None) if k else next(t)
        except StopIteration as e:
            out.append(('stop', e.value))
            break
        out.append(v)
        if k == 2 and keep:
            out.append([(g.gi_running, g.gi_suspended, inspect.getgeneratorstate(g), g.gi_frame and g.gi_frame.f_back, g.gi_frame and g.gi_frame.f_lasti >= 0, g.gi_yieldfrom is not None) for g in keep])
        if k == 2 and mode == 1:
            out.append(('direct', next(keep[2])))
        if k == 2 and mode == 2:
            keep[1].close()
        if k == 2 and mode == 3:
            try:
                keep[0].throw(KeyError('k'))
            except KeyError as e:
                out.append([fs.name + str(fs.lineno) for fs in traceback.extract_tb(e.__traceback__)])
        if k == 2 and mode == 4:
            try:
                out.append(t.throw(KeyError('t')))
            except KeyError as e:
                out.append([fs.name + str(fs.lineno) for fs in traceback.extract_tb(e.__traceback__)])
        if k == 3 and mode == 5:
            t.close()
    print(mode, out)


def q(g):
    yield 'q0'
    r = (yield from g)
    yield ('q', r)
for rep in range(3):
    log = []
    g = walk(3, log)
    out = [next(g), next(g), next(g)]
    qq = q(g)
    out += [next(qq), next(qq), next(qq), next(g), next(g), next(qq)]
    out += list(qq)
    print(out, log)


def boom(n):
    if n == 0:
        for i in range(4):
            yield i
        raise ValueError('boom')
    try:
        yield from boom(n - 1)
    except ValueError as e:
        if n % 2:
            raise
        yield ('h', n, str(e), str(sys.exc_info()[1]))
        if n == 2:
            raise RuntimeError('r') from e


def collect(n):
    out = []
    try:
        for x in boom(n):
            out.append(x)
    except Exception as e:
        out.append((type(e).__name__, [fs.lineno for fs in traceback.extract_tb(e.__traceback__)]))
    return out
for i in range(3):
    print(collect(5), collect(4), collect(1))


def exc(n):
    if n == 0:
        for i in range(3):
            yield str(sys.exc_info()[1])
        return
    try:
        raise KeyError(n)
    except KeyError:
        yield from exc(n - 1)
    yield str(sys.exc_info()[1])


def excs():
    out = []
    try:
        raise OSError('outer')
    except OSError:
        for x in exc(3):
            out.append(x)
            out.append(str(sys.exc_info()[1]))
    return out
print(excs())


class D:

    def __del__(self):
        log.append('del')


def holds(n):
    d = D()
    if n:
        yield from holds(n - 1)
    yield n
    yield n
for k in range(8):
    log = []
    g = holds(4)
    for i in range(k):
        next(g)
    inner = g.gi_yieldfrom
    del g
    print(k, log, inner and inner.gi_running)
    inner = None
    gc.collect()
    print(log)
for k in range(6):
    log = []
    g = holds(4)
    for i in range(k):
        next(g)
    cyc = [g]
    cyc.append(cyc)
    del g, cyc
    gc.collect()
    print(log)


def deep(n):
    if n:
        yield from deep(n - 1)
    yield n
ev = []


def tr(f, e, a):
    if f.f_code.co_name in ('deep', 'walk'):
        ev.append((f.f_code.co_name, e, f.f_lineno, f.f_locals.get('n')))
    return tr


def traced():
    g = deep(3)
    out = [next(g), next(g)]
    sys.settrace(tr)
    out.append(next(g))
    out.append(next(g))
    sys.settrace(None)
    out += list(g)
    return out
for i in range(2):
    print(traced())
print(ev)


def inner_trace(n):
    if n:
        yield from inner_trace(n - 1)
    else:
        yield 1
        sys.settrace(tr)
        yield 2
        yield from deep(2)
        sys.settrace(None)
        yield 3
ev.clear()
for i in range(20):
    r = list((x for x in inner_trace(4)))
print(r, len(ev), ev[:9])
import threading


def th():
    g = deep(30)
    return sum(g)
res = []
ts = [threading.Thread(target=lambda: res.append(sum((th() for _ in range(50))))) for _ in range(4)]
[t.start() for t in ts]
[t.join() for t in ts]
print(res)


def subs(n):
    x = (yield from [n, n + 1])
    if n:
        yield from subs(n - 1)
    yield from (i for i in range(2))
for i in range(3):
    print(list(subs(3)))
