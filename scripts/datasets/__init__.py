"""The text sets of regroup, made from Debian packages. Used by scripts/fetch_data and scripts/make_sample."""
