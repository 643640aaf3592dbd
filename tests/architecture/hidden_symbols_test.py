"""No symbol of SentencePiece is exported by the binary, where it would meet LibTorch's.

Both have a FLAGS_minloglevel, of different sizes: exported, one overwrites the other's neighbours.
"""

import os
import re
import subprocess
import unittest

# The library, and the protobuf that it carries with it (LibTorch has its own).
SENTENCEPIECE = re.compile(r"sentencepiece|FLAGS_minloglevel|6google8protobuf", re.IGNORECASE)


def symbols(table="--symbols"):
    """(name, visibility) of the defined symbols of the binary: all, or with --dyn-syms exported."""
    command = ["readelf", table, "--wide", os.environ["REGROUP_BINARY"]]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    fields = [line.split() for line in lines]
    return [(f[7], f[5]) for f in fields if len(f) >= 8 and f[0].endswith(":") and f[6] != "UND"]


def of_sentencepiece(table):
    """Its symbols; those of our bridge, in namespace regroup, are ours."""
    return [s for s in table if SENTENCEPIECE.search(s[0]) and "7regroup" not in s[0]]


class HiddenSymbols(unittest.TestCase):
    def test_sentencepiece_is_inside(self):
        """The control: the pattern does find the symbols in the full table, the flag too."""
        names = [name for name, _ in of_sentencepiece(symbols())]
        self.assertGreater(len(names), 50)
        self.assertIn("FLAGS_minloglevel", names)

    def test_sentencepiece_is_not_exported(self):
        self.assertEqual([], of_sentencepiece(symbols("--dyn-syms")))

    def test_the_flag_is_hidden(self):
        flags = [visibility for name, visibility in symbols() if name == "FLAGS_minloglevel"]
        self.assertEqual(["HIDDEN"], flags)


if __name__ == "__main__":
    unittest.main()
