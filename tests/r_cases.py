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

#: the written script itself, mmrm 0.3.18 (built from its source) with emmeans 1.8.4-1: covariance and degrees
#: of freedom of the design; estimate, standard error, df, p at week 12
SCRIPT = [
    ("unstructured", "kenward-roger-linear", -1.185722414, 0.6477286443, 46.60614712, 0.07356077922),
    ("unstructured", "satterthwaite", -1.185722414, 0.6397612816, 46.60614712, 0.07016387934),
    ("TOEPH", "kenward-roger", -1.07281114, 0.6010485229, 51.71833468, 0.08014302496),
    ("ARH(1)", "kenward-roger-linear", -1.040630565, 0.6284317457, 49.97150078, 0.1040059627),
    ("CS", "kenward-roger", -1.090689248, 0.4655827898, 159.6767497, 0.02038168392),
]
#: FEV1 ~ RACE + SEX + ARMCD * AVISIT on the data set of R's mmrm: structure, method or vcov in R; estimate, standard
#: error, df, p of ARMCDTRT:AVISITVIS4, -2 log restricted likelihood
FEV = [
    ("us", "Satterthwaite", 0.6242270325, 1.850852354, 129.7204309, 0.7364625104, 3386.449876),
    ("us", "Kenward-Roger", 0.6242270325, 1.833246173, 129.7204309, 0.7340280695, 3386.449876),
    ("us", "Kenward-Roger-Linear", 0.6242270325, 1.867850616, 129.7204309, 0.7387718217, 3386.449876),
    ("toep", "Satterthwaite", 0.7307973691, 1.524858342, 268.2618326, 0.6321470311, 3520.643996),
    ("toep", "Kenward-Roger", 0.7307973691, 1.528640735, 268.2618326, 0.6329896814, 3520.643996),
    ("toep", "Kenward-Roger-Linear", 0.7307973691, 1.530940346, 268.2618326, 0.6335001921, 3520.643996),
    ("toeph", "Satterthwaite", 0.7591220043, 1.830458198, 131.2502561, 0.6790261987, 3397.131307),
    ("toeph", "Kenward-Roger", 0.7591220043, 1.832062397, 131.2502561, 0.6792914201, 3397.131307),
    ("toeph", "Kenward-Roger-Linear", 0.7591220043, 1.842462833, 131.2502561, 0.6810006758, 3397.131307),
    ("ar1", "Satterthwaite", 0.4671831092, 1.620734534, 525.1207465, 0.7732661032, 3525.078763),
    ("ar1", "Kenward-Roger", 0.4671831092, 1.622975931, 525.1207465, 0.7735706574, 3525.078763),
    ("ar1", "Kenward-Roger-Linear", 0.4671831092, 1.622717211, 525.1207465, 0.7735355444, 3525.078763),
    ("ar1h", "Satterthwaite", 0.3598748531, 2.004979257, 222.9232067, 0.8577155664, 3404.219246),
    ("ar1h", "Kenward-Roger", 0.3598748531, 2.000379108, 222.9232067, 0.8573918898, 3404.219246),
    ("ar1h", "Kenward-Roger-Linear", 0.3598748531, 2.006757583, 222.9232067, 0.8578403021, 3404.219246),
    ("cs", "Satterthwaite", 0.7801168126, 1.52201888, 411.6030806, 0.6085382984, 3522.042949),
    ("cs", "Kenward-Roger", 0.7801168126, 1.5234142, 411.6030806, 0.608866512, 3522.042949),
    ("cs", "Kenward-Roger-Linear", 0.7801168126, 1.52370041, 411.6030806, 0.6089337712, 3522.042949),
    ("csh", "Satterthwaite", 0.6907640242, 1.87185677, 201.1541573, 0.7124963962, 3398.001027),
    ("csh", "Kenward-Roger", 0.6907640242, 1.867901049, 201.1541573, 0.711914885, 3398.001027),
    ("csh", "Kenward-Roger-Linear", 0.6907640242, 1.874235447, 201.1541573, 0.7128449728, 3398.001027),
    ("adh", "Satterthwaite", 0.3337035702, 1.996306506, 224.8092078, 0.8673940362, 3393.096824),
    ("adh", "Kenward-Roger", 0.3337035702, 1.993672149, 224.8092078, 0.8672204523, 3393.096824),
    ("adh", "Kenward-Roger-Linear", 0.3337035702, 2.001053523, 224.8092078, 0.8677056903, 3393.096824),
]
