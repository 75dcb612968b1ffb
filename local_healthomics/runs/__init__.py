"""Runs from StartRun to their end: parameters, places, engine processes, what these tell."""
