"""A case of bad input: how its files are made, the command, and what the message must say. Steps write the files."""
import dataclasses
import gzip
import json
import os
import shutil
import struct

from regroup_cli import SOURCE

GOLDEN = os.path.join(SOURCE, "tests/golden")
MODELS = os.path.join(GOLDEN, "checkpoint/transformers5")
REMOVE = object()  # as the value of a key: the key goes


@dataclasses.dataclass
class Case:
    """`command` runs in the folder that `steps` fill; `parts` must all stand in the message."""
    name: str
    steps: list
    command: list
    parts: tuple
    rows: int = 0  # rows that the contract leaves on standard output: those before a bad one
    stdin: bytes = b""
    changes: tuple = ()  # beginnings of the names of files that may change all the same
    peak: int = 0  # MB more than usual, where the file itself, and not what it claims, takes them


def words(command):
    """A command of one line as its arguments; a list stays as it is, for arguments with spaces."""
    return command.split() if isinstance(command, str) else list(command)


def table(*base):
    """The function that makes a module's cases: every case begins with the module's own good files."""
    def case(name, steps, command, *parts, **options):
        steps = steps if isinstance(steps, (list, tuple)) else [steps]
        return Case(name, [*base, *steps], words(command), parts, **options)
    return case


# Steps: each takes the folder of the case.
def put(name, content):
    """Writes a file of text or bytes, or of what a function gives."""
    def step(folder):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            content_now = content() if callable(content) else content
            file.write(content_now.encode() if isinstance(content_now, str) else content_now)
    return step


def edit(name, change):
    """`change` takes the bytes of a file and gives the new ones."""
    def step(folder):
        with open(os.path.join(folder, name), "rb") as file:
            content = file.read()
        put(name, change(content))(folder)
    return step


def replace(name, old, new):
    def change(content):
        old_bytes, new_bytes = (text.encode() if isinstance(text, str) else text for text in (old, new))
        if old_bytes not in content:
            raise AssertionError(f"{name} holds no {old!r}")
        return content.replace(old_bytes, new_bytes, 1)
    return edit(name, change)


def edit_json(name, **changes):
    def change(content):
        json_object = json.loads(content)
        json_object.update(changes)
        return json.dumps({key: value for key, value in json_object.items() if value is not REMOVE}).encode()
    return edit(name, change)


def copy(source, name):
    """A file or folder of the golden files, under another name."""
    def step(folder):
        path, target = os.path.join(GOLDEN, source), os.path.join(folder, name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.isdir(path):
            shutil.copytree(path, target)
        else:
            shutil.copyfile(path, target)
    return step


def rename(name, to):
    return lambda folder: os.rename(os.path.join(folder, name), os.path.join(folder, to))


def remove(name):
    return lambda folder: os.remove(os.path.join(folder, name))


def large(name, size):
    """A file of this size that holds nothing."""
    def step(folder):
        with open(os.path.join(folder, name), "wb") as file:
            file.truncate(size)
    return step


def pipe(name):
    """A pipe that nobody writes to, in place of the file."""
    def step(folder):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            os.remove(path)
        os.mkfifo(path)
    return step


def make_folder(name):
    return lambda folder: os.makedirs(os.path.join(folder, name), exist_ok=True)


def link(name, target):
    return lambda folder: os.symlink(target, os.path.join(folder, name))


def golden(model, name="model"):
    return copy(f"checkpoint/transformers5/{model}", name)


# Bytes.
def cut(size):
    """The first `size` bytes; a negative size leaves out the last ones."""
    return lambda content: content[:size]


def flip(at):
    """One byte is inverted."""
    return lambda content: content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1:]


def gz(content):
    return gzip.compress(content.encode() if isinstance(content, str) else content, mtime=0)


def u64(number):
    return struct.pack("<Q", number)


def split_safetensors(content):
    """(header as a dict, data)"""
    size = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8:8 + size]), content[8 + size:]


def join_safetensors(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return u64(len(text)) + text + data


HTML = "<!DOCTYPE html>\n<html><head><title>404</title></head><body>Not Found</body></html>\n"
LFS_POINTER = ("version https://git-lfs.github.com/spec/v1\n"
               "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 242043056\n")


def zstd(content):
    """A zstd frame of one raw block: what the standard library can write of the format."""
    content = content.encode() if isinstance(content, str) else content
    header = bytes.fromhex("28b52ffd") + b"\xa0" + struct.pack("<I", len(content))
    return header + struct.pack("<I", (len(content) << 3) | 1)[:3] + content
