"""How drugs reach the cells of the disc: proofs of transport, times to equilibrium, profiles and designs."""

from senospine.delivery.convergence import Accuracy, accuracy, convergence, early_errors
from senospine.delivery.disc import disc_model, disc_species
from senospine.delivery.layers import shares, transport_text

__all__ = [
    "Accuracy",
    "accuracy",
    "convergence",
    "disc_model",
    "disc_species",
    "early_errors",
    "shares",
    "transport_text",
]
