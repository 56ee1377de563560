"""Exchange: results in the shapes other programs read."""

from senospine.exchange.cdisc import cdisc_tables, r_script, write_cdisc

__all__ = ["cdisc_tables", "r_script", "write_cdisc"]
