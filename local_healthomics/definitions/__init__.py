"""Workflow definitions: unpacked, identified, checked by their language's own tool."""

from .builder import Builder
from .checked import BadDefinition, Checked
from .unpacking import unpack

__all__ = ["BadDefinition", "Builder", "Checked", "unpack"]
