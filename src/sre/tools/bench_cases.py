"""Times finditer over a few patterns and writes the same patterns for `sre_bench` to time.

    python3.14 bench_cases.py /tmp/sre_bench.txt; cargo run --release --example sre_bench /tmp/sre_bench.txt
"""

import random
import re
import sys
import time

rng = random.Random(1)
DNA = "".join(rng.choice("acgt") + ("\n" if i % 60 == 59 else "") for i in range(400_000))
WORDS = " ".join("".join(rng.choice("etaoinshrdlucmPyQX") for _ in range(rng.randint(1, 9))) for _ in range(60_000))
PERL = ("Perl" * 2 + "Python" * 2 + "x" * 30) * 4000
HTML = "<p class='a'>text <b>bold</b> http://www.example.org/a?b=c&d 12px</p>\r\n" * 4000
CASES = [
    ("dna", "agggtaaa|tttaccct", DNA, 0), ("dna", "[cgt]gggtaaa|tttaccc[acg]", DNA, 0),
    ("dna", "ag[act]gtaaa|tttac[agt]ct", DNA, 0), ("dna", "agggtaaa|tttaccct", DNA, re.I), ("dna", ">.*\\n|\\n", DNA, 0),
    ("effbot", "Perl|Python", PERL, 0), ("effbot", "(Perl|Python)", PERL, 0), ("effbot", "(?:P|P)ython", PERL, 0),
    ("effbot", "(.*)Python", PERL[:9000], 0), ("effbot", ".*Perl.*", PERL[:9000], 0), ("effbot", "Python", PERL, 0),
    ("v8", r"^\s*|\s*$", WORDS, re.M), ("v8", r"(\w+)\s(\w+)", WORDS, 0), ("v8", "([^<]*)<([a-z]+)[^>]*>", HTML, 0),
    ("v8", r"(?:https?)://([\w.]+)(/[^\s?]*)?(\?\S*)?", HTML, 0), ("v8", r"\b\w+y\b", WORDS, 0),
    ("v8", "py|qx|ro", WORDS, re.I), ("v8", r"(?:(\w)|(\s))*?[QX]", WORDS, 0), ("v8", "(a|b|[c-z])*", WORDS, 0),
    ("v8", r"(\d+)(px|em)", HTML, re.I), ("v8", "<b>.*?</b>", HTML, 0),
]

with open(sys.argv[1], "w", encoding="utf-8") as file:
    for suite, pattern, subject, flags in CASES:
        compiled = re.compile(pattern, flags)
        best = 1e9
        for _ in range(3):
            start = time.perf_counter()
            count = sum(1 for _ in compiled.finditer(subject))
            best = min(best, time.perf_counter() - start)
        code = re._compiler._code(re._parser.parse(pattern, flags), flags)
        fields = [f"{suite} {pattern!r} {'i' if flags & re.I else ''}", str(best), str(count), str(compiled.groups)]
        file.write("\t".join([*fields, " ".join(f"{word:d}" for word in code), subject.encode().hex()]) + "\n")
