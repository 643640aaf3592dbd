"""Runs on eight small shards such as C4's; c4_slow_test.py asks the same of a gigabyte."""
from c4_shards import Shards, checks
from regroup_cli import main

if __name__ == "__main__":
    main(checks(Shards(size=1_000_000, batch=32, steps=40, killed_at=33)))
