"""Disc and dorsal horn: senescent cells, secretome with its detection limit, volume, score, markers of the cord."""

from __future__ import annotations

import numpy as np

from senospine.assays.readout import (
    Array,
    Expected,
    Noise,
    Readout,
    States,
    Traits,
    graded,
    lasting,
    log_normal_noise,
    percent_of_odds,
    stain,
    value_of,
)


def _positive(burden: str, trait: str) -> Expected:
    """p16+ cells among all: the odds rise with the burden from a background of the stain."""

    def expected(y: States, z: Traits) -> Array:
        odds = value_of("p16_odds_background") + value_of("p16_odds_per_burden") * y[burden]
        return percent_of_odds(odds * lasting(trait, "p16_trait_cv")(z))

    return expected


def _counted(expected: Array, generator: np.random.Generator) -> Array:
    """So many cells are looked at; each is positive or not."""
    cells = int(value_of("p16_cells"))
    return 100 * generator.binomial(cells, expected / 100) / cells


def _secreted(young: str) -> Expected:
    own = lasting("protein", "protein_trait_cv")
    return lambda y, z: np.asarray(value_of(young) * y["disc_sasp"] * own(z))


def _above(limit: str) -> Noise:
    """Below its detection limit a level is written down as the limit."""

    def noise(expected: Array, generator: np.random.Generator) -> Array:
        return np.maximum(log_normal_noise("protein_noise_cv")(expected, generator), value_of(limit))

    return noise


def _volume(y: States, z: Traits) -> Array:
    return np.asarray(value_of("disc_volume_young") * y["disc_matrix"] * lasting("disc", "disc_volume_trait_cv")(z))


def _score(y: States, z: Traits) -> Array:
    latent = (
        value_of("degeneration_score_young")
        + value_of("degeneration_score_matrix") * (1 - y["disc_matrix"])
        + value_of("degeneration_score_trait_sd") * z["score"]
    )
    return np.asarray(np.maximum(latent, 0.0))


def disc_readouts() -> list[Readout]:
    """Return the read-outs of disc and dorsal horn."""
    stained = log_normal_noise("stain_noise_cv")
    panel = [
        Readout(f"disc_{name}", f"disc {label}", "pg/mL",
                f"{label} released by the disc, multiplex bead assay, censored at its detection limit",
                ("disc_sasp",), "up", False, _secreted(f"{name}_young"), _above(f"{name}_limit"))
        for name, label in (("il6", "IL-6"), ("cxcl1", "CXCL1"), ("tnf", "TNF-alpha"))
    ]  # fmt: skip
    return [
        Readout("disc_p16", "disc p16+ cells", "percent", "N(p16+)/N(cells), disc section",
                ("senescent_disc_cells",), "up", False, _positive("senescent_disc_cells", "disc"), _counted,
                ("mouse", "human_disc")),
        Readout("dorsal_horn_p16", "dorsal-horn p16+ cells", "percent", "N(p16+)/N(cells), lumbar dorsal horn section",
                ("senescent_dorsal_horn",), "up", False, _positive("senescent_dorsal_horn", "cord"), _counted),
        *panel,
        Readout("disc_volume", "disc volume", "mm3", "volume between endplates, lumbar disc, micro-CT",
                ("disc_matrix",), "down", False, _volume, log_normal_noise("disc_volume_noise_cv")),
        Readout("degeneration_score", "disc degeneration score", "1",
                "histological score of the disc, range not stated",
                ("disc_matrix",), "up", False, _score,
                graded("degeneration_score_highest", "degeneration_score_noise_sd")),
        Readout("dorsal_horn_cgrp", "dorsal-horn CGRP", "fold",
                "CGRP mean intensity, lumbar dorsal horn, fold of control",
                ("dorsal_horn_cgrp",), "up", True, stain("dorsal_horn_cgrp", "cord"), stained),
        Readout("dorsal_horn_gfap", "dorsal-horn GFAP", "fold",
                "GFAP mean intensity, lumbar dorsal horn, fold of control",
                ("dorsal_horn_gfap",), "up", True, stain("dorsal_horn_gfap", "cord"), stained),
    ]  # fmt: skip
