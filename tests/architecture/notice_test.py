"""NOTICE names all software of others that is in the binary: what the link line has as archives, and what the compiler
read as headers. Its versions are those of the kit and of SentencePiece's pinned archive."""

import os
import pathlib
import re
import subprocess
import unittest

SOURCE = pathlib.Path(os.environ["REGROUP_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["REGROUP_BUILD_DIR"])

# Below an include folder, the first part of a header's path -> the library. Others are the compiler's and libc's.
HEADERS = {"absl": "abseil", "CLI": "cli11", "nlohmann": "nlohmann-json", "utf8proc.h": "utf8proc", "xxhash.h": "xxhash",
           "yaml-cpp": "yaml-cpp", "zlib.h": "zlib", "zconf.h": "zlib", "zstd.h": "zstd", "zstd_errors.h": "zstd",
           "sentencepiece_processor.h": "sentencepiece", "sentencepiece_trainer.h": "sentencepiece"}
LIBTORCH = {"ATen", "c10", "torch", "caffe2"}
OF_THE_SYSTEM = re.compile(r"/usr/(lib(32|64)?/gcc|include/(c\+\+|x86_64-linux-gnu|linux|asm|asm-generic|bits|sys|gnu)/)|"
                           r"/usr/include/[a-z_0-9-]+\.h$|/lib/gcc/|/include/c\+\+/")
WITHIN_SENTENCEPIECE = {"darts-clone", "esaxx", "protobuf-lite"}


def notice_rows(text):
    """{library: (version, licence, what is in the binary)} of NOTICE's table."""
    rows = re.findall(r"^(\S+) +(\S+) +(\S+) +(static.*|headers|kit)$", text, re.MULTILINE)
    return {name: (version, licence, part) for name, version, licence, part in rows}


def ninja(*arguments):
    done = subprocess.run(["ninja", "-C", BUILD, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def archives():
    """Archives of others on the link line of the binary."""
    link = ninja("-t", "commands", "-s", "bin/regroup").splitlines()[-1]
    return sorted({a for a in re.findall(r"(?<![:,\w])[\w./+-]+\.a\b", link) if "libregroup_" not in a})


def library_of_archive(archive):
    kit = re.match(r"kit/([\w-]+)/|lib(\w+)_plain\.a$", archive)
    if kit:
        return kit.group(1) or kit.group(2)
    name = pathlib.Path(archive).name
    return "sentencepiece" if name.startswith("libsentencepiece") else name


def headers():
    """Files outside the source tree that the compiler read for the rooms and main.cc."""
    wanted = False
    for line in ninja("-t", "deps").splitlines():
        if line and not line.startswith(" "):
            wanted = re.match(r"CMakeFiles/(regroup_\w+|regroup)\.dir/", line) is not None
        elif wanted and line.strip().startswith("/") and not line.strip().startswith(f"{SOURCE}/"):
            yield line.strip()


def library_of_header(path):
    """The library, None for the system's headers; a path that nobody knows is returned as it is."""
    parts = pathlib.PurePath(path).parts
    for part in reversed(parts):
        if part in HEADERS:
            return HEADERS[part]
    if LIBTORCH.intersection(parts):
        return "libtorch"
    return None if OF_THE_SYSTEM.search(path) else path


def missing(named, used):
    return sorted({name for name in used if name is not None} - set(named))


class Notice(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.text = (SOURCE / "NOTICE").read_text()
        cls.rows = notice_rows(cls.text)

    def test_every_archive_on_the_link_line_is_named(self):
        found = [library_of_archive(a) for a in archives()]
        self.assertIn("sentencepiece", found, "the control: this one is linked statically")
        self.assertEqual([], missing(self.rows, found))
        for name in set(found):
            self.assertRegex(self.rows[name][2], "static|kit", name)

    def test_every_header_of_others_belongs_to_a_library_that_is_named(self):
        used = {library_of_header(path) for path in set(headers())}
        self.assertTrue({"abseil", "nlohmann-json", "cli11", "libtorch"} <= used, "the control: these are compiled in")
        self.assertEqual([], missing(self.rows, used))

    def test_no_library_is_named_that_is_not_used(self):
        used = {library_of_header(path) for path in set(headers())} | {library_of_archive(a) for a in archives()}
        self.assertEqual([], missing(used | WITHIN_SENTENCEPIECE, self.rows))

    def test_the_control_a_library_that_is_not_named_is_found(self):
        rows = dict(self.rows)
        del rows["sentencepiece"]
        self.assertEqual(["sentencepiece"], missing(rows, [library_of_archive(a) for a in archives()]))
        self.assertEqual("/opt/other/thing.h", library_of_header("/opt/other/thing.h"))

    def test_versions_and_licences_are_those_of_the_kit(self):
        lines = (SOURCE / "scripts/lib/kit-contents.txt").read_text().splitlines()
        kit = {f[0]: (f[1], f[2]) for f in (line.split() for line in lines if not line.startswith("#"))}
        for name, (version, licence, _) in self.rows.items():
            if name in kit:
                self.assertEqual(kit[name], (version, licence), name)
        self.assertTrue({"abseil", "sentencepiece", "zstd"} <= set(kit) & set(self.rows))
        setup = (SOURCE / "scripts/lib/libtorch.sh").read_text()
        self.assertIn(f"libtorch_version={self.rows['libtorch'][0]}\n", setup)

    def test_sentencepiece_is_pinned_alike_in_the_kit_and_in_its_build(self):
        build = (SOURCE / "scripts/lib/build_sentencepiece").read_text()
        digest = re.search(r"archive_sha256=(\w+)", build).group(1)
        self.assertIn(digest, (SOURCE / "scripts/lib/kit-contents.txt").read_text())
        self.assertIn(f"version={self.rows['sentencepiece'][0]}\n", build)

    def test_each_has_its_copyright_line_under_its_licence(self):
        body = self.text[self.text.index("Copyright notices"):]
        for name, (_, licence, _) in self.rows.items():
            self.assertRegex(body, rf"(?m)^{re.escape(name)}\b", name)
            if licence != "Apache-2.0":
                self.assertRegex(body, rf"(?m)^{re.escape(licence)}$", name)


if __name__ == "__main__":
    unittest.main()
