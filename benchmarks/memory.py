"""Peak of memory of a problem in a process of its own: `python benchmarks/memory.py gobi_like`.

Megabytes above what Python, the libraries and the compiled kernels take, with the data of the
problem. Needs Linux, which tells the peak and forgets it on demand.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import machine

SELF = Path("/proc/self")


def peak():
    """Largest resident memory since the last call, MB; then it is forgotten.

    The `ru_maxrss` of a process would begin at that of the process that started it.
    """
    lines = (SELF / "status").read_text(encoding="utf-8").splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    (SELF / "clear_refs").write_text("5", encoding="utf-8")
    return kilobytes / 1024.0


def measure(name):
    """Megabytes of each step, the fit before the rival's arrays exist."""
    import ways

    ways.whole_fit("tiny", ways.ONE)()
    peak()
    libraries = peak()
    target = ways.problem(name)
    ways.prepared(ways.value_and_gradient(name, ways.ONE), ways.ONE)
    peak()
    found = {}
    for what, run in (
        ("gradient", ways.value_and_gradient(name, ways.ONE)),
        ("fit", lambda: ways.quiet_fit(target.fresh_model())),
        ("plain", lambda: ways.value(name, ways.PLAIN)()),
    ):
        run()
        found[what] = peak() - libraries
    return found | {"cube": 8e-6 * target.n_cube}


def in_own_process(name):
    command = [sys.executable, Path(__file__).name, name]
    run = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__file__).parent
    )
    return json.loads(run.stdout.splitlines()[-1])


def rows(found):
    """Lines of a table in Markdown, from {problem: megabytes}."""
    for name, one in found.items():
        cells = " | ".join(f"{one[what]:,.0f}" for what in ("plain", "gradient", "fit", "cube"))
        yield f"| {name} | {cells} |"


def main():
    machine.restart_with_one_blas_thread()
    print(json.dumps(measure(sys.argv[1])))


if __name__ == "__main__":
    main()
