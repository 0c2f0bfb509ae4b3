"""Holds `Schemas/` against `infra validate`, on the examples and on mutants of them.

usage: schemas.py INFRA WORK [SEED [COUNT]]      in the repository; WORK is a new folder for the mutants

Validators that are not ours: jsonschema for every document, check-jsonschema for every mutated one. They and `infra`
agree: what a schema refuses, `infra` refuses; what `infra` refuses with a code of the class `document`, a schema
refuses. Beyond that only `infra` knows; ONLY_OURS lists by code what, and EXCEPTIONS where a code is of both sorts.
"""

import copy
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys

import jsonschema
from ruamel.yaml import YAML

infra, work = sys.argv[1], pathlib.Path(sys.argv[2])
seed = int(sys.argv[3]) if len(sys.argv) > 3 else random.randrange(10**9)
count = int(sys.argv[4]) if len(sys.argv) > 4 else 500
print(f"schemas.py: SEED={seed} COUNT={count}", flush=True)
dice = random.Random(seed)

# What no schema can know, by code; Docs/ci.md lists them for users.
ONLY_OURS = {
    # one document, beyond JSON Schema
    *("clone-format", "cpu-count", "duplicate", "ignored-field", "mtu", "security-rule", "size"),
    *("url-address", "write-files"),
    # the whole fleet
    *("address-gateway", "address-outside", "address-reserved", "address-server", "address-used", "address-without-subnet"),
    *("dhcp-evpn", "dhcp-ipv6", "dhcp-server", "evpn", "server-outside"),
    *("boot-order", "empty-fleet", "gateway-outside", "group-without-address", "host-twice", "image-file", "image-format", "link-name", "local-twice"),
    *("mac-used", "many-fleets", "no-fleet", "no-underlay", "nothing-to-boot", "pool-elsewhere", "pool-leases", "pool-nested"),
    *("export-used", "extent-size", "group-images", "group-used", "group-uuid", "logical-unit", "logical-volume", "lun-used", "pool-shared", "target-manager", "vlan-link", "vlan-used"),
    *("pool-path", "secret", "snapshot-of-nothing", "underlay-mixed", "underlay-used", "unknown-reference", "vni-used", "volume-shared", "volume-source"),
}
# A schema cannot compare two values, has no arithmetic for addresses and reads no base64: a code, and words of its message.
EXCEPTIONS = {
    ("conflict", "mtu"),
    *(("value", words) for words in ("is not an address", "is not a block of addresses", "is not a host's public key")),
    ("value", "is not the address of an image"),
    ("value", "is not a moment"),
}

EXAMPLES = ["Examples/office", "Examples/racks", "Examples/iscsi", "Tests/Cases/every-field", "Tests/Cases/good/grammar/manifests"]


def documents(folder):
    for file in sorted(pathlib.Path(folder).rglob("*.y*ml")):
        yield from (document for document in YAML(typ="safe").load_all(file.read_text()) if document is not None)


def validate(folders):
    run = subprocess.run([infra, "validate", "--format", "json", *map(str, folders)], capture_output=True, check=False)
    assert run.returncode in (0, 1), run
    told = json.loads(run.stdout)
    return {fleet["path"]: fleet["valid"] for fleet in told["fleets"]}, told["diagnostics"]


schemas = {path.name: json.loads(path.read_text()) for path in sorted(pathlib.Path("Schemas").glob("*.json"))}
for name, schema in schemas.items():
    jsonschema.Draft202012Validator.check_schema(schema)
whole = jsonschema.Draft202012Validator(schemas["infra-v1.schema.json"])
by_kind = {
    name.split(".")[1]: jsonschema.Draft202012Validator(schema)
    for name, schema in schemas.items()
    if name != "infra-v1.schema.json"
}


def is_accepted(document):
    accepted = whole.is_valid(document)
    kind = document.get("kind") if isinstance(document, dict) else None
    if isinstance(kind, str) and kind in by_kind:
        assert by_kind[kind].is_valid(document) == accepted, f"two schemas differ about {document}"
    return accepted


