// Draws the picture (tiles of a pyramid) and the outlines, each on its own canvas, only when something has changed.

import { STATUS_COLOURS } from "./workbench.js";

const HALO = "rgba(0, 0, 0, 0.55)";
const MOST_WITH_HALO = 700;
const MOST_TILES = 90;

export class Camera {
  constructor() {
    this.zoom = 1; // screen px per picture px
    this.x = 0; // picture coordinates (pixel corners) at the canvas's left upper corner
    this.y = 0;
  }

  // pixel centres are at integers, so the pixel 0 begins at -0.5
  toScreen(x, y) {
    return [(x + 0.5 - this.x) * this.zoom, (y + 0.5 - this.y) * this.zoom];
  }

  toImage(sx, sy) {
    return [sx / this.zoom + this.x - 0.5, sy / this.zoom + this.y - 0.5];
  }
}

export class Tiles {
  constructor(bench, changed) {
    this.bench = bench;
    this.changed = changed;
    this.cache = new Map();
    this.loading = new Set();
  }

  get(level, row, column) {
    const key = `${level}/${row}/${column}`;
    const found = this.cache.get(key);
    if (found) {
      this.cache.delete(key);
      this.cache.set(key, found); // the most recently used last
      return found;
    }
    if (!this.loading.has(key) && this.loading.size < 8) {
      this.loading.add(key);
      fetch(`${this.bench.url}/tiles/${key}?v=${this.bench.tiles.key}`)
        .then((r) => (r.ok ? r.blob() : Promise.reject(new Error(r.statusText))))
        .then((blob) => createImageBitmap(blob))
        .then((bitmap) => {
          this.cache.set(key, bitmap);
          if (this.cache.size > MOST_TILES) {
            const [oldest, tile] = this.cache.entries().next().value;
            tile.close();
            this.cache.delete(oldest);
          }
        })
        .catch(() => {})
        .finally(() => {
          this.loading.delete(key);
          this.changed();
        });
    }
    return null;
  }

  draw(context, camera, width, height) {
    const [h, w] = this.bench.state.shape;
    const { px, n_levels } = this.bench.tiles;
    const wanted = Math.max(0, Math.min(n_levels - 1, Math.floor(-Math.log2(camera.zoom * (window.devicePixelRatio > 1 ? 1.4 : 1)) + 0.25)));
    context.imageSmoothingEnabled = camera.zoom < 4;
    context.imageSmoothingQuality = "medium";
    const levels = [n_levels - 1];
    if (wanted + 1 < n_levels - 1) levels.push(wanted + 1);
    if (!levels.includes(wanted)) levels.push(wanted);
    for (const k of levels) {
      const side = px * 2 ** k;
      const covered = levels.indexOf(k) < levels.length - 1 && this.complete(wanted, camera, width, height);
      if (covered) continue; // the finer tiles are all there
      const first = [Math.max(0, Math.floor(camera.y / side)), Math.max(0, Math.floor(camera.x / side))];
      const last = [
        Math.min(Math.ceil(h / side), Math.ceil((camera.y + height / camera.zoom) / side)),
        Math.min(Math.ceil(w / side), Math.ceil((camera.x + width / camera.zoom) / side)),
      ];
      for (let r = first[0]; r < last[0]; r++) {
        for (let c = first[1]; c < last[1]; c++) {
          const tile = this.get(k, r, c);
          if (!tile) continue;
          const x = Math.round((c * side - camera.x) * camera.zoom), y = Math.round((r * side - camera.y) * camera.zoom);
          const x1 = Math.round((Math.min(c * side + tile.width * 2 ** k, w) - camera.x) * camera.zoom);
          const y1 = Math.round((Math.min(r * side + tile.height * 2 ** k, h) - camera.y) * camera.zoom);
          context.drawImage(tile, x, y, x1 - x, y1 - y);
        }
      }
    }
  }

