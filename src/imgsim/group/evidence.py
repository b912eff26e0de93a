"""What the differences of two pictures are evidence of.

A sign says that one of two pictures was made from the other, and how, or that it shows more. What
cannot be told is none: the limits of `evidence_limits` leave room between yes and no, and
`Signs.unsure` names what lies in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from imgsim.group.evidence_limits import EVIDENCE
from imgsim.measure.differences import MIN_WINDOWS, Differences
from imgsim.types import Picture, Verdict

COMPRESSED_FROM = "the kept file was compressed from it"
ENLARGED_FROM = "the kept file was enlarged from it"
WHICH_FIRST = "which of the two came first"
HIDDEN_EDIT = "whether its compression hides an edit"
LESS_DETAIL = "whether the kept file has more detail"
MORE_DETAIL = "whether it has more detail"


@dataclass(frozen=True, slots=True)
class Sign:
    """One way in which a picture differs from the one it is compared with, and how that shows.

    Attributes
    ----------
    role : str
        See `types.Role`.
    why : str
    derived : bool
        Only a picture made from the other one has it.
    """

    role: str
    why: str
    derived: bool = True


@dataclass(frozen=True, slots=True)
class Signs:
    """How a picture differs from another one.

    Attributes
    ----------
    signs : tuple of Sign
    unsure : tuple of str
        What can be neither told nor ruled out.
    fits_steps : bool
        All differences lie within the steps of the other one, a JPEG: if this one was first, the
        other may be the same picture compressed again.
    unexplained : str
        What scaling and compression do not explain of it; empty if they explain all that shows.
    """

    signs: tuple[Sign, ...] = ()
    unsure: tuple[str, ...] = ()
    fits_steps: bool = False
    unexplained: str = ""


def signs_of(
    base: Picture, other: Picture, verdict: Verdict | None, measured: Differences | None
) -> Signs:
    """Tell how a picture differs from a base that it was verified with.

    Parameters
    ----------
    base, other : Picture
    verdict : Verdict or None
        With the base on the left.
    measured : Differences or None
        With the base on the left.
    """
    if verdict is None or measured is None:
        return Signs((), ("not measured",))
    found = _Signs(base, other, verdict, measured)
    found.placing()
    found.overlay()
    if measured.windows < MIN_WINDOWS:
        found.unsure.append("too small to be measured")
    else:
        found.sharpness()
        found.noise()
        found.colours()
        found.parts()
        found.generation()
    found.size()
    return Signs(
        tuple(found.signs),
        tuple(dict.fromkeys(found.unsure)),
        found.fits_steps,
        found.unexplained(),
    )


class _Signs:
    """Signs in the making."""

    def __init__(self, base: Picture, other: Picture, verdict: Verdict, m: Differences) -> None:
        self.base, self.other, self.verdict, self.m = base, other, verdict, m
        self.signs: list[Sign] = []
        self.unsure: list[str] = []
        self.fits_steps = False
        residue = m.residue[1]
        # all of a JPEG lies within half a step of the base: that leaves no room for noise or blur
        self.within_steps = residue is not None and bool(residue[-1]) and not self.unexplained()
        if residue is not None and residue[5] > EVIDENCE.left_crowded[False]:
            self.within_steps = False

    def unexplained(self) -> str:
        """What scaling and compression do not explain of the picture, as a copy of the base."""
        return _unexplained(self.m.residue[1], self.other, scaled=self._scaled())

    def add(self, role: str, why: str, *, derived: bool = True) -> None:
        self.signs.append(Sign(role, why, derived))

    def has(self, *roles: str) -> bool:
        return any(sign.role in roles for sign in self.signs)

    def placing(self) -> None:
        """How the picture lies upon the base: turned, cut, set into something, stretched."""
        m, e = self.m, EVIDENCE
        if m.turned:
            self.add("mirrored" if m.mirrored else "turned", m.turn_text, derived=False)
        shape = 1 / min(self.base.facts.height, self.base.facts.width)
        shape = 2 * max(shape, 1 / min(self.other.facts.height, self.other.facts.width))
        if m.stretch > e.stretch[1] + shape:
            self.add("stretched", f"stretched by {100 * (m.stretch - 1):.0f} %", derived=False)
        elif m.stretch > e.stretch[0] + shape:
            self.unsure.append("stretched a little")
        if m.border > 0:
            self.add("inset", "the kept picture in a narrow border")
        elif m.border < 0:
            self.add("fuller", "without the narrow border of the kept file")
        if m.placed:
            return
        shown, inside = m.area
        turned = m.angle >= e.angle[1]
        filled, kept_filled = (
            m.filled[i] >= e.one_colour > m.filled[1 - i]
            # what is turned within its frame has corners cut off, too
            and (turned or m.area[1 - i] >= e.area[1] > m.area[i])
            for i in (1, 0)
        )
        if turned:
            corners = ", its corners filled" if filled else ""
            self.add("rotated", f"turned by {m.angle:.1f} degrees{corners}", derived=filled)
        elif m.angle > e.angle[0]:
            self.unsure.append("turned a little")
        if self.has("rotated") and (filled or kept_filled):
            if kept_filled:
                self.add("fuller", "without the filled corners of the kept file")
        elif self._is_enlarged(1 / m.scale) and inside < e.area[1] <= shown:
            self.add("inset", f"the kept picture, enlarged, is {_percent(inside)} of it")
        elif self._is_enlarged(m.scale) and shown < e.area[1] <= inside:
            around = "without what is around it in the kept file, which was enlarged"
            self.add("fuller", f"{around}: {_percent(shown)} are in common")
        elif kept_filled or (self.verdict.more > 0 and not self.verdict.overlay and not filled):
            around = "without what is around it" if kept_filled else "shows more"
            self.add("fuller", f"{around}: {_percent(min(shown, inside))} are in common")
        elif inside < e.area[1] and shown >= 0.95:
            self.add("inset", f"the kept picture is {_percent(inside)} of it")
        elif shown < e.area[1]:
            beside = " and more beside it" if inside < e.area[1] else ""
            self.add("cropped", f"shows {_percent(shown)} of the kept picture{beside}")
        else:
            self.unsure.append("cut or framed a little")

    def _is_enlarged(self, scale: float) -> bool:
        """Whether the picture that has `scale` times the pixels has no more detail for them."""
        return scale > EVIDENCE.scale[0] and _detail(self.m)[0]

    def overlay(self) -> None:
        """Words or a logo over one of them."""
        if not self.verdict.overlay:
            return
        if self.verdict.more > 0:
            self.add("fuller", "without the words or the logo over the kept file")
        elif self.verdict.more < 0:
            self.add("overlaid", "words or a logo are laid over it")
        else:
            self.unsure.append("words or a logo over one of them")

    def colours(self) -> None:
        """Other tones or colours."""
        m, e = self.m, EVIDENCE
        grey = [chroma < e.grey[0] for chroma in m.chroma]
        lost = max(e.grey[1], m.mean_errors[1])  # so faint colours compression may take away
        coloured = [chroma > lost for chroma in m.chroma]
        toned = [share <= e.toned for share in m.own_colour]
        if grey[1] and coloured[0]:
            self.add("edited", "black-and-white", derived=not toned[0])
        elif grey[0] and coloured[1] and toned[1]:  # which anybody can make of a grey one
            self.add("edited", "toned in one colour", derived=False)
        elif grey[0] and coloured[1]:
            self.add("fuller", "in colour; the kept file is black-and-white")
        elif grey[0] != grey[1]:
            self.unsure.append("colours")
        rough = self.rough
        if not any(grey) and not self.verdict.overlay:
            self._tints(rough)
        if m.tone >= max(e.tone[1] * rough, m.mean_errors[0]) and not self.verdict.overlay:
            self.add("edited", f"other tones: {m.tone:.0f} levels off", derived=False)
        elif m.tone > e.tone[0]:
            self.unsure.append("tones")
        if not self.verdict.overlay:
            self._cut_off()

    def _cut_off(self) -> None:
        """Tones that only one of them has, and so came first."""
        kept, its = self.m.cut
        if its > kept == 0:
            cut = f"{_percent(its)} of it cut off at white or black"
            edited = [sign.why for sign in self.signs if sign.role == "edited"]
            self.signs = [sign for sign in self.signs if sign.role != "edited"]
            self.add("edited", ", ".join([*edited[:1], cut]))
        elif kept > its == 0:
            self.add("fuller", f"has tones that the kept file cuts off, {_percent(kept)} of it")

    @property
    def rough(self) -> float:
        """How many times as much tones and colours have to differ."""
        rough = self.has("blurred", "noisier", "fuller")
        return EVIDENCE.rough if rough else 1.0

    def _tints(self, rough: float) -> None:
        m, e = self.m, EVIDENCE
        strength = max(m.saturation, 1 / max(m.saturation, 0.01)) - 1
        strength *= min(1.0, m.chroma[0] / 2)  # there is little to go by in nearly grey pictures
        possible = m.mean_errors[1]  # levels that compression may change colours by
        stronger = strength >= e.saturation[1] * rough and strength * m.chroma[0] >= possible
        # of stronger colours the mean moves by no more than their distance from grey does
        moved = m.tint > e.moved_colours * abs(m.saturation - 1) * m.chroma[0]
        related = e.related_colours[0] <= m.saturation <= e.related_colours[1]
        if stronger and related and not moved:
            how = "stronger" if m.saturation > 1 else "weaker"
            percent = abs(100 * (m.saturation - 1))
            self.add("edited", f"colours {percent:.0f} % {how}", derived=False)
        elif stronger or m.tint >= max(e.tint[1] * rough, possible):
            tinted = ", tinted as by another white balance" if moved else ""
            self.add("edited", f"other colours{tinted}", derived=False)
        elif strength > max(e.saturation[0], e.saturation_levels / max(m.chroma[0], 0.01)) or (
            m.tint > e.tint[0] and not self.within_steps
        ):
            self.unsure.append("colours")

    def sharpness(self) -> None:
        """Blurred or sharpened, the one or the other."""
        e = EVIDENCE
        if self._scaled() and _detail(self.m)[0]:
            return  # the larger one was enlarged, which leaves its finer details weaker
        sharpened = e.sharpening_scaled if self._scaled() else e.sharpening
        gain, back = self.m.gain, self.m.gain_back
        middle = slice(1, 5)
        # of a picture with more pixels than detail the finest bands say nothing
        # words over a picture have fine details of their own
        a_little = not self.verdict.overlay
        if _is_blurred(gain, back, a_little=a_little) and not self._scaled():
            self.add("blurred", f"{_percent(max(0.0, gain[3]))} of the finer details are left")
        elif _is_blurred(back, gain, a_little=a_little) and not self._scaled():
            self.add("fuller", "sharper than the kept file")
        elif min(gain[middle]) >= 1 and max(gain[middle]) >= sharpened[1] and not _is_steep(gain):
            self.add("edited", f"sharpened {max(gain[middle]):.1f} x")
        elif min(back[middle]) >= 0.97 and max(back[middle]) >= sharpened[1]:
            # a share of all fine details alike is what sharpening leaves seen from its result
            if not self._scaled() and min(gain[4:7]) >= e.flat * gain[3]:
                self.add("fuller", "the kept file was sharpened from it")
            else:
                self.unsure.append("sharpness")  # this one may be blurred a little
        elif max(max(gain[middle]), max(back[middle])) > sharpened[0] and not self.within_steps:
            self.unsure.append("sharpness")
        if min(gain[1:4]) < e.blur[0] and not self.within_steps:
            self.unsure.append("sharpness")

    def _scaled(self) -> bool:
        scale = self.m.scale
        return max(scale, 1 / scale) > EVIDENCE.scale[0]

    def noise(self) -> None:
        """Noise that was added to the one or the other."""
        if self.within_steps:
            return
        # what was compressed from a picture has lost some of its noise, and is no better for it
        may_be_compressed = [
            _takes_noise_away(picture) or _may_leave(steps)
            for picture, steps in zip((self.base, self.other), self.m.steps, strict=True)
        ]
        if _is_noisier(self.m) and not may_be_compressed[0]:
            self.add("noisier", f"noise of {math.hypot(*self.m.own[1]):.0f} levels")
        elif _is_noisier(self.m.swapped()) and not may_be_compressed[1]:
            self.add("fuller", "less noise than the kept file")
        elif self.m.noise[1] - self.m.noise[0] > max(
            EVIDENCE.noise_even[1], EVIDENCE.noise_share[self._scaled()] * self.m.noise[0]
        ):
            self.unsure.append("noise")

    def parts(self) -> None:
        """A part that differs where the rest does not."""
        m, e = self.m, EVIDENCE
        if self.verdict.detail > e.detail[self._scaled()]:
            self.unsure.append("a part of it")
        if m.spot <= e.spot[0]:
            return
        if m.spot >= e.spot[1] and not self.has("overlaid", "blurred", "edited", "fuller"):
            self.add("edited", "a part of it differs", derived=False)
        else:
            self.unsure.append("a part of it")

    def generation(self) -> None:
        """Which of the two was compressed from the other."""
        m, e = self.m, EVIDENCE
        own = _compressed_from(m.steps[0], self.other)
        other = _compressed_from(m.steps[1], self.base)
        self.fits_steps = other and _keeps_steps(self.base)
        from_own = from_other = False
        if m.generation is not None:
            from_own, from_other = _generation(m, m.generation)
        elif not self.has("edited"):  # other tones bring any picture between the steps
            if m.step_ratio:
                own = own and m.step_ratio >= 1 / e.finer
                other = other and m.step_ratio <= e.finer
            made = _made_from(m, self.other), _made_from(m.swapped(), self.base)
            from_own = (made[0] or other) and not own and not made[1]
            from_other = (made[1] or own) and not other and not made[0]
        if from_own:
            self.add("reencoded", "compressed again from the kept file")
            if self._may_be_mended():
                self.unsure.append(WHICH_FIRST)
            if not _keeps_steps(self.other) and _finest(m.own[1]) > e.hides_nothing:
                self.unsure.append(HIDDEN_EDIT)
        elif from_other:
            self.add("fuller", COMPRESSED_FROM)
        elif m.step_ratio and not self._scaled():
            self.unsure.append(WHICH_FIRST)

    def _may_be_mended(self) -> bool:
        """Whether the base may as well be this JPEG, mended within its own steps.

        Programs that smooth a JPEG keep to its steps. In colours the chroma, which has fewer
        pixels, betrays them; a grey one that was not brought to the steps of the base does not.
        """
        grey = min(self.m.chroma) < EVIDENCE.grey[1]
        return grey and not _made_from(self.m, self.other)

    def size(self) -> None:
        """More or fewer pixels, and whether there is detail to them."""
        m, e = self.m, EVIDENCE
        scale = 1 / m.scale
        ratio = max(scale, m.scale)
        if ratio <= e.scale[0]:
            return
        none, some = _detail(m)
        if scale > 1:
            larger = f"{scale:.1f} x larger"
            if none:
                share = f"no detail beyond {m.scale:.2f} of its resolution"
                self.add("enlarged", f"{larger}, {share}")
            elif some:
                self.add("fuller", f"{larger}, with detail that the kept file lacks")
            else:
                self.unsure.append(MORE_DETAIL)
        elif none and not self.has("inset"):
            self.add("fuller", ENLARGED_FROM)
        else:
            self.add("smaller", f"{_percent(scale)} of the width and height", derived=some)
            if not some:
                self.unsure.append(LESS_DETAIL)


def _unexplained(residue: tuple[float, ...] | None, copy: Picture, *, scaled: bool) -> str:
    """What a copy shows that its source does not, when it is scaled and compressed."""
    e = EVIDENCE
    if residue is None:
        return "whether scaling and compression explain all of it"
    top, top_clipped, _, beyond, lost, crowded, level, colour, edge, *_, step, steps_known = residue
    if steps_known:
        explained = (
            top <= e.left_top
            and beyond <= e.left_beyond
            and lost <= e.left_lost
            and crowded <= e.left_crowded[scaled]
        )
    else:
        most = e.left_heif if copy.facts.format == "HEIF" or copy.facts.lossless else e.left_other
        explained = top <= most[0] and level <= most[1]
        if copy.facts.lossless:
            explained = explained and step <= e.left_lossless
        else:  # what is much for such steps was done in one place
            explained = (
                explained
                and top <= max(e.left_small, e.left_top_steps * step)
                and top_clipped <= max(e.left_small, e.left_clipped_steps * step)
                and level <= e.left_level_steps[0] + e.left_level_steps[1] * step
            )
            if copy.facts.format == "HEIF":
                explained = explained and colour <= e.left_colour_heif
    explained = explained and colour <= e.left_colour and top_clipped <= e.left_clipped
    explained = explained and edge <= e.left_edge
    return "" if explained else "more than scaling and compression explain"


def _detail(m: Differences) -> tuple[bool, bool]:
    """Whether the picture with more pixels has surely no more detail than the other, or surely."""
    e = EVIDENCE
    if m.beyond is None or not m.gain or max(m.scale, 1 / m.scale) < e.scale[1]:
        return False, False
    softness = (m.gain if m.scale > 1 else m.gain_back)[4]
    none = m.beyond <= e.beyond[0] or (
        m.beyond <= e.beyond_unclear[0] and softness >= e.softness[1]
    )
    some = m.beyond >= e.beyond[1] or (
        m.beyond >= e.beyond_unclear[1] and softness <= e.softness[0]
    )
    residue = m.residue[1] if m.scale > 1 else m.residue[0]
    if residue is not None and residue[-1]:
        error, shape = residue[9:11]
        evenly = e.steps[0] <= error <= e.steps[1] and shape <= e.left_shape
        if evenly and residue[5] <= e.left_crowded[False]:
            return False, True  # the smaller one was compressed from what the larger one gives
    if m.not_enlarged is not None:
        # blur leaves no detail either, but what interpolation gives is known
        none = none and not _was_scaled_down(m)
        none = none or m.not_enlarged <= e.enlarged[0]
    return none, some and not none


def _was_scaled_down(m: Differences) -> bool:
    """The smaller one is the larger one scaled down, and that was not enlarged from it."""
    residue = m.residue[1] if m.scale > 1 else m.residue[0]
    if m.not_enlarged is None or m.not_enlarged < EVIDENCE.enlarged[1] or residue is None:
        return False
    return residue[0] <= (EVIDENCE.left_top if residue[-1] else EVIDENCE.left_other[0])


def _is_blurred(gain: tuple[float, ...], back: tuple[float, ...], *, a_little: bool) -> bool:
    """Details are lost, all the more the finer they are; only the finest of them, `a_little`.

    Where the other picture was sharpened, a share of all details is left; where it is noisy, it
    does not show the details of this one more strongly.
    """
    e = EVIDENCE
    lost = gain[3] < e.blur[1] and min(gain[-3:]) < e.plateau
    if lost and max(back[1:4]) > e.blur_back[0]:
        return True
    # where so much is lost, and some of the finest is left, the other one was sharpened
    stronger = a_little and gain[3] >= e.blur[1] and max(back[3:5]) >= e.blur_back[1]
    return stronger and (min(gain[5:7]) < e.plateau or back[6] >= e.steep[1] * back[3])


def _is_steep(gain: tuple[float, ...]) -> bool:
    """Fine details are stronger, the finest by far: what was blurred a little looks like that."""
    return gain[6] >= EVIDENCE.steep[0] * gain[3]


def _is_noisier(m: Differences) -> bool:
    """The right picture shows all that the left one shows, and noise."""
    e = EVIDENCE
    low, high = e.noise_gain
    more = m.noise[1] - m.noise[0]
    scaled = max(m.scale, 1 / m.scale) > e.scale[0]
    ratio = e.noise_ratio[0] if more >= e.noise_even[1] else e.noise_ratio[1]
    return (
        all(low <= gain <= high for gain in m.gain[1:6])
        and m.own[1][-2] >= e.noise_level
        and m.gain[-2] >= ratio * m.gain_back[-2]
        and more >= e.noise_even[scaled]
        and more >= e.noise_share[scaled] * m.noise[0]
    )


def _may_leave(steps: tuple[float, ...] | None) -> bool:
    """Whether a JPEG, of whose steps this is, may be the other picture, compressed."""
    return steps is not None and steps[2] <= EVIDENCE.lean_beyond[0]


def _takes_noise_away(picture: Picture) -> bool:
    """Whether compression that is unknown may have taken noise out of a picture.

    As strongly compressed HEIC is, and formats in which no camera writes.
    """
    if _keeps_steps(picture):
        return False
    bits = 8 * picture.file.size_bytes / picture.pixels
    return picture.facts.format != "HEIF" or bits < EVIDENCE.heif_bits


def _finest(levels: tuple[float, ...]) -> float:
    return sum(levels[-3:]) / 3


def _keeps_steps(source: Picture) -> bool:
    """Whether a picture, had it been made from a JPEG, would still show the steps of that."""
    return source.facts.lossless or source.facts.format in ("JPEG", "MPO")


def _compressed_from(steps: tuple[float, ...] | None, source: Picture) -> bool:
    """A JPEG was compressed from the other picture."""
    if steps is None:
        return False
    e = EVIDENCE
    error, coarse, beyond, shape = steps[:4]
    evenly = all(e.steps[0] <= away <= e.steps[1] for away in (error, coarse))
    # errors of another lossy format are less even than what rounding leaves
    most = e.steps_shape[0] if _keeps_steps(source) else e.steps_shape_lossy
    return evenly and beyond <= e.steps_beyond and shape <= most


def _made_from(m: Differences, other: Picture) -> bool:
    """The right picture was made from the left one, a JPEG."""
    steps, e = m.steps[0], EVIDENCE
    if steps is None:
        return False
    near = steps[1] < e.made_steps
    if _keeps_steps(other):
        return near
    if steps[1] > e.made_nearer and steps[2] <= e.made_beyond:
        return False  # the JPEG may be made from it, at the steps of one that it was made from
    if near:
        return True
    held, sure, held_far, away = steps[4:]
    if held < e.held or sure < e.held_sure or held_far > e.held_far:
        return False
    heic = other.facts.format == "HEIF"
    expected = math.sqrt(-math.log(min(held, 0.999)) / 2) / math.pi  # of normal errors
    less, more = e.held_noise[heic]
    noise = (m.noise[1] - m.noise[0]) / max(m.noise[0], 0.5)
    return away <= e.held_away[heic] * expected and -less <= noise <= more


def _generation(m: Differences, generation: tuple[tuple[float, float], ...]) -> tuple[bool, bool]:
    """Whether the right one of two JPEGs was compressed from the left one, or the other way."""
    ratios = m.step_ratio, 1 / m.step_ratio
    left, right = (
        _is_later(generation, i) and _is_rounded(m.steps[i], ratios[1 - i], generation[2][i])
        for i in (0, 1)
    )
    return right and not left, left and not right


def _is_later(generation: tuple[tuple[float, float], ...], which: int) -> bool:
    """Whether the left (0) or right (1) one is all that the other one rounds to, and not so back.

    Either the other one is far from that, or this one would be, had it been the first.
    """
    e = EVIDENCE
    failing, expected = (pair[which] for pair in generation[:2])
    back = generation[0][1 - which]
    far = back >= max(e.generation_back, e.generation_times * failing)
    known = expected >= e.generation_known and failing <= e.generation * expected
    return failing <= e.generation_failing and (far or known)


def _is_rounded(steps: tuple[float, ...] | None, ratio: float, spread: float) -> bool:
    """Whether the other JPEG lies about the steps of one as what was rounded to them does.

    It has `ratio` times its steps. What was changed too lies further off than half a step; where
    noise was added to the one, it lies off by as many levels from larger steps as from smaller, and
    where it was saved at other steps in between, at few places.
    """
    e = EVIDENCE
    much_finer = ratio <= e.generation_much_finer
    most, least = e.generation_spread
    if ratio <= most and spread < least and (spread or much_finer):
        return False
    if steps is None:
        return True
    coarse, beyond, shape, held = steps[1:5]
    if much_finer and held > e.generation_held[ratio <= e.generation_third]:
        return False
    if beyond > e.generation_beyond or ratio > e.generation_finer:
        return beyond <= e.generation_beyond
    by_halves = not much_finer and ratio <= e.finer
    return coarse >= e.generation_coarse and shape <= e.steps_shape[by_halves]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def derivation(
    base: Picture, other: Picture, verdict: Verdict | None, measured: Differences | None
) -> tuple[int, str]:
    """Tell which of two pictures was made from the other.

    Parameters
    ----------
    base, other : Picture
    verdict : Verdict or None
        With the base on the left.
    measured : Differences or None
        With the base on the left.

    Returns
    -------
    int
        1 if `other` was made from the base, -1 if the base was made from it, 0 if nothing tells.
        Where no sign does, what is more likely.
    str
        How that shows.
    """
    signs = signs_of(base, other, verdict, measured).signs
    derived = derived_by(signs)
    if derived[0] or measured is None or any(s.derived or s.role == "fuller" for s in signs):
        return derived
    if max(measured.scale, 1 / measured.scale) > EVIDENCE.scale[0]:
        return _lean_of_sizes(measured)
    leans = [_lean_near_steps]
    if not any(sign.role == "edited" for sign in signs):  # other tones are between any steps
        leans += [_lean_of_compression, _lean_of_noise, _lean_of_format]
    for lean in leans:
        for direction, m in ((1, measured), (-1, measured.swapped())):
            if why := lean(m, *(base, other)[::direction]):
                return direction, why
    return 0, ""


def derived_by(signs: Sequence[Sign]) -> tuple[int, str]:
    """Tell by signs alone which of two pictures was made from the other, see `derivation`."""
    made = [sign for sign in signs if sign.derived and sign.role != "fuller"]
    fuller = [sign for sign in signs if sign.role == "fuller"]
    if made and not fuller:
        return 1, made[0].why
    if fuller and not made:
        return -1, fuller[0].why
    return 0, ""


def _lean_of_sizes(m: Differences) -> tuple[int, str]:
    """Which of two sizes of a picture the other was more likely made from."""
    e = EVIDENCE
    if max(m.scale, 1 / m.scale) < e.scale[1] or m.beyond is None or not m.gain:
        return 0, ""
    softness = (m.gain if m.scale > 1 else m.gain_back)[4]
    detail = (m.beyond - e.lean_detail[0]) / e.lean_detail[1]
    sharp = (e.lean_softness[0] - softness) / e.lean_softness[1]
    larger, smaller = m.noise if m.scale > 1 else m.noise[::-1]
    is_enlarged = m.not_enlarged is None or m.not_enlarged < e.lean_not_enlarged
    # noise that was added to an enlarged picture is not explained by enlarging either
    unexplained = not is_enlarged and larger <= smaller
    larger_first = detail + sharp > e.lean or unexplained or _was_scaled_down(m)
    why = "hardly any detail beyond that" if not larger_first else "fewer pixels"
    return (1 if larger_first == (m.scale > 1) else -1), why


# In each of these an empty text says that the right picture is not more likely the copy.


def _lean_near_steps(m: Differences, base: Picture, other: Picture) -> str:
    """Whether the right picture lies near the larger steps of the left one."""
    e = EVIDENCE
    own, its = m.steps
    if own is None or m.step_ratio < e.lean_finer or own[1] >= e.made_steps:
        return ""
    nearer = its is None or its[1] > own[1] + e.lean_nearer
    return "near the steps of its compression" if nearer else ""


def _lean_of_compression(m: Differences, base: Picture, other: Picture) -> str:
    """Whether the right one of two JPEGs is what its steps leave of the left one."""
    e = EVIDENCE
    own, its = m.steps
    if own is None or its is None or not _may_leave(its) or its[1] < e.steps[0]:
        return ""
    return "more compressed" if own[2] >= its[2] + e.lean_beyond[1] else ""


def _lean_of_noise(m: Differences, base: Picture, other: Picture) -> str:
    """Whether the right picture has more noise than the left one, which kept its own."""
    e = EVIDENCE
    if m.steps == (None, None) or not m.gain or _takes_noise_away(base):
        return ""
    if any(map(_may_leave, m.steps)):
        return ""  # one may be the other one compressed, which takes noise away
    more = m.noise[1] - m.noise[0]
    low, high = e.noise_gain
    shows_all = all(low <= gain <= high for gain in m.gain[1:5])
    least = max(e.lean_noise[0], e.lean_noise[1] * m.noise[0])
    return "noisier" if shows_all and more >= least else ""


def _lean_of_format(m: Differences, base: Picture, other: Picture) -> str:
    """Whether the right picture, of another lossy format, is not what the left JPEG is made of."""
    own, its = m.steps
    if own is None or its is not None or _keeps_steps(other):
        return ""
    return "changed more by compression" if own[2] >= EVIDENCE.lean_lossy else ""
