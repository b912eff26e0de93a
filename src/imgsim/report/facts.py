"""The metadata of members: as documents, as text, and what the kept file lacks of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from imgsim.decode.metadata import ONLY_HERE, Metadata
from imgsim.decode.metadata_fields import clean_text
from imgsim.group.roles import only_in
from imgsim.read.discover import printable
from imgsim.tasks.find_duplicates import Duplicates

_ARTICLES = dict.fromkeys(("keywords", "people", "copyright", "other_data"), "") | {"author": "an "}


def facts_document(
    metadata: Metadata, only_here: tuple[str, ...] = (), *, private: bool = False
) -> dict[str, Any]:
    """Return the document of a file's metadata.

    Parameters
    ----------
    metadata : Metadata
    only_here : tuple of str
        See `metadata.only_here`.
    private : bool
        With the content of place, rating, title, keywords, people, author, copyright, comments
        and ids, and not only whether there is any.
    """
    return {
        "date_taken": metadata.date_taken or None,
        "make": metadata.make or None,
        "model": metadata.model or None,
        "lens": metadata.lens or None,
        "software": metadata.software or None,
        "taken_width": metadata.taken_width or None,
        "taken_height": metadata.taken_height or None,
        "jpeg_quality": metadata.jpeg_quality,
        "compressed_twice": metadata.compressed_twice,
        "has_place": metadata.place,
        "has_rating": metadata.rating is not None,
        "has_title": bool(metadata.title),
        "has_keywords": bool(metadata.keywords),
        "only_here": list(only_here),
        "private": _private(metadata) if private else None,
    }


def _private(metadata: Metadata) -> dict[str, Any]:
    return {
        "latitude": metadata.latitude,
        "longitude": metadata.longitude,
        "rating": metadata.rating,
        "title": metadata.title or None,
        "description": metadata.description or None,
        "keywords": list(metadata.keywords),
        "people": list(metadata.people),
        "author": metadata.author or None,
        "copyright": metadata.copyright or None,
        "comments": list(metadata.comments),
        "document_id": metadata.document_id or None,
        "instance_id": metadata.instance_id or None,
        "original_document_id": metadata.original_document_id or None,
        "derived_from": list(metadata.derived_from),
    }


def facts_text(metadata: Metadata, *, private: bool) -> str:
    """Return the metadata of a file in one line; empty if it says nothing.

    Parameters
    ----------
    metadata : Metadata
    private : bool
        With the content of what `facts_document` keeps private.
    """
    camera = metadata.model
    if metadata.make and not camera.lower().startswith(metadata.make.lower().split()[0]):
        camera = f"{metadata.make} {camera}".strip()
    told = [metadata.date_taken.replace("T", " "), camera, metadata.lens, metadata.software]
    if metadata.jpeg_quality is not None:
        twice = ", compressed twice" if metadata.compressed_twice else ""
        told.append(f"quality {metadata.jpeg_quality}{twice}")
    if private:
        if metadata.latitude is not None and metadata.longitude is not None:
            told.append(f"at {metadata.latitude:.5f}, {metadata.longitude:.5f}")
        told.append("" if metadata.rating is None else f"rating {metadata.rating}")
        texts = dict.fromkeys((metadata.title, clean_text(metadata.description)))
        told.extend(f'"{text}"' for text in texts if text)
        told.append("keywords: " + ", ".join(metadata.keywords) if metadata.keywords else "")
        told.append("people: " + ", ".join(metadata.people) if metadata.people else "")
        told.append(f"by {metadata.author}" if metadata.author else "")
        told.append(f"copyright {clean_text(metadata.copyright)}" if metadata.copyright else "")
        told.extend(f'"{clean_text(comment)}"' for comment in metadata.comments)
    return "; ".join(one for one in told if one)


def only_here_text(names: tuple[str, ...]) -> str:
    """Return that the kept file lacks such metadata, as a note on a member."""
    return f"has {_listed(names)} that the kept file lacks"


def _listed(names: tuple[str, ...]) -> str:
    words = [f"{_ARTICLES.get(name, 'a ')}{ONLY_HERE[name]}" for name in names]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def names_text(names: Iterable[str]) -> str:
    """Name what the kept file lacks, as a plan has it; what another version wrote as it is."""
    return ", ".join(printable(ONLY_HERE.get(name, name)) for name in names)


def lost_metadata_lines(duplicates: Duplicates) -> Iterator[str]:
    """Yield how many files that could be removed have metadata that the kept one lacks."""
    names = [
        own
        for group in duplicates.groups
        for member in group.removable
        if (own := only_in(member, group, duplicates.metadata))
    ]
    if not names:
        return
    counts = Counter(name for own in names for name in own)
    subject = "1 copy has" if len(names) == 1 else f"{len(names)} copies have"
    yield f"{subject} metadata that the kept file of the group lacks:"
    yield "  " + ", ".join(f"{ONLY_HERE[n]} {counts[n]}" for n in ONLY_HERE if counts[n])
