"""Commands that look for the internet, which tasks in RESTRICTED mode do not reach.

Found by pattern, so that a word too many costs a look, and one too few a failed task. `aws s3` is
one of them: a task reaches S3 of its own region, if the image has credentials for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BEGIN = r"(?<![\w./$@{-])"  # of a word that is called, and no part of a path or an option
_END = r"(?![\w./=:,-])"
_PROGRAMS = (
    *(r"curl", r"wget", r"aria2c", r"lftp", r"s?ftp\s+\S+", r"rclone", r"ascp", r"axel"),
    *(r"ssh", r"scp", r"prefetch", r"fasterq-dump", r"fastq-dump"),
    *(r"esearch", r"efetch", r"elink", r"epost", r"ncbi-genome-download", r"kingfisher"),
    r"git\s+(?:-C\s+\S+\s+)?(?:clone|fetch|pull|submodule\s+update)",
    r"(?:python[\d.]*\s+-m\s+)?pip[\d.]*\s+(?:install|download)",
    r"uv\s+(?:pip\s+install|sync|add)",
    r"(?:conda|mamba|micromamba)\s+(?:install|create|update|env\s+(?:create|update))",
    r"(?:apt|apt-get|yum|dnf|apk|brew)\s+(?:-\S+\s+)*(?:install|update|add|upgrade)",
    *(r"(?:npm|yarn)\s+(?:install|add|ci)", r"cargo\s+install", r"go\s+(?:install|get)"),
    *(r"aws\s+(?:--\S+\s+(?:[^-\s]\S*\s+)?)*(?:s3api|s3)", r"gsutil", r"azcopy"),
    *(r"docker\s+(?:pull|run)", r"(?:apptainer|singularity)\s+pull"),
    *(r"datasets\s+download", r"synapse\s+get", r"nextflow\s+pull", r"snpEff\s+download"),
    *(r"kaggle\s+\w+\s+download", r"huggingface-cli\s+download", r"hf\s+download"),
)
_CALLS = (
    *(r"install\.packages", r"BiocManager::install", r"(?:remotes|devtools|pak)::\w*install\w*"),
    *(r"pak::pkg_install", r"download\.file", r"useMart", r"useEnsembl", r"getGEO"),
    *(r"urlopen", r"urlretrieve", r"requests\.(?:get|post|head)", r"httpx\.\w+"),
    *(r"FTP", r"Entrez\.\w+", r"boto3\.(?:client|resource)", r"hf_hub_download"),
    *(r"Pkg\.add", r"LWP::Simple::get"),
)
_LOOKS = re.compile(
    rf"{_BEGIN}(?:{'|'.join(_PROGRAMS)}){_END}|(?<![\w.:])(?:{'|'.join(_CALLS)})(?=\s*\()"
)
_COMMENT = re.compile(r"^\s*#")


@dataclass(frozen=True, slots=True, order=True)
class Look:
    """What looks for the internet, and in which line of the text."""

    line: int
    words: str


def looks(text: str) -> list[Look]:
    """Each thing once, where it stands first; comments are passed over."""
    found: dict[str, int] = {}
    if _LOOKS.search(text) is None:  # most texts
        return []
    for number, line in enumerate(text.splitlines(), start=1):
        if not _COMMENT.match(line):
            for match in _LOOKS.finditer(line):
                found.setdefault(" ".join(match[0].split()), number)
    return sorted(Look(number, words) for words, number in found.items())
