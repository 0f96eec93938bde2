// Particles coloured by how they lie: direction of the lattice, order, grain, group. Methods of the picture's component.

import { RAMP } from "./workbench.js";

export const ARRANGED = { direction: "direction of the lattice", psi: "order |ψ|", grain: "grain", group: "group of touching ones" };
const NONE = "#9aa3ad"; // not known, in no grain, alone
const SHADES = 60; // of the circle of directions that are told apart: as many paths are drawn at most
const MANY = 137.508; // degrees by which the hue goes on from one number to the next, so that neighbours differ

// The same circle of colours as on the map (arrangement/order/drawing.py)
const onCircle = (share) => `hsl(${(Math.round(share * SHADES) % SHADES) * (360 / SHADES)}, 100%, 45%)`;
const numbered = (k) => `hsl(${Math.round((k * MANY) % 360)}, 78%, ${[52, 64, 76][k % 3]}%)`;

export function arrangedColour(found, p, by) {
  const at = found?.at.get(p.label), value = at == null ? null : found[by]?.[at];
  if (value == null) return NONE;
  if (by === "psi") return RAMP[Math.max(0, Math.min(RAMP.length - 1, Math.floor(value * RAMP.length)))];
  if (by === "direction") return onCircle((((value / (360 / found.fold) + 0.5) % 1) + 1) % 1);
  return value > 0 ? numbered(value) : NONE;
}

export const arrangement = {
  // From the panel beside
  colourBy(by) {
    this.by = by;
    this.shown = true;
    this.redraw();
  },
  arrangedLegend() {
    const found = this.bench.arranged;
    if (!found) return { text: "being looked for …" };
    if (!found[this.by]) return { text: this.by === "group" ? "no groups" : "fewer than twelve particles: no order" };
    if (this.by === "psi") return { low: "0", ramp: `linear-gradient(90deg, ${RAMP.join(",")})`, high: "1, a perfect lattice" };
    if (this.by === "direction") {
      const half = 180 / found.fold, circle = Array.from({ length: 13 }, (_, k) => onCircle(k / 12)).join(",");
      return { low: `−${half}°`, ramp: `linear-gradient(90deg, ${circle})`, high: `${half}° from the x axis` };
    }
    const n = new Set(found[this.by].filter((v) => v > 0)).size;
    return { text: this.by === "grain" ? `${n} grain${n === 1 ? "" : "s"}; grey: in none` : `${n} group${n === 1 ? "" : "s"}; grey: alone` };
  },
  // What the card of a particle says
  arrangedLines(p) {
    const found = this.bench.arranged, at = found?.at.get(p.label);
    if (at == null) return [];
    const [psi, direction, grain, group] = ["psi", "direction", "grain", "group"].map((by) => found[by]?.[at]);
    const lines = [];
    if (psi != null) lines.push(`|ψ${found.fold}| ${psi.toFixed(2)}` + (direction == null ? "" : `, ${direction.toFixed(1)}°`) + (grain ? `, grain ${grain}` : ""));
    if (group) lines.push(`group ${group}`);
    return lines;
  },
  // Asked for while it is shown, after each edit
  async readArranged() {
    if (!ARRANGED[this.by] || !this.bench.state || this.readingArranged) return;
    const revision = this.bench.state.revision;
    if (this.bench.arranged?.revision === revision) return;
    this.readingArranged = true;
    const answer = await fetch(`${this.bench.url}/arrangement`).catch(() => null);
    this.readingArranged = false;
    if (!answer?.ok) return;
    const found = await answer.json();
    found.at = new Map(found.label.map((label, k) => [label, k]));
    this.bench.arranged = found;
    this.redraw();
  },
};
