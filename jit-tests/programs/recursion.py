"""A loop that calls its own function, deeper than compiled code may go by itself."""

import sys
class N:
    def __init__(self, kids): self.kids = kids
def walk(n):
    t = 1
    for k in n.kids:
        t += walk(k)
    return t
def tree(d):
    n = N([])
    for _ in range(d): n = N([N([]), n, N([])])
    return n
t = tree(300)
for _ in range(30): r = walk(t)
print(r)
deep = tree(5000)
for _ in range(5):
    try: print(walk(deep))
    except RecursionError as e: print(e)
sys.setrecursionlimit(20000)
print(walk(deep))
