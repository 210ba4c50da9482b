# Many items are copied at once, and stored at once in variables that lie side by side.
def f(n):
    items = (1, 2, 3, 4, 5, 6)
    t = 0
    for i in range(n):
        # check: GUARD_LENGTH
        # check: UNPACK_FRAME
        # check: MOVE_WORDS_FRAME
        # check: JUMP_TOP
        a, b, c, d, e, g = items
        t += c
    return t


assert f(5000) == 15000
