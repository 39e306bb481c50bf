#!/usr/bin/env python3
"""Makes the window's text faces from the OpenType release of Inter (https://rsms.me/inter/).

    pip install fonttools
    python3 make.py FOLDER_WITH_INTER_OTF_FILES

For each weight: keeps Latin, Greek and Cyrillic letters, punctuation, arrows and signs; puts the tabular
figures in the place of the default ones (the window cannot ask for the `tnum` feature, and numbers that
change must not move); keeps kerning and accents; turns the outlines into TrueType's.
"""

import pathlib
import sys

from fontTools import subset
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable

WEIGHTS = ["Regular", "Medium", "SemiBold", "Bold"]

CHARACTERS = [
    (0x0020, 0x007E),  # Basic Latin
    (0x00A0, 0x024F),  # Latin-1, Latin Extended-A and -B
    (0x0300, 0x030C),  # combining accents
    (0x0370, 0x03FF),  # Greek
    (0x0400, 0x045F),  # Cyrillic
    (0x0490, 0x0491),
    (0x1E00, 0x1EFF),  # Latin Extended Additional
    (0x2000, 0x2027),  # spaces, dashes, quotation marks, bullets, ellipsis
    (0x202F, 0x203A),
    (0x20A0, 0x20BF),  # currencies
    (0x2122, 0x2122),
    (0x2190, 0x2193),  # arrows
    (0x2212, 0x2212),  # minus
    (0x2248, 0x2248),
    (0x2260, 0x2265),
    (0x25CF, 0x25CF),  # the dots that stand for a hidden key
    (0xFFFD, 0xFFFD),
]


def make(source: pathlib.Path, target: pathlib.Path) -> None:
    font = TTFont(source)
    use_tabular_figures(font)
    keep(font)
    to_truetype(font)
    font.save(target)
    print(f"{target.name}: {target.stat().st_size:,} bytes")


def use_tabular_figures(font: TTFont) -> None:
    """Maps each character to the glyph that the feature `tnum` would put in its place."""
    table = font["GSUB"].table
    lookups = sorted(
        {
            index
            for record in table.FeatureList.FeatureRecord
            if record.FeatureTag == "tnum"
            for index in record.Feature.LookupListIndex
        }
    )
    swap = {}
    for index in lookups:
        for part in table.LookupList.Lookup[index].SubTable:
            part = getattr(part, "ExtSubTable", part)
            swap.update(part.mapping)
    for encoding in font["cmap"].tables:
        for character, glyph in encoding.cmap.items():
            encoding.cmap[character] = swap.get(glyph, glyph)


def keep(font: TTFont) -> None:
    """Drops every character and feature that the window does not use."""
    options = subset.Options()
    options.layout_features = ["kern", "mark", "mkmk", "ccmp"]
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.hinting = False
    options.notdef_outline = True
    options.desubroutinize = True
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[c for first, last in CHARACTERS for c in range(first, last + 1)])
    subsetter.subset(font)


def to_truetype(font: TTFont) -> None:
    """Replaces the cubic outlines by quadratic ones, at most half a unit off."""
    glyph_set, order = font.getGlyphSet(), font.getGlyphOrder()
    glyf = newTable("glyf")
    glyf.glyphOrder, glyf.glyphs = order, {}
    for name in order:
        pen = TTGlyphPen(glyph_set)
        glyph_set[name].draw(Cu2QuPen(pen, max_err=0.5, reverse_direction=True))
        glyf.glyphs[name] = pen.glyph()
    font["loca"], font["glyf"] = newTable("loca"), glyf
    del font["CFF "]
    if "VORG" in font:
        del font["VORG"]

    maxp = font["maxp"]
    maxp.tableVersion = 0x00010000
    for field in (
        "maxZones maxTwilightPoints maxStorage maxFunctionDefs maxInstructionDefs maxStackElements "
        "maxSizeOfInstructions maxComponentElements maxPoints maxContours maxCompositePoints "
        "maxCompositeContours maxComponentDepth"
    ).split():
        setattr(maxp, field, 1 if field == "maxZones" else 0)
    font["post"].formatType = 3.0
    font["head"].glyphDataFormat = 0
    font.sfntVersion = "\x00\x01\x00\x00"
    metrics = font["hmtx"].metrics
    for name in order:
        glyph = glyf.glyphs[name]
        glyph.recalcBounds(glyf)
        metrics[name] = (metrics[name][0], getattr(glyph, "xMin", 0))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    here = pathlib.Path(__file__).parent
    for weight in WEIGHTS:
        make(pathlib.Path(sys.argv[1]) / f"Inter-{weight}.otf", here / f"Inter-{weight}.ttf")
