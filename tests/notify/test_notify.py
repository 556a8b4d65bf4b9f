#!/usr/bin/env python3
"""Posting against a real HTTP server that plays Discord.

Usage: test_notify.py NOTIFY_POST [NAME…]      (names of tests; default: all)
"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

from discord_server import DiscordServer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from named_tests import check, run_tests  # pylint: disable=wrong-import-position

NOTIFY_POST = ""
TOKEN = "TOKEN-SECRET"
BODY = json.dumps({"text": "é 🎬", "n": 1}, ensure_ascii=False).encode()


def start(url, kind="webhook", timeout=5, retry=0.05, total=20, max_retries=3, **environment):
    return subprocess.Popen(
        [NOTIFY_POST, kind, url, *map(str, (timeout, retry, total, max_retries))],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, **environment})


class Outcome:
    """What a post came to. No word of it may tell the token."""

    def __init__(self, process, started):
        self.seconds = time.monotonic() - started
        out, err = process
        self.status, self.message = out.decode().split("\n")[:2]
        check(TOKEN not in out.decode() + err.decode(), "the token is told", out, err)
        check(not err, err.decode())

    def __repr__(self):
        return f"{self.status} after {self.seconds:.2f}s: {self.message}"


def post(url, body=BODY, **settings):
    started = time.monotonic()
    return Outcome(start(url, **settings).communicate(body, timeout=60), started)


def gaps(server):
    times = [request.time for request in server.requests]
    return [later - earlier for earlier, later in zip(times, times[1:])]


def check_outcome(outcome, server, status, n_requests, *words):
    check(outcome.status == status, outcome)
    check(len(server.requests) == n_requests, f"{len(server.requests)} requests", outcome)
    for word in words:
        check(word in outcome.message, f"{word!r} is not in the message", outcome)


# ---- answers that are final -------------------------------------------------------------------------

def test_posts_the_bytes():
    with DiscordServer((204, {}, "")) as server:
        outcome = post(server.url("/hook?wait=true"))
        check_outcome(outcome, server, "MDL_OK", 1)
        request = server.requests[0]
        check(request.method == "POST" and request.path == "/hook?wait=true", request.path)
        check(request.body == BODY, request.body)
        check(request.headers["Content-Type"] == "application/json", request.headers)
        check(request.headers["User-Agent"].startswith("libmedallion/"), request.headers)


def test_any_2xx_is_success():
    with DiscordServer((200, {}, '{"id": "1"}' + " " * 10_000_000)) as server:
        check_outcome(post(server.url()), server, "MDL_OK", 1)


def test_a_refusal_is_final():
    for code in (400, 401, 403, 404, 405, 413):
        with DiscordServer((code, {}, f"no {TOKEN} for you")) as server:
            check_outcome(post(server.url()), server, "MDL_E_IO", 1, f"answered HTTP {code}",
                          "http://127.0.0.1:", "/…")


def test_a_redirection_is_not_followed():
    with DiscordServer((204, {}, "")) as other:
        with DiscordServer((302, {"Location": other.url()}, "")) as server:
            check_outcome(post(server.url()), server, "MDL_E_IO", 1, "HTTP 302")
        check(not other.requests)


# ---- Discord ------------------------------------------------------------------------------------------

def embed_of(*messages):
    """What Discord gets for a run with these failures; every limit is checked by the server."""
    with DiscordServer("check") as server:
        outcome = post(server.url(), "\n".join(messages).encode(), kind="discord")
        check_outcome(outcome, server, "MDL_OK", 1)
        check(not server.faults, server.faults)
        message = json.loads(server.requests[0].body)
        check(len(message["embeds"]) == 1, message)
        return message["embeds"][0]


def test_a_failed_run():
    embed = embed_of("it broke", "and so did *this* @everyone")
    fields = {field["name"]: field["value"] for field in embed["fields"]}
    check("failed" in embed["title"] and embed["color"] == 0xE74C3C, embed)
    check(", 2 failed" in fields["Tasks"], fields)
    check(fields["model model\\_0"] == "it broke", fields)
    check(fields["model model\\_1"] == "and so did \\*this\\* \\@everyone", fields)


def test_runs_that_would_break_every_limit():
    for text in ("x", "🎬", "שלום", "`", "é_", "@everyone ", "👩‍🚀"):
        for n_models in (1, 30, 200):
            embed = embed_of(*[text * 300] * n_models)
            check(f"{n_models} failed" in str(embed["fields"]), embed)


def test_the_server_refuses_what_breaks_a_limit():
    with DiscordServer("check") as server:
        outcome = post(server.url(), json.dumps({"embeds": [{"title": "x" * 257}]}).encode())
        check_outcome(outcome, server, "MDL_E_IO", 1, "HTTP 400")
        check(len(server.faults) == 2, server.faults)


# ---- answers that are worth another try ---------------------------------------------------------------

def test_server_errors_are_tried_again_with_growing_waits():
    with DiscordServer((500, {}, ""), (502, {}, ""), (503, {}, ""), (204, {}, "")) as server:
        check_outcome(post(server.url(), retry=0.1), server, "MDL_OK", 4)
        check(all(gap >= least for gap, least in zip(gaps(server), (0.1, 0.2, 0.4))), gaps(server))


def test_server_errors_come_to_an_end():
    with DiscordServer((500, {}, "")) as server:
        check_outcome(post(server.url(), max_retries=2), server, "MDL_E_IO", 3, "HTTP 500",
                      "gave up after 3 tries")
    with DiscordServer((500, {}, "")) as server:
        check_outcome(post(server.url(), max_retries=0), server, "MDL_E_IO", 1,
                      "gave up after 1 try")


def test_a_rate_limit_is_waited_for():
    limit = json.dumps({"message": "You are being rate limited.", "retry_after": 0.6, "global": False})
    with DiscordServer((429, {}, limit), (204, {}, "")) as server:
        check_outcome(post(server.url(), retry=0.01), server, "MDL_OK", 2)
        check(0.6 <= gaps(server)[0] < 5, gaps(server))


def test_of_two_rate_limits_the_longer_counts():
    limit = json.dumps({"retry_after": 0.2})
    with DiscordServer((429, {"Retry-After": "1"}, limit), (204, {}, "")) as server:
        check_outcome(post(server.url(), retry=0.01), server, "MDL_OK", 2)
        check(gaps(server)[0] >= 1, gaps(server))


def test_a_rate_limit_that_is_no_number_is_as_any_failure():
    for text in ('{"retry_after": "soon"}', '{"retry_after": -5}', '{"retry_after"', "\x00", "[]"):
        with DiscordServer((429, {}, text), (204, {}, "")) as server:
            check_outcome(post(server.url()), server, "MDL_OK", 2)


def test_a_rate_limit_beyond_all_patience_ends_it():
    limit = json.dumps({"retry_after": 3600.5})
    with DiscordServer((429, {}, limit)) as server:
        outcome = post(server.url())
        check_outcome(outcome, server, "MDL_E_IO", 1, "HTTP 429", "wait 3600.5 seconds")
        check(outcome.seconds < 5, outcome)


# ---- servers that are not there -----------------------------------------------------------------------

def test_a_hanging_server_is_left():
    with DiscordServer("hang") as server:
        outcome = post(server.url(), timeout=0.3, max_retries=1)
        check_outcome(outcome, server, "MDL_E_IO", 2, "gave up after 2 tries")
        check(outcome.seconds < 10, outcome)


def test_all_of_it_is_bounded():
    with DiscordServer("hang") as server:
        outcome = post(server.url(), timeout=60, total=0.5, max_retries=100)
        check_outcome(outcome, server, "MDL_E_IO", 1)
        check(0.5 <= outcome.seconds < 10, outcome)


def test_a_server_that_hangs_up_is_tried_again():
    with DiscordServer("hang up", (204, {}, "")) as server:
        check_outcome(post(server.url()), server, "MDL_OK", 2)


def test_a_refused_connection_is_tried_again():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets it
        port = unused.getsockname()[1]
        outcome = post(f"http://127.0.0.1:{port}/{TOKEN}", max_retries=2)
        check(outcome.status == "MDL_E_IO", outcome)
        check("gave up after 3 tries" in outcome.message and f":{port}/…" in outcome.message, outcome)


def test_a_server_without_tls_is_final():
    with DiscordServer((204, {}, "")) as server:
        outcome = post(server.url().replace("http:", "https:"))
        check(outcome.status == "MDL_E_IO" and "tries" not in outcome.message, outcome)


def test_proxies_are_not_used_on_this_machine():
    with DiscordServer((204, {}, "")) as server:
        outcome = post(server.url(), http_proxy="http://127.0.0.1:1", all_proxy="http://127.0.0.1:1")
        check_outcome(outcome, server, "MDL_OK", 1)


# ---- URLs ---------------------------------------------------------------------------------------------

def test_other_urls_are_refused():
    for url in ("http://example.com/", "http://127.0.0.1.example.com/", "http://localhost.example.com/",
                "http://127.0.0.1@example.com/", "http://10.0.0.1/", "http://0.0.0.0/", "http://[::2]/",
                "ftp://127.0.0.1/", "file:///tmp/", "discord.com/api/", "", "https://discord.com/a b/",
                "javascript:alert(1)/", "https://x\n/"):
        outcome = post(url + TOKEN)
        check(outcome.status == "MDL_E_ARGUMENT", url, outcome)


def test_passwords_are_not_told():
    outcome = post(f"http://user:{TOKEN}@example.com/hook")
    check(outcome.status == "MDL_E_ARGUMENT" and "http://example.com/…" in outcome.message, outcome)


def test_names_of_this_machine():
    with DiscordServer((204, {}, "")) as server:
        check_outcome(post(server.url().replace("127.0.0.1", "LocalHost")), server, "MDL_OK", 1)


# ---- cancelling ---------------------------------------------------------------------------------------

def cancelled(server, **settings):
    process = start(server.url(), **settings)
    process.stdin.write(BODY)
    process.stdin.close()
    deadline = time.monotonic() + 20
    while not server.requests and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.stdout.read(), process.stderr.read()
    process.wait(20)
    return Outcome((out, err), started)


def test_a_wait_ends_when_cancelled():
    with DiscordServer((500, {}, "")) as server:
        outcome = cancelled(server, retry=15)
        check_outcome(outcome, server, "MDL_E_CANCELLED", 1)
        check(outcome.seconds < 5, outcome)


def test_a_try_ends_when_cancelled():
    with DiscordServer("hang") as server:
        outcome = cancelled(server, timeout=15)
        check_outcome(outcome, server, "MDL_E_CANCELLED", 1)
        check(outcome.seconds < 8, outcome)


if __name__ == "__main__":
    NOTIFY_POST = sys.argv[1]
    sys.exit(run_tests(globals()))
