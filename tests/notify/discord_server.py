"""An HTTP server on loopback that plays Discord: it keeps what comes, checks every limit of its
documentation, and answers as a test tells it to."""
import http.server
import json
import threading
import time

HANG_SECONDS = 30
LIMITS = {"title": 256, "description": 4096, "name": 256, "value": 1024, "text": 2048}


def length(text):
    """Code points or UTF-16 code units, whichever are more."""
    return max(len(text), len(text.encode("utf-16-le")) // 2)


def faults_of_embed(embed):
    """What Discord would refuse in an embed."""
    fields = embed.get("fields", [])
    if len(fields) > 25:
        yield f"{len(fields)} fields"
    texts = [("title", embed.get("title", "x")), ("description", embed.get("description", "x")),
             ("text", embed.get("footer", {}).get("text", "x"))]
    for field in fields:
        texts += [("name", field.get("name", "")), ("value", field.get("value", ""))]
    for name, text in texts:
        if not text.strip():
            yield f"{name} is empty"
        if length(text) > LIMITS[name]:
            yield f"{name} has {length(text)} characters"
    if sum(length(text) for _, text in texts) > 6000:
        yield "more than 6000 characters"


def faults_of(body):
    """What Discord would refuse in a request to execute a webhook."""
    try:
        message = json.loads(body.decode("utf-8"))
    except ValueError as error:
        return [f"not JSON: {error}"]
    faults = []
    if not message.get("content") and not message.get("embeds"):
        faults.append("an empty message")
    if length(message.get("content", "")) > 2000:
        faults.append("content is too long")
    if len(message.get("embeds", [])) > 10:
        faults.append("more than 10 embeds")
    for embed in message.get("embeds", []):
        faults += faults_of_embed(embed)
    if message.get("allowed_mentions") != {"parse": []}:
        faults.append("somebody could be mentioned")
    return faults


class Request:
    def __init__(self, handler, body):
        self.method, self.path = handler.command, handler.path
        self.headers, self.body = dict(handler.headers.items()), body
        self.time = time.monotonic()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server = self.server
        server.requests.append(Request(self, body))
        answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
        if answer == "hang":
            server.closing.wait(HANG_SECONDS)
            return
        if answer == "hang up":
            self.close_connection = True
            return
        if answer == "check":
            faults = faults_of(body)
            answer = (400, {}, json.dumps(faults)) if faults else (204, {}, "")
            server.faults += faults
        code, headers, text = answer
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        if code != 204:
            self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        if code != 204:
            self.wfile.write(text.encode())

    do_GET = do_POST

    def log_message(self, *arguments):
        pass


class DiscordServer(http.server.ThreadingHTTPServer):
    """`answers`: in turn, the last one for good. Each is (code, headers, text), "check" (204, or 400
    for a broken limit), "hang" or "hang up"."""
    daemon_threads = True

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.requests, self.faults = list(answers), [], []
        self.closing = threading.Event()

    def url(self, path="/api/webhooks/1/TOKEN-SECRET"):
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def handle_error(self, request, client_address):
        pass  # clients that give up are part of the tests

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *arguments):
        self.closing.set()
        self.shutdown()
        self.server_close()
