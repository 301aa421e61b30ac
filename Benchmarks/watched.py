#!/usr/bin/env python3
"""Measures what it costs to watch a gateway: the processor's time a webhook, with and without the status page polled every two
seconds, `sluice top` and `sluice tap`, in turn.

    Benchmarks/watched.py .build/release/sluice --pairs 10 --webhooks 20000
"""

import argparse
import multiprocessing
import os
import pty
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.request

from drain import Gateway


def push(number):
    """A webhook with one commit."""
    body = ('{"ref":"refs/heads/main","repository":{"full_name":"acme/service-%d"},"commits":[{"id":"%040x",'
            '"message":"Fix the leak","timestamp":"2026-01-02T03:04:05Z","author":{"name":"Ann"}}]}'
            % (number % 50, number)).encode()
    return (b"POST /webhooks/github HTTP/1.1\r\nHost: localhost\r\nX-GitHub-Event: push\r\nX-GitHub-Delivery: %d\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (number, len(body))) + body


def send(port, numbers, pace):
    """One connection, one webhook after the other."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        start = time.monotonic()
        for index, number in enumerate(numbers):
            connection.sendall(push(number))
            answer = connection.recv(4096)
            assert b" 202 " in answer, answer
            rest = start + index * pace - time.monotonic()
            if rest > 0:
                time.sleep(rest)


def poll(gateway, ended):
    """As the page does."""
    request = urllib.request.Request(f"http://127.0.0.1:{gateway.metrics}/status.json", headers={"Accept-Encoding": "gzip"})
    while not ended.wait(2):
        urllib.request.urlopen(request).read()


def top(program, gateway, ended):
    """In a terminal of its own, which is read."""
    child, terminal = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm"
        os.execv(program, [program, "top", "--address", f"127.0.0.1:{gateway.metrics}"])
    def read():
        try:
            while os.read(terminal, 65536):
                pass
        except OSError:
            pass
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    ended.wait()
    os.write(terminal, b"q")
    os.waitpid(child, 0)
    os.close(terminal)


def measure(program, count, connections, rate, watched):
    """Microseconds of the processor a webhook."""
    directory = tempfile.mkdtemp(prefix="watched-", dir=os.getcwd())
    gateway = Gateway(program, directory, "console", None)
    gateway.wait_until_ready()
    ended, watchers, tap = threading.Event(), [], None
    try:
        if watched:
            tap = subprocess.Popen([program, "tap"], env={"SLUICE_DATA": directory, "PATH": os.environ["PATH"]},
                                   stdout=subprocess.DEVNULL)
            watchers = [threading.Thread(target=poll, args=(gateway, ended)),
                        threading.Thread(target=top, args=(program, gateway, ended))]
            for watcher in watchers:
                watcher.start()
            time.sleep(2)
        port, cpu, start = int(gateway.port("webhooks")), gateway.cpu(), time.monotonic()
        senders = [multiprocessing.Process(
            target=send, args=(port, range(first, count, connections), connections / rate))
            for first in range(connections)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
            assert sender.exitcode == 0
        while any(gateway.handled(gateway.page(), route) < count for route in ["log-to-console", "log-to-metrics"]):
            time.sleep(0.2)
        return (gateway.cpu() - cpu) / count * 1e6, count / (time.monotonic() - start)
    finally:
        ended.set()
        for watcher in watchers:
            watcher.join()
        if tap:
            tap.terminate()
            tap.wait()
        gateway.end()
        shutil.rmtree(directory)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--webhooks", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rate", type=float, default=2_000, help="webhooks a second at most")
    options = parser.parse_args()
    program = os.path.abspath(options.program)
    ratios = []
    for pair in range(options.pairs):
        figures = {}
        # In turn, so that neither has the better place.
        for watched in ([False, True] if pair % 2 == 0 else [True, False]):
            figures[watched] = measure(program, options.webhooks, options.connections, options.rate, watched)
        ratios.append(figures[True][0] / figures[False][0])
        print(f"alone {figures[False][0]:.1f} µs a webhook at {figures[False][1]:,.0f}/s, "
              f"watched {figures[True][0]:.1f} µs at {figures[True][1]:,.0f}/s, {ratios[-1]:.3f}", flush=True)
    print(f"median of {len(ratios)}: {statistics.median(ratios):.3f}")


if __name__ == "__main__":
    main()
