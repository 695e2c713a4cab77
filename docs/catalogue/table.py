# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of docs/catalogue.md and the figure errors.svg from the bases in specs/bases.

usage: table.py [--check] [PROGRAM]    PROGRAM is stile, which measures; by default the one in the path
                                       --check changes nothing and exits 1 where a table or the figure is stale
"""
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PAGE, FIGURE, BASES = HERE.parent / "catalogue.md", HERE / "errors.svg", HERE.parents[1] / "specs" / "bases"
BEGIN, END = "<!-- tables: docs/catalogue/table.py -->\n", "<!-- end of tables -->\n"

ANY = float("inf")
BOUNDS = (4, 16, 256, ANY)
TILES = ("222", "333", "444")

# The best errors known before this catalogue, (rank, error) by tile and growth bound.
BEFORE = {
    ("222", 4): [(6, .127), (5, .272), (4, .455)],
    ("222", ANY): [(6, .125), (5, .250), (4, .448)],
    ("444", 16): [(16, .688), (20, .603), (24, .524), (25, .469), (28, .455), (30, .362), (32, .329),
                  (35, .272), (36, .238), (40, .219), (42, .127)],
    ("444", ANY): [(24, .517), (25, .4375), (30, .344), (35, .250), (36, .234), (42, .125)],
}


class Basis:
    def __init__(self, line):
        (path, self.name, m, k, n, rank, exact, error, growth, self.algebraic, self.structural,
         self.additions, self.source) = line.split("\t")
        self.path = pathlib.Path(path)
        self.folder = self.path.parent.name
        self.tile, self.rank, self.exact = (int(m), int(k), int(n)), int(rank), exact == "true"
        self.error, self.growth = float(error), float(growth)

    def coupling(self):
        if self.algebraic == self.structural:
            return self.algebraic
        return f"{self.algebraic} (structural: {self.structural})"


def load(program):
    """Every basis of the folders by tile, measured."""
    paths = [str(p) for folder in TILES for p in sorted((BASES / folder).glob("*.yaml"))]
    done = subprocess.run([program, "lua", str(HERE / "measure.lua"), *paths], stdout=subprocess.PIPE,
                          encoding="utf-8", check=True)
    return [Basis(line) for line in done.stdout.splitlines()]


def best(bases, bound, couplings=("none", "causal", "full")):
    """(rank, least error) up to each rank at which that falls; what is exact counts as 0."""
    line, least = [], 1.0
    for rank in range(1, max(b.rank for b in bases) + 1):
        errors = [0.0 if b.exact else b.error for b in bases
                  if b.rank == rank and b.growth <= bound and b.algebraic in couplings]
        if errors and min(errors) < least:
            least = min(errors)
            line.append((rank, least))
    return line


# --- tables -------------------------------------------------------------------------------------

def error_text(error):
    return "exact" if error == 0 else f"{error:.4f}" if error >= .001 else f"{error:.1e}"


def table(bases):
    lines = ["| tile | rank | error | 1 − r/mkn | growth | additions | row coupling | file | found by |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    order = {"none": 2, "causal": 1, "full": 0}
    for b in sorted(bases, key=lambda b: (-b.rank, 0 if b.exact else order[b.algebraic], b.growth)):
        volume = b.tile[0] * b.tile[1] * b.tile[2]
        link = f"[{b.path.stem}](../specs/bases/{b.folder}/{b.path.name})"
        lines.append(f"| {'×'.join(map(str, b.tile))} | {b.rank} | {error_text(0 if b.exact else b.error)} | {1 - b.rank / volume:.4f} | "
                     f"{b.growth:.3f} | {b.additions} | {b.coupling()} | {link} | {b.source.split(':')[0]} |")
    return "\n".join(lines) + "\n"


def summary(bases, folder):
    """The least error by rank: a column for each growth bound, and for each coupling at growth ≤ 16."""
    mine = [b for b in bases if b.folder == folder]
    columns = [("any growth" if g == ANY else f"growth ≤ {g}", best(mine, g)) for g in BOUNDS]
    columns += [("causal, ≤ 16", best(mine, 16, ("none", "causal"))), ("none, ≤ 16", best(mine, 16, ("none",)))]
    lines = ["| rank | 1 − r/mkn | " + " | ".join(name for name, _ in columns) + " |",
             "| --- " * (2 + len(columns)) + "|"]
    volume = mine[0].tile[0] * mine[0].tile[1] * mine[0].tile[2]
    for rank in range(max(b.rank for b in mine), 0, -1):
        cells = []
        for _, line in columns:
            errors = [e for r, e in line if r <= rank]
            here = any(r == rank for r, _ in line)
            cells.append(error_text(errors[-1]) if here else f"({error_text(errors[-1])})" if errors else "–")
        lines.append(f"| {rank} | {max(0, 1 - rank / volume):.4f} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def tables(bases):
    parts = []
    for folder in TILES:
        side = "×".join(folder[:2])
        mine = [b for b in bases if b.folder == folder]
        parts.append(f"### {side} tiles: least error by rank\n\n{summary(bases, folder)}")
    for folder in TILES:
        side = "×".join(folder[:2])
        mine = [b for b in bases if b.folder == folder]
        parts.append(f"### {side} tiles: the files\n\n{table(mine)}")
    return "\n".join(parts)


# --- the figure ---------------------------------------------------------------------------------

WIDTH, HEIGHT, LEFT, TOP, GAP = 340, 300, 56, 40, 44
COLOURS = {4: "#009E73", 16: "#0072B2", 256: "#D55E00", ANY: "#D55E00", "causal": "#CC79A7", "none": "#E69F00"}
GREY = "#777777"


class Panel:
    def __init__(self, column, ranks):
        self.left, self.ranks = LEFT + column * (WIDTH + GAP), ranks

    def x(self, rank):
        return self.left + WIDTH * rank / self.ranks

    @staticmethod
    def y(error):
        return TOP + HEIGHT * (1 - error)


def text(x, y, words, anchor="middle", size=12, colour="#222222"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
            f'fill="{colour}">{words}</text>')


def polyline(points, colour, dash="", width=1.8):
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashes}/>'


def axes(panel, side, volume, step):
    bottom = TOP + HEIGHT
    parts = [f'<rect x="{panel.left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#999999"/>']
    for i in range(6):
        y = panel.y(i / 5)
        parts.append(f'<line x1="{panel.left}" y1="{y:.1f}" x2="{panel.left + WIDTH}" y2="{y:.1f}" '
                     'stroke="#e4e4e4"/>')
        parts.append(text(panel.left - 6, y + 4, f"{i / 5:.1f}", "end"))
    for rank in range(0, panel.ranks + 1, step):
        parts.append(f'<line x1="{panel.x(rank):.1f}" y1="{bottom}" x2="{panel.x(rank):.1f}" y2="{bottom + 4}" '
                     'stroke="#999999"/>')
        parts.append(text(panel.x(rank), bottom + 17, str(rank)))
    parts.append(text(panel.left + WIDTH / 2, TOP - 12, f"{side} tiles", size=14))
    parts.append(text(panel.left + WIDTH / 2, bottom + 36, "rank"))
    parts.append(polyline([(panel.x(0), panel.y(1)), (panel.x(panel.ranks), panel.y(1 - panel.ranks / volume))],
                          GREY, "5 4", 1.2))
    return parts


def legend(top):
    entries = [("line", COLOURS[g], "", f"growth ≤ {g}") for g in BOUNDS if g != ANY]
    entries += [("line", COLOURS[c], "2 2", f"rows {c}, growth ≤ 16") for c in ("causal", "none")]
    entries += [("line", GREY, "5 4", "classical, products dropped"), ("point", "#222222", "", "known before")]
    parts, x = [], LEFT
    for kind, colour, dash, words in entries:
        if kind == "line":
            parts.append(polyline([(x, top), (x + 26, top)], colour, dash))
        else:
            parts.append(f'<circle cx="{x + 13}" cy="{top}" r="3" fill="none" stroke="{colour}"/>')
        parts.append(text(x + 32, top + 4, words, "start"))
        x += 40 + 6.2 * len(words) + 8
    return parts


def figure(bases):
    width, height = LEFT + 3 * WIDTH + 2 * GAP + 16, TOP + HEIGHT + 84
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
             f'height="{height}" font-family="sans-serif">',
             "<title>Error against rank of the bases in specs/bases</title>",
             f'<rect width="{width}" height="{height}" fill="#ffffff"/>']
    for column, folder in enumerate(TILES):
        mine = [b for b in bases if b.folder == folder]
        volume = int(folder[0]) * int(folder[1]) * int(folder[2])
        ranks = max(b.rank for b in mine)
        panel = Panel(column, ranks)
        parts += axes(panel, "×".join(folder[:2]), volume, 1 if ranks < 10 else 5)
        lines = [(COLOURS[g], "", best(mine, g)) for g in reversed(BOUNDS) if g != ANY]
        lines += [(COLOURS["causal"], "2 2", best(mine, 16, ("none", "causal"))),
                  (COLOURS["none"], "2 2", best(mine, 16, ("none",)))]
        for colour, dash, line in lines:
            parts.append(polyline([(panel.x(r), panel.y(e)) for r, e in [(0, 1.0), *line]], colour, dash))
        for (tile, bound), points in BEFORE.items():
            if tile == folder:
                parts += [f'<circle cx="{panel.x(r):.1f}" cy="{panel.y(e):.1f}" r="3" fill="none" '
                          f'stroke="{COLOURS[bound]}"/>' for r, e in points]
    parts.append(text(16, TOP + HEIGHT / 2, "error").replace(
        "<text ", f'<text transform="rotate(-90 16 {TOP + HEIGHT / 2:.0f})" '))
    parts += legend(TOP + HEIGHT + 64)
    return "\n".join([*parts, "</svg>"]) + "\n"


def main():
    words = [a for a in sys.argv[1:] if a != "--check"]
    bases = load(words[0] if words else "stile")
    old = PAGE.read_text(encoding="utf-8")
    before, rest = old.split(BEGIN)
    new = before + BEGIN + "\n" + tables(bases) + "\n" + END + rest.split(END)[1]
    drawn = figure(bases)
    if "--check" in sys.argv:
        sys.exit(new != old or drawn != FIGURE.read_text(encoding="utf-8"))
    PAGE.write_text(new, encoding="utf-8")
    FIGURE.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
