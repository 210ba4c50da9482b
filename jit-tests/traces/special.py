# Comparisons, calls of instances, class methods, `super()` and texts that grow need nobody but the runtime's natives.
class Number:
    __slots__ = ("n",)

    def __new__(cls, n):
        return super().__new__(cls)

    def __init__(self, n):
        self.n = n

    def __lt__(self, other):
        return self.n < other.n

    def __call__(self, k):
        return self.n + k

    @classmethod
    def of(cls, k):
        self = super(Number, cls).__new__(cls)
        self.n = k
        return self

    def get(self):
        return self.n


class Derived(Number):
    def get(self):
        return super().get()


def f(n):
    # never: INTERPRET
    # never: PUSH_FRAMES
    a, b, t, s = Number.of(1), Derived.of(2), 0, ""
    for i in range(n):
        # check: LT_INT
        if a < b:
            # check: ADD_INT
            t += a(i)
        # check: ASK_STACK
        t += Number.of(i).get()
        # check: LOAD_FIELD
        t += b.get()
        # check: ASK_STACK
        s += "x"
        # check: JUMP_TOP
    return t, len(s)


assert f(5000) == (25010000, 5000), f(5000)
