"""The documentation says what the code says."""

from __future__ import annotations

import argparse
import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import botocore.session
import pytest
import yaml
from pages import DOCS, PAGES, ROOT, blocks, commands, name

from local_healthomics.cli import main as server
from snakemake_executor_omics.cli import main as plugin
from snakemake_executor_omics.settings.declared import ExecutorSettings

SETTINGS = DOCS / "settings.md"

HEAD = """# Settings

Every setting is a command line option, and a key of a profile without the two dashes. Those with
an environment variable can be given there too. `snakemake --help` has them with the same words.

```yaml
executor: omics
jobs: 1000
omics-role-arn: arn:aws:iam::123456789012:role/HealthOmicsRun
omics-output-uri: s3://my-bucket/my-project
omics-region: us-east-1
omics-run-group-max-cpus: 500             # the ones that most projects touch,
omics-include: ["scripts/*.py"]           # several values are a list,
omics-environments: "off"                 # and on and off want quotes, in YAML
```

`examples/cohort/profiles` names every one of them, with a word on when.

| option | value | environment variable | what it is |
|---|---|---|---|
"""


def _table() -> str:
    rows = []
    for setting in fields(ExecutorSettings):
        variable = (
            f"`SNAKEMAKE_OMICS_{setting.name.upper()}`" if setting.metadata["env_var"] else ""
        )
        name = setting.name.replace("_", "-")
        cells = (
            setting.metadata["metavar"].replace("|", " or "),
            variable,
            setting.metadata["help"],
        )
        texts = " | ".join(cell.replace("|", "\\|") for cell in cells)
        rows.append(f"| `--omics-{name}` | {texts} |\n")
    return HEAD + "".join(rows)


