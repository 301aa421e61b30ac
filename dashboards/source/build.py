#!/usr/bin/env python3
"""Writes the dashboards beside this folder. With --check it writes nothing and fails when one of them is not what it
would write."""

import json
import pathlib
import sys

sys.dont_write_bytecode = True

import deployments
import pipeline
import watermill

FOLDER = pathlib.Path(__file__).resolve().parent.parent
DASHBOARDS = {
    "watermill.json": watermill.dashboard,
    "pipeline.json": pipeline.dashboard,
    "deployments.json": deployments.dashboard,
}


def main():
    stale = []
    for name, dashboard in DASHBOARDS.items():
        text = json.dumps(dashboard().json(), indent=2, ensure_ascii=False) + "\n"
        file = FOLDER / name
        if file.exists() and file.read_text() == text:
            continue
        stale.append(name)
        if "--check" not in sys.argv[1:]:
            file.write_text(text)
    if "--check" in sys.argv[1:] and stale:
        sys.exit(f"stale: {', '.join(stale)}; run `make dashboards`")


if __name__ == "__main__":
    main()
