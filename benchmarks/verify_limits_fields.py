"""Which fields of `verify.limits` are limits on a quantity that is recorded, and in which sense.

The other ones are listed too, by why not: every field stands in exactly one of these tables.
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class Held(NamedTuple):
    """How a recorded quantity is held against its limit.

    Attributes
    ----------
    beyond : {"above", "below"}
        The side of the limit on which pairs are refused, or on which more is asked of them.
    effect : {"refuses", "with others", "chooses"}
        Whether what lies beyond refuses a pair at the preset normal by itself (where this way of
        comparing decides), does so if other quantities agree, or chooses how a pair is compared.
    share : bool
        The quantity is a share of what is let pass, since the limit depends on the pair.
    furthest : bool
        Of several values the one furthest beyond counts: all frames have to agree. Else it is the
        one that comes nearest to being accepted, since one hypothesis is enough, or of a choice
        the last one.
    """

    beyond: Literal["above", "below"]
    effect: Literal["refuses", "with others", "chooses"]
    share: bool = False
    furthest: bool = False


def _all(held: Held, names: str) -> dict[str, Held]:
    return dict.fromkeys(names.split(), held)


HELD: dict[str, Held] = (
    _all(
        Held("above", "refuses", share=True),
        "max_difference max_shift small_max_local figure_difference figure_mean figure_ink",
    )
    | _all(
        Held("above", "refuses"),
        "max_blur max_recoloured max_repainted max_scale max_detail_ratio max_detail_ratio_drawn"
        " max_detail_ratio_faint_print max_detail_share_of_legibility max_detail_share_of_faint"
        " max_detail_ratio_lone max_peer_ratio caption_max_among small_max_wide small_max_fine"
        " small_max_chroma unchanged_max_share"
        " figure_max_ground figure_max_shift max_colour_ratio max_colour_ratio_lone",
    )
    | _all(
        Held("below", "refuses"),
        "min_inliers min_inlier_share min_inliers_agreeing supposed_min_share min_structured_blocks"
        " min_text_page_side rough_min_correlation min_overlap_pixels min_points min_blocks"
        " min_scale min_legibility caption_min_blocks small_min_correlation small_min_spread"
        " small_min_edges figure_min_contrast upright_min_share",
    )
    | _all(
        Held("above", "refuses", furthest=True),
        "max_duration_ratio max_page_shift max_frame_shift two_levels_max_shade two_levels_max_hue"
        " two_levels_max_moved",
    )
    | _all(Held("below", "refuses", furthest=True), "figure_even_edge")
    | _all(
        Held("above", "with others"),
        "elsewhere_min_seen max_edge_ratio overlays_alike overlay_over_around two_levels_share"
        " two_levels_min_share two_levels_min_even two_levels_min_brighter"
        " colour_lone_min_excess shot_min_moved shot_min_stops lone_min_excess lone_min_edge"
        " lone_both_edges caption_max_hidden caption_faint in_place_min_even in_place_min_cells"
        " in_place_min_corners in_place_min_ground in_place_nearly_even"
        " in_place_nearly_even_anchored in_place_min_middle in_place_min_same"
        " unchanged_min_even unchanged_min_equal"
        " small_max_moved_share small_max_moved max_turned_share moved_parts_min_cells"
        " moved_parts_min_same moved_parts_min_stretch moved_parts_min_pixels"
        " moved_parts_min_share other_shot_max_ratio other_shot_min_blocks colour_lone_min_density",
    )
    | _all(
        Held("below", "with others"),
        "elsewhere_max_area shot_max_moved shot_max_area lone_max_blocks caption_bar_share"
        " in_place_max_density in_place_max_density_anchored min_keypoint_matches"
        " min_mirrored_matches min_match_share min_pose_weight pose_min_inside"
        " moved_parts_max_gain filter_max_same colour_lone_max_blocks",
    )
    | _all(
        Held("above", "chooses"),
        "soft_blur agreeing_share undecided_distance tried_place max_loose_distance min_noise"
        " edited_max_moved bend_max_distance bend_distance bend_max_error_share bend_beyond"
        " bend_max_difference"
        " overlay_edge bar_share min_light_pixels text_page_light min_background_in_print"
        " correction_most min_even_share_drawn min_flat_span min_flat_drawing min_flat_of_even"
        " zoom_max_area in_place_max_chroma colour_retoned",
    )
    | _all(Held("below", "with others", share=True), "min_pose_places")
    | _all(
        Held("above", "with others"),
        "compressed_max_share compressed_max_levels compressed_page_levels page_filter_max_ratio"
        " page_filter_max_share page_filter_lone_excess",
    )
    | _all(Held("below", "with others"), "compressed_page_least page_filter_min_legibility")
    | _all(
        Held("above", "chooses"),
        "compressed_max_away page_sharper saved_again_mean saved_again_levels clean_max_usual",
    )
    | _all(Held("above", "chooses", share=True), "saved_again_near")
    | _all(Held("above", "with others"), "noise_max_top blur_max_apart blur_max_ratio")
    | _all(Held("above", "with others", share=True), "noise_max_excess")
    | _all(
        Held("below", "chooses"),
        "compressed_min_noise upright_max_worse degraded_min_rougher degraded_min_likeness"
        " noise_min blur_min noise_min_structure blur_min_structure",
    )
    | _all(Held("above", "chooses", share=True), "edited_max_differing edited_max_hole")
    | _all(
        Held("above", "chooses", furthest=True), "max_even_luma max_even_chroma max_even_brighter"
    )
    | _all(Held("above", "refuses"), "max_single_frame small_max_whole parts_max_difference")
    | _all(
        Held("below", "chooses"),
        "min_blocks_both_ways edited_min_cover bend_min hole_min_share brightened_min_gain"
        " brightened_white overlay_peak_difference min_structured_around max_blocks_of_picture"
        " whole_overlap correction_min_pixels faint_legibility max_far_from_flat filter_min_tints"
        " page_filter_legibility compressed_page_differing",
    )
)
"""Fields whose quantity is recorded."""

PARTS: dict[str, str] = {
    name: whole
    for whole, names in {
        "max_difference": "max_difference_without_noise max_difference_per_noise",
        "max_shift": "max_shift_per_noise max_shift_per_blur blur_allowance shift_allowance"
        " shift_allowance_overlaid soft_moved",
        "max_repainted": "repainted_error_per_noise repainted_min_error"
        " repainted_min_error_share chroma_noise_quantile",
        "small_max_local": "small_max_local_without_noise small_max_local_per_noise",
        "figure_difference": "figure_edge figure_block figure_grey_per_colour"
        " figure_edge_of_letters figure_outliers",
        "compressed_max_levels": "compressed_other_levels",
        "compressed_max_share": "compressed_other_share",
        "saved_again_near": "saved_again_share",
        "noise_max_top": "noise_other_top",
        "blur_max_ratio": "blur_other_ratio",
        "page_filter_max_share": "page_filter_max_share_in_place",
        "page_filter_max_ratio": "page_filter_max_ratio_in_place",
        "figure_mean": "figure_mean_even figure_even figure_min_even figure_area",
    }.items()
    for name in names.split()
}
"""Numbers by which a limit depends on the pair, and the field that the quantity stands under."""

OF_PLACES: tuple[str, ...] = tuple(
    """
    min_unexplained min_structure even_structure max_added_structure min_print_structure
    overlay_difference background_tolerance min_background_in_block min_chroma_error
    min_chroma_error_share min_vivid min_hue_turn bright dark clipped_tolerance
    two_levels_min_chroma moved_min_difference moved_parts_structure moved_parts_same
    moved_parts_difference moved_parts_per_noise moved_parts_min_area moved_parts_around
    moved_parts_around_per_noise moved_parts_border moved_parts_stretch_border
    moved_parts_stretch_gradient detail_least_error detail_flat_gradient
    detail_even_gradient print_min_gradient print_min_evenness lone_share lone_least_error
    clean_min_even clean_least_error clean_per_usual unchanged_min_contrast unchanged_even
    unchanged_least_share
    peer_min_edge upright_min_apart
    caption_least_error caption_least_ratio caption_own_share caption_least_edge
    colour_detail_least_error colour_detail_edge colour_lone_share in_place_even
    in_place_structure in_place_same in_place_other in_place_alike in_place_corner seen_variance
    min_block_cover min_sharpness_cover min_sharpness_variance min_expected_variance
    correction_min_gradient small_edge small_grey flat_range figure_near_ground figure_thin
    figure_thin_share figure_min_thin figure_lost_level figure_lost_of_letters
    max_descriptor_bits pose_no_weight_bits matched_distance homography_tolerance
    alike_matrices
    affine_tolerance corner_quality rough_min_cover min_colour_cover filter_same_chroma
    filter_open_levels moved_parts_per_usual moved_parts_open_levels other_shot_even
    other_shot_open_levels other_shot_tone compressed_page_same page_filter_least_error
    page_filter_min_gradient
    """.split()
)
"""Limits on a pixel, block, cell or point, of which a pair has thousands."""

NOT_COVERED: tuple[str, ...] = tuple(
    """
    agreeing_min_side min_side needed_share needed_share_aligned rough_min_pixels
    rough_min_spread supposed_max_moved settled_shift equal_sharpness contained_share rim_step
    rim_evenness rim_structure rim_one_colour rim_min_specks rim_max_specks rim_same_width
    max_tint min_contrast min_colour_pixels moved_min_pixels moved_as_many moved_min_share
    compressed_min_count compressed_beyond compressed_same degraded_max_shape
    bend_min_points parts_min_pixels parts_min_same
    detail_same_scale detail_max_slope detail_min_bin detail_full_bin
    lone_sure_ratio lone_sure_excess page_filter_lone_ratio
    print_min_blocks peer_min_blocks lone_min_side small_image_side min_overlay_side
    max_matches_for_poses
    max_matches_for_parts part_area
    max_stretch max_stretch_lean near_corner max_skew figure_min_frame figure_max_shape
    figure_min_pixels figure_min_side figure_max_lost figure_max_scale_of_letters
    figure_max_lost_letters small_side small_decided_side small_max_scale thumbnail_side
    even_small_side colour_detail_unknown_slope colour_detail_min_coloured
    colour_detail_lost_slope colour_detail_min_slope colour_detail_many tone_rarest
    other_shot_max_error filter_slopes degraded_from degraded_min_blur degraded_min_noise
    blur_max_near blur_extent compressed_page_share page_filter_frame_share page_filter_way_share
    page_filter_same_scale page_filter_sure_legibility
    """.split()
)
"""Limits on a quantity of a pair that is not recorded yet."""

NO_LIMITS: tuple[str, ...] = tuple(
    """
    compressed_qualities compressed_blocks saved_again_side saved_again_qualities
    saved_again_beside degraded_thumbnail blur_side blur_sigmas blur_finer
    blur_step blur_rim structure_smoothing fine_side fine_decoded_side negative_distance
    edited_difference edited_per_differing
    figure_side figure_margin figure_letter_side figure_lost_near bend_quantile bend_rounds
    rough_side rough_window coarse_side extra_rounds max_points ransac_seed
    homography_iterations corner_side min_corner_gap corners_per_side subpixel_margin
    subpixel_iterations subpixel_epsilon flow_window flow_levels flow_iterations flow_epsilon
    flow_margin neighbours reliable_strength shift_quantile warp_inset mask_bits tone_step
    tone_smoothing tone_smoothing_radius curve_pixels curve_stiffness curve_hold
    band_margin_cells blur_steps sharpness_cell sharpness_row_step smoothing
    smoothing_noisy_share max_smoothing_noisy max_smoothing_text_page contrast
    brightened_levels hole_side hole_reach residual_margin block_side block_side_small
    overlay_quantile around_quantile opening_blocks text_page_step text_page_regions
    text_page_background_rank overlap_grid seen_step seen_side rim_samples rim_places
    rim_print rim_near_print rim_core rim_speck
    chroma_rounds chroma_scale chroma_window moved_level_width moved_opening zoom_room
    moved_parts_blur moved_parts_near moved_parts_opening moved_parts_closing moved_parts_room
    moved_parts_surroundings moved_parts_outline moved_parts_stretch
    two_levels_width two_levels_distance two_levels_min_figure two_levels_even_figure
    channel_tones_side shot_grid shot_open_levels shot_gamma shot_distance
    correction_max_pixels correction_rounds correction_ridge detail_side detail_decoded_side
    detail_blur detail_floor detail_even_window detail_edge_weight detail_margin
    detail_gradients detail_error_floor detail_rank detail_excess print_shifts print_window
    print_quantile peer_max_share peer_max_edges peer_max_corner peer_step peer_quantile lone_gap
    lone_margin flat_window flat_levels flat_level_width
    flat_span_share flat_near caption_rank caption_hidden_quantile caption_beside_quantile
    caption_near caption_next in_place_cell in_place_near in_place_corner_step small_open_levels
    small_tone_hold small_tone_rounds small_tone_scale small_contrast small_max_offset
    small_local small_wide small_window small_slope small_part small_slope_floor
    thumbnail_distance small_clear small_excess affine_iterations
    affine_refinements pose_iterations pose_turn pose_octaves pose_shift pose_place pose_grid
    even_window even_window_small single_frame_side single_frame_blur single_frame_min_frames
    single_frame_rank single_frame_quantile single_frame_window single_frame_reach
    single_frame_chroma in_place_usual_quantile in_place_min_usual in_place_rank filter_tint_step
    filter_darkest filter_tint_pixels filter_many_tints filter_hold filter_scale filter_ends
    colour_detail_window colour_detail_in_place colour_detail_many_quantile colour_detail_fitted
    unchanged_near unchanged_reach unchanged_min_rest
    clean_quantile clean_min_blocks colour_lone_gap colour_lone_margin
    moved_parts_usual_quantile other_shot_side other_shot_window other_shot_blur other_shot_rounding
    compressed_page_qualities compressed_page_near page_sharper_smoothings page_sharper_quantile
    page_filter_reach page_filter_blurs page_filter_nearer page_filter_places page_filter_ridge
    page_filter_floor page_filter_lone_reach page_filter_lone_distance
    """.split()
)
"""Sizes, counts, steps, rounds, weights and distances that are given."""