def test_the_settings_page_lists_every_setting(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        SETTINGS.write_text(_table())
    assert SETTINGS.read_text() == _table()


def test_the_operations_page_has_a_line_for_every_operation_of_the_model() -> None:
    page = (DOCS / "operations.md").read_text()
    named = re.findall(r"^\| ([A-Z][a-z]\w+) \|", page, re.MULTILINE)
    model = botocore.session.get_session().get_service_model("omics")
    assert Counter(named) == Counter(model.operation_names)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text())
    ours = [link for link in links if not link.startswith(("http://", "https://"))]
    assert [link for link in ours if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_options_that_a_page_names_exist(page: Path) -> None:
    known = {setting.name for setting in fields(ExecutorSettings)}
    named = re.findall(r"(?:--|\n#? ?)omics-([a-z][a-z-]*[a-z])(?![\w-]*-…)", page.read_text())
    assert {name.replace("-", "_") for name in named} <= known


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_page_installs_the_package_from_an_index(page: Path) -> None:
    """It is on none: it is installed from a clone."""
    for line in page.read_text().splitlines():
        assert not re.search(r"pip install .*\bsnakemake-executor-plugin-omics(?!.*@ )", line), line


@pytest.mark.parametrize("package", ["snakemake_executor_omics", "local_healthomics"])
def test_the_picture_of_the_architecture_has_every_folder(package: str) -> None:
    page = (DOCS / "architecture.md").read_text()
    folders = {path.parent.name for path in (ROOT / package).glob("*/__init__.py")}
    assert {folder for folder in folders if f"{folder}/" not in page} == set()


def test_the_files_that_the_architecture_names_exist() -> None:
    named = set(re.findall(r"`((?:\w+/)*\w+\.py)`", (DOCS / "architecture.md").read_text()))
    packages = [ROOT, ROOT / "snakemake_executor_omics", ROOT / "local_healthomics"]
    places = [*packages, *(folder for package in packages[1:] for folder in package.iterdir())]
    assert {name for name in named if not any((at / name).exists() for at in places)} == set()


def test_contributing_names_every_folder() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    kept = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
    made = {"build", "dist"} | {path.name for path in ROOT.glob("*.egg-info")}
    assert {name for name in kept - made - {"docs"} if f"{name}/" not in page} == set()


def test_the_first_commands_of_the_readme_stay() -> None:
    """People have them in their notes."""
    commands = re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert commands[0].splitlines() == [
        "python3 -m venv .venv && . .venv/bin/activate && pip install '.[local,quickstart]'",
        "cd examples/quickstart && snakemake --executor omics --omics-endpoint local --jobs 100",
    ]


def test_ci_does_what_the_readme_says() -> None:
    readme = (ROOT / "README.md").read_text()
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    runs = {step["run"].split(" --cov")[0] for step in steps if "run" in step}
    section = readme[readme.index("## Tests") :].split("```")[1]
    install, checks = section.removeprefix("bash\n").strip().splitlines()
    assert {install.split(" && ")[-1], *checks.split(" && ")} <= runs
    local = (ROOT / ".ci/run").read_text()
    assert all(command in local for command in checks.split(" && "))


def _commands(main: Callable[[list[str]], int], capsys: pytest.CaptureFixture[str]) -> set[str]:
    """What the help of a command line lists."""
    with pytest.raises(SystemExit):
        main(["--help"])
    return set(re.findall(r"^    ([a-z]+) ", capsys.readouterr().out, re.MULTILINE))


def test_every_command_of_the_plugin_is_in_the_readme_and_no_other_on_any_page(
    capsys: pytest.CaptureFixture[str],
) -> None:
    known = _commands(plugin, capsys)
    readme = (ROOT / "README.md").read_text()
    assert {name for name in known if f"snakemake-omics {name}" not in readme} == set()
    for page in PAGES:
        named = set(re.findall(r"snakemake-omics ([a-z]+)", page.read_text()))
        assert named <= known, page


def test_every_command_and_option_of_the_local_healthomics_is_on_its_page(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (DOCS / "local.md").read_text()
    known = _commands(server, capsys)
    assert {name for name in known if f"local-healthomics {name}" not in page} == set()
    with pytest.raises(SystemExit):
        server(["up", "--help"])
    options = set(re.findall(r"^  (--[a-z-]+)", capsys.readouterr().out, re.MULTILINE))
    assert {option for option in options if f"`{option}" not in page} == set()


@pytest.fixture(scope="module")
def parsers() -> dict[str, Callable[[list[str]], object]]:
    """What reads the words of each command that the pages name."""
    from snakemake.cli import get_argument_parser

    from local_healthomics.cli import STATE
    from local_healthomics.cli import _parser as of_the_service
    from snakemake_executor_omics.cli import _parser as of_the_plugin

    def service(words: list[str]) -> object:
        return of_the_service(words, "local-healthomics", STATE).parse_args(words)

    def ours(words: list[str]) -> object:
        if words[0] == "local":
            return service(words[1:])
        arguments, others = of_the_plugin().parse_known_args(words)
        if words[0] in ("check", "doctor", "images", "package"):
            return snakemake.parse_args(others)
        assert others == []
        return arguments

    snakemake: argparse.ArgumentParser = get_argument_parser()
    return {
        "snakemake": snakemake.parse_args,
        "snakemake-omics": ours,
        "local-healthomics": service,
    }


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_the_commands_of_a_page_are_understood_by_their_programs(
    page: Path, parsers: dict[str, Callable[[list[str]], object]]
) -> None:
    for block in blocks(page):
        subprocess.run(["bash", "-n"], input=block.text, text=True, check=True)
        for program, *words in commands(block.text):
            if program in parsers:
                try:
                    parsers[program](words)
                except SystemExit:
                    pytest.fail(f"{program} does not understand {words}")


def test_every_page_is_in_the_navigation_of_the_site() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    named = set(re.findall(r"[ /]([a-z0-9]+\.md)$", text, re.MULTILINE))
    assert named == {page.name for page in DOCS.glob("*.md")}


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("material", reason="the extra `docs`")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "troubleshooting/index.html").is_file()


def _templates() -> list[str]:
    """The texts of both packages, with a line break where a value is put in."""
    found = []
    for package in ("snakemake_executor_omics", "local_healthomics"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
                elif isinstance(node, ast.JoinedStr):
                    parts = (getattr(part, "value", "") for part in node.values)
                    found.append("".join(p if isinstance(p, str) else "\n" for p in parts))
    return found


def test_the_messages_that_troubleshooting_explains_are_ours() -> None:
    page = (DOCS / "troubleshooting.md").read_text()
    headings = re.findall(r"^### (.*)$", page, re.MULTILINE)
    named = [text.strip() for head in headings for _, text in re.findall(r"(`+)(.+?)\1", head)]
    assert len(named) > 50
    templates = _templates()
    # What others say: programs, the storage plugin.
    theirs = {"No such file or directory", "command not found"}
    theirs.add("Failed to check existence of s3://…")
    for text in set(named) - theirs:
        wanted = re.compile(".*".join(map(re.escape, text.removeprefix("NAME").split("…"))), re.S)
        assert any(map(wanted.search, templates)), text


def test_troubleshooting_has_every_reason_of_the_service() -> None:
    reasons = (ROOT / "snakemake_executor_omics/runs/reasons.py").read_text()
    page = (DOCS / "troubleshooting.md").read_text()
    assert {name for name in re.findall(r'"([A-Z_]{6,})"', reasons) if f"`{name}`" not in page} == (
        set()
    )


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_modules_that_the_map_of_the_code_names_are_there(page: str) -> None:
    """A name without a folder is of the folder that is named before it, or of any."""
    files = [f"/{file.relative_to(ROOT).as_posix()}" for file in ROOT.glob("[a-z]*/**/*.py")]
    named = set(re.findall(r"[\w/]+\.py\b", (ROOT / page).read_text()))
    assert {one for one in named if not any(file.endswith(f"/{one}") for file in files)} == set()


def test_every_folder_of_the_plugin_is_on_the_map_of_the_code() -> None:
    page = (DOCS / "architecture.md").read_text()
    package = ROOT / "snakemake_executor_omics"
    folders = {file.parent.relative_to(package).as_posix() for file in package.rglob("*.py")}
    assert {one for one in folders - {"."} if f"{one.split('/')[-1]}/" not in page} == set()
