// The canvas of the outlines. It is drawn once, a margin wider than the window on each side. While the picture is moved, the canvas is
// moved with it; where its end is reached, what is drawn is shifted and only the strip that comes new is drawn; while the picture is
// zoomed, it is scaled. After an edit only the boxes that it touched are drawn anew. What stands there is always what drawing all of
// it anew would give, but while the picture is being zoomed.

import { Camera } from "./tiles.js";
import { drawOutlines, reaching } from "./painter.js";

const MARGIN = 0.25; // of the window, on each side
const MOST_WITH_HALO = 700;
const QUICK_POINTS = 4000; // so few are drawn at every frame of a zoom
const MOST_BOXES = 60; // beyond that, drawing all is quicker
const PATIENCE_MS = 250; // between two drawings of more than that, while zooming
const BEYOND = { outline: 6, number: 36 }; // px of the window that these reach beyond a particle's box

export class OutlineLayer {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.drawn = null; // {at: the camera of the canvas, what, plain, halo, colouring, points, when}
  }

  resize(width, height, ratio) {
    const { canvas } = this;
    this.ratio = ratio;
    this.window = [width, height];
    this.margin = [Math.ceil(MARGIN * width), Math.ceil(MARGIN * height)];
    this.size = [width + 2 * this.margin[0], height + 2 * this.margin[1]];
    canvas.width = Math.round(this.size[0] * ratio);
    canvas.height = Math.round(this.size[1] * ratio);
    Object.assign(canvas.style, { left: `${-this.margin[0]}px`, top: `${-this.margin[1]}px`, width: `${this.size[0]}px`, height: `${this.size[1]}px` });
    this.drawn = null;
  }

  // All of it. what: {bench, by, look, found}, no bench for nothing; plain: without what takes time, for a frame of a zoom.
  draw(camera, what, plain) {
    const at = new Camera(), [mx, my] = this.margin;
    Object.assign(at, { zoom: camera.zoom, x: camera.x - mx / camera.zoom, y: camera.y - my / camera.zoom });
    const seen = what.bench ? reaching(what.bench, at, [0, 0, ...this.size], 0) : [];
    this.drawn = { at, what, plain, halo: !plain && seen.length <= MOST_WITH_HALO, colouring: what.bench?.colouring(what.by), points: 0 };
    this.drawn.points = this.paint([[0, 0, this.canvas.width, this.canvas.height]], seen);
    this.drawn.when = performance.now();
    this.place(1, 0, 0);
  }

  // The picture was moved: true where that is shown now, false where all has to be drawn.
  follow(camera, moving) {
    const d = this.drawn;
    if (!d || (d.plain && !moving)) return false;
    const k = camera.zoom / d.at.zoom;
    const x = (d.at.x - camera.x) * camera.zoom + this.margin[0], y = (d.at.y - camera.y) * camera.zoom + this.margin[1];
    if (k !== 1) {
      if (!moving || d.points <= QUICK_POINTS) return false;
      const bare = x > this.margin[0] + 2 || y > this.margin[1] + 2 || x + this.size[0] * k < this.window[0] + this.margin[0] - 2 || y + this.size[1] * k < this.window[1] + this.margin[1] - 2;
      if ((bare || k > 2 || k < 0.5) && performance.now() - d.when > PATIENCE_MS) return false;
      this.place(k, x, y);
      return true;
    }
    const dx = Math.round(x * this.ratio), dy = Math.round(y * this.ratio); // whole pixels, so that nothing blurs
    if (moving && Math.abs(x) <= this.margin[0] && Math.abs(y) <= this.margin[1]) this.place(1, dx / this.ratio, dy / this.ratio);
    else {
      if (!this.shift(dx, dy)) return false;
      this.place(1, 0, 0);
    }
    return true;
  }

  // Particles were changed within boxes of the picture, [x0, y0, x1, y1]: true where that is shown now.
  mend(boxes) {
    const d = this.drawn;
    if (!d || d.plain || boxes.length > MOST_BOXES || d.what.bench?.colouring(d.what.by) !== d.colouring) return false;
    const { at, what } = d, pad = this.beyond() + 1, { width, height } = this.canvas;
    const there = boxes.map(([x0, y0, x1, y1]) => {
      const [a, b] = at.toScreen(x0, y0), [c, e] = at.toScreen(x1, y1);
      return [Math.max(0, Math.floor((a - pad) * this.ratio)), Math.max(0, Math.floor((b - pad) * this.ratio)),
        Math.min(width, Math.ceil((c + pad) * this.ratio)), Math.min(height, Math.ceil((e + pad) * this.ratio))];
    }).filter(([a, b, c, e]) => a < c && b < e);
    return !what.bench || this.repaint(there);
  }

  beyond() { return this.drawn.what.look.numbers ? BEYOND.number : BEYOND.outline; }

  shift(dx, dy) {
    const { canvas, context: c, drawn: d } = this, { width, height } = canvas;
    if (!dx && !dy) return true;
    if (Math.abs(dx) >= width || Math.abs(dy) >= height) return false;
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.globalCompositeOperation = "copy";
    c.drawImage(canvas, dx, dy);
    c.globalCompositeOperation = "source-over";
    d.at.x -= dx / this.ratio / d.at.zoom;
    d.at.y -= dy / this.ratio / d.at.zoom;
    const strips = [];
    if (dx) strips.push(dx > 0 ? [0, 0, dx, height] : [width + dx, 0, width, height]);
    if (dy) strips.push(dy > 0 ? [0, 0, width, dy] : [0, height + dy, width, height]);
    return this.repaint(strips);
  }

  // Boxes of the canvas drawn anew; false where that would not look like the rest.
  repaint(boxes) {
    const { at, what, plain, halo } = this.drawn;
    if (!what.bench || !boxes.length) return true;
    const seen = reaching(what.bench, at, [0, 0, ...this.size], 0);
    if (!plain && halo !== seen.length <= MOST_WITH_HALO) return false;
    const some = new Set(boxes.flatMap((b) => reaching(what.bench, at, b.map((v) => v / this.ratio), this.beyond())));
    this.paint(boxes, [...what.bench.particles.values()].filter((p) => some.has(p))); // the order decides which lies on top
    return true;
  }

  paint(boxes, particles) {
    const { context: c, drawn: d } = this;
    c.save();
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.beginPath();
    for (const [a, b, x, y] of boxes) {
      c.rect(a, b, x - a, y - b);
      c.clearRect(a, b, x - a, y - b);
    }
    c.clip();
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    const points = d.what.bench ? drawOutlines(c, d.what.bench, particles, d.at, d) : 0;
    c.restore();
    return points;
  }

  place(k, x, y) { this.canvas.style.transform = k === 1 && !x && !y ? "none" : `matrix(${k}, 0, 0, ${k}, ${x}, ${y})`; }
}
