# Somebody begins to watch while a loop, or a recursion, runs compiled.
import sys
events = []
def tracer(frame, event, arg):
    events.append((event, frame.f_code.co_name, frame.f_lineno))
    return tracer
def g(x):
    y = x + 1
    return y
def loop(n, at):
    t = 0
    for i in range(n):
        if i == at:
            sys.settrace(tracer)
        t += g(i)
        if i == at + 3:
            sys.settrace(None)
    return t
def rec(n, at):
    if n == at:
        sys.settrace(tracer)
    if n == 0:
        return g(0)
    r = rec(n - 1, at)
    if n == at - 3:
        sys.settrace(None)
    return r + g(n)
print(loop(9000, 8000), len(events), events[:6]); events.clear()
for k in range(40): rec(300, -50)
print(rec(300, 20), len(events), events[:8], events[-4:]); events.clear()
mon = sys.monitoring
mon.use_tool_id(2, "t")
hits = []
mon.register_callback(2, mon.events.PY_START, lambda code, off: hits.append(code.co_name))
def loop2(n, at):
    t = 0
    for i in range(n):
        if i == at:
            mon.set_events(2, mon.events.PY_START)
        t += g(i)
        if i == at + 3:
            mon.set_events(2, 0)
    return t
print(loop2(9000, 8000), hits); hits.clear()
def rec2(n, at):
    if n == at:
        mon.set_events(2, mon.events.PY_START)
    if n == 0:
        return 0
    r = rec2(n - 1, at)
    if n == at - 3:
        mon.set_events(2, 0)
    return r + g(n)
for k in range(40): rec2(300, -50)
print(rec2(300, 10), hits)
