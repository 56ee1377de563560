"""How drugs reach the disc."""
