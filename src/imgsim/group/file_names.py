"""What the names of files and folders say of how they came about."""

from __future__ import annotations

import os
import re
import unicodedata
from fnmatch import fnmatchcase

from imgsim.addresses import as_path, folder_of

_COPY_WORDS = (
    "copy|copie|kopie|kopia|kopi|copia|cópia|copy of|kopija|kopio|másolat|kopyası|копия|копія|副本|"
    "コピー|복사본|拷贝|複製|kopya|yedek|نسخة|עותק"
)
_MADE_WORDS = (
    r"edit(?:ed)?|bearbeitet|modifi[eé]|editad[oa]|modificat[oa]|bewerkt|redigerad|small|klein|"
    r"resized?|compressed|web|thumb(?:nail)?|scaled|cropped|export(?:ed)?|print|poster|final|"
    r"retouched|upscaled?|enhanced|bw|sw|nb|stripped|optimized|min|collage|animation|effects"
)
_COPY = re.compile(
    rf"(?:[\s_.-]*\(\d+\)|[\s_-]+(?:{_COPY_WORDS})(?:[\s_-]*\(?\d+\)?)?|[\s_-]+(?:{_MADE_WORDS})\d*"
    r"|~\d*|_+)$",
    re.IGNORECASE,
)
_COPY_OF = re.compile(
    r"^(?:copy(?: \(?\d+\)?)? of|kopie(?: \(?\d+\)?)? von|copie(?: \(?\d+\)?)? de|copia(?: "
    r"\(?\d+\)?)? d[ei]|cópia de|kopia|kopie|копия|копія|copy|copie|copia|cópia|kopya|yedek|"
    r"نسخة من|نسخة)[\s_-]+",
    re.IGNORECASE,
)
_EDITED_BY_PHONE = re.compile(r"^(IMG_)E(?=\d{4}$)")
"""How an iPhone names what was edited on it, beside the original without the E."""

_ASIDE = re.compile(
    r"\b(?:back[ -]?ups?|bak|copy|copies|exports?|exported|thumbs?|thumbnails?|trash|recycled?|"
    r"recycle bin|recycler|trashes|wastebasket|to[ -]delete|delete|deleted|duplicates?|dupes?|old|"
    r"temp|tmp|cache|previews?|edits?|edited|retouched|"
    r"sicherung(?:en|skopie)?|sicherheitskopien?|kopien?|papierkorb|zu löschen|löschen|gelöscht|"
    r"exporte|exportiert|duplikate|vorschau|bearbeitet|"
    r"sauvegardes?|copies?|corbeille|à supprimer|supprimés?|exportations?|vignettes|doublons|"
    r"copias?(?: de seguridad)?|respaldos?|papelera|eliminar|borrar|exportad[oa]s|miniaturas|"
    r"duplicados|copie|cestino|da eliminare|eliminati|esportazioni?|esportati|miniature|"
    r"cópias?|lixeira|lixo|excluir|exportados|"
    r"kopieën|prullenbak|verwijderen|reservekopie|"
    r"kosz|do usunięcia|kopie zapasowe|kopia zapasowa|"
    r"säkerhetskopia|papperskorg|papirkurv|sikkerhedskopi|sikkerhetskopi|roskakori|varmuuskopio|"
    r"резервная копия|копии|корзина|удалить|экспорт|yede(?:k|kler|kleme)|kopyalar|çöp kutusu|"
    r"zálohy?|záloha|biztonsági mentés|αντίγραφα?|גיבוי|(?:ال)?نسخ(?:ة)? (?:ال)?احتياطي(?:ة)?)\b"
    r"|备份|副本|回收站|删除|导出|缩略图|備份|バックアップ|コピー|ゴミ箱|削除|書き出し|백업|복사본|휴지통",
    re.IGNORECASE,
)


def name_additions(path: str) -> int:
    """Count what was added to the name of a file: "Copy of IMG_1-edited.jpg" has two additions."""
    stem = _text(os.path.splitext(_base(path))[0])
    count = 0
    while True:
        shorter = _EDITED_BY_PHONE.sub(r"\1", _COPY_OF.sub("", _COPY.sub("", stem)))
        if shorter == stem or not shorter:
            return count
        stem, count = shorter, count + 1


def lies_aside(path: str, root: str = "") -> bool:
    """Return whether a folder of a file is named as one of copies, exports or what is to go.

    Parameters
    ----------
    path : str
    root : str
        What the user named; the folders above it say nothing of what is in it.
    """
    folder = _text(_folder(path, root))
    return _ASIDE.search(re.sub(r"[_.]", " ", folder)) is not None


def matches_folder(path: str, pattern: str) -> bool:
    """Return whether a file lies in a folder, or below one, that a pattern names.

    Parameters
    ----------
    path : str
    pattern : str
        ``*``, ``?`` and ``[...]`` as in a shell. Without a ``/`` it is for the name of any folder
        of the path, with one for the folders from the first or any later one on.
    """
    path = as_path(path)
    parts = [part for part in _slashes(os.path.dirname(path)).split("/") if part not in ("", ".")]
    pattern = _slashes(pattern).rstrip("/")
    if pattern.startswith("/"):
        whole = _slashes(os.path.dirname(os.path.abspath(path))).strip("/").split("/")
        heads = ("/".join(whole[:end]) for end in range(1, len(whole) + 1))
        return any(fnmatchcase(head, pattern.strip("/")) for head in heads)
    pattern = pattern.removeprefix("./")
    length = pattern.count("/") + 1
    runs = ("/".join(parts[i : i + length]) for i in range(len(parts) - length + 1))
    return any(fnmatchcase(run, pattern) for run in runs)


def _folder(path: str, root: str) -> str:
    folder = folder_of(path)
    if root and (folder == root or folder.startswith(root.rstrip(os.sep) + os.sep)):
        return folder[len(os.path.dirname(root.rstrip(os.sep))) :]
    return folder


def _base(path: str) -> str:
    return os.path.basename(path)


def _slashes(path: str) -> str:
    return path.replace(os.sep, "/")


def _text(name: str) -> str:
    """As it is read: macOS stores accents apart from their letters."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))
