"""What a reader should know before using the figures: a text for people, with a code that programs may go by."""

from __future__ import annotations

from typing import Self


class Remark(str):
    """A line of text; `code` says which it is, whatever the wording: "edge_weights", "left_out" ... see `CODES`."""

    __slots__ = ("code",)
    code: str

    def __new__(cls, code: str, text: str) -> Self:
        """code: one of `CODES`"""
        if code not in CODES:
            raise ValueError(f"unknown code {code!r}; known: {', '.join(CODES)}")
        made = super().__new__(cls, text)
        made.code = code
        return made

    def __reduce__(self) -> tuple[type[Remark], tuple[str, str]]:
        return Remark, (self.code, str(self))


CODES = {
    "edge_weights": "a few particles decide the distribution by their edge weights",
    "few_decide": "a few large particles among many decide the mean, which is known to 20 % or worse",
    "few_pixels": "particles so small that their sizes are biased",
    "doubtful_sizes": "other readings of the picture move the sizes much",
    "more_particles": "another reading of the picture finds many more particles",
    "size_differs": "the picture alone, without outlines, suggests other sizes than were measured",
    "cover_differs": "the picture alone, without outlines, suggests that particles cover much more of it than was outlined",
    "missed": "many of the particles a person would draw are expected to be missing",
    "look_alikes": "places look like the particles found and are not among them",
    "faint": "objects hardly stand out from their surroundings beside the others: left out, or another kind",
    "soft_edges": "the particles' edges are so blurred that flat ones cannot be told from round ones",
    "rings": "particles have a ring of the other sign than their middle, which may be a shell or a fringe outside",
    "overlaps": "particles lie over each other and are seen through: parts of them were outlined",
    "atoms": "what was found is no larger than single atoms: a lattice, or a wrong scale",
    "dark_places": "most particles of a scanning micrograph are darker than their surroundings, as holes are",
    "left_out": "much of what may be particles was left out as too unsure",
    "rule_without_scale": "a rule of classes asks for a length in nm where there is no scale",
    "like_none": "particles look like none of the classes that the network was taught",
    "one_look": "a mosaic, which is looked at once",
    "cut": "particles longer than a block's margin, cut",
    "letters": "letters in a corner were taken for particles at first",
    "mat": "the picture shows a mat or a net of fibres, whose meshes are no particles",
    "note": "anything else: what a reader of the file, an annotation or the operator decided",
}


def code_of(text: str) -> str:
    """The code of a remark; "note" for a text without one."""
    return text.code if isinstance(text, Remark) else "note"
