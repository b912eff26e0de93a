"""Numbers that decide something stand in `verify.limits`, each once."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from imgsim.verify import limits
from imgsim.verify.judge import VERSION
from tests.verify.pictures import SMALL, captioned, picture, verify

FOLDER = Path(limits.__file__).parent

PLAIN = {0, 1, 2, 0.5, 255, 256, 1e-9, 1e-6, 1e-3}
"""Beginnings, ends and halves, the levels of 8 bits, and guards against a division by zero."""

EXCEPTIONS: dict[str, list[float]] = {
    "batch.py": [24, 20, 3, 3],  # bytes of images that are kept in memory; 3 x 3
    "bilinear.py": [3, 3, 4],  # 3 x 3; terms of x and y
    "blocks.py": [5, 0.25],  # maps that are averaged together; the mean of four cells
    "colours.py": [128, 128, 1.402, 0.344, 0.714, 1.772, 4],  # BT.601; the diagonal of 3 x 3
    "frame_pairs.py": [8],  # pairs of a batch
    "frames.py": [3],  # channels
    "figures.py": [3, 3, 0.125],  # 3 x 3; the weights of a Sobel operator
    "fine_alignment.py": [8, 8, 12],  # differences of fourth order
    "gradients.py": [8],  # the weights of a Sobel operator
    "judge.py": [21, 3, 3, 3, 3],  # the version; 3 x 3
    "keypoints.py": [360, 360, 1024, 64, 64, 4096.0, 200],  # degrees; digits; bits; one by one
    "local_differences.py": [4, 3, 0.25],  # half a block; columns; the mean of four cells
    "matrix.py": [3, 3, 3, 3],  # 3 x 3
    "small.py": [  # an axis; BT.601; 128 is the middle, 8 the weights of a Sobel operator
        *[3, 3, 0.299, 0.587, 0.114, 0.1687, 0.3313, 0.4187, 0.0813],
        *[1.402, 0.3441, 0.7141, 1.772, 128, 128, 128, 128, 8],
    ],
    "text_page.py": [3],  # an axis
    "tone.py": [5, 6, 252, 5, 4, 253, 254],  # diagonals of squared differences
    "verdicts.py": [24],  # pairs of a batch
}

VERDICTS_OF = 21
"""The version whose limits these are."""

KNOWN: dict[str, object] = {
    "max_difference": 6.0,
    "max_difference_without_noise": 2.5,
    "max_difference_per_noise": 1.5,
    "max_shift": 0.06,
    "max_shift_per_noise": 0.02,
    "max_shift_per_blur": 0.08,
    "soft_blur": 1.5,
    "soft_moved": (0.5, 3.0),
    "blur_allowance": ((350, 700), (0.4, 1.0)),
    "shift_allowance": ((240, 350, 700, 1050), (0.6, 1.0, 1.0, 1.5)),
    "shift_allowance_overlaid": 0.7,
    "min_inliers": 24,
    "min_inlier_share": 0.3,
    "agreeing_share": 0.9,
    "agreeing_min_side": 200,
    "min_inliers_agreeing": 16,
    "min_structured_blocks": 24,
    "max_blur": 5.0,
    "undecided_distance": 2.5,
    "min_blocks_both_ways": 400,
    "max_recoloured": 0.04,
    "elsewhere_min_seen": 0.98,
    "elsewhere_max_area": 0.05,
    "fine_side": 1280,
    "fine_decoded_side": 512,
    "min_text_page_side": 400,
    "negative_distance": 2.0,
    "edited_difference": 2.6,
    "edited_per_differing": 3.0,
    "edited_max_differing": ((0.42, 0.46, 0.6, 0.65), (0.0, 0.2, 0.2, 0.4)),
    "edited_max_hole": 0.2,
    "edited_min_cover": 0.9,
    "edited_max_moved": 1.5,
    "coarse_side": 256,
    "min_side": 24,
    "extra_rounds": 2,
    "settled_shift": 0.3,
    "max_points": 110,
    "min_points": 12,
    "ransac_seed": 1,
    "homography_tolerance": 1.5,
    "homography_iterations": 300,
    "corner_side": 250,
    "corner_quality": 0.01,
    "min_corner_gap": 4,
    "corners_per_side": 30,
    "subpixel_margin": 2,
    "subpixel_iterations": 10,
    "subpixel_epsilon": 0.05,
    "flow_window": 15,
    "flow_levels": 2,
    "flow_iterations": 12,
    "flow_epsilon": 0.02,
    "flow_margin": 9,
    "min_overlap_pixels": 400,
    "neighbours": 6,
    "reliable_strength": 0.75,
    "shift_quantile": 0.75,
    "warp_inset": 0.5,
    "mask_bits": 4,
    "tone_step": 2,
    "tone_rarest": 256000,
    "tone_smoothing": 4.0,
    "tone_smoothing_radius": 12,
    "curve_pixels": 100000.0,
    "curve_stiffness": 100000.0,
    "curve_hold": 0.0001,
    "min_block_cover": 0.999,
    "band_margin_cells": 2,
    "min_expected_variance": 0.01,
    "blur_steps": (0.7, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0),
    "equal_sharpness": 1.05,
    "sharpness_cell": 24,
    "sharpness_row_step": 4,
    "min_sharpness_cover": 0.5,
    "min_sharpness_variance": 16.0,
    "smoothing": 0.8,
    "smoothing_noisy_share": 0.005,
    "max_smoothing_noisy": 2.0,
    "max_smoothing_text_page": 1.3,
    "min_noise": 3.0,
    "contrast": 50.0,
    "min_contrast": 25.0,
    "min_unexplained": 0.55,
    "min_structure": 4.0,
    "even_structure": 3.0,
    "max_added_structure": 10.0,
    "min_print_structure": 15.0,
    "hole_min_share": 0.8,
    "hole_side": 3,
    "hole_reach": 7,
    "residual_margin": 5,
    "block_side": 12,
    "block_side_small": 8,
    "small_image_side": 240,
    "min_blocks": 12,
    "overlay_difference": 4.0,
    "overlay_peak_difference": 8.0,
    "overlay_edge": 0.3,
    "min_overlay_side": 130,
    "min_structured_around": 60,
    "bar_share": 0.95,
    "overlay_quantile": 0.8,
    "around_quantile": 0.9,
    "overlays_alike": 0.85,
    "overlay_over_around": 0.95,
    "opening_blocks": 2,
    "text_page_step": 4,
    "text_page_regions": 8,
    "text_page_background_rank": (2, 3),
    "text_page_light": 190,
    "min_light_pixels": 0.15,
    "background_tolerance": 15,
    "min_background_in_print": 0.45,
    "min_background_in_block": 0.1,
    "max_blocks_of_picture": 0.2,
    "whole_overlap": 0.97,
    "contained_share": 0.95,
    "overlap_grid": 24,
    "seen_step": 2,
    "seen_side": 4,
    "seen_variance": 16.0,
    "rim_samples": 48,
    "rim_places": (-7, -3, 3),
    "rim_step": (2.0, 4.0),
    "rim_evenness": (3.0, 6.0),
    "chroma_rounds": 4,
    "chroma_scale": 6.0,
    "max_tint": 0.2,
    "min_chroma_error": 10.0,
    "min_chroma_error_share": 0.6,
    "min_vivid": 25.0,
    "min_hue_turn": 0.25,
    "max_turned_share": 0.08,
    "min_colour_pixels": 60,
    "chroma_window": 3,
    "min_colour_cover": 250,
    "bright": 225,
    "dark": 28,
    "clipped_tolerance": 10,
    "moved_min_difference": 20,
    "moved_min_pixels": 40,
    "moved_level_width": 12,
    "moved_opening": 4,
    "moved_as_many": 0.3,
    "moved_min_share": 0.2,
    "zoom_max_area": 0.3,
    "zoom_room": 0.06,
    "two_levels_width": 12,
    "two_levels_share": 0.93,
    "two_levels_min_share": 0.01,
    "two_levels_min_chroma": 14.0,
    "two_levels_distance": 1.5,
    "shot_grid": 5,
    "shot_min_moved": 0.001,
    "shot_max_moved": 0.03,
    "shot_max_area": 0.02,
    "shot_min_stops": 0.7,
    "shot_open_levels": (8, 247),
    "shot_gamma": 2.2,
    "shot_distance": 1.5,
    "correction_min_gradient": 4.0,
    "correction_min_pixels": 300,
    "correction_max_pixels": 60000,
    "correction_rounds": 4,
    "correction_ridge": 1e-06,
    "correction_most": 1.5,
    "detail_side": 2400,
    "detail_same_scale": 0.02,
    "detail_decoded_side": 1000,
    "detail_blur": 1.0,
    "detail_floor": 1.0,
    "detail_least_error": 3.0,
    "detail_even_window": 25,
    "detail_flat_gradient": 3.0,
    "detail_edge_weight": 0.05,
    "detail_margin": 9,
    "detail_gradients": (0, 0.5, 1, 2, 3, 4, 6, 8, 11, 16, 22, 32, 45, 64),
    "detail_min_bin": 8,
    "detail_full_bin": 200,
    "detail_error_floor": 0.5,
    "detail_max_slope": 1.0,
    "detail_rank": 3,
    "max_detail_ratio": 13.0,
    "max_detail_ratio_drawn": 7.0,
    "max_detail_share_of_legibility": 0.33,
    "max_detail_ratio_faint_print": 3.2,
    "detail_even_gradient": 1.0,
    "min_even_share_drawn": 0.6,
    "detail_excess": 30.0,
    "max_loose_distance": 4.0,
    "print_shifts": (6, 9, 13, 19),
    "print_min_gradient": 4.0,
    "print_min_evenness": 0.15,
    "print_window": 3,
    "print_quantile": 0.25,
    "min_legibility": 8.0,
    "min_legibility_drawing": 6.0,
    "print_min_blocks": 8,
    "flat_window": 5,
    "flat_range": 4,
    "flat_levels": 4,
    "flat_level_width": 1,
    "flat_span_share": 0.998,
    "min_flat_span": 100.0,
    "min_flat_drawing": 0.42,
    "flat_near": 21,
    "max_far_from_flat": 0.055,
    "min_flat_of_even": 0.8,
    "caption_least_error": 8.0,
    "caption_least_ratio": 2.0,
    "caption_min_blocks": 40,
    "caption_own_share": 0.5,
    "caption_rank": 4,
    "caption_max_hidden": 0.55,
    "caption_faint": 0.3,
    "caption_max_among": 0.9,
    "caption_hidden_quantile": 0.9,
    "caption_beside_quantile": 0.98,
    "caption_least_edge": 2.0,
    "caption_near": 41,
    "caption_next": 5,
    "in_place_cell": 8,
    "in_place_even": 3.0,
    "in_place_min_even": 0.3,
    "in_place_structure": 8.0,
    "in_place_same": 2.0,
    "in_place_other": 12.0,
    "in_place_near": 9,
    "in_place_min_cells": 4,
    "in_place_min_same": 0.3,
    "in_place_alike": 0.6,
    "in_place_corner_step": 2,
    "in_place_corner": 4.0,
    "in_place_min_corners": 15,
    "in_place_min_middle": 3,
    "in_place_nearly_even": 0.85,
    "in_place_max_density": 0.5,
    "in_place_min_ground": 0.5,
    "in_place_nearly_even_anchored": 0.7,
    "in_place_max_density_anchored": 0.7,
    "small_side": 96,
    "small_decided_side": 80,
    "small_max_scale": 2.0,
    "small_min_correlation": 0.7,
    "small_grey": 6,
    "small_open_levels": (2.5, 252.5),
    "small_tone_hold": (0.001, 0.1, 3.0, 3.0, 3.0),
    "small_tone_rounds": 5,
    "small_tone_scale": 4.0,
    "small_min_spread": 8.0,
    "small_contrast": 25.0,
    "small_edge": 5.0,
    "small_min_edges": 0.05,
    "small_max_offset": 1.0,
    "small_local": 1.2,
    "small_max_local": ((28, 64), (3.4, 5.5)),
    "small_max_local_without_noise": 0.8,
    "small_max_local_per_noise": 1.3,
    "small_wide": 2.0,
    "small_max_wide": 1.15,
    "small_window": 3,
    "small_max_fine": 22.0,
    "small_slope": 0.7,
    "small_part": 2.0,
    "small_slope_floor": 0.5,
    "small_max_moved_share": 0.2,
    "small_max_moved": 0.006,
    "small_max_chroma": 14.5,
    "thumbnail_side": 64,
    "thumbnail_distance": 1.5,
    "small_excess": 10.0,
    "max_descriptor_bits": 64,
    "min_keypoint_matches": 10,
    "min_mirrored_matches": 7,
    "min_match_share": 0.25,
    "affine_tolerance": 0.01,
    "affine_iterations": 500,
    "pose_no_weight_bits": 80,
    "max_matches_for_poses": 40,
    "pose_iterations": 100,
    "pose_turn": 30.0,
    "pose_octaves": 4.0,
    "pose_shift": 0.25,
    "pose_place": 6.0,
    "min_pose_places": 5,
    "pose_min_inside": 0.85,
    "pose_grid": 12,
    "min_pose_weight": 15000,
    "matched_distance": 0.02,
    "max_edge_ratio": 2.0,
    "min_scale": 0.03,
    "max_scale": 30.0,
    "max_stretch": 4.0,
    "max_stretch_lean": 0.05,
    "near_corner": 0.1,
    "max_skew": 0.03,
    "max_duration_ratio": 1.15,
    "even_window": 7,
    "even_window_small": 3,
    "even_small_side": 128,
    "max_even_luma": 6.0,
    "max_even_chroma": 16.0,
    "max_even_brighter": 32.0,
    "max_frame_shift": 0.03,
    "rough_side": 64,
    "rough_window": 15,
    "rough_min_cover": 250,
    "rough_min_pixels": 40,
    "rough_min_spread": 1.0,
    "rough_min_correlation": 0.4,
    "caption_bar_share": 0.05,
    "figure_side": 2400,
    "figure_min_frame": 48,
    "figure_max_shape": 1.0,
    "figure_near_ground": 16.0,
    "figure_even_edge": 0.95,
    "figure_max_ground": 4.0,
    "figure_min_contrast": 60.0,
    "figure_min_pixels": 60,
    "figure_min_side": 12,
    "figure_margin": 4,
    "figure_edge": (3, 7),
    "figure_block": 17,
    "figure_difference": ((10.0, 0.42, 0.06), (14.0, 1.0, 0.1)),
    "figure_grey_per_colour": 0.15,
    "figure_edge_of_letters": 0.35,
    "figure_thin": 10.0,
    "figure_thin_share": 0.2,
    "figure_letter_side": 9,
    "figure_min_thin": 9.0,
    "figure_ink": (4.0, 0.05),
    "figure_outliers": 0,
    "figure_area": 5,
    "figure_mean": ((4.0, 0.1), (5.0, 0.2)),
    "figure_even": 12.0,
    "figure_min_even": 30,
    "figure_mean_even": (2.5, 3.0),
    "figure_max_shift": 0.25,
    "figure_lost_near": 1.0,
    "figure_lost_level": 0.35,
    "figure_max_lost": 3.0,
    "figure_max_scale_of_letters": 1.4,
    "figure_lost_of_letters": 0.15,
    "figure_max_lost_letters": 1.0,
    "bend_max_distance": 12.0,
    "bend_distance": 0.6,
    "bend_min_points": 30,
    "bend_quantile": 0.75,
    "bend_max_error_share": 0.6,
    "bend_min": 0.01,
    "bend_beyond": 0.02,
    "bend_rounds": 4,
}


def _numbers(path: Path) -> list[float]:
    """Numbers in a file that are neither plain nor the index of an element."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    indices = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript):
            index = node.slice
            indices.update(id(part) for part in getattr(index, "elts", [index]))
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
        and node.value not in PLAIN
        and id(node) not in indices
    ]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_numbers_that_decide_stand_among_the_limits(path: Path) -> None:
    if path.name != "limits.py":
        assert Counter(_numbers(path)) == Counter(EXCEPTIONS.get(path.name, []))


def test_limits_change_with_the_version_of_the_verdicts() -> None:
    """Verdicts are cached under `judge.VERSION`, so a change of what gives them has to raise it."""
    image = picture(3, SMALL)
    verdict = verify(image, captioned(image))
    assert (verdict.more, verdict.left_seen, verdict.right_seen) == (-1, 1, 1)
    assert verdict.residual == pytest.approx(0.128, abs=0.05)
    np.testing.assert_allclose(verdict.matrix, np.eye(3).ravel(), atol=1e-3)
    changed = {
        name: (KNOWN.get(name), value)
        for name, value in limits.LIMITS._asdict().items()
        if KNOWN.get(name) != value
    }
    advice = "raise judge.VERSION, then VERDICTS_OF and KNOWN here: verdicts in caches are void"
    assert not changed, f"limits were {advice}: {changed}"
    assert set(KNOWN) == set(limits.LIMITS._asdict()), advice
    assert VERSION == VERDICTS_OF, "write the limits of this version to KNOWN, it to VERDICTS_OF"
