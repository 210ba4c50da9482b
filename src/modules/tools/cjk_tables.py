#!/usr/bin/env python3.14
"""Writes the tables of the East Asian codecs, as this Python's own codecs behave.

    cjk_tables.py OUTPUT

The output is a zlib stream of tables, each a name, a length and a body.  A body is a sequence of variable-length
numbers; `src/modules/text/multibyte/tables.rs` describes and reads it.
"""
import sys
import zlib

# Encodings that share characters stand side by side, so that they compress well.
NAMES = ["gb18030", "gbk", "gb2312", "big5", "cp950", "big5hkscs", "cp949", "euc_kr", "johab",
         "euc_jis_2004", "euc_jisx0213", "euc_jp", "shift_jis_2004", "shift_jisx0213", "shift_jis", "cp932"]
LEADS = range(0x81, 0xff)
TRAILS = range(0x31, 0xff)
PAIR = 0x110000


def decoded(name, code):
    """The text that bytes stand for, or the error."""
    try:
        return code.decode(name)
    except UnicodeDecodeError as error:
        return error


def encoded(name, text):
    try:
        return text.encode(name)
    except UnicodeEncodeError:
        return None


def number(out, value):
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)


def cells(out, values):
    """Runs of nothing as 0 and their length, everything else as the difference from the value before it."""
    previous = at = 0
    while at < len(values):
        if values[at] is None:
            end = at
            while end < len(values) and values[end] is None:
                end += 1
            number(out, 0)
            number(out, end - at)
            at = end
            continue
        step = values[at] - previous
        previous = values[at]
        number(out, (step * 2 if step >= 0 else step * -2 - 1) + 1)
        at += 1


def is_incomplete(found):
    return isinstance(found, UnicodeDecodeError) and found.reason.startswith("incomplete")


class Table:
    def __init__(self, name):
        self.name = name
        self.pairs = []
        self.long_errors = []
        self.inverse = {}

    def value(self, code):
        found = decoded(self.name, code)
        if isinstance(found, UnicodeDecodeError):
            if not is_incomplete(found) and found.end - found.start > 1:
                self.long_errors.append(code)
            return None
        if len(found) == 1:
            self.inverse.setdefault(ord(found), code)
            return ord(found)
        if len(found) == 2 and len(code) > 1 and decoded(self.name, code[:1]) and is_incomplete(decoded(self.name, code[:-1])):
            self.pairs.append((found, code))
            return PAIR + len(self.pairs) - 1
        return None

    def body(self):
        out = bytearray()
        singles = [decoded(self.name, bytes([byte])) for byte in range(256)]
        cells(out, [self.value(bytes([byte])) for byte in range(256)])
        leads = [byte for byte in range(256) if is_incomplete(singles[byte])]
        cells(out, [1 if byte in leads else None for byte in range(256)])
        three = is_incomplete(decoded(self.name, b"\x8f\xa1")) and self.name != "gb18030"
        number(out, three)
        for prefix in [b"", b"\x8f"][:1 + three]:
            cells(out, [self.value(prefix + bytes([lead, trail])) for lead in LEADS for trail in TRAILS])
        self.put_pairs(out)
        self.put_exceptions(out)
        number(out, len(self.long_errors))
        for code in self.long_errors:
            number(out, int.from_bytes(code))
        return out

    def put_pairs(self, out):
        number(out, len(self.pairs))
        for text, code in self.pairs:
            assert text.encode(self.name) == code, (self.name, text)
            for part in (ord(text[0]), ord(text[1]), int.from_bytes(code)):
                number(out, part)

    def put_exceptions(self, out):
        """Characters whose bytes are not those that decode to them: 0 for those that cannot be encoded."""
        found = []
        for char in range(1, 0x110000):
            if 0xd800 <= char < 0xe000:
                continue
            code = encoded(self.name, chr(char))
            if code is not None and len(code) > 3:
                code = None
            if code != self.inverse.get(char):
                found.append((char, int.from_bytes(code or b"")))
        number(out, len(found))
        previous = 0
        for char, code in found:
            number(out, char - previous)
            number(out, code)
            previous = char


def main():
    out = bytearray()
    for name in NAMES:
        table = Table(name)
        body = table.body()
        print(f"{name}: {len(table.inverse)} characters, {len(table.pairs)} pairs, {len(body)} bytes")
        out += bytes([len(name)]) + name.encode() + len(body).to_bytes(4, "little") + body
    with open(sys.argv[1], "wb") as file:
        file.write(zlib.compress(bytes(out), 9))


main()
