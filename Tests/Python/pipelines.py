"""Runs the commands of the pipelines in Examples/ci, as their runners would, on the office.

usage: pipelines.py INFRA      in the repository

Each file is first held against its forge's schema by check-jsonschema (Gitea's workflows are GitHub's). Then its commands
run in a copy of the office: all succeed, and write what the pipeline uploads; with a mistake in a manifest, a step fails
and what is uploaded is there all the same; with a machine that does not fit, the plan fails.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import junitparser
from ruamel.yaml import YAML

infra = pathlib.Path(sys.argv[1]).resolve()
PIPELINES = {
    "Examples/ci/github/infra.yml": "vendor.github-workflows",
    "Examples/ci/gitlab/gitlab-ci.yml": "vendor.gitlab-ci",
    "Examples/ci/gitea/infra.yml": "vendor.github-workflows",
}


def commands(pipeline):
    """(command, whether it runs after a failure), job by job."""
    for job in pipeline["jobs"].values() if "jobs" in pipeline else (j for j in pipeline.values() if "script" in j):
        for step in job.get("steps", []):
            if "run" in step:
                yield step["run"], step.get("if") == "always()"
        for line in job.get("script", []):
            yield line, False


def uploads(pipeline):
    text = json.dumps(pipeline)
    return [name for name in ("infra.sarif", "infra.xml") if f'"{name}"' in text]


def run(pipeline, folder):
    environment = {
        "PATH": f"{infra.parent}:/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8", "GITHUB_WORKSPACE": str(folder)
    }
    failed = []
    for command, always in commands(pipeline):
        if failed and not always:
            continue
        shell = ["bash", "-e", "-o", "pipefail", "-c", command]
        result = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True)
        if result.returncode != 0:
            failed.append((command, result.stdout + result.stderr))
    for name in uploads(pipeline):
        report = folder / name
        if name.endswith(".sarif"):
            assert json.loads(report.read_text())["version"] == "2.1.0"
        else:
            assert junitparser.JUnitXml.fromfile(str(report)).tests == 5
    return failed


def office(edits=()):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="infra-pipeline-"))
    shutil.copytree("Examples/office", folder / "office")
    shutil.copy("Examples/ci/inventory.yaml", folder)
    for old, new in edits:
        file = folder / "office/artist.yaml"
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new))
    return folder


ran = 0
for path, schema in PIPELINES.items():
    subprocess.run([sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, path], check=True)
    pipeline = YAML(typ="safe").load(pathlib.Path(path).read_text())
    ran += len(list(commands(pipeline)))
    assert uploads(pipeline), path
    for edits, reason in (
        ((), None),
        ([("memory:", "memroy:")], "office/artist.yaml"),
        ([("memory: 4GiB", "memory: 64GiB")], "error[capacity]"),
    ):
        folder = office(edits)
        failed = run(pipeline, folder)
        shutil.rmtree(folder)
        if reason is None:
            assert not failed, (path, failed)
        else:
            assert len(failed) == 1 and reason in failed[0][1], (path, edits, failed)
assert ran >= 8, ran
print(f"{len(PIPELINES)} pipelines, {ran} commands")
