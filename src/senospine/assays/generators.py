"""From what endplate and disc send to how much a person hurts, beside facets, muscle and pain of no tissue.

Generators join as chances do, so that pain never passes 10: ``10 - pain = 10 prod(1 - points / 10)``. Of what
the spine began a share of the person's own, at most ``spinal_share_most``, follows the spine; the rest has become
independent of it and persists. Every number is a row of ``parameters-human.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, ndtri

from senospine.assays.marker import modic_shares
from senospine.assays.reach import reach_of
from senospine.assays.readout import Array, value_of

#: what a person brings along, one uniform deviate each
DEVIATES = (
    "sensitivity", "share", "facet", "facet_pain", "facet_size", "muscle", "muscle_size", "central", "central_size",
    "defect", "modic", "modic_type",
)  # fmt: skip


@dataclass(frozen=True)
class Generators:
    """Where a person's lasting pain comes from; every array has shape (n_people,), in points of 0-10.

    Attributes
    ----------
    spinal : ndarray
        Of endplate and disc, what would go if they fell silent.
    persisting : ndarray
        Begun by endplate and disc, and no longer dependent on them.
    facet, muscle, central : ndarray
    """

    spinal: Array
    persisting: Array
    facet: Array
    muscle: Array
    central: Array

    @property
    def other(self) -> Array:
        """All that does not follow endplate and disc."""
        return joined(self.persisting, self.facet, self.muscle, self.central)

    @property
    def pain(self) -> Array:
        """All pain."""
        return joined(self.spinal, self.other)


def joined(*points: Array) -> Array:
    """Return several generators' pain together, never above 10.

    Examples
    --------
    >>> joined(np.array(5.0), np.array(5.0)).item()
    7.5
    """
    left = np.ones(())
    for item in points:
        left = left * (1 - item / 10)
    return np.asarray(10 * (1 - left))


def felt_drive(drive: Array, reference: float, sensitivity: Array) -> Array:
    """Return what a drive of endplate and disc is felt as, points of 0-10.

    Parameters
    ----------
    drive : ndarray
        ``spinal_pain`` above the healthy [fold]; below 0 counts as 0.
    reference : float
        The drive of a severely degenerated spine at 50 years under the same parameters.
    sensitivity : ndarray, broadcast to ``drive``
        How strongly the person feels, 1 in the median.
    """
    power = (sensitivity * np.maximum(drive, 0.0) / (value_of("spinal_half") * reference)) ** value_of("spinal_hill")
    return np.asarray(10 * power / (1 + power))


def sensitivity_of(deviates: Mapping[str, Array]) -> Array:
    """Return how strongly each person feels, 1 in the median."""
    return np.asarray(np.exp(value_of("spinal_sensitivity_log_sd") * ndtri(deviates["sensitivity"])))


def generators(drive: Array, reference: float, facets: Array, deviates: Mapping[str, Array]) -> Generators:
    """Return where people's pain comes from.

    Parameters
    ----------
    drive, reference
        As for :func:`felt_drive`.
    facets : ndarray of 0 and 1, shape (n_people,)
        Whether facets are degenerate.
    deviates : mapping of ``DEVIATES`` to ndarray, shape (n_people,)
        Between 0 and 1.
    """
    begun = felt_drive(drive, reference, sensitivity_of(deviates))
    share = value_of("spinal_share_most") * deviates["share"]
    return Generators(
        share * begun, _rest(begun, share * begun),
        facets * _present(deviates, "facet_pain", "facet_size", value_of("facet_painful")),
        _present(deviates, "muscle", "muscle_size", value_of("muscle_painful")),
        _present(deviates, "central", "central_size", value_of("central_painful")),
    )  # fmt: skip


def _rest(whole: Array, part: Array) -> Array:
    """Return what joins with ``part`` to ``whole``."""
    return np.asarray(10 * (1 - (10 - whole) / (10 - part)))


def _present(deviates: Mapping[str, Array], whether: str, size: str, share: float) -> Array:
    points = value_of("other_points") * np.exp(value_of("other_log_sd") * ndtri(deviates[size]))
    return np.asarray(np.where(deviates[whether] < share, np.minimum(points, 9.5), 0.0))


def course_of(
    drive: Array, reference: float, own: Generators, deviates: Mapping[str, Array], relief: Array | float = 0.0,
    reach: Mapping[str, float] | None = None,
) -> Array:  # fmt: skip
    """Return pain over time, shape (n_people, n_times), while the drive changes and the other generators stay.

    Parameters
    ----------
    drive : ndarray, shape (n_people, n_times)
    own : Generators
        At the first time.
    relief : ndarray, shape (n_people, n_times)
        ``systemic_relief``, the share that direct blockade takes; the drive has felt it already.
    reach : mapping of str to float, optional
        How much of the relief each other generator feels, as :func:`senospine.assays.reach_of` gives it.
    """
    share = (value_of("spinal_share_most") * deviates["share"])[:, None]
    spinal = share * felt_drive(drive, reference, sensitivity_of(deviates)[:, None])
    reach = reach_of() if reach is None else reach
    others = (getattr(own, kind)[:, None] * (1 - reached * np.asarray(relief)) for kind, reached in reach.items())
    return joined(spinal, *others)


def findings(age: Array, degeneration: Array, porosity: Array, deviates: Mapping[str, Array]) -> dict[str, Array]:
    """Return what a perfect reader of MRI finds: ``disc_degeneration``, ``facet_degeneration`` and ``endplate_defect``
    (0 or 1), and ``modic`` (type 0-3).

    Parameters
    ----------
    age : ndarray, shape (n_people,)
        Years.
    degeneration : ndarray
        0 to 1.
    porosity : ndarray
        Of the endplate, fold of the young.
    """
    seen = (degeneration >= value_of("degeneration_seen")).astype(float)
    at_40 = value_of("facet_at_40") / 100
    facet = expit(np.log(at_40 / (1 - at_40)) + value_of("facet_log_odds_per_year") * (age - 40))
    log_porosity = np.log(porosity)
    defect = expit(value_of("defect_log_odds") + value_of("defect_per_log_porosity") * log_porosity)
    modic = expit(value_of("modic_log_odds") + value_of("modic_per_log_porosity") * log_porosity
                  + value_of("modic_given_degeneration") * seen)  # fmt: skip
    shares = modic_shares()[1:]
    kind = 1.0 + np.searchsorted(np.cumsum(shares / shares.sum())[:-1], deviates["modic_type"], side="right")
    return {
        "disc_degeneration": seen,
        "facet_degeneration": (deviates["facet"] < facet).astype(float),
        "endplate_defect": (deviates["defect"] < defect).astype(float),
        "modic": np.where(deviates["modic"] < modic, kind, 0.0),
    }


def case_definitions(pain: Array, age: Array) -> dict[str, Array]:
    """Return by several definitions how likely each person counts as a case, shape (n_people,), 0 to 1.

    ``pain_free`` and ``chronic`` are about lasting pain; ``any_now`` and ``limiting_now`` add its slow fluctuation in
    those who have some, and in the others an episode they may be in today; ``ever`` adds their first episodes.
    """
    from scipy.special import ndtr

    sd = value_of("fluctuation_sd")
    free = pain < value_of("pain_free_below")
    # of the free so many fall ill a year and stay so for so long, recovering at one rate
    begun = -np.log1p(-value_of("episode_incidence")) * value_of("episode_days") / (np.log(2) * 365.25)
    in_episode = begun / (1 + begun)
    years = np.maximum(age - value_of("first_episode_age"), 0.0)
    return {
        "pain_free": free.astype(float),
        "chronic": (pain >= value_of("chronic_from")).astype(float),
        "patient": (pain >= value_of("limiting_from")).astype(float),
        "any_now": np.where(free, in_episode, ndtr((pain - value_of("pain_free_below")) / sd)),
        "limiting_now": np.where(
            free, in_episode * value_of("episode_limiting"), ndtr((pain - value_of("limiting_from")) / sd)
        ),
        "ever": np.where(free, -np.expm1(-value_of("first_episode_rate") * years), 1.0),
    }
