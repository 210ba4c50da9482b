# What the first iteration has found out is not asked again: the kinds of the variables, the iterator's class.
def f(n):
    t = 0
    for i in range(n):
        # never: GUARD_CLASS_1
        # never: GUARD_INT_
        # check: NEXT_RANGE
        # check: ADD_INT
        t = t + i
        # check: XOR_INT
        t = t ^ 3
        # check: GUARD_BREAKER
        # check: JUMP_TOP
    return t


assert f(5000) == __import__("functools").reduce(lambda t, i: t + i ^ 3, range(5000), 0)
