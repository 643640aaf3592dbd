"""Numbers that both sides of a golden can compute: a hash of (name, index) as an exact fraction.

Goldens made with it store outputs only, not weights or inputs. C++ twin: formula.h beside it.
"""
import numpy as np

_MASK = (1 << 64) - 1


def _fnv1a(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & _MASK
    return value


def uniform(name, count):
    """`count` fp64 values in [-1, 1), multiples of 2^-23: exact in fp32 too."""
    with np.errstate(over="ignore"):
        x = np.uint64(_fnv1a(name)) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(
            0x9E3779B97F4A7C15
        )
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(40)).astype(np.float64) / float(1 << 23) - 1.0


def tensor(name, shape, scale, offset=0.0):
    """offset + scale * uniform, rounded once to fp32."""
    values = offset + scale * uniform(name, int(np.prod(shape)))
    return values.astype(np.float32).reshape(shape)


def ids(name, count, low, high):
    """`count` integers in [low, high)."""
    unit = (uniform(name, count) + 1.0) / 2.0
    return (low + np.floor(unit * (high - low))).astype(np.int64)
