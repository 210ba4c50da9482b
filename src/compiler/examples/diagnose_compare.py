"""Compares our syntax errors with CPython's on many wrong programs.

Usage: diagnose_compare.py make CORPUS LIB_DIRECTORY   writes the programs
       diagnose_compare.py mutate CORPUS LIB_DIRECTORY COUNT SEED   so many random mistakes
       diagnose_compare.py expect CORPUS EXPECTED      writes what CPython says
       diagnose_compare.py compare CORPUS EXPECTED OURS [--messages]
"""

import ast
import doctest
import json
import os
import random
import sys
import tokenize
import warnings

warnings.simplefilter("ignore")
SEPARATOR = "%%%\n"


def from_doctests(path):
    with open(path, encoding="utf-8") as file:
        text = ast.get_docstring(ast.parse(file.read()), clean=False)
    for example in doctest.DocTestParser().get_examples(text):
        yield example.source


def from_strings(path):
    with open(path, "rb") as file:
        tokens = list(tokenize.tokenize(file.readline))
    for token in tokens:
        if token.type == tokenize.STRING:
            try:
                value = eval(token.string)
            except Exception:
                continue
            if isinstance(value, str) and 2 < len(value) < 400:
                yield value


def mutations(path, count, rng):
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = file.read().split("\n")
    extra = ["(", ")", "[", "]", "{", "}", ":", ",", "=", "==", "if", "else", "for", "in", "print",
             "x", "1", "'", '"', "not", "*", "**", ".", "->", ":=", "def", "class", "lambda",
             "return", "import", "from", "as", "with", "try", "except", "\n", "    ", "f'{", "0777"]
    for _ in range(count):
        start = rng.randrange(len(lines))
        block = lines[start:start + rng.randrange(1, 8)]
        indent = min((len(l) - len(l.lstrip()) for l in block if l.strip()), default=0)
        text = "\n".join(l[indent:] for l in block)
        words = text.split(" ")
        at = rng.randrange(len(words))
        kind = rng.randrange(3)
        if kind == 0:
            del words[at]
        elif kind == 1:
            words.insert(at, rng.choice(extra))
        else:
            words[at] = rng.choice(extra)
        yield " ".join(words)


def make(corpus, lib):
    rng = random.Random(7)
    programs = []
    tests = os.path.join(lib, "test")
    programs += from_doctests(os.path.join(tests, "test_syntax.py"))
    for name in ("test_syntax.py", "test_exceptions.py", "test_fstring.py", "test_tstring.py",
                 "test_grammar.py", "test_patma.py", "test_type_params.py", "test_named_expressions.py",
                 "test_eof.py", "test_string_literals.py", "test_positional_only_arg.py",
                 "test_unpack_ex.py", "test_generators.py", "test_coroutines.py", "test_global.py",
                 "test_symtable.py", "test_unparse.py", "test_ast/test_ast.py", "test_compile.py"):
        programs += from_strings(os.path.join(tests, name))
    for name in ("argparse.py", "dataclasses.py", "typing.py", "asyncio/tasks.py", "enum.py"):
        programs += mutations(os.path.join(lib, name), 300, rng)
    write(corpus, programs)


def mutate(corpus, lib, count, seed):
    rng = random.Random(int(seed))
    paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(lib)
                   for name in names if name.endswith(".py"))
    programs = []
    while len(programs) < int(count):
        for program in mutations(rng.choice(paths), 5, rng):
            if program and rng.random() < 0.5:
                at = rng.randrange(len(program))
                drop = rng.randrange(2)
                program = program[:at] + rng.choice("()[]{}:,.='\"\\ \n#;@*x0f") + program[at + drop:]
            programs.append(program)
    write(corpus, programs)


def write(corpus, programs):
    seen = set()
    with open(corpus, "w", encoding="utf-8", newline="") as file:
        parts = []
        for program in programs:
            if program in seen or "%%%" in program or "\r" in program or "\0" in program:
                continue
            try:
                program.encode()
            except UnicodeEncodeError:
                continue
            seen.add(program)
            parts.append(program)
        file.write(SEPARATOR.join(parts))
    print(len(parts), "programs")


def read(corpus):
    with open(corpus, encoding="utf-8", newline="") as file:
        return file.read().split(SEPARATOR)


def verdict(program):
    try:
        compile(program, "<test>", "exec", dont_inherit=True, optimize=0)
    except SyntaxError as error:
        return [type(error).__name__, error.msg, error.lineno or 0, error.offset or 0,
                error.end_lineno or 0, error.end_offset or 0, error.text or ""]
    except Exception as error:
        return [type(error).__name__, str(error), 0, 0, 0, 0, ""]
    return ["ok"]


def expect(corpus, expected):
    with open(expected, "w", encoding="utf-8") as file:
        for program in read(corpus):
            file.write(json.dumps(verdict(program)) + "\n")


def compare(corpus, expected, ours, messages):
    programs = read(corpus)
    with open(expected, encoding="utf-8") as file:
        theirs = [json.loads(line) for line in file]
    with open(ours, encoding="utf-8") as file:
        lines = [line.rstrip("\n") for line in file if not line.startswith("  warning")]
    same_kind = same_message = same_all = shown = 0
    for program, their, line in zip(programs, theirs, lines):
        parts = line.split("\x1f")
        kind_ok = parts[0] == their[0]
        message_ok = kind_ok and (their[0] == "ok" or parts[1] == their[1])
        all_ok = message_ok and (their[0] == "ok" or [int(x) for x in parts[2:6]] == their[2:6])
        same_kind += kind_ok
        same_message += message_ok
        same_all += all_ok
        wrong = not message_ok if messages else not all_ok
        if wrong and shown < 60:
            shown += 1
            print("-----", repr(program[:200]))
            print("   theirs", their[:6])
            print("   ours  ", line[:200])
    total = len(theirs)
    print(f"{total} programs: kind {same_kind}, message {same_message}, all {same_all}")


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "make":
        make(*rest)
    elif command == "mutate":
        mutate(*rest)
    elif command == "expect":
        expect(*rest)
    else:
        compare(*rest[:3], "--messages" in rest)
