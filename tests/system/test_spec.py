"""docs/protocol.md against what it tells about: limits, codes, operations, traces."""

import pathlib
import re
import unittest

from google.protobuf import text_format

from messages import wire
from protocol_client import frame

ROOT = pathlib.Path(__file__).resolve().parents[2]
SPEC = (ROOT / "docs" / "protocol.md").read_text()
KINDS = {"C": wire.ToBroker, "B": wire.FromBroker, "F": wire.EventBatch}


def section(title):
    return re.search(rf"^## \d+ {title}$(.*?)(?=^## |\Z)", SPEC, re.M | re.S).group(1)


def limits_of_header():
    text = (ROOT / "common" / "limits.h").read_text()
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    found = dict(re.findall(r"^\s+([A-Z_]+) = ([0-9* ]+),[ ]*$", text, re.M))
    found |= dict(re.findall(r"^#define ([A-Z_]+) INT64_C\((\d+)\)$", text, re.M))
    values = {}
    for name, product in found.items():
        values[name] = 1
        for factor in product.split("*"):
            values[name] *= int(factor)
    return values


def traces():
    """(who, bytes, text) of every message in the traces."""
    for block in re.findall(r"^```trace\n(.*?)^```$", SPEC, re.M | re.S):
        who, data = None, ""
        for line in block.splitlines():
            if line.startswith("  = "):
                yield who, bytes.fromhex(data), line[4:]
            elif line.startswith("  "):
                data += line
            else:
                who, data = line[0], line[2:]


class Spec(unittest.TestCase):
    def test_limits_are_those_of_the_header(self):
        table = re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", section("Limits"), re.M)
        self.assertEqual({name: int(value) for name, value in table}, limits_of_header())

    def test_codes_are_those_of_the_messages(self):
        table = re.findall(r"^\| (\d+) \| `(CODE_[A-Z_]+)` \|", section("Codes"), re.M)
        self.assertEqual({name: int(n) for n, name in table}, dict(wire.Code.items()))

    def test_every_operation_and_its_answer_stand_in_the_table(self):
        rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", section("Requests and answers"), re.M)
        fields = wire.ToBroker.DESCRIPTOR.oneofs_by_name["op"].fields
        self.assertEqual(sorted(op for op, _ in rows), sorted(f.name for f in fields))
        answers = {f.name for f in wire.FromBroker.DESCRIPTOR.oneofs_by_name["op"].fields}
        self.assertEqual({answer for _, answer in rows}, answers - {"stop", "drain"})

    def test_traces_are_what_the_texts_encode(self):
        n = 0
        for who, data, text in traces():
            message = text_format.Parse(text, KINDS[who]())
            self.assertEqual(data.hex(" "), frame(message, data[3]).hex(" "), text)
            n += 1
        self.assertGreater(n, 20)


if __name__ == "__main__":
    unittest.main()
