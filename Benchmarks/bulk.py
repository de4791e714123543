#!/usr/bin/env python3
"""A bulk job with less memory than the model needs: jobs an hour of moed, through PostgreSQL, or of llama.cpp.

Usage: bulk.py PACK --moed MOED [--jobs N] [--limit PERCENT] [SETTING=VALUE ...]
       bulk.py PACK --llama BIN MODEL.gguf [--limit PERCENT] [--sequences 64,128,256]

Every job has 256 prompt tokens of its own and generates 64; the limit is so many percent of PACK, for the engine alone
(version 1 or 2 of control groups; needs root), with the files out of the page cache before. moed's PostgreSQL is a
private one. llama.cpp has no queue: llama-batched-bench runs so many sequences of that size together, each behind its own
prompt, and its best number of sequences is what to compare with.
"""
import argparse
import os
import subprocess

from compare import ENVIRONMENT, batched_bench
from limits import Group, forget, share

PROMPT, NEW = 256, 64

# Ids below the special ones, other ones in each job, so that no prefix is shared.
ENQUEUE = f"""SELECT moed.enqueue_many(array_agg(json_build_object(
    'max_tokens', {NEW}, 'ignore_eos', true, 'seed', j, 'temperature', 1, 'prompt_ids',
    (SELECT json_agg(1000 + mod(j * 7919 + i * 104729, 140000)) FROM generate_series(1, {PROMPT}) AS i))))
  FROM generate_series(1, %d) AS j"""
RESULT = """SELECT state || ': ' || count(*) || ' jobs, ' || sum(total_tokens) || ' tokens' FROM moed.jobs GROUP BY state;
SELECT round(t) || ' s from the first start to the last end, ' || round(3600 * n / t) || ' jobs an hour'
  FROM (SELECT count(*) AS n, extract(epoch FROM max(finished_at) - min(started_at)) AS t FROM moed.jobs) AS run"""


class Server:
    """A private PostgreSQL, for the time of a `with`."""

    def __enter__(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Tests/server.sh")
        self.shell = subprocess.Popen(["bash", "-euc", f'source "{script}"; echo "$home"; read -r || true', "bulk"],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.database = f"host={self.shell.stdout.readline().strip()} user=moed dbname=postgres"
        return self

    def __exit__(self, *failure):
        self.shell.communicate("\n")

    def sql(self, text):
        return subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", self.database, "-c", text],
                              stdout=subprocess.PIPE, text=True, check=True).stdout

    def enqueue(self, moed, text):
        subprocess.run([moed, "migrate", "--database", self.database], stdout=subprocess.DEVNULL, check=True)
        self.sql(text)

    def drain(self, run, moed, pack, *settings):
        """`run` runs a command; the settings are KEY=VALUE."""
        run([moed, "run", "--database", self.database, "--model", pack, "--drain", "--no-progress", "--set", "log.level=notice",
             *(word for pair in settings for word in ("--set", pair))])


def run_moed(arguments):
    with Server() as server, Group(share(arguments.pack, arguments.limit), ENVIRONMENT) as group:
        server.enqueue(arguments.moed, ENQUEUE % arguments.jobs)
        forget([arguments.pack])
        server.drain(group.run, arguments.moed, arguments.pack, "memory.budget=97%", *arguments.settings)
        print(server.sql(RESULT), end="")


def run_llama(arguments):
    folder, model = arguments.llama
    with Group(share(arguments.pack, arguments.limit), ENVIRONMENT) as group:
        for count in map(int, arguments.sequences.split(",")):
            forget([model])
            [row] = batched_bench(group.output, folder, model, count * (PROMPT + NEW), PROMPT, NEW, count, "-b", "2048",
                                  "-ub", "2048")
            print(f"{count} sequences: prompts {row['speed_pp']:.1f} tokens/s, decode {row['speed_tg']:.1f},"
                  f" {row['t']:.0f} s, {3600 * count / row['t']:.0f} jobs an hour", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack")
    parser.add_argument("settings", nargs="*", metavar="SETTING=VALUE")
    engine = parser.add_mutually_exclusive_group(required=True)
    engine.add_argument("--moed", help="the binary")
    engine.add_argument("--llama", nargs=2, metavar=("BIN", "MODEL.gguf"), help="folder of llama-batched-bench, and the model")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--limit", type=int, default=50, help="percent of the pack's size")
    parser.add_argument("--sequences", default="64,128,256")
    arguments = parser.parse_intermixed_args()
    (run_moed if arguments.moed else run_llama)(arguments)


if __name__ == "__main__":
    main()
