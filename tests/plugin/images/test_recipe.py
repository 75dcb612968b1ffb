"""What the files of an environment ask for, and what it is known by."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_omics.errors import ImageError, SettingsError
from snakemake_executor_omics.images.chosen import read_chosen, write_chosen
from snakemake_executor_omics.images.naming import ImageNames, environment_name
from snakemake_executor_omics.images.recipe import Pin, Recipe
from snakemake_executor_omics.model import Environment

PLAIN = Environment(name="x", content=b"dependencies: [a]", base="debian:12", file="envs/x.yaml")


def recipe(content: str, **more: bytes) -> Recipe:
    return Recipe.of(replace(PLAIN, content=content.encode(), **more))


def test_channels_dependencies_pip_and_variables_are_read() -> None:
    found = recipe(
        "name: mine\nchannels: [conda-forge, bioconda, nodefaults]\n"
        "dependencies:\n  - samtools =1.17\n  - bioconda::bwa\n  - pip\n  - pip: [x==1, y]\n"
        "variables: {A: 1}\n"
    )
    assert found.channels == ("conda-forge", "bioconda")
    assert found.specs == ("samtools =1.17", "bioconda::bwa", "pip")
    assert (found.pip, found.variables) == (("x==1", "y"), {"A": "1"})


def test_defaults_are_the_channels_that_conda_takes_them_for() -> None:
    assert len(recipe("channels: [defaults]\ndependencies: [a]").channels) == 2
    assert recipe("dependencies: [a]").channels == ("conda-forge",)


@pytest.mark.parametrize(
    "content", ["a: [", "- a", "dependencies: a", "dependencies: [{x: y}]", "variables: {'a b': 1}"]
)
def test_what_conda_could_not_read_names_the_file(content: str) -> None:
    with pytest.raises(ImageError, match=r"envs/x\.yaml is not an environment"):
        recipe(content)


@pytest.mark.parametrize(
    "line", ["-r requirements.txt", "--constraint=c.txt", "-e .", ".", "./mine", "-e../mine"]
)
def test_what_pip_would_read_beside_the_file_is_refused(line: str) -> None:
    with pytest.raises(ImageError, match="a file that is not in the environment"):
        recipe(f"dependencies: [python, pip: ['{line}']]")


def test_options_of_pip_stay_lines_of_their_own() -> None:
    found = recipe(
        "dependencies: [python, pip: [--index-url https://x.example/simple, 'x >1',"
        " '-r https://x.example/r.txt', 'git+https://x.example/y.git']]"
    )
    assert found.requirements.splitlines() == list(found.pip)
    assert len(found.pip) == 4


def test_a_pin_file_is_read_line_by_line() -> None:
    md5, sha256 = "0" * 32, "1" * 64
    url = "https://x.example/c/linux-64/a-1-0.conda"
    text = f"# made today\n@EXPLICIT\n{url}#{md5}\n\n{url}#sha256:{sha256}\n{url}\n"
    assert recipe("dependencies: [a]", pins=text.encode()).pins == (
        Pin(url, md5), Pin(url, sha256), Pin(url),
    )  # fmt: skip
    with pytest.raises(ImageError, match="names no package: 'samtools=1'"):
        recipe("dependencies: [a]", pins=b"samtools=1\n")


PARTS = st.fixed_dictionaries(
    {
        "content": st.binary(max_size=4),
        "pins": st.none() | st.binary(max_size=4),
        "post_deploy": st.none() | st.binary(max_size=4),
        "base": st.text(max_size=4),
        "gpu": st.booleans(),
    }
)


@given(PARTS, PARTS)
def test_an_environment_is_known_by_all_that_it_is_made_of(one: dict, two: dict) -> None:  # type: ignore[type-arg]
    keys = [Environment(name="x", **parts).key for parts in (one, two)]
    assert (keys[0] == keys[1]) is (one == two)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("envs/bwa.yaml", "bwa"),
        ("workflow/envs/R_4.2.yml", "r-4-2"),
        ("https://github.com/snakemake/snakemake-wrappers/raw/v3/bio/bwa/mem/environment.yaml",
         "bwa-mem"),
        ("../shared/environment.yaml", "shared"),
        ("environment.yaml", "environment"),
        ("envs/Ümlaut.yaml", "mlaut"),
    ],
)  # fmt: skip
def test_an_environment_is_named_by_its_file(file: str, name: str) -> None:
    assert environment_name(file) == name


@given(st.text(max_size=300))
def test_any_name_can_be_that_of_a_repository(file: str) -> None:
    import re

    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", environment_name(file))


def test_what_is_chosen_is_found_by_file_name_or_hash(tmp_path: object) -> None:
    for name in ("envs/x.yaml", "x", str(PLAIN)):
        assert ImageNames(chosen={name: "other"}).of_environment(PLAIN) == "other"
    assert ImageNames().of_environment(PLAIN).endswith(f"/snakemake/x:{PLAIN.key}")


def test_what_was_chosen_is_read_again(tmp_path) -> None:  # type: ignore[no-untyped-def]
    assert read_chosen(tmp_path) == {}
    write_chosen(tmp_path, {"b": "docker://x", "a": "y"})
    assert read_chosen(tmp_path) == {"a": "y", "b": "x"}
    (tmp_path / "omics-images.yaml").write_text("images: [a]")
    with pytest.raises(SettingsError, match="is not a list of images"):
        read_chosen(tmp_path)
