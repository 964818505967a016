"""Reading and encoding a large CSV file, beside polars and pandas, in one run.

    cargo build --release -p chainrule-data --example read
    python bench/tables/read.py [--rows 10000000] [--repeats 5] [--folder /var/tmp]

The table has six columns: three of numbers, a category with 40 levels, a date, and yes or no. Read: to typed columns in
memory, dates parsed. Encoded: to one matrix of 32-bit floats with numbers on a standard scale, a column for each level,
and the date as a number with its cycles (ours) or as a number alone (the others, which have no such thing). Each is a
process of its own; the machine's file cache is warm. Prints medians as a Markdown table.
"""

import argparse
import pathlib
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OURS = ROOT / "target/release/examples/read"

POLARS = """
import sys, time, polars as pl
start = time.perf_counter()
frame = pl.read_csv(sys.argv[1], try_parse_dates=True)
read = time.perf_counter()
numbers = ["price", "area", "rooms"]
frame = frame.with_columns(
    [((pl.col(c) - pl.col(c).mean()) / pl.col(c).std()).cast(pl.Float32) for c in numbers]
    + [pl.col("sold").dt.epoch("d").cast(pl.Float32), pl.col("old").cast(pl.Float32)]
)
matrix = frame.to_dummies(["city"]).cast(pl.Float32).to_numpy()
print(read - start, time.perf_counter() - start, *matrix.shape)
"""

PANDAS = """
import sys, time, numpy as np, pandas as pd
start = time.perf_counter()
frame = pd.read_csv(sys.argv[1], parse_dates=["sold"])
read = time.perf_counter()
for c in ["price", "area", "rooms"]:
    frame[c] = ((frame[c] - frame[c].mean()) / frame[c].std()).astype(np.float32)
frame["sold"] = frame["sold"].astype("int64").astype(np.float32)
frame["old"] = frame["old"].astype(np.float32)
matrix = pd.get_dummies(frame, columns=["city"], dtype=np.float32).to_numpy(dtype=np.float32)
print(read - start, time.perf_counter() - start, *matrix.shape)
"""


def ours(path):
    text = subprocess.run([OURS, path], check=True, capture_output=True, text=True).stdout
    seconds = lambda name: float(re.search(rf"^{name}: ([\d.]+) s", text, re.M).group(1))
    return seconds("read"), seconds("read and encoded")


def python(script):
    def run(path):
        out = subprocess.run([sys.executable, "-c", script, path], check=True, capture_output=True, text=True).stdout
        read, encoded = out.split()[:2]
        return float(read), float(encoded)

    return run


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", default="/var/tmp")
    args = parser.parse_args()
    path = pathlib.Path(args.folder) / f"chainrule-{args.rows}.csv"
    if not path.exists():
        subprocess.run([OURS, "--generate", str(args.rows), path], check=True)
    path.read_bytes()
    size = path.stat().st_size / 1e6
    runs = {"chainrule": ours, "polars": python(POLARS), "pandas": python(PANDAS)}
    times = {name: [] for name in runs}
    for _ in range(args.repeats):
        for name, run in runs.items():
            times[name].append(run(str(path)))
    print(f"{args.rows:,} rows, {size:.0f} MB; medians of {args.repeats}\n")
    print("| | read, s | MB/s | read and encoded, s |\n| --- | --- | --- | --- |")
    for name, pairs in times.items():
        read, encoded = (statistics.median(column) for column in zip(*pairs))
        print(f"| {name} | {read:.2f} | {size / read:.0f} | {encoded:.2f} |")


if __name__ == "__main__":
    main()
