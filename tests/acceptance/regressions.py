# The smallest programs that once went wrong.
import ast
import functools
import gc
import marshal
import typing


class Metaclass(type):
    pass


print(Metaclass("Made", (), {"attribute": 1}).__dict__["attribute"])


class Shown(int):
    __str__ = int.__repr__

    def __repr__(self):
        return "shown"


print(str(Shown(3)), repr(Shown(3)))


class Callable:
    pass


Callable.__call__ = Callable()
nested, text = (), []
for _ in range(100_000):
    nested, text = (nested,), [text]
for recursion in (lambda: Callable()(), lambda: repr(text)):
    try:
        recursion()
    except RecursionError:
        print("RecursionError")
try:
    hash(nested)
except RecursionError:
    pass  # How deep is deep depends on the native stack; it must not overflow.


@functools.lru_cache(maxsize=2)
def cached(x):
    return x


for x in (1, 2, 1, 3, 1, 2):
    cached(x)
print(cached.cache_info())
cached.cache_clear()
print(cached.cache_info(), typing.List[int] == typing.List[int])

for _ in range(3):

    class Cyclic:
        pass

    del Cyclic
gc.collect()
print([c.__name__ for c in object.__subclasses__() if c.__name__ == "Cyclic"])

loop = [1, {"a": (2.5, "b")}]
loop.append(loop)
copy = marshal.loads(marshal.dumps(loop))
print(copy[:2], copy[2] is copy)

tree = ast.parse("print(1 + 2 * x)")
exec(compile(tree, "<tree>", "exec"), {"x": 4})
try:
    compile(ast.Module([ast.Pass(lineno=1, col_offset=0), None], []), "<tree>", "exec")
except ValueError as error:
    print(error)


def context():
    try:
        raise KeyError("first")
    except KeyError:
        yield


generator = context()
next(generator)
try:
    generator.throw(ValueError("second"))
except ValueError as error:
    print(repr(error.__context__))

print("  a    b   ".split(None, 1), b" a  b ".rsplit(None, 1), len(range(2**63 - 3)))
