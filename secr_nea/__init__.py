"""Spatially explicit capture-recapture for snow leopards, Amur tigers and Amur leopards."""

import lazy_loader

from secr_nea._version import __version__ as __version__

# Parts are imported at their first use, so that `import secr_nea` costs next to nothing (SPEC 1).
# The public names and where they live are in `__init__.pyi`.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
