# A call of a Python function leaves nothing but its body.
def add(a, b):
    return a + b


def f(n):
    t = 0
    for i in range(n):
        # never: PUSH_FRAMES
        # never: INTERPRET
        # check: ADD_INT
        # check: JUMP_TOP
        t = add(t, i)
    return t


assert f(20000) == 199990000
