"""Native functions that take a generator's values: results, errors, tracebacks, frames, closing, recursion, events."""
import sys
import traceback
import warnings


def g(n, log=None):
    try:
        for i in range(n):
            yield i
    finally:
        if log is not None:
            log.append(('closed', sys._getframe(1).f_code.co_name, sys.exc_info()[0]))


def run(f):
    try:
        return f()
    except BaseException as e:
        tb = traceback.format_exc()
        return (type(e).__name__, str(e), [(fs.name, fs.lineno) for fs in traceback.extract_tb(e.__traceback__)], repr(e.__context__))


class Bad:

    def __hash__(self):
        raise KeyError('h')

    def __lt__(self, o):
        raise ValueError(sys._getframe(1).f_code.co_name)

    def __gt__(self, o):
        raise ValueError(sys._getframe(1).f_code.co_name)

    def __bool__(self):
        raise OSError(sys._getframe(1).f_code.co_name)

    def __radd__(self, o):
        raise OSError(sys._getframe(1).f_code.co_name)


class L:

    def __init__(s, v):
        s.v = v

    def __lt__(s, o):
        return s.v < o.v

    def __repr__(s):
        return 'L%d' % s.v


def where(n):
    for i in range(n):
        f = sys._getframe(1)
        yield (f.f_code.co_name, f.f_lineno, sys._getframe().f_back is f)


def raises(n):
    for i in range(n):
        if i == 3:
            raise ValueError('x')
        yield i


def nested(n):
    return sum((sum((y for y in range(x))) for x in range(n)))


def deep(n):
    if n == 0:
        return 0
    return sum((deep(n - 1) + x for x in range(1)))


def caller(k):
    out = []
    log = []
    cases = [
        lambda: any(g(9, log)),
        lambda: all(g(9, log)),
        lambda: sum(g(9, log)),
        lambda: set(g(9, log)),
        lambda: list(g(4, log)),
        lambda: tuple(g(4, log)),
        lambda: frozenset(g(4, log)),
        lambda: sorted(g(4, log)),
        lambda: min(g(4, log)),
        lambda: max(g(4, log)),
        lambda: min(g(0, log)),
        lambda: max(g(0, log)),
        lambda: ''.join(g(3, log)),
        lambda: ','.join((str(x) for x in g(3, log))),
        lambda: sum(g(5, log), 10),
        lambda: sum(g(5, log), 0.5),
        lambda: sum(g(5, log), 'a'),
        lambda: sum(g(2, log), ()),
        lambda: sum((0.1 for i in range(10))),
        lambda: sum((x for x in [True, 0.1, 0.1, 0.1, 1e+16, 1, -1e+16, 2j, 3, 0.1])),
        lambda: sum((x for x in [[1], [2]])),
        lambda: sum((x for x in [[1], [2]]), []),
        lambda: sum((x for x in [1, Bad()])),
        lambda: set((x for x in [1, Bad()])),
        lambda: set((x for x in [1, []])),
        lambda: min((x for x in [1, Bad()])),
        lambda: any((x for x in [0, Bad()])),
        lambda: all((x for x in [1, Bad(), 3])),
        lambda: list(where(2)),
        lambda: set(where(2)),
        lambda: sorted(where(2)),
        lambda: max(where(2)),
        lambda: list(raises(9)),
        lambda: sum(raises(9)),
        lambda: set(raises(9)),
        lambda: max(raises(9)),
        lambda: sorted(raises(9)),
        lambda: ''.join(raises(9)),
        lambda: any((x > 5 for x in raises(9))),
        lambda: min((L(x) for x in (3, 1, 2, 1))),
        lambda: max((L(x) for x in (3, 1, 3, 1))),
        lambda: sum((x for x in [2 ** 62, 2 ** 62, 1, 2 ** 63])),
        lambda: sum((x for x in range(3)), 2 ** 70),
        lambda: nested(8),
        lambda: deep(20),
        lambda: sum(([1] for x in range(2))),
        lambda: list(),
        lambda: sum(),
        lambda: sum(g(1), 1, 2),
        lambda: max(g(1), 2),
        lambda: sum(g(1), start=5),
        lambda: min(g(4), default=3),
        lambda: min(g(3), key=lambda v: -v),
        lambda: dict(((x, x) for x in range(3))),
        lambda: list(set(g(3))),
        lambda: sum((x for x in [1.5, 2 ** 2000])),
    ]
    for i, f in enumerate(cases):
        for _ in range(k):
            r = run(f)
        out.append((i, r if not isinstance(r, tuple) or len(r) < 2 or (r[1:] and 'object' not in str(r)) else '?'))
    out.append(len([row for row in log if row[2] is GeneratorExit]) > 0)
    return out
for o in caller(40):
    print(o)


def self_ref():
    global G

    def gen():
        yield 1
        try:
            yield sum(G)
        except ValueError as e:
            yield str(e)
    G = gen()
    return list(G)
for i in range(30):
    r = self_ref()
print(r)


def depth(n):
    return 1 + max((depth(n - 1) for _ in (0,))) if n else 0
for lim in range(60, 75):
    sys.setrecursionlimit(lim)
    for k in range(3):
        r = run(lambda: depth(20))
        print(lim, r[:2] if isinstance(r, tuple) else r)
sys.setrecursionlimit(1000)
ev = []


def tr(f, e, a):
    ev.append((f.f_code.co_name, e, f.f_lineno, a if not isinstance(a, tuple) else a[0].__name__))
    return tr


def starts(n):
    for i in range(n):
        if i == n - 2:
            sys.settrace(tr)
            sys._getframe(1).f_trace = tr
        yield i


def traced2(k):
    t = 0
    for i in range(k):
        t += sum(starts(4))
        sys.settrace(None)
    return t
ev.clear()
print(traced2(30))
print(ev[:20], len(ev))
pe = []


def pr(f, e, a):
    pe.append((f.f_code.co_name, e, getattr(a, '__name__', a)))


def prof(k):
    for i in range(k):
        if i == k - 1:
            sys.setprofile(pr)
        sum((x for x in g(2)))
        max(g(2))
        ','.join((str(x) for x in g(2)))
    sys.setprofile(None)
prof(30)
print(pe)


def frames():

    def h():
        f = sys._getframe()
        names = []
        while f:
            names.append((f.f_code.co_name, f.f_lineno))
            f = f.f_back
        yield names
    r = None
    for i in range(30):
        r = sorted(h())
    return r
print(frames())
with warnings.catch_warnings(record=True) as w:
    warnings.simplefilter('always')

    def wg():
        warnings.warn('hi', stacklevel=2)
        yield 1
    for i in range(20):
        sum(wg())
    print(w[-1].lineno, w[-1].filename == __file__)
