"""What a user of the index, the code host and its tools meets: metadata, links, forms, workflows."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib

import pytest
import yaml
from pages import ROOT

import lstm_ref
from lstm_ref.site import SITE

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REPOSITORY = PROJECT["urls"]["Repository"]


def test_the_version_is_one_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert PROJECT["version"] == lstm_ref.__version__ == cited["version"]
    assert re.search(rf"^## {re.escape(PROJECT['version'])}( |$)", (ROOT / "CHANGELOG.md").read_text(), re.M)


def test_the_links_of_the_long_description_work_on_the_index():
    """There, a relative link leads nowhere: each is one to the repository, at the file of this version."""
    pytest.importorskip("hatch_fancy_pypi_readme")
    command = [sys.executable, "-m", "hatch_fancy_pypi_readme", "pyproject.toml"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = re.findall(r"\]\((\S+?)\)", text)
    assert len(targets) > 15
    for target in targets:
        assert target.startswith("https://"), target
        if file := re.fullmatch(rf"{REPOSITORY}/blob/v[\d.]+/([^#]+)(?:#.*)?", target):
            assert (ROOT / file[1]).exists(), target


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md", "SECURITY.md", "CONTRIBUTING.md", "docs/README.md"])
def test_a_relative_link_leads_to_a_file_and_a_heading(page):
    for target in re.findall(r"\]\((?!https?://)(\S+?)\)", (ROOT / page).read_text()):
        name, _, anchor = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)", path.read_text(), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}, target


def test_every_place_names_the_same_repository():
    """`project.urls` says where it is; no workflow, form, page or line of code says otherwise."""
    owner, name = REPOSITORY.removeprefix("https://github.com/").split("/")
    assert PROJECT["urls"]["Documentation"] == SITE == f"https://{owner}.github.io/{name}/"
    naming = set()
    for path in written():
        text = path.read_text(errors="ignore")
        found = {
            *re.findall(r"github\.com/([\w-]+/lstm_ref)\b", text),
            *re.findall(r"uses: ([\w-]+/lstm_ref)@", text),
            *(f"{o}/{n}" for o, n in re.findall(r"https://([\w-]+)\.github\.io/(lstm_ref)\b", text)),
        }
        assert found <= {f"{owner}/{name}"}, path
        naming |= {path.name} if found else set()
    assert {"README.md", "README.zh-CN.md", "ci.md", "conf.py", "SECURITY.md", "config.yml", "CITATION.cff"} <= naming


def written():
    """The files of the repository in which somebody may have written an address."""
    kinds = {".cff", ".ipynb", ".jinja", ".json", ".md", ".py", ".toml", ".yaml", ".yml"}
    folders = (".github", "docs", "lstm_ref", "examples", "derivations")
    for path in [*ROOT.iterdir(), *(p for folder in folders for p in (ROOT / folder).rglob("*"))]:
        if path.suffix in kinds and "_build" not in path.parts:
            yield path


def test_the_python_versions_are_those_that_ci_tests():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    tested = {row["python"] for row in workflow["jobs"]["core"]["strategy"]["matrix"]["include"]}
    claimed = set(re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"])))
    assert claimed == tested
    assert PROJECT["requires-python"] == f">={min(claimed, key=lambda v: int(v[2:]))}"


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda p: p.stem)
def test_an_issue_form_is_one(path):
    form = yaml.safe_load(path.read_text())
    if path.stem == "config":
        assert all({"name", "url", "about"} == set(link) for link in form["contact_links"])
        return
    assert {"name", "description", "body"} <= set(form)
    ids = [field["id"] for field in form["body"]]
    assert len(set(ids)) == len(ids)
    assert all(f["type"] in {"dropdown", "input", "textarea"} and f["attributes"]["label"] for f in form["body"])


def test_a_release_is_tried_before_it_is_published_and_stores_no_password():
    text = (ROOT / ".github" / "workflows" / "release.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"]
    assert any(step.get("run") == "bash .ci/wheel dist" for step in jobs["build"]["steps"])
    assert jobs["publish"]["needs"] == "build"
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert "secrets." not in text
    wheel = (ROOT / ".ci" / "wheel").read_text()
    assert "check --strict" in wheel
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "wheel")], check=True)


def test_the_action_is_named_by_a_tag_that_a_release_moves():
    assert "uses: lstm-ref/lstm_ref@v0" in (ROOT / "docs" / "ci.md").read_text()
    steps = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]["line"]["steps"]
    script = steps[-1]["run"].splitlines()[0] + '; echo "$line"'
    done = subprocess.run(
        ["bash", "-c", script], env={"GITHUB_REF_NAME": "v0.2.0"}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "v0\n"
