"""Figures that R gave for the first small trial of our own making, so that tests need no R.

Trial 0 of seed 1 of `trial_helpers.design(more=MORE)` on `trial_helpers.bank()`, written by `write_cdisc`; R 4.2.2 with
nlme 3.1-162: gls(AVAL ~ TRT01P * AVISITN + BASE * AVISITN + STRAT1 * AVISITN, corSymm, varIdent, REML), with week 12 as
reference level of AVISITN, so that TRT01Pdrug is the contrast there. gls tells no Satterthwaite or Kenward-Roger.
"""

MORE = (
    "adverse_events: {background: 40 %, stops: 30 %}\nrescue: {pain_at_least: 7}\n"
    "estimand: {stopping: hypothetical, rescue: hypothetical}\n"
)
GLS = {"estimate": -1.1857337709241, "se": 0.6397814664902}
