#!/usr/bin/env python3
"""moed and llama.cpp on the same weights and shapes, in turns: medians of ratios.

Usage: compare.py --moed MOED --llama BIN --pair PACK=MODEL.gguf [--pair …] [--rows p512,p2048,d1,d4,d16,d64,d128]
                  [--turns N] [--json FILE]

Each turn of a row runs llama.cpp, then moed, so that both see the machine in the same minute; the row's ratio is the
median over turns of moed's tokens/s by llama.cpp's. p512 is a prompt of 512 tokens, d16 decodes 16 sequences together
behind 128 tokens each (llama.cpp's share theirs). moed's probe gives memory speed and other load of the moment.
"""
import argparse
import json
import os
import statistics
import subprocess

CONTEXT, DECODED, THREADS = 128, 32, "2"
# Found on some machines of ours; meant for other libraries.
ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
ENVIRONMENT |= {"OMP_PROC_BIND": "true", "OMP_PLACES": "{0},{1}"}


def output(command):
    return subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT).stdout


def batched_bench(run, folder, model, context, prompt, decoded, sequences, *options):
    """The rows of llama-batched-bench, one for each number of sequences; `run` gives a command's output."""
    lines = run([f"{folder}/llama-batched-bench", "-m", model, "-t", THREADS, "-tb", THREADS, "-c", str(context), "-npp",
                 str(prompt), "-ntg", str(decoded), "-npl", str(sequences), *options, "--output-format", "jsonl"])
    return [json.loads(line) for line in lines.splitlines() if line.startswith("{")]


def run_llama(folder, model, kind, count):
    """Tokens per second."""
    if kind == "p":
        return json.loads(output([f"{folder}/llama-bench", "-m", model, "-t", THREADS, "-p", str(count), "-n", "0",
                                  "-r", "2", "-o", "json"]))[0]["avg_ts"]
    [row] = batched_bench(output, folder, model, 32768, CONTEXT, DECODED, count, "-b", "2048", "-ub", "512", "-pps")
    return row["speed_tg"]


def run_moed(moed, pack, kind, count):
    """The only run of moed's report."""
    prefill, decode = (str(count), "") if kind == "p" else ("", str(count))
    return json.loads(output([moed, "bench", "--model", pack, "--prefill", prefill, "--decode", decode, "--context",
                              str(CONTEXT), "--threads", THREADS, "--repeat", "3", "--json"]))["runs"][0]


def measure(arguments, pack, model, row):
    kind, count, turns = row[0], int(row[1:]), []
    for _ in range(arguments.turns):
        theirs = run_llama(arguments.llama, model, kind, count)
        ours = run_moed(arguments.moed, pack, kind, count)
        turns.append({
            "llama": theirs, "moed": ours["tokens_per_second"], "ratio": ours["tokens_per_second"] / theirs,
            "of_limit": ours["of_limit"], "bound_by": ours["bound_by"],
            "memory_gb_per_second": ours["memory_bytes_per_second"] / 1e9, "others_cpu": ours.get("others_cpu")})
    median = {k: statistics.median(t[k] for t in turns) for k in ["llama", "moed", "ratio", "of_limit", "memory_gb_per_second"]}
    return {"pack": pack, "gguf": model, "row": row, **median, "bound_by": turns[-1]["bound_by"], "turns": turns}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moed", required=True)
    parser.add_argument("--llama", required=True, help="folder of llama-bench and llama-batched-bench")
    parser.add_argument("--pair", action="append", required=True)
    parser.add_argument("--rows", default="p512,p2048,d1,d4,d16,d64,d128")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--json")
    arguments = parser.parse_args()
    results = []
    for pair in arguments.pair:
        pack, model = pair.split("=", 1)
        print(f"{pack} against {model}\n  row     llama.cpp     moed   ratio (least-most)   of limit           memory")
        for row in arguments.rows.split(","):
            result = measure(arguments, pack, model, row)
            results.append(result)
            ratios = [turn["ratio"] for turn in result["turns"]]
            print(f"  {row:6} {result['llama']:9.1f} {result['moed']:9.1f} {result['ratio']:7.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
                  f" {100 * result['of_limit']:9.0f} % {result['bound_by']:8} {result['memory_gb_per_second']:5.1f} GB/s", flush=True)
            if arguments.json:
                with open(arguments.json, "w") as file:
                    json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
