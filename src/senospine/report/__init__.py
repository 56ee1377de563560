"""Faces of a result: the terminal's table and the report a biologist reads. No science here."""
