"""The includes under src/ obey the table of rooms; each rule is shown to bite on a fixture tree."""

import os
import pathlib
import tempfile
import unittest

import includes

FIXTURE_TABLE = [
    {"room": "core", "plain": True, "deps": []},
    {"room": "text", "plain": True, "deps": ["core"]},
    {"room": "ops", "plain": False, "deps": ["core"]},
    {"room": "model", "plain": False, "deps": ["core", "ops"]},
    {"room": "recipe", "plain": True, "deps": ["core"]},
]


def fixture_violations(files, table=FIXTURE_TABLE):
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root, "src", name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return includes.violations(root, table)


class Repository(unittest.TestCase):
    def test_includes_obey_the_table_of_rooms(self):
        table = includes.read_table(os.environ["REGROUP_BUILD_DIR"])
        source_dir = os.environ["REGROUP_SOURCE_DIR"]
        self.assertGreater(len(list(includes.sources(source_dir))), 20)
        self.assertEqual([], includes.violations(source_dir, table))

    def test_every_source_file_opens_with_a_comment(self):
        root = pathlib.Path(os.environ["REGROUP_SOURCE_DIR"], "src")
        bare = [str(path) for path, _ in includes.sources(root.parent)
                if not (root / path).read_text().startswith("//")]
        self.assertEqual([], bare)


class Checker(unittest.TestCase):
    def test_an_obedient_tree_passes(self):
        self.assertEqual([], fixture_violations({
            "model/t5.h": '#include <ATen/ATen.h>\n#include "ops/x.h"\n#include "core/status.h"\n',
            "model/model_config.h": '#include "core/fields.h"\n',
            "recipe/read.cc": '#include "model/model_config.h"\n#include <yaml-cpp/yaml.h>\n',
        }))

    def test_each_rule_bites(self):
        for file, text in [
            ("ops/x.cc", '#include "model/t5.h"'),
            ("text/x.cc", '#include "ops/x.h"'),
            ("text/x.cc", "#include <ATen/ATen.h>"),
            ("text/x.cc", "  #  include <c10/util/Exception.h>"),
            ("model/x.cc", "#include <torch/torch.h>"),
            ("ops/x.cc", "#include <torch/nn/module.h>"),
            ("ops/x.cu", "#include <ATen/ATen.h>"),
            ("model/model_config.h", "#include <ATen/ATen.h>"),
            ("model/model_config.h", '#include "ops/x.h"'),
            ("recipe/x.cc", '#include "model/t5.h"'),
            ("core/x.cc", "#include <yaml-cpp/yaml.h>"),
            ("model/x.cc", "#include <sentencepiece_processor.h>"),
            ("text/x.h", "#include <sentencepiece_processor.h>"),
            ("cellar/x.cc", "#include <vector>"),
        ]:
            with self.subTest(file=file, text=text):
                self.assertEqual(1, len(fixture_violations({file: text})))

    def test_a_library_of_one_file_in_two_is_named(self):
        self.assertEqual(1, len(fixture_violations({
            "model/a.cc": "#include <CLI/CLI.hpp>", "model/b.cc": "#include <CLI/CLI.hpp>"})))

    def test_a_table_out_of_order_is_named(self):
        upside_down = [{"room": "a", "plain": True, "deps": ["b"]},
                       {"room": "b", "plain": False, "deps": []}]
        self.assertEqual(1, len(fixture_violations({}, upside_down)))
        heavy = [{"room": "b", "plain": False, "deps": []},
                 {"room": "a", "plain": True, "deps": ["b"]}]
        self.assertEqual(1, len(fixture_violations({}, heavy)))


if __name__ == "__main__":
    unittest.main()
