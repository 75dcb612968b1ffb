"""The container registry map is checked before anything is sent."""

from pathlib import Path

import pytest

from snakemake_executor_omics.aws.registry_map import read_registry_map
from snakemake_executor_omics.errors import SettingsError

GOOD = '{"registryMappings": [{"upstreamRegistryUrl": "quay.io", "ecrRepositoryPrefix": "quay"}]}'


def test_good_map(tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text(GOOD)
    assert list(read_registry_map(tmp_path / "map.json")) == ["registryMappings"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"registryMappings": {}}',
        '{"registryMappings": [{"upstreamRegistryUrl": "quay.io"}]}',
        '{"registryMapping": []}',
    ],
)
def test_bad_map(tmp_path: Path, text: str) -> None:
    (tmp_path / "map.json").write_text(text)
    with pytest.raises(SettingsError, match="--omics-container-registry-map: ") as caught:
        read_registry_map(tmp_path / "map.json")
    assert caught.value.hint


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read"):
        read_registry_map(tmp_path / "none.json")
