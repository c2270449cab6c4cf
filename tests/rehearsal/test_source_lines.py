"""Where keys stand in a TOML text."""

from fleetcast.rehearsal.source_lines import lines_of

TEXT = '''# a comment
name = "x"

[network]          # a table
band = "EU868"
"odd key" = 'a = "b" # no comment'
long = [
  1,  # one ]
  2,
]
text = """
[not.a.table]
fake = 1
"""

[[fleet]]
count = 1
  [fleet.defects]
  never_heard = 1

[[fleet]]
loss = { uniform = [0.1, 0.2] }
a.b.c = 1
'''


def test_keys_are_found_on_their_lines() -> None:
    lines = lines_of(TEXT)
    assert lines["name",] == 2
    assert lines["network",] == 4
    assert lines["network", "band"] == 5
    assert lines["network", "odd key"] == 6


def test_values_over_several_lines_hide_nothing_and_add_nothing() -> None:
    lines = lines_of(TEXT)
    assert lines["network", "long"] == 7
    assert lines["network", "text"] == 11
    assert not any("fake" in path or "not" in path for path in lines)


def test_tables_of_an_array_are_counted_and_own_the_tables_inside() -> None:
    lines = lines_of(TEXT)
    assert lines["fleet", 0, "count"] == 17
    assert lines["fleet", 0, "defects", "never_heard"] == 19
    assert lines["fleet", 1, "loss"] == 22
    assert lines["fleet", 1, "a", "b", "c"] == 23
