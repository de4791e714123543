"""An engine by arithmetic behind the API of vLLM, with faults by seed. For tests.

Chats are answered by words that follow from the messages and the seed; "usage" (all, counts, none), "reasoning" (the member's
name, or tags) and "cost" change what a chat tells. "last" in the statistics is the last chat's body.

The next token is a function of all tokens before it: any cut and continuation gives the same tokens. The last line of
standard output names the port. POST /faults {"rate": 0.25, "kinds": [...]} changes the schedule, GET /stats counts.
"""
import json
import random
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TURN, END, OPEN, CLOSE, CONTEXT = 636, 637, 638, 639, 4096
KINDS = ["busy", "busy_pause", "error", "page", "reset", "reset_in_stream", "end_in_stream", "error_event", "done_early",
         "malformed", "twice", "lost", "ok_with_error", "abort", "redirect"]
lock = threading.Lock()
state = {"rate": 0.0, "kinds": KINDS, "delay": 0.0, "key": "", "counts": True, "usage": "all", "reasoning": "reasoning", "cost": None}
stats = {"last": None, "requests": 0, "tokens": 0, "faults": {}, "ids": {}, "live": 0, "most": 0, "keys": 0}
random_faults = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 1)


def next_token(tokens):
    if TURN in tokens[-4:]:
        return OPEN  # the first token of an answer
    value = 17
    for token in tokens:
        value = (value * 31 + token) % (1 << 61)
    value = (value * 0x9E3779B97F4A7C15 + 0x1234567) % (1 << 64)
    draw = (value >> 20) % 400
    # Tokens from 260 on are words of ASCII: no byte of them is half a character or a NUL.
    return CLOSE if draw < 8 else END if draw < 14 and CLOSE in tokens else 260 + draw % 370


