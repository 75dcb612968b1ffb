"""What the Snakefiles and the scripts share."""

import copy
from functools import lru_cache, partial
from pathlib import Path

import yaml


def update(base, other):
    found = copy.deepcopy(base)
    for key, value in other.items():
        found[key] = update(found[key], value) if isinstance(value, dict) else value
    return found


@lru_cache
def scenarios(path):
    return yaml.safe_load(Path(path).read_text())


def scenario_provider(config, path):
    def value(keys, wildcards):
        found = update(config, scenarios(path).get(wildcards.run, {}))
        for key in keys:
            found = found[key]
        return found

    def provider(*keys):
        return partial(value, keys)

    return provider


def path_provider(folder, names):
    def provider(name):
        return f"{folder}{{run}}/{name}"

    return provider


def configured(snakemake):
    return {"rate": snakemake.params.rate, **snakemake.config["costs"]}


if __name__ == "__main__":
    raise SystemExit("no script")
