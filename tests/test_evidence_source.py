"""The 83 shipped rows beside the table they were read into from the paper: panel, sign and star must match."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from senospine.evidence import Contrast, load_evidence
from senospine.evidence.rows import TABLES

ENDPOINTS = (  # first match counts
    ("wheel active", "wheel_active_time"), ("wheel distance", "wheel_distance"), ("wheel maximum", "wheel_max_speed"),
    ("heat response", "heat_latency"), ("paw withdrawal frequency 0.07", "withdrawal_frequency_0.07g"),
    ("paw withdrawal frequency 0.4", "withdrawal_frequency_0.4g"), ("endplate porosity", "endplate_porosity"),
    ("endplate Tb.Sp", "trabecular_separation"), ("SnOC (p16+TRAP+)", "snoc_density"),
    ("SA-bGal", "sa_beta_gal_density"), ("TRAP+HMGB1+", "hmgb1_trap_density"), ("TRAP+ cell", "osteoclast_density"),
    ("endplate score", "endplate_score"), ("MMP13", "mmp13_intensity"), ("ColX", "colx_intensity"),
    ("PGP9.5", "pgp95_fibres"), ("CGRP", "cgrp_fibres"), ("Ntn1 mRNA", "netrin1_mrna"), ("Ngf mRNA", "ngf_mrna"),
    ("Netrin-1 protein", "netrin1_protein"), ("NGF protein", "ngf_protein"), ("CD31", "cd31_vessels"),
    ("Emcn", "emcn_vessels"),
)  # fmt: skip

Finding = tuple[str, str, str, str, str, str, str]


def read_off(row: dict[str, str]) -> Finding | None:
    """Return one row of the source as the shipped table would put it; None where it holds no comparison."""
    words = re.search(r"direction=([^;]*); significant=(.*)", row["how_obtained"])
    if not row["source"].startswith("Pan et al. 2024") or words is None:
        return None
    readout = next(name for start, name in ENDPOINTS if row["endpoint"].startswith(start))
    study = {"LSI": "pan2024-lsi", "aged": "pan2024-aged"}[row["model"]]
    control = "sham" if row["model"] == "LSI" else "young"  # Fig 1 writes sham for both
    arm, versus = ("navitoclax", "vehicle") if row["group"].count("ABT263") else ("vehicle", control)
    star = {"yes": "yes", "no": "no"}.get(re.split(r"\W", words[2])[0], "unclear")
    direction = "none" if star == "no" else words[1]
    return study, row["figure"], readout, arm, versus, direction, star


def test_every_comparison_of_the_paper_is_shipped_as_it_was_read(shared_folder: Path) -> None:
    with (shared_folder / "evidence" / "pan2024.csv").open(encoding="utf-8", newline="") as file:
        source = [finding for row in csv.DictReader(file) if (finding := read_off(row)) is not None]
    shipped = [
        (row.study, row.panel, row.readout, row.arm, row.versus, row.direction, row.significant)
        for row in load_evidence(TABLES / "pan2024.csv")
        if isinstance(row, Contrast)
    ]
    assert len(source) == 83
    assert sorted(source) == sorted(shipped)


def test_declared_roles_are_the_shared_ones(shared_folder: Path) -> None:
    with (shared_folder / "evidence" / "roles.csv").open(encoding="utf-8", newline="") as file:
        declared = {(row["experiment"], row["subset"]): row["role"] for row in csv.DictReader(file)}
    names = {
        ("pan2024-lsi", "disease"): ("Pan 2024 LSI", "disease and drug contrasts"),
        ("pan2024-lsi", "drug"): ("Pan 2024 LSI", "disease and drug contrasts"),
        ("pan2024-aged", "disease"): ("Pan 2024 aged", "disease contrasts"),
        ("pan2024-aged", "drug"): ("Pan 2024 aged", "drug contrasts"),
    }
    rows = load_evidence(TABLES / "pan2024.csv")
    assert {(row.study, row.subset) for row in rows} == set(names)
    for row in rows:
        assert row.role == declared[names[row.study, row.subset]], row.id
