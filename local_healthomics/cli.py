"""`local-healthomics up|status|env|rights|down`: tend the local HealthOmics of a folder.

Results go to stdout, errors to stderr. Exit status: 0 done, 1 there is no server, 2 it could not
be tried.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from .engine.isolation import NOT_HIDDEN, tool
from .errors import LocalError, RunsOtherwise
from .options import add_server_options
from .rights import BESIDES, CALLER, FILE, REPOSITORY, ROLE, TRUST, policy
from .service import start, status, stop
from .shell import enter, leave

STATE = Path(".local-healthomics")


def main(
    argv: Sequence[str] | None = None, *, prog: str = "local-healthomics", state: Path = STATE
) -> int:
    """Parse, call, print. `state` is the folder where a server's state lies by default."""
    argv = sys.argv[1:] if argv is None else argv
    arguments = _parser(argv, prog, state).parse_args(argv)
    try:
        result: int = arguments.run(arguments)
    except LocalError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        if isinstance(error, RunsOtherwise):
            print(f"  hint: {prog} down", file=sys.stderr)
        return 2
    return result


def _parser(argv: Sequence[str], prog: str, default: Path) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=prog, description="A HealthOmics on this machine, for any client of AWS."
    )
    parser.set_defaults(prog=prog)
    actions = parser.add_subparsers(required=True, metavar="up|status|env|rights|down")
    state = argparse.ArgumentParser(add_help=False)
    state.add_argument(
        "--state",
        type=Path,
        default=default,
        metavar="DIR",
        help=f"folder of its state (default: {default})",
    )
    own = argparse.ArgumentParser(add_help=False, parents=[state])
    own.add_argument("--port", type=int, default=0, help="default: a free one")
    up = actions.add_parser("up", parents=[own], help="start it; it stays until `down`")
    add_server_options(up)
    up.set_defaults(run=_up, server_options=own.parse_known_args(argv[1:])[1])
    actions.add_parser(
        "status", parents=[state], help="say whether it runs, and where"
    ).set_defaults(run=_status)
    env = actions.add_parser(
        "env",
        parents=[state],
        help=f'print what makes AWS clients of a shell use it: eval "$({prog} env)"',
    )
    env.add_argument(
        "--account", type=_account, metavar="ID", help="twelve digits: an account beside the first"
    )
    env.add_argument("--unset", action="store_true", help="print what undoes it")
    env.set_defaults(run=_env)
    used = actions.add_parser(
        "rights",
        parents=[state],
        help="print the rights that were used since it started, as a policy of IAM",
    )
    which = used.add_mutually_exclusive_group()
    which.add_argument(
        "--role", action="store_true", help="those of the runs' role, not of who starts runs"
    )
    which.add_argument(
        "--trust",
        action="store_true",
        help="print the policy by which the role trusts the service",
    )
    which.add_argument(
        "--repository",
        action="store_true",
        help="print the policy that lets the service pull from a repository of ECR",
    )
    used.set_defaults(run=_rights)
    actions.add_parser("down", parents=[state], help="stop it; its state stays").set_defaults(
        run=_down
    )
    return parser


def _up(arguments: argparse.Namespace) -> int:
    service = start(
        arguments.state, port=arguments.port, keep=True, options=arguments.server_options
    )
    print(service.endpoint_url)
    if "--insecure" in service.options:
        print("insecure: whoever reaches the port runs commands as you", file=sys.stderr)
    if (arguments.backend, arguments.isolate) == ("process", True) and tool() is None:
        print(NOT_HIDDEN, file=sys.stderr)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    service = status(arguments.state)
    print(service.endpoint_url if service is not None else "not running")
    return 0 if service is not None else 1


def _env(arguments: argparse.Namespace) -> int:
    if arguments.unset:
        print(leave(os.environ))
        return 0
    service = status(arguments.state)
    if service is None:
        raise LocalError(
            f"no local HealthOmics runs on {arguments.state}; start it with {arguments.prog} up"
        )
    if arguments.account:
        service = service.for_account(arguments.account)
    print(enter(service, os.environ))
    return 0


def _account(text: str) -> str:
    if not re.fullmatch(r"[0-9]{12}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not twelve digits")
    return text


def _rights(arguments: argparse.Namespace) -> int:
    if arguments.trust or arguments.repository:
        print(json.dumps(TRUST if arguments.trust else REPOSITORY, indent=2))
        return 0
    found = policy(arguments.state / FILE, ROLE if arguments.role else CALLER)
    if found is None:
        raise LocalError(f"nothing was asked of a server on {arguments.state} that takes rights")
    print(json.dumps(found, indent=2))
    print("\n".join(BESIDES), file=sys.stderr)
    return 0


def _down(arguments: argparse.Namespace) -> int:
    stopped = stop(arguments.state)
    print("stopped" if stopped else "not running")
    return 0 if stopped else 1


if __name__ == "__main__":
    sys.exit(main())
