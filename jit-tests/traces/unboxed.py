# Doubles stay unboxed, between operations and in variables.
def f(n):
    x, y = 0.5, 1.25
    for i in range(n):
        # never: GUARD_FLOAT_
        # check: MULTIPLY_FLOAT
        # check: ADD_FLOAT
        # check: SUBTRACT_FLOAT
        # never: UNBOX
        # never: BOX
        # check: JUMP_TOP
        x = x * 0.5 + y * 0.25 - 0.125
    return x


assert abs(f(5000) - 0.375) < 1e-12
