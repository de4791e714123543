"""A service with OpenAI's /v1/moderations, for tests: it flags texts that hold a word, and fails as it is told.

The last line of standard output names the port. POST /faults {"status": 503, "delay": 0.1, "hangs": true} changes what it does,
GET /stats counts.
"""
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

lock = threading.Lock()
state = {"status": 200, "delay": 0.0, "hangs": False, "word": "heron", "answer": None}
stats = {"requests": 0, "texts": 0, "live": 0, "most": 0, "models": {}, "keys": {}}


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, value):
        body = value.encode() if isinstance(value, str) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with lock:
            self.reply(200, stats)

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/faults":
            with lock:
                state.update(request)
            return self.reply(200, {})
        if self.path != "/v1/moderations":
            return self.reply(404, {})
        with lock:
            stats["requests"] += 1
            stats["texts"] += len(request["input"])
            stats["live"] += 1
            stats["most"] = max(stats["most"], stats["live"])
            stats["models"][request.get("model", "")] = stats["models"].get(request.get("model", ""), 0) + 1
            stats["keys"][self.headers.get("Authorization", "")] = 1
            now = dict(state)
        try:
            while now["hangs"]:
                time.sleep(0.02)
                with lock:
                    now = dict(state)
            time.sleep(now["delay"])
            if now["status"] != 200:
                return self.reply(now["status"], {"error": {"message": "as told"}})
            if now["answer"] is not None:
                return self.reply(200, now["answer"])
            self.reply(200, {"id": "modr-1", "model": request.get("model"), "results": [self.result(text, now["word"]) for text in request["input"]]})
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with lock:
                stats["live"] -= 1

    @staticmethod
    def result(text, word):
        hit = word in text
        return {"flagged": hit, "categories": {"birds": hit, "fish": False}, "category_scores": {"birds": 0.75 if hit else 0.01, "fish": 0.02}}


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Service)
server.daemon_threads = True
print(server.server_address[1], flush=True)
server.serve_forever()
