#!/usr/bin/env python3
"""Measures how fast a gateway takes events from its log, from outside: the program, its files, its metrics page.

    Benchmarks/drain.py .build/release/sluice --against OLD/sluice --sinks console http --pairs 3

Each run fills a new data directory with events, runs the program on it, and prints messages a second and the processor's time a
message: of the route to the sink, and of the route log-to-metrics. With --against the two programs take turns, and the
medians of the ratios are printed. The sink `console` writes to a file; `http` asks a server here, which answers at once, one
event after the other. Compare figures of one call only.
"""

import argparse
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request


def events(count):
    """One push and two deployments for each commit."""
    for number in range(count):
        commit = f"{number // 3:040x}"
        repository = f"acme/service-{number // 3 % 50}"
        at = f"2026-01-02T{number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d}Z"
        if number % 3 == 0:
            kind = "commitPushed"
            payload = {"id": commit, "message": "Fix the leak\n\nIt was small.", "author": "Ann Onym", "occurred_on": at,
                       "repository": repository, "ref": "refs/heads/main",
                       "url": f"https://github.com/{repository}/commit/{commit}"}
        else:
            kind = "commitDeployed"
            payload = {"id": commit, "env": "staging" if number % 3 == 1 else "production", "occurred_on": at,
                       "service": repository.split("/")[1], "repository": repository}
        yield json.dumps({"payload": json.dumps(payload, separators=(",", ":")), "key": repository,
                          "metadata": {"event_type": kind, "repository": repository}}) + "\n"


class InstantServer(threading.Thread):
    """Answers every request at once, over one connection a thread, and as Grafana does: it knows no annotation and takes each."""

    def __init__(self, status=b"200 OK"):
        super().__init__(daemon=True)
        self.status = status
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.start()

    def run(self):
        while True:
            connection, _ = self.socket.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        answers = {start: b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (self.status, len(body), body)
                   for start, body in [(b"GET", b"[]"), (b"POS", b'{"id":1,"message":"Annotation added"}')]}
        buffer = b""
        with connection:
            while True:
                while b"\r\n\r\n" not in buffer:
                    data = connection.recv(65536)
                    if not data:
                        return
                    buffer += data
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: *(\d+)", head)
                rest = int(length.group(1)) if length else 0
                while len(buffer) < rest:
                    buffer += connection.recv(65536)
                buffer = buffer[rest:]
                connection.sendall(answers.get(head[:3], answers[b"POS"]))


class Gateway:
    def __init__(self, program, directory, sink, server):
        environment = {"PATH": os.environ["PATH"], "SLUICE_DATA": directory, "BIND_ADDR": "127.0.0.1:0",
                       "METRICS_BIND_ADDR": "127.0.0.1:0", "LOG_LEVEL": "info"}
        arguments = [program, "run"]
        if sink == "http":
            file = os.path.join(directory, "sluice.yaml")
            with open(file, "w") as out:
                out.write("sources: {deploys: {kind: deployments}}\n"
                          f"sinks: {{http: {{kind: http, url: 'http://127.0.0.1:{server.port}/', ordering: serial}}}}\n")
            arguments += ["--config", file]
        self.log = open(os.path.join(directory, "log"), "a+")
        self.lines = open(os.path.join(directory, "lines"), "a")
        self.process = subprocess.Popen(arguments, env=environment, stdout=self.lines, stderr=self.log)
        self.metrics = None
        deadline = time.monotonic() + 60
        while self.metrics is None:
            self.metrics = self.port("metrics")
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the program does not begin: {open(self.log.name).read()}")
            time.sleep(0.01)

    def port(self, listener):
        """As its log says."""
        text = open(self.log.name).read()
        found = re.findall(rf"listener={listener}.*?port=(\d+)|port=(\d+).*?listener={listener}", text)
        return next(filter(None, found[-1])) if found else None

    def page(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics") as answer:
            return answer.read().decode()

    def handled(self, page, route):
        found = re.findall(rf'sluice_deliveries_total{{handler_name="{route}",outcome="\w+"}} ([0-9.e+]+)', page)
        return sum(map(float, found))

    def wait_until_ready(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/readyz")
                return
            except OSError:
                if time.monotonic() > deadline:
                    sys.exit("the program does not become ready")
                time.sleep(0.05)

    def cpu(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        self.process.terminate()
        self.process.wait()


def measure(program, sink, count, seconds, server, file):
    """How many messages a second each route takes, and the processor's seconds of the whole."""
    directory = tempfile.mkdtemp(prefix="drain-", dir=os.getcwd())
    try:
        first = Gateway(program, directory, sink, server)
        first.wait_until_ready()
        first.end()
        # The first start gave the readers their places, before these events.
        with open(file) as lines:
            subprocess.run([program, "publish", "--to", f"sqlite:{directory}", "--format", "json",
                            "events"], stdin=lines, check=True, stderr=subprocess.DEVNULL)
        os.truncate(os.path.join(directory, "log"), 0)
        gateway = Gateway(program, directory, sink, server)
        routes = {f"log-to-{sink}": [], "log-to-metrics": []}
        end = time.monotonic() + seconds
        samples = []
        while time.monotonic() < end:
            page, now, cpu = gateway.page(), time.monotonic(), gateway.cpu()
            figures = {route: gateway.handled(page, route) for route in routes}
            samples.append((now, cpu, figures))
            for route, figure in figures.items():
                if 0 < figure and (not routes[route] or routes[route][-1][1] < figure):
                    routes[route].append((now, figure))
            if all(figure >= count for figure in figures.values()):
                break
            time.sleep(0.1)
        cpu = samples[-1][1] - samples[0][1]
        lost = re.search(r"^sluice_journal_dropped_total (\S+)", page, re.M)
        gateway.end()
        result = {}
        for route, points in routes.items():
            (start, first_count), (stop, last_count) = points[0], points[-1]
            result[route] = (last_count - first_count) / max(stop - start, 1e-3)
        return result, cpu / (sum(figures.values()) / 2), float(lost.group(1)) if lost else 0
    finally:
        shutil.rmtree(directory)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--against", help="another build of it, to compare with")
    parser.add_argument("--sinks", nargs="+", choices=["console", "http"], default=["console", "http"])
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=15, help="how long a run may take at most")
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    server = InstantServer()
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", dir=os.getcwd()) as file:
        file.writelines(events(options.events))
        file.flush()
        for sink in options.sinks:
            ratios = {}
            for _ in range(options.pairs):
                figures = {}
                for name, program in [("old", options.against), ("new", options.program)]:
                    if program is None:
                        continue
                    rates, cpu, lost = measure(
                        os.path.abspath(program), sink, options.events, options.seconds, server, file.name)
                    figures[name] = rates
                    print(f"{name}  " + "  ".join(f"{route} {rate:,.0f}/s" for route, rate in rates.items())
                          + f"  {cpu * 1e6:.1f} µs CPU an event  {lost:.0f} rows of the journal lost", flush=True)
                if "old" in figures:
                    for route in figures["new"]:
                        ratios.setdefault(route, []).append(figures["new"][route] / figures["old"][route])
            for route, values in ratios.items():
                print(f"new ÷ old  {route}  {statistics.median(values):.2f}", flush=True)


if __name__ == "__main__":
    main()
