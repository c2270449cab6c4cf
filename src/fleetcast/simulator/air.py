"""What the air does to a frame: loss by device, gateway and direction, alone or in bursts.

All draws of a multicast frame are one NumPy draw over the devices that listen. Not here: collisions of uplinks and deaf
gateways (`uplink_air`, `gateways`), which are nobody's chance.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleetcast.errors import Invalid
from fleetcast.simulator.chance import Dice, stream

NO_GATEWAY = -1
"""An empty place among a device's links."""


@dataclass(frozen=True, slots=True)
class Bursts:
    """Gilbert-Elliott fading: a device's path is bad for `bad_share` of the time, `mean_bad_s` at a stretch.

    In bad times a frame is lost with `bad_loss`; the loss in good times follows from the device's mean loss.
    """

    bad_share: float
    mean_bad_s: float
    bad_loss: float = 0.9

    def __post_init__(self) -> None:
        if not (0 < self.bad_share < 1 and self.mean_bad_s > 0 and 0 < self.bad_loss <= 1):
            raise Invalid(
                f"bursts with a bad share of {self.bad_share}, {self.mean_bad_s} s and a loss of {self.bad_loss}: "
                "give a share between 0 and 1, a time above 0, and a loss above 0, up to 1"
            )

    @property
    def rate_per_us(self) -> float:
        """How fast the past is forgotten: leaving bad plus leaving good times."""
        leave_bad = 1 / (self.mean_bad_s * 1e6)
        return leave_bad / (1 - self.bad_share)

    def losses(self, mean: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Loss in good and in bad times that together make this mean; bad is never better than good."""
        bad = np.clip(mean / self.bad_share, 0, self.bad_loss)
        bad = np.maximum(bad, mean)
        good = (mean - self.bad_share * bad) / (1 - self.bad_share)
        return np.clip(good, 0, 1).astype(np.float32), bad.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Links:
    """Which gateways each device has in range, nearest first, and the loss (0 to 1) both ways.

    Three arrays of shape (devices, places); `gateway` holds gateway numbers or NO_GATEWAY.
    """

    gateway: NDArray[np.int16]
    down_loss: NDArray[np.float32]
    up_loss: NDArray[np.float32]

    def __post_init__(self) -> None:
        if not (self.gateway.shape == self.down_loss.shape == self.up_loss.shape and self.gateway.ndim == 2):
            raise Invalid(
                f"links of shapes {self.gateway.shape}, {self.down_loss.shape}, {self.up_loss.shape}: all must be "
                "(devices, places)"
            )
        for loss in (self.down_loss, self.up_loss):
            if loss.size and (float(loss.min()) < 0 or float(loss.max()) > 1):
                raise Invalid(f"a loss of {loss.min()} to {loss.max()} does not exist: use 0 to 1")

    @classmethod
    def one_gateway(cls, down_loss: NDArray[np.float64], up_loss: NDArray[np.float64]) -> Links:
        """All devices around gateway 0."""
        return cls(
            np.zeros((len(down_loss), 1), np.int16),
            down_loss.astype(np.float32).reshape(-1, 1),
            up_loss.astype(np.float32).reshape(-1, 1),
        )


class Air:
    """Draws who hears what."""

    def __init__(self, links: Links, seed: int, bursts: Bursts | None = None) -> None:
        self._bursts = bursts
        self._down = stream(seed, "air: multicast")
        self._one_down = Dice(stream(seed, "air: downlinks"))
        self._one_up = Dice(stream(seed, "air: uplinks"))
        self._fading = None if bursts is None else _Fading(bursts, len(links.gateway), seed)
        self._take(links)

    def grow(self, links: Links) -> None:
        """More devices behind those there were, whose links are the same as before."""
        if self._fading is not None:
            self._fading.grow(len(links.gateway))
        self._take(links)

    def _take(self, links: Links) -> None:
        self.links = links
        bursts = self._bursts
        places = links.gateway.shape[1]
        # By place, contiguous, for multicast; plain arrays for uplinks, where NumPy's scalars are slow.
        self._gateway = [np.ascontiguousarray(links.gateway[:, place]) for place in range(places)]
        self._gateways = int(links.gateway.max(initial=NO_GATEWAY)) + 1
        self._near: dict[int, NDArray[np.intp] | None] = {}
        self._down_loss = [np.ascontiguousarray(links.down_loss[:, place]) for place in range(places)]
        self._up_loss = [np.ascontiguousarray(links.up_loss[:, place]) for place in range(places)]
        if bursts is not None:
            split = [bursts.losses(loss) for loss in self._down_loss]
            self._down_loss, self._down_loss_bad = [good for good, _ in split], [bad for _, bad in split]
            split = [bursts.losses(loss) for loss in self._up_loss]
            self._up_loss, self._up_loss_bad = [good for good, _ in split], [bad for _, bad in split]
        else:
            self._down_loss_bad, self._up_loss_bad = self._down_loss, self._up_loss
        numbers = [array("h", column.tobytes()) for column in self._gateway]
        self._ups = tuple(zip(numbers, [array("f", loss.tobytes()) for loss in self._up_loss], strict=True))
        self._ups_bad = tuple(zip(numbers, [array("f", loss.tobytes()) for loss in self._up_loss_bad], strict=True))

    @property
    def single_gateway(self) -> bool:
        """Whether every device has gateway 0 and no other."""
        return len(self._gateway) == 1 and not self._gateway[0].any()

    def near(self, gateway: int) -> NDArray[np.intp] | None:
        """The devices that have this gateway in range; None: all."""
        if gateway not in self._near:
            devices = np.flatnonzero((self.links.gateway == gateway).any(axis=1))
            self._near[gateway] = None if len(devices) == len(self.links.gateway) else devices
        return self._near[gateway]

    def hear_multicast(self, devices: NDArray[np.intp], by: tuple[int, ...], at_us: int) -> NDArray[np.bool_]:
        """Which of these devices hear a frame that these gateways send at the same time."""
        sending = np.zeros(self._gateways + 1, np.bool_)
        sending[[gateway for gateway in by if gateway < self._gateways]] = True
        draws = self._down.random(len(devices), dtype=np.float32)
        bad = None if self._fading is None else self._fading.bad(devices, at_us)
        heard = np.zeros(len(devices), np.bool_)
        for place, gateways in enumerate(self._gateway):
            if place and len(by) > 1:
                draws = self._down.random(len(devices), dtype=np.float32)
            loss = self._down_loss[place][devices]
            if bad is not None:
                loss = np.where(bad, self._down_loss_bad[place][devices], loss)
            # A draw in [0, 1) below the loss is lost, so that a loss of 1 loses every frame.
            heard |= sending[gateways[devices]] & (draws >= loss)
        return heard

    def hears_downlink(self, device: int, gateway: int, at_us: int) -> bool:
        """Whether this device hears a frame that this gateway sends to it alone."""
        losses = self._down_loss if not self._is_bad(device, at_us) else self._down_loss_bad
        for gateways, loss in zip(self._gateway, losses, strict=True):
            if gateways[device] == gateway:
                return not self._one_down.happens(float(loss[device]))
        return False

    def gateways_of(self, device: int) -> list[int]:
        """The gateways in range, nearest first."""
        return [int(gateways[device]) for gateways in self._gateway if gateways[device] != NO_GATEWAY]

    def heard_by(self, device: int, at_us: int) -> list[int]:
        """The gateways that hear an uplink of this device, nearest first, were all of them listening."""
        ups = self._ups if self._fading is None or not self._is_bad(device, at_us) else self._ups_bad
        found: list[int] = []
        for gateways, loss in ups:
            gateway = gateways[device]
            if gateway != NO_GATEWAY and not self._one_up.happens(loss[device]):
                found.append(gateway)
        return found

    def _is_bad(self, device: int, at_us: int) -> bool:
        return self._fading is not None and bool(self._fading.bad(np.array([device]), at_us)[0])


class _Fading:
    """Whether each device's path is bad, brought up to date when somebody looks."""

    def __init__(self, bursts: Bursts, devices: int, seed: int) -> None:
        self._share = bursts.bad_share
        self._rate = bursts.rate_per_us
        self._stream = stream(seed, "air: fading")
        self._bad = self._stream.random(devices) < bursts.bad_share
        self._seen_us = np.zeros(devices, np.int64)

    def grow(self, devices: int) -> None:
        """So many devices now, in all."""
        more = devices - len(self._bad)
        self._bad = np.concatenate([self._bad, self._stream.random(more) < self._share])
        self._seen_us = np.pad(self._seen_us, (0, more))

    def bad(self, devices: NDArray[np.intp], at_us: int) -> NDArray[np.bool_]:
        """Draw the present state from the one last seen and the time since."""
        memory = np.exp(-self._rate * np.maximum(at_us - self._seen_us[devices], 0))
        chance = self._share + (self._bad[devices] - self._share) * memory
        bad: NDArray[np.bool_] = self._stream.random(len(devices)) < chance
        self._bad[devices] = bad
        self._seen_us[devices] = at_us
        return bad
