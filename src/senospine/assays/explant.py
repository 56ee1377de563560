"""Discs in culture, seen before and after: MRI of the nucleus, and factors in the medium."""

from __future__ import annotations

import numpy as np

from senospine.assays.readout import Array, Readout, States, Traits, lasting, log_normal_noise, value_of


def _t1rho(y: States, z: Traits) -> Array:
    return np.asarray(100 * y["disc_matrix_share_of_start"] ** value_of("t1rho_matrix_exponent"))


def _sasp(y: States, z: Traits) -> Array:
    return np.asarray(100 * y["disc_sasp_share_of_start"] * lasting("protein", "explant_sasp_trait_cv")(z))


def explant_readouts() -> list[Readout]:
    """Return the read-outs of discs in culture."""
    own = ("human_disc",)
    return [
        Readout("explant_t1rho", "T1rho of the nucleus", "percent", "T1rho of the nucleus, after in percent of before",
                ("disc_matrix_share_of_start",), "down", False, _t1rho, log_normal_noise("t1rho_noise_cv"), own),
        Readout("explant_sasp", "SASP in the medium", "percent",
                "one factor in the medium by bead assay, after in percent of before",
                ("disc_sasp_share_of_start",), "up", False, _sasp, log_normal_noise("explant_sasp_noise_cv"), own),
    ]  # fmt: skip