  complete(k, camera, width, height) {
    const [h, w] = this.bench.state.shape;
    const side = this.bench.tiles.px * 2 ** k;
    for (let r = Math.max(0, Math.floor(camera.y / side)); r < Math.min(Math.ceil(h / side), Math.ceil((camera.y + height / camera.zoom) / side)); r++) {
      for (let c = Math.max(0, Math.floor(camera.x / side)); c < Math.min(Math.ceil(w / side), Math.ceil((camera.x + width / camera.zoom) / side)); c++) {
        if (!this.cache.has(`${k}/${r}/${c}`)) return false;
      }
    }
    return true;
  }
}

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

export function addRings(path, p, camera) {
  const z = camera.zoom, ox = 0.5 - camera.x, oy = 0.5 - camera.y;
  for (const ring of coarse(p, camera)) {
    path.moveTo((ring[0] + ox) * z, (ring[1] + oy) * z);
    for (let i = 2; i < ring.length; i += 2) path.lineTo((ring[i] + ox) * z, (ring[i + 1] + oy) * z);
    path.closePath();
  }
}

export function visible(bench, camera, width, height) {
  const x1 = camera.x + width / camera.zoom, y1 = camera.y + height / camera.zoom;
  const out = [];
  for (const p of bench.particles.values()) {
    const b = p.box;
    if (b[0] <= x1 && b[2] >= camera.x - 1 && b[1] <= y1 && b[3] >= camera.y - 1) out.push(p);
  }
  return out;
}

export function drawOutlines(context, bench, camera, width, height, { by, moving }) {
  const seen = visible(bench, camera, width, height);
  const groups = new Map();
  for (const p of seen) {
    const key = `${bench.colour(p, by)}${p.kind === "left_out" ? "-" : ""}`;
    let path = groups.get(key);
    if (!path) groups.set(key, (path = new Path2D()));
    addRings(path, p, camera);
  }
  const line = Math.max(1, Math.min(2.2, 0.9 + camera.zoom * 0.45));
  context.lineJoin = "round";
  if (!moving && seen.length <= MOST_WITH_HALO) {
    context.strokeStyle = HALO;
    context.lineWidth = line + 2;
    for (const path of groups.values()) context.stroke(path);
  }
  context.lineWidth = line;
  for (const [key, path] of groups) {
    const out = key.endsWith("-");
    context.strokeStyle = out ? key.slice(0, -1) : key;
    context.setLineDash(out && !moving ? [5, 4] : []);
    context.stroke(path);
  }
  context.setLineDash([]);
  return seen.length;
}

export function drawMarked(context, bench, camera, width, height) {
  const marked = [...bench.selection].map((l) => bench.particles.get(l)).filter(Boolean);
  if (marked.length) {
    const path = new Path2D();
    for (const p of marked) addRings(path, p, camera);
    context.fillStyle = "rgba(86, 180, 233, 0.28)";
    context.fill(path, "evenodd");
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
    context.fillStyle = "rgba(255, 255, 255, 0.14)";
    context.fill(path, "evenodd");
    context.strokeStyle = "#ffffff";
    context.lineWidth = 2;
    context.stroke(path);
  }
}

