# Trace functions, profilers, monitoring tools and debuggers see what they see in CPython.
import sys


def work(x):
    y = x + 1
    for i in range(2):
        y += i
    try:
        raise ValueError
    except ValueError:
        y = 0
    return y


def numbers():
    yield 1
    yield 2


seen = []


def trace(frame, event, arg):
    shown = arg[0].__name__ if event == "exception" else arg
    seen.append((frame.f_code.co_name, frame.f_lineno, event, shown))
    return trace


sys.settrace(trace)
work(1)
for _ in numbers():
    pass
sys.settrace(None)
print(*seen, sep="\n")

seen = []
sys.setprofile(lambda frame, event, arg: seen.append((frame.f_code.co_name, event, getattr(arg, "__name__", arg))))
len([1])
work(1)
[].append(2)
sys.setprofile(None)
print(*seen, sep="\n")

seen = []
monitoring, events = sys.monitoring, sys.monitoring.events
monitoring.use_tool_id(1, "test")
for name in ["PY_START", "PY_RETURN", "LINE", "CALL", "JUMP", "BRANCH_LEFT", "BRANCH_RIGHT", "RAISE", "EXCEPTION_HANDLED"]:

    def tell(code, *args, name=name):
        seen.append((name, code.co_name, [a if isinstance(a, int) else getattr(a, "__name__", type(a).__name__) for a in args]))

    monitoring.register_callback(1, getattr(events, name), tell)
    monitoring.set_events(1, monitoring.get_events(1) | getattr(events, name))
work(3)
monitoring.free_tool_id(1)
print(*[s for s in seen if s[1] == "work"], sep="\n")


def skips():
    print("one")
    print("two")
    print("three")


def jump(frame, event, arg):
    if frame.f_code.co_name != "skips":
        return None
    if event == "line" and frame.f_lineno == skips.__code__.co_firstlineno + 2:
        frame.f_lineno += 1
    return jump


sys.settrace(jump)
skips()
sys.settrace(None)
