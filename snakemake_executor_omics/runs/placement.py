"""Where a job that Snakemake handed in sits, and what that says of its end."""

from __future__ import annotations

from dataclasses import dataclass

from ..model import JobKey, JobState
from .follow import Flight


@dataclass(frozen=True, slots=True)
class Seat:
    """In one task, or as a group in several.

    A group that is not `whole` has jobs that wait for others of it.
    """

    places: tuple[tuple[Flight, JobKey], ...]
    whole: bool

    @property
    def flights(self) -> list[Flight]:
        return [flight for flight, _ in self.places]

    @property
    def states(self) -> list[JobState]:
        return [flight.states[key] for flight, key in self.places]

    @property
    def has_landed(self) -> bool:
        return all(flight.landed for flight in self.flights)

    @property
    def is_success(self) -> bool:
        return self.whole and self.has_landed and all(state.is_success for state in self.states)

    @property
    def is_stranded(self) -> bool:
        """Stopped by the service because other jobs failed, or done but for what waited for it."""
        if not self.whole and all(state.is_success for state in self.states):
            return self.has_landed
        return JobState.FAILED not in self.states and any(
            flight.states[key] is JobState.CANCELLED and flight.had_failures
            for flight, key in self.places
        )
