"""Workflow definitions: unpacked, identified, checked by their language's own tool."""

from .checked import BadDefinition, Checked
from .checker import DefinitionChecker
from .unpacking import unpack

__all__ = ["BadDefinition", "Checked", "DefinitionChecker", "unpack"]