// What is not measured: data bar and beyond the rectangle greyed, excluded areas hatched.
export function drawRegion(context, bench, camera, width, height) {
  const { frame, region, shape } = bench.state;
  const shade = (y0, x0, y1, x1, style) => {
    if (y1 <= y0 || x1 <= x0) return;
    const [a, b] = camera.toScreen(x0 - 0.5, y0 - 0.5), [c, d] = camera.toScreen(x1 - 0.5, y1 - 0.5);
    context.fillStyle = style;
    context.fillRect(a, b, c - a, d - b);
  };
  const [h, w] = shape;
  const grey = "rgba(12, 18, 26, 0.42)";
  shade(0, 0, frame[0], w, grey);
  shade(frame[2], 0, h, w, grey);
  const r = region.rectangle;
  if (r) {
    shade(frame[0], 0, r[0], w, grey);
    shade(r[2], 0, frame[2], w, grey);
    shade(Math.max(r[0], frame[0]), 0, Math.min(r[2], frame[2]), r[1], grey);
    shade(Math.max(r[0], frame[0]), r[3], Math.min(r[2], frame[2]), w, grey);
    const [a, b] = camera.toScreen(r[1] - 0.5, r[0] - 0.5), [c, d] = camera.toScreen(r[3] - 0.5, r[2] - 0.5);
    context.strokeStyle = "#f0e442";
    context.lineWidth = 1.5;
    context.setLineDash([8, 4]);
    context.strokeRect(a, b, c - a, d - b);
    context.setLineDash([]);
  }
  for (const ring of region.excluded) {
    const path = new Path2D();
    ring.forEach(([y, x], i) => {
      const [sx, sy] = camera.toScreen(x, y);
      if (i) path.lineTo(sx, sy);
      else path.moveTo(sx, sy);
    });
    path.closePath();
    context.fillStyle = hatch(context);
    context.fill(path);
    context.strokeStyle = "#ff7a45";
    context.lineWidth = 1.5;
    context.stroke(path);
  }
  const bar = bench.state.frame;
  if (bar[2] < h || bar[0] > 0) {
    const y = bar[2] < h ? bar[2] : bar[0];
    const [, sy] = camera.toScreen(0, y - 0.5);
    context.strokeStyle = "rgba(255, 255, 255, 0.65)";
    context.lineWidth = 1;
    context.setLineDash([4, 4]);
    context.beginPath();
    const [a] = camera.toScreen(-0.5, 0), [b] = camera.toScreen(w - 0.5, 0);
    context.moveTo(a, sy);
    context.lineTo(b, sy);
    context.stroke();
    context.setLineDash([]);
    const text = "data bar: not measured";
    context.font = "11px system-ui, sans-serif";
    const wide = context.measureText(text).width;
    const x = Math.max(a, 0) + 6, top = bar[2] < h ? sy + 4 : sy - 20;
    context.fillStyle = "rgba(0, 0, 0, 0.7)";
    context.fillRect(x - 4, top, wide + 8, 16);
    context.fillStyle = "#ffffff";
    context.fillText(text, x, top + 12);
  }
}

let pattern = null;
function hatch(context) {
  if (pattern) return pattern;
  const tile = document.createElement("canvas");
  tile.width = tile.height = 10;
  const c = tile.getContext("2d");
  c.fillStyle = "rgba(12, 18, 26, 0.35)";
  c.fillRect(0, 0, 10, 10);
  c.strokeStyle = "rgba(255, 122, 69, 0.75)";
  c.lineWidth = 1.2;
  c.beginPath();
  for (const o of [-10, 0, 10]) {
    c.moveTo(o, 10);
    c.lineTo(o + 10, 0);
  }
  c.stroke();
  return (pattern = context.createPattern(tile, "repeat"));
}

export function drawBar(context, ends, label, camera) {
  const points = ends.map(([y, x]) => camera.toScreen(x, y));
  const [[ax, ay], [bx, by]] = points;
  for (const [style, wide] of [["rgba(0,0,0,.7)", 6], ["#56b4e9", 2.5]]) {
    context.strokeStyle = style;
    context.lineWidth = wide;
    context.beginPath();
    context.moveTo(ax, ay);
    context.lineTo(bx, by);
    context.stroke();
  }
  for (const [x, y] of points) {
    context.beginPath();
    context.arc(x, y, 7, 0, 2 * Math.PI);
    context.fillStyle = "rgba(86, 180, 233, 0.35)";
    context.fill();
    context.strokeStyle = "#ffffff";
    context.lineWidth = 1.8;
    context.stroke();
    context.beginPath();
    context.moveTo(x - 4, y);
    context.lineTo(x + 4, y);
    context.moveTo(x, y - 4);
    context.lineTo(x, y + 4);
    context.lineWidth = 1;
    context.stroke();
  }
  if (label) {
    context.font = "600 12px system-ui, sans-serif";
    const wide = context.measureText(label).width;
    const x = (ax + bx) / 2 - wide / 2, y = Math.min(ay, by) - 16;
    context.fillStyle = "rgba(0,0,0,.78)";
    context.beginPath();
    context.roundRect(x - 6, y - 13, wide + 12, 19, 4);
    context.fill();
    context.fillStyle = "#9fd8f7";
    context.fillText(label, x, y + 1);
  }
}
