// Draws outlines: one path a colour, and no finer than the eye sees at this zoom.

import { ARRANGED } from "./arrangement.js";
import { STATUS_COLOURS } from "./workbench.js";

const HALO = "rgba(0, 0, 0, 0.55)";
const FILLED = 0.45; // opacity of a map over the picture
const FOUND = "#ff8ad8"; // the network's own outline beside an edited one

// A ring with about one point a screen pixel at this zoom: what the eye cannot see is not drawn.
function coarse(p, camera) {
  const octave = Math.max(-8, Math.min(2, Math.floor(Math.log2(camera.zoom))));
  if (octave >= 1) return p.rings;
  return (p.coarse[octave] ||= p.rings.map((ring) => {
    const least = 1.1 / 2 ** octave;
    const out = [ring[0], ring[1]];
    let x = ring[0], y = ring[1];
    for (let i = 2; i < ring.length; i += 2) {
      if (Math.abs(ring[i] - x) + Math.abs(ring[i + 1] - y) >= least) out.push((x = ring[i]), (y = ring[i + 1]));
    }
    return out.length >= 8 ? Float32Array.from(out) : ring.length <= 12 ? ring : Float32Array.from([0, 1, 2, 3, 4, 5].flatMap((k) => {
      const j = 2 * Math.floor((k * ring.length) / 12);
      return [ring[j], ring[j + 1]];
    }));
  }));
}

// Adds a particle's rings to a path; the number of points. Each ring ends with its first side once more, so that its ends join. No
// closePath: Chromium looks through the whole path at each, so that thousands of rings would take the square of their time.
export function addRings(path, p, camera) {
  const z = camera.zoom, ox = 0.5 - camera.x, oy = 0.5 - camera.y;
  let n = 0;
  for (const ring of coarse(p, camera)) {
    path.moveTo((ring[0] + ox) * z, (ring[1] + oy) * z);
    for (let i = 2; i < ring.length; i += 2) path.lineTo((ring[i] + ox) * z, (ring[i + 1] + oy) * z);
    for (let i = 0; i < 4; i += 2) path.lineTo((ring[i] + ox) * z, (ring[i + 1] + oy) * z);
    n += ring.length / 2;
  }
  return n;
}

// Particles that reach into a box of the window, [left, top, right, bottom], or come as near as pad; all in px of the window.
export function reaching(bench, camera, [left, top, right, bottom], pad) {
  const x0 = camera.x + (left - pad) / camera.zoom - 1, y0 = camera.y + (top - pad) / camera.zoom - 1;
  const x1 = camera.x + (right + pad) / camera.zoom, y1 = camera.y + (bottom + pad) / camera.zoom;
  const out = [];
  for (const p of bench.particles.values()) {
    const b = p.box;
    if (b[0] <= x1 && b[2] >= x0 && b[1] <= y1 && b[3] >= y0) out.push(p);
  }
  return out;
}

// Draws outlines; the number of points drawn. plain: no dashes, no numbers; halo: dark beneath the colour.
export function drawOutlines(context, bench, particles, camera, { what: { by, look, found }, plain, halo }) {
  const groups = new Map();
  let points = 0;
  for (const p of particles) {
    const key = `${bench.colour(p, by)}${p.kind === "left_out" ? "-" : ""}`;
    let path = groups.get(key);
    if (!path) groups.set(key, (path = new Path2D()));
    points += addRings(path, p, camera);
  }
  const line = look.width * Math.max(1, Math.min(2.2, 0.9 + camera.zoom * 0.45));
  context.globalAlpha = look.opacity;
  context.lineJoin = "round";
  if (ARRANGED[by]) drawFilled(context, groups, look);
  if (halo) {
    context.strokeStyle = HALO;
    context.lineWidth = line + 2;
    for (const path of groups.values()) context.stroke(path);
  }
  context.lineWidth = line;
  for (const [key, path] of groups) {
    const out = key.endsWith("-");
    context.strokeStyle = out ? key.slice(0, -1) : key;
    context.setLineDash(out && !plain ? [5, 4] : []);
    context.stroke(path);
  }
  context.setLineDash([]);
  if (found?.length) drawFound(context, found, camera, line);
  context.globalAlpha = 1;
  if (look.numbers && !plain) drawNumbers(context, particles, camera);
  return points;
}

// A map: what is coloured is filled too, so that the picture shows through.
function drawFilled(context, groups, look) {
  context.globalAlpha = FILLED * look.opacity;
  for (const [key, path] of groups) {
    context.fillStyle = key.endsWith("-") ? key.slice(0, -1) : key;
    context.fill(path, "evenodd");
  }
  context.globalAlpha = look.opacity;
}

// Outlines as the network had them, where a person has changed them since.
function drawFound(context, found, camera, line) {
  const path = new Path2D();
  for (const p of found) addRings(path, p, camera);
  context.setLineDash([6, 3]);
  for (const [style, wide] of [[HALO, line + 2], [FOUND, line]]) {
    context.strokeStyle = style;
    context.lineWidth = wide;
    context.stroke(path);
  }
  context.setLineDash([]);
}

// The number of each particle that has room for it.
function drawNumbers(context, seen, camera) {
  context.font = "600 11px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.strokeStyle = "rgba(0, 0, 0, 0.8)";
  context.fillStyle = "#ffffff";
  for (const p of seen) {
    const text = String(p.label);
    if (p.d_px * camera.zoom < 7 * text.length + 2) continue;
    const [x, y] = camera.toScreen(p.x, p.y);
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  }
  context.textAlign = "start";
  context.textBaseline = "alphabetic";
}

export function drawMarked(context, bench, camera, width, height) {
  const marked = [...bench.selection].map((l) => bench.particles.get(l)).filter(Boolean);
  if (marked.length) {
    const path = new Path2D();
    for (const p of marked) addRings(path, p, camera);
    context.strokeStyle = HALO;
    context.lineWidth = 5;
    context.stroke(path);
    context.strokeStyle = STATUS_COLOURS.selected;
    context.lineWidth = 2.4;
    context.stroke(path);
  }
  const hover = bench.particles.get(bench.hover);
  if (hover && !bench.selection.has(hover.label)) {
    const path = new Path2D();
    addRings(path, hover, camera);
    context.strokeStyle = "#ffffff";
    context.lineWidth = 2;
    context.stroke(path);
  }
}
