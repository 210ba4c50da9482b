# References of what a local variable keeps alive are not counted.
class P:
    def __init__(self):
        self.x = 1


def f(n):
    p = P()
    t = 0
    for i in range(n):
        # check: LOAD_FIELD
        # never: INCREF
        # never: DECREF
        # check: ADD_INT
        # check: JUMP_TOP
        t += p.x
    return t


assert f(5000) == 5000
