#!/usr/bin/env python3
"""What the queue costs: the same mixed jobs through PostgreSQL (`moed run`) and without it (`moed bench --workload`).

Usage: mixed.py PACK --moed MOED [--jobs N] [--sequences N]

Prompts have 16 to 512 tokens of their own and answers 16 to 128, spread evenly over the logarithm, half of the jobs think;
so many sequences run together in either. The daemon's time runs from the first start of a job to the last end, the
engine's is that of the faster admission.
"""
import argparse
import functools
import json
import random
import subprocess
import tempfile

from bulk import Server
from compare import ENVIRONMENT, THREADS

ENQUEUE = """SELECT moed.enqueue_many(array_agg(json_build_object(
    'max_tokens', (job->>'new_tokens')::int, 'ignore_eos', true, 'seed', number, 'reasoning', job->>'mode', 'prompt_ids',
    (SELECT json_agg(1000 + mod(number * 7919 + i * 104729, 140000)) FROM generate_series(1, (job->>'prompt_tokens')::int) AS i))))
  FROM json_array_elements('%s') WITH ORDINALITY AS jobs (job, number)"""
RESULT = """SELECT json_build_object('jobs', count(*), 'failed', count(*) FILTER (WHERE state <> 'succeeded'),
    'tokens', sum(total_tokens), 'seconds', extract(epoch FROM max(finished_at) - min(started_at))) FROM moed.jobs"""


def mixed_jobs(count):
    numbers = random.Random(1)

    def length(least, most):
        return round(least * (most / least) ** numbers.random())
    return [{"prompt_tokens": length(16, 512), "new_tokens": length(16, 128),
             "mode": "thinking" if number % 2 else "non_thinking"} for number in range(count)]


def through_the_queue(arguments, jobs):
    with Server() as server:
        server.enqueue(arguments.moed, ENQUEUE % json.dumps(jobs))
        server.drain(functools.partial(subprocess.run, env=ENVIRONMENT, check=True), arguments.moed, arguments.pack,
                     f"engine.slots={arguments.sequences}", f"engine.threads={THREADS}")
        return json.loads(server.sql(RESULT))


def without_it(arguments, jobs):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps(job) + "\n" for job in jobs)
        file.flush()
        text = subprocess.run([arguments.moed, "bench", "--model", arguments.pack, "--workload", file.name, "--max-batch",
                               str(arguments.sequences), "--threads", THREADS, "--repeat", "1", "--json"],
                              env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=True).stdout
    return {run["admission"]: run["passes"][0]["seconds"] for run in json.loads(text)["admissions"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pack")
    parser.add_argument("--moed", required=True, help="the binary")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--sequences", type=int, default=32)
    arguments = parser.parse_args()
    jobs = mixed_jobs(arguments.jobs)
    daemon = through_the_queue(arguments, jobs)
    print(f"moed run: {daemon['jobs']} jobs, {daemon['failed']} failed, {daemon['tokens']} tokens,"
          f" {daemon['seconds']:.1f} s", flush=True)
    engine = without_it(arguments, jobs)
    for admission, seconds in engine.items():
        print(f"moed bench --workload, {admission}: {seconds:.1f} s")
    print(f"through the queue at {100 * min(engine.values()) / daemon['seconds']:.0f} % of the engine's rate")


if __name__ == "__main__":
    main()
