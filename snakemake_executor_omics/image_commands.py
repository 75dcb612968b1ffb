"""`snakemake-omics images`: list, build, lock and map the images of a workflow.

A mode of the executor, as packaging is: the images are those that a run of the same command would
name. Results go to stdout.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .aws.codebuild import build_there
from .aws.ecr import HOST, Ecr
from .aws.images import pulled_from
from .aws.registry_map import read_registry_map
from .aws.session import Services, account_of
from .errors import ImageError, OmicsError
from .graph.images_used import images_used
from .graph.task_settings import task_settings
from .images.assemble import NeedsBuilder, assemble, push
from .images.chosen import FILE, read_chosen, write_chosen
from .images.dockerfile import context
from .images.manifest import Reference, Registry
from .images.naming import ImageNames
from .images.programs import build_here
from .images.registry_api import RegistryApi
from .images.request import Builder, Command, ImageRequest
from .images.upstreams import registry_files
from .images.uses import Found, ImageUse, State, rows
from .images.wave import build_public
from .log import Log
from .model import Environment
from .runs.connection import open_connection
from .settings.options import Environments, Options
from .table import table


@dataclass(frozen=True)
class Images:
    """The images of a workflow, and the registries that they are in."""

    workflow: Any
    options: Options
    workdir: Path
    services: Services
    request: ImageRequest
    log: Log

    @cached_property
    def names(self) -> ImageNames:
        asks = self.request.command is not Command.MAP and self.request.write is None
        named = self.options.image_registry is not None or self.options.role_arn
        account = account_of(self.services) if asks and not named else None
        chosen = read_chosen(self.workdir)
        return ImageNames.of(self.options, self.services.region, chosen, account)

    @cached_property
    def uses(self) -> tuple[ImageUse, ...]:
        settings = task_settings(
            self.workflow,
            self.workdir,
            (),
            images=self.names,
            environments=self.options.environments is Environments.ON,
            from_registries=True,
        )
        uses, unknown = images_used(self.workflow.dag, settings)
        if unknown:
            self.log.warning(
                "omics: the images of these rules depend on files that are not there yet: "
                f"{', '.join(unknown)}"
            )
        return uses

    @cached_property
    def map(self) -> Mapping[str, Any]:
        path = self.options.container_registry_map
        return {} if path is None else read_registry_map(path)

    def registry(self, host: str) -> Registry:
        return Ecr(self.services, host) if HOST.fullmatch(host) else RegistryApi(host)

    def look(self, use: ImageUse) -> Found:
        """An image where HealthOmics would pull it from."""
        account = self.names.registry.partition(".")[0]
        place = pulled_from(use.image, self.map, account, self.services.region)
        if place is None:
            if not self._is_ours(use):
                return Found(use=use, pulled_from=use.image, state=State.ELSEWHERE)
            place = use.image
        reference = Reference.of(place)
        try:
            if not HOST.fullmatch(reference.registry):
                found = RegistryApi(reference.registry).manifest(
                    reference.repository, reference.wanted
                )
                digest = None if found is None else found.digest
                state = State.MISSING if found is None else State.THERE
                return Found(use=use, pulled_from=place, state=state, digest=digest)
            facts = Ecr(self.services, reference.registry).facts(
                reference.repository, reference.wanted
            )
        except OmicsError as error:
            why = error.message
            return Found(use=use, pulled_from=place, state=State.UNKNOWN, why=why)
        if facts is None:
            state = State.MISSING if place == use.image else State.MAPPED
            return Found(use=use, pulled_from=place, state=state)
        return Found(
            use=use, pulled_from=place, state=State.THERE, digest=facts.digest, size=facts.size
        )

    def _is_ours(self, use: ImageUse) -> bool:
        return use.environment is not None and use.image == self.names.made(use.environment)

    @property
    def wanted(self) -> list[Environment]:
        """The environments that images are to be made of."""
        ours = [use.environment for use in self.uses if use.environment and self._is_ours(use)]
        only = set(self.request.only)
        if not only:
            return ours
        found = [e for e in ours if {e.name, e.file, str(e)} & only]
        unknown = only - {name for e in found for name in (e.name, e.file, str(e))}
        if unknown:
            known = ", ".join(sorted(environment.name for environment in ours)) or "none"
            raise ImageError(
                f"--only {sorted(unknown)[0]}: the workflow has no such environment",
                hint=f"there are: {known}",
            )
        return found


def look_after_images(workflow: Any, options: Options, workdir: Path, state: Path, log: Log) -> int:
    """Do what `options.images` asks; the exit status.

    Raises:
        OmicsError
    """
    request = ImageRequest.of(options.images or "")
    connection = open_connection(options, state, log)
    try:
        images = Images(workflow, options, workdir, connection.services, request, log)
        return _COMMANDS[request.command](images)
    finally:
        connection.close()


def _list(images: Images) -> int:
    found = [images.look(use) for use in images.uses]
    if images.request.as_json:
        print(json.dumps([one.json for one in found], indent=2))
    else:
        print(*table(rows(found)), sep="\n")
    for one in found:
        if one.why:
            images.log.warning(f"omics: {one.pulled_from}: {one.why}")
    return 0


def _build(images: Images) -> int:
    request = images.request
    if request.write is not None:
        for environment in images.wanted:
            folder = request.write / str(environment).replace(":", "-")
            for path in _write(context(environment), folder):
                print(path)
        return 0
    missing = _missing(images)
    if not missing:
        images.log.info("omics: all images of environments are there")
        return 0
    if request.builder is Builder.WAVE:
        return _public(images, missing)
    target = images.names.registry
    if HOST.fullmatch(target):
        ecr = Ecr(images.services, target)
        for name in sorted({images.names.repository(environment) for environment in missing}):
            ecr.ensure_repository(name, dict(images.options.tags))
    if request.builder is Builder.ASSEMBLE:
        return _assemble(images, missing)
    return _build_with_program(images, missing)


def _missing(images: Images) -> list[Environment]:
    """The environments whose images are to be made; the others are printed."""
    missing = []
    for environment in images.wanted:
        use = ImageUse(image=images.names.made(environment), rules=(), environment=environment)
        found = images.look(use)
        if found.state is State.UNKNOWN:
            raise ImageError(f"cannot tell whether {found.pulled_from} is there: {found.why}")
        if found.state is State.THERE:
            print(f"{found.pulled_from}@{found.digest}")
        else:
            missing.append(environment)
    return missing


def _build_with_program(images: Images, environments: Iterable[Environment]) -> int:
    """Have CodeBuild, or a program of this machine, build and push images by their Dockerfiles."""
    builder, target = images.request.builder, images.names.registry
    work = [(images.names.made(environment), context(environment)) for environment in environments]
    if builder is Builder.CODEBUILD:
        build_there(images.services, work, images.log.info)
    else:
        if images.options.local:  # whose back ends take images of this machine
            build_here(builder.value, work, None, None, images.log.info)
            print(*(image for image, _ in work), sep="\n")
            return 0
        sign_in = Ecr(images.services, target).password() if HOST.fullmatch(target) else None
        build_here(builder.value, work, target, sign_in, images.log.info)
    for image, _ in work:
        reference = Reference.of(image)
        made = images.registry(reference.registry).manifest(reference.repository, reference.wanted)
        if made is None:
            raise ImageError(
                f"{builder} ended, and {image} is not there",
                hint="what it printed says why",
            )
        print(f"{image}@{made.digest}")
    return 0


def _assemble(images: Images, environments: Iterable[Environment]) -> int:
    failed: list[str] = []
    builder = False
    for environment in environments:
        image = images.names.made(environment)
        images.log.info(f"omics: making {image} from {environment.file}")
        try:
            with tempfile.TemporaryDirectory(prefix="omics-image-") as folder:
                made = assemble(environment, images.registry, Path(folder))
                digest = push(made, images.registry, Reference.of(image))
        except ImageError as error:
            builder = builder or isinstance(error, NeedsBuilder)
            failed.append(f"- {environment}: {error.message}")
            failed += [f"  hint: {error.hint}"] if error.hint else []
            continue
        size = sum(part.size for part in made.manifest.layers)
        images.log.info(
            f"omics: pushed {made.packages} packages, {made.layer.blob.size / 1e6:,.1f} MB on a "
            f"base of {(size - made.layer.blob.size) / 1e6:,.1f} MB"
        )
        print(f"{image}@{digest}")
    if failed:
        raise ImageError(
            "\n".join(["images cannot be made:", *failed]),
            hint="what runs in the image while it is made needs `--with codebuild`, or `--with "
            "docker`, `podman` or `buildah` on a Linux machine"
            if builder
            else None,
        )
    return 0


def _public(images: Images, environments: Iterable[Environment]) -> int:
    chosen = read_chosen(images.workdir)
    for environment in environments:
        image = build_public(environment, images.log.info)
        chosen[str(environment)] = image
        print(image)
    write_chosen(images.workdir, chosen)
    images.log.info(f"omics: {FILE} names them; `images map` leads HealthOmics there")
    return 0


def _lock(images: Images) -> int:
    chosen = read_chosen(images.workdir)
    missing = []
    for found in map(images.look, images.uses):
        name = found.use.image if found.use.environment is None else str(found.use.environment)
        digest, why = found.digest, found.state.value
        reference = Reference.of(found.pulled_from)
        if found.state is State.ELSEWHERE:
            digest, why = _digest_of(reference)
        if digest is None:
            missing.append(f"{found.pulled_from} ({why})")
            continue
        pinned = f"{reference.registry}/{reference.repository}@{digest}"
        if pinned != found.use.image:
            chosen.setdefault(name, pinned)
    print(write_chosen(images.workdir, chosen))
    if missing:
        raise ImageError(
            f"no digest is known of {', '.join(missing)}",
            hint="`snakemake-omics images build` makes those of environments",
        )
    return 0


def _grant(images: Images) -> int:
    """Let HealthOmics pull from the repositories of this account that images are in."""
    account = images.names.registry.partition(".")[0]
    places = (pulled_from(u.image, images.map, account, images.services.region)
              for u in images.uses)  # fmt: skip
    ours = {Reference.of(place) for place in places if place is not None}
    for host, name in sorted({(one.registry, one.repository) for one in ours}):
        ecr = Ecr(images.services, host)
        if host.startswith(account) and ecr.grant(name):
            print(f"{host}/{name}")
    return 0


def _digest_of(reference: Reference) -> tuple[str | None, str]:
    """The digest of an image of another registry, else why it is not known."""
    registry = RegistryApi(reference.registry)
    try:
        found = registry.manifest(reference.repository, reference.wanted)
    except ImageError as error:
        return None, error.message
    return (None, "missing") if found is None else (found.digest, "")


def _map(images: Images) -> int:
    found = registry_files(
        (use.image for use in images.uses), images.names.registry, images.request.credentials
    )
    for host in found.secrets:
        images.log.warning(
            f"omics: {host} wants credentials: `--credential {host}=ARN` names a secret of Secrets "
            "Manager, whose name begins with ecr-pullthroughcache/"
        )
    for host in found.unknown:
        images.log.warning(f"omics: nothing leads HealthOmics to {host}: copy its images to ECR")
    if images.request.write is None:
        print(json.dumps({"registryMap": found.map, **found.rules}, indent=2))
        return 0
    files = {"registry-map.json": found.map, "registry-rules.json": found.rules}
    texts = {name: (json.dumps(value, indent=2) + "\n").encode() for name, value in files.items()}
    for path in _write(texts, images.request.write):
        print(path)
    return 0


def _write(files: Mapping[str, bytes], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


_COMMANDS: Mapping[Command, Callable[[Images], int]] = {
    Command.LIST: _list,
    Command.BUILD: _build,
    Command.GRANT: _grant,
    Command.LOCK: _lock,
    Command.MAP: _map,
}
