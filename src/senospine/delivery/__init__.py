"""How drugs reach the cells of the disc: proofs of transport, times to equilibrium, profiles and designs."""

from senospine.delivery.antibiotics import Comparison, antibiotics, diffusivity_of
from senospine.delivery.convergence import CASES, Accuracy, accuracy, convergence, early_errors
from senospine.delivery.design import Design, Interval, design
from senospine.delivery.disc import disc_model, disc_species
from senospine.delivery.halftimes import HalfTime, half_time, half_times
from senospine.delivery.layers import shares, transport_text
from senospine.delivery.patient import Patient
from senospine.delivery.profile import Profile, profile

__all__ = [
    "CASES",
    "Accuracy",
    "Comparison",
    "Design",
    "HalfTime",
    "Interval",
    "Patient",
    "Profile",
    "accuracy",
    "antibiotics",
    "convergence",
    "design",
    "diffusivity_of",
    "disc_model",
    "disc_species",
    "early_errors",
    "half_time",
    "half_times",
    "profile",
    "shares",
    "transport_text",
]
