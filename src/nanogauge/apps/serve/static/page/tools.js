// What each tool does with a stroke; the view asks, and sends the edit that comes back.

export const TOOLS = {
  select: { key: "v", icon: "near_me", title: "Select and move", hint: "Click a particle; Shift adds or draws a box; drag to move, wheel to zoom." },
  click: { key: "a", icon: "auto_fix_high", title: "Add by one click", hint: "Click the middle of a particle that was missed." },
  polygon: { key: "p", icon: "polyline", title: "Add by polygon", hint: "Click round the particle, or draw; Enter or a double click closes it." },
  brush: { key: "b", icon: "brush", title: "Add or enlarge with the brush", hint: "Paint. What is selected grows, else the particle you begin on. [ and ] change the size." },
  erase: { key: "e", icon: "cleaning_services", title: "Erase with the brush", hint: "Paint over what is too much. [ and ] change the size." },
  split: { key: "s", icon: "content_cut", title: "Split by a stroke", hint: "Draw a line across the particle, from edge to edge." },
  redraw: { key: "r", icon: "gesture", title: "Redraw an outline", hint: "Draw the new outline round the particle in one go." },
  vertices: { key: "n", icon: "format_shapes", title: "Move vertices", hint: "Click a particle, drag its vertices. Double-click the edge adds one, Alt-click removes one." },
  circle: { key: "q", icon: "radio_button_unchecked", title: "Circle through three points", hint: "Click three points of the rim. What is selected is redrawn, else a particle is added." },
  ellipse: { key: "y", icon: "radio_button_unchecked", squeezed: true, title: "Ellipse", hint: "Click the two ends of an axis, then a point of the width. What is selected is redrawn, else a particle is added." },
  line: { key: "i", icon: "show_chart", title: "Length and grey profile", hint: "Drag a line; its length and the grey levels along it are shown." },
  exclude: { key: "x", icon: "block", title: "Exclude an area", hint: "Click round the area, or draw; Enter or a double click closes it." },
  rectangle: { key: "t", icon: "crop", title: "Restrict to a rectangle", hint: "Drag a rectangle; only what lies in it is measured." },
  scale: { key: "l", icon: "straighten", title: "Set the scale bar", hint: "Drag the two ends to the ends of the scale bar, then type its value beside." },
};
export const SHAPES = [
  { name: "fill", key: "f", words: "Fill", title: "Fill the holes" },
  { name: "smooth", key: "w", words: "Smooth", title: "Smooth the outline" },
  { name: "grow", key: "g", words: "Grow", title: "One pixel larger all round" },
  { name: "shrink", key: "G", words: "Shrink", title: "One pixel smaller all round" },
  { name: "part", key: "d", words: "Split at the neck", title: "Split at the neck, without a line" },
];
export const ACTIONS = [
  { name: "delete", key: "Delete", icon: "delete_outline", title: "Delete what is selected" },
  { name: "leave_out", key: "o", icon: "remove_circle_outline", title: "Leave out what is selected: seen, not counted" },
  { name: "merge", key: "m", icon: "join_full", title: "Merge what is selected" },
  { name: "accept", key: "k", icon: "check", title: "Keep what is selected: accepted" },
];

export class Stroke {
  constructor(kind) {
    this.kind = kind;
    this.points = []; // [y, x] in px of the picture
    this.open = false; // a polygon that goes on with the next click
  }

  add(x, y, least) {
    const last = this.points[this.points.length - 1];
    if (!last || Math.hypot(last[0] - y, last[1] - x) >= least) this.points.push([y, x]);
  }
}

// Ramer, Douglas & Peucker: a hand's tremble is no outline
export function simplified(points, tolerance) {
  if (points.length < 3) return points;
  const keep = new Uint8Array(points.length);
  keep[0] = keep[points.length - 1] = 1;
  const stack = [[0, points.length - 1]];
  while (stack.length) {
    const [a, b] = stack.pop();
    const [ay, ax] = points[a], [by, bx] = points[b];
    const length = Math.hypot(by - ay, bx - ax);
    let most = 0, at = -1;
    for (let i = a + 1; i < b; i++) {
      const [y, x] = points[i];
      const d = length > 1e-9 ? Math.abs((x - ax) * (by - ay) - (y - ay) * (bx - ax)) / length : Math.hypot(y - ay, x - ax);
      if (d > most) [most, at] = [d, i];
    }
    if (most > tolerance) {
      keep[at] = 1;
      stack.push([a, at], [at, b]);
    }
  }
  return points.filter((_, i) => keep[i]);
}

export function particleAt(bench, x, y, reach) {
  let best = null, least = Infinity;
  for (const p of bench.particles.values()) {
    const b = p.box;
    if (x < b[0] - reach || x > b[2] + reach || y < b[1] - reach || y > b[3] + reach) continue;
    const area = (b[2] - b[0]) * (b[3] - b[1]);
    if (area < least && (inside(p.rings, x, y) || (reach > 0 && p.d_px < 2 * reach && Math.hypot(p.x - x, p.y - y) < reach))) [best, least] = [p, area];
  }
  return best;
}

function inside(rings, x, y) {
  let odd = false;
  for (const r of rings) {
    for (let i = 0, j = r.length - 2; i < r.length; j = i, i += 2) {
      if (r[i + 1] > y !== r[j + 1] > y && x < ((r[j] - r[i]) * (y - r[i + 1])) / (r[j + 1] - r[i + 1]) + r[i]) odd = !odd;
    }
  }
  return odd;
}
