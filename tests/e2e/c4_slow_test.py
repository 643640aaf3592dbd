"""Runs on eight shards of 1 GB in all (2.2 GB of text) such as C4's."""
from c4_shards import Shards, checks
from regroup_cli import main

if __name__ == "__main__":
    main(checks(Shards(size=125_000_000, batch=512, steps=60, killed_at=57)))
