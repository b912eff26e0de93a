"""From where on a difference of two pictures is evidence of something."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Evidence:
    """The numbers by which differences are told, set on seeds 0 to 4 of benchmarks/library.py.

    Where there are two, the first still counts as no difference and the second as one.
    """

    angle: tuple[float, float] = (0.12, 0.4)
    """Degrees by which a picture is turned."""
    stretch: tuple[float, float] = (1.004, 1.012)
    """By how much it is stretched, beyond what rounding to whole pixels explains."""
    area: tuple[float, float] = (0.993, 0.985)
    """Share of the area that is seen."""
    one_colour: float = 0.9
    """Share of what is around a turned picture that has one colour, if corners were filled."""
    tone: tuple[float, float] = (0.9, 3.5)
    """Grey levels by which tones differ (root mean square). Noise near black makes 2.7."""
    saturation: tuple[float, float] = (0.035, 0.1)
    """Share by which colours are stronger or weaker."""
    related_colours: tuple[float, float] = (0.1, 10.0)
    """Colour per colour, at least and at most, of a picture whose colours were made stronger."""
    moved_colours: float = 1.1
    """Times as far as stronger colours could move the mean colour, at most, if it was moved."""
    saturation_levels: float = 0.5
    """Levels that the first of them is at least: lossy formats take as much of faint colours."""
    tint: tuple[float, float] = (0.5, 1.2)
    """Levels by which the mean colour differs."""
    rough: float = 2.5
    """Times as much of these has to differ where noise was added, or detail lost: both change means
    where levels end."""
    grey: tuple[float, float] = (0.5, 2.0)
    """Mean chroma of a black-and-white picture at most, and of one in colours at least."""
    toned: float = 0.1
    """Share of the colour that is no matter of light, at most, of a picture that was toned. Of 180
    grey pictures that were tinted and saved at quality 85 and 95, 9 of 10 have 0.094 at most; of
    248 photos in colours one has less than 0.146."""
    detail: tuple[float, float] = (0.15, 0.25)
    """The most that a small place differs of two encodings of one picture, and where the sizes
    differ, see `Verdict.detail`. Of 115 copies that were only compressed again 3 had more, of 10
    with a watermark 1 had less."""
    spot: tuple[float, float] = (9.0, 45.0)
    """Levels by which the most different small part differs, where nothing else does."""
    blur: tuple[float, float] = (0.8, 0.55)
    """Share of the details of middle frequency that is left, and at which share blur is told."""
    blur_back: tuple[float, float] = (1.1, 1.2)
    """By how much the other picture shows the details of a blurred one more strongly, at least, and
    where much is left of those of middle frequency."""
    steep: tuple[float, float] = (1.3, 1.45)
    """How much more strongly it shows the finest of them than those of middle frequency: sharpened
    pictures less than the first, the source of a blurred one more than the second. Of 22 pictures
    that were sharpened and 22 that were blurred with sigma 0.6, the former had 1.17 at most and the
    latter 1.47 at least."""
    sharpening: tuple[float, float] = (1.12, 1.2)
    """The same of a picture that was sharpened."""
    sharpening_scaled: tuple[float, float] = (1.25, 1.4)
    """The same where the sizes differ: resampling sharpens, too."""
    plateau: float = 0.25
    """Share of the finest details that is left at least, seen from a sharpened picture; blur leaves
    nothing of them."""
    flat: float = 0.85
    """Share of the finer details that is left at least, of that of middle frequency, where the base
    was sharpened and not the other one blurred."""
    noise_gain: tuple[float, float] = (0.9, 1.12)
    """Share of the details that a noisy picture still shows."""
    noise_level: float = 2.0
    """Grey levels of own fine structure of a picture that was made noisier, at least."""
    noise_ratio: tuple[float, float] = (1.1, 1.25)
    """Power of its fine details, of those of the other picture, at least: where even parts say so
    clearly, and where they hardly do."""
    noise_even: tuple[float, float] = (0.35, 0.8)
    """Levels by which even parts have more fine structure, hardly and clearly."""
    noise_share: tuple[float, float] = (0.1, 0.3)
    """The same as a share of what there is; where the sizes differ the second."""
    heif_bits: float = 1.0
    """Bits a pixel of HEIC, at least, that has kept its noise. Of 44 copies of quality 20 and 30
    0.9 at most, of 44 of quality 40 and 50 0.3 to 2.9."""
    scale: tuple[float, float] = (1.01, 1.18)
    """Ratio of sizes: up to the first they are the same, from the second on detail is told."""
    beyond: tuple[float, float] = (-12.5, -8.2)
    """Decibels of detail beyond the smaller picture's: none up to the first, some from the second.
    Of 260 pairs each, enlarged pictures had -8.5 at most, and what a smaller one was made from
    -12 at least."""
    beyond_unclear: tuple[float, float] = (-9.0, -11.0)
    """In between, none up to the first and some from the second, if the softness says so too."""
    softness: tuple[float, float] = (1.05, 1.3)
    """By how much the smaller picture shows finer details more strongly than the larger one that
    was brought to its size: up to the first the smaller one was made from it, from the second the
    larger one was enlarged. In the same pairs enlarged pictures had 1.09 at least, the others 1.23
    at most."""
    enlarged: tuple[float, float] = (0.04, 0.1)
    """Share of the coefficients that enlarging the smaller picture does not explain: up to the
    first the larger one was enlarged, from the second on not by any kernel that is known. Of 114
    enlarged JPEGs 0.034 at most; of 114 originals that were blurred with sigma 1 to 2.5, from JPEGs
    of 40 to 80 % of the width, 0.053 at least."""
    lean_detail: tuple[float, float] = (-9.5, 1.5)
    lean_softness: tuple[float, float] = (1.12, 0.06)
    """Middle and spread of the two, by which one is preferred where neither is sure."""
    lean: float = -0.3
    """Sum of both, in spreads, from which on the larger picture is preferred: there are many more
    smaller copies than enlarged ones."""
    lean_not_enlarged: float = 0.25
    """Share as in `enlarged`, from which on a larger picture that is no noisier is preferred. Of 53
    receipts beside copies of 75 % of the width and quality 75, on which it was set, 5 were taken
    for enlarged ones without it, and none is; of 84 enlarged photos the same 4 are preferred."""
    lean_beyond: tuple[float, float] = (0.12, 0.15)
    """Share of the coefficients beyond half a step of the one of two JPEGs that is preferred as the
    more compressed one, at most, and by how much there are more of the other one's."""
    lean_lossy: float = 0.08
    """Share beyond those of a JPEG, at least, of a picture of another lossy format that is."""
    lean_nearer: float = 0.1
    lean_finer: float = 1.15
    """By how much further, in steps, the first of two JPEGs lies from the larger steps of the other
    one that was made from it, at least, and how many times its steps it has."""
    lean_noise: tuple[float, float] = (0.4, 0.1)
    """Levels by which even parts of the one that is preferred as the noisier one have more fine
    structure, at least, and share of what there is."""
    steps: tuple[float, float] = (0.24, 0.42)
    """Distance from the steps of a JPEG, in steps, of a picture that it was compressed from: 0.29
    in theory."""
    steps_shape: tuple[float, float] = (2.4, 2.65)
    """Kurtosis, at most, of how a picture lies about the steps of a JPEG that was compressed from
    it, and where it has about half of these steps itself, so that many lie just in between. Of 270
    such pairs 2.25 and 2.65 at most; of
    JPEGs of quality 92 to 97 to which noise of 2 or 3 levels was added, saved at 98 to 100, 1 of 80
    was taken for the source of its original, 13 of 80 without this limit."""
    steps_shape_lossy: float = 1.9
    """The same of a picture of another lossy format."""
    held: float = 0.03
    held_sure: float = 8.0
    """`Steps.held` and `Steps.sure` of a picture of such a format that was made from the JPEG, at
    least."""
    held_far: float = -0.03
    """`Steps.held_far` of it at most: what stands at whole steps away was changed before the JPEG
    was made of it."""
    held_away: tuple[float, float] = (2.0, 1.25)
    """`Steps.away` at most, as a multiple of what normal errors with this `held` have; the second
    is of HEIC. Sharpening and noise are far from its steps in some places."""
    held_noise: tuple[tuple[float, float], tuple[float, float]] = ((0.25, 0.07), (0.05, 0.05))
    """Share of the noise that may be less and more. WebP takes up to 0.6 of it away, which is not
    told from smoothing then."""
    hides_nothing: float = 0.5
    """Levels (root mean square) of fine detail of its own, at most, of a copy in such a format in
    which no edit is hidden. Of 50 mere HEIC copies of quality 70 and 85 0.49 at most; of those of
    which noise of 2 levels was not told 0.54 at least, WebP of quality 90 included."""
    made_steps: float = 0.22
    """Distance from its larger steps, at most, of a picture that was made from the JPEG."""
    made_nearer: float = 0.14
    made_beyond: float = 0.005
    """The same of one in another lossy format that lies within half a step of the JPEG, and
    `Steps.beyond` that shows that it does not. Of 323 HEIC, WebP and AVIF files made from JPEGs of
    24 photos, on which the two were set, as near as `made_steps`, all are told, of 294 of 24 others
    too. Of JPEGs made from such files at the same steps again, and further than this from them, 6
    of 150 are taken for what they were made from, of the others 0 of 135."""
    finer: float = 0.5
    """Steps of the JPEG that another one was compressed from, of the other's, at most: what was
    saved again at a little more quality lies as evenly about the steps of what it was made from."""
    generation: float = 0.25
    """Share of what is expected to fail if a JPEG was the first one that may, if it is the later
    one."""
    generation_failing: float = 0.06
    """Share of the coefficients that the way that is told may leave unexplained."""
    generation_known: float = 0.1
    """Share that has to be expected to fail."""
    generation_back: float = 0.004
    generation_times: float = 6.0
    """Or share of them that the other way leaves unexplained, at least, and how many times what the
    way that is told does."""
    generation_beyond: float = 0.06
    """Share of coefficients of the first one further away than half a step of the later one; of
    those 1,380 pairs 0.053 at most, of a picture with noise or brightened before 0.19 and more."""
    generation_finer: float = 0.8
    generation_coarse: float = 0.2
    """From the larger steps of one that has steps larger than 1 / 0.8 of the first one's, that lies
    as many steps away, at least; with noise of 2 levels 0.13."""
    generation_much_finer: float = 0.4
    generation_spread: tuple[float, float] = (0.7, 0.23)
    """Of one that was compressed from another of at most 0.7 of its steps, `Generation.spread` at
    least, where it is known: of 64 pairs 0.23 for all but 1, of 40 that were saved at other steps
    in between less for 37."""
    generation_held: tuple[float, float] = (0.1, 0.01)
    generation_third: float = 1 / 3
    """`Steps.held` at most of one that has at most 0.4, and a third, of the steps of the later one:
    it knows nothing of these. Of 70 such pairs 0.084 and 0.002 at most."""
    steps_beyond: float = 0.008
    """Share of coefficients further away than half a step, at most, of such a picture."""

    left_top: float = 0.3
    left_beyond: float = 0.008
    left_lost: float = 0.0012
    left_crowded: tuple[float, float] = (3.0, 7.0)
    """The fields of `residue.Residue` of a JPEG that is a copy, at most; `crowded` of one of the
    same size, and of a smaller one. Of 250 copies of quality 50 to 96, of 30 to 100 % of the width,
    one of them is more for 2; where they were smoothed in a part or all over, had noise of 2 levels
    or were sharpened by 15 % before, for 9 of 10 at 30 to 80 % of the width, and for all at the
    same size. `top` of 176 other copies was 0.27 at most, `crowded` of 90 of the same size 1.5."""
    left_shape: float = 2.1
    """`Residue.shape`, at most, of a smaller JPEG that was scaled down from the other picture: of
    44 pairs 2.04 at most, of 308 whose larger one was enlarged from it 2.99 at least."""
    left_heif: tuple[float, float] = (0.8, 1.4)
    left_other: tuple[float, float] = (2.0, 2.8)
    """`top` and `level` where the steps are estimated: of HEIC, and of WebP and AVIF, which smooth
    the edges of their blocks and leave more. Noise and slight sharpening hide in them."""
    left_small: float = 0.3
    left_top_steps: float = 0.16
    left_clipped_steps: float = 0.08
    left_level_steps: tuple[float, float] = (0.9, 0.13)
    """The same by estimated steps: `top` and `top_clipped` in these, but never less than the first
    value, and `level`, a constant and so many steps. Of 240 mere WebP copies of 40 photos 228 keep
    to them, 5 fewer than without; of 80 at 60 % of the width with small words of 10 % white 5, and
    15 without."""
    left_lossless: float = 2.0
    """Estimated step of a copy that was saved without loss: rounding leaves 1."""
    left_clipped: float = 1.0
    """`top_clipped` of all of them; of 110 mere copies 0.9 at most, but for one of 6 large ones."""
    left_colour: float = 2.5
    """Of all of them 2.3 at most."""
    left_colour_heif: float = 1.6
    """Of 24 HEIC copies of quality 60 and 80 1.1 at most; with a red eye made grey 2.2 and more."""
    left_edge: float = 4.0
    """`edge` of all of them; of 120 mere copies 2.6 at most, with a black line at an edge, where it
    was measured at all, 4.8 and more."""


EVIDENCE = Evidence()
