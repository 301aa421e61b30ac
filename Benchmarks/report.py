#!/usr/bin/env python3
"""Measures what a report of a long history takes, from outside: the program and the file of deployments that it reads.

    python3 Benchmarks/report.py .build/release/sluice --facts 1000000
    python3 Benchmarks/report.py .build/release/sluice --against OLD/sluice --runs 5

A gateway makes the file, this script fills it: 9 of 10 facts are pushes of one or two commits in 40 repositories, the others
deployments to two environments, over a year. Then `sluice report deployments` reads it in every format, with and without commits, and
the seconds on the clock, those of the processor and the most memory that was resident are printed, a line a run. With --against the
two programs take turns. --running reads the file beside the gateway that has it open.

The memory of this script must stay below the program's: the system counts what a process had before it became the program, too.

--look also runs the gateway on the file and prints what its processor does: it judges all deployments once after the start, and then,
when a push comes to one repository, those of that repository's services alone.
"""

import argparse
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request

REPOSITORIES = 40
YEAR = 365 * 86_400_000
FORMATS = ["table", "json", "csv", "html"]
ARGUMENTS = [[*span, *commits, "--format", format]
             for span in ([], ["--since", "365d"]) for commits in ([], ["--commits"]) for format in FORMATS]


class Gateway:
    def __init__(self, program, directory):
        environment = {"SLUICE_DATA": directory, "BIND_ADDR": "127.0.0.1:0", "METRICS_BIND_ADDR": "127.0.0.1:0",
                       "PATH": os.environ["PATH"]}
        self.log = os.path.join(directory, "log")
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([program, "run"], env=environment, cwd=directory, stdout=subprocess.DEVNULL,
                                            stderr=log)
        try:
            self.wait()
        except BaseException:
            self.process.kill()
            raise

    def wait(self):
        deadline = time.monotonic() + 60
        while not self.is_ready():
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit("the program does not become ready: " + open(self.log).read())
            time.sleep(0.05)

    def port(self, listener):
        """As its log says."""
        found = re.findall(rf"listener={listener}.*?port=(\d+)|port=(\d+).*?listener={listener}", open(self.log).read())
        return next(filter(None, found[-1])) if found else None

    def is_ready(self):
        port = self.port("metrics")
        try:
            return port and urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz").status == 200
        except OSError:
            return False

    def cpu(self):
        fields = open(f"/proc/{self.process.pid}/stat").read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def push(self, repository, commit):
        body = {"ref": "refs/heads/main", "before": "0" * 40, "after": commit, "created": True, "deleted": False,
                "forced": False, "repository": {"name": repository.split("/")[1], "full_name": repository},
                "commits": [{"id": commit, "message": "Look", "timestamp": "2026-01-02T03:04:05Z",
                             "author": {"name": "ann"}}]}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port('webhooks')}/webhooks/github", json.dumps(body).encode(),
            {"Content-Type": "application/json", "X-GitHub-Event": "push", "X-GitHub-Delivery": "look"})
        urllib.request.urlopen(request)

    def end(self):
        self.process.terminate()
        self.process.wait()


def facts(count, start):
    """So many facts, one after the other: the table, and its row."""
    tips, commits = {}, 0
    for number in range(count):
        turn = number % REPOSITORIES
        at = start + number * YEAR // count
        repository = f"acme/service-{turn}"
        if number // REPOSITORIES % 10 == 9:
            for_production = number // REPOSITORIES % 20 == 19
            yield "deployment_facts", (
                f"d{number}", f"service-{turn}", "production" if for_production else "staging", tips[turn], at, repository)
            continue
        listed = []
        for _ in range(1 + number % 2):
            commits += 1
            # Hashes are spread as real ones are.
            commit = f"{commits * 0x9E3779B97F4A7C15 % (1 << 64):016x}{commits:024x}"
            made = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(at / 1000 - 3600))
            listed.append({"id": commit, "author": f"author {commits % 50}", "made_at": made,
                           "title": f"Change number {commits} of what the cart shows"})
        before, tips[turn] = tips.get(turn), listed[-1]["id"]
        yield "push_facts", (f"p{number}", repository, "refs/heads/main", before, tips[turn], at,
                             json.dumps(listed, separators=(",", ":")).encode())


INSERTS = {
    "push_facts": "INSERT INTO push_facts (id, repository, ref, before_id, after_id, forced, linked, complete, pushed_at, "
                  "received_at, commits) VALUES (?1, ?2, ?3, ?4, ?5, 0, 1, 1, ?6, ?6, ?7)",
    "deployment_facts": "INSERT INTO deployment_facts (id, event_id, source_id, service, environment, commit_id, finished_at, "
                        "succeeded, plausible, repository, received_at) VALUES (?1, '', ?1, ?2, ?3, ?4, ?5, 1, 1, ?6, ?5)",
}


def fill(path, count, start):
    """Inserts so many facts. Returns how many there are of each table."""
    database = sqlite3.connect(path)
    counts = dict.fromkeys(INSERTS, 0)
    for table, row in facts(count, start):
        database.execute(INSERTS[table], row)
        counts[table] += 1
    database.commit()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return counts


def report(program, directory, arguments):
    """Seconds on the clock, of the processor, and MB."""
    start = time.monotonic()
    process = subprocess.Popen([program, "report", "deployments", "--data", directory, *arguments],
                               stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"the report ended with {status}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def look(program, directory):
    """What the gateway's processor does on the file."""
    gateway = Gateway(program, directory)
    try:
        time.sleep(30)
        print(f"look  {gateway.cpu():.2f} s CPU in the first 30 s", flush=True)
        # The first look was long: the next one follows after fifty times as long at most.
        for name, pushes in [("no push", 0), ("one push", 1)]:
            before = gateway.cpu()
            for number in range(pushes):
                gateway.push("acme/service-7", f"{number + 0xabcdef:040x}")
            time.sleep(240)
            print(f"look  {gateway.cpu() - before:.2f} s CPU in 240 s with {name}", flush=True)
    finally:
        gateway.end()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--against", help="another build of it, to compare with")
    parser.add_argument("--facts", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--running", action="store_true")
    parser.add_argument("--look", action="store_true")
    options = parser.parse_args()
    # What ends this script removes what it made.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("ended by a signal"))
    directory = tempfile.mkdtemp(prefix="report-", dir=os.getcwd())
    gateway = None
    try:
        gateway = Gateway(os.path.abspath(options.program), directory)
        gateway.end()
        path = os.path.join(directory, "deployments.sqlite")
        now = int(time.time() * 1000)
        counts = fill(path, options.facts, now - YEAR)
        print(f"{counts['push_facts']:,} pushes, {counts['deployment_facts']:,} deployments, "
              f"{os.path.getsize(path) / 1e6:,.0f} MB", flush=True)
        if options.running:
            gateway = Gateway(os.path.abspath(options.program), directory)
        programs = [("old", options.against), ("new", options.program)]
        for arguments in ARGUMENTS:
            for _ in range(options.runs):
                for name, program in programs:
                    if program is None:
                        continue
                    wall, cpu, memory = report(os.path.abspath(program), directory, arguments)
                    print(f"{name}  {' '.join(arguments)}  {wall:.2f} s  {cpu:.2f} s CPU  {memory:.0f} MB", flush=True)
        if options.running:
            gateway.end()
        if options.look:
            look(os.path.abspath(options.program), directory)
    finally:
        if gateway:
            gateway.end()
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
