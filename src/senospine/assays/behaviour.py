"""Behaviour: touch, heat, cold, grip, tail suspension, running. Blood, for its safety, at the end."""

from __future__ import annotations

import numpy as np

from senospine.assays.readout import (
    Array,
    Expected,
    Readout,
    States,
    Traits,
    lasting,
    log_normal_noise,
    log_sd,
    value_of,
)


def _withdrawals(young: str) -> Expected:
    def expected(y: States, z: Traits) -> Array:
        p = value_of(young)
        logit = np.log(p / (1 - p)) + value_of("withdrawal_slope") * np.log(y["mechanical_pain"])
        return np.asarray(10 / (1 + np.exp(-(logit + value_of("withdrawal_trait_sd") * z["touch"]))))

    return expected


def _withdrawal_noise(expected: Array, generator: np.random.Generator) -> Array:
    """Ten touches, three times over, averaged: each touch answers or not."""
    replicates = int(value_of("withdrawal_replicates"))
    return generator.binomial(10 * replicates, np.clip(expected / 10, 0, 1)) / replicates


def _heat(y: States, z: Traits) -> Array:
    return np.asarray(value_of("heat_young") / y["heat_pain"] * lasting("heat", "heat_trait_cv")(z))


def _heat_noise(expected: Array, generator: np.random.Generator) -> Array:
    """Each trial stops at the cut-off; what is recorded is the mean of the trials, censored ones included."""
    trials = int(value_of("heat_trials"))
    spread = log_sd("heat_noise_cv")
    single = expected[..., None] * np.exp(spread * generator.standard_normal((*expected.shape, trials)))
    return np.asarray(np.minimum(single, value_of("heat_cutoff")).mean(axis=-1))


def _acetone(y: States, z: Traits) -> Array:
    """Seconds spent on the paw after a drop of acetone."""
    seconds = value_of("acetone_young") * y["cold_pain"] ** value_of("acetone_pain_exponent")
    return np.asarray(seconds * lasting("cold", "acetone_trait_cv")(z))


def _acetone_noise(expected: Array, generator: np.random.Generator) -> Array:
    """The window ends the count."""
    seconds = log_normal_noise("acetone_noise_cv")(expected, generator)
    return np.minimum(seconds, value_of("acetone_window"))


def _grip(y: States, z: Traits) -> Array:
    force = value_of("grip_young") * y["axial_pain"] ** -value_of("grip_pain_exponent")
    return np.asarray(force * lasting("axial", "grip_trait_cv")(z))


def _tail_suspension(y: States, z: Traits) -> Array:
    """Seconds immobile of the window: an animal whose back hurts hangs less at full stretch. Odds, so never over it."""
    share = value_of("immobility_young") / value_of("immobility_window")
    odds = share / (1 - share) * y["axial_pain"] ** -value_of("immobility_pain_exponent")
    odds = odds * lasting("axial", "immobility_trait_cv")(z)
    return np.asarray(value_of("immobility_window") * odds / (1 + odds))


def _tail_suspension_noise(expected: Array, generator: np.random.Generator) -> Array:
    window = value_of("immobility_window")
    odds = expected / (window - expected)
    odds = odds * np.exp(log_sd("immobility_noise_cv") * generator.standard_normal(expected.shape))
    return np.asarray(window * odds / (1 + odds))


def _running(kind: str, share: float = 1.0) -> Expected:
    own = lasting("running", "running_trait_cv", share)

    def expected(y: States, z: Traits) -> Array:
        ageing = y["running_vigour"] ** value_of(f"{kind}_vigour_exponent")  # old animals run less without any pain
        pain = y["movement_pain"] ** -value_of(f"{kind}_pain_exponent")
        return np.asarray(value_of(f"{kind}_young") * ageing * pain * own(z))

    return expected


def _platelets(y: States, z: Traits) -> Array:
    return np.asarray(value_of("platelets_young") * y["platelets"] * lasting("blood", "platelet_trait_cv")(z))


def _lymphocytes(y: States, z: Traits) -> Array:
    return np.asarray(value_of("lymphocytes_young") * y["lymphocytes"] * lasting("blood", "lymphocyte_trait_cv")(z))


def behaviour_readouts() -> list[Readout]:
    """Return the read-outs of behaviour and blood."""
    run = ("movement_pain", "running_vigour")
    return [
        Readout("withdrawal_frequency_0.07g", "withdrawals, 0.07 g", "of 10", "withdrawals of 10, 0.07 g, mean of 3",
                ("mechanical_pain",), "up", False, _withdrawals("withdrawal_0_07g"), _withdrawal_noise),
        Readout("withdrawal_frequency_0.4g", "withdrawals, 0.4 g", "of 10", "withdrawals of 10, 0.4 g, mean of 3",
                ("mechanical_pain",), "up", False, _withdrawals("withdrawal_0_4g"), _withdrawal_noise),
        Readout("heat_latency", "heat latency", "s", "heat response time, mean of 3 trials, censored at the cut-off",
                ("heat_pain",), "down", False, _heat, _heat_noise),
        Readout("acetone_response", "acetone response", "s", "seconds of response to acetone on the paw, in a window",
                ("cold_pain",), "up", False, _acetone, _acetone_noise),
        Readout("grip_force", "grip force", "N", "peak force of grip, fore paws",
                ("axial_pain",), "down", False, _grip, log_normal_noise("grip_noise_cv")),
        Readout("tail_suspension_immobility", "immobile in tail suspension", "s",
                "seconds immobile of 180 s, tail suspension",
                ("axial_pain",), "down", False, _tail_suspension, _tail_suspension_noise),
        Readout("wheel_distance", "wheel distance", "km", "distance over 48 h, voluntary wheel",
                run, "down", False, _running("distance"), log_normal_noise("distance_noise_cv")),
        Readout("wheel_active_time", "wheel active time", "h", "active time over 48 h, voluntary wheel",
                run, "down", False, _running("active_time", value_of("active_time_share")),
                log_normal_noise("active_time_noise_cv")),
        Readout("wheel_max_speed", "wheel maximum speed", "m/min", "largest speed over 48 h, voluntary wheel",
                run, "down", False, _running("max_speed", value_of("max_speed_share")),
                log_normal_noise("max_speed_noise_cv")),
        Readout("platelet_count", "platelets", "1e9/L", "platelet count, whole blood",
                ("platelets",), "down", False, _platelets, log_normal_noise("platelet_noise_cv")),
        Readout("lymphocyte_count", "lymphocytes", "1e9/L", "lymphocyte count, whole blood",
                ("lymphocytes",), "down", False, _lymphocytes, log_normal_noise("platelet_noise_cv")),
    ]  # fmt: skip
