"""Finds which scenarios fit the measurements, best first. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable, Mapping

from linger.explain.symptoms import Fact, Symptom


@dataclass(frozen=True)
class Fit:
    """A scenario that fits: the facts for and against it, in words with their numbers.

    weight: how many of its facts hold, less those against it.
    """

    symptom: Symptom
    supports: tuple[str, ...]
    opposes: tuple[str, ...]
    weight: int


def fits(symptoms: Iterable[Symptom], values: Mapping[str, int], seconds: float) -> list[Fit]:
    """The scenarios whose needs have all held long enough; with equal weight, the one taught first
    comes first. seconds: how long the numbers held."""
    lasting = (symptom for symptom in symptoms if symptom.lasts <= seconds)
    found = [_fit(symptom, values) for symptom in lasting if _may_be(symptom, values)]
    return sorted(found, key=lambda fit: (-fit.weight, fit.symptom.order, fit.symptom.scenario))


def undecided(symptoms: Iterable[Symptom], values: Mapping[str, int], seconds: float) -> float:
    """How many seconds the needs that hold so far must hold to decide every scenario; 0: all is
    decided."""
    held = (symptom.lasts for symptom in symptoms if _may_be(symptom, values))
    return max((lasts for lasts in held if lasts > seconds), default=0.0)


def _may_be(symptom: Symptom, values: Mapping[str, int]) -> bool:
    return all(fact.holds(values) for fact in symptom.needs)


def _fit(symptom: Symptom, values: Mapping[str, int]) -> Fit:
    supports = _held((*symptom.needs, *symptom.supports), values)
    opposes = _held(symptom.opposes, values)
    return Fit(symptom, supports, opposes, len(supports) - len(opposes))


def _held(facts: Iterable[Fact], values: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(fact.told(values) for fact in facts if fact.holds(values))
