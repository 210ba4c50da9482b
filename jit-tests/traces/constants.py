# A global is read from its place, and what holds for the namespace is not asked again; constants are operands.
LIMIT = 1000


def f(n):
    t = 0
    for i in range(n):
        # never: GUARD_MEMORY_32
        # check: LOAD_ADDRESS
        # check: ADD_INT_IMMEDIATE
        # check: GUARD_LT_INT
        # check: ADD_INT
        # check: JUMP_TOP
        if t < LIMIT + 1000000000:
            t += LIMIT
    return t


assert f(5000) == 5000000
