"""Writes matching cases with the answers of the Python that runs this.

    python3.14 make_cases.py [seed [random-patterns [output]]]

Lines: `P groups flags code...` (hexadecimal) begins a pattern; then, for that pattern, lines
`mode pos endpos subject = lastindex spans | spans...`, where mode is s(earch), m(atch), f(ullmatch) or
i (finditer: several answers), the subject is hexadecimal code points joined by dots (runs as `code*n`),
spans are `start-end` or `-` for each group, and `!` means no match.
"""

import random
import re
import sys
import warnings

warnings.simplefilter("ignore")
sys.path.insert(0, "/opt/peers/usr/lib/python3.14")

ATOMS = ["a", "b", "c", "ab", ".", r"\d", r"\w", r"\W", r"\s", r"\S", r"\D", "[ab]", "[^a]", "[a-c]", "[^\\W\\d]",
         "x", "A", "\\b", "\\B", "^", "$", "\\A", "\\Z", "é", "Ω", "ſ", "K", "[α-ω]", "[^é]", "😀", "[a😀]", "\\n",
         "[\\wΩ]", "[^\\s1]", "[a-bx-zé-ÿΑ-Ωа-я]", "[İi]", "ß", "\ud800", "aba", "abab", "", "[acegikmo]"]
REPEATS = ["*", "+", "?", "*?", "+?", "??", "*+", "++", "?+", "{2}", "{1,2}", "{1,2}?", "{2,}", "{0,2}+", "{2,3}", "{,2}?"]
SUBJECT = "aaaabbbbcccxAB1 _\n"
WIDE = "éÉΩωſKkßİi😀\ud800αя"


def random_pattern(rng, depth, groups):
    """A random pattern; `groups` counts the groups begun so far in its only element."""
    parts = []
    for _ in range(rng.choice([1, 1, 2, 2, 3])):
        kind = rng.random()
        if depth == 0 or kind < 0.4:
            part = rng.choice(ATOMS[:14]) if rng.random() < 0.7 else rng.choice(ATOMS)
        elif kind < 0.62:
            groups[0] += 1
            part = "(" + random_pattern(rng, depth - 1, groups) + ")"
        elif kind < 0.7:
            inner = [random_pattern(rng, depth - 1, groups) for _ in range(rng.choice([2, 2, 3]))]
            part = "(?:" + "|".join(inner) + ")"
        elif kind < 0.75:
            part = "(?:" + random_pattern(rng, depth - 1, groups) + ")"
        elif kind < 0.79:
            part = "(?>" + random_pattern(rng, depth - 1, groups) + ")"
        elif kind < 0.83:
            part = rng.choice(["(?=", "(?!"]) + random_pattern(rng, depth - 1, groups) + ")"
        elif kind < 0.86:
            part = rng.choice(["(?<=", "(?<!"]) + random_pattern(rng, 0, groups) + ")"
        elif kind < 0.89:
            part = rng.choice(["(?i:", "(?s:", "(?m:", "(?-i:"]) + random_pattern(rng, depth - 1, groups) + ")"
        elif kind < 0.95 and groups[0]:
            part = f"\\{rng.randint(1, groups[0])}"
        elif groups[0]:
            number = rng.randint(1, groups[0])
            yes, no = (random_pattern(rng, 0, groups) for _ in range(2))
            part = f"(?({number}){yes}" + (f"|{no}" if rng.random() < 0.6 else "") + ")"
        else:
            part = "a"
        if part and rng.random() < 0.4:
            part += rng.choice(REPEATS)
        parts.append(part)
    if rng.random() < 0.15:
        parts.insert(rng.randint(0, len(parts)), "|")
    return "".join(parts)


def encode_subject(subject):
    out = []
    codes = list(subject) if isinstance(subject, bytes) else [ord(c) for c in subject]
    i = 0
    while i < len(codes):
        j = i
        while j < len(codes) and codes[j] == codes[i]:
            j += 1
        out.append(f"{codes[i]:x}" if j - i == 1 else f"{codes[i]:x}*{j - i}")
        i = j
    return ".".join(out) or "."


def encode_match(match):
    if match is None:
        return "!"
    spans = ["%d-%d" % span if span[0] >= 0 else "-" for span in match.regs]
    return " ".join([str(match.lastindex or 0), *spans])


