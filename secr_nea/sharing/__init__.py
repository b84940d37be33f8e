"""Surveys and results in a form that can be given away: to a partner, or to everybody."""

from secr_nea.sharing.motion import RigidMotion
from secr_nea.sharing.package import open_package, share
from secr_nea.sharing.public import share_public

__all__ = ["RigidMotion", "open_package", "share", "share_public"]
