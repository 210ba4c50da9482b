# Parent and child go on in the same compiled code, and compile more of it, each for itself.
import os


def mixed(n, x):
    t = 0
    for i in range(n):
        if i % 3 == 0:
            t += i * x
        elif x > 2:
            t -= x
        else:
            t ^= i
    return t


def texts(n):
    s = 0
    for i in range(n):
        s += len(str(i)) if i & 1 else -1
    return s


def pairs(n):
    t = 0
    for i in range(n):
        a, b = i, i + 1
        t += a * b
        t %= 1000003
    return t


def in_child(work):
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(r)
        os.write(w, repr(work()).encode())
        os._exit(0)
    os.close(w)
    # The parent compiles while the child does.
    here = work()
    with open(r, "rb") as f:
        there = f.read().decode()
    os.waitpid(pid, 0)
    assert there == repr(here), (there, here)
    return here


def child_work():
    return [mixed(4000, 1), mixed(4000, 5), texts(3000), mixed(2000, 2.5)]


def parent_then_child():
    results = []
    for k in range(6):
        # The loop that forks is compiled too.
        results.append(in_child(lambda: [mixed(500, k), texts(200 * k), pairs(100 * k)]))
    return results


def grandchild():
    return in_child(lambda: pairs(3000))


print(mixed(3000, 1))
print(in_child(child_work))
print(in_child(lambda: pairs(5000)))
print(parent_then_child())
print(in_child(grandchild))
print(mixed(3000, 7), texts(5000), pairs(2000))


def forks_inside(n):
    out = []
    for i in range(n):
        if i % 400 == 399:
            r, w = os.pipe()
            pid = os.fork()
            if not pid:
                # The child finishes the loop, in compiled code that it has inherited.
                os.close(r)
                t = 0
                for j in range(i):
                    t += j ^ i
                os.write(w, str(t).encode())
                os._exit(0)
            os.close(w)
            with open(r, "rb") as f:
                out.append(f.read())
            os.waitpid(pid, 0)
        out[-1:] = [out[-1] if out else b""]
    return out


print(forks_inside(2000))
