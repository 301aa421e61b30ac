#!/usr/bin/env python3
"""Measures the program from outside: its start, its memory, and what a webhook costs its processor.

    Benchmarks/program.py .build/release/sluice
    Benchmarks/program.py .build/release/sluice --against OLD/sluice --runs 5

The gateway has its embedded log and one sink, Grafana, which a server here is that answers at once. Printed are, a line a run: the
milliseconds from the start to the first 200 of /readyz, the resident memory after three idle seconds, the processor's time a
webhook at a rate over one connection, and how many messages a second `sluice publish --format json` puts into the log.
With --against the two programs take turns. The medians are printed beside what is wanted; CHECK=1 takes five runs, and ends with 1
where a median of the program misses by more than a fifth. Compare figures of one call only.

With --backlog the gateway first gets so many events that Grafana does not take. Then it is measured how long a webhook and a look at
/readyz take, and how fast events are delivered, each beside a gateway without a backlog.
"""

import argparse
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from drain import InstantServer, events
from watched import send


# What is wanted: figure, words, bound, and whether it is the least.
GOALS = [("start", "ms from the start to ready", 60, False), ("resident", "MiB resident when idle", 30, False),
         ("webhook", "µs of the processor a webhook", 400, False),
         ("publish", "messages/s of sluice publish --format json", 150_000, True)]
TOLERANCE = 0.2


def environment(directory, server):
    return {"PATH": os.environ["PATH"], "SLUICE_DATA": directory, "BIND_ADDR": "127.0.0.1:0",
            "METRICS_BIND_ADDR": "127.0.0.1:0", "GRAFANA_URL": f"http://127.0.0.1:{server.port}",
            "GRAFANA_TOKEN": "token", "LOG_LEVEL": "info"}


