"""The commands, their exit status, and how errors reach a person: in one line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from secr_nea._version import __version__
from secr_nea.cli.check import check
from secr_nea.cli.convert import convert
from secr_nea.cli.demo import demo
from secr_nea.cli.design import design
from secr_nea.cli.estimate import estimate
from secr_nea.cli.messages import one_line
from secr_nea.cli.simulate import simulate
from secr_nea.errors import SecrError

COMMANDS = ("estimate", "check", "convert", "design", "simulate", "demo")

GOOD = 0
BAD_INPUT = 2
INTERRUPTED = 130

HELP = """Density and abundance from spatial capture-recapture.

Exit status: 0 when all is well (also with a flat or boundary coefficient, which is named), 1 when
`check` found something that must be mended, 2 for bad input, 3 for a fit that did not converge.
"""

commands = App(name="secr_nea", help=HELP, version=__version__, suppress_keyboard_interrupt=False)
commands.command(estimate)
commands.command(check)
commands.command(demo)
commands.command(convert)
commands.command(design)
commands.command(simulate)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.

    Returns
    -------
    int
        Exit status: 0, 1 for data that must be mended, 2 for bad input, 3 for a fit that did not
        converge.
    """
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = commands(
            tokens, exit_on_error=False, print_error=False, result_action="return_value"
        )
    except CycloptsError as error:
        command = f"{tokens[0]} " if tokens and tokens[0] in COMMANDS else ""
        return _fail(f"{error} See: python -m secr_nea {command}--help", BAD_INPUT)
    except (SecrError, OSError) as error:
        return _fail(error, BAD_INPUT)
    except KeyboardInterrupt:
        return _fail("interrupted.", INTERRUPTED)
    return status if isinstance(status, int) else GOOD


def app() -> None:
    """Run the command that the process was called with, and exit with its status."""
    sys.exit(main())


def _fail(message: object, status: int) -> int:
    print(f"error: {one_line(message)}", file=sys.stderr)
    return status