def run(compiled, mode, subject, pos, endpos):
    if mode == "i":
        return " | ".join(encode_match(m) for m in compiled.finditer(subject, pos, endpos)) or "!"
    method = {"s": compiled.search, "m": compiled.match, "f": compiled.fullmatch}[mode]
    return encode_match(method(subject, pos, endpos))


def emit(out, pattern, flags, queries):
    try:
        parsed = re._parser.parse(pattern, flags)
        code = re._compiler._code(parsed, flags)
        compiled = re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError, ValueError):
        return
    lines = []
    for mode, pos, endpos, subject in queries:
        endpos = min(endpos, len(subject))
        try:
            answer = run(compiled, mode, subject, pos, endpos)
        except SystemError:
            continue
        lines.append(f"{mode} {pos} {endpos} {encode_subject(subject)} = {answer}")
    if lines:
        out.append(f"P {compiled.groups} {compiled.flags:x} " + " ".join(f"{word:x}" for word in code))
        out.extend(dict.fromkeys(lines))


def known_cases(out):
    from test.re_tests import tests
    for test in tests:
        pattern, subject = test[0], test[1]
        whole = len(subject)
        emit(out, pattern, 0, [(mode, 0, whole, subject) for mode in "fi"])
        try:
            pattern_bytes, subject_bytes = pattern.encode("ascii"), subject.encode("latin-1")
        except UnicodeEncodeError:
            continue
        emit(out, pattern_bytes, re.I | re.L, [("i", 0, whole, subject_bytes)])


def special_cases(out):
    long = "ab" * 3000
    emit(out, "(a|b)*", 0, [("s", 0, 6000, long), ("f", 0, 6000, long)])
    emit(out, "(?:a|(b))*?c", 0, [("s", 0, 6001, long + "c")])
    emit(out, "", 0, [("i", 0, 3, "abc"), ("s", 2, 1, "abc")])
    emit(out, "a|", 0, [("i", 0, 4, "baac")])
    emit(out, r"\B", 0, [("s", 0, 0, ""), ("i", 0, 3, "ab ")])
    emit(out, r"\b|:+", 0, [("i", 0, 6, "a::bc:")])
    emit(out, "(?:(a)|b)*", 0, [("f", 0, 3, "aba"), ("f", 0, 2, "ab")])
    emit(out, "abcabd", 0, [("s", 0, 14, "abcabcabcabdab"), ("s", 0, 15, "Ωabcabcabcabdab")])
    emit(out, "aaab", re.A, [("i", 0, 40, "a" * 30 + "baaaaaab")])
    emit(out, "(?:(?=(a))a)+b", 0, [("s", 0, 5, "xaaab")])


def random_cases(out, rng, count):
    for _ in range(count):
        pattern = random_pattern(rng, rng.choice([1, 2, 2, 3]), [0])
        flags = 0
        for flag, share in ((re.I, 0.25), (re.M, 0.15), (re.S, 0.15), (re.A, 0.15)):
            if rng.random() < share:
                flags |= flag
        queries = []
        for _ in range(4):
            letters = SUBJECT if rng.random() < 0.6 else SUBJECT + WIDE
            subject = "".join(rng.choice(letters) for _ in range(rng.randint(0, 14)))
            pos = rng.randint(0, 3) if rng.random() < 0.15 else 0
            endpos = rng.randint(0, 14) if rng.random() < 0.15 else len(subject)
            queries.append((rng.choice("ssmfi"), min(pos, len(subject)), endpos, subject))
        if rng.random() < 0.15:
            try:
                pattern = pattern.encode("latin-1")
                queries = [(m, p, e, s.encode("latin-1", "replace")) for m, p, e, s in queries]
                if rng.random() < 0.5:
                    flags = flags & ~re.A | re.L
            except UnicodeEncodeError:
                pass
        emit(out, pattern, flags, queries)


def main(seed=314, count=560, path="cases.txt"):
    out = []
    known_cases(out)
    special_cases(out)
    random_cases(out, random.Random(int(seed)), int(count))
    with open(path, "w", encoding="ascii") as file:
        file.write("\n".join(out) + "\n")
    print(f"{sum(line[0] == 'P' for line in out)} patterns, {sum(line[0] != 'P' for line in out)} cases")


main(*sys.argv[1:])
