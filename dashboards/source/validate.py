"""Validates a dashboard against Grafana's JSON Schemas: the whole, each panel's options and custom fields by the panel's type,
and each query.

usage: validate.py DIRECTORY FILE        Prints what is wrong and ends with 1 when something is."""

import json
import pathlib
import sys

import jsonschema

FILES = {"annolist": "annotationslist", "dashlist": "dashboardlist", "state-timeline": "statetimeline",
         "status-history": "statushistory"}

schemas = pathlib.Path(sys.argv[1])
dashboard = json.loads(pathlib.Path(sys.argv[2]).read_text())
problems = []


def check(value, schema, place):
    for error in jsonschema.Draft7Validator(schema).iter_errors(value):
        problems.append(f"{place}{''.join(f'[{part}]' for part in error.absolute_path)}: {error.message[:300]}")


def schema_of(kind):
    return json.loads((schemas / f"{FILES.get(kind, kind)}.jsonschema.json").read_text())


def part_of(schema, name):
    return {"$ref": f"#/definitions/{name}", "definitions": schema["definitions"]}


check(dashboard, schema_of("dashboard"), "dashboard")
for row in dashboard["panels"]:
    for panel in [row] + row.get("panels", []):
        if panel["type"] == "row":
            continue
        place = f"“{panel.get('title')}”"
        schema = schema_of(panel["type"])
        check(panel.get("options", {}), part_of(schema, "Options"), f"{place} options")
        if "FieldConfig" in schema["definitions"]:
            custom = panel["fieldConfig"]["defaults"].get("custom", {})
            check(custom, part_of(schema, "FieldConfig"), f"{place} custom")
        for target in panel.get("targets", []):
            check(target, schema_of("prometheus"), f"{place} {target.get('refId')}")

print("\n".join(problems))
sys.exit(1 if problems else 0)
