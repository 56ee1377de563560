"""A person measured again: what lasts is the same at every visit, and no more than reliabilities say."""

from __future__ import annotations

import numpy as np
import pytest

from senospine.assays import MARKERS, record_marker
from senospine.assays.marker import modic_shares, pfirrmann_shares
from senospine.assays.readout import log_sd, value_of
from senospine.stats import weighted_kappa

N = 60_000


def three_records(name: str, latent: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return the record at screening and those at two visits, the truth staying as it is."""
    marker = MARKERS[name]
    first = marker.deviates.draw(N, np.random.default_rng(1))
    lasting = marker.deviates.lasting(first, np.random.default_rng(2))
    later = [marker.deviates.again(lasting, np.random.default_rng(seed)) for seed in (3, 4)]
    return [marker.clinic(latent, deviates) for deviates in (first, *later)]


@pytest.mark.parametrize(("name", "row"), [("gdf15", "gdf15"), ("tcell_p16", "p16"), ("plasma_il6", "sasp")])
def test_plasma_changes_from_visit_to_visit_by_its_own_and_the_assays_variation(name: str, row: str) -> None:
    """Variance of a difference of logs: twice that within a person and that of the assay, whichever two visits."""
    state = {"age": np.full(N, 50.0), "endplate_senescence": np.full(N, np.e), "disc_senescence": np.full(N, np.e)}
    logs = [np.log(values) for values in three_records(name, state)]
    wanted = 2 * (log_sd(f"{row}_within_cv") ** 2 + log_sd("plasma_assay_cv") ** 2)
    for a, b in ((0, 1), (1, 2), (0, 2)):
        np.testing.assert_allclose((logs[a] - logs[b]).var(), wanted, rtol=0.03)
    spread = value_of(f"{row}_sd") ** 2 * (1 - value_of(f"{row}_tie") ** 2) + log_sd("plasma_assay_cv") ** 2
    np.testing.assert_allclose([values.var() for values in logs], spread, rtol=0.03)


def test_il6_is_as_reliable_over_time_as_published() -> None:
    """Intraclass correlations of 0.48 and 0.66 are published; the coefficient of variation comes from a third study."""
    state = {"age": np.full(N, 50.0), "endplate_senescence": np.full(N, np.e), "disc_senescence": np.full(N, np.e)}
    _, one, two = three_records("plasma_il6", state)
    assert 0.48 < np.corrcoef(np.log(one), np.log(two))[0, 1] < 0.8


@pytest.mark.parametrize(
    ("name", "weights", "kappa"),
    [("modic", "linear", 0.85), ("pfirrmann", "none", 0.67), ("endplate_defect", "none", 0.665)],
)  # fmt: skip
def test_one_reader_agrees_with_himself_as_published(name: str, weights: str, kappa: float) -> None:
    """Endplate defects: the image's chance lasts, so that two visits differ as two readers of one image do."""
    generator = np.random.default_rng(6)
    latent = {
        "modic": generator.choice(4, N, p=modic_shares()).astype(float),
        "degeneration": generator.choice(5, N, p=pfirrmann_shares()) / 4,
        "endplate_defect": (generator.random(N) < 0.456).astype(float),
    }
    records = three_records(name, latent)
    for a, b in ((0, 1), (1, 2)):
        np.testing.assert_allclose(weighted_kappa(records[a], records[b], weights), kappa, atol=0.02)


def test_what_an_image_never_shows_is_not_seen_to_heal() -> None:
    marker = MARKERS["endplate_defect"]
    first = marker.deviates.draw(N, np.random.default_rng(1))
    lasting = marker.deviates.lasting(first, np.random.default_rng(2))
    np.testing.assert_array_equal(lasting[0], first[0])
    again = [marker.deviates.again(lasting, np.random.default_rng(seed)) for seed in (3, 4)]
    before, after = (
        marker.clinic({"endplate_defect": np.full(N, true)}, deviates)
        for true, deviates in zip((1.0, 0.0), again, strict=True)
    )  # fmt: skip
    np.testing.assert_allclose(before.mean() - after.mean(), 0.75 - 0.18, atol=0.01)  # sensitivity, 1 - specificity
    hidden = first[0] > 0.9  # beyond any chance to be shown: only readers' slips are left, alike before and after
    np.testing.assert_allclose(before[hidden].mean(), after[hidden].mean(), atol=0.02)


def test_a_record_is_made_of_the_generators_numbers_in_their_order() -> None:
    """Screening of designs that were run before must give the same bytes."""
    latent = {"age": np.full(5, 60.0), "endplate_senescence": np.full(5, 2.0)}
    own, assay = np.random.default_rng(7).standard_normal((2, 5))
    noise = value_of("gdf15_sd") * np.sqrt(1 - value_of("gdf15_tie") ** 2) * own + log_sd("plasma_assay_cv") * assay
    true = record_marker("gdf15", latent, np.random.default_rng(7), "oracle")
    np.testing.assert_array_equal(record_marker("gdf15", latent, np.random.default_rng(7)), true * np.exp(noise))
    chances = np.random.default_rng(7)
    guess, sees = chances.random(5), chances.random(5)
    wanted = np.where(sees < np.sqrt(0.65), 2.0, np.searchsorted(np.cumsum(modic_shares())[:-1], guess, side="right"))
    np.testing.assert_array_equal(record_marker("modic", {"modic": np.full(5, 2.0)}, np.random.default_rng(7)), wanted)


@pytest.mark.parametrize("name", ["gdf15", "modic", "endplate_defect"])
def test_a_persons_later_records_do_not_depend_on_who_follows(name: str) -> None:
    kind = MARKERS[name].deviates
    first = kind.draw(9, np.random.default_rng(1))
    for step in (kind.lasting, kind.again):
        few, many = (step(first[:, :count], np.random.default_rng(2)) for count in (5, 9))
        np.testing.assert_array_equal(few, many[:, :5])
