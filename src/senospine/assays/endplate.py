"""Endplate and vertebra: cells, micro-CT, stains, messages and proteins, and the core's own data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from senospine.assays.readout import (
    Array,
    Expected,
    Readout,
    States,
    Traits,
    graded,
    lasting,
    level,
    log_normal_noise,
    log_sd,
    no_noise,
    percent_of_odds,
    stain,
    value_of,
)


def _count_noise(expected: Array, generator: np.random.Generator) -> Array:
    """Cells are counted: Poisson over the area looked at."""
    area = value_of("count_area")
    return generator.poisson(expected * area) / area


def _cell_density(cells: Callable[[States], Array]) -> Expected:
    own = lasting("cells", "count_trait_cv")
    return lambda y, z: value_of("trap_density") * np.maximum(cells(y), 0.0) * own(z)


def _senescent_osteoclasts(background: str) -> Callable[[States], Array]:
    return lambda y: y["trap_osteoclasts"] - y["osteoclasts"] + value_of(background)


def _porosity(y: States, z: Traits) -> Array:
    """The fold acts on the odds, so that a porosity never exceeds 100 %."""
    young = value_of("porosity_young") / 100
    return percent_of_odds(young / (1 - young) * y["endplate_porosity"] * lasting("bone", "bone_trait_cv")(z))


def _odds_noise(cv: str) -> Callable[[Array, np.random.Generator], Array]:
    def noise(expected: Array, generator: np.random.Generator) -> Array:
        odds = expected / (100 - expected) * np.exp(log_sd(cv) * generator.standard_normal(expected.shape))
        return percent_of_odds(odds)

    return noise


def _trabecular_separation(y: States, z: Traits) -> Array:
    fold = y["endplate_porosity"] ** value_of("tbsp_exponent")
    return np.asarray(value_of("tbsp_young") * fold * lasting("bone", "bone_trait_cv")(z))


def _trabecular_volume(y: States, z: Traits) -> Array:
    young = value_of("bvtv_young") / 100
    return percent_of_odds(young / (1 - young) * y["trabecular_bone"] * lasting("bone", "bone_trait_cv")(z))


def _trabecular_thickness(y: States, z: Traits) -> Array:
    return np.asarray(value_of("tbth_young") * y["trabecular_thickness"] * lasting("bone", "bone_trait_cv")(z))


def _endplate_score(y: States, z: Traits) -> Array:
    """Fissures and defects follow porosity, disordered bone follows ossification, cartilage its calcification."""
    latent = (
        value_of("endplate_score_young")
        + value_of("endplate_score_porosity") * np.log(y["endplate_porosity"])
        + value_of("endplate_score_ossification") * y["ectopic_ossification"]
        + value_of("endplate_score_calcification") * np.log(y["endplate_calcification"])
        + value_of("endplate_score_trait_sd") * z["score"]
    )
    return np.asarray(np.maximum(latent, 0.0))


def _reporter(y: States, z: Traits) -> Array:
    return np.asarray(
        (value_of("reporter_background") + y["senescent_osteoclasts"]) * lasting("cells", "count_trait_cv")(z)
    )


def _matrix(y: States, z: Traits) -> Array:
    return np.asarray(100 * y["bone_formation"] * lasting("bone", "mineralised_matrix_trait_cv")(z))


def endplate_readouts() -> list[Readout]:
    """Return the read-outs of endplate and vertebra."""
    fold = "mean intensity per mm2, fold of control, batch shared"
    stained = log_normal_noise("stain_noise_cv")
    return [
        Readout("snoc_density", "p16+TRAP+ cells", "1/mm2", "N(p16+TRAP+)/T.Ar, endplate section",
                ("trap_osteoclasts", "osteoclasts"), "up", False,
                _cell_density(_senescent_osteoclasts("snoc_background")), _count_noise),
        Readout("hmgb1_trap_density", "HMGB1+TRAP+ cells", "1/mm2", "N(HMGB1+TRAP+)/T.Ar, endplate section",
                ("trap_osteoclasts", "osteoclasts"), "up", False,
                _cell_density(_senescent_osteoclasts("hmgb1_background")), _count_noise),
        Readout("sa_beta_gal_density", "SA-beta-Gal+ cells", "1/mm2", "N(SA-bGal+)/T.Ar, endplate section",
                ("senescent_osteoclasts",), "up", False,
                _cell_density(lambda y: value_of("sa_beta_gal_background")
                              + value_of("sa_beta_gal_per_senescent_cell") * y["senescent_osteoclasts"]),
                _count_noise),
        Readout("osteoclast_density", "TRAP+ cells", "1/mm2", "N(TRAP+)/T.Ar, endplate section",
                ("trap_osteoclasts",), "up", False, _cell_density(lambda y: y["trap_osteoclasts"]), _count_noise),
        # of people too, where the level of the young is as unknown as in mice: the same assumption holds for both
        Readout("endplate_porosity", "endplate porosity", "percent", "Po(tot), caudal endplate L4-L5, micro-CT",
                ("endplate_porosity",), "up", False, _porosity, _odds_noise("porosity_noise_cv"), ("mouse", "human")),
        Readout("trabecular_separation", "Tb.Sp", "mm", "Tb.Sp, caudal endplate L4-L5, micro-CT",
                ("endplate_porosity",), "up", False, _trabecular_separation, log_normal_noise("tbsp_noise_cv")),
        Readout("endplate_score", "endplate score", "1", "endplate histology score (Boos, Masuda), range not stated",
                ("endplate_porosity", "ectopic_ossification", "endplate_calcification"), "up", False,
                _endplate_score, graded("endplate_score_highest", "endplate_score_noise_sd")),
        Readout("mmp13_intensity", "MMP13", "fold", f"MMP13 {fold}",
                ("endplate_calcification",), "up", True, stain("endplate_calcification"), stained),
        Readout("colx_intensity", "collagen X", "fold", f"ColX {fold}",
                ("endplate_calcification",), "up", True, stain("endplate_calcification"), stained),
        Readout("trabecular_bone_volume", "BV/TV", "percent", "BV/TV, lumbar vertebral trabecular bone, micro-CT",
                ("trabecular_bone",), "down", False, _trabecular_volume, _odds_noise("bvtv_noise_cv")),
        Readout("trabecular_thickness", "Tb.Th", "mm", "Tb.Th, lumbar vertebral trabecular bone, micro-CT",
                ("trabecular_thickness",), "down", False, _trabecular_thickness, log_normal_noise("tbsp_noise_cv")),
        Readout("mineralised_matrix", "mineralised matrix", "percent",
                "mineralised matrix of marrow stromal cells in culture, per cent of untreated",
                ("bone_formation",), "down", False, _matrix, log_normal_noise("mineralised_matrix_noise_cv")),
        Readout("bone_formation_rate", "bone formation", "fold",
                "bone formation rate per surface, endplate, fold of control",
                ("bone_formation",), "down", True, level("bone_formation", "mrna"),
                log_normal_noise("mineralised_matrix_noise_cv")),
        Readout("cgrp_fibres", "CGRP+ fibres", "fold", f"CGRP {fold}",
                ("sensory_innervation",), "up", True, stain("sensory_innervation"), stained),
        Readout("pgp95_fibres", "PGP9.5+ fibres", "fold", f"PGP9.5 {fold}",
                ("neuronal_fibres",), "up", True, stain("neuronal_fibres"), stained),
        Readout("cd31_vessels", "CD31", "fold", f"CD31 {fold}",
                ("h_vessels",), "up", True, stain("h_vessels"), stained),
        Readout("emcn_vessels", "endomucin", "fold", f"Emcn {fold}",
                ("h_vessels",), "up", True, stain("h_vessels"), stained),
        Readout("netrin1_mrna", "Ntn1 mRNA", "fold", "2^-ddCt of Ntn1 over Gapdh, whole endplate, fold of control",
                ("netrin1",), "up", True, level("netrin1", "mrna"), log_normal_noise("mrna_noise_cv")),
        Readout("ngf_mrna", "Ngf mRNA", "fold", "2^-ddCt of Ngf over Gapdh, whole endplate, fold of control",
                ("ngf",), "up", True, level("ngf", "mrna"), log_normal_noise("mrna_noise_cv")),
        Readout("netrin1_protein", "netrin-1 protein", "fold", "Ntn1 by ELISA, whole endplates L3-L5, fold of control",
                ("netrin1",), "up", True, level("netrin1", "protein"), log_normal_noise("protein_noise_cv")),
        Readout("ngf_protein", "NGF protein", "fold", "NGF by ELISA, whole endplates L3-L5, fold of control",
                ("ngf",), "up", True, level("ngf", "protein"), log_normal_noise("protein_noise_cv")),
        Readout("pge2_protein", "PGE2", "fold", "PGE2 by ELISA, whole endplates, fold of control",
                ("prostaglandin_e2",), "up", True, level("prostaglandin_e2", "protein"),
                log_normal_noise("protein_noise_cv")),
        Readout("p16_reporter", "p16 reporter", "fold", "whole-body p16-luciferase, fold of control",
                ("senescent_osteoclasts",), "up", True, _reporter, log_normal_noise("reporter_noise_cv")),
        Readout("senescent_cell_removal", "removal of senescent cells", "1/day",
                "rate at which a pulse of senescent cells is removed, per day",
                ("senescent_removal",), "down", False, lambda y, z: np.asarray(y["senescent_removal"]), no_noise),
    ]  # fmt: skip
