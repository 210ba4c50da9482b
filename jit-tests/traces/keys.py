# Keys are not looked at beforehand: whatever they are, the question is asked.
class Point:
    pass


def f(n):
    p = Point()
    d, s = {(p, 1): 2, p: 3}, {1, (p, 2)}
    t = 0
    for i in range(n):
        # never: INTERPRET
        # check: ASK_STACK
        t += d[p]
        # check: ASK_STACK
        # check: ASK_STACK
        t += d.get((p, 1), 0)
        # check: ASK_STACK
        # check: ASK_STACK
        if (p, 2) in s:
            t += 1
        # check: JUMP_TOP
    return t


assert f(5000) == 30000, f(5000)