# Every field has a description; patterns, defaults and examples hold for their own schema.
def walk(schema):
    if isinstance(schema, dict):
        for name, field in schema.get("properties", {}).items():
            if isinstance(field, dict) and "type" in field | {"type": field.get("const", field.get("enum", field.get("oneOf")))}:
                yield name, field
        for value in schema.values():
            yield from walk(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from walk(value)


fields = 0
for name, field in walk(schemas["infra-v1.schema.json"]["$defs"]):
    if not {"type", "const", "oneOf", "enum"} & field.keys():
        continue  # a part of a condition
    fields += 1
    assert field.get("description", "").endswith("."), f"{name} has no description"
    judge = jsonschema.Draft202012Validator(field)
    for value in [*field.get("examples", []), *([field["default"]] if "default" in field else [])]:
        assert judge.is_valid(value), f"{name}: {value} is not what its own schema takes"
assert fields > 80, fields

# The list above is the program's own.
log = json.loads(subprocess.run([infra, "validate", "--format", "sarif", EXAMPLES[0]], capture_output=True).stdout)
classes = {rule["id"]: rule["properties"]["tags"][0] for rule in log["runs"][0]["tool"]["driver"]["rules"]}
assert ONLY_OURS == {code for code, kind in classes.items() if kind in ("rule", "fleet")}, ONLY_OURS ^ set(classes)
docs = pathlib.Path("Docs/ci.md").read_text()
missing = [code for code in ONLY_OURS if f"`{code}`" not in docs]
assert not missing, f"Docs/ci.md does not list {missing}"

# Good ones
valid, told = validate(EXAMPLES)
assert all(valid.values()), told
bases = [list(documents(folder)) for folder in EXAMPLES]
for base in bases:
    for document in base:
        whole.validate(document)
        assert is_accepted(document)


# Mutants
def places(value, path=()):
    """Every value in a document but the root, with the way to it. What userData holds is anyone's."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        if key != "userData":
            yield (*path, key)
            yield from places(child, (*path, key))


def misspelled(word):
    at = dice.randrange(len(word))
    return dice.choice([word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:], word[:at] + "x" + word[at:], word.title()])


def mutate(document):
    path = dice.choice(list(places(document)))
    holder = document
    for key in path[:-1]:
        holder = holder[key]
    key = path[-1]
    how = dice.choice(["drop", "retype", "misspell", "value"])
    if how == "misspell" and isinstance(key, str):
        items = [(misspelled(k) if k == key else k, v) for k, v in holder.items()]
        holder.clear()
        holder.update(items)
    elif how == "value" and isinstance(holder[key], str) and holder[key]:
        holder[key] = misspelled(holder[key])
    elif how == "value" and isinstance(holder[key], int):
        holder[key] = dice.choice([-1, 0, 1, holder[key] + 1, 10**7, 10**12])
    elif how == "drop":
        del holder[key]
    else:
        choices = [None, True, 7, 1.5, "word", "", [], ["word"], [7], {}, {"word": 1}]
        holder[key] = dice.choice([c for c in choices if type(c) is not type(holder[key])])
    return f"{how} {'.'.join(map(str, path))}"


shutil.rmtree(work, ignore_errors=True)
mutants = {}
for number in range(count):
    base = copy.deepcopy(dice.choice(bases))
    document = dice.choice(base)
    what = mutate(document)
    folder = work / f"m{number:04}"
    folder.mkdir(parents=True)
    # JSON is YAML, and says of every scalar whether it is a text.
    text = "".join(f"---\n{json.dumps(one)}\n" for one in base)
    (folder / "fleet.yaml").write_text(text)
    (work / f"m{number:04}.yaml").write_text(json.dumps(document) + "\n")
    mutants[str(folder)] = (what, document, number)

valid, told = validate(mutants)
codes = {}
for one in told:
    codes.setdefault(one["fleet"], []).append(one)

run = subprocess.run(
    [
        *(sys.executable, "-m", "check_jsonschema", "--schemafile", "Schemas/infra-v1.schema.json", "--output-format"),
        *("json", *(f"{folder}.yaml" for folder in mutants)),
    ],
    capture_output=True,
)
assert run.returncode in (0, 1), run.stderr
checked = json.loads(run.stdout)
assert not checked.get("parse_errors"), checked["parse_errors"][:3]
refused = {error["filename"] for error in checked["errors"]}

tally = {}
for folder, (what, document, number) in mutants.items():
    accepted, ours = is_accepted(document), codes.get(folder, [])
    where = f"SEED={seed} m{number:04} ({what}): {json.dumps(document)}\n  ours: {[(o['code'], o['message']) for o in ours]}"
    assert accepted == (f"{folder}.yaml" not in refused), f"jsonschema and check-jsonschema differ: {where}"
    assert accepted or not valid[folder], f"refused by the schema only: {where}\n  {list(whole.iter_errors(document))[:2]}"
    known = [one for one in ours if classes[one["code"]] in ("document", "text")]
    known = [one for one in known if not any(one["code"] == c and words in one["message"] for c, words in EXCEPTIONS)]
    assert not (accepted and known), f"accepted by the schema: {where}"
    kind = "refused by both" if not accepted else "accepted by both" if valid[folder] else "only ours knows"
    tally[kind] = tally.get(kind, 0) + 1
    if kind == "only ours knows":
        for code in {one["code"] for one in ours}:
            tally[code] = tally.get(code, 0) + 1
assert tally.get("refused by both", 0) > count // 3, tally
print(f"{fields} fields, {sum(map(len, bases))} example documents, {len(mutants)} mutants: {tally}")
