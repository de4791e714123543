#!/usr/bin/env python3
"""moed and llama.cpp with less memory than the model needs, in turns: medians of ratios.

Usage: limited.py --moed MOED --llama BIN PACK MODEL.gguf [--limits 50,70] [--decode 1,16,64] [--turns N] [--json FILE]

Each runs in a control group (version 1 or 2; needs root) whose memory is limited to so many percent of PACK, with the
files out of the page cache before: llama.cpp maps its file, moed takes 97 % of the limit as its budget. Sequences decode
behind 32 tokens each. "bound" is what the disk would give at the probe's speed if moed never waited for anything else,
"plan" what `moed plan` says under the same limit, measuring the machine by itself; "then" is the disk's rate while anything was
being read, as a part of the probe's.
"""
import argparse
import json
import math
import statistics

from compare import ENVIRONMENT, THREADS, batched_bench
from limits import Group, forget, share

CONTEXT, DECODED = 32, 8


def run_llama(group, folder, model, decode):
    rows = batched_bench(group.output, folder, model, 4096, CONTEXT, DECODED, decode, "-pps")
    return {row["pl"]: {"tokens_per_second": row["speed_tg"]} for row in rows}


def run_moed(group, moed, pack, decode):
    report = json.loads(group.output([moed, "bench", "--model", pack, "--memory-budget", "97%", "--prefill", "", "--decode",
                                      decode, "--context", str(CONTEXT), "--threads", THREADS, "--repeat", "3", "--json"]))
    probe = (report["disk"] or {}).get("bytes_per_second")
    return {run["tokens"]: run | {"probe": probe} for run in report["runs"]}


def run_plan(group, moed, pack, decode):
    """Tokens per second by number of sequences."""
    context, most = CONTEXT + DECODED // 2, max(map(int, decode.split(",")))
    text = group.output([moed, "plan", "--model", pack, "--budget", "97%", "--sequences", str(most), "--context", str(context)])
    rows = (line.split() for line in text.splitlines() if line.startswith("decode "))
    return {int(row[1]): float(row[2].replace(",", "")) for row in rows}


def measure(arguments, percent):
    turns = []
    with Group(share(arguments.pack, percent), ENVIRONMENT) as group:
        for _ in range(arguments.turns):
            forget([arguments.pack, arguments.gguf])
            theirs = run_llama(group, arguments.llama, arguments.gguf, arguments.decode)
            forget([arguments.pack, arguments.gguf])
            ours = run_moed(group, arguments.moed, arguments.pack, arguments.decode)
            for count, speed in run_plan(group, arguments.moed, arguments.pack, arguments.decode).items():
                if count in ours:
                    ours[count]["plan"] = speed
            turns.append((theirs, ours))
    rows = []
    for count in map(int, arguments.decode.split(",")):
        def median(value):
            return statistics.median(value(theirs[count], ours[count]) for theirs, ours in turns)
        rows.append({
            "percent": percent, "sequences": count,
            "llama": median(lambda t, o: t["tokens_per_second"]), "moed": median(lambda t, o: o["tokens_per_second"]),
            "ratio": median(lambda t, o: o["tokens_per_second"] / t["tokens_per_second"]),
            "plan": median(lambda t, o: o.get("plan", math.nan)),
            "hit_rate": median(lambda t, o: o["streaming"]["hit_rate"]),
            "disk_gb_per_second": median(lambda t, o: o["streaming"]["disk_bytes_per_second"] / 1e9),
            "of_probe": median(lambda t, o: o["streaming"]["disk_bytes_per_second"] / o["probe"]),
            "of_probe_reading": median(lambda t, o: o["streaming"]["disk_bytes_per_second_reading"] / o["probe"]),
            "mb_per_token": median(lambda t, o: o["streaming"]["bytes_per_token"] / 1e6),
            "bound": median(lambda t, o: o["probe"] / o["streaming"]["bytes_per_token"]),
            "turns": [[t[count], o[count]] for t, o in turns]})
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moed", required=True)
    parser.add_argument("--llama", required=True, help="folder of llama-batched-bench")
    parser.add_argument("pack")
    parser.add_argument("gguf")
    parser.add_argument("--limits", default="50,70", help="percent of the pack's size")
    parser.add_argument("--decode", default="1,16,64")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    rows = []
    print("limit  sequences  llama.cpp    moed   ratio    plan   bound   hits   disk GB/s   of probe   then   MB/token")
    for percent in map(int, arguments.limits.split(",")):
        for row in measure(arguments, percent):
            rows.append(row)
            print(f"{row['percent']:3} % {row['sequences']:9} {row['llama']:11.2f} {row['moed']:8.2f} {row['ratio']:7.2f}"
                  f" {row['plan']:7.2f} {row['bound']:7.1f} {100 * row['hit_rate']:4.0f} % {row['disk_gb_per_second']:9.2f}"
                  f" {100 * row['of_probe']:9.0f} % {100 * row['of_probe_reading']:4.0f} % {row['mb_per_token']:9.1f}", flush=True)
        if arguments.json:
            with open(arguments.json, "w") as file:
                json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
