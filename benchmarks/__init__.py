"""Speed and size, measured against peers. `make bench` runs benchmarks/speed.py."""