class Engine(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, value, headers=(), kind="application/json"):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, text in headers:
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/stats":
            with lock:
                return self.reply(200, stats)
        if self.path == "/metrics":
            with lock:
                text = "vllm:num_requests_running 0\nvllm:num_requests_waiting 0\n"
            return self.reply(200, text.encode(), (), "text/plain")
        if not self.is_let_in():
            return self.reply(401, {"error": {"message": "bad key", "type": "Unauthorized", "code": 401}})
        self.reply(200, {"object": "list", "data": [{"id": "fake", "max_model_len": CONTEXT}]})

    def is_let_in(self):
        return not state["key"] or self.headers.get("Authorization") == "Bearer " + state["key"]

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/faults":
            state.update(body)
            return self.reply(200, {})
        if not self.is_let_in():
            return self.reply(401, {"error": {"message": "bad key", "type": "Unauthorized", "code": 401}})
        name = self.headers.get("X-Request-Id", "")
        with lock:
            stats["requests"] += 1
            stats["live"] += 1
            stats["most"] = max(stats["most"], stats["live"])
            stats["ids"][name] = stats["ids"].get(name, 0) + 1
            fault = random_faults.choice(state["kinds"]) if random_faults.random() < state["rate"] else None
            cut = random_faults.randrange(1, 12)
            if fault:
                stats["faults"][fault] = stats["faults"].get(fault, 0) + 1
        try:
            if self.path.endswith("/chat/completions"):
                stats["last"] = body
                self.chat(body, fault, cut)
            else:
                self.complete(body, fault, cut)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with lock:
                stats["live"] -= 1

    def refuse(self, fault):
        """Answers with an error before a stream; returns true when it did."""
        refusals = {
            "busy": (503, {"error": {"message": "busy", "type": "Service Unavailable", "code": 503}}, ()),
            "busy_pause": (429, {"error": {"message": "slow down"}}, (("Retry-After", "0.2"),)),
            "error": (500, {"error": {"message": "engine", "type": "InternalServerError", "code": 500}}, ()),
            "ok_with_error": (200, {"error": {"message": "no"}}, ()),
            "redirect": (307, {}, (("Location", "http://127.0.0.1:1/"),)),
        }
        if fault in refusals:
            status, value, headers = refusals[fault]
            self.reply(status, value, headers)
        elif fault == "page":
            self.reply(502, b"<html>bad gateway</html>", (), "text/html")
        elif fault == "reset":
            self.reset()
        else:
            return False
        return True

    def chat(self, body, fault, cut):
        if self.refuse(fault):
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        draw = random.Random(json.dumps([body["messages"], body.get("seed")], sort_keys=True))
        thinks = (body.get("chat_template_kwargs") or {}).get("enable_thinking", True)
        count, words = 0, [(kind, f"{kind[0]}{draw.randrange(1000)} ") for kind, most in (("thought", 8 * thinks), ("answer", 6)) for _ in range(most)]
        self.event(json.dumps({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}))
        if thinks and state["reasoning"] == "tags":
            words = [("answer", "<think>\n")] + [("answer", w) for k, w in words if k == "thought"] + [("answer", "\n</think>\n\n")] + [x for x in words if x[0] == "answer"]
        most = body["max_tokens"]
        for kind, word in words[:most]:
            count += 1
            if state["delay"]:
                time.sleep(state["delay"])
            name = "content" if kind == "answer" else state["reasoning"]
            event = {"choices": [{"index": 0, "delta": {name: word}, "finish_reason": None}]}
            if count == cut and fault and self.spoil(event, fault):
                return
            self.event(json.dumps(event))
        with lock:
            stats["tokens"] += count
        finish = "stop" if count == len(words) else "length"
        if fault == "filter":
            finish = "content_filter"
        self.event(json.dumps({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}))
        usage = {"prompt_tokens": 7, "completion_tokens": count}
        if state["usage"] == "all":
            usage["prompt_tokens_details"] = {"cached_tokens": 2}
            usage["completion_tokens_details"] = {"reasoning_tokens": sum(k == "thought" for k, _ in words[:most])}
        if state["cost"] is not None:
            usage["cost"] = state["cost"]
        if state["usage"] != "none":
            self.event(json.dumps({"choices": [], "usage": usage}))
        self.event("[DONE]")
        self.chunk(b"")

    def complete(self, body, fault, cut):
        if self.refuse(fault):
            return
        tokens = list(body["prompt"])
        if len(tokens) + 1 > CONTEXT:
            return self.reply(400, {"error": {"message": "maximum context length is 4096", "param": "input_tokens", "code": 400}})
        stops, most = set(body.get("stop_token_ids", [])), body["max_tokens"]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for count in range(1, most + 1):
            if state["delay"]:
                time.sleep(state["delay"])
            token = next_token(tokens)
            tokens.append(token)
            with lock:
                stats["tokens"] += 1
            finish = "stop" if token in stops else "length" if count == most else None
            event = {"id": "cmpl-x", "choices": [{"index": 0, "text": "x", "finish_reason": finish, "stop_reason": None,
                     "prompt_token_ids": body["prompt"] if count == 1 else None, "token_ids": [token]}]}
            if state["counts"]:
                event["usage"] = {"prompt_tokens": len(body["prompt"]), "completion_tokens": count}
            if count == cut and fault and self.spoil(event, fault):
                return
            if not (count == cut and fault == "lost"):
                self.event(json.dumps(event))
            if finish:
                break
        usage = {"prompt_tokens": len(body["prompt"]), "completion_tokens": len(tokens) - len(body["prompt"]),
                 "prompt_tokens_details": {"cached_tokens": 0}}
        self.event(json.dumps({"choices": [], "usage": usage}))
        self.event("[DONE]")
        self.chunk(b"")

    def spoil(self, event, fault):
        """Returns true when the response ends here."""
        if fault == "reset_in_stream":
            self.reset()
        elif fault == "end_in_stream":
            self.close_connection = True
        elif fault == "error_event":
            self.event(json.dumps({"error": {"message": "EngineCore", "type": "InternalServerError", "code": 500}}))
            self.event("[DONE]")
            self.chunk(b"")
        elif fault == "done_early":
            self.event("[DONE]")
            self.chunk(b"")
        elif fault == "malformed":
            self.event("{\"choices\": [{")
            self.chunk(b"")
        elif fault == "abort":
            self.event(json.dumps({"choices": [{"index": 0, "token_ids": [], "finish_reason": "abort"}]}))
            self.chunk(b"")
        elif fault == "twice":
            self.event(json.dumps(event))
            return False
        else:
            return False
        return True

    def event(self, data):
        self.chunk(b"data: " + data.encode() + b"\n\n")

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
        raise ConnectionResetError


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, *_):
        pass


server = Server(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Engine)
print(server.server_address[1], flush=True)
server.serve_forever()
