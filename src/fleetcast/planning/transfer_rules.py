"""Figures of the transfer strategies that the campaign goes by, and the estimate before it: one place for both.

What they are applied to is the matter of `campaign.transfer`.
"""

from __future__ import annotations

from typing import Final

SILENT_ROUNDS: Final = 3
"""So many rounds of unicast requests without an answer, and a device counts no more.

One round of three requests would lose three in a thousand devices with a working uplink that loses 15 %.
"""


def round_worth(fragments: int, *, sampled: bool) -> float:
    """Fragments that a round of questions is worth: measured, for five rounds in a transfer, the sample included."""
    return 5.5 + fragments / 50 if sampled else 4 + fragments / 70
