"""A person of blood alone, with a drug of one compartment or with hazards of one's own."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from senospine.model import Model, load_model, read_register
from senospine.model.loading import BIOLOGY

HANDED = (
    "platelets, neutrophils, lymphocytes, immune_capacity, platelet_kill, precursor_kill, neutrophil_precursor_kill, "
    "lymphocyte_kill, platelets_baseline, neutrophils_baseline, lymphocytes_baseline"
)
PERSON = """import "human_blood.ant"
model *person()
  unit day = 86400 second;
  unit per_day = 1 / (86400 second);
  unit fold = 1 dimensionless;
  unit giga_per_litre = 1e9 / (1 litre);
  unit time_unit = 86400 second;
  var platelets, neutrophils, lymphocytes, immune_capacity, drug;
  blood: HumanBlood({handed});
  drug has fold;
  elimination has per_day;
  potency has per_day;
  elimination = 0.98;  // a half-life of 17 h
  potency = 0;
  drug' = -elimination * drug;
  drug = 0;
  platelet_kill := potency * drug + steady_kill;
  platelet_kill has per_day;
  steady_kill has per_day;
  steady_kill = 0;
  precursor_kill has per_day;
  neutrophil_precursor_kill has per_day;
  lymphocyte_kill has per_day;
  precursor_kill = 0;
  neutrophil_precursor_kill = 0;
  lymphocyte_kill = 0;
  platelets_baseline has giga_per_litre;
  neutrophils_baseline has giga_per_litre;
  lymphocytes_baseline has giga_per_litre;
{values}
end
"""


@cache
def person() -> Model:
    """Return the blood of a person with the register's values."""
    import tempfile

    rows = read_register(BIOLOGY / "parameters-human.csv")
    mine = [name for name in rows if name.startswith("blood_") or name in BASELINES]
    values = "\n".join(f"  {name.replace('blood_', 'blood.')} = {rows[name].value!r};" for name in mine)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "human_blood.ant").write_text((BIOLOGY / "human_blood.ant").read_text())
        (place / "person.ant").write_text(PERSON.format(values=values, handed=HANDED))
        return load_model(place / "person.ant")


BASELINES = ("platelets_baseline", "neutrophils_baseline", "lymphocytes_baseline")