class Program:
    """Started, and asked over a bare socket: a library's start would be measured too."""

    def __init__(self, program, directory, server):
        self.log = os.path.join(directory, "log")
        start = time.monotonic()
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([program, "run"], env=environment(directory, server), stdout=log, stderr=log)
        while not self.is_ready():
            if time.monotonic() - start > 60 or self.process.poll() is not None:
                raise SystemExit(f"the program does not become ready: {open(self.log).read()}")
            time.sleep(0.001)
        self.start = time.monotonic() - start

    def port(self, listener):
        found = re.findall(rf"listener={listener}.*?port=(\d+)|port=(\d+).*?listener={listener}", open(self.log).read())
        return int(next(filter(None, found[-1]))) if found else None

    def is_ready(self):
        port = self.port("metrics")
        return port is not None and self.get(port, "/readyz").startswith(b"HTTP/1.1 200")

    def get(self, port, path):
        try:
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                answer = b""
                while data := connection.recv(65536):
                    answer += data
                return answer
        except OSError:
            return b""

    def resident(self):
        return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{self.process.pid}/status").read()).group(1)) / 1024

    def cpu(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def delivered(self, sink=r"\w+"):
        page = self.get(self.port("metrics"), "/metrics").decode()
        return sum(float(count) for count in re.findall(
            rf'sluice_deliveries_total\{{handler_name="log-to-{sink}",outcome="acked"\}} ([0-9.e+]+)', page))

    def end(self):
        self.process.terminate()
        self.process.wait()


def measure(program, options, server, file):
    directory = tempfile.mkdtemp(prefix="program-")
    try:
        # The first start makes the files.
        Program(program, directory, server).end()
        gateway = Program(program, directory, server)
        time.sleep(3)
        figures = {"start": gateway.start * 1e3, "resident": gateway.resident()}
        cpu = gateway.cpu()
        send(gateway.port("webhooks"), range(options.webhooks), 1 / options.rate)
        # One to Grafana, one to the counters of deployments.
        deadline = time.monotonic() + 60
        while gateway.delivered() < 2 * options.webhooks and time.monotonic() < deadline:
            time.sleep(0.05)
        figures["webhook"] = (gateway.cpu() - cpu) / options.webhooks * 1e6
        figures["under load"] = gateway.resident()
        gateway.end()
        with tempfile.TemporaryDirectory(prefix="program-") as log, open(file) as lines:
            start = time.monotonic()
            subprocess.run([program, "publish", "--to", f"sqlite:{log}", "--format", "json", "events"], stdin=lines,
                           check=True, stderr=subprocess.DEVNULL)
            figures["publish"] = options.events / (time.monotonic() - start)
        return figures
    finally:
        shutil.rmtree(directory)


def line(name, figures):
    return (f"{name}: ready after {figures['start']:.0f} ms, {figures['resident']:.1f} MiB idle and "
            f"{figures['under load']:.1f} MiB after load, {figures['webhook']:.0f} µs a webhook, "
            f"{figures['publish']:,.0f} messages/s published")


def compare(figures):
    """Prints a table; whether all is near what is wanted."""
    print("\n| the program | median | wanted | |\n|---|---|---|---|")
    is_near = True
    for name, words, bound, is_least in GOALS:
        miss = 1 - figures[name] / bound if is_least else figures[name] / bound - 1
        is_near = is_near and miss <= TOLERANCE
        print(f"| {words} | {figures[name]:,.0f} | {'≥' if is_least else '≤'} {bound:,} "
              f"| {f'missed by {100 * miss:.0f} %' if miss > 0 else ''} |")
    return is_near


def look(gateway, path):
    start = time.monotonic()
    assert gateway.get(gateway.port("metrics"), path).startswith(b"HTTP/1.1 200"), path
    return (time.monotonic() - start) * 1e3


def measure_backlog(program, options, server, count):
    """The medians, with so many events waiting."""
    directory = tempfile.mkdtemp(prefix="program-", dir=os.getcwd())
    away = InstantServer(status=b"503 Service Unavailable")
    try:
        # Grafana's position comes before the events.
        Program(program, directory, away).end()
        if count:
            publish = subprocess.Popen([program, "publish", "--to", f"sqlite:{directory}", "--format", "json", "events"],
                                       stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            publish.stdin.writelines(events(count))
            publish.stdin.close()
            assert publish.wait() == 0
        gateway = Program(program, directory, away)
        figures = {"start": gateway.start * 1e3}
        figures["webhook"] = statistics.median(
            send_one(gateway.port("webhooks"), number) for number in range(200))
        figures["readyz"] = statistics.median(look(gateway, "/readyz") for _ in range(200))
        gateway.end()
        gateway = Program(program, directory, server)
        before, start = gateway.delivered("grafana"), time.monotonic()
        time.sleep(5)
        figures["delivered"] = (gateway.delivered("grafana") - before) / (time.monotonic() - start)
        gateway.end()
        return figures
    finally:
        shutil.rmtree(directory)


def send_one(port, number):
    start = time.monotonic()
    send(port, [number], 0)
    return (time.monotonic() - start) * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--against", help="another program to take turns with")
    parser.add_argument("--runs", type=int, default=5 if os.environ.get("CHECK") == "1" else 1)
    parser.add_argument("--rate", type=float, default=230, help="webhooks a second")
    parser.add_argument("--webhooks", type=int, default=2_300)
    parser.add_argument("--events", type=int, default=300_000)
    parser.add_argument("--backlog", type=int, help="how many events wait")
    options = parser.parse_args()
    server = InstantServer()
    if options.backlog:
        for count in [20_000, options.backlog]:
            figures = measure_backlog(os.path.abspath(options.program), options, server, count)
            print(f"{count:,} events wait: ready after {figures['start']:.0f} ms, a webhook takes {figures['webhook']:.2f} ms, "
                  f"/readyz {figures['readyz']:.2f} ms, {figures['delivered']:,.0f} events/s delivered", flush=True)
        return
    programs = {"the program": os.path.abspath(options.program)}
    if options.against:
        programs["the other"] = os.path.abspath(options.against)
    runs = {name: [] for name in programs}
    with tempfile.NamedTemporaryFile("w", prefix="program-") as file:
        file.writelines(events(options.events))
        file.flush()
        for _ in range(options.runs):
            for name, program in programs.items():
                runs[name].append(measure(program, options, server, file.name))
                print(line(name, runs[name][-1]), flush=True)
    medians = {name: {key: statistics.median(run[key] for run in own) for key in own[0]} for name, own in runs.items()}
    if options.against:
        print(line("median of the other", medians["the other"]))
    if not compare(medians["the program"]) and os.environ.get("CHECK") == "1":
        sys.exit(1)


if __name__ == "__main__":
    main()
