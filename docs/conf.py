"""How Sphinx builds the documentation, off-line: from pages, package and notebooks."""

from __future__ import annotations

import importlib
import inspect
import shutil
import sys
from collections import defaultdict
from pathlib import Path

DOCS = Path(__file__).resolve().parent
REPOSITORY = DOCS.parent
sys.path.insert(0, str(REPOSITORY))
sys.path.insert(0, str(DOCS / "_extensions"))

import secr_nea  # noqa: E402

project = "secr_nea"
author = "secr_nea developers"
copyright = "2026, secr_nea developers"
release = secr_nea.__version__
version = release

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "mathml",
    "sphinx_copybutton",
]
exclude_patterns = ["_*"]
templates_path = ["_templates"]

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # the nox session `notebooks` runs them

autosummary_generate = ["_api_names.md"]  # made below
autodoc_typehints = "none"  # numpydoc's type slot says more: dtype, shape and unit
autodoc_member_order = "bysource"
numpydoc_show_class_members = False  # the class template lists them

html_theme = "pydata_sphinx_theme"
html_sidebars: dict[str, list[str]] = {"*": []}  # pages of their own: room for wide tables
html_title = "secr_nea"
html_static_path = ["_static"]
html_css_files = ["equations.css"]
html_math_renderer = "mathml"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
html_show_sourcelink = False
copybutton_exclude = ".linenos, .gp, .go"


# --- pages that are made from the repository -----------------------------------------------------


def public_names() -> dict[str, list[str]]:
    """Dotted names of what the package offers, by the part of the package that holds them."""
    names = defaultdict(list)
    at_top = {id(getattr(secr_nea, name)) for name in secr_nea.__all__}
    for name in sorted(secr_nea.__all__):
        thing = getattr(secr_nea, name)
        if inspect.ismodule(thing):
            # What is found at the top too is listed there once.
            every = sorted(getattr(thing, "__all__", []))
            members = [member for member in every if id(getattr(thing, member)) not in at_top]
            names[name] += [f"{thing.__name__}.{member}" for member in members]
        elif inspect.isclass(thing) or inspect.isfunction(thing):
            names[thing.__module__.split(".")[1]].append(f"secr_nea.{name}")
    return {part: names[part] for part in sorted(names, key=str.lower) if names[part]}


def summary_of(part: str) -> str:
    """First sentence of a module's docstring: what the file is for."""
    doc = inspect.getdoc(importlib.import_module(f"secr_nea.{part}")) or ""
    return doc.split("\n\n")[0].replace("\n", " ")


def write_api() -> None:
    """Write the list of public names that docs/api.md includes."""
    sections = []
    for part, names in public_names().items():
        title = part.strip("_").replace("_", " ").capitalize()
        listing = "\n".join(f"   {name}" for name in names)
        sections.append(
            f"## {title}\n\n{summary_of(part)}\n\n"
            f"```{{eval-rst}}\n.. autosummary::\n   :toctree: api\n\n{listing}\n```\n"
        )
    text = "\n".join(sections) or "Nothing is public yet.\n"
    (DOCS / "_api_names.md").write_text(text)


def copy_notebooks() -> None:
    """Copy the notebooks beside the pages, and write the list that docs/index.md includes."""
    target = DOCS / "notebooks"
    shutil.rmtree(target, ignore_errors=True)
    sources = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
    lines = []
    for source in sources:
        target.mkdir(exist_ok=True)
        shutil.copy2(source, target / source.name)
        lines.append(f"notebooks/{source.stem}")
    listing = "\n".join(lines)
    toctree = f"```{{toctree}}\n:maxdepth: 1\n:caption: Notebooks\n\n{listing}\n```\n"
    (DOCS / "_notebooks.md").write_text(toctree if lines else "")


write_api()
copy_notebooks()
