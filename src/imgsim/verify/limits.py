"""Every number of `verify` that decides something, with its unit and what it is for.

Pixels are those of the images as they are compared: with a longer side of
`comparators.local.LONG_SIDE`, or of `fine_side` for pages of text. Grey levels go from 0 to 255;
*scaled* ones are those of images that were brought to a standard deviation of `contrast`. A
*distance* of 1 is the limit of the preset normal. Blocks are those of `blocks.Blocks`, cells
their quarters.

A change of almost any of them can change a verdict: raise `judge.VERSION` with it.
"""

from typing import NamedTuple

from imgsim.types import CONTAINED, WHOLE

Table = tuple[tuple[float, ...], tuple[float, ...]]
"""Places and values of a function that is interpolated in between and level beyond."""


# a dataclass of so many fields takes four times as long to import, and types that are texts
# (annotations of __future__) two thirds longer
class Limits(NamedTuple):
    """The numbers by which a pair is verified, grouped by the module that reads them."""

    # judge.py -------------------------------------------------------------------------------------

    max_difference: float = 6.0
    """Scaled grey levels by which the most different block of a copy differs, at most."""
    max_difference_without_noise: float = 2.5
    """The same where no grain hides anything: faint print is as much of a difference as black."""
    max_difference_per_noise: float = 1.5
    """Scaled grey levels added to that, up to `max_difference`, per one of noise."""
    max_shift: float = 0.06
    """Pixels by which the points of a copy are displaced together, at most, if it has neither
    grain nor blur. A turned or moved thing displaces neighbouring points together."""
    max_shift_per_noise: float = 0.02
    """Pixels added to that per scaled grey level of noise: grain makes places uncertain."""
    max_shift_per_blur: float = 0.08
    """Pixels added to that per pixel of blur, for the same reason."""
    soft_blur: float = 1.5
    """Pixels of blur from which the shift is measured once more, both images equally soft: of
    pictures blurred by 4 pixels it falls to a fifth."""
    soft_moved: tuple[float, float] = (0.5, 3.0)
    """Shift as a share of what is let pass, between which that can matter."""
    blur_allowance: Table = (350, 700), (0.4, 1.0)
    """Structured blocks, share of `max_shift_per_blur`: in small pictures with little in them
    blur must not excuse a shift (two frames of a turntable passed by it)."""
    shift_allowance: Table = (240, 350, 700, 1050), (0.6, 1.0, 1.0, 1.5)
    """Structured blocks, share of the shift that is let pass: the less there is to see, the more
    exactly it has to lie."""
    shift_allowance_overlaid: float = 0.7
    """Share of the shift that is let pass beside an overlay, at most: letters mislead tracking,
    so the rest has to lie exactly where they are not."""
    min_inliers: int = 24
    """Points that have to lie where the matrix says, for an alignment to count."""
    min_inlier_share: float = 0.3
    """Share of the tracked points that have to, for the same."""
    agreeing_share: float = 0.9
    """Share of the tracked points from which nearly all of them agree."""
    agreeing_min_side: int = 200
    """Longer side, in pixels, of the smallest picture of which fewer will do then."""
    min_inliers_agreeing: int = 16
    """Points that have to lie where the matrix says if nearly all do: a screenshot with one line
    of text has no more corners, and its details are compared as well."""
    min_structured_blocks: int = 24
    """Blocks with structure in both images; with fewer there is too little to tell by."""
    needed_share: float = 0.85
    """Share of one of two pictures that the other shows by a hypothesis, below which neither shows
    nearly all of the other when they are aligned, which moves little. Of the 3,230 accepted pairs
    that it was chosen on none had less than 0.85, one less than 0.9."""
    needed_share_aligned: float = 0.9
    """The same when they are aligned: what is compared afterwards corrects the matrix less."""
    max_blur: float = 5.0
    """Pixels: two images are not comparable if one needs so much blur to be as soft as the other;
    it is the last of `blur_steps`."""
    undecided_distance: float = 2.5
    """Distance beyond which nothing else (print, colours, the other direction) is compared."""
    tried_place: float = 0.05
    """Share of the sides by which the corners of a picture lie from where it was laid, at most, in
    another hypothesis that leads there again. Of 562 pairs of photos and copies that match none was
    laid right after it had been compared, and was beyond `undecided_distance`."""
    min_blocks_both_ways: int = 400
    """Structured blocks from which an undecided pair is compared in the other direction too."""
    max_recoloured: float = 0.04
    """Share of the overlap that may have other colours. Of 4,944 copies one lies above, of 29
    recoloured products 24 do."""
    elsewhere_min_seen: float = 0.98
    """Share of what there is to see on either picture that the other one has, from which a thing
    stands elsewhere on its even ground if neither is a part of the other."""
    elsewhere_max_area: float = 0.05
    """Share by which the areas of the two may differ for that, in unit coordinates: a picture that
    was enlarged on its ground, or whose ground was cut, is a copy."""
    fine_side: int = 1280
    """Longer side, in pixels, at which pages of text are compared."""
    fine_decoded_side: int = 512
    """Shorter side, in pixels, that is decoded for that at least, where the file has it."""
    min_text_page_side: int = 400
    """Longer side, in pixels, below which a page is too small to tell one text from another."""

    negative_distance: float = 2.0
    """Added to the distance of a negative: it is no copy at the preset normal, and one at loose if
    it differs in nothing else."""

    edited_difference: float = 2.6
    """Distance by which pictures differ, at most, that are the same but for a part: one was pasted
    over, written on or cut out. It is more than `undecided_distance`, less than loose allows."""
    edited_per_differing: float = 3.0
    """Added to that for the share of the blocks that differ."""
    edited_max_differing: Table = (0.42, 0.46, 0.6, 0.65), (0.0, 0.2, 0.2, 0.4)
    """Share of the blocks with structure in both, share of those that may differ: screens and
    drawings of one kind, even for the most part, have their frame and ground in common."""
    edited_max_hole: float = 0.2
    """The same where what differs is a hole, whatever there is to see: what was cut out is even."""
    edited_min_cover: float = 0.9
    """Share of the left image that the right one covers, at least, for that: pictures that have no
    more than a part in common are two shots of one place, more often than not."""
    edited_max_moved: float = 1.5
    """Shift as a share of what is let pass, up to which that holds: in other views of a thing
    everything has moved."""

    # compression.py -------------------------------------------------------------------------------

    compressed_min_noise: float = 1.5
    """Scaled grey levels of noise, at least, for it to be asked whether one picture is the other,
    strongly compressed."""
    compressed_qualities: tuple[int, ...] = tuple(range(1, 21))
    """Qualities of libjpeg whose tables are tried."""
    compressed_blocks: int = 1024
    """Blocks that are read for that, about; it saves time."""
    compressed_min_count: int = 100
    """Coefficients beyond half a step, at least."""
    compressed_max_away: float = 0.2
    """Steps by which those lie from multiples, on the average, up to which a picture was compressed
    so. By chance it is 0.25; of 120 photos of quality 5 to 20, saved again with 50 to 90, none has
    more than 0.163, of 120 of quality 93 none less than 0.24."""
    compressed_beyond: float = 0.1
    """Steps beyond half of one by which a coefficient may be off: pixels are rounded."""
    compressed_same: float = 6.0
    """Grey levels, root mean square, up to which a block is that of the other picture where that is
    compressed as well: coefficients are of no use where white or black cuts pixels off."""
    compressed_max_share: float = 0.008
    """Share of the coefficients that may be off. Of 120 photos of quality 5, saved again with 90,
    it is 0.0012 at most; of 424 pairs of neighbouring frames, shots and views 0.027 at least."""
    compressed_max_levels: float = 15.0
    """Grey levels, root mean square, by which that may change a block. Of the same photos it is
    12.2 at most, of those pairs 21.8 at least."""
    compressed_other_levels: float = 16.0
    """The same, above which it is another digit or thing, where the rest is explained. Of the same
    photos saved again with 50, or made from one of quality 30, none has more than 14.7; of 20
    photos of quality 5 with another time stamp nine in ten have more than 20."""
    compressed_other_share: float = 0.02
    """Share of the coefficients that may be off for that, at most: what was made brighter after it
    was compressed is off by more, all over."""
    saved_again_side: int = 256
    """Longer side, in pixels, of pictures of one size, up to which it is asked whether one is the
    other one, saved as a JPEG."""
    saved_again_mean: float = 6.0
    """Grey levels by which they may differ on the average."""
    saved_again_qualities: tuple[int, ...] = tuple(range(28, 93, 8))
    saved_again_beside: int = 8
    """Qualities of libjpeg that are tried first, and how many on both sides of the best one then.
    """
    saved_again_near: float = 1.1
    saved_again_share: float = 0.5
    """Levels by which coefficients may be off at the best of them, on the average, or as a share of
    those by which they are before they are compressed. It saves time."""
    saved_again_levels: float = 1.0
    """Grey levels, mean of a block, by which it may differ from what libjpeg makes of the other.
    Of 160 pictures of 100 pixels it is 0, of 576 pairs of neighbours on turntables, one of them
    saved with 30 or 75, 6.9 at least."""

    compressed_page_qualities: tuple[int, ...] = tuple(range(1, 51))
    """Qualities that are tried of pages of text: from larger steps on, letters hide in them."""
    compressed_page_near: tuple[int, int] = (-2, 1)
    """Qualities, from the one that is found so, of which one is right: white paper cuts pixels off,
    so that multiples are not found exactly."""
    compressed_page_same: float = 0.5
    """Grey levels, mean, up to which a block is that of the other page, compressed."""
    compressed_page_differing: float = 0.12
    """Share of the blocks that are not, at most. Of 40 receipts of quality 10 and 30, at the right
    quality, it is 0 nearly always; at the next one 0.16 or more."""
    compressed_page_share: float = 0.5
    """Grey levels, root mean square, by which a block may be beyond half a step, as a share of
    those by which another letter is. Of those receipts it is 0 nearly always."""
    compressed_page_levels: float = 8.0
    """Those grey levels, at most. Of 240 with another letter the least is 7.4, where that share
    of it is 3.5; the next 13."""
    compressed_page_least: float = 1.0
    """Those grey levels, at least: of less, another letter may hide."""

    # degraded.py ----------------------------------------------------------------------------------

    degraded_max_shape: float = 1.0
    """Pixels by which the width of a smaller copy may differ: its size is rounded."""

    # noise_blur.py --------------------------------------------------------------------------------

    degraded_from: float = 0.8
    """Distance above which it is asked whether noise or blur explains it; it is too with blur or
    noise of these, in pixels and scaled grey levels, since these hide what is small."""
    degraded_min_blur: float = 0.7
    degraded_min_noise: float = 1.0
    degraded_min_rougher: float = 1.15
    """Mean difference of neighbouring pixels of one of them as a multiple of the other's, at
    least, in the size in which pictures are compared first."""
    degraded_thumbnail: int = 16
    """Side, in pixels, of the thumbnails that have to be alike: noise and blur hardly change
    these."""
    degraded_min_likeness: float = 0.97
    """Correlation of their grey levels, at least."""
    noise_min: float = 5.0
    """Grey levels of noise, at least: of less, compression makes up a part."""
    structure_smoothing: float = 1 / 16
    """Standard deviation, as a share of the longer side, of what is light and shade over all of an
    image alone."""
    noise_min_structure: float = 3.5
    """Standard deviation of the means of blocks, without that, as a multiple of what noise makes of
    them, at least: of 110 photos with noise of 35 levels it is 4.6 or more."""
    noise_max_excess: tuple[tuple[int, float], ...] = (4, 0.45), (8, 1.1)
    """Halves of the sides of blocks, in pixels, and by how much the variance of their means may
    exceed that of independent pixels. Of 100 photos with noise of 15 and 35 levels it exceeds it by
    0.3 and 0.94 at most; of 90 others one has 1.22, of 180 pairs of bursts, brackets and turntable
    frames with noise none less than 2.5, both in the larger blocks."""
    noise_max_top: float = 1.4
    """The mean that is off most, as a multiple of what is to be expected of so many: of the same
    photos 1.39 at most."""
    noise_other_top: float = 1.6
    """The same, above which it is another digit or thing, where the rest is explained."""
    blur_side: int = 1024
    """Longer side, in pixels, at which blurred pictures are compared, at most."""
    blur_sigmas: tuple[float, ...] = (0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)
    """Standard deviations of the blurs that are tried, in pixels."""
    blur_finer: tuple[float, ...] = (0.76, 0.82, 0.88, 0.94, 1.0, 1.06, 1.12, 1.18, 1.24)
    """Of the best of these, multiples that are tried too."""
    blur_max_near: float = 5.0
    """Grey levels, root mean square, by which the best of the former may be off, for that."""
    blur_step: int = 2
    """Step of the rows and columns that are read for that; it saves time."""
    blur_extent: float = 16.0
    """Pixels of the shorter side per pixel of blur, at least."""
    blur_min: float = 1.5
    """Pixels, at least, for it to be a blur."""
    blur_rim: float = 3.0
    """Pixels at the edges per pixel of blur that are left out: what programs take to lie beyond
    differs."""
    blur_min_structure: float = 8.0
    """The same of the blurred picture as a multiple of the error, at least: of 110 photos blurred
    by 2 and 4 pixels it is 15 or more."""
    blur_max_apart: float = 1.4
    """Grey levels, root mean square, by which a blurred picture may be off. Of 100 photos blurred
    by 2 and 4 pixels none is off by more than 1.1, of 90 others by 1.13; of the same pairs,
    blurred, none by less than 1.66."""
    blur_max_ratio: float = 4.2
    """Error of a block as a multiple of what is to be expected by its gradient, see `detail_rank`,
    up to which nothing but blur was at work. Of 60 photos blurred by 2 and 4 pixels it is 3.7 at
    most; of 60 with another time stamp nine in ten have more than 7.7 where blurred by 2 pixels,
    three in four more than 5.2 where by 4."""
    blur_other_ratio: float = 5.2
    """The same, above which it is another digit or thing, where the rest is explained. Of 660
    photos that were blurred otherwise (box, median, made smaller and larger again), as far as one
    blur explains that, none has more than 5.9, and one more than 5."""

    # figures.py -----------------------------------------------------------------------------------

    figure_side: int = 2400
    """Longer side, in pixels, at which figures are compared, at most."""
    figure_min_frame: int = 48
    """Pixels of the shorter side of the coarser picture, at least: in smaller ones a digit may be
    no more than a spot."""
    figure_max_shape: float = 1.0
    """Pixels of the coarser picture by which its width may differ from that of the other one,
    brought to its height: the size of a copy is rounded."""
    figure_near_ground: float = 16.0
    """Levels by which the ground may differ from its median: compression leaves traces on it."""
    figure_even_edge: float = 0.95
    """Share of the pixels at the edges of the picture that are near it, at least."""
    figure_max_ground: float = 4.0
    """Levels by which the grounds of two pictures may differ."""
    figure_min_contrast: float = 60.0
    """Levels by which the figure differs from the ground, at least, at its strongest."""
    figure_min_pixels: int = 60
    """Pixels, in the coarser picture, that differ by half of that, at least."""
    figure_min_side: int = 12
    """Rows and columns that have such pixels, at least."""
    figure_margin: int = 4
    """Pixels around the figure that are compared too."""
    figure_edge: tuple[int, int] = (3, 7)
    """Sides, in pixels, of the square in which an edge makes levels uncertain: grey levels, and Cr
    and Cb, of which JPEG and WebP keep every second pixel."""
    figure_block: int = 17
    """Side of the square in which compression makes levels uncertain beside an edge."""
    figure_difference: tuple[tuple[float, float, float], tuple[float, float, float]] = (
        (10.0, 0.42, 0.06),
        (14.0, 1.0, 0.1),
    )
    """Levels by which a pixel may differ, of grey and of colour, and what is added per level of the
    edges around it, in a square of either size."""
    figure_grey_per_colour: float = 0.15
    """Grey levels by which a pixel may differ further, per level of the edges of colours."""
    figure_edge_of_letters: float = 0.35
    """Share of that which is added by edges where thin strokes stand close to each other."""
    figure_thin: float = 10.0
    """Grey levels by which a stroke of two pixels at most stands out, at least."""
    figure_thin_share: float = 0.2
    """The same as a share of the difference of levels around it."""
    figure_letter_side: int = 9
    """Side, in pixels, of the square in which such pixels are counted."""
    figure_min_thin: float = 9.0
    """Pixels of them, at least, that are taken for letters: the corner of a shape has fewer."""
    figure_ink: tuple[float, float] = (4.0, 0.05)
    """Levels by which the mean of a figure may differ, and what is added per level by which it
    differs from the ground."""
    figure_outliers: int = 0
    """Pixels that may differ by more."""
    figure_area: int = 5
    """Side, in pixels, of the squares whose mean levels are compared."""
    figure_mean: tuple[tuple[float, float], tuple[float, float]] = ((4.0, 0.1), (5.0, 0.2))
    """Levels by which those means may differ, of grey and of colour, and what is added per level of
    the edges around."""
    figure_even: float = 12.0
    """Levels by which pixels of such a square differ, at most, where a picture is even."""
    figure_min_even: int = 30
    """Pixels of an even area, at least, whose mean level is compared."""
    figure_mean_even: tuple[float, float] = (2.5, 3.0)
    """Levels by which it may differ, of grey and of colour."""
    figure_max_shift: float = 0.25
    """Pixels by which one picture lies beside the other, at most."""
    figure_lost_near: float = 1.0
    """Pixels of the coarser picture within which what the finer one shows has to be in it."""
    figure_lost_level: float = 0.35
    """Share of the contrast from which something that is not is lost."""
    figure_max_lost: float = 3.0
    """Pixels of the coarser picture in which something may be lost: acute corners."""
    figure_max_scale_of_letters: float = 1.4
    """How many times finer a picture with such strokes may be than the other one."""
    figure_lost_of_letters: float = 0.15
    """Share of the contrast from which something is lost of thin strokes that stand together."""
    figure_max_lost_letters: float = 1.0
    """Pixels of the coarser picture in which that may be."""

    # bilinear.py ----------------------------------------------------------------------------------

    bend_max_distance: float = 12.0
    """Distance up to which it is tried whether one picture was drawn into a quadrilateral."""
    bend_distance: float = 0.6
    """Distance of the two then, at most: of 28 copies for which it was tried, 25 had 0.37 at most
    and one 0.54."""
    bend_min_points: int = 30
    """Points that have to lie where a homography says, for that."""
    bend_quantile: float = 0.75
    """Share of the points that are off by no more than what is compared."""
    bend_max_error_share: float = 0.6
    """Pixels by which the points may be off by a bilinear map, as a share of those by which they
    are off by a homography."""
    bend_min: float = 0.01
    """Factor of x * y, in unit coordinates, below which a map is no other than a linear one."""
    bend_beyond: float = 0.02
    """Share of a side by which the quadrilateral may reach beyond the picture."""
    bend_max_difference: float = 8.0
    """Difference per shift, both as shares of what is let pass, up to which it is tried: points of
    a bent copy are off all over it, those of two pictures that differ in parts are not. Of 54
    copies of 60 photos one has 7, the others 4 at most; of 54 of 60 others all have 2.7 at most."""
    bend_rounds: int = 4
    """Times that the map is fitted, points that are far off counting less."""

    # rough_check.py -------------------------------------------------------------------------------

    rough_side: int = 64
    """Longer side, in pixels, at which images are correlated before they are aligned."""
    rough_window: int = 15
    """Side, in pixels, of the square whose mean is taken off."""
    rough_min_cover: int = 250
    """Of 255: how much of a pixel the other image covers, more than that."""
    rough_min_pixels: int = 40
    """Pixels that both cover, below which nothing is said."""
    rough_min_spread: float = 1.0
    """Grey levels of the standard deviation in either, below which nothing is said."""
    rough_min_correlation: float = 0.4
    """Correlation below which a matrix is chance. Of 345 matrices by which pictures matched, by
    loose at least, none had less than 0.5; of 403 by which none did two in three had."""

    # alignment.py ---------------------------------------------------------------------------------

    supposed_min_share: float = 0.25
    """Share of the tracked points that lie where a matrix says which was corrected once by them;
    below it, or where nothing can be corrected, it is chance, and given up at once unless edited
    pictures are looked for. In 1,530 pairs of 25 photos and copies that match at normal it is 0.29
    or more; of 1,704 matrices by which pairs of a folder do not match 1,098 have less."""
    supposed_max_moved: float = 8.0
    """Pixels: what moved so far may have come near where the other image lies, and is corrected
    again. One of 2,427 pairs of 40 other photos and copies needs it; 13 % of those matrices have
    it."""
    coarse_side: int = 256
    """Longer side, in pixels, at which a matrix is corrected first where the full size fails."""
    min_side: int = 24
    """Shorter side, in pixels, of either image, below which they are not aligned."""
    extra_rounds: int = 2
    """Times that a matrix is corrected again, at most."""
    settled_shift: float = 0.3
    """Pixels: a correction by less, for half of the points, is the last one."""

    # tracking.py ----------------------------------------------------------------------------------

    max_points: int = 110
    """Corners that are tracked, at most; more cost time."""
    min_points: int = 12
    """Corners, tracked points and inliers, below which there is no homography."""
    ransac_seed: int = 1
    """Makes RANSAC repeatable; also for the keypoints. Any other would do."""
    homography_tolerance: float = 1.5
    """Pixels by which an inlier of the homography may be off."""
    homography_iterations: int = 300
    """Iterations of RANSAC for it, at most."""
    corner_side: int = 250
    """Longer side, in pixels, of the image in which corners are detected, about; it saves time."""
    corner_quality: float = 0.01
    """Strength of a corner as a share of the strongest one's, at least."""
    min_corner_gap: int = 4
    """Pixels between corners, at least."""
    corners_per_side: int = 30
    """Corners along the shorter side, at most: what is tracked has to come from everywhere."""
    subpixel_margin: int = 2
    """Half the window for the exact place of a corner is this much larger, in pixels, than the
    step between the pixels in which it was detected. Points beside corners are tracked with far
    larger errors."""
    subpixel_iterations: int = 10
    """Steps of the search for that place, at most."""
    subpixel_epsilon: float = 0.05
    """Pixels: a smaller step is its last."""
    flow_window: int = 15
    """Side, in pixels, of the window of the optical flow."""
    flow_levels: int = 2
    """Levels of its pyramid above the image itself."""
    flow_iterations: int = 12
    """Steps of its search, at most."""
    flow_epsilon: float = 0.02
    """Pixels: a smaller step is its last."""
    flow_margin: int = 9
    """Side, in pixels, of the square by which the overlap is eroded for corners and tone: what is
    tracked has to have surroundings in both images."""
    min_overlap_pixels: int = 400
    """Pixels of the eroded overlap, below which it is too little; also in residual.py."""
    neighbours: int = 6
    """Points, the nearest ones and the point itself, whose displacements are averaged: grain
    displaces each on its own, what turned or moved takes its neighbours along."""
    reliable_strength: float = 0.75
    """Quantile of the strength of the points from which one counts fully."""
    shift_quantile: float = 0.75
    """Share of the points, by weight, that are displaced by no more than the shift."""
    warp_inset: float = 0.5
    """Pixels that the overlap ends before the centres of the outermost pixels: there,
    interpolation would read beyond the image."""
    mask_bits: int = 4
    """Binary digits behind the point of the corners of the overlap, as OpenCV draws it."""

    # tone.py --------------------------------------------------------------------------------------

    tone_step: int = 2
    """Step, in pixels and either direction, of the pixels that are counted; it saves time."""
    tone_rarest: int = 256_000
    """A grey level is fitted if more than one pixel in so many has it, or one near it."""
    tone_smoothing: float = 4.0
    """Standard deviation, in grey levels, of the smoothing of the counts: a level borrows from
    those beside it."""
    tone_smoothing_radius: int = 12
    """Grey levels to which that reaches."""

    curve_pixels: float = 1e5
    """Pixels to which counts are scaled for the smooth curve, so that it does not depend on the
    size of the images."""
    curve_stiffness: float = 1e5
    """Weight of the squared second differences of the smooth curve: where each level has 1,000
    pixels it bends within three levels."""
    curve_hold: float = 1e-4
    """Pixels that hold each level where it is: they decide where there are no others."""

    # blocks.py ------------------------------------------------------------------------------------

    min_block_cover: float = 0.999
    """Share of a block that lies in the overlap, at least: all of it, but for rounding."""
    band_margin_cells: int = 2
    """Cells, one block, by which the rows of an overlay are extended to either side."""
    min_expected_variance: float = 0.01
    """Squared grey levels: a block that varies less explains nothing of the other one."""

    # sharpness.py ---------------------------------------------------------------------------------

    blur_steps: tuple[float, ...] = (0.7, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)
    """Standard deviations, in pixels, by which the sharper image is blurred, one after another."""
    equal_sharpness: float = 1.05
    """Ratio of the gradients, either way, within which the images are equally sharp."""
    sharpness_cell: int = 24
    """Side, in pixels, of the squares in which sharpness is compared; half of them decide, so that
    an overlay, sharp or soft on its own account, does not."""
    sharpness_row_step: int = 4
    """Step between the rows of pixels that are read; it saves time."""
    min_sharpness_cover: float = 0.5
    """Share of a square that lies in the overlap, at least."""
    min_sharpness_variance: float = 16.0
    """Squared grey levels of a square in either image, below which its sharpness is noise."""

    # residual.py ----------------------------------------------------------------------------------

    smoothing: float = 0.8
    """Standard deviation, in pixels, by which images are smoothed before they are compared."""
    smoothing_noisy_share: float = 0.005
    """The same for noisy images, as a share of the longer side: real differences are seen through
    that too, and print of five pixels is not blurred away."""
    max_smoothing_noisy: float = 2.0
    """Pixels that that is, at most."""
    max_smoothing_text_page: float = 1.3
    """Pixels that that is, at most, for pages of text: digits are soon blurred away."""
    min_noise: float = 3.0
    """Scaled grey levels of noise from which images are noisy: coarse compression, or grain."""
    contrast: float = 50.0
    """Standard deviation to which grey levels are scaled, so that limits hold for pale images."""
    min_contrast: float = 25.0
    """Grey levels: images with a lesser standard deviation are scaled as if they had this one, so
    that noise is not taken for structure."""
    min_unexplained: float = 0.55
    """Share of the standard deviation of a block, in both images, that the other one must leave
    unexplained if it is to differ."""
    min_structure: float = 4.0
    """Scaled grey levels: a block with a lesser standard deviation has no structure."""
    even_structure: float = 3.0
    """Scaled grey levels: a block with a lesser standard deviation is even; also in overlay.py."""
    max_added_structure: float = 10.0
    """Scaled grey levels of structure that one image may have where the other one is even; what
    is above it is a difference."""
    brightened_levels: tuple[int, int] = (64, 192)
    """Middle levels, between which it is told whether a page is a brighter one."""
    brightened_min_gain: float = 1.05
    """Factor by which it is, at least: pale lines and a shaded ground are white in it then."""
    brightened_white: int = 245
    """Level that white has in it, at least."""
    min_print_structure: float = 15.0
    """Scaled grey levels of structure in both images, from which a block of a page is print."""
    hole_min_share: float = 0.8
    """Share of the blocks that differ which lie in a hole or on its edge, at least."""
    hole_side: int = 3
    """Side, in blocks, of the square that fits into a hole."""
    hole_reach: int = 7
    """Side, in blocks, of the square by which it reaches its edge."""
    residual_margin: int = 5
    """Side, in pixels, of the square by which the overlap is eroded: what lies beside it is
    smoothed with what lies outside."""
    block_side: int = 12
    """Side, in pixels, of a block."""
    block_side_small: int = 8
    """The same for small images."""
    small_image_side: int = 240
    """Longer side, in pixels, of the overlap, below which images are small."""
    min_blocks: int = 12
    """Blocks within the overlap, below which it is too little."""

    # overlay.py -----------------------------------------------------------------------------------

    overlay_difference: float = 4.0
    """Scaled grey levels: rows in which a block differs by more may be covered by an overlay."""
    overlay_peak_difference: float = 8.0
    """Scaled grey levels by which the most different block under an overlay differs, at least: a
    band that differs little is none."""
    overlay_edge: float = 0.3
    """Share of the height, above and below, in which an overlay lies."""
    min_overlay_side: int = 130
    """Longer side, in pixels, of the overlap, below which nothing is taken for an overlay: in a
    small frame of an animation what moves is as large as a word."""
    min_structured_around: int = 60
    """Structured blocks, below which a picture has too little beside an overlay to be told by."""
    bar_share: float = 0.95
    """Share of the blocks of an overlay that differ, above which it is a bar, which hides what
    was there: so it cannot be told whether the other image has an overlay as well."""
    overlay_quantile: float = 0.8
    """Quantile of the structure of the blocks that differ, which stands for that of letters."""
    around_quantile: float = 0.9
    """Quantile of the structure of the blocks around, which stands for that of the picture."""
    overlays_alike: float = 0.85
    """Ratio of the structure of letters on the one image to that on the other one, above which
    there are letters on both. Of 420 pairs of one photo under two captions 72 still pass."""
    overlay_over_around: float = 0.95
    """Ratio of the structure of letters to that of the picture around, which they exceed."""
    opening_blocks: int = 2
    """Neighbouring blocks, across and down, that have to differ all: one alone is chance."""
    # text_page.py ---------------------------------------------------------------------------------

    text_page_step: int = 4
    """Step, in pixels and either direction, of the pixels that are read; it saves time."""
    text_page_regions: int = 8
    """Regions of a page, across and down, each with a background level: a page lit from one side
    has another one in every region."""
    text_page_background_rank: tuple[int, int] = (2, 3)
    """Numerator and denominator of the rank of the background among the levels of a region: most
    of its light pixels are no darker."""
    text_page_light: int = 190
    """Grey level above which a background is light."""
    min_light_pixels: float = 0.15
    """Share of light pixels in one of the images, at least: a third of half of the regions. It
    spares dark pictures the rest of the test."""
    background_tolerance: int = 15
    """Grey levels by which a pixel of the background differs from its level, at most."""
    min_background_in_print: float = 0.45
    """Mean share of background in the blocks with print, at least."""
    min_background_in_block: float = 0.1
    """Share of background in a block, below which the block is a picture's and not a text's."""
    max_blocks_of_picture: float = 0.2
    """Share of such blocks on a page, at most."""

    # overlap.py -----------------------------------------------------------------------------------

    whole_overlap: float = WHOLE
    """Share of the area of both images from which nothing was cut off or added."""
    contained_share: float = CONTAINED
    """Share of the area of one image in the other one, above which it lies inside."""
    overlap_grid: int = 24
    """Places across and down by which an area is measured."""
    seen_step: int = 2
    """Step, in pixels and either direction, of the pixels that are read; it saves time."""
    seen_side: int = 4
    """Side, in such pixels, of the squares that have structure or not."""
    seen_variance: float = 16.0
    """Squared grey levels above which one has."""
    rim_samples: int = 48
    """Places along each side of a picture that may be set into another one; half of them have to
    lie within the other one if the side is to count."""
    rim_places: tuple[int, ...] = (-7, -3, 3, 5, 8)
    """Pixels from the rim where grey levels are read, inside and outside."""
    rim_step: tuple[float, float] = (2.0, 4.0)
    """The rim is an edge if the step across it is larger than so many times the step inside, and
    so many grey levels more: a crop goes on smoothly."""
    rim_evenness: tuple[float, float] = (3.0, 6.0)
    """It is one too if the standard deviation along it inside is larger than so many times that
    outside, and so many grey levels more: what a picture is set into may be even."""
    rim_structure: float = 3.0
    """Standard deviation along the rim, inside and outside, above which a side that is no edge
    shows that the picture goes on: at the others a line of print may end."""
    rim_one_colour: float = 1.5
    """Levels by which what is next to all sides differs, at most, if it has one colour."""
    rim_print: float = 12.0
    """Levels by which print differs from that colour."""
    rim_near_print: int = 8
    """Pixels from print up to which compression changes what is blank."""
    rim_core: float = 0.8
    """Share of the width and height of a picture that is no part of its rim."""
    rim_speck: int = 5
    """Side of the window of which a speck is not the median."""
    rim_min_specks: float = 30.0
    """Pixels of specks that there would be around a picture, at least, if that were as its rim is.
    """
    rim_max_specks: float = 0.0001
    """Share that there are, at most, of what a program drew."""
    rim_same_width: float = 1.5
    """Pixels by which the widths of a border differ, at most."""

    # colours.py -----------------------------------------------------------------------------------

    chroma_rounds: int = 4
    """Rounds of the robust fit, each with weights by the errors of the one before."""
    chroma_scale: float = 6.0
    """Levels of chroma by which a pixel is off that counts half in it."""
    max_tint: float = 0.2
    """Levels of chroma per level of luma that a tint of the whole picture adds, at most."""
    min_chroma_error: float = 10.0
    """Levels of chroma by which a pixel is off, at least, to have another colour."""
    min_chroma_error_share: float = 0.6
    """The same as a share of how vivid the colour is, or should be."""
    chroma_noise_quantile: float = 0.25
    """Quantile of those errors that stands for what compression does to colours."""
    repainted_error_per_noise: float = 8.0
    """Levels of chroma by which a pixel is off, per one of that, to have another colour though it
    is pale, up to `min_chroma_error`."""
    repainted_min_error: float = 4.0
    """Levels of chroma that that is, at least."""
    repainted_min_error_share: float = 0.35
    """The same as `min_chroma_error_share` for that where there is no such noise."""
    max_repainted: float = 0.15
    """Share of the overlap that may be off by so little. Of 2,770 copies, filtered ones too, none
    has more than 0.13; of 18 pale products in another colour 14 have 0.17 and more."""
    min_vivid: float = 25.0
    """Levels of chroma from which a colour has a hue to be told by."""
    min_hue_turn: float = 0.25
    """Sine of the angle between the chromas of a pixel, from which it has another hue: red and
    orange are 20 degrees apart or more."""
    max_turned_share: float = 0.08
    """Share of the overlap with another hue that counts, at most: it is more than normal lets pass
    and less than loose does, since filters of photo apps turn hues too."""
    min_colour_pixels: int = 60
    """Pixels of the overlap, below which nothing is said of colours."""
    chroma_window: int = 3
    """Side, in pixels, of the window that smooths the small images, and of the erosion of their
    overlap."""
    in_place_usual_quantile: float = 0.75
    """Quantile of the errors of chroma of two pictures in one place that is called usual."""
    in_place_min_usual: float = 0.7
    """Levels of chroma that that is, at least."""
    in_place_rank: int = 4
    """Place in order of size of the error that is held against it: a thing of 3 % of the width."""
    in_place_max_chroma: float = 3.5
    """Ratio of the two above which the pictures are compared in colour. Of copies by JPEG, scaling,
    noise and blur one in fifty has more, most of them JPEG 5, of those that are lighter, or have
    more contrast or fewer colours, one in three; of frames of a fixed camera nearly all."""
    min_colour_cover: int = 250
    """Of 255: how much of a pixel lies in the overlap, more than that."""
    bright: int = 225
    """Level of red, green or blue from which it may be clipped. Small images hold few pixels that
    are clipped all over, so it is far from 255."""
    dark: int = 28
    """Level up to which it may be clipped, for the same reason far from 0."""
    clipped_tolerance: int = 10
    """Levels by which a channel of the clipped image may lie on the other side of the other
    image's."""

    # colour_filter.py -----------------------------------------------------------------------------

    filter_same_chroma: float = 3.0
    """Levels of chroma by which a pixel differs, at most, whose colour stayed as it was."""
    filter_max_same: float = 0.03
    """Share of the pixels of which that is true, above which no filter was at work. Of pictures
    under a filter that one saturation and tint do not explain nine in ten have 0.011 at most; of
    300 drawn products in two colours none has less than 0.37."""
    filter_tint_step: float = 0.08
    """Chroma, as a share of luma, by which two colours are two."""
    filter_darkest: float = 20.0
    """Levels of luma: of less, the chroma is chance, and so it is taken as a share of this."""
    filter_tint_pixels: int = 5
    """Pixels that have a colour, at least, for it to count."""
    filter_min_tints: int = 6
    """Colours of either picture, at least: one filter can turn few into any others. Of photos under
    a filter one in twenty has fewer."""
    filter_many_tints: int = 9
    """Where a picture has fewer, the filter has to tell each colour from the others. Where both a
    product and the light are other ones, a fit alone joins 8 of 300 drawn pairs that have the least
    number of colours, and 2 with this, where 3 have so many; of 41 photos under a filter 39 pass,
    and 33 have so many."""
    filter_open_levels: tuple[float, float] = (0.03, 0.97)
    """Share of the largest level, between which a channel is not cut off."""
    filter_hold: tuple[float, ...] = (0.2, 0.2, 8.0, 8.0)
    """Pixels that hold each factor of the fit where it is without a filter: of 1, the level, its
    square and grey."""
    filter_scale: float = 8.0
    """Levels by which a pixel is off that counts half in it."""
    filter_ends: tuple[float, float] = (0.05, 0.95)
    """Quantiles of the levels between which a channel must not be bent more than that."""
    filter_slopes: tuple[float, float] = (0.5, 2.0)
    """Levels per level of the other picture, grey apart, between which a filter bends a channel."""

    # moved_thing.py -------------------------------------------------------------------------------

    moved_min_difference: int = 20
    """Grey levels by which a pixel differs, more than that."""
    moved_min_pixels: int = 40
    """Pixels that a thing covers in the one image alone, and in the other alone, at least."""
    moved_level_width: int = 12
    """Grey levels to either side of that of a thing, which a pixel of it may have."""
    moved_opening: int = 4
    """Side, in pixels, of the square that fits into what a thing covers: lines are narrower."""
    moved_as_many: float = 0.3
    """Ratio of what it covers in the one alone to that in the other, at least."""
    moved_min_share: float = 0.2
    """Share of the pixels that differ which it covers in the one alone, at least."""

    # zoom.py --------------------------------------------------------------------------------------

    zoom_max_area: float = 0.3
    """Share of a picture that another one takes in it, up to which it is read at a larger size."""
    zoom_room: float = 0.06
    """Room around it, as a share of its longer side: where it lies is known roughly."""

    # two_levels.py --------------------------------------------------------------------------------

    two_levels_width: int = 12
    """Grey levels to either side of one that are counted as it: a codec spreads them."""
    two_levels_share: float = 0.93
    """Share of the pixels that have either level, at least. Of photos none comes near."""
    two_levels_min_share: float = 0.01
    """Share of those that have the rarer one, at least: a line of print on a page."""
    two_levels_min_chroma: float = 14.0
    """Levels of chroma by which a place has another colour, more than that."""
    two_levels_min_figure: int = 12
    """Pixels of the small pictures that stand on the ground, below which no shade is told."""
    two_levels_even_figure: float = 0.85
    """Contrast to the ground, as a share of the largest, from which a pixel is in the middle of the
    figure, and not at its edge."""
    two_levels_min_even: float = 0.5
    """Share of the figure that such pixels are, at least: of print they are few."""
    two_levels_max_shade: float = 10.0
    """Grey levels by which that shade may differ."""
    two_levels_max_hue: float = 7.0
    """Levels of chroma by which it may differ."""
    two_levels_min_brighter: float = 4.0
    """Grey levels by which the ground of one is lighter, at least, for both to be made brighter."""
    two_levels_max_moved: float = 0.01
    """Share of a side by which the figure may lie elsewhere in the frame, beyond cropping."""
    two_levels_distance: float = 1.5
    """Distance of a picture in two other colours, at least: it is alike at loose alone."""

    # channel_tones.py -----------------------------------------------------------------------------

    channel_tones_side: int = 480
    """Longer side at which the tones of channels are compared."""

    # exposure.py ----------------------------------------------------------------------------------

    shot_grid: int = 5
    """Places to a side by which it is told how far a picture lies beside another one."""
    shot_min_moved: float = 0.001
    """Share of the longer side by which it does, at least. Pictures that were made brighter or
    darker lie within 0.00025, shots out of the hand seldom within 0.0025."""
    shot_max_moved: float = 0.03
    """The same, at most: what is moved by more was moved on purpose."""
    shot_max_area: float = 0.02
    """Share by which the area of one may differ from the other's: no part of it was enlarged."""
    shot_min_stops: float = 0.7
    """Stops of light between two exposures, at least: a bracket has steps of one at least, mostly
    of two."""
    shot_open_levels: tuple[int, int] = (8, 247)
    """Grey levels between which nothing is cut off; light is compared there alone."""
    shot_gamma: float = 2.2
    """Exponent by which levels become light."""
    shot_distance: float = 1.5
    """Distance of such a shot, at least: it is alike at loose alone."""

    # fine_alignment.py ----------------------------------------------------------------------------

    correction_min_gradient: float = 4.0
    """Grey levels per pixel from which a pixel says where it belongs."""
    correction_min_pixels: int = 300
    """Such pixels, at least."""
    correction_max_pixels: int = 60_000
    """Such pixels that are read, about; it saves time."""
    correction_rounds: int = 4
    """Rounds of the fit, each with weights by the errors of the one before."""
    correction_ridge: float = 1e-6
    """Squared grey levels per pixel and pixel read that hold each part of the correction at 0."""
    correction_most: float = 1.5
    """Pixels at the edge by which any part of the correction moves one, at most."""

    # local_differences.py -------------------------------------------------------------------------

    detail_side: int = 2400
    """Longer side, in pixels, at which what would be accepted is compared once more, at most."""
    detail_same_scale: float = 0.02
    """Share by which the scales of two images may differ that are compared as they are."""
    detail_decoded_side: int = 1000
    """Shorter side, in pixels, that is decoded for that at least, where the file has it."""
    detail_blur: float = 1.0
    """Standard deviation, in pixels, of the smoothing for it."""
    detail_floor: float = 1.0
    """Grey levels that are expected of any block, at least."""
    detail_least_error: float = 3.0
    """Grey levels of error, below which a block does not differ."""
    detail_even_window: int = 25
    """Side, in pixels, of the window whose mean error does not count: light and paper are
    uneven."""
    detail_flat_gradient: float = 3.0
    """Grey levels per pixel below which a pixel is flat: the tone curve follows those."""
    detail_edge_weight: float = 0.05
    """How much another pixel counts in it."""
    detail_margin: int = 9
    """Side, in pixels, of the square by which the overlap is eroded."""
    detail_gradients: tuple[float, ...] = (0, 0.5, 1, 2, 3, 4, 6, 8, 11, 16, 22, 32, 45, 64)
    """Grey levels per pixel at which the bins begin, for whose medians the noise is fitted."""
    detail_min_bin: int = 8
    """Blocks of a bin, at least."""
    detail_full_bin: int = 200
    """Blocks of a bin from which it counts fully."""
    detail_error_floor: float = 0.5
    """Grey levels added to a median in its weight: errors vary as they are large."""
    detail_max_slope: float = 1.0
    """Error per gradient that noise has at most: more is no misplacement by a part of a pixel."""
    detail_rank: int = 3
    """The largest ratio but two counts: one block may be a speck."""

    # details.py -----------------------------------------------------------------------------------

    max_detail_ratio: float = 13.0
    """Ratio of the error of a block to what is expected, up to which a picture is a copy. Of
    copies of photos those whose colours were clipped come near."""
    max_detail_ratio_drawn: float = 7.0
    """The same for pages of text, light on dark ones too, and for screenshots, which have few such
    colours."""
    max_detail_share_of_legibility: float = 0.30
    """The same as a share of what another letter of the page would have: a comma is less than that.
    Of 69 copies of drawn pages, scans too, nine have more, of 45 that differ in a token all have
    0.69 at least; but in a crossword of half the size, whose lines stand out more than its letters,
    another letter has 0.31."""
    max_detail_ratio_faint_print: float = 3.0
    """The least that it comes to. Of those copies whose letters stand out least none has more than
    2.9."""
    detail_even_gradient: float = 1.0
    """Grey levels per pixel of a block, below which it is even."""
    min_even_share_drawn: float = 0.6
    """Share of even blocks, above which a picture is drawn. Of 422 photos 4 % have more."""
    detail_excess: float = 30.0
    """What a ratio has over that counts so many times: between a copy and another digit there is
    little room."""
    max_loose_distance: float = 4.0
    """Distance of the preset loose: beyond it no detail is compared."""
    page_sharper: float = 1.4
    """Ratio of the gradients of an image at two smoothings as a multiple of the other's, from which
    that may be a page which was blurred."""
    page_sharper_smoothings: tuple[float, float] = (1.5, 4.0)
    """Standard deviations, in pixels, of these: less is noise's."""
    page_sharper_quantile: float = 0.99
    """Quantile of the gradients that counts."""
    print_shifts: tuple[int, ...] = (6, 9, 13, 19)
    """Pixels by which print is shifted against itself: so another letter looks in its place."""
    print_min_gradient: float = 4.0
    """Grey levels per pixel of a block from which it may be print."""
    print_min_evenness: float = 0.15
    """Ratio of the strengths of the gradient across and along, at least: ruled lines have none
    along."""
    print_window: int = 3
    """Side, in blocks, of the square over which that is taken."""
    print_quantile: float = 0.25
    """Quantile of the ratios of the blocks with print that counts."""
    faint_legibility: float = 8.0
    """That quantile, below which print is faint: there other digits have ratios like those of
    noise."""
    max_detail_share_of_faint: float = 0.22
    """The same as `max_detail_share_of_legibility` then. Of 76 pairs of such pages with another
    token the least share was 0.26; of real receipts that were turned, brightened or shrunk most
    have no more than 0.21."""
    min_legibility: float = 6.0
    """That quantile, at least: below it a pair with another digit had a share of 0.26, and lines of
    code with one other letter, 7 and 8 pixels high, were joined."""
    print_min_blocks: int = 8
    """Blocks with print, below which nothing is said of them."""

    max_detail_ratio_lone: float = 3.0
    """The same as `max_detail_ratio` where no other place differs nearly as much. Of 430 copies of
    photos none that has more differs at one small place, both images having edges there."""

    # page_filter.py -------------------------------------------------------------------------------

    page_filter_legibility: float = 12.0
    """Legibility, as of `min_legibility`, below which one filter has to explain by what two pages
    differ; above it, it is asked for where they are refused otherwise."""
    page_filter_sure_legibility: float = 10.0
    """The same by the filter, at least, to refuse what is even and no page: things are, too."""
    page_filter_same_scale: float = 0.15
    """Share by which the scales of two pages may differ where neither is shrunk: one that was
    tilted is larger here and smaller there."""
    page_filter_reach: int = 3
    """Pixels that the filter reaches to each side."""
    page_filter_blurs: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0)
    """Standard deviations, in pixels, of the blurs that may come before it."""
    page_filter_nearer: float = 0.98
    """How near the blur before came, as a share of which another one has to come nearer."""
    page_filter_places: int = 12_000
    """Pixels that it is fitted to, about; it saves time."""
    page_filter_ridge: float = 0.3
    """Squared grey levels that are added to every pixel's: it keeps weights small."""
    page_filter_floor: float = 0.4
    """Grey levels that are expected of any block, at least."""
    page_filter_least_error: float = 1.0
    """Grey levels of error, below which a block does not differ."""
    page_filter_min_gradient: float = 2.0
    """Grey levels per pixel of a block from which it may be print."""
    page_filter_frame_share: float = 0.75
    """Legibility as a share of that where they lie so that most is to be read, at least."""
    page_filter_way_share: float = 0.6
    """The same by which of the two is filtered: where noise is smoothed away, so are letters."""
    page_filter_max_ratio: float = 5.2
    """Error of a block as a multiple of what is expected, see `detail_rank`, up to which the filter
    explains it. Of 20 receipts each changed in 15 ways few copies have more than 5; with another
    letter of the same receipt 5.7 is the least where letters stand out well."""
    page_filter_max_share: float = 0.25
    """The same as a share of what another letter would have. Of those copies, as far as they were
    stretched, tilted, blurred or shrunk, none has more than 0.26; with another letter, half the
    size, some have 0.2 to 0.35, where nobody can read it, and tilted 0.45 or more."""
    page_filter_max_ratio_in_place: float = 5.8
    page_filter_max_share_in_place: float = 0.35
    """Both of pages of one size that lie upon each other: codecs, noise and clipped white leave
    more. With another letter the least were 7.7 and 0.44."""
    page_filter_min_legibility: float = 6.0
    """Legibility by the filter, at least: below it, another letter may hide."""
    page_filter_lone_ratio: float = 1.6
    page_filter_lone_excess: float = 1.5
    """Error of a block, as a multiple of what is expected, at a place that alone differs, and how
    many times that of all others it is, by either page. Of 113 copies of drawn pages, turned,
    scanned or half the size, it refuses none, and of 154 of receipts one. Half-size pages of small
    print with another letter have 1.6 and more."""
    page_filter_lone_reach: int = 3
    """Blocks to each side that such a place has."""
    page_filter_lone_distance: float = 5.0
    """Distance of two pages that differ at one place alone: the preset loose ends at 4."""

    # colour_details.py ----------------------------------------------------------------------------

    colour_detail_window: int = 13
    """Side, in pixels of half the size, of the window whose mean error does not count: white
    balance and vignettes are uneven."""
    colour_detail_least_error: float = 4.0
    """Levels of chroma of error, below which a block does not differ."""
    colour_detail_min_slope: float = 0.1
    """Error per gradient of chroma that is expected at least: codecs spread colours over edges."""
    colour_detail_lost_slope: float = 0.9
    """That error per gradient above which one of the two has hardly an edge of colours left: then
    single blocks that have kept a colour say nothing. Of 90 photos two by JPEG 5 were refused by
    those."""
    colour_detail_edge: float = 2.0
    """Levels of chroma per pixel of a block that has an edge of colours."""
    colour_detail_min_coloured: int = 100
    """Blocks with such an edge, below which little is known of what a codec does to those."""
    colour_detail_unknown_slope: float = 0.25
    """Error per gradient of chroma that is expected then: a coloured thing on grey would otherwise
    be held against itself."""
    colour_detail_many_quantile: float = 0.9
    """Quantile of the ratios of the blocks to what is expected that must not be large."""
    colour_detail_many: float = 1.2
    """That ratio, above which so much more is expected of all. Of pairs that differ in a colour one
    in four has more, and 1.55 at most in 95 %; of copies by JPEG 5 three in four."""
    colour_detail_in_place: float = 0.1
    """Pixels by which one image may lie beside the other one and not be moved."""
    colour_detail_fitted: int = 48
    """Longer side, in pixels, at which saturation and tint are fitted."""
    max_colour_ratio: float = 7.5
    """Ratio of the error of a block to what is expected, up to which the colours are a copy's."""
    max_colour_ratio_lone: float = 3.6
    """The same where no other place differs nearly as much. Of 3,054 copies of photos and drawings,
    in other tones and palettes too, one is refused by these, of 308 pairs that differ in a colour
    as light 286."""
    colour_lone_share: float = 0.5
    """Share of the largest ratio from which a block belongs to what differs."""
    colour_lone_gap: int = 7
    """Side, in blocks half a side apart, of the square within which blocks hang together."""
    colour_lone_margin: int = 3
    """Blocks around those that do not count as another place."""
    colour_lone_max_blocks: int = 120
    """Blocks that belong to what differs there, at most."""
    colour_lone_min_density: float = 0.1
    """Share of the rectangle around them that they are, at least: single blocks of a JPEG that are
    left with a colour lie far apart."""
    colour_lone_min_excess: float = 2.0
    """Ratio of what differs to the largest but two elsewhere, at least."""
    colour_retoned: float = 3.0
    """Levels of red, green or blue by which half of the pixels differ, beyond which two pictures
    are of other tones: then bright colours may be cut off in one of them."""

    # lone_place.py --------------------------------------------------------------------------------

    lone_share: float = 0.5
    """Share of the largest ratio from which a block belongs to what differs."""
    clean_min_even: float = 0.5
    """Share of even blocks, see `min_even_share_drawn`, from which one place is looked for in which
    two images differ that are all but equal elsewhere."""
    clean_min_blocks: int = 50
    """Blocks with print, at least."""
    clean_quantile: float = 0.9
    clean_max_usual: float = 0.5
    """Grey levels, root mean square, by which so many of these differ, at most."""
    clean_least_error: float = 2.2
    clean_per_usual: float = 8.0
    """Grey levels, and the same as a multiple of those, by which a place differs, more than that.
    Of 19 pairs of small screens of code with one other sign, which were joined, 15 have more, of 12
    others, on which nothing was set, 2; of 374 copies of drawn pages none."""
    lone_gap: int = 5
    """Side, in blocks half a side apart, of the square within which blocks hang together."""
    lone_margin: int = 2
    """Blocks above and below those that belong to the same line."""
    lone_max_blocks: int = 40
    """Blocks that a few digits have in common, at most."""
    lone_min_side: int = 240
    """Longer side, in pixels, of the smallest image in which that is sought: in smaller ones a few
    letters are all that has an edge, and the noise beside them says little of theirs."""
    lone_min_edge: float = 3.0
    """Grey levels per pixel of the edges of both, at least: those of letters that can be read."""
    lone_both_edges: float = 0.62
    """Strength of the edges of the image with fewer, as a share of that of the other one's, above
    which both have something there. What was added to one of them left 0.57 at most, other digits
    0.69 at least."""
    lone_least_error: float = 2.0
    """Grey levels of error, below which a block elsewhere does not count."""
    lone_min_excess: float = 2.0
    """How many times the ratio elsewhere it has, at least."""

    lone_sure_ratio: float = 5.0
    """The same as `max_detail_ratio_lone`, above which it may be in one of the two images alone."""
    lone_sure_excess: float = 3.0
    """How many times the ratio elsewhere it has then, at least. Of 1,451 copies of photos none that
    has more than 5 in so few blocks has more than 1.8 times; of 86 copies of drawn pages none has
    2.4."""
    peer_min_edge: float = 5.0
    """Grey levels per pixel of the edges of both, from which they are strong."""
    peer_step: float = 1.5
    """Ratio of the gradients up to which edges are as strong."""
    peer_min_blocks: int = 12
    """Blocks with such edges, below which nothing is said of them."""
    peer_quantile: float = 0.75
    """Quantile of their errors that is usual."""
    peer_max_share: float = 0.7
    """Share of the strong edges that differ, above which nothing stayed to hold them against, if
    they are not letters alone. Of photos under strong noise or blur 0.72 and more do."""
    peer_max_edges: float = 0.05
    """Share of the blocks that have strong edges, up to which these may be letters alone: 0.02 to
    0.03 in dark pictures with a line of print, 0.08 and more in photos under noise."""
    peer_max_corner: float = 0.03
    """Share of a side by which a corner may be off, at most, where letters of a photo or drawing
    are held against others: what was tilted may lie beside the other one at its ends."""
    max_peer_ratio: float = 1.8
    """Ratio of the error of a block to that, up to which a picture is a copy. Of 1,451 copies of
    photos under captions and time stamps, also dark ones, and of photos by 20 changes, one has more
    than 1.4: 2.2. Of 94 pairs under another token 90 have more than this, most of which are refused
    by `max_detail_ratio_lone` too. Of 86 copies of drawn pages none has blocks with such edges; 51
    of 54 that differ in a token have more than this."""

    # flat_colours.py ------------------------------------------------------------------------------

    flat_window: int = 5
    """Side, in pixels, of the square around an even pixel."""
    flat_range: int = 4
    """Grey levels from the darkest to the brightest pixel of such a square, at most."""
    flat_levels: int = 4
    """Levels, the most common ones, that the ground and the fields of a drawing have."""
    flat_level_width: int = 1
    """Levels to either side that count as the same one."""
    flat_span_share: float = 0.998
    """Share of the pixels whose levels are the span of an image."""
    min_flat_span: float = 100.0
    """Levels of it, below which an image is no drawing: that of ink on paper is more."""
    min_flat_drawing: float = 0.42
    """Share of the pixels that are even and of those levels, above which a picture may be a
    drawing. Five of 250 photos have more; of drawn pages half or more of each kind."""
    flat_near: int = 21
    """Side, in pixels, of the square around such a pixel in which others are near it."""
    max_far_from_flat: float = 0.055
    """Share of the pixels that are near none, up to which a picture is a drawing: lines and letters
    are thin. A thing on a white ground has 0.06 and more."""
    min_flat_of_even: float = 0.8
    """The same as a share of the even pixels: a sky is even too, in many levels."""

    # captions.py ----------------------------------------------------------------------------------

    caption_least_error: float = 8.0
    """Grey levels of error from which a block may hold a letter of one image only."""
    caption_least_ratio: float = 2.0
    """Ratio of the error to what is expected, from which it may; low, since much is expected where
    letters lie on letters."""
    caption_min_blocks: int = 40
    """Such blocks that letters over a picture have, at least: of captions the smallest had 110, of
    time stamps that differ in a few digits none had 30."""
    caption_own_share: float = 0.5
    """An edge is of one image alone if the gradients of the two differ by more than this share of
    its square."""
    caption_rank: int = 4
    """The strongest edges but three count, of either image."""
    caption_max_hidden: float = 0.55
    """Strength of the edges of the image with fewer, where the images differ, as a share of that of
    the letters. With the two limits below, 60 of 62 pairs of a photo under two captions are
    rejected that passed before, and 20 of 117 photos with one caption."""
    caption_faint: float = 0.3
    """Strength of those edges as a share of that of the picture beside them, up to which they are
    the picture's all the same: pale letters are no stronger."""
    caption_max_among: float = 0.9
    """The same, above which they are no picture's."""
    caption_hidden_quantile: float = 0.9
    """Quantile of the hidden edges for that."""
    caption_beside_quantile: float = 0.98
    """Quantile of the edges beside for that."""
    caption_least_edge: float = 2.0
    """Grey levels per pixel that those have, at least."""
    caption_bar_share: float = 0.05
    """Share of the blocks where letters lie that are even in their image alone: a bar, which hides
    edges that may be as strong as those of the letters. Bars with a line of words on them have 0.08
    at least, words without a bar 0.02 at most."""
    caption_near: int = 41
    """Side, in blocks half a side apart, of the square around a block that differs in which others
    are beside it."""
    caption_next: int = 5
    """The same of those that are next to it and may hold a part of a letter."""

    # in_place.py ----------------------------------------------------------------------------------

    in_place_cell: int = 8
    """Side, in pixels, of a cell."""
    in_place_even: float = 3.0
    """Grey levels: a cell with a lesser standard deviation in both is even."""
    in_place_min_even: float = 0.3
    """Share of even cells, at least: photos have fewer."""
    in_place_structure: float = 8.0
    """Grey levels: a cell with a larger standard deviation has structure."""
    in_place_same: float = 2.0
    """Mean difference, in grey levels, below which a cell is the same but for compression."""
    in_place_other: float = 12.0
    """The same, above which it shows something else; also of what is left of that when it is
    compared with all that is near."""
    in_place_near: int = 9
    """Side, in pixels, of the square with what is near."""
    in_place_min_cells: int = 4
    """Cells of either kind, at least."""
    in_place_min_same: float = 0.3
    """Cells that are the same per one that differs, at least: what is moved has few."""
    in_place_alike: float = 0.6
    """Correlation of the levels of a cell, above which it shows the same in another light."""
    in_place_corner_step: int = 2
    """Pixels of a shift that changes a cell with corners, along and across."""
    in_place_corner: float = 4.0
    """Mean difference, in grey levels, by which it does: twice what is the same."""
    in_place_min_corners: int = 15
    """Cells with corners that are the same, from which it does not matter how many others differ:
    nothing that was moved has them, and a program's bars are few beside a screen full of text."""
    in_place_min_middle: int = 3
    """Cells that differ away from the edges at which captions lie, at least."""
    in_place_nearly_even: float = 0.85
    """Share of even cells from which that is not asked: there is too little else for a caption
    to be told."""
    in_place_max_density: float = 0.5
    """Share of the box around the cells that differ which they fill: what is pasted fills it."""

    in_place_min_ground: float = 0.5
    """Share of the even cells that are the same, at least, where corners say that nothing moved: a
    brighter copy has another ground."""
    in_place_nearly_even_anchored: float = 0.7
    """The same as `in_place_nearly_even` where corners say so."""
    in_place_max_density_anchored: float = 0.7
    """The same as `in_place_max_density` where corners say so: fields of other lengths fill much
    of the box."""

    # unchanged.py ---------------------------------------------------------------------------------

    unchanged_near: int = 9
    """Side, in pixels, of the square around a pixel that its contrast is taken from."""
    unchanged_min_contrast: float = 24.0
    """Grey levels of contrast, above which there is print."""
    unchanged_even: int = 2
    """Grey levels by which the ground differs from its usual level."""
    unchanged_min_even: float = 0.4
    """Share of the pixels that are ground, at least. Of 80 photos 76 have 0.22 at most; of drawn
    screens all but chess boards and gradients have 0.5."""
    unchanged_least_share: float = 0.15
    """Difference of a pixel as a share of the contrast, above which it belongs to the place."""
    unchanged_reach: int = 16
    """Pixels around these that belong to it too: JPEG spreads a difference over a block."""
    unchanged_min_rest: float = 0.3
    """Share of the print that lies elsewhere, at least."""
    unchanged_min_equal: float = 0.99
    """Share of that which differs by a level at most."""
    unchanged_max_share: float = 0.17
    """Difference of a pixel as a share of the contrast around it, up to which two such images are
    one picture, saved again. On 160 drawn screens that none was set on, with another token and
    saved alike, 106 are told by it, and have 0.32 at least; of 1,920 copies of them, saved again or
    in few colours, none is. Signs of
    the smallest letters at JPEG 55 and 75, on which it was set, have 0.18 at least where any of
    them is left."""

    # moved_parts.py -------------------------------------------------------------------------------

    moved_parts_structure: float = 6.0
    """Grey levels: a cell with a larger standard deviation in both pictures has structure."""
    moved_parts_min_cells: int = 40
    """Cells with structure, at least."""
    moved_parts_same: float = 0.8
    """Correlation of the levels of a cell, above which it shows the same."""
    moved_parts_min_same: float = 0.6
    """Share of the cells with structure that do: by fewer the two do not lie in one place."""
    moved_parts_max_gain: float = 3.0
    """Ratio of the contrasts of the two, at most."""
    moved_parts_blur: int = 3
    """Side, in pixels, of the square whose mean takes the place of a pixel: against noise."""
    moved_parts_near: int = 5
    """Side, in pixels, of the square around a pixel in which the other one may have its level."""
    moved_parts_difference: float = 12.0
    """Grey levels by which a pixel differs from all of those, more than that."""
    moved_parts_per_noise: float = 4.0
    """The same as a multiple of the usual difference of cells that show the same."""
    moved_parts_opening: int = 4
    """Side, in pixels, of the square that fits into a place: letters and shifted edges are
    narrower."""
    moved_parts_closing: int = 11
    """Places nearer than that, in pixels, are one: a thing may be like the ground in parts."""
    moved_parts_min_area: int = 40
    """Pixels of a place, at least; and of what is looked at around it."""
    moved_parts_room: int = 8
    """Pixels around a place that are looked at."""
    moved_parts_surroundings: tuple[int, int] = (5, 9)
    """Sides, in pixels, of the squares by which a place grows to leave its soft border out, and
    then to take in its surroundings."""
    moved_parts_around: float = 6.0
    """Grey levels, root mean square, by which its surroundings differ, at most."""
    moved_parts_around_per_noise: float = 2.5
    """The same as a multiple of the usual difference."""
    moved_parts_outline: float = 1.5
    """Standard deviation, in pixels, of the blur after which the outline of a place has a
    direction."""
    moved_parts_border: float = 1.6
    """Ratio of the gradients across the outline in the picture that a place belongs to, to those in
    the other one, more than that."""
    moved_parts_stretch: int = 15
    """Side, in pixels, of the square in which a part of the outline is looked at by itself."""
    moved_parts_stretch_border: float = 3.0
    """The same as `moved_parts_border` for such a part."""
    moved_parts_stretch_gradient: float = 4.0
    """Grey levels a pixel of the gradient across it there, more than that."""
    moved_parts_min_stretch: float = 0.25
    """Share of the outline that is sharper in the one picture, and in the other one, at least: two
    things touch there. Of 224 photos and copies with one thing or two laid over them none has more
    than 0.225 in both, of 236 others, that it was not set on, 0.194; of 239 pairs in which the one
    has a thing beside that of the other one 63 have more."""
    moved_parts_min_pixels: int = 60
    """Pixels of the places that belong to either picture, at least."""
    moved_parts_min_share: float = 0.03
    """The fewer of them as a share of the more, at least."""
    parts_min_pixels: int = 60
    """Pixels of all places in which two pictures differ, from which on they are compared pixel upon
    pixel before they are aligned."""
    parts_min_same: float = 0.75
    """The same as `moved_parts_min_same` for that."""
    parts_max_difference: float = 3.0
    """Difference then, as a share of what is let pass, beyond which they are no copies. Of 1,018
    pairs of one size among copies of 20 photos, by the changes of `benchmarks/reach.py`, none has
    more than 0.7, of 1,840 of 36 other photos 1.5, but for those that were edited and are refused;
    of frames of one scene nine in ten have 4.9, of product shots 3.9."""
    moved_parts_usual_quantile: float = 0.9
    """Quantile of the differences of cells that is called usual where colours are compared."""
    moved_parts_per_usual: float = 4.0
    """Differences of a place in light or colour, per one of that, at least: a palette of few
    colours changes many places. Of 1,225 pairs of frames of a fixed camera 1,177 show other parts
    then; of 1,678 copies of photos and products by 20 changes, in the same size, one does, of 64
    colours."""
    moved_parts_open_levels: tuple[int, int] = (6, 249)
    """Levels of red, green and blue between which none of them is cut off."""

    # other_shot.py --------------------------------------------------------------------------------

    other_shot_side: int = 768
    """Sides, in pixels of the file, of the middle of two pictures that is compared, at most."""
    other_shot_window: int = 9
    """Side, in pixels, of the squares whose levels are compared first."""
    other_shot_tone: float = 24.0
    """Levels by which such a square may be lighter or darker than usual, to be no part of what lies
    over one of the pictures."""
    other_shot_blur: float = 2.0
    """Standard deviation, in pixels, of the blur that leaves grain and compression out."""
    other_shot_even: float = 6.0
    """Grey levels: a block with a smaller standard deviation after that is even."""
    other_shot_open_levels: tuple[int, int] = (12, 243)
    """Levels between which the mean of such a block lies: beyond, grain is cut off."""
    other_shot_min_blocks: int = 100
    """Even blocks, at least."""
    other_shot_rounding: float = 0.5
    """Grey levels, root mean square, by which two pictures differ since levels are rounded."""
    other_shot_max_ratio: float = 1.5
    """Difference of two pictures as a multiple of what their compression explains, above which they
    are two shots. Of 335 copies of photos under words, stamps and logos, JPEG 60 to 96, with grain
    and other tones or without, none has more than 1.3; of pairs of frames with grain of 1.5, 2 and
    3 levels 0.71, 0.92 and all have more."""
    other_shot_max_error: float = 0.4
    """Grey levels by which it is larger, at least, too."""

    # small.py -------------------------------------------------------------------------------------

    small_side: int = 96
    """Longer side, in pixels, of either picture, up to which two are compared pixel by pixel."""
    small_decided_side: int = 80
    """Longer side, in pixels, up to which that decides on two pictures of one size, also where
    they can be aligned: there are too few points to tell the next view of a thing."""
    small_max_whole: float = 25.0
    """Distance by pixels above which two small pictures differ, though they can be aligned as
    wholes with a lesser one. Copies of drawn codes, tiles and logos in two sizes lie at up to 12.7,
    those with other modules that could be aligned at 94 and more."""
    small_max_scale: float = 2.0
    """Ratio of the sides up to which they are."""
    small_min_correlation: float = 0.7
    """Correlation of the grey levels, below which they are not: it saves time."""
    small_grey: int = 6
    """Levels by which red, green and blue differ, at most, in a picture that is grey."""
    small_open_levels: tuple[float, float] = (2.5, 252.5)
    """Levels between which nothing is cut off; the tone curve is fitted to these."""
    small_tone_hold: tuple[float, ...] = (1e-3, 0.1, 3.0, 3.0, 3.0)
    """Pixels that hold each coefficient of the tone curve where it is without a change of tone, by
    their weight: the constant, the gain, the bends."""
    small_tone_rounds: int = 5
    """Rounds of its robust fit, each with weights by the errors of the one before."""
    small_tone_scale: float = 4.0
    """Grey levels by which a pixel is off that counts half in it."""
    small_min_spread: float = 8.0
    """Standard deviation, in grey levels, below which a picture shows too little to tell."""
    small_contrast: float = 25.0
    """Standard deviation below which differences count for more, as much as this is larger."""
    small_edge: float = 5.0
    """Grey levels per pixel, above which there is an edge."""
    small_min_edges: float = 0.05
    """Share of the pixels with edges, below which a picture shows too little to tell."""
    small_max_offset: float = 1.0
    """Grey levels of the mean error that do not count."""
    small_local: float = 1.2
    """Standard deviation, in pixels, of the weights by which the error at a place is averaged."""
    small_max_local: Table = (28, 64), (3.4, 5.5)
    """Longer side in pixels, grey levels of that average: at its largest that of a copy is less.
    The smaller the picture, the less the next view of a thing differs."""
    small_max_local_without_noise: float = 0.8
    """The same where there is neither compression nor grain, which are all over a picture: what is
    in one place alone is a difference."""
    small_max_local_per_noise: float = 1.3
    """Grey levels added to that, up to `small_max_local`, per one of noise: the median of the root
    mean squares in windows with edges."""
    small_wide: float = 2.0
    """The same as `small_local` for the error of wider parts."""
    small_max_wide: float = 1.15
    """Root mean square, in grey levels, of the error averaged over those."""
    small_window: int = 3
    """Side, in pixels, of the window for the error that is not averaged."""
    small_max_fine: float = 22.0
    """Root mean square, in grey levels, of the error in the most different window."""
    small_slope: float = 0.7
    """Standard deviation, in pixels, by which pictures are smoothed for their slopes."""
    small_part: float = 2.0
    """Standard deviation, in pixels, of the weights of a part that moves as one."""
    small_slope_floor: float = 0.5
    """Squared grey levels per pixel that are added to every slope, so that grain moves nothing."""
    small_max_moved_share: float = 0.2
    """Share of the error that displacements explain, above which things have moved: of grain they
    explain less than this, of the next view on a turntable more."""
    small_max_moved: float = 0.006
    """Pixels of displacement, root mean square, below which nothing has moved all the same."""
    small_max_chroma: float = 14.5
    """Levels of chroma, averaged as `small_local` says, by which a place may have another
    colour."""
    thumbnail_side: int = 64
    """Longer side, in pixels, of a picture that is also compared pixel by pixel with a far larger
    one."""
    thumbnail_distance: float = 1.5
    """Distance from a far larger picture of one that is all of it by its points, but not by its
    pixels, at least."""
    small_clear: float = 0.8
    """Distance up to which nothing more is tried to explain what is left: that of the preset
    strict."""
    small_excess: float = 10.0
    """What a distance has over 1 counts so many times: between a copy and the next view of a thing
    there is little room."""

    # keypoints.py ---------------------------------------------------------------------------------

    max_descriptor_bits: int = 64
    """Bits, of 256, by which the descriptors of matching keypoints differ, at most."""
    min_keypoint_matches: int = 10
    """Matches, and inliers of them, that a matrix needs. Of 311 true pairs none had fewer than 15,
    of the wrong ones two thirds had."""
    min_mirrored_matches: int = 7
    """The same in a mirror, where fewer keypoints are described."""
    min_match_share: float = 0.25
    """Share of the matches that have to be inliers."""
    affine_tolerance: float = 0.01
    """Share of the longer side by which an inlier may be off: the matrix is corrected later."""
    affine_iterations: int = 500
    """Iterations of RANSAC, at most."""
    affine_refinements: int = 10
    """Iterations of the fit to all inliers, at most."""
    upright_max_worse: float = 1.6
    """Squared error of a matrix that enlarges and shifts alone, as a multiple of that of an affine
    one, for each number that is not fitted, up to which it is taken instead."""
    upright_min_apart: float = 8.0
    """Tolerances that two matches lie apart, at least, by which such a matrix is tried where no
    affine one is found."""
    upright_min_share: float = 0.15
    """Share of the matches that have to agree then, and `min_keypoint_matches` of them."""
    pose_no_weight_bits: int = 80
    """Bits by which the descriptors of a match differ, less than that, where a few agree in their
    poses; what it is less by, squared, is its weight."""
    max_matches_for_poses: int = 40
    """Matches of nearest descriptors up to which that is tried; more are those of texts."""
    max_matches_for_parts: int = 60
    """The same where one picture is a part of the other: of an eighth of a detailed photo there are
    up to 56, nearly all of them by chance."""
    part_area: float = 0.5
    """Share of the other picture that such a part covers, at most. Two windows of one program have
    as many matches, and lie upon each other as wholes."""
    pose_iterations: int = 100
    """Iterations of RANSAC among those that agree, at most."""
    pose_turn: float = 30.0
    """Degrees within which their turns agree."""
    pose_octaves: float = 4.0
    """Steps of scale, each of 1.2, within which their scales agree."""
    pose_shift: float = 0.25
    """Share of the longer side within which their places agree."""
    pose_place: float = 6.0
    """Pixels within which two matches are at one place."""
    min_pose_places: Table = (12_000, 18_000), (5.0, 3.0)
    """Weight of the inliers, places that a matrix needs then. Of 120 photos and parts of an eighth
    of them 12 matrices more are found than with five places for any weight; of the 329 pairs of 700
    different pictures that are proposed 26 more, of which `rough_check` leaves 4, and none
    matches."""
    pose_min_inside: float = 0.85
    """Share of one picture that has to lie in the other one, by the poses alone."""
    pose_grid: int = 12
    """Places to a side by which that share is told."""
    min_pose_weight: float = 12_000
    """Weight of all of them. Of true pairs with too few matches otherwise four in five have 15,000,
    of wrong ones one in nine; of 60 parts of an eighth one more is found with this."""
    alike_matrices: float = 0.12
    """Share of a picture by which two matrices of the same matches may map its corners apart for
    the second not to be tried: the first is corrected when the pictures are aligned. With 0.03 no
    more of 240 parts were found, with 0.3 two fewer."""
    matched_distance: float = 0.02
    """Share of the longer side between two keypoints that a verdict's matrix lays upon each
    other, at most."""

    # matrix.py ------------------------------------------------------------------------------------

    max_edge_ratio: float = 2.0
    """Ratio of the scales of two sides of a picture, below which it is no more distorted than a
    picture gets."""
    min_scale: float = 0.03
    """Pixels of the left image per pixel of the right one, along the side that shrinks most, above
    which a picture is no more reduced than pictures get."""
    max_scale: float = 30.0
    """The same, below which it is no more enlarged than pictures get."""

    max_stretch: float = 4.0
    """The same as `max_edge_ratio` for a picture that was stretched along one of its sides."""
    max_stretch_lean: float = 0.05
    """Share of its length by which the side of such a picture may lean, and logarithm of the ratio
    of opposite sides, at most."""
    near_corner: float = 0.1
    """Share of a side by which a corner may be off where a matrix is that of a turn or flip of the
    whole picture, roughly."""

    # transform.py ---------------------------------------------------------------------------------

    max_skew: float = 0.03
    """Share of its length by which a side may lean, and perspective, at most, if a transform is
    to be called a crop or an inset."""

    # frames.py ------------------------------------------------------------------------------------

    max_duration_ratio: float = 1.15
    """Ratio of the times that two animations take, at most: a format may round each frame's to 10
    ms. A copy at another speed is another file."""
    even_window: int = 7
    """Side, in pixels, of the squares whose means are compared in two frames, as they lie."""
    even_window_small: int = 3
    """The same in frames of a longer side below `even_small_side`."""
    even_small_side: int = 128
    """Pixels."""
    max_even_luma: float = 6.0
    """Grey levels by which such means may differ: with no more than that everywhere the frames need
    no other comparison. Of 96 lossy copies of frames none differs by more than 5.4; frames of
    a film that follow each other differ by 12 and more."""
    max_even_chroma: float = 16.0
    """The same in steps of Cb and Cr. The same copies differ by up to 14."""
    max_even_brighter: float = 32.0
    """Grey levels by which a frame may be brighter or darker as a whole for that."""
    max_page_shift: float = 0.03
    """Share of the side by which a page may lie elsewhere than the first one."""
    max_frame_shift: float = 0.006
    """The same of a frame: in a film that moves slowly over a scene, every frame is a part of the
    next one."""

    # single_frame.py ------------------------------------------------------------------------------

    single_frame_side: int = 480
    """Longer side, in pixels, at which the frames of an animation are compared over time."""
    single_frame_blur: float = 2.5
    """Standard deviation, in pixels, of the Gaussian that their differences are smoothed by."""
    single_frame_min_frames: int = 4
    """Compared frames, at least: of fewer it is not known what is usual at a place."""
    single_frame_rank: int = 3
    """Place in order of size of the frame that others are compared with: a thing may be shown in
    two frames."""
    single_frame_quantile: float = 0.85
    """Quantile over time of the departures from the median, which are called usual."""
    single_frame_window: int = 7
    """Side, in pixels of half size, of the square in which the largest of the usual ones counts."""
    single_frame_reach: float = 1 / 6
    """Share of the longer side, from the place with the largest ratio to either side, which is left
    out when it is compared with the rest of its frame."""
    single_frame_chroma: float = 0.7
    """How much Cb and Cr count: palettes differ in them most."""
    max_single_frame: float = 3.2
    """Ratio of the most that one frame or two have to what others have, at most. Chosen on one half
    of drawn animations, where of 148 copies none has more than 3.1. Of the other half's it refuses
    0 of 144 copies, and 69 of 93 that have a digit, a word or a patch in a frame or two and were
    accepted without it; of 70 copies drawn later 3, all of 7 frames or fewer."""


LIMITS = Limits()
