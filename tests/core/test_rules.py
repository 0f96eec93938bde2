"""Classes by rules: what is a rule, what is none, and what follows where a figure is not known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nanogauge.core.errors import SettingsError
from nanogauge.core.rules import classes_by_rules
from nanogauge.core.settings import Settings, read_settings, settings_from_dict, write_settings

TABLE = pd.DataFrame(
    {
        "aspect_ratio": [0.3, 0.9, 0.7, 0.45],
        "solidity": [0.98, 0.97, 0.8, 0.7],
        "geodesic_length_px": [80.0, np.nan, 40.0, np.nan],
    }
)


def classed(**rules: str) -> list[str]:
    return classes_by_rules(TABLE, rules)[0]


def test_the_first_rule_that_fits_counts() -> None:
    assert classed(rod="aspect_ratio < 0.5", ragged="solidity <= 0.8") == ["rod", "other", "ragged", "rod"]
    assert classed(ragged="solidity <= 0.8", rod="aspect_ratio < 0.5") == ["rod", "other", "ragged", "ragged"]


def test_and_or_not_brackets_chains_and_columns_on_both_sides() -> None:
    assert classed(a="0.4 < aspect_ratio <= 0.7 and not (solidity > 0.75)") == ["other", "other", "other", "a"]
    assert classed(a="aspect_ratio > solidity or aspect_ratio == 0.3") == ["a", "other", "other", "other"]
    assert classed(a="aspect_ratio > -1") == ["a"] * 4


def test_what_is_not_known_is_neither_true_nor_false() -> None:
    names, sure = classes_by_rules(TABLE, {"short": "not geodesic_length_px > 50", "round": "aspect_ratio > 0.8"})
    assert names == ["other", "unsure", "short", "unsure"]  # not "round": whether it is short comes first, and is not known
    assert np.isnan(sure).tolist() == [False, True, False, True]
    assert classed(a="geodesic_length_px > 50 and aspect_ratio > 0.95") == ["other"] * 4  # false whatever the length is
    assert classed(a="geodesic_length_px > 50 or solidity > 0.9") == ["a", "a", "other", "unsure"]


def test_lengths_in_nm_are_not_known_without_a_scale() -> None:
    assert classed(large="equivalent_diameter_nm > 50") == ["unsure"] * 4


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("aspect_ratio", "is not a comparison"),
        ("aspect_ratio <", "cannot be read"),
        ("flags == 3", "'flags' is not a column"),
        ("elongation < 2", "'elongation' is not a column"),
        ("aspect_ration < 0.5", "(is aspect_ratio meant?)"),
        ("__import__('os').system('true') < 1", "neither a column nor a number"),
        ("aspect_ratio < 1 + 1", "neither a column nor a number"),
        ("aspect_ratio < 'a'", "neither a column nor a number"),
        ("aspect_ratio in (1, 2)", "no comparison of numbers"),
        ("aspect_ratio < True", "neither a column nor a number"),
        ("(lambda: 1)() < 2", "neither a column nor a number"),
        ("(" * 400 + "solidity < 1" + ")" * 400, "cannot be read"),
        ("solidity < 1 and " * 100 + "solidity < 1", "longer than"),
    ],
)
def test_a_bad_rule_ends_in_one_line(rule: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        settings_from_dict({"classes": {"rules": {"rod": rule}}}, where="mine.toml")
    assert said in str(error.value)
    assert "mine.toml: [classes.rules] rod" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["other", "unsure", "a,b", 'a"b', "", "1"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be a class"):
        settings_from_dict({"classes": {"rules": {name: "solidity < 1"}}})


def test_settings_keep_rules_and_their_order(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[classes.rules]\nrod = "aspect_ratio < 0.5"\nball = "circularity > 0.9"\n', encoding="utf-8")
    settings = read_settings(file)
    assert list(settings.classes.rules) == ["rod", "ball"]
    assert settings.classes.by_rules
    file.write_text(write_settings(settings), encoding="utf-8")
    assert read_settings(file) == settings
    assert settings.to_dict()["classes"]["rules"]["rod"] == "aspect_ratio < 0.5"


def test_without_classes_the_settings_say_nothing_of_them() -> None:
    assert "classes" not in Settings().to_dict()
    assert settings_from_dict(Settings().to_dict()) == Settings()
    assert Settings().replace("classes", by="shape").to_dict()["classes"]["by"] == "shape"


def test_shapes_and_rules_exclude_each_other() -> None:
    with pytest.raises(SettingsError, match="leave one of them out"):
        settings_from_dict({"classes": {"by": "shape", "rules": {"rod": "aspect_ratio < 0.5"}}})
    with pytest.raises(SettingsError, match="there is none"):
        Settings().replace("classes", by="rules")
