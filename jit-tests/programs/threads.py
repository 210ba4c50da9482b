# Threads run the same compiled loops, record at the same time, and are switched in the middle of them.
import sys
import threading

sys.setswitchinterval(1e-5)


def work(n, x):
    t = 0
    for i in range(n):
        t += i * x
        if t > 1000000:
            t -= 1000000
    return t


class Box:
    def __init__(self):
        self.n = 0

    def add(self, k):
        self.n = self.n + k
        return self.n


def methods(n):
    b = Box()
    for i in range(n):
        b.add(i & 3)
    return b.n


def generators(n):
    def g():
        for i in range(n):
            yield i * 2

    return sum(g())


def run(jobs):
    results = [None] * len(jobs)

    def one(k, f, args):
        results[k] = f(*args)

    threads = [threading.Thread(target=one, args=(k, f, a)) for k, (f, *a) in enumerate(jobs)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results


print(run([(work, 20000, 3), (work, 20000, 3), (work, 15000, 1.5), (work, 10000, -1)]))
print(run([(methods, 8000), (work, 9000, 2), (methods, 5000), (generators, 6000), (generators, 100)]))

stop = False


def spin():
    n = 0
    while True:
        n += 1
        if stop:
            return n > 0


def waiter():
    global stop
    t = 0
    for i in range(30000):
        t ^= i
    stop = True
    return t


print(run([(spin,), (spin,), (waiter,)]))

lock = threading.Lock()
total = 0


def locked(n):
    global total
    for i in range(n):
        with lock:
            total += 1


run([(locked, 3000)] * 4)
print(total)

local = threading.local()


def locals_of_threads(k):
    local.value = k
    t = 0
    for i in range(3000):
        local.value += 1
        t += local.value
    return t


print(run([(locals_of_threads, k) for k in range(4)]))
