"""Many batches of many keys through two gateways, one of which is killed again and again.

    gateway_load.py MOED CONNINFO [--keys 50] [--batches 500] [--lines 1000] [--kill-every 10] [--poll-limit MS] [--memory-limit MB]

CONNINFO is a superuser's, of an empty database. Jobs are ended by SQL in place of a model: the gateways are what is tested.
Each line must be answered once, and the usage of batches, of the output files and of the token account must be equal.
It prints what it saw as JSON, and ends with 1 when something is wrong. The limit is for the time that the gateways count
themselves, as one of their bounds; the client's own times are beside it, and so are those of its threads.
"""
import argparse
import http.client
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

parser = argparse.ArgumentParser()
parser.add_argument("moed")
parser.add_argument("conninfo")
for name, value in [("keys", 50), ("batches", 500), ("lines", 1000), ("kill-every", 10), ("poll-limit", 0), ("memory-limit", 0)]:
    parser.add_argument("--" + name, type=int, default=value)
options = parser.parse_args()
faults, lock, is_over = [], threading.Lock(), threading.Event()


def sql(text):
    result = subprocess.run(
        ["psql", "-qAtX", "-v", "ON_ERROR_STOP=1", options.conninfo, "-c", text], capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(result.stderr)
    return result.stdout.strip()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Gateway:
    """A gateway that is started again after it was killed."""

    def __init__(self, role):
        self.port, self.page, self.role = free_port(), free_port(), role
        self.memory, self.kills, self.process, self.polls = 0, 0, None, {}

    def start(self):
        conninfo = options.conninfo + " user=" + self.role
        self.process = subprocess.Popen(
            ["nice", "-n", "19", options.moed, "serve", "--database", conninfo, "--set", f"gateway.listen=127.0.0.1:{self.port}",
             "--set", "log.level=error", "--set", f"front.listen=127.0.0.1:{self.page}", "--set", "front.database=" + options.conninfo])

    def look(self):
        """Adds the counts of polls by time, which end with the process, and remembers its memory."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.page}/metrics", timeout=30) as answer:
                for line in answer.read().decode().splitlines():
                    found = re.match(r'moed_gateway_request_seconds_bucket\{route="GET /v1/batches/\{batch_id\}",le="(.*)"\} (.*)', line)
                    if found:
                        self.polls[float(found[1].replace("+Inf", "inf"))] = (
                            self.polls.get(float(found[1].replace("+Inf", "inf")), 0) + float(found[2]))
        except OSError:
            pass
        try:
            with open(f"/proc/{self.process.pid}/status") as status:
                for line in status:
                    if line.startswith("VmHWM:"):
                        self.memory = max(self.memory, int(line.split()[1]) // 1024)
        except FileNotFoundError:
            pass

    def kill(self):
        self.look()
        self.process.kill()
        self.process.wait()
        self.kills += 1

    def stop(self):
        self.look()
        self.process.terminate()
        if self.process.wait() != 0:
            faults.append(f"a gateway ended with {self.process.returncode}")


class Client:
    """Requests of one key. A broken one goes to the other gateway."""

    def __init__(self, key, gateways):
        self.key, self.gateways, self.connection, self.place, self.polls, self.breaks = key, gateways, None, 0, [], 0

    def once(self, method, path, body=None, headers={}):
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.gateways[self.place].port, timeout=60)
        began = time.monotonic()
        self.connection.request(method, path, body, {"Authorization": "Bearer " + self.key, **headers})
        answer = self.connection.getresponse()
        content = answer.read()
        return answer.status, content, time.monotonic() - began

    def turn(self):
        if self.connection is not None:
            self.connection.close()
        self.connection, self.place, self.breaks = None, 1 - self.place, self.breaks + 1
        time.sleep(random.uniform(0.05, 0.3))

    def send(self, method, path, body=None, headers={}, retries=True):
        """The answer; None when it was lost and the request may have been carried out."""
        while True:
            try:
                status, content, taken = self.once(method, path, body, headers)
            except (OSError, http.client.HTTPException):
                self.turn()
                if not retries:
                    return None
                continue
            if status in (429, 503):
                time.sleep(random.uniform(0.2, 0.5))
                continue
            if status != 200:
                raise RuntimeError(f"{method} {path}: {status} {content[:300]}")
            if method == "GET" and path.startswith("/v1/batches/"):
                self.polls.append(taken)
            return content

    def upload(self, text):
        form = (b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--x\r\nContent-Disposition: form-data; '
                b'name="file"; filename="in.jsonl"\r\n\r\n' + text + b"\r\n--x--\r\n")
        return json.loads(self.send("POST", "/v1/files", form, {"Content-Type": "multipart/form-data; boundary=x"}))["id"]

    def create(self, file, name):
        """A batch. After a lost answer the list tells whether there is one already."""
        body = json.dumps({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h",
                           "metadata": {"name": name}})
        while True:
            answer = self.send("POST", "/v1/batches", body, {"Content-Type": "application/json"}, retries=False)
            if answer is not None:
                return json.loads(answer)["id"]
            for batch in json.loads(self.send("GET", "/v1/batches?limit=100"))["data"]:
                if batch["metadata"]["name"] == name:
                    return batch["id"]

    def work(self, number):
        text = "".join(
            json.dumps({"custom_id": f"{number}-{line}", "method": "POST", "url": "/v1/chat/completions",
                        "body": {"messages": [{"role": "user", "content": f"question {line}"}], "max_tokens": 8}}) + "\n"
            for line in range(options.lines)).encode()
        batch = self.create(self.upload(text), str(number))
        while True:
            found = json.loads(self.send("GET", "/v1/batches/" + batch))
            if found["status"] == "completed":
                break
            if found["status"] not in ("validating", "in_progress", "finalizing"):
                raise RuntimeError(f"batch {number} is {found['status']}")
            time.sleep(random.uniform(0.3, 0.7))
        answers = [json.loads(line) for line in self.send("GET", f"/v1/files/{found['output_file_id']}/content").splitlines()]
        names = sorted(answer["custom_id"] for answer in answers)
        if names != sorted(f"{number}-{line}" for line in range(options.lines)):
            raise RuntimeError(f"batch {number} has {len(names)} answers, {len(set(names))} different ones")
        tokens = sum(answer["response"]["body"]["usage"]["total_tokens"] for answer in answers)
        if tokens != found["usage"]["total_tokens"] or found["request_counts"]["completed"] != options.lines:
            raise RuntimeError(f"batch {number}: {tokens} tokens in its output, {found['usage']} in the batch")
        return tokens


END_JOBS = """
WITH due AS MATERIALIZED (
  SELECT j.id FROM moed.job j WHERE j.state = 'queued' LIMIT 5000 FOR UPDATE SKIP LOCKED
), account AS (
  INSERT INTO moed.token_ledger (job_id, lease_token, kind, tenant_id, model_id, mode, prompt_tokens, cached_tokens, thinking_tokens,
    injected_tokens, answer_tokens, recomputed_tokens, wall_ms)
  SELECT j.id, 1, 'final', j.tenant_id, 1, j.mode, 3 + j.id % 5, 0, 0, 0, 2 + j.id % 3, 0, 1 FROM due d JOIN moed.job j ON j.id = d.id
  RETURNING job_id, prompt_tokens, completion_tokens, total_tokens
), answers AS (
  INSERT INTO moed.job_result (job_id, lease_token, finish_reason, content, body)
  SELECT job_id, 1, 'stop', 'a', json_build_object('id', job_id::text, 'object', 'chat.completion', 'choices', '[]'::json, 'usage',
    json_build_object('prompt_tokens', prompt_tokens, 'completion_tokens', completion_tokens, 'total_tokens', total_tokens))
    FROM account RETURNING job_id
), ended AS (
  UPDATE moed.job j SET state = 'succeeded', finished_at = clock_timestamp(), attempt = 1
    FROM answers a WHERE a.job_id = j.id RETURNING 1
)
SELECT count(*) FROM ended
"""


def end_jobs():
    """Ends jobs in place of a worker, until everything is over."""
    while not is_over.is_set():
        try:
            if int(sql(END_JOBS)) == 0:
                time.sleep(0.2)
            sql("SELECT moed.fold_usage()")
        except RuntimeError as error:
            faults.append(f"jobs cannot be ended: {error}")
            return


def kill_again(gateways):
    place = 0
    while not is_over.wait(options.kill_every):
        with lock:
            gateways[place].kill()
            gateways[place].start()
        place = 1 - place


def main():
    subprocess.run([options.moed, "migrate", "--roles", "--database", options.conninfo], check=True, stdout=subprocess.DEVNULL)
    role = "load_" + str(os.getpid())
    sql(f"CREATE ROLE {role} LOGIN; GRANT moed_gateway TO {role}")
    keys = [
        subprocess.run([options.moed, "key", "create", "--tenant", f"t{number}", "--database", options.conninfo], check=True,
                       capture_output=True, text=True).stdout.strip() for number in range(options.keys)]
    gateways = [Gateway(role), Gateway(role)]
    for gateway in gateways:
        gateway.start()
    clients, tokens, began = [Client(key, gateways) for key in keys], [], time.monotonic()

    def serve(place):
        clients[place].place = place % 2
        for number in range(place, options.batches, options.keys):
            try:
                tokens.append(clients[place].work(number))
            except Exception as error:
                faults.append(f"{type(error).__name__}: {error}")

    threads = [threading.Thread(target=serve, args=(place,)) for place in range(options.keys)]
    helpers = [threading.Thread(target=end_jobs), threading.Thread(target=kill_again, args=(gateways,))]
    for thread in threads + helpers:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - began
    is_over.set()
    for helper in helpers:
        helper.join()
    for gateway in gateways:
        gateway.stop()
    account = int(sql("SELECT coalesce(sum(total_tokens), 0) FROM moed.token_ledger"))
    rows = sql("SELECT concat_ws(' ', count(*), count(DISTINCT job_id)) FROM moed.batch_line").split()
    batches = int(sql("SELECT count(*) FROM moed.batch"))
    jobs = int(sql("SELECT count(*) FROM moed.job WHERE state = 'succeeded'"))
    wanted = options.batches * options.lines
    if not account == sum(tokens):
        faults.append(f"{account} tokens in the account, {sum(tokens)} in the output files")
    if [batches, jobs] + [int(row) for row in rows] != [options.batches, wanted, wanted, wanted]:
        faults.append(f"{batches} batches, {jobs} jobs that succeeded, {rows} lines: there should be {wanted} lines")
    polls = sorted(poll for client in clients for poll in client.polls)
    counts = {bound: sum(gateway.polls.get(bound, 0) for gateway in gateways) for bound in gateways[0].polls}
    served = min((bound for bound, count in counts.items() if count >= 0.99 * counts[float("inf")]), default=0)
    p99 = round(polls[int(len(polls) * 0.99)] * 1000, 1) if polls else 0
    memory = max(gateway.memory for gateway in gateways)
    if options.poll_limit and served * 1000 > options.poll_limit:
        faults.append(f"the p99 of a poll is up to {served * 1000} ms")
    if options.memory_limit and memory > options.memory_limit:
        faults.append(f"a gateway took {memory} MB")
    sql(f"DROP OWNED BY {role}; DROP ROLE {role}")
    print(json.dumps({
        "batches": batches, "jobs": jobs, "tokens": account, "kills": sum(gateway.kills for gateway in gateways),
        "broken_requests": sum(client.breaks for client in clients), "polls": len(polls), "p50_ms": round(polls[len(polls) // 2] * 1000, 1),
        "p99_ms": p99, "p99_of_the_gateway_up_to_ms": served * 1000, "memory_mb": memory, "seconds": round(seconds, 1), "faults": faults[:20]}))
    sys.exit(1 if faults else 0)


main()
