"""Judges files by their names: which are worth reading, which claim to be images."""

from __future__ import annotations

import os

from imgsim.types import ImageFacts, ImageFile

IMAGE_SUFFIXES = frozenset(
    ".apng .avif .bmp .dib .gif .heic .heics .heif .hif .ico .j2k .jfif .jp2 .jpe .jpeg .jpg .jxl"
    " .mpo .pbm .pcx .pgm .png .pnm .ppm .psd .qoi .sgi .tga .tif .tiff .webp".split()
)

RAW_SUFFIXES = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf"
    " .raw .rw2 .rwl .sr2 .srf .srw .x3f".split()
)

_OTHER_SUFFIXES = frozenset(
    ".mp4 .mov .avi .mkv .m4v .mts .m2ts .webm .mpg .mpeg .wmv .3gp .mp3 .m4a .wav .flac .ogg"
    " .aac .zip .gz .xz .zst .7z .rar .tar .iso .txt .md .json .jsonl .csv .tsv .xml .xmp .html"
    " .htm .pdf .doc .docx .xls .xlsx .ppt .pptx .py .pyc .js .css .c .h .cpp .rs .go .java"
    " .db .sqlite .npy .npz .pth .pt .safetensors .parquet .exe .dll .so .dylib .lnk .ini .log"
    " .aae .thm .lrcat .lrprev .toml .yaml .yml .segment".split()
)
"""Nothing with these endings is read, unless it was named itself."""


_WITHOUT_MAGIC = frozenset({"TGA", "XBM", "XPM", "SPIDER", "PCD", "ICO", "CUR", "MSP", "IPTC"})
"""Found in other kinds of file by accident; believed only of a file with an image's ending."""


def may_hold_image(path: str) -> bool:
    """Return whether a file of this name may hold an image: it speaks of nothing else."""
    return os.path.splitext(path)[1].lower() not in _OTHER_SUFFIXES


def has_name_of_image(path: str) -> bool:
    """Return whether a path ends as images do."""
    return os.path.splitext(path)[1].lower() in IMAGE_SUFFIXES | RAW_SUFFIXES


def worth_reading(file: ImageFile) -> bool:
    """Return whether a file may hold an image: its name speaks of nothing else."""
    return file.named or may_hold_image(file.path)


def claims_to_be_image(file: ImageFile) -> bool:
    """Return whether a file has the name of an image, or was named by the user."""
    return file.named or has_name_of_image(file.path)


def is_identified_surely(format: str) -> bool:
    """Return whether files of a format begin with bytes that other kinds of file do not have."""
    return format not in _WITHOUT_MAGIC


def taken_by_accident(file: ImageFile, facts: ImageFacts) -> bool:
    """Return whether the content was identified as an image that its name does not speak of."""
    return facts.format in _WITHOUT_MAGIC and not claims_to_be_image(file)
